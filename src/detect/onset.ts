/**
 * When a period turned bad: the time that splits its points best into fewer and more bad ones. Works on
 * ranks and shares, so that one freak request does not move it.
 */
import { quantileOfSorted, sortedCopy, twoShareLlr } from '../base/statistics.ts';
import { type TimeRange, US_PER_SECOND } from '../base/time.ts';

/** Resolution: 5 s, or coarser when the period is longer than a quarter of an hour. */
const BUCKET_US_MIN = 5 * US_PER_SECOND;
const BUCKETS_MAX = 180;
const POINTS_MIN = { before: 10, after: 5 };
/** Likelihood ratio, after the price of trying every time and bound, from which an onset is clear. */
const SCORE_MIN = 6;
/** Share of bad points must rise by this much. */
const RISE_MIN = 0.05;
/**
 * Quantiles of all values that are tried as the bound between good and bad, each with half the tail of the one
 * before: few of all requests are bad when a fault that hits some of them has just begun.
 */
const BOUND_QUANTILES = [0.5, 0.75, 0.875, 0.9375, 0.96875, 0.984375];
/** A bound must separate values that differ: 25 % for logarithms of durations. */
const SHIFT_MIN = Math.log(1.25);

export interface OnsetPoints {
  readonly timesUs: Float64Array;
  /** A logarithm, so that a shift is a factor: ln duration. */
  readonly values: Float64Array;
  readonly isBad?: Uint8Array;
}

export interface Onset {
  readonly onsetUs: number;
  /** Likelihood ratio. */
  readonly score: number;
}

/** Undefined when no time stands out, for example when the period is bad or good all along. */
export function findOnset(points: OnsetPoints, range: TimeRange): Onset | undefined {
  const bucketUs = Math.max(BUCKET_US_MIN, (range.toUs - range.fromUs) / BUCKETS_MAX);
  const bucketCount = Math.ceil((range.toUs - range.fromUs) / bucketUs);
  const inside = pointsInside(points, range);
  if (inside.length < POINTS_MIN.before + POINTS_MIN.after) return undefined;
  const bucketOf = (index: number): number =>
    Math.floor((points.timesUs[index]! - range.fromUs) / bucketUs);
  const sorted = sortedCopy(Float64Array.from(inside, (index) => points.values[index]!));
  const price = Math.log(bucketCount * (BOUND_QUANTILES.length + 1));
  let best: { readonly bucket: number; readonly llr: number } | undefined;
  const consider = (isHigh: (index: number) => boolean): void => {
    const split = bestSplit({ inside, bucketCount, bucketOf, isHigh });
    if (split && (best === undefined || split.llr > best.llr)) best = split;
  };
  if (points.isBad) consider((index) => points.isBad?.[index] === 1);
  for (const q of BOUND_QUANTILES) {
    const bound = quantileOfSorted(sorted, q);
    // What lies above must differ from the typical value, or the bound only cuts through noise.
    const above = quantileOfSorted(sorted, (1 + q) / 2);
    if (above - quantileOfSorted(sorted, q / 2) < SHIFT_MIN) continue;
    consider((index) => points.values[index]! > bound);
  }
  if (best === undefined || best.llr - price < SCORE_MIN) return undefined;
  return { onsetUs: Math.round(range.fromUs + best.bucket * bucketUs), score: best.llr - price };
}

function pointsInside({ timesUs, values }: OnsetPoints, range: TimeRange): number[] {
  const inside: number[] = [];
  for (let index = 0; index < timesUs.length; index++) {
    const timeUs = timesUs[index]!;
    if (timeUs >= range.fromUs && timeUs < range.toUs && Number.isFinite(values[index]!)) {
      inside.push(index);
    }
  }
  return inside;
}

/** The bucket before which high points are rarest compared with after it. */
function bestSplit(task: {
  readonly inside: readonly number[];
  readonly bucketCount: number;
  readonly bucketOf: (index: number) => number;
  readonly isHigh: (index: number) => boolean;
}): { readonly bucket: number; readonly llr: number } | undefined {
  const totals = new Float64Array(task.bucketCount);
  const highs = new Float64Array(task.bucketCount);
  let high = 0;
  for (const index of task.inside) {
    const bucket = task.bucketOf(index);
    totals[bucket]!++;
    if (!task.isHigh(index)) continue;
    highs[bucket]!++;
    high++;
  }
  let best: { readonly bucket: number; readonly llr: number } | undefined;
  let before = { hits: 0, total: 0 };
  for (let bucket = 1; bucket < task.bucketCount; bucket++) {
    before = {
      hits: before.hits + highs[bucket - 1]!,
      total: before.total + totals[bucket - 1]!,
    };
    const after = { hits: high - before.hits, total: task.inside.length - before.total };
    if (before.total < POINTS_MIN.before || after.total < POINTS_MIN.after) continue;
    if (after.hits / after.total - before.hits / before.total < RISE_MIN) continue;
    const llr = twoShareLlr(after, before);
    if (best === undefined || llr > best.llr) best = { bucket, llr };
  }
  return best;
}
