/**
 * Saturation: a level on its way to its known limit, near enough and sure enough that somebody should look now; or there
 * already, where it has never been. The forecast is a straight line through low points, with an interval.
 */
import { deviationLlr } from '../base/statistics.ts';
import { isGradual, trendOf } from './drift-trend.ts';

/** Low points of one period after the other; the newest last, NaN where there is none. */
export interface LowLine {
  readonly minima: Float32Array;
  readonly periodMinutes: number;
  /** The highest of them in the days before; NaN when nothing is known. */
  readonly usualPeak: number;
}

/** What is known of the level of a series. */
export interface Fill {
  /** Of five minutes, then of hours: for sawteeth that take longer than five minutes. */
  readonly lines: readonly [LowLine, LowLine];
  readonly hoursKnown: number;
  /** How far low points usually move in an hour, besides a steady growth; NaN when not known. */
  readonly hourNoise: number;
}

export interface Saturation {
  readonly level: number;
  /** Until the limit, by the slope and by its interval; 0 when it is reached. */
  readonly hoursLeft: number;
  readonly hoursLeftMin: number;
  readonly hoursLeftMax: number;
  /** Minutes that the forecast stands on. */
  readonly minutes: number;
  readonly score: number;
}

/** Later than this is not urgent: drift says it. */
const HOURS_LEFT_MAX = 4;
/** Windows of periods; a line is drawn on no further than so many times its length. */
const WINDOWS = [6, 12, 24] as const;
const EXTRAPOLATION_MAX = 4;
const Z_MIN = 2.2;
/** Below this share of the limit it is not filling up but starting up. */
const SHARE_MIN = 0.5;
/** Above what the days before have seen by this share of the limit. */
const MARGIN_SHARE = 0.05;
/** Until a day is known, a rise may be the day's own shape: only what ends within an hour, and from up there, counts. */
const HOURS_KNOWN_MIN = 24;
const FIRST_DAY_HOURS_LEFT_MAX = 1;
const FIRST_DAY_SHARE_MIN = 0.8;
/** Times what chance takes a random walk of the usual steps. */
const WALK_SIGMAS_MIN = 5;
/** At the limit: within a hundredth of it; and never before above nine tenths. */
const REACHED_SHARE = 0.99;
const NEVER_SHARE = 0.9;
/** Noise of a level that has shown none, as a share of its limit. */
const NOISE_SHARE_MIN = 0.02;
const DEGREES_OF_FREEDOM = 4;

/** Called every five minutes. One finding is not enough: the caller asks for two in a row. */
export function findSaturation(fill: Fill, limit: number): Saturation | undefined {
  return (
    reached(fill, limit) ??
    filling(fill, fill.lines[0], limit) ??
    filling(fill, fill.lines[1], limit)
  );
}

/** Does a level still go to its limit, or has it turned? Milder than finding it, so that an anomaly does not flutter. */
export function isStillFilling(fill: Fill, limit: number): boolean {
  return fill.lines.some(({ minima, periodMinutes }) => {
    const level = minima.at(-1) ?? Number.NaN;
    if (Number.isNaN(level) || level >= REACHED_SHARE * limit) return true;
    const trend = trendOf(minima.subarray(minima.length - 2 * WINDOWS[0]));
    if (!trend) return false;
    const hoursLeft = ((limit - level) / trend.slope) * (periodMinutes / 60);
    return trend.slope > 0 && hoursLeft < 2 * HOURS_LEFT_MAX;
  });
}

function filling(fill: Fill, line: LowLine, limit: number): Saturation | undefined {
  const level = line.minima.at(-1) ?? Number.NaN;
  const isFirstDay = fill.hoursKnown < HOURS_KNOWN_MIN;
  const isHigh = isFirstDay
    ? level >= FIRST_DAY_SHARE_MIN * limit
    : level >= Math.max(SHARE_MIN * limit, line.usualPeak + MARGIN_SHARE * limit);
  if (!isHigh) return undefined;
  const hoursMax = isFirstDay ? FIRST_DAY_HOURS_LEFT_MAX : HOURS_LEFT_MAX;
  for (const size of WINDOWS) {
    const found = forecast(line, { size, left: limit - level, hoursMax, noise: fill.hourNoise });
    if (found) return { ...found, level };
  }
  return undefined;
}

function forecast(
  { minima, periodMinutes }: LowLine,
  wanted: {
    readonly size: number;
    readonly left: number;
    readonly hoursMax: number;
    readonly noise: number;
  },
): Omit<Saturation, 'level'> | undefined {
  const { size, left } = wanted;
  const window = minima.subarray(minima.length - size);
  const hours = ((size - 1) * periodMinutes) / 60;
  const hoursMax = Math.min(wanted.hoursMax, EXTRAPOLATION_MAX * hours);
  // Cheap first: what did not come far enough towards the limit needs no statistics.
  if (!(window.at(-1)! - window[0]! >= (left * hours) / hoursMax)) return undefined;
  const trend = trendOf(window);
  if (!trend || trend.z < Z_MIN || !(trend.slopeLow > 0) || !isGradual(window)) return undefined;
  const hoursAt = (slope: number) => (left / slope) * (periodMinutes / 60);
  const hoursLeftMax = hoursAt(trend.slopeLow);
  if (hoursLeftMax > hoursMax) return undefined;
  const chance = wanted.noise * Math.sqrt(hours);
  if (trend.rise < WALK_SIGMAS_MIN * chance) return undefined; // NaN: nothing known, nothing refuted
  return {
    hoursLeft: hoursAt(trend.slope),
    hoursLeftMin: hoursAt(trend.slopeHigh),
    hoursLeftMax,
    minutes: size * periodMinutes,
    score: deviationLlr(trend.rise / (chance > 0 ? chance : trend.rise / 10), DEGREES_OF_FREEDOM),
  };
}

function reached(fill: Fill, limit: number): Saturation | undefined {
  const { minima, usualPeak, periodMinutes } = fill.lines[0];
  const level = minima.at(-1) ?? Number.NaN;
  if (!(level >= REACHED_SHARE * limit) || fill.hoursKnown < HOURS_KNOWN_MIN) return undefined;
  if (!(usualPeak < NEVER_SHARE * limit)) return undefined;
  const noise = Math.max(fill.hourNoise || 0, NOISE_SHARE_MIN * limit);
  const score = deviationLlr((level - usualPeak) / noise, DEGREES_OF_FREEDOM);
  return { level, hoursLeft: 0, hoursLeftMin: 0, hoursLeftMax: 0, minutes: periodMinutes, score };
}
