/**
 * Where the time of each request is spent, row by row: a span's own part of the critical path, which spans
 * are calls that another service answers, and what passes in waiting between attempts. The parts of a
 * request's critical path add up to its duration.
 */
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { findRetryWaits, type RetryWaits } from './retry-wait.ts';

export interface RequestTimes extends RetryWaits {
  /** By row of a call: the span in another service that answers it; NO_ROW for none. */
  readonly answer: Int32Array;
}

export function timeRequests(table: SpanTable): RequestTimes {
  const answer = new Int32Array(table.count).fill(NO_ROW);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
    if (isCall(table, parent) && answer[parent] === NO_ROW) answer[parent] = row;
  }
  return { ...findRetryWaits(table), answer };
}

/** A span by which a service calls another one. */
export function isCall(table: SpanTable, row: number): boolean {
  const kind = table.kind[row];
  return kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
}
