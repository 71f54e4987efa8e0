/**
 * Counts traces that show something by kind of request, as finely as the bad ones still find good ones of
 * their kind. Requests of different kinds are never compared, so a shift of the mix shows nothing.
 */
import type { Stratum } from './store-cohort.ts';
import type { StoreTraces, TraceSide } from './store-traces.ts';

/** Kinds of request as fine as that leave this share of the bad traces somebody to be compared with. */
const COMPARABLE_SHARE_MIN = 0.9;

/** What shows, by trace, in the window and in the reference. */
export interface Showing {
  readonly window: Uint8Array;
  readonly reference: Uint8Array | undefined;
  /** Traces of the reference that count at all; absent: all. */
  readonly referenceAsked?: Uint8Array;
}

/** Which good requests the bad ones are compared with. */
export type Against = 'all' | 'reference';

export interface Strata {
  readonly strata: readonly Stratum[];
  readonly level: Level;
}

export type Level = (typeof FINE_LEVELS)[number] | 'endpoint';

/** Finest first. */
const FINE_LEVELS = ['kindAndBot', 'kind'] as const;

export function countStrata(traces: StoreTraces, showing: Showing, against: Against): Strata {
  for (const level of FINE_LEVELS) {
    const strata = countAt(level, traces, { showing, against });
    if (comparableShare(strata) >= COMPARABLE_SHARE_MIN) return { strata, level };
  }
  return { strata: countAt('endpoint', traces, { showing, against }), level: 'endpoint' };
}

function comparableShare(strata: readonly Stratum[]): number {
  let all = 0;
  let comparable = 0;
  for (const { bad, good } of strata) {
    all += bad.total;
    if (good.total > 0) comparable += bad.total;
  }
  return all === 0 ? 0 : comparable / all;
}

interface Counts {
  readonly bad: { hits: number; total: number };
  readonly good: { hits: number; total: number };
}

function countAt(
  level: Level,
  traces: StoreTraces,
  { showing, against }: { readonly showing: Showing; readonly against: Against },
): Stratum[] {
  const strata: Counts[] = [];
  const add = (side: TraceSide, trace: number, kind: 'bad' | 'good', shows: number) => {
    const number = side[level][trace]!;
    strata[number] ??= { bad: { hits: 0, total: 0 }, good: { hits: 0, total: 0 } };
    const counts = strata[number][kind];
    counts.total++;
    counts.hits += shows;
  };
  const { window, reference, isBad, isGood } = traces;
  for (let trace = 0; trace < isBad.length; trace += window.step) {
    if (isBad[trace] === 1) add(window, trace, 'bad', showing.window[trace]!);
    else if (isGood[trace] === 1 && against === 'all')
      add(window, trace, 'good', showing.window[trace]!);
  }
  if (reference !== undefined && showing.reference !== undefined) {
    for (let trace = 0; trace < showing.reference.length; trace += reference.step) {
      if (showing.referenceAsked?.[trace] === 0) continue;
      add(reference, trace, 'good', showing.reference[trace]!);
    }
  }
  return strata.filter((counts) => counts !== undefined);
}
