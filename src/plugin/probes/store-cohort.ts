/**
 * Statistics of a cohort comparison: how much more often bad requests show something than good ones of the
 * same kind, with an interval, and what that interval allows to conclude. Pure functions over counts.
 */
import { type Share, wilsonBounds } from '../../base/statistics.ts';
import type { ProbeOutcome } from '../../model/hypothesis.ts';

/** Requests of one kind: how many of the bad and of the good ones show it. */
export interface Stratum {
  readonly bad: Share;
  readonly good: Share;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface CohortEstimate {
  /** Requests of kinds that have bad and good ones, and how many of them show it. */
  readonly bad: Share;
  readonly good: Share;
  /** Shares as if bad and good requests were of the same mix of kinds. */
  readonly badShare: number;
  readonly goodShare: number;
  readonly badInterval: Interval;
  readonly goodInterval: Interval;
  /** Of badShare − goodShare. */
  readonly difference: Interval;
}

/** Two standard errors: 95 %. */
const Z = 1.96;
/** Fewer requests on a side say nothing. */
export const TRACES_MIN = 5;
/** A cause shows in this share of the bad requests, the interval's low end … */
export const NEEDED_SHARE = 0.3;
/**
 * … and is more likely than not what made a request bad that shows it: at most half of what the bad ones show
 * is the background of the good ones (a doubled risk, as epidemiology and courts have it).
 */
export const BACKGROUND_SHARE_MAX = 0.5;
/**
 * What makes less of a difference than this, at the interval's high end, has no part worth the name: unless
 * it is rare, and where it shows it tells.
 */
export const DIFFERENCE_MIN = 0.1;

/**
 * Shares standardised to one mix with the weights of Mantel and Haenszel (1959), n₁n₀ / (n₁ + n₀): a kind of
 * request that only one side has weighs nothing. Intervals are Wilson's at the effective size (Σw)² / Σ(w²/n),
 * the difference's is Newcombe's (1998, method 10), which stands where a share is 0 or 1. One kind of request,
 * 36 of 40 against 0 of 60: 0.9 and 0, difference [0.76, 0.96].
 */
export function estimateCohorts(strata: readonly Stratum[]): CohortEstimate {
  const shared = strata.filter(({ bad, good }) => bad.total > 0 && good.total > 0);
  const badSide = standardised(shared, ({ bad }) => bad);
  const goodSide = standardised(shared, ({ good }) => good);
  const gap = badSide.ratio - goodSide.ratio;
  return {
    bad: badSide.sum,
    good: goodSide.sum,
    badShare: badSide.ratio,
    goodShare: goodSide.ratio,
    badInterval: badSide.interval,
    goodInterval: goodSide.interval,
    difference: {
      low:
        gap -
        Math.hypot(badSide.ratio - badSide.interval.low, goodSide.interval.high - goodSide.ratio),
      high:
        gap +
        Math.hypot(badSide.interval.high - badSide.ratio, goodSide.ratio - goodSide.interval.low),
    },
  };
}

function standardised(strata: readonly Stratum[], side: (stratum: Stratum) => Share) {
  let weightSum = 0;
  let weightedRatio = 0;
  let squares = 0;
  let hits = 0;
  let total = 0;
  for (const stratum of strata) {
    const share = side(stratum);
    const weight =
      (stratum.bad.total * stratum.good.total) / (stratum.bad.total + stratum.good.total);
    weightSum += weight;
    weightedRatio += (weight * share.hits) / share.total;
    squares += (weight * weight) / share.total;
    hits += share.hits;
    total += share.total;
  }
  const ratio = weightSum > 0 ? weightedRatio / weightSum : 0;
  const size = weightSum > 0 ? (weightSum * weightSum) / squares : 0;
  return { ratio, sum: { hits, total }, interval: wilson({ hits: ratio * size, total: size }) };
}

/** Wilson's interval at 95 %. */
export function wilson(share: Share): Interval {
  return wilsonBounds(share, Z);
}

/** By intervals, never by the shares alone. */
export function outcomeOf(estimate: CohortEstimate): ProbeOutcome {
  if (!isEnough(estimate)) return 'inconclusive';
  const { badInterval, goodInterval, difference } = estimate;
  const isRareButTelling =
    difference.low > 0 && difference.high > (1 - BACKGROUND_SHARE_MAX) * estimate.badShare;
  if (difference.high < DIFFERENCE_MIN) return isRareButTelling ? 'inconclusive' : 'refute';
  const isNecessary = badInterval.low >= NEEDED_SHARE && difference.low > 0;
  const isTelling = goodInterval.high <= BACKGROUND_SHARE_MAX * badInterval.low;
  return isNecessary && isTelling ? 'confirm' : 'inconclusive';
}

export function isEnough({ bad, good }: CohortEstimate): boolean {
  return bad.total >= TRACES_MIN && good.total >= TRACES_MIN;
}
