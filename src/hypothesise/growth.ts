/**
 * Whether places together got slower. Single ones may have too few spans to tell; then it counts how rare
 * such delays are at all places of their kind. Slow spans that crowd in time count for less (dispersion.ts).
 */
import { countAboveSorted, quantileOfSorted } from '../base/statistics.ts';
import type { Place } from './place.ts';
import { delayLlr, findStratifiedCut } from './strata.ts';

/** Likelihood ratio from which places count as grown. */
export const GROWTH_LLR_MIN = 3;

/** Share of the reference's times, at places of one kind, that lie so far beyond what is usual there. */
export type UsualShare = (delayUs: number) => number;

/** Likelihood ratio that the places grew; two ways to look at it, of which the better counts. */
export function growthOf(places: readonly Place[], usual: UsualShare): number {
  const strata = places.flatMap((place) => place.strata);
  const delayUs = places.reduce((max, place) => Math.max(max, delayOf(place)), 0) / 2;
  if (strata.length === 0 || delayUs === 0) return 0;
  const byCut = findStratifiedCut(strata)?.llr ?? 0;
  const byDelay = delayLlr(strata, { delayUs, usualShare: usual(delayUs) });
  const most = places.reduce((a, b) => (b.excessUs > a.excessUs ? b : a));
  return (Math.max(byCut, byDelay) - Math.log(2)) / most.dispersion;
}

/** Extra time of a place for each of its spans. */
export function delayOf({ excessUs, count }: Place): number {
  return excessUs / count;
}

/** Half a time more on both sides: "never seen" is not "impossible". */
export function usualShareOf(places: readonly Place[]): UsualShare {
  const known = new Set(places.flatMap(({ strata }) => strata.map(({ before }) => before)));
  const contexts = [...known].map((before) => ({ before, median: quantileOfSorted(before, 0.5) }));
  const total = contexts.reduce((sum, { before }) => sum + before.length, 0);
  const shares = new Map<number, number>();
  return (delayUs) => {
    let share = shares.get(delayUs);
    if (share === undefined) {
      let hits = 0;
      for (const { before, median } of contexts) hits += countAboveSorted(before, median + delayUs);
      share = (hits + 0.5) / (total + 1);
      shares.set(delayUs, share);
    }
    return share;
  };
}
