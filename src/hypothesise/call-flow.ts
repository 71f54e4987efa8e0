/** Runs as the set of operations that they call: flows for the channel of missing calls (src/hypothesise/missing-call.ts). */
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import { type EventSource, gatherFlows, type OperationNumbers } from './event-flow.ts';
import type { Facts } from './facts.ts';
import type { BothFlows } from './line-flow.ts';

/** Different operations that one span calls; more are not told apart. */
const CALLS_PER_SPAN_MAX = 256;

/** Children of row r: rows[start[r] … start[r + 1]), by row. */
export interface Children {
  readonly start: Uint32Array;
  readonly rows: Uint32Array;
}

export interface CallFlows extends BothFlows {
  readonly childrenBefore: Children;
}

/** Events are operation numbers, ascending: which calls are made, not in which order. */
export function gatherCallFlows(
  facts: Facts,
  { reference, numbers }: { readonly reference: WindowData; readonly numbers: OperationNumbers },
): CallFlows {
  const { window } = facts.clustered;
  const children = childrenOf(window.spans);
  const childrenBefore = childrenOf(reference.spans);
  const isCalling = new Uint8Array(numbers.count + 1);
  markCalling(isCalling, { children, operationOfRow: numbers.now });
  markCalling(isCalling, { children: childrenBefore, operationOfRow: numbers.before });
  const flowsOf = (data: WindowData, of: Children, operationOfRow: Uint32Array) =>
    gatherFlows(data.spans, {
      range: data.range,
      operationOfRow,
      operationCount: numbers.count,
      source: new CallSource({ spans: data.spans, children: of, operationOfRow, isCalling }),
    });
  return {
    now: flowsOf(window, children, numbers.now),
    before: flowsOf(reference, childrenBefore, numbers.before),
    childrenBefore,
  };
}

function childrenOf({ count, parent }: SpanTable): Children {
  const start = new Uint32Array(count + 1);
  for (let row = 0; row < count; row++) if (parent[row] !== NO_ROW) start[parent[row]! + 1]!++;
  for (let row = 0; row < count; row++) start[row + 1]! += start[row]!;
  const rows = new Uint32Array(start[count]!);
  const filled = start.slice();
  for (let row = 0; row < count; row++) {
    if (parent[row] !== NO_ROW) rows[filled[parent[row]!]!++] = row;
  }
  return { start, rows };
}

/** By operation: whether any run of it calls something. */
function markCalling(
  isCalling: Uint8Array,
  {
    children,
    operationOfRow,
  }: { readonly children: Children; readonly operationOfRow: Uint32Array },
): void {
  for (let row = 0; row < operationOfRow.length; row++) {
    if (children.start[row + 1]! > children.start[row]!) isCalling[operationOfRow[row]!] = 1;
  }
}

class CallSource implements EventSource {
  readonly events = new Uint32Array(CALLS_PER_SPAN_MAX);
  readonly severities = new Uint8Array(CALLS_PER_SPAN_MAX);
  readonly #spans: SpanTable;
  readonly #children: Children;
  readonly #operationOfRow: Uint32Array;
  readonly #isCalling: Uint8Array;

  constructor(of: {
    readonly spans: SpanTable;
    readonly children: Children;
    readonly operationOfRow: Uint32Array;
    readonly isCalling: Uint8Array;
  }) {
    this.#spans = of.spans;
    this.#children = of.children;
    this.#operationOfRow = of.operationOfRow;
    this.#isCalling = of.isCalling;
  }

  read(row: number): number {
    if (this.#isCalling[this.#operationOfRow[row]!] === 0) return -1;
    // Whether and when a message is taken is not the sender's: src/hypothesise/queue.ts.
    if (this.#spans.kind[row] === SPAN_KIND.producer) return -1;
    const { start, rows } = this.#children;
    let count = 0;
    for (let at = start[row]!; at < start[row + 1]! && count < CALLS_PER_SPAN_MAX; at++) {
      count = insert(this.events, count, this.#operationOfRow[rows[at]!]!);
    }
    return count;
  }
}

/** Into a sorted set of few numbers; returns its new size. */
function insert(set: Uint32Array, count: number, value: number): number {
  let at = count;
  while (at > 0 && set[at - 1]! > value) at--;
  if (at > 0 && set[at - 1] === value) return count;
  set.copyWithin(at + 1, at, count);
  set[at] = value;
  return count + 1;
}
