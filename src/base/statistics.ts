/**
 * Small robust statistics that baselines, detection, clustering and hypotheses share. Pure functions over
 * numbers; every "how surprising" is a log-likelihood ratio in natural log, so that kinds can be added up.
 */
import { gammaln } from 'simple-statistics';

/** MAD × this = standard deviation for normal data. */
const MAD_TO_SIGMA = 1.4826;

/** Hits among trials: failed of all requests, slow of all spans. */
export interface Share {
  readonly hits: number;
  readonly total: number;
}

/** Events in a time (or any other exposure): log lines in minutes. */
export interface Rate {
  readonly events: number;
  readonly exposure: number;
}

export function sortedCopy(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** Quantile by linear interpolation between order statistics; NaN for no values. */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = Math.min(Math.max(q, 0), 1) * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!; // 0 ≤ below ≤ length − 1 by the clamp above
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

export function medianOf(values: ArrayLike<number>): number {
  return quantileOfSorted(sortedCopy(values), 0.5);
}

/** Robust standard deviation: 1.4826 × median absolute deviation; NaN for no values. */
export function robustSigmaOf(values: ArrayLike<number>, center = medianOf(values)): number {
  return MAD_TO_SIGMA * medianOf(Float64Array.from(values, (value) => Math.abs(value - center)));
}

/** How many of the sorted values lie above the bound. */
export function countAboveSorted(sorted: ArrayLike<number>, bound: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > bound) high = middle;
    else low = middle + 1;
  }
  return sorted.length - low;
}

/**
 * Wilson score interval of a share (Wilson 1927). 0 of 10 at z = 1.96 gives [0, 0.278].
 * An empty share is unknown: [0, 1].
 */
export function wilsonBounds(
  { hits, total }: Share,
  z: number,
): { readonly low: number; readonly high: number } {
  if (total <= 0) return { low: 0, high: 1 };
  const ratio = hits / total;
  const z2 = z * z;
  const center = (ratio + z2 / (2 * total)) / (1 + z2 / total);
  const half =
    (z / (1 + z2 / total)) * Math.sqrt((ratio * (1 - ratio)) / total + z2 / (4 * total * total));
  return { low: Math.max(0, center - half), high: Math.min(1, center + half) };
}

/** ln L(own ratio) − ln L(expected ratio) of a share; ≥ 0 on both sides. 5 of 10 against 0.1: 5.11. */
export function shareLlr({ hits, total }: Share, expectedRatio: number): number {
  if (total <= 0) return 0;
  const expected = Math.min(Math.max(expectedRatio, 1e-12), 1 - 1e-12);
  const ratio = hits / total;
  return Math.max(
    0,
    hits * lnOrZero(ratio / expected) + (total - hits) * lnOrZero((1 - ratio) / (1 - expected)),
  );
}

/** Likelihood ratio of two different shares against one common share (half of the G statistic). */
export function twoShareLlr(a: Share, b: Share): number {
  const total = a.total + b.total;
  if (a.total <= 0 || b.total <= 0) return 0;
  const common = (a.hits + b.hits) / total;
  return shareLlr(a, common) + shareLlr(b, common);
}

/** Likelihood ratio of two different Poisson rates against one common rate. */
export function twoRateLlr(a: Rate, b: Rate): number {
  if (a.exposure <= 0 || b.exposure <= 0 || a.events + b.events <= 0) return 0;
  const common = (a.events + b.events) / (a.exposure + b.exposure);
  return Math.max(
    0,
    a.events * lnOrZero(a.events / a.exposure / common) +
      b.events * lnOrZero(b.events / b.exposure / common),
  );
}

/**
 * Likelihood ratio of a deviation of z standard deviations under Student's t with the given degrees of
 * freedom: near z²/2 for small z, only logarithmic for huge z, so one freak value cannot outvote the rest.
 */
export function deviationLlr(z: number, degreesOfFreedom: number): number {
  if (!Number.isFinite(z)) return 0;
  return ((degreesOfFreedom + 1) / 2) * Math.log1p((z * z) / degreesOfFreedom);
}

/** Two-sided Fisher exact test of [[a, b], [c, d]]: the sum of all tables no likelier than this one. */
export function fisherExact(table: {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}): number {
  const { a, b, c, d } = table;
  const row = a + b;
  const column = a + c;
  const total = a + b + c + d;
  const lnMargins =
    lnFactorial(row) +
    lnFactorial(total - row) +
    lnFactorial(column) +
    lnFactorial(total - column) -
    lnFactorial(total);
  const lnProbability = (x: number): number =>
    lnMargins -
    lnFactorial(x) -
    lnFactorial(row - x) -
    lnFactorial(column - x) -
    lnFactorial(total - row - column + x);
  // Tables of equal probability differ by rounding only: R's fisher.test uses the same relative slack.
  const bound = lnProbability(a) + 1e-7;
  let sum = 0;
  const to = Math.min(row, column);
  for (let x = Math.max(0, row + column - total); x <= to; x++) {
    const ln = lnProbability(x);
    if (ln <= bound) sum += Math.exp(ln);
  }
  return Math.min(1, sum);
}

/** P(χ² ≥ x): of a likelihood ratio, x is twice its logarithm. 3.841 with one degree of freedom: 0.05. */
export function chiSquareTail(x: number, degreesOfFreedom: number): number {
  if (x <= 0) return 1;
  if (degreesOfFreedom <= 1) return 2 * normalTail(Math.sqrt(x));
  // Wilson and Hilferty (1931): the cube root of χ²/k is nearly normal; within 7 % down to 0.001.
  const spread = 2 / (9 * degreesOfFreedom);
  return normalTail((Math.cbrt(x / degreesOfFreedom) - (1 - spread)) / Math.sqrt(spread));
}

/** P(Z ≥ z) of a standard normal, relative error below 1.2e-7 (Numerical Recipes, erfcc). */
function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  const sum = ERFC_COEFFICIENTS.reduceRight((value, coefficient) => coefficient + t * value, 0);
  const tail = (t * Math.exp(-x * x + sum)) / 2;
  return z >= 0 ? tail : 1 - tail;
}

const ERFC_COEFFICIENTS: readonly number[] = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
  -0.82215223, 0.17087277,
];

/** Shares of belief from log scores: exp(s) / Σ exp(s), safe for any size. */
export function softmax(scores: readonly number[]): number[] {
  const top = scores.reduce((max, score) => Math.max(max, score), Number.NEGATIVE_INFINITY);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The bound that sets two samples apart best. */
export interface Cut {
  /** Values above it count as high. */
  readonly bound: number;
  readonly window: Share;
  readonly reference: Share;
  /** Likelihood ratio, less the price of having tried several bounds. */
  readonly llr: number;
}

const CUT_QUANTILES = [0.9, 0.95, 0.98, 0.99, 1];

/**
 * The bound among the reference's upper quantiles above which the window has most more than the reference.
 * Both samples sorted ascending. A bound lies at least `minFactor` × the reference's median above it, so
 * that a shift nobody would notice finds nothing. Undefined when the window is nowhere higher.
 */
export function findHighCut(
  window: Float64Array,
  reference: Float64Array,
  options: { readonly minFactor: number; readonly minExcess: number },
): Cut | undefined {
  if (window.length === 0 || reference.length === 0) return undefined;
  const median = quantileOfSorted(reference, 0.5);
  const floor = Math.max(median * options.minFactor, median + options.minExcess);
  let best: Cut | undefined;
  let previousBound = Number.NaN;
  for (const q of CUT_QUANTILES) {
    const bound = Math.max(quantileOfSorted(reference, q), floor);
    if (bound === previousBound) continue;
    previousBound = bound;
    const inWindow = { hits: countAboveSorted(window, bound), total: window.length };
    const inReference = { hits: countAboveSorted(reference, bound), total: reference.length };
    if (inWindow.hits / inWindow.total <= inReference.hits / inReference.total) continue;
    // Half a hit more on the reference's side: "never seen in few" is not "impossible".
    const smoothed = { hits: inReference.hits + 0.5, total: inReference.total + 1 };
    const llr = twoShareLlr(inWindow, smoothed) - Math.log(CUT_QUANTILES.length);
    if (best === undefined || llr > best.llr) {
      best = { bound, window: inWindow, reference: inReference, llr };
    }
  }
  return best && { ...best, ...raisedIntoGap(best, window, reference) };
}

/** The raised bound may lose this share of the high values. */
const GAP_LOSS_MAX = 0.05;

/**
 * Where the high values stand apart, the bound belongs between them and the rest, not at the edge of the
 * rest, where chance puts single values above it: halfway (geometric) to the median of the high values.
 */
function raisedIntoGap(
  cut: Cut,
  window: Float64Array,
  reference: Float64Array,
): Pick<Cut, 'bound' | 'window' | 'reference'> {
  const high = window.subarray(window.length - cut.window.hits);
  const bound = Math.sqrt(Math.max(cut.bound, 1) * quantileOfSorted(high, 0.5));
  const hits = countAboveSorted(window, bound);
  if (bound <= cut.bound || hits < (1 - GAP_LOSS_MAX) * cut.window.hits) return cut;
  return {
    bound,
    window: { ...cut.window, hits },
    reference: { ...cut.reference, hits: countAboveSorted(reference, bound) },
  };
}

/** ln Γ(start + count) / Γ(start): the sum of ln (start + i), i < count. */
export function lnRising(start: number, count: number): number {
  if (count > 32) return gammaln(start + count) - gammaln(start);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.log(start + i);
  return sum;
}

function lnOrZero(ratio: number): number {
  return ratio > 0 ? Math.log(ratio) : 0;
}

/** As far as contrasts count rows; gammaln() beyond takes ten times as long. */
const LN_FACTORIALS: readonly number[] = buildLnFactorials(4096);

function lnFactorial(n: number): number {
  return LN_FACTORIALS[n] ?? gammaln(n + 1);
}

function buildLnFactorials(size: number): number[] {
  const table = [0];
  for (let n = 1; n < size; n++) table.push(table[n - 1]! + Math.log(n));
  return table;
}
