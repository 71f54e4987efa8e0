/**
 * Requests of one moment are no independent witnesses: a pause slows all that are under way. How much more the
 * slow ones crowd in time than chance would have it is the dispersion by which a likelihood ratio is divided
 * (quasi-likelihood: Wedderburn 1974; McCullagh and Nelder, Generalized Linear Models, chapter 9).
 */
import type { SpanTable } from '../model/window.ts';

/** Stretches of a period; 12 keep the estimate within a third of the truth. */
const STRETCHES = 12;
/** Fewer slow ones crowd by chance. */
const HITS_MIN = 4;

/** By trace: the stretch of the period in which it begins. */
export function stretchOfTraces(table: SpanTable): Uint8Array {
  const begins = Float64Array.from(table.traceIds, (_, trace) => {
    const start = table.traceStart[trace]!;
    return start === table.traceStart[trace + 1] ? 0 : table.startUs[table.traceRows[start]!]!;
  });
  let [fromUs, toUs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const begin of begins) {
    fromUs = Math.min(fromUs, begin);
    toUs = Math.max(toUs, begin);
  }
  const lengthUs = (toUs - fromUs) / STRETCHES;
  return Uint8Array.from(begins, (begin) =>
    lengthUs > 0 ? Math.min(STRETCHES - 1, Math.floor((begin - fromUs) / lengthUs)) : 0,
  );
}

/** Slow ones among all, by stretch of one period. */
export class StretchCounts {
  readonly #hits = new Float64Array(STRETCHES);
  readonly #totals = new Float64Array(STRETCHES);

  add(stretch: number, isHit: boolean): void {
    this.#totals[stretch]!++;
    if (isHit) this.#hits[stretch]!++;
  }

  /** Pearson's χ² of equal shares in all stretches, and its degrees of freedom. */
  chiSquare(): { readonly chiSquare: number; readonly freedom: number } {
    const hits = this.#hits.reduce((sum, one) => sum + one, 0);
    const total = this.#totals.reduce((sum, one) => sum + one, 0);
    const share = total === 0 ? 0 : hits / total;
    let chiSquare = 0;
    let freedom = -1;
    this.#totals.forEach((count, stretch) => {
      if (count === 0) return;
      freedom++;
      const variance = count * share * (1 - share);
      if (variance > 0) chiSquare += (this.#hits[stretch]! - count * share) ** 2 / variance;
    });
    return hits < HITS_MIN
      ? { chiSquare: 0, freedom: 0 }
      : { chiSquare, freedom: Math.max(0, freedom) };
  }
}

/** Variance of the slow ones over what chance allows, pooled over the periods; at least 1. */
export function dispersionOf(periods: readonly StretchCounts[]): number {
  let chiSquare = 0;
  let freedom = 0;
  for (const period of periods) {
    const one = period.chiSquare();
    chiSquare += one.chiSquare;
    freedom += one.freedom;
  }
  return freedom === 0 ? 1 : Math.max(1, chiSquare / freedom);
}
