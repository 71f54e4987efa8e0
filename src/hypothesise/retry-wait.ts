/**
 * Time that a caller waits between a failed attempt and the next one: back-off. It passes in the caller, but
 * the failures cause it, so it is taken off the caller's own time and put down to what failed.
 */
import { NO_ROW, type SpanTable } from '../model/window.ts';

export interface RetryWaits {
  /** Own time of each row on the critical path, without the waits between its attempts. */
  readonly ownUs: Float64Array;
  /** By row of a failed attempt: the wait that follows it. */
  readonly causedUs: Float64Array;
  /** By row: 1 when it is an attempt after a failed one. */
  readonly isRetry: Uint8Array;
}

/**
 * An attempt is a span with the parent, service, operation and target of an earlier one that failed and has
 * ended. Time in between that another child of the parent fills is that child's and no wait.
 */
export function findRetryWaits(table: SpanTable): RetryWaits {
  const waits: RetryWaits = {
    ownUs: table.criticalUs.slice(0, table.count),
    causedUs: new Float64Array(table.count),
    isRetry: new Uint8Array(table.count),
  };
  const hasFailedChild = new Uint8Array(table.count);
  const hasFailed = new Uint8Array(table.traceIds.length);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (table.isError[row] === 0 || parent === NO_ROW) continue;
    hasFailedChild[parent] = 1;
    hasFailed[table.trace[row]!] = 1;
  }
  for (let trace = 0; trace < hasFailed.length; trace++) {
    if (hasFailed[trace] === 1) addWaits(table, { trace, hasFailedChild, waits });
  }
  return waits;
}

/** The children of one parent that have started so far. */
interface Sweep {
  /** End of what the children cover. */
  coveredToUs: number;
  /** Time within the parent that no child covers, so far. */
  uncoveredUs: number;
  /** By call: its last attempt, and the uncovered time when it started. */
  readonly attempts: Map<string, { readonly row: number; readonly uncoveredUs: number }>;
}

/** Rows of a trace come by start time, hence the children of each parent too. */
function addWaits(
  table: SpanTable,
  task: {
    readonly trace: number;
    readonly hasFailedChild: Uint8Array;
    readonly waits: RetryWaits;
  },
): void {
  const { ownUs, causedUs, isRetry } = task.waits;
  const sweeps = new Map<number, Sweep>();
  for (let at = table.traceStart[task.trace]!; at < table.traceStart[task.trace + 1]!; at++) {
    const row = table.traceRows[at]!;
    const parent = table.parent[row]!;
    if (parent === NO_ROW || task.hasFailedChild[parent] === 0) continue;
    const startUs = table.startUs[row]!;
    const sweep = sweeps.get(parent) ?? {
      coveredToUs: table.startUs[parent]!,
      uncoveredUs: 0,
      attempts: new Map(),
    };
    sweeps.set(parent, sweep);
    sweep.uncoveredUs += Math.max(0, startUs - sweep.coveredToUs);
    sweep.coveredToUs = Math.max(sweep.coveredToUs, startUs + table.durationUs[row]!);
    const call = `${table.service[row]} ${table.operation[row]} ${table.target[row]}`;
    const last = sweep.attempts.get(call);
    sweep.attempts.set(call, { row, uncoveredUs: sweep.uncoveredUs });
    if (last === undefined || table.isError[last.row] === 0) continue;
    const lastEndUs = table.startUs[last.row]! + table.durationUs[last.row]!;
    if (lastEndUs > startUs) continue;
    isRetry[row] = 1;
    // Waits of attempts that run side by side overlap: together they are at most the parent's own time.
    const waitUs = Math.min(sweep.uncoveredUs - last.uncoveredUs, ownUs[parent]!);
    ownUs[parent]! -= waitUs;
    causedUs[last.row]! += waitUs;
  }
}
