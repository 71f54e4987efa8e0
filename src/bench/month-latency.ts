/**
 * Latencies of the simulated month: a shape per endpoint, tabled by the buckets of the product's sketch (16 an octave),
 * and the sketch of a minute's requests drawn from the table. No single latency is drawn where requests are many.
 */
import type { LatencySketch } from '../model/tally.ts';
import type { Variates } from './variates.ts';

export const BUCKETS_PER_OCTAVE = 16;
const BUCKET_MAX = 50 * BUCKETS_PER_OCTAVE;
/** The slowest requests, which an incident may slow down alone. */
export const UPPER_SHARE = 0.1;
/** Up to this many requests are drawn one by one; a table of some 100 buckets costs as much. */
const SINGLE_MAX = 48;
/** Chances beyond this are left away on both ends of a table: less than one request a month. */
const NEGLIGIBLE = 1e-9;

/** A mixture: most requests, others that are cached or take a slow way, and a heavy tail. */
export interface LatencyMixture {
  readonly medianUs: number;
  readonly sigma: number;
  readonly otherShare: number;
  /** Their median, as a multiple. */
  readonly otherFactor: number;
  readonly otherSigma: number;
  /** Pareto from 1.5 × the median to 300 times that. */
  readonly tailShare: number;
  readonly tailAlpha: number;
}

/** Chances by bucket, in sum 1. */
interface Table {
  readonly start: number;
  readonly chances: Float64Array;
  /** Up to and with a bucket. */
  readonly cumulative: Float64Array;
}

/** The faster 90 % and the slower 10 % of an endpoint's requests. */
export interface LatencyShape {
  readonly body: Table;
  readonly upper: Table;
}

export function buildLatencyShape(mixture: LatencyMixture): LatencyShape {
  const body: number[] = [];
  const upper: number[] = [];
  let below = 0;
  for (let bucket = 0; bucket <= BUCKET_MAX; bucket++) {
    const upTo =
      bucket === BUCKET_MAX ? 1 : shareBelow(mixture, 2 ** (bucket / BUCKETS_PER_OCTAVE));
    const split = 1 - UPPER_SHARE;
    body.push(Math.max(0, Math.min(upTo, split) - below));
    upper.push(Math.max(0, upTo - Math.max(below, split)));
    below = upTo;
  }
  return { body: tableOf(body), upper: tableOf(upper) };
}

/** Where a minute's latencies stand beside the endpoint's shape. */
export interface LatencyShift {
  /** Natural logarithm, of all requests. */
  readonly all: number;
  /** Natural logarithm, on top of it, of the slowest. */
  readonly upper: number;
  /** How many are among the slowest, of all. */
  readonly upperShare: number;
}

/** Draws sketches; one for all endpoints, because it keeps room for counts. */
export class SketchDrawer {
  readonly #counts = new Uint32Array(BUCKET_MAX + 1);
  #low = BUCKET_MAX;
  #high = 0;

  draw(
    shape: LatencyShape,
    options: { readonly count: number; readonly shift: LatencyShift; readonly variates: Variates },
  ): LatencySketch {
    const { count, shift, variates } = options;
    const upper = variates.binomial(count, Math.min(1, shift.upperShare));
    const bucketsOf = (ln: number) => (ln / Math.LN2) * BUCKETS_PER_OCTAVE;
    this.#drawFrom(shape.body, { count: count - upper, shift: bucketsOf(shift.all), variates });
    this.#drawFrom(shape.upper, {
      count: upper,
      shift: bucketsOf(shift.all + shift.upper),
      variates,
    });
    return this.#take();
  }

  /** `shift` in buckets; what is over a whole number moves that share of the requests one bucket further. */
  #drawFrom(
    table: Table,
    options: { readonly count: number; readonly shift: number; readonly variates: Variates },
  ): void {
    const { count, shift, variates } = options;
    const whole = Math.floor(shift);
    const over = shift - whole;
    if (count <= SINGLE_MAX) {
      for (let drawn = 0; drawn < count; drawn++) {
        const bucket = table.start + findAt(table.cumulative, variates.unit());
        this.#add(bucket + whole + (variates.unit() < over ? 1 : 0), 1);
      }
      return;
    }
    // A multinomial as a chain of binomials, each of what is left.
    const { chances } = table;
    let left = count;
    let leftChance = 1;
    for (let index = 0; index <= chances.length && left > 0; index++) {
      const chance =
        (index < chances.length ? (1 - over) * chances[index]! : 0) +
        (index > 0 ? over * chances[index - 1]! : 0);
      const isLast = index === chances.length || chance >= leftChance;
      const drawn = isLast ? left : variates.binomial(left, chance / leftChance);
      leftChance -= chance;
      left -= drawn;
      if (drawn > 0) this.#add(table.start + index + whole, drawn);
    }
  }

  #add(bucket: number, count: number): void {
    const at = Math.min(Math.max(bucket, 0), BUCKET_MAX);
    this.#counts[at]! += count;
    if (at < this.#low) this.#low = at;
    if (at > this.#high) this.#high = at;
  }

  #take(): LatencySketch {
    const buckets: number[] = [];
    const counts: number[] = [];
    for (let bucket = this.#low; bucket <= this.#high; bucket++) {
      const count = this.#counts[bucket]!;
      if (count === 0) continue;
      buckets.push(bucket);
      counts.push(count);
      this.#counts[bucket] = 0;
    }
    this.#low = BUCKET_MAX;
    this.#high = 0;
    return { buckets, counts };
  }
}

/** Index of the first cumulative chance above the number. */
function findAt(cumulative: Float64Array, unit: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! > unit) high = middle;
    else low = middle + 1;
  }
  return low;
}

function tableOf(weights: readonly number[]): Table {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const isLikely = (weight: number) => weight / total > NEGLIGIBLE;
  const start = weights.findIndex(isLikely);
  const end = weights.findLastIndex(isLikely) + 1;
  const kept = weights.slice(start, end);
  const keptTotal = kept.reduce((sum, weight) => sum + weight, 0);
  const chances = Float64Array.from(kept, (weight) => weight / keptTotal);
  let sum = 0;
  return { start, chances, cumulative: chances.map((chance) => (sum += chance)) };
}

const PARETO_FROM = 1.5;
const PARETO_SPAN = 300;

function shareBelow(mixture: LatencyMixture, us: number): number {
  const { medianUs, sigma, otherShare, otherFactor, otherSigma, tailShare, tailAlpha } = mixture;
  const z = Math.log(us / medianUs);
  const multiple = us / (medianUs * PARETO_FROM);
  const pareto = (1 - Math.max(multiple, 1) ** -tailAlpha) / (1 - PARETO_SPAN ** -tailAlpha);
  return (
    (1 - otherShare - tailShare) * normalShareBelow(z / sigma) +
    otherShare * normalShareBelow((z - Math.log(otherFactor)) / otherSigma) +
    tailShare * Math.min(1, pareto)
  );
}

/** Φ(z) by Abramowitz and Stegun 26.2.17: within 7.5e-8. */
function normalShareBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const polynomial =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return z >= 0 ? 1 - above : above;
}
