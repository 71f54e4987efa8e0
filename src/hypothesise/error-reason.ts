/**
 * Why runs went another way, in the words of the errors that they or the spans around them logged: an error
 * that names a callee says that the fault is not here.
 */
import { NO_ROW } from '../model/window.ts';
import { type ErrorLines, SEVERITY_ERROR } from './error-line.ts';
import type { Facts } from './facts.ts';
import type { SpanLogs } from './span-log.ts';

/** What the errors say with which most of some runs ended. */
export interface ErrorReason {
  /** The callee that they name. */
  readonly dependency: string | undefined;
  /** See ErrorLines. */
  readonly surpriseMax: number;
}

export const NO_REASON: ErrorReason = {
  dependency: undefined,
  surpriseMax: Number.POSITIVE_INFINITY,
};

export function reasonOf(
  rows: readonly number[],
  context: {
    readonly facts: Facts;
    readonly joined: SpanLogs;
    readonly errorLines: ErrorLines;
  },
): ErrorReason {
  const { facts, joined, errorLines } = context;
  const { logs } = facts.clustered.window;
  const lines = new Map<number, { count: number; readonly log: number }>();
  for (const row of rows) {
    const log = lastErrorOf(row, { facts, joined });
    if (log === undefined) continue;
    const known = lines.get(logs.template[log]!);
    if (known) known.count++;
    else lines.set(logs.template[log]!, { count: 1, log });
  }
  for (const [template, { count, log }] of lines) {
    if (2 * count <= rows.length) continue;
    const service = logs.strings.text(logs.service[log]!);
    return {
      dependency: errorLines.namedCallee(service, logs.strings.text(logs.body[log]!)),
      surpriseMax: errorLines.surpriseMax(service, logs.strings.text(template)),
    };
  }
  return NO_REASON;
}

/** Of the run, or of the spans of the same service around it, where exceptions end up. */
function lastErrorOf(
  row: number,
  { facts, joined }: { readonly facts: Facts; readonly joined: SpanLogs },
): number | undefined {
  const { table } = facts;
  const { severity } = facts.clustered.window.logs;
  const service = table.service[row]!;
  for (let at = row; at !== NO_ROW && table.service[at] === service; at = table.parent[at]!) {
    for (let index = joined.start[at + 1]! - 1; index >= joined.start[at]!; index--) {
      if (severity[joined.logs[index]!]! >= SEVERITY_ERROR) return joined.logs[index]!;
    }
  }
  return undefined;
}
