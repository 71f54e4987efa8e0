/**
 * The times at which an endpoint is asked more or less: quarter hours of the day, a factor for the hours of the week, and
 * jobs at the same minute of each hour. Bins of few requests lean on their neighbours and on the mean.
 */
import type { RateForecast } from '../model/endpoint-forecast.ts';
import {
  DAY_BIN_MINUTES,
  DAY_BINS,
  ROW,
  SURGE_WIDTH,
  SURGES,
  WEEK_BIN_MINUTES,
  WEEK_BINS,
} from '../model/endpoint-row.ts';

/** Requests by which a bin is drawn to what is known without it; a bin's requests count double, for two visits. */
const PRIOR_REQUESTS = 20;
const VISITS = 2;
/** A bin learns from a visit by this share: of the visits, four back count a fifth. */
const GAIN = 0.33;
/** Bins on each side that a bin of few requests leans on: an hour. */
const NEIGHBOURS = 4;
/** An hourly job learns quickly, and is no excuse for more than this. */
const JOB_GAIN = 0.35;
const JOB_LN_MAX = Math.log(2.5);
const NOISE_SIGMAS = 2;
const DAY_MINUTES = 1440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** Minutes are counted from a Wednesday. */
const FRIDAY_NOON = 2.5 * DAY_MINUTES;
/** A surge longer than this is no job; one is remembered for eight days, for weekly ones. */
const SURGE_MINUTES_MAX = 90;
const SURGE_MINUTES_KEPT = 8 * DAY_MINUTES;
/** Jobs come a few minutes earlier or later, and a little larger. */
const SURGE_EDGE_MINUTES = 5;
const SURGE_MARGIN = 1.15;

/** Requests a minute at a time of day; NaN: not seen. */
export function dayAt(row: Float32Array, minute: number): number {
  const bin = Math.floor(minute / DAY_BIN_MINUTES);
  if (row[ROW.rateDay + (bin % DAY_BINS)]! < 0) return Number.NaN;
  const around = aroundOf(row, bin);
  const past = minute / DAY_BIN_MINUTES - bin - 0.5;
  const here = binOf(row, bin, around);
  const other = binOf(row, past < 0 ? bin - 1 : bin + 1, around);
  return here + Math.abs(past) * (other - here);
}

/**
 * Of its quarter hour and the neighbours: a job's edge may lie a few minutes off, and a job that lies half in one and
 * half in the next is as high as both have more than what is around them.
 */
export function dayRangeAt(
  row: Float32Array,
  minute: number,
): { readonly high: number; readonly low: number } {
  const bin = Math.floor(minute / DAY_BIN_MINUTES);
  const around = aroundOf(row, bin);
  const earlier = binOf(row, bin - 2, around);
  const before = binOf(row, bin - 1, around);
  const here = binOf(row, bin, around);
  const after = binOf(row, bin + 1, around);
  const later = binOf(row, bin + 2, around);
  const first = joined([before, here], Math.max(earlier, after));
  const second = joined([here, after], Math.max(before, later));
  return {
    high: Math.max(before, here, after, first, second),
    low: Math.min(before, here, after),
  };
}

function joined(bins: readonly [number, number], base: number): number {
  return base + Math.max(0, bins[0] - base) + Math.max(0, bins[1] - base);
}

/** From Friday noon to Monday noon UTC, when it is the weekend somewhere. */
export function isWeekend(minute: number): boolean {
  const past = minute % WEEK_MINUTES;
  return FRIDAY_NOON <= past && past < FRIDAY_NOON + 3 * DAY_MINUTES;
}

/** Of the hour over the day's shape; NaN: not seen. */
export function weekFactorAt(row: Float32Array, minute: number): number {
  const position = minute / WEEK_BIN_MINUTES - 0.5;
  const below = Math.floor(position);
  const left = row[ROW.rateWeek + (below % WEEK_BINS)]!;
  const right = row[ROW.rateWeek + ((below + 1) % WEEK_BINS)]!;
  if (left < 0 || right < 0) return Number.NaN;
  const own = WEEK_BIN_MINUTES * row[ROW.rateMean]!;
  return drawn(left + (position - below) * (right - left), { to: 1, requests: own });
}

/** What jobs may bring at this minute, as a factor: hourly ones, and a surge that was there at this time of day. */
export function jobFactorAt(row: Float32Array, minute: number): number {
  let most = row[ROW.rateJobs + (minute % 60)]!;
  for (let index = 0; index < SURGES; index++) {
    const at = ROW.rateSurges + index * SURGE_WIDTH;
    const first = row[at]!;
    if (first === 0 || minute - first > SURGE_MINUTES_KEPT) continue;
    const past = (minute - first + SURGE_EDGE_MINUTES) % DAY_MINUTES;
    if (past < row[at + 1]! + 2 * SURGE_EDGE_MINUTES) most = Math.max(most, row[at + 2]!);
  }
  return Math.exp(most);
}

/** A surge that ended by itself may be a job: at the same time of the next days it is no evidence, up to its size. */
export function rememberSurge(
  row: Float32Array,
  surge: { readonly firstMinute: number; readonly minutes: number; readonly factor: number },
): void {
  if (surge.minutes > SURGE_MINUTES_MAX) return;
  let oldest = ROW.rateSurges;
  for (let index = 1; index < SURGES; index++) {
    const at = ROW.rateSurges + index * SURGE_WIDTH;
    if (row[at]! < row[oldest]!) oldest = at;
  }
  row[oldest] = surge.firstMinute;
  row[oldest + 1] = surge.minutes;
  row[oldest + 2] = Math.min(Math.log(SURGE_MARGIN * Math.max(1, surge.factor)), JOB_LN_MAX);
}

/** What comes at the same minute of each hour beyond noise is a job, and no evidence next time. */
export function learnJobs(
  row: Float32Array,
  minute: number,
  { count, forecast }: { readonly count: number; readonly forecast: RateForecast },
): void {
  const { expected, dispersion } = forecast;
  const noise = NOISE_SIGMAS * Math.sqrt(1 / (expected + 1) + dispersion);
  const beyond = Math.log((count + 1) / (expected + 1)) - noise;
  const at = ROW.rateJobs + (minute % 60);
  row[at]! += JOB_GAIN * (Math.min(Math.max(beyond, 0), JOB_LN_MAX) - row[at]!);
}

/** Adds a minute to the bins under way; `shape`: what the days' shape says of it, NaN when it says nothing. */
export function learnSeason(
  row: Float32Array,
  {
    count,
    weight,
    shape,
  }: { readonly count: number; readonly weight: number; readonly shape: number },
): void {
  row[ROW.rateDaySum]! += weight * count;
  row[ROW.rateDayMinutes]! += weight;
  if (Number.isNaN(shape)) return;
  row[ROW.rateWeekSum]! += weight * count;
  row[ROW.rateWeekShape]! += weight * shape;
  row[ROW.rateWeekMinutes]! += weight;
}

/** When a bin ends, the season takes it in. */
export function closeBins(row: Float32Array, minute: number): void {
  const dayBin = Math.floor(minute / DAY_BIN_MINUTES);
  if (dayBin !== row[ROW.rateDayBin]) {
    if (row[ROW.rateDayMinutes]! >= DAY_BIN_MINUTES / 3) {
      takeIn(row, {
        at: ROW.rateDay + (row[ROW.rateDayBin]! % DAY_BINS),
        seen: row[ROW.rateDaySum]! / row[ROW.rateDayMinutes]!,
      });
    }
    row[ROW.rateDayBin] = dayBin;
    row[ROW.rateDaySum] = 0;
    row[ROW.rateDayMinutes] = 0;
  }
  const weekBin = Math.floor(minute / WEEK_BIN_MINUTES);
  if (weekBin !== row[ROW.rateWeekBin]) {
    if (row[ROW.rateWeekMinutes]! >= WEEK_BIN_MINUTES / 3 && row[ROW.rateWeekShape]! > 0) {
      takeIn(row, {
        at: ROW.rateWeek + (row[ROW.rateWeekBin]! % WEEK_BINS),
        seen: row[ROW.rateWeekSum]! / row[ROW.rateWeekShape]!,
      });
    }
    row[ROW.rateWeekBin] = weekBin;
    row[ROW.rateWeekSum] = 0;
    row[ROW.rateWeekShape] = 0;
    row[ROW.rateWeekMinutes] = 0;
  }
}

function takeIn(
  row: Float32Array,
  { at, seen }: { readonly at: number; readonly seen: number },
): void {
  const known = row[at]!;
  row[at] = known < 0 ? seen : known + GAIN * (seen - known);
}

/** Mean of the seen bins within an hour, drawn to the mean of all. */
function aroundOf(row: Float32Array, bin: number): number {
  let sum = 0;
  let bins = 0;
  for (let near = bin - NEIGHBOURS; near <= bin + NEIGHBOURS; near++) {
    const value = row[ROW.rateDay + (near % DAY_BINS)]!;
    if (value < 0) continue;
    sum += value;
    bins++;
  }
  const mean = row[ROW.rateMean]!;
  return drawn(sum / bins, { to: mean, requests: bins * DAY_BIN_MINUTES * mean });
}

/** A bin drawn to what is around it; one that was not seen is what is around it. */
function binOf(row: Float32Array, bin: number, around: number): number {
  const value = row[ROW.rateDay + (bin % DAY_BINS)]!;
  if (value < 0) return around;
  return drawn(value, { to: around, requests: DAY_BIN_MINUTES * row[ROW.rateMean]! }) + 1e-6;
}

function drawn(
  value: number,
  { to, requests }: { readonly to: number; readonly requests: number },
): number {
  const own = VISITS * requests;
  return (value * own + to * PRIOR_REQUESTS) / (own + PRIOR_REQUESTS);
}
