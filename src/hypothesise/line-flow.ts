/** Runs as the lines of their log, in order: flows for the channel of steps (src/hypothesise/transition.ts). */
import type { LogTable, SpanTable, WindowData } from '../model/window.ts';
import {
  type EventFlows,
  type EventSource,
  gatherFlows,
  type OperationNumbers,
} from './event-flow.ts';
import type { Facts } from './facts.ts';
import type { SpanLogs } from './span-log.ts';

/** Lines of one span beyond which the rest is not read: a batch job's log is no sequence of steps. */
const LINES_PER_SPAN_MAX = 1000;

export interface BothFlows {
  readonly now: EventFlows;
  readonly before: EventFlows;
}

/** Events are string ids: of the place in the code, or of the template where no place is known. */
export function gatherLineFlows(
  facts: Facts,
  periods: {
    readonly reference: WindowData;
    readonly spanLogs: NonNullable<Facts['spanLogs']>;
    readonly numbers: OperationNumbers;
  },
): BothFlows {
  const { reference, spanLogs, numbers } = periods;
  const isLogging = new Uint8Array(numbers.count + 1);
  markLogging(isLogging, { joined: spanLogs.now, operationOfRow: numbers.now });
  markLogging(isLogging, { joined: spanLogs.before, operationOfRow: numbers.before });
  const flowsOf = (data: WindowData, joined: SpanLogs, operationOfRow: Uint32Array): EventFlows =>
    gatherFlows(data.spans, {
      range: data.range,
      operationOfRow,
      operationCount: numbers.count,
      source: new LineSource(data, { joined, operationOfRow, isLogging }),
    });
  return {
    now: flowsOf(facts.clustered.window, spanLogs.now, numbers.now),
    before: flowsOf(reference, spanLogs.before, numbers.before),
  };
}

/** By operation: whether any run of it has a line. */
function markLogging(
  isLogging: Uint8Array,
  { joined, operationOfRow }: { readonly joined: SpanLogs; readonly operationOfRow: Uint32Array },
): void {
  for (let row = 0; row < operationOfRow.length; row++) {
    if (joined.start[row + 1]! > joined.start[row]!) isLogging[operationOfRow[row]!] = 1;
  }
}

class LineSource implements EventSource {
  readonly events = new Uint32Array(LINES_PER_SPAN_MAX);
  readonly severities = new Uint8Array(LINES_PER_SPAN_MAX);
  readonly #spans: SpanTable;
  readonly #logs: LogTable;
  readonly #joined: SpanLogs;
  readonly #operationOfRow: Uint32Array;
  readonly #isLogging: Uint8Array;
  /** By service: when the first and the last of its lines were written. */
  readonly #lineTimes: ReadonlyMap<number, { readonly firstUs: number; readonly lastUs: number }>;
  /** By trace: whether any of its lines is here. Of many lines only those of some traces are read. */
  readonly #hasLines: Uint8Array;

  constructor(
    { spans, logs }: WindowData,
    of: {
      readonly joined: SpanLogs;
      readonly operationOfRow: Uint32Array;
      readonly isLogging: Uint8Array;
    },
  ) {
    this.#spans = spans;
    this.#logs = logs;
    this.#joined = of.joined;
    this.#operationOfRow = of.operationOfRow;
    this.#isLogging = of.isLogging;
    this.#lineTimes = lineTimesOf(spans, logs, of.joined);
    this.#hasLines = new Uint8Array(spans.traceIds.length);
    for (let row = 0; row < spans.count; row++) {
      if (of.joined.start[row + 1]! > of.joined.start[row]!) this.#hasLines[spans.trace[row]!] = 1;
    }
  }

  read(row: number): number {
    if (this.#isLogging[this.#operationOfRow[row]!] === 0 || !this.#isCovered(row)) return -1;
    const [from, to] = [this.#joined.start[row]!, this.#joined.start[row + 1]!];
    const count = Math.min(to - from, LINES_PER_SPAN_MAX);
    for (let index = 0; index < count; index++) {
      const log = this.#joined.logs[from + index]!;
      this.events[index] = this.#logs.source[log]! || this.#logs.template[log]!;
      this.severities[index] = this.#logs.severity[log]!;
    }
    return count;
  }

  /** Where the lines of a service stop altogether, the log was lost and not the work. */
  #isCovered(row: number): boolean {
    const times = this.#lineTimes.get(this.#spans.service[row]!);
    if (times === undefined || this.#hasLines[this.#spans.trace[row]!] === 0) return false;
    const startUs = this.#spans.startUs[row]!;
    return startUs <= times.lastUs && startUs + this.#spans.durationUs[row]! >= times.firstUs;
  }
}

function lineTimesOf(
  spans: SpanTable,
  logs: LogTable,
  joined: SpanLogs,
): ReadonlyMap<number, { readonly firstUs: number; readonly lastUs: number }> {
  const times = new Map<number, { firstUs: number; lastUs: number }>();
  for (let row = 0; row < spans.count; row++) {
    const [from, to] = [joined.start[row]!, joined.start[row + 1]!];
    if (from === to) continue;
    const firstUs = logs.timeUs[joined.logs[from]!]!;
    const lastUs = logs.timeUs[joined.logs[to - 1]!]!;
    const known = times.get(spans.service[row]!);
    if (known === undefined) {
      times.set(spans.service[row]!, { firstUs, lastUs });
      continue;
    }
    known.firstUs = Math.min(known.firstUs, firstUs);
    known.lastUs = Math.max(known.lastUs, lastUs);
  }
  return times;
}
