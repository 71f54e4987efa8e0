/**
 * Compares a time between two periods within contexts that are alike, so that a change of the mix (more of
 * the slow kind of request) is never taken for a change of the time. One context is a stratum.
 */
import {
  countAboveSorted,
  lnRising,
  quantileOfSorted,
  type Share,
  twoShareLlr,
} from '../base/statistics.ts';

/** Values of one context in both periods, ascending. */
export interface Stratum {
  readonly now: Float64Array;
  /** Not empty. Strata may share one array: values that stand for several contexts count once. */
  readonly before: Float64Array;
  /** True when nothing like it was seen before: `before` are times of others of its kind, worth one value. */
  readonly isForeign?: boolean;
}

export interface StratifiedCut {
  /** By stratum: values above it count as high. */
  readonly bounds: Float64Array;
  readonly window: Share;
  /** In the window's mix of contexts; `total` is the number of values that such a share stands on. */
  readonly reference: Share;
  /** Likelihood ratio, less the price of having tried several cuts. */
  readonly llr: number;
}

/** A time counts as longer from this factor and excess over the reference's median. */
const LONGER = { minFactor: 1.25, minExcess: 1000 };
const CUT_QUANTILES = [0.5, 0.9, 0.95, 0.98, 0.99, 1];

/**
 * The upper quantile of each stratum's reference above which the window has most more than the reference. A
 * bound lies above the stratum's median by a noticeable time. The reference's share is that of its strata in
 * the mix of the window, Σ f·hits/n with f the window's part of a stratum; it stands on 1 / Σ (f²/n) values
 * (Kish's effective size): 40 and 10 values at parts ½ stand on 32. Undefined when the window is nowhere
 * higher.
 */
export function findStratifiedCut(strata: readonly Stratum[]): StratifiedCut | undefined {
  const total = strata.reduce((sum, { now }) => sum + now.length, 0);
  if (total === 0) return undefined;
  const floors = strata.map(({ before }) => {
    const median = quantileOfSorted(before, 0.5);
    return Math.max(median * LONGER.minFactor, median + LONGER.minExcess);
  });
  let best: StratifiedCut | undefined;
  for (const q of CUT_QUANTILES) {
    const bounds = Float64Array.from(strata, ({ before }, index) =>
      Math.max(quantileOfSorted(before, q), floors[index]!),
    );
    const cut = cutAt(strata, { bounds, total });
    if (cut !== undefined && (best === undefined || cut.llr > best.llr)) best = cut;
  }
  return best;
}

function cutAt(
  strata: readonly Stratum[],
  { bounds, total }: { readonly bounds: Float64Array; readonly total: number },
): StratifiedCut | undefined {
  let hits = 0;
  let share = 0;
  const parts = new Map<Float64Array, { part: number; readonly standsOn: number }>();
  for (let index = 0; index < strata.length; index++) {
    const { now, before, isForeign } = strata[index]!;
    const part = now.length / total;
    hits += countAboveSorted(now, bounds[index]!);
    share += (part * countAboveSorted(before, bounds[index]!)) / before.length;
    const shared = parts.get(before) ?? { part: 0, standsOn: isForeign ? 1 : before.length };
    shared.part += part;
    parts.set(before, shared);
  }
  if (hits / total <= share) return undefined;
  let variance = 0;
  for (const shared of parts.values()) variance += shared.part ** 2 / shared.standsOn;
  const standsOn = 1 / variance;
  const window = { hits, total };
  const reference = { hits: share * standsOn, total: standsOn };
  // Half a hit more on the reference's side: "never seen in few" is not "impossible".
  const smoothed = { hits: reference.hits + 0.5, total: reference.total + 1 };
  if (hits / total <= smoothed.hits / smoothed.total) return undefined;
  const llr = twoShareLlr(window, smoothed) - Math.log(CUT_QUANTILES.length);
  return { bounds, window, reference, llr };
}

/**
 * Likelihood ratio that delays of at least `delayUs` beyond a context's median became more frequent, for few
 * calls. Of contexts alike in kind (all ways between services) each has a habit of its own, and before its
 * first value what is known of the others counts as one value: null, one share for both periods with prior
 * Beta(p, 1 − p), p the others' share of such delays; alternative, a new share, Beta(1, 1), in the window. 4
 * delays in 4 calls, after none in 9, with p = 1/3000: ln(1/5) − ln(p/10 · 1/11 · 2/12 · 3/13) = 14.4.
 */
export function delayLlr(
  strata: readonly Stratum[],
  { delayUs, usualShare }: { readonly delayUs: number; readonly usualShare: number },
): number {
  const now = { hits: 0, total: 0 };
  const before = { hits: 0, total: 0 };
  const seen = new Set<Float64Array>();
  for (const stratum of strata) {
    const bound = quantileOfSorted(stratum.before, 0.5) + delayUs;
    now.hits += countAboveSorted(stratum.now, bound);
    now.total += stratum.now.length;
    if (stratum.isForeign === true || seen.has(stratum.before)) continue;
    seen.add(stratum.before);
    before.hits += countAboveSorted(stratum.before, bound);
    before.total += stratum.before.length;
  }
  const hitPrior = usualShare + before.hits;
  const missPrior = 1 - usualShare + before.total - before.hits;
  if (now.hits * (hitPrior + missPrior) <= now.total * hitPrior) return 0;
  const same = lnShareLikelihood(now, { hitPrior, missPrior });
  return Math.max(0, lnShareLikelihood(now, { hitPrior: 1, missPrior: 1 }) - same);
}

/** ln of the chance of these hits and misses, in one order, when their share has a Beta distribution. */
function lnShareLikelihood(
  { hits, total }: Share,
  { hitPrior, missPrior }: { readonly hitPrior: number; readonly missPrior: number },
): number {
  return (
    lnRising(hitPrior, hits) +
    lnRising(missPrior, total - hits) -
    lnRising(hitPrior + missPrior, total)
  );
}
