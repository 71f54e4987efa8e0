/**
 * Latency of an endpoint as a whole distribution: a level (Kalman filter on the log scale, with the time of day), the
 * shape around it, and for each of five ways in which latency may change the ln likelihood ratio of a single request
 * by its place in the shape. A minute's evidence is a sum over its requests, divided by how much minutes scatter more
 * than independent requests would.
 */
import type { LatencyMinute } from '../model/endpoint-forecast.ts';
import {
  BUCKETS_PER_BIN,
  LATENCY_BINS,
  LATENCY_BINS_BELOW,
  LATENCY_CHANGES,
  ROW,
} from '../model/endpoint-row.ts';
import type { LatencySketch } from '../model/tally.ts';
import { quantileOf } from '../tally/sketch.ts';
import { refreshLikelihoods } from './endpoint-shape.ts';

/** Requests further from the level than 1.5 octaves say no more about it. */
const REACH_BUCKETS = 24;
/** The level wanders by 0.17 % a minute: it follows an hour's trend where the noise of a minute is 10 %. */
const WANDER_PER_MINUTE = 0.0016;
/** Spread of requests until known: a factor of 1.6. */
const SPREAD_PRIOR = 118;
const SPREAD_MINUTES = 720;
/** Level of an endpoint that was never seen: its first minute, give or take an octave. */
const START_VARIANCE = 256;
/** A level that is about to change: a deploy moves it by some 15 %. */
const CHANGE_VARIANCE = 12;
/** Minutes scatter by 8 % until known. */
const NOISE_PRIOR = [0.03, 0.01] as const;
const NOISE_PRIOR_BLOCKS = [30, 10] as const;
const NOISE_MINUTES = 2880;
const SQUARE_MAX = 16;
const BLOCK_MINUTES = 4;
/** Means of 16 minutes wander by 5 % until known, and by 3 % at least. */
const SLOW_MINUTES = 16;
const SLOW_PRIOR = 1.3;
const SLOW_PRIOR_BLOCKS = 6;
const SLOW_MIN = 0.5;
/** Beyond 40 % the level would be known too badly to say anything. */
const SLOW_MAX = 64;
/** The shape is what the last three days' requests were; a minute counts as 200 requests at most. */
const SHAPE_MINUTES = 4320;
const SHAPE_REQUESTS_MAX = 200;
const SERVICE_REQUESTS_MAX = 20;
const SHAPE_REQUESTS_KEPT = 60;
/** The likelihood ratios are made anew so often; oftener while little is known. */
const REFRESH_MINUTES = 30;
const HOUR_GAIN = 0.33;
const DAY_MINUTES = 1440;

export function newLatencyMinute(): LatencyMinute {
  return {
    requests: 0,
    llr: new Float64Array(LATENCY_CHANGES),
    excess: new Float64Array(LATENCY_CHANGES),
    shift: 0,
    spread: 0,
    p50Us: Number.NaN,
    p95Us: Number.NaN,
    p99Us: Number.NaN,
  };
}

export function startLatency(row: Float32Array): void {
  row.fill(Number.NaN, ROW.latencyHour, ROW.latencyHour + 24);
  row[ROW.latencySpread] = SPREAD_PRIOR;
}

/** Moves the level with the time of day, and knows it less by the minutes passed. */
export function predictLatency(
  row: Float32Array,
  context: { readonly minute: number; readonly gapMinutes: number; readonly service: Float32Array },
): void {
  const { minute, gapMinutes } = context;
  if (row[ROW.latencySeen] === 0) return;
  const moved = seasonAt(row, minute) - seasonAt(row, minute - gapMinutes);
  if (!Number.isNaN(moved)) row[ROW.latencyLevel]! += moved;
  row[ROW.latencyVariance] = Math.min(
    row[ROW.latencyVariance]! + gapMinutes * WANDER_PER_MINUTE,
    START_VARIANCE,
  );
  const age = minute - row[ROW.latencyLlrMinute]!;
  const isYoung = row[ROW.learnedMinutes]! < 2 * REFRESH_MINUTES;
  if (age < (isYoung ? 2 : REFRESH_MINUTES)) return;
  row[ROW.latencyLlrMinute] = minute;
  refreshLikelihoods(row, { service: context.service, slack: 2 * Math.sqrt(slowVarianceOf(row)) });
}

/** What a minute says against the shape as it was before. */
export function judgeLatency(row: Float32Array, sketch: LatencySketch, out: LatencyMinute): void {
  const { buckets, counts } = sketch;
  const { llr, excess } = out;
  const level = row[ROW.latencyLevel]!;
  let requests = 0;
  let sum = 0;
  let squares = 0;
  excess.fill(0);
  for (let index = 0; index < buckets.length; index++) {
    const count = counts[index]!;
    const distance = buckets[index]! + 0.5 - level;
    const cut = Math.min(Math.max(distance, -REACH_BUCKETS), REACH_BUCKETS);
    requests += count;
    sum += count * cut;
    squares += count * cut * cut;
    const position = Math.min(
      Math.max(distance / BUCKETS_PER_BIN + LATENCY_BINS_BELOW - 0.5, 0),
      LATENCY_BINS - 1.001,
    );
    const bin = Math.floor(position);
    const share = position - bin;
    for (let change = 0; change < LATENCY_CHANGES; change++) {
      const at = ROW.latencyLlr + change * LATENCY_BINS + bin;
      excess[change]! += count * (row[at]! + share * (row[at + 1]! - row[at]!));
    }
  }
  out.requests = requests;
  out.shift = requests > 0 ? sum / requests : 0;
  out.spread = requests > 0 ? squares / requests : 0;
  out.p50Us = quantileOf(sketch, 0.5);
  out.p95Us = quantileOf(sketch, 0.95);
  out.p99Us = quantileOf(sketch, 0.99);
  for (let change = 0; change < LATENCY_CHANGES; change++) {
    const noise = Math.max(noiseOf(row, change, 0), BLOCK_MINUTES * noiseOf(row, change, 1));
    llr[change] = excess[change]! / (1 + Math.max(requests - 1, 0) * noise);
    excess[change]! -= requests * row[ROW.latencyLlrMean + change]!;
  }
}

/**
 * Takes in the minute that was judged; weight 0–1: how far the level is to follow it, 0: not to learn at all. Shape and
 * noise are means of days and need no such care: they would only be too narrow if odd minutes were left out.
 */
export function learnLatency(
  row: Float32Array,
  minute: number,
  seen: {
    readonly sketch: LatencySketch;
    readonly judged: LatencyMinute;
    readonly weight: number;
    readonly service: Float32Array;
  },
): void {
  const { judged, weight, sketch } = seen;
  closeHour(row, minute);
  if (judged.requests === 0) return;
  if (row[ROW.latencySeen] === 0) {
    startLevel(row, sketch);
    row[ROW.latencySince] = minute;
  } else if (weight <= 0) {
    dropBlocks(row);
    return;
  } else {
    learnNoise(row, judged);
    learnSlow(row, judged);
    learnLevel(row, judged, weight);
  }
  row[ROW.latencySeen]! += judged.requests;
  learnShape(row, seen);
}

/** A deploy: the level is known less. */
export function loosenLatency(row: Float32Array): void {
  row[ROW.latencyVariance] = Math.max(row[ROW.latencyVariance]!, CHANGE_VARIANCE);
  row[ROW.latencyLlrMinute] = 0;
}

/** A change for good: the level is learned anew, and the shape stands on a few requests only. */
export function forgetLatency(row: Float32Array): void {
  let requests = 0;
  for (let bin = 0; bin < LATENCY_BINS; bin++) requests += row[ROW.latencyReference + bin]!;
  const keep = Math.min(1, SHAPE_REQUESTS_KEPT / Math.max(requests, 1));
  for (let bin = 0; bin < LATENCY_BINS; bin++) row[ROW.latencyReference + bin]! *= keep;
  row[ROW.latencySeen] = 0;
}

/** Variance of what the level may do unnoticed, buckets². */
export function slowVarianceOf(row: Float32Array): number {
  const wander =
    (row[ROW.latencyWander]! + SLOW_PRIOR * SLOW_PRIOR_BLOCKS) /
    (row[ROW.latencyWanderWeight]! + SLOW_PRIOR_BLOCKS);
  return Math.min(Math.max(wander, SLOW_MIN) + row[ROW.latencyVariance]!, SLOW_MAX);
}

/** Extra variance of a minute's sum for each further request, by moments, as for errors. */
function noiseOf(row: Float32Array, change: number, scale: number): number {
  const at = scale * LATENCY_CHANGES + change;
  const prior = NOISE_PRIOR_BLOCKS[scale]!;
  const excess = row[ROW.latencyExcess + at]! + NOISE_PRIOR[scale]! * prior;
  return Math.max(0, excess / (row[ROW.latencyWeight + at]! + prior));
}

function startLevel(row: Float32Array, sketch: LatencySketch): void {
  let half = 0;
  for (const count of sketch.counts) half += count / 2;
  let index = 0;
  let seen = sketch.counts[0]!;
  while (seen < half) seen += sketch.counts[++index]!;
  row[ROW.latencyLevel] = sketch.buckets[index]! + 0.5;
  row[ROW.latencyDayMean] = row[ROW.latencyLevel]!;
  row[ROW.latencyVariance] = SPREAD_PRIOR / half;
}

/** Kalman filter of a random walk (Kalman 1960): gain = P / (P + R), R = σ² (1/n + κ). */
function learnLevel(row: Float32Array, judged: LatencyMinute, weight: number): void {
  const { requests, shift, spread } = judged;
  const variance = row[ROW.latencySpread]! * (1 / requests + noiseOf(row, 0, 0));
  const gain = (weight * row[ROW.latencyVariance]!) / (row[ROW.latencyVariance]! + variance);
  // An odd minute moves the level by no more than three of its standard deviations.
  const reach = 3 * Math.sqrt(row[ROW.latencyVariance]! + variance);
  const step = Math.min(Math.max(shift, -reach), reach);
  row[ROW.latencyLevel]! += gain * step;
  row[ROW.latencyVariance]! *= 1 - gain;
  const share = Math.min(1, requests / 20) / Math.min(SPREAD_MINUTES, row[ROW.learnedMinutes]! + 8);
  row[ROW.latencySpread]! += weight * share * (spread - row[ROW.latencySpread]!);
  const location = row[ROW.latencyLevel]! - gain * step + step;
  const age = Math.min(row[ROW.learnedMinutes]! + 1, DAY_MINUTES);
  row[ROW.latencyDayMean]! += (weight * (location - row[ROW.latencyDayMean]!)) / age;
  row[ROW.latencyHourSum]! += weight * (location - row[ROW.latencyDayMean]!);
  row[ROW.latencyHourMinutes]! += weight;
}

function learnNoise(row: Float32Array, { requests, excess }: LatencyMinute): void {
  for (let change = 0; change < LATENCY_CHANGES; change++) {
    addNoise(row, { change, scale: 0, requests, excess: excess[change]! });
    row[ROW.latencyBlock + change]! += excess[change]!;
  }
  row[ROW.latencyBlockRequests]! += requests;
  row[ROW.latencyBlockMinutes]! += 1;
  if (row[ROW.latencyBlockMinutes]! < BLOCK_MINUTES) return;
  for (let change = 0; change < LATENCY_CHANGES; change++) {
    addNoise(row, {
      change,
      scale: 1,
      requests: row[ROW.latencyBlockRequests]!,
      excess: row[ROW.latencyBlock + change]!,
    });
  }
  row.fill(0, ROW.latencyBlock, ROW.latencyBlockMinutes + 1);
}

function addNoise(
  row: Float32Array,
  block: {
    readonly change: number;
    readonly scale: number;
    readonly requests: number;
    readonly excess: number;
  },
): void {
  const { change, scale, requests, excess } = block;
  if (requests < 2) return;
  const at = scale * LATENCY_CHANGES + change;
  const keep = 1 - (scale === 0 ? 1 : BLOCK_MINUTES) / NOISE_MINUTES;
  const single = Math.max(row[ROW.latencyLlrVariance + change]!, 1e-6);
  const variance = requests * single * (1 + (requests - 1) * noiseOf(row, change, scale));
  const square = Math.min(excess * excess, SQUARE_MAX * variance);
  const size = (requests / (requests + 30)) ** 2;
  const perPair = (square - requests * single) / (requests * (requests - 1) * single);
  row[ROW.latencyExcess + at] = keep * row[ROW.latencyExcess + at]! + size * perPair;
  row[ROW.latencyWeight + at] = keep * row[ROW.latencyWeight + at]! + size;
}

function learnSlow(row: Float32Array, { requests, shift }: LatencyMinute): void {
  row[ROW.latencyWanderSum]! += requests * shift;
  row[ROW.latencyWanderRequests]! += requests;
  row[ROW.latencyWanderMinutes]! += 1;
  if (row[ROW.latencyWanderMinutes]! < SLOW_MINUTES) return;
  const all = row[ROW.latencyWanderRequests]!;
  const mean = row[ROW.latencyWanderSum]! / all;
  const sampling = row[ROW.latencySpread]! / all;
  const square = Math.min(mean * mean - sampling, SLOW_MAX);
  const keep = 1 - SLOW_MINUTES / NOISE_MINUTES;
  const size = SLOW_MIN / (SLOW_MIN + sampling);
  row[ROW.latencyWander] = keep * row[ROW.latencyWander]! + size * square;
  row[ROW.latencyWanderWeight] = keep * row[ROW.latencyWanderWeight]! + size;
  row.fill(0, ROW.latencyWanderSum, ROW.latencyWanderMinutes + 1);
}

function dropBlocks(row: Float32Array): void {
  row.fill(0, ROW.latencyBlock, ROW.latencyBlockMinutes + 1);
  row.fill(0, ROW.latencyWanderSum, ROW.latencyWanderMinutes + 1);
}

/** The endpoint's shape and, with few requests a minute, its service's: the prior of new endpoints. */
function learnShape(
  row: Float32Array,
  seen: {
    readonly sketch: LatencySketch;
    readonly judged: LatencyMinute;
    readonly service: Float32Array;
  },
): void {
  const { sketch, judged, service } = seen;
  const own = Math.min(judged.requests, SHAPE_REQUESTS_MAX) / judged.requests;
  const shared = Math.min(judged.requests, SERVICE_REQUESTS_MAX) / judged.requests;
  const keep = 1 - 1 / SHAPE_MINUTES;
  const level = row[ROW.latencyLevel]!;
  for (let bin = 0; bin < LATENCY_BINS; bin++) row[ROW.latencyReference + bin]! *= keep;
  for (let index = 0; index < sketch.buckets.length; index++) {
    const distance = sketch.buckets[index]! + 0.5 - level;
    const place = Math.floor(distance / BUCKETS_PER_BIN) + LATENCY_BINS_BELOW;
    const bin = Math.min(Math.max(place, 0), LATENCY_BINS - 1);
    row[ROW.latencyReference + bin]! += own * sketch.counts[index]!;
    service[ROW.latencyReference + bin]! += shared * sketch.counts[index]!;
  }
}

/** Between the middles of two hours; NaN when one was not seen. */
function seasonAt(row: Float32Array, minute: number): number {
  const position = minute / 60 - 0.5;
  const below = Math.floor(position);
  const left = row[ROW.latencyHour + (below % 24)]!;
  const right = row[ROW.latencyHour + ((below + 1) % 24)]!;
  return left + (position - below) * (right - left);
}

function closeHour(row: Float32Array, minute: number): void {
  const hour = Math.floor(minute / 60);
  if (hour === row[ROW.latencyHourBin]) return;
  const minutes = row[ROW.latencyHourMinutes]!;
  if (minutes >= 20) {
    const at = ROW.latencyHour + (row[ROW.latencyHourBin]! % 24);
    const mean = row[ROW.latencyHourSum]! / minutes;
    const known = row[at]!;
    row[at] = Number.isNaN(known) ? mean : known + HOUR_GAIN * (mean - known);
  }
  row[ROW.latencyHourBin] = hour;
  row[ROW.latencyHourSum] = 0;
  row[ROW.latencyHourMinutes] = 0;
}
