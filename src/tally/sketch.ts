/**
 * Latency sketch: a histogram over logarithmic buckets, 16 an octave, in microseconds. Mergeable; any
 * quantile is within 2.2 % of a true observation (half a bucket: 2^(1/32) − 1 = 2.19 %).
 */
import type { LatencySketch } from '../model/tally.ts';

const BUCKETS_PER_OCTAVE = 16;
/** 2^50 µs is 35 years; anything longer falls into the last bucket. */
const OCTAVES = 50;
/** Bucket 0 is [0, 1) µs; bucket b ≥ 1 begins at 2^((b − 1) / 16) µs. */
export const BUCKET_MAX = OCTAVES * BUCKETS_PER_OCTAVE;

const MANTISSA = 2 ** 20;
const EXPONENT_BIAS = 1023;

/**
 * Where the 16 buckets of an octave begin, as the top 20 bits of a float64's mantissa: 2^(i/16) = 1 + m / 2^20.
 * For example bucket 8 of an octave begins at 2^0.5 = 1.41421, m = 434 334.
 */
const BUCKET_START = Int32Array.from({ length: BUCKETS_PER_OCTAVE + 1 }, (_, index) =>
  Math.round((2 ** (index / BUCKETS_PER_OCTAVE) - 1) * MANTISSA),
);

/** Bucket within the octave that holds the lowest value of each of 256 equal slices of the octave. */
const BUCKET_OF_SLICE = Uint8Array.from({ length: 256 }, (_, slice) => {
  let bucket = 0;
  while (BUCKET_START[bucket + 1]! <= slice << 12) bucket++;
  return bucket;
});

const scratchNumber = new Float64Array(1);
const scratchWords = new Uint32Array(scratchNumber.buffer);
/** Index of the word with sign and exponent: 1 on little-endian machines. */
const HIGH_WORD = (() => {
  scratchNumber[0] = 1;
  return scratchWords[1] === 0x3ff00000 ? 1 : 0;
})();

/**
 * Bucket of a duration: reads exponent and mantissa bits instead of taking a logarithm. Negative and NaN
 * count as 0. Hot: once per span.
 */
export function bucketOf(durationUs: number): number {
  if (!(durationUs >= 1)) return 0;
  scratchNumber[0] = durationUs;
  const high = scratchWords[HIGH_WORD]!;
  const mantissa = high & 0xfffff;
  let step = BUCKET_OF_SLICE[mantissa >>> 12]!;
  if (mantissa >= BUCKET_START[step + 1]!) step++;
  const bucket = 1 + ((high >>> 20) - EXPONENT_BIAS) * BUCKETS_PER_OCTAVE + step;
  return Math.min(bucket, BUCKET_MAX);
}

/** Bounds of a bucket in µs: [low, high). */
export function boundsOf(bucket: number): { readonly low: number; readonly high: number } {
  return { low: startOf(bucket), high: startOf(bucket + 1) };
}

function startOf(bucket: number): number {
  if (bucket <= 0) return 0;
  const octave = Math.floor((bucket - 1) / BUCKETS_PER_OCTAVE);
  const step = (bucket - 1) % BUCKETS_PER_OCTAVE;
  return 2 ** octave * (1 + BUCKET_START[step]! / MANTISSA);
}

/** The value that stands for a bucket: its geometric middle. */
function middleOf(bucket: number): number {
  const { low, high } = boundsOf(bucket);
  return bucket === 0 ? high / 2 : Math.sqrt(low * high);
}

export function emptySketch(): LatencySketch {
  return { buckets: [], counts: [] };
}

/** A copy with more observations of one duration. For loops use SketchBuilder. */
export function addToSketch(sketch: LatencySketch, durationUs: number, count = 1): LatencySketch {
  return mergeSketches(sketch, { buckets: [bucketOf(durationUs)], counts: [count] });
}

/** A sketch under construction: dense counts between the lowest and highest bucket seen. */
export class SketchBuilder {
  count = 0;
  /** Bucket of #counts[0]. */
  #start = 0;
  #counts: number[] = [];

  /** Hot: once per span. */
  add(durationUs: number): void {
    const bucket = bucketOf(durationUs);
    const at = bucket - this.#start;
    this.count++;
    if (at < 0 || at >= this.#counts.length) this.#widen(bucket);
    this.#counts[bucket - this.#start]!++;
  }

  addAll(other: SketchBuilder): void {
    for (let at = 0; at < other.#counts.length; at++) {
      const count = other.#counts[at]!;
      if (count === 0) continue;
      const bucket = other.#start + at;
      const own = bucket - this.#start;
      if (own < 0 || own >= this.#counts.length) this.#widen(bucket);
      this.#counts[bucket - this.#start]! += count;
    }
    this.count += other.count;
  }

  build(): LatencySketch {
    const buckets: number[] = [];
    const counts: number[] = [];
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at]!;
      if (count === 0) continue;
      buckets.push(this.#start + at);
      counts.push(count);
    }
    return { buckets, counts };
  }

  #widen(bucket: number): void {
    const size = this.#counts.length;
    const low = size === 0 ? bucket : Math.min(this.#start, bucket);
    const high = size === 0 ? bucket : Math.max(this.#start + size - 1, bucket);
    // Room on both sides, because latencies come in heaps: half an octave, then half of what there is. With plain
    // numbers, which are made faster than typed arrays, a sketch of 25 durations takes 1.05 instead of 2.2 µs.
    const room = Math.max(BUCKETS_PER_OCTAVE / 2, size >>> 1);
    const start = Math.max(0, low - room);
    const counts: number[] = new Array(high + room + 1 - start).fill(0);
    const shift = size === 0 ? 0 : this.#start - start;
    for (let at = 0; at < size; at++) counts[shift + at] = this.#counts[at]!;
    this.#start = start;
    this.#counts = counts;
  }
}

export function mergeSketches(left: LatencySketch, right: LatencySketch): LatencySketch {
  const buckets: number[] = [];
  const counts: number[] = [];
  let l = 0;
  let r = 0;
  while (l < left.buckets.length || r < right.buckets.length) {
    const leftBucket = left.buckets[l] ?? Number.POSITIVE_INFINITY;
    const rightBucket = right.buckets[r] ?? Number.POSITIVE_INFINITY;
    const bucket = Math.min(leftBucket, rightBucket);
    let count = 0;
    if (leftBucket === bucket) count += left.counts[l++] ?? 0;
    if (rightBucket === bucket) count += right.counts[r++] ?? 0;
    buckets.push(bucket);
    counts.push(count);
  }
  return { buckets, counts };
}

export function countOf(sketch: LatencySketch): number {
  let total = 0;
  for (const count of sketch.counts) total += count;
  return total;
}

/**
 * The q-quantile (0–1) in µs by nearest rank: the smallest value with at least q of the observations at or
 * below it, within 2.2 %. NaN when the sketch is empty.
 */
export function quantileOf(sketch: LatencySketch, q: number): number {
  const total = countOf(sketch);
  if (total === 0) return Number.NaN;
  const rank = Math.min(total, Math.max(1, Math.ceil(q * total)));
  let seen = 0;
  for (let index = 0; index < sketch.buckets.length; index++) {
    seen += sketch.counts[index]!;
    if (seen >= rank) return middleOf(sketch.buckets[index]!);
  }
  return middleOf(sketch.buckets.at(-1) ?? 0);
}

/** Observations above a duration; those of its own bucket count by share. */
export function countAbove(sketch: LatencySketch, us: number): number {
  let above = 0;
  for (let index = 0; index < sketch.buckets.length; index++) {
    const { low, high } = boundsOf(sketch.buckets[index]!);
    const count = sketch.counts[index]!;
    if (us < low) above += count;
    else if (us < high) above += (count * (high - us)) / (high - low);
  }
  return above;
}
