/**
 * Requests a minute of an endpoint: three predictors (recent level; level × time of day; level × hour of week) that are
 * mixed by their own recent errors, and the noise around the mixture at 1, 4 and 16 minutes.
 */
import type { RateForecast } from '../model/endpoint-forecast.ts';
import { DAY_BINS, RATE_EXPERTS, ROW, WEEK_BINS } from '../model/endpoint-row.ts';
import {
  closeBins,
  dayAt,
  dayRangeAt,
  isWeekend,
  jobFactorAt,
  learnJobs,
  learnSeason,
  weekFactorAt,
} from './endpoint-season.ts';

/** A level stands on so many minutes … */
const HORIZON_MINUTES = [20, 45, 45] as const;
/** … or on so many requests when these take longer … */
const HORIZON_REQUESTS = 40;
/** … but no longer than this: without a season the level must follow the day. */
const HORIZON_MINUTES_MAX = [240, 1440, 1440] as const;
/** Requests by which a level is drawn to the long mean, or to the season as it was. */
const LEVEL_PRIOR_REQUESTS = 2;
const MEAN_MINUTES = 1440;
const SLOWER = 3;
/** Requests from which a trend is to be believed by half. */
const TREND_REQUESTS = 100;
/** The trend moves the recent level by no more than this, ln. */
const TREND_MAX = 0.3;
/** A minute of so many times the expected requests is all that a season takes of it. */
const SEASON_FACTOR_MAX = 3;
/** Until a weekend was seen: most people's are quieter. */
const FIRST_WEEKEND_LOW = 0.75;
/** Nobody can know of a job, or the end of one, at a time of day that was never seen. */
const UNKNOWN_HIGH = 1.55;
const UNKNOWN_LOW = 0.85;
/** A level that stood still under suspicion would make an alarm of every slope that it missed the beginning of. */
const SUSPECT_TRUST = 0.6;
/** The first minutes of a new endpoint, or after a lasting change, are believed whatever they are. */
const START_MINUTES = 15;
/** No request for so long: it is switched off. */
const OFF_MINUTES = 60;
/** Squares of predictors are a mean of so many blocks of 16 minutes. */
const EXPERT_BLOCKS = 16;
/** Below 5 % predictors are equally good. */
const EXPERT_SQUARE_MIN = 0.0025;
/** Memory of the noise: two days. */
const NOISE_MINUTES = 2880;
const BLOCKS = [1, 4, 16] as const;
/** Until known: 14 % a minute, 10 % a block; counts as so many blocks. */
const NOISE_PRIOR = [0.02, 0.01, 0.01] as const;
const NOISE_PRIOR_BLOCKS = [30, 10, 6] as const;
/** A square counts at most as that of 4 standard deviations: one odd minute must not blind the watch. */
const SQUARE_MAX = 16;
/** Nobody's rate is known better than this, or worse. */
const WANDER_MIN = 0.03;
const WANDER_MAX = 0.6;

export function newRateForecast(): RateForecast {
  return {
    expected: 0,
    dispersion: 0,
    wander: 0,
    highFactor: 1,
    lowFactor: 1,
    shapes: new Float64Array(RATE_EXPERTS),
    means: new Float64Array(RATE_EXPERTS),
  };
}

export function startRate(row: Float32Array, minute: number): void {
  row[ROW.rateSince] = minute;
  row.fill(-1, ROW.rateDay, ROW.rateDay + DAY_BINS);
  row.fill(-1, ROW.rateWeek, ROW.rateWeek + WEEK_BINS);
  row.fill(0.01, ROW.rateSquare, ROW.rateSquare + RATE_EXPERTS);
}

export function predictRate(row: Float32Array, minute: number, forecast: RateForecast): void {
  const { shapes, means } = forecast;
  readShapes(row, minute, forecast);
  const mean = Math.max(row[ROW.rateMean]!, 1e-4);
  let weights = 0;
  let logs = 0;
  let fewness = 0;
  for (let expert = 0; expert < RATE_EXPERTS; expert++) {
    const shape = shapes[expert]!;
    means[expert] = Number.NaN;
    if (Number.isNaN(shape)) continue;
    const observed = row[ROW.rateObserved + expert]!;
    const usual = expert === 0 ? mean : 1;
    const level =
      (observed + LEVEL_PRIOR_REQUESTS) /
      (row[ROW.rateShape + expert]! + LEVEL_PRIOR_REQUESTS / usual);
    means[expert] = shape * level * (expert === 0 ? trendOf(row) : 1);
    const weight = (row[ROW.rateSquare + expert]! + EXPERT_SQUARE_MIN) ** -2;
    weights += weight;
    logs += weight * Math.log(means[expert]!);
    fewness += weight / (observed + 2 * LEVEL_PRIOR_REQUESTS);
  }
  forecast.expected = Math.exp(logs / weights);
  widen(row, minute, forecast);
  const minuteNoise = noiseOf(row, 0, forecast.expected);
  forecast.dispersion = Math.max(minuteNoise, BLOCKS[1] * noiseOf(row, 1, forecast.expected));
  const slow = Math.max(noiseOf(row, 2, forecast.expected), WANDER_MIN ** 2);
  forecast.wander = Math.min(Math.sqrt(slow + fewness / weights), WANDER_MAX);
}

/** Takes in the minute that was predicted; weight 0–1: how far it is to be believed. */
export function learnRate(
  row: Float32Array,
  minute: number,
  seen: {
    readonly count: number;
    readonly weight: number;
    /** What comes beyond the usual may come in each hour; false: it has lasted for an hour, or is nobody's habit. */
    readonly mayBeJob: boolean;
    readonly forecast: RateForecast;
  },
): void {
  const { forecast } = seen;
  const weight = seen.weight > 0 ? Math.max(seen.weight, SUSPECT_TRUST) : 0;
  const mean = forecast.expected;
  const variance = mean + forecast.dispersion * mean * mean + 1;
  const isNew = minutesKnown(row, minute) < START_MINUTES;
  const reach = isNew ? Number.POSITIVE_INFINITY : 4 * Math.sqrt(variance);
  const count = Math.min(Math.max(seen.count, mean - reach), mean + reach);
  closeBins(row, minute);
  if (!isNew && seen.mayBeJob) learnJobs(row, minute, { count: seen.count, forecast });
  if (weight <= 0) {
    row.fill(0, ROW.rateBlockObserved, ROW.rateBlockMinutes + 2);
    return;
  }
  learnNoise(row, { count, forecast });
  learnLevels(row, { count, weight, shapes: forecast.shapes });
  const age = Math.min(row[ROW.learnedMinutes]! + 1, MEAN_MINUTES);
  row[ROW.rateMean]! += (weight * (count - row[ROW.rateMean]!)) / age;
  // What comes each day may be far from what was expected; a single minute is one of fifteen.
  const seasonal = Math.min(seen.count, SEASON_FACTOR_MAX * mean + reach);
  learnSeason(row, { count: seasonal, weight, shape: forecast.shapes[1]! });
}

/** Minutes since its traffic is known; below 0 while none is expected. */
export function minutesKnown(row: Float32Array, minute: number): number {
  return minute - row[ROW.rateSince]!;
}

/**
 * The rate has changed for good: its levels are learned anew. When nothing came in the last hour, nothing is missed
 * until something comes: what was switched off would be told of every day otherwise.
 */
export function acceptRate(row: Float32Array, minute: number): void {
  const isOff = minute - row[ROW.lastTrafficMinute]! >= OFF_MINUTES;
  learnAnew(row, isOff ? Number.POSITIVE_INFINITY : minute);
}

/** Something comes of which nothing was expected: its traffic is learned as that of a new one. */
export function wakeRate(row: Float32Array, minute: number): void {
  if (row[ROW.rateSince] === Number.POSITIVE_INFINITY) learnAnew(row, minute);
}

/** The rate is about to change: the levels are known less, the seasons' shapes are. */
export function loosenRate(row: Float32Array, requestsMax: number): void {
  for (let expert = 0; expert < RATE_EXPERTS; expert++) {
    const observed = row[ROW.rateObserved + expert]!;
    if (observed <= requestsMax) continue;
    row[ROW.rateShape + expert]! *= requestsMax / observed;
    row[ROW.rateObserved + expert] = requestsMax;
  }
}

/** After minutes nobody watched, levels are known less. */
export function skipRate(row: Float32Array, gapMinutes: number): void {
  row.fill(0, ROW.rateBlockObserved, ROW.rateBlockMinutes + 2);
  for (let expert = 0; expert < RATE_EXPERTS; expert++) {
    const keep = Math.exp(-gapMinutes / horizonOf(row, expert));
    row[ROW.rateObserved + expert]! *= keep;
    row[ROW.rateShape + expert]! *= keep;
  }
}

function learnAnew(row: Float32Array, since: number): void {
  row[ROW.rateSince] = since;
  row.fill(0, ROW.rateObserved, ROW.rateObserved + RATE_EXPERTS);
  row.fill(0, ROW.rateShape, ROW.rateShape + RATE_EXPERTS);
}

/** Requests a minute over thrice the horizon of the recent level. */
function slowLevelOf(row: Float32Array): number {
  return (row[ROW.rateSlowObserved]! + LEVEL_PRIOR_REQUESTS) / (row[ROW.rateSlowMinutes]! + 1e-3);
}

/** What each predictor says of this minute, before its level. */
function readShapes(row: Float32Array, minute: number, { shapes }: RateForecast): void {
  shapes[0] = 1;
  shapes[1] = dayAt(row, minute);
  shapes[2] = shapes[1]! * weekFactorAt(row, minute);
}

/** Predictors that disagree, and the neighbouring quarter hours, make the usual wider; so do jobs. */
function widen(row: Float32Array, minute: number, forecast: RateForecast): void {
  const { expected, means, shapes } = forecast;
  const { high, low } = dayRangeAt(row, minute);
  let most = expected;
  let least = expected;
  for (let expert = 1; expert < RATE_EXPERTS; expert++) {
    const mean = means[expert]!;
    if (Number.isNaN(mean)) continue;
    most = Math.max(most, (mean * high) / shapes[1]!);
    least = Math.min(least, (mean * low) / shapes[1]!);
  }
  const isUnknown = Number.isNaN(shapes[1]!);
  const jobs = jobFactorAt(row, minute);
  if (!isUnknown) {
    forecast.highFactor = Math.max(most / expected, jobs);
    const isFirstWeekend = Number.isNaN(shapes[2]!) && isWeekend(minute);
    forecast.lowFactor = (least / expected) * (isFirstWeekend ? FIRST_WEEKEND_LOW : 1);
    return;
  }
  forecast.highFactor = Math.max(UNKNOWN_HIGH, jobs);
  // After a job the level falls back to what it was before: the last hour knows it.
  forecast.lowFactor = UNKNOWN_LOW * Math.min(1, slowLevelOf(row) / expected);
}

/** Dispersion at a block length: excess variance over Poisson as a share of the squared mean, by moments. */
function noiseOf(row: Float32Array, scale: number, mean: number): number {
  const block = BLOCKS[scale]! * mean;
  const priorWeight = NOISE_PRIOR_BLOCKS[scale]! * block * block;
  const excess = row[ROW.rateExcess + scale]! + NOISE_PRIOR[scale]! * priorWeight;
  return Math.max(0, excess / (row[ROW.rateWeight + scale]! + priorWeight));
}

function learnNoise(
  row: Float32Array,
  { count, forecast }: { readonly count: number; readonly forecast: RateForecast },
): void {
  const mean = forecast.expected;
  addNoise(row, { scale: 0, observed: count, expected: mean });
  for (let scale = 1; scale < BLOCKS.length; scale++) {
    const at = scale - 1;
    row[ROW.rateBlockObserved + at]! += count;
    row[ROW.rateBlockExpected + at]! += mean;
    row[ROW.rateBlockMinutes + at]! += 1;
    if (scale === 2) {
      for (let expert = 0; expert < RATE_EXPERTS; expert++) {
        row[ROW.rateBlockExperts + expert]! += forecast.means[expert]!;
      }
    }
    if (row[ROW.rateBlockMinutes + at]! < BLOCKS[scale]!) continue;
    const observed = row[ROW.rateBlockObserved + at]!;
    addNoise(row, { scale, observed, expected: row[ROW.rateBlockExpected + at]! });
    if (scale === 2) judgeExperts(row, observed);
    row[ROW.rateBlockObserved + at] = 0;
    row[ROW.rateBlockExpected + at] = 0;
    row[ROW.rateBlockMinutes + at] = 0;
  }
}

function addNoise(
  row: Float32Array,
  block: { readonly scale: number; readonly observed: number; readonly expected: number },
): void {
  const { scale, observed, expected } = block;
  const keep = 1 - BLOCKS[scale]! / NOISE_MINUTES;
  const noise = noiseOf(row, scale, expected / BLOCKS[scale]!);
  const variance = expected + noise * expected * expected;
  const square = Math.min((observed - expected) ** 2, SQUARE_MAX * variance);
  row[ROW.rateExcess + scale] = keep * row[ROW.rateExcess + scale]! + square - expected;
  row[ROW.rateWeight + scale] = keep * row[ROW.rateWeight + scale]! + expected * expected;
}

/** Mean square of ln(observed / predicted) over blocks of 16 minutes; a predictor that saw nothing yet is not judged. */
function judgeExperts(row: Float32Array, observed: number): void {
  for (let expert = 0; expert < RATE_EXPERTS; expert++) {
    const predicted = row[ROW.rateBlockExperts + expert]!;
    row[ROW.rateBlockExperts + expert] = 0;
    if (Number.isNaN(predicted)) continue;
    const error = Math.log((observed + 2) / (predicted + 2));
    const square = row[ROW.rateSquare + expert]!;
    row[ROW.rateSquare + expert] = square + (error * error - square) / EXPERT_BLOCKS;
  }
}

function horizonOf(row: Float32Array, expert: number): number {
  const mean = Math.max(row[ROW.rateMean]!, 1e-4);
  const wanted = Math.max(HORIZON_MINUTES[expert]!, HORIZON_REQUESTS / mean);
  return Math.min(wanted, HORIZON_MINUTES_MAX[expert]!);
}

function learnLevels(
  row: Float32Array,
  learned: { readonly count: number; readonly weight: number; readonly shapes: Float64Array },
): void {
  const { count, weight, shapes } = learned;
  for (let expert = 0; expert < RATE_EXPERTS; expert++) {
    const shape = shapes[expert]!;
    if (Number.isNaN(shape)) continue;
    const keep = 1 - weight / horizonOf(row, expert);
    row[ROW.rateObserved + expert] = keep * row[ROW.rateObserved + expert]! + weight * count;
    row[ROW.rateShape + expert] = keep * row[ROW.rateShape + expert]! + weight * shape;
  }
  const keep = 1 - weight / (SLOWER * horizonOf(row, 0));
  row[ROW.rateSlowObserved] = keep * row[ROW.rateSlowObserved]! + weight * count;
  row[ROW.rateSlowMinutes] = keep * row[ROW.rateSlowMinutes]! + weight;
}

/**
 * A level over 20 minutes lags 20 minutes behind a trend and one over 60 minutes 60: half of the distance between them
 * is what the nearer one lacks (double exponential smoothing, Brown 1959).
 */
function trendOf(row: Float32Array): number {
  const near = (row[ROW.rateObserved]! + LEVEL_PRIOR_REQUESTS) / (row[ROW.rateShape]! + 1e-3);
  const lack = Math.log(near / slowLevelOf(row)) / (SLOWER - 1);
  const trust = row[ROW.rateObserved]! / (row[ROW.rateObserved]! + TREND_REQUESTS);
  return Math.exp(Math.min(Math.max(trust * lack, -TREND_MAX), TREND_MAX));
}
