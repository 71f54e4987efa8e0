/**
 * Drift: the low points of a level creep up for hours to where they have not been before. What rises every morning comes
 * to where it was yesterday; what warms up slows down; what wanders goes as far as chance takes it. A leak does neither.
 */
import { deviationLlr } from '../base/statistics.ts';
import { isGradual, type Trend, trendOf } from './drift-trend.ts';

/** What is known of the low points of one series; the newest last, NaN where there is none. */
export interface LowPoints {
  readonly hours: Float32Array;
  readonly days: Float32Array;
  readonly hoursKnown: number;
  /** The highest one of an hour before the last n hours. */
  peakBefore(hours: number): number;
  /** How far they usually move in `lag` hours, by the days before the last n hours; undefined when that is not known. */
  moves(wanted: {
    readonly hours: number;
    readonly lag: number;
  }): { readonly mean: number; readonly deviation: number } | undefined;
  /** Taken and given back: growth from the first hour on is no excuse. */
  readonly isResource: boolean;
  /** Since an earlier drift ended; what was before is settled. */
  readonly hoursSinceClosed: number;
}

export interface Drift {
  /** Hours that it has lasted. */
  readonly hours: number;
  /** Found by the low points of days, not of hours. */
  readonly isOfDays: boolean;
  readonly from: number;
  readonly to: number;
  readonly perHour: number;
  /** The highest low point of the days before. */
  readonly usualPeak: number;
  readonly score: number;
}

/**
 * Windows of growth: a fast leak shows in the first, a slow one in the last. Hours of the day's rise must be known from
 * the day before; a window of a whole day rises by no daily season, however little is known before it.
 */
const WINDOWS = [
  { hours: 6, hoursKnownMin: 30 },
  { hours: 12, hoursKnownMin: 36 },
  { hours: 24, hoursKnownMin: 30 },
] as const;
/** Of 6 values, 13 of 15 pairs rise. */
const Z_MIN = 2.2;
/** Grown by this share of the level, and above all low points of the days before by half of it. */
const RISE_SHARE_MIN = 0.2;
const MARGIN_SHARE_MIN = 0.1;
/** Times what chance makes of the usual moves: 6 happens once in 10^9. */
const CHANCE_SIGMAS_MIN = 6;
/** Moves over six hours show whether low points wander, or only shake … */
const LAG_HOURS = 6;
/** … but two days hold few of them: at least what a walk of the hourly moves would give. What a process holds shakes. */
const WALK_SHARE_MIN = 1;
const WALK_SHARE_MIN_OF_RESOURCES = 0.5;
/** The second half grows by this share of the whole's pace: what warms up falls below. */
const LATE_PACE_MIN = 0.4;
/** Growth from day to day, too slow for hours. */
const DAYS_MIN = 7;
const DAY_SIGMAS_MIN = 6;
const DEGREES_OF_FREEDOM = 4;

/** `effectMin`: the least rise that matters, in the series' unit. Called when an hour has ended. */
export function findDrift(low: LowPoints, effectMin: number): Drift | undefined {
  for (const { hours, hoursKnownMin } of WINDOWS) {
    if (low.hoursKnown < hoursKnownMin || low.hoursSinceClosed < hours) continue;
    const found = driftOfHours(low, { hours, effectMin });
    if (found) return found;
  }
  return driftOfDays(low, effectMin);
}

function driftOfHours(
  low: LowPoints,
  { hours, effectMin }: { readonly hours: number; readonly effectMin: number },
): Drift | undefined {
  const window = low.hours.subarray(low.hours.length - hours);
  const from = window[0]!;
  const to = window[hours - 1]!;
  // Cheap first: of 50 000 series a few come further than this.
  const riseMin = Math.max(effectMin, RISE_SHARE_MIN * Math.abs(from));
  if (!(to - from >= riseMin)) return undefined;
  const usualPeak = low.peakBefore(hours);
  if (!(to - usualPeak >= Math.max(effectMin, MARGIN_SHARE_MIN * Math.abs(usualPeak)))) {
    return undefined;
  }
  const chance = chanceOf(low, hours);
  const trend = trendOf(window);
  if (!trend || trend.z < Z_MIN || !(trend.rise >= riseMin)) return undefined;
  if (!(trend.rise >= CHANCE_SIGMAS_MIN * chance) || !isSteady(window, trend)) return undefined;
  const score = deviationLlr(trend.rise / Math.max(chance, effectMin / 4), DEGREES_OF_FREEDOM);
  return { hours, isOfDays: false, from, to, perHour: trend.slope, usualPeak, score };
}

/** What the usual moves amount to in so many hours; NaN when they are not known. */
function chanceOf(low: LowPoints, hours: number): number {
  const [walk, wander] = [1, LAG_HOURS].map((lag) => {
    // too little before the window: the moves inside, which a steady growth leaves alone
    const moves = low.moves({ hours, lag }) ?? low.moves({ hours: 0, lag });
    if (!moves) return Number.NaN;
    // what has always grown grows on, unless it should give back what it takes
    const size = low.isResource ? moves.deviation : Math.hypot(moves.mean, moves.deviation);
    return size * Math.sqrt(hours / lag);
  }) as [number, number];
  return Math.max((low.isResource ? WALK_SHARE_MIN_OF_RESOURCES : WALK_SHARE_MIN) * walk, wander);
}

/** The low point of a day has no hour, so a daily season cannot look like this. */
function driftOfDays(low: LowPoints, effectMin: number): Drift | undefined {
  if (low.hoursSinceClosed < 24 * DAYS_MIN) return undefined;
  const window = low.days.subarray(low.days.length - DAYS_MIN);
  const from = window[0]!;
  const to = window[DAYS_MIN - 1]!;
  if (!(to - from >= Math.max(effectMin, RISE_SHARE_MIN * Math.abs(from)))) return undefined;
  const steps = Array.from({ length: DAYS_MIN - 1 }, (_, day) => window[day + 1]! - window[day]!);
  if (!steps.every((step) => step > 0)) return undefined;
  const mean = (to - from) / steps.length;
  const variance = steps.reduce((sum, step) => sum + (step - mean) ** 2, 0) / (steps.length - 1);
  const sigmas = mean / Math.sqrt(variance / steps.length + (0.01 * mean) ** 2);
  const trend = trendOf(window);
  if (!trend || sigmas < DAY_SIGMAS_MIN || !isSteady(window, trend)) return undefined;
  const hours = 24 * DAYS_MIN;
  const score = deviationLlr(sigmas, DEGREES_OF_FREEDOM);
  return { hours, isOfDays: true, from, to, perHour: mean / 24, usualPeak: from, score };
}

function isSteady(window: Float32Array, whole: Trend): boolean {
  if (!isGradual(window)) return false;
  const half = window.subarray(window.length >> 1);
  const late = (half.at(-1)! - half[0]!) / (half.length - 1);
  return late >= LATE_PACE_MIN * whole.slope;
}
