/**
 * Decides which spans of the window are anomalous: slower than their operation's reference allows, slower
 * by their own time, or failed where failing is more frequent than in the reference. Shares, never counts.
 */
import {
  countAboveSorted,
  findHighCut,
  medianOf,
  robustSigmaOf,
  shareLlr,
  twoShareLlr,
} from '../base/statistics.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import type { Collected } from '../model/investigation.ts';
import { type OperationRows, rowsByOperation, sortedValues } from '../model/row-groups.ts';
import { endpointIdOf } from '../model/tally.ts';
import type { SpanTable } from '../model/window.ts';

/** Why a span is anomalous; bits of a mark. */
export const MARK = { slow: 1, slowItself: 2, failed: 4 } as const;

/** A slower span is of interest from this factor and excess over the reference's median. */
const LATENCY = { minFactor: 1.25, minExcess: 1000 };
/** Likelihood ratio for a group to count, before the number of groups is paid for: p about 0.05. */
const LLR_MIN = 2;
/** Reference spans of an operation below which its quantiles say nothing. */
const REFERENCE_SPANS_MIN = 8;
/** Expected failures where neither reference nor baseline knows. */
const UNKNOWN_ERROR_RATIO = 0.01;
/** Without any reference: this many robust deviations of the log above the window's own median. */
const OUTLIER_SIGMAS = 5;

export interface Marks {
  /** Bits of MARK by row of the window's table. */
  readonly marks: Uint8Array;
  readonly windowGroups: ReadonlyMap<number, OperationRows>;
  readonly referenceGroups: ReadonlyMap<number, OperationRows>;
}

export function markAnomalousSpans(collected: Collected): Marks {
  const table = collected.window.spans;
  const reference = collected.reference?.spans;
  const windowGroups = rowsByOperation(table);
  const referenceGroups: ReadonlyMap<number, OperationRows> =
    reference === undefined ? new Map() : rowsByOperation(reference);
  const marks = new Uint8Array(table.count);
  const llrMin = LLR_MIN + Math.log(Math.max(1, windowGroups.size));
  for (const group of windowGroups.values()) {
    const baseline = collected.baselines.get(
      endpointIdOf(table.strings.text(group.service), table.strings.text(group.operation)),
    );
    const known = referenceGroups.get(group.key);
    const side = reference && known ? { table: reference, rows: known.rows } : undefined;
    markFailed(table, { group, side, baseline, llrMin, marks });
    markSlow(table, { group, side, baseline, llrMin, marks });
  }
  return { marks, windowGroups, referenceGroups };
}

interface GroupTask {
  readonly group: OperationRows;
  readonly side: { readonly table: SpanTable; readonly rows: Uint32Array } | undefined;
  readonly baseline: EndpointBaseline | undefined;
  readonly llrMin: number;
  readonly marks: Uint8Array;
}

/** Each error type is judged alone first, so that a new error is seen below a constant noise of others. */
function markFailed(table: SpanTable, task: GroupTask): void {
  const { group, side, marks } = task;
  const now = failuresByType(table, group.rows);
  if (now.total === 0) return;
  const before = side ? failuresByType(side.table, side.rows) : undefined;
  const isMore = (hits: number, hitsBefore: number): boolean => {
    const share = { hits, total: group.rows.length };
    if (side !== undefined && before !== undefined) {
      const earlier = { hits: hitsBefore + 0.5, total: side.rows.length + 1 };
      const isHigher = hits / share.total > hitsBefore / side.rows.length;
      return isHigher && twoShareLlr(share, earlier) >= task.llrMin;
    }
    const expected = task.baseline?.errorRatio.high ?? UNKNOWN_ERROR_RATIO;
    return hits / share.total > expected && shareLlr(share, expected) >= task.llrMin;
  };
  const types = new Set<number>();
  for (const [type, hits] of now.byType) {
    if (isMore(hits, before?.byType.get(type) ?? 0)) types.add(type);
  }
  const isWholeMore = types.size === 0 && isMore(now.total, before?.total ?? 0);
  if (types.size === 0 && !isWholeMore) return;
  for (const row of group.rows) {
    if (table.isError[row] === 0) continue;
    if (isWholeMore || types.has(table.errorType[row]!)) marks[row]! |= MARK.failed;
  }
}

function failuresByType(
  table: SpanTable,
  rows: Uint32Array,
): { readonly total: number; readonly byType: Map<number, number> } {
  const byType = new Map<number, number>();
  let total = 0;
  for (const row of rows) {
    if (table.isError[row] === 0) continue;
    const type = table.errorType[row]!;
    byType.set(type, (byType.get(type) ?? 0) + 1);
    total++;
  }
  return { total, byType };
}

function markSlow(table: SpanTable, task: GroupTask): void {
  markAbove(table.durationUs, MARK.slow, {
    task,
    bound: boundOf(task, { now: table.durationUs, before: task.side?.table.durationUs }),
  });
  // On the critical path: a span beside the calls it waits for is not slow itself.
  // Own time has no baseline of its own: only a reference period can say what is normal.
  if (task.side === undefined) return;
  const columns = { now: table.criticalUs, before: task.side.table.criticalUs };
  markAbove(table.criticalUs, MARK.slowItself, { task, bound: referenceBound(task, columns) });
}

function markAbove(
  column: Float64Array,
  mark: number,
  { task, bound }: { readonly task: GroupTask; readonly bound: number | undefined },
): void {
  if (bound === undefined) return;
  for (const row of task.group.rows) {
    if (column[row]! > bound) task.marks[row]! |= mark;
  }
}

interface Columns {
  readonly now: Float64Array;
  readonly before: Float64Array | undefined;
}

function boundOf(task: GroupTask, columns: Columns): number | undefined {
  if (task.side !== undefined && task.side.rows.length >= REFERENCE_SPANS_MIN) {
    return referenceBound(task, columns);
  }
  const sorted = sortedValues(columns.now, task.group.rows);
  if (task.baseline !== undefined) {
    const bound = task.baseline.latencyUsP95.high;
    const hits = countAboveSorted(sorted, bound);
    const llr = shareLlr({ hits, total: sorted.length }, 0.05);
    return hits / sorted.length > 0.05 && llr >= task.llrMin ? bound : undefined;
  }
  return task.side === undefined ? outlierBound(sorted) : undefined;
}

function referenceBound(task: GroupTask, columns: Columns): number | undefined {
  if (columns.before === undefined || task.side === undefined) return undefined;
  if (task.side.rows.length < REFERENCE_SPANS_MIN) return undefined;
  const cut = findHighCut(
    sortedValues(columns.now, task.group.rows),
    sortedValues(columns.before, task.side.rows),
    LATENCY,
  );
  return cut !== undefined && cut.llr >= task.llrMin ? cut.bound : undefined;
}

/** Nothing to compare with: values far above the bulk of the window itself. */
function outlierBound(sorted: Float64Array): number | undefined {
  if (sorted.length < REFERENCE_SPANS_MIN) return undefined;
  const logs = sorted.map((value) => Math.log1p(value));
  const median = medianOf(logs);
  const sigma = Math.max(robustSigmaOf(logs, median), 0.1);
  const bound = Math.expm1(median + OUTLIER_SIGMAS * sigma);
  return Math.max(bound, Math.expm1(median) + LATENCY.minExcess);
}
