/**
 * Which parts of a reference are no example of what is normal: a cold start, an earlier incident that nobody
 * recorded. A steady reference has about the same share of slow and failed requests all along; a slice that
 * has clearly more than the others is left out.
 */
import { medianOf, quantileOfSorted, twoShareLlr } from '../base/statistics.ts';
import type { TimeRange } from '../base/time.ts';
import { rowsByOperation, sortedValues } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';

const SLICES = 12;
/** Requests of an operation are slow above this quantile of all of them … */
const SLOW_QUANTILE = 0.9;
/** … which fewer requests cannot tell. */
const REQUESTS_MIN = 20;
/** More than this share of the slices is no exception. */
const LEFT_OUT_MAX = 0.5;
/** Likelihood ratio against the typical slice: p = 0.001 after the choice among the slices. */
const LLR_MIN = 5.4 + Math.log(SLICES);
/** … and this many times its share: a trend of the day is normal. */
const FACTOR_MIN = 2;

/** Ranges to leave out, by time; empty for a steady reference. */
export function findUnsteady(table: SpanTable, range: TimeRange): TimeRange[] {
  const { hits, totals } = countBySlice(table, range);
  const shares = Array.from(hits, (hit, slice) => hit / Math.max(1, totals[slice]!));
  const used = [...shares.keys()].filter((slice) => totals[slice]! > 0);
  if (used.length < SLICES / 2) return [];
  // The median slice stands for the rest: it holds while fewer than half are exceptions.
  const usual = medianOf(used.map((slice) => shares[slice]!));
  const isUsual = (slice: number) => shares[slice]! <= FACTOR_MIN * usual;
  const rest = used.filter(isUsual);
  const there = { hits: sumOf(hits, rest), total: sumOf(totals, rest) };
  const unsteady = used.filter((slice) => {
    if (isUsual(slice)) return false;
    return twoShareLlr({ hits: hits[slice]!, total: totals[slice]! }, there) >= LLR_MIN;
  });
  if (unsteady.length > LEFT_OUT_MAX * used.length) return [];
  const lengthUs = (range.toUs - range.fromUs) / SLICES;
  return unsteady.map((slice) => ({
    fromUs: Math.floor(range.fromUs + slice * lengthUs),
    toUs: Math.ceil(range.fromUs + (slice + 1) * lengthUs),
  }));
}

/** Requests by slice of time, and how many of them are slow for their operation or failed. */
function countBySlice(
  table: SpanTable,
  range: TimeRange,
): { readonly hits: Uint32Array; readonly totals: Uint32Array } {
  const hits = new Uint32Array(SLICES);
  const totals = new Uint32Array(SLICES);
  const perUs = SLICES / (range.toUs - range.fromUs);
  for (const { rows } of rowsByOperation(table).values()) {
    const roots = rows.filter((row) => table.parent[row] === NO_ROW);
    if (roots.length < REQUESTS_MIN) continue;
    const slowUs = quantileOfSorted(sortedValues(table.durationUs, roots), SLOW_QUANTILE);
    for (const row of roots) {
      const slice = Math.floor((table.startUs[row]! - range.fromUs) * perUs);
      if (slice < 0 || slice >= SLICES) continue;
      totals[slice]!++;
      if (table.isError[row] === 1 || table.durationUs[row]! > slowUs) hits[slice]!++;
    }
  }
  return { hits, totals };
}

function sumOf(counts: Uint32Array, slices: readonly number[]): number {
  return slices.reduce((sum, slice) => sum + counts[slice]!, 0);
}
