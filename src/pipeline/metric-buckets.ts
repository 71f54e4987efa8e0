/**
 * Bucket counts of histograms: what came since the last point, their sum over a minute, quantiles of the sum. Explicit
 * and exponential buckets are one thing here: counts, and the upper bound of each.
 */
import type { PointColumns } from '../model/columns.ts';

/** Counts of one histogram. */
export interface Buckets {
  /** Undefined: explicit bounds. */
  readonly scale: number | undefined;
  /** Of explicit buckets: the upper ones, but for the last bucket, which has none. */
  readonly bounds: Float64Array;
  /** Of exponential ones: index of the first bucket after the one of zero. */
  readonly offset: number;
  /** Of exponential ones the first is that of zero and below. */
  readonly counts: Float64Array;
}

const NO_BOUNDS = new Float64Array(0);
/** Of exponential buckets, from the lowest to the highest: SDKs send 160, and a hostile offset must not cost memory. */
const BUCKETS_MAX = 4096;

/** n bounds, then n + 1 counts; undefined for a histogram without buckets. */
export function explicitBuckets(
  columns: PointColumns,
  row: number,
  like: Buckets | undefined,
): Buckets | undefined {
  const { start, end } = extentOf(columns, row);
  const boundCount = (end - start - 1) >> 1;
  if (boundCount < 1) return undefined;
  const bounds = columns.buckets.subarray(start, start + boundCount);
  return {
    scale: undefined,
    // The bounds of the point before, when they are the same: one array a series instead of one a point.
    bounds: like && isEqual(like.bounds, bounds) ? like.bounds : bounds.slice(),
    offset: 0,
    counts: columns.buckets.slice(start + boundCount, end),
  };
}

/** Scale, zero count, zero threshold, positive offset, size, counts, negative offset, size, counts. */
export function exponentialBuckets(columns: PointColumns, row: number): Buckets | undefined {
  const { start, end } = extentOf(columns, row);
  const { buckets } = columns;
  if (end - start < 5) return undefined;
  const size = buckets[start + 4]!;
  const positiveStart = start + 5;
  const counts = new Float64Array(size + 1);
  counts.set(buckets.subarray(positiveStart, positiveStart + size), 1);
  counts[0] = buckets[start + 1]!;
  for (let at = positiveStart + size + 2; at < end; at++) counts[0] += buckets[at]!;
  return { scale: buckets[start]!, bounds: NO_BOUNDS, offset: buckets[start + 3]!, counts };
}

/** What came between two points of a cumulative histogram; undefined when their bounds do not fit. */
export function subtractBuckets(now: Buckets, before: Buckets): Buckets | undefined {
  return combined(now, before, -1);
}

/** As subtractBuckets(). */
export function addBuckets(left: Buckets, right: Buckets): Buckets | undefined {
  return combined(left, right, 1);
}

/**
 * By interpolation inside the bucket, linear in explicit and logarithmic in exponential ones; the highest bound for what
 * lies above it, as Prometheus does. NaN without observations.
 */
export function quantileOfBuckets(buckets: Buckets, q: number): number {
  const { counts } = buckets;
  let total = 0;
  for (const count of counts) total += count;
  if (total <= 0) return Number.NaN;
  let rank = q * total;
  let bucket = 0;
  while (bucket < counts.length - 1 && (counts[bucket] === 0 || rank > counts[bucket]!)) {
    rank -= counts[bucket++]!;
  }
  const share = counts[bucket]! > 0 ? Math.min(1, Math.max(0, rank / counts[bucket]!)) : 1;
  return buckets.scale === undefined
    ? explicitValue(buckets.bounds, bucket, share)
    : exponentialValue(buckets, bucket, share);
}

function explicitValue(bounds: Float64Array, bucket: number, share: number): number {
  const high = bounds[bucket];
  if (high === undefined) return bounds.at(-1) ?? Number.NaN;
  const low = bounds[bucket - 1] ?? Math.min(0, high);
  return low + share * (high - low);
}

/** Bucket i of scale s holds (2^(i·2^−s), 2^((i+1)·2^−s)]: OTLP metrics, ExponentialHistogram. Scale 1, i 2: 2 to 2.83. */
function exponentialValue({ scale, offset }: Buckets, bucket: number, share: number): number {
  return bucket === 0 ? 0 : 2 ** ((offset + bucket - 1 + share) * 2 ** -(scale ?? 0));
}

function combined(left: Buckets, right: Buckets, sign: 1 | -1): Buckets | undefined {
  if (left.scale !== undefined && right.scale !== undefined) {
    const scale = Math.min(left.scale, right.scale);
    return combinedExponential(coarser(left, scale), coarser(right, scale), sign);
  }
  if (left.scale !== right.scale || !isEqual(left.bounds, right.bounds)) return undefined;
  const counts = left.counts.slice();
  for (let at = 0; at < counts.length; at++) {
    counts[at] = Math.max(0, counts[at]! + sign * right.counts[at]!);
  }
  return { ...left, counts };
}

function combinedExponential(left: Buckets, right: Buckets, sign: 1 | -1): Buckets | undefined {
  const offset = Math.min(left.offset, right.offset);
  const end = Math.max(left.offset + left.counts.length, right.offset + right.counts.length);
  if (!(end - offset <= BUCKETS_MAX)) return undefined;
  const counts = new Float64Array(end - offset);
  for (const [buckets, factor] of [
    [left, 1],
    [right, sign],
  ] as const) {
    counts[0]! += factor * buckets.counts[0]!;
    for (let at = 1; at < buckets.counts.length; at++) {
      counts[at + buckets.offset - offset]! += factor * buckets.counts[at]!;
    }
  }
  for (let at = 0; at < counts.length; at++) counts[at] = Math.max(0, counts[at]!);
  return { ...left, offset, counts };
}

/** The same counts in wider buckets: bucket i of scale s lies in i >> n of scale s − n. */
function coarser(buckets: Buckets, scale: number): Buckets {
  const shift = (buckets.scale ?? 0) - scale;
  if (shift === 0) return buckets;
  const size = buckets.counts.length - 1;
  const widen = (index: number) => Math.floor(index / 2 ** shift);
  const offset = widen(buckets.offset);
  const counts = new Float64Array(size === 0 ? 1 : widen(buckets.offset + size - 1) - offset + 2);
  counts[0] = buckets.counts[0]!;
  for (let at = 0; at < size; at++) {
    counts[widen(buckets.offset + at) - offset + 1]! += buckets.counts[at + 1]!;
  }
  return { ...buckets, scale, offset, counts };
}

function extentOf(columns: PointColumns, row: number): { start: number; end: number } {
  return { start: row === 0 ? 0 : columns.bucketsEnd[row - 1]!, end: columns.bucketsEnd[row]! };
}

function isEqual(left: Float64Array, right: Float64Array): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
}
