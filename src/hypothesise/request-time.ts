/**
 * Where the time of each request is spent, row by row: a span's own part of the critical path, which spans
 * are calls that another service answers, and what passes in waiting between attempts. The parts of a
 * request's critical path add up to its duration; only durations are compared across services.
 */
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { findRetryWaits, type RetryWaits } from './retry-wait.ts';

/** Time stamps of some senders are whole milliseconds: less than that is no disagreement of clocks. */
const CLOCK_TOLERANCE_US = 1000;

export interface RequestTimes extends RetryWaits {
  /** By row of a call: the span in another service that answers it; NO_ROW for none. */
  readonly answer: Int32Array;
}

export function timeRequests(table: SpanTable): RequestTimes {
  const answer = new Int32Array(table.count).fill(NO_ROW);
  const ownUs = table.criticalUs.slice(0, table.count);
  const isSkewed = new Uint8Array(table.traceIds.length);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
    if (isCall(table, parent) && answer[parent] === NO_ROW) answer[parent] = row;
    if (isMisplaced(table, { parent, row })) isSkewed[table.trace[row]!] = 1;
  }
  for (let trace = 0; trace < isSkewed.length; trace++) {
    if (isSkewed[trace] === 1) takeDurations(table, { trace, ownUs });
  }
  return { ...findRetryWaits(table, ownUs), answer };
}

/** A span by which a service calls another one. */
export function isCall(table: SpanTable, row: number): boolean {
  const kind = table.kind[row];
  return kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
}

/** Only clocks that disagree put a callee before its caller, or a shorter answer past the call's end. */
function isMisplaced(
  table: SpanTable,
  { parent, row }: { readonly parent: number; readonly row: number },
): boolean {
  if (table.service[parent] === table.service[row]) return false;
  const startUs = table.startUs[row]!;
  const parentStartUs = table.startUs[parent]!;
  if (startUs < parentStartUs - CLOCK_TOLERANCE_US) return true;
  if (table.kind[parent] !== SPAN_KIND.client) return false;
  const endUs = startUs + table.durationUs[row]!;
  const parentEndUs = parentStartUs + table.durationUs[parent]!;
  return (
    endUs > parentEndUs + CLOCK_TOLERANCE_US && table.durationUs[row]! <= table.durationUs[parent]!
  );
}

/**
 * A trace whose clocks disagree has no critical path. Its spans have the time that no child covers, and a
 * child that the clocks misplaced counts with its whole duration, wherever it appears to lie.
 */
function takeDurations(
  table: SpanTable,
  { trace, ownUs }: { readonly trace: number; readonly ownUs: Float64Array },
): void {
  const rows = table.traceRows.subarray(table.traceStart[trace], table.traceStart[trace + 1]);
  for (const row of rows) ownUs[row] = table.selfUs[row]!;
  for (const row of rows) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || !isMisplaced(table, { parent, row })) continue;
    const fromUs = Math.max(table.startUs[row]!, table.startUs[parent]!);
    const toUs = Math.min(
      table.startUs[row]! + table.durationUs[row]!,
      table.startUs[parent]! + table.durationUs[parent]!,
    );
    const hiddenUs = table.durationUs[row]! - Math.max(0, toUs - fromUs);
    ownUs[parent] = Math.max(0, ownUs[parent]! - hiddenUs);
  }
}
