/**
 * Joins the logs of a period with the spans that they name: for each span its lines in order of time. Rows
 * and numbers only, because a period may hold a million of both.
 */
import type { StringDictionary } from '../model/dictionary.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';

export interface SpanLogs {
  /** By log: row of its span; NO_ROW when the period holds no such span. */
  readonly spanOfLog: Int32Array;
  /** Logs of span row r, by time: logs[start[r] … start[r + 1]). */
  readonly start: Uint32Array;
  readonly logs: Uint32Array;
}

export function joinLogs({ spans, logs }: WindowData): SpanLogs {
  const index = buildSpanIndex(spans);
  const traceOf = traceOfStrings(spans);
  const ids = new SpanIdReader(logs.strings);
  const spanOfLog = new Int32Array(logs.count).fill(NO_ROW);
  const start = new Uint32Array(spans.count + 1);
  for (let log = 0; log < logs.count; log++) {
    const trace = traceOf.get(logs.traceId[log]!);
    if (trace === undefined || !ids.read(logs.spanId[log]!)) continue;
    const row = findSpan(index, { spans, trace, high: ids.high, low: ids.low });
    if (row === NO_ROW) continue;
    spanOfLog[log] = row;
    start[row + 1]!++;
  }
  for (let row = 0; row < spans.count; row++) start[row + 1]! += start[row]!;
  return { spanOfLog, start, logs: sortBySpan(logs.timeUs, { spanOfLog, start }) };
}

/** By time; lines of one instant stay as they arrived, which is how their sender wrote them. */
function sortBySpan(
  timeUs: Float64Array,
  { spanOfLog, start }: Pick<SpanLogs, 'spanOfLog' | 'start'>,
): Uint32Array {
  const sorted = new Uint32Array(start[start.length - 1]!);
  const filled = start.slice();
  const isDisordered = new Uint8Array(start.length);
  for (let log = 0; log < spanOfLog.length; log++) {
    const row = spanOfLog[log]!;
    if (row === NO_ROW) continue;
    const at = filled[row]!++;
    sorted[at] = log;
    if (at > start[row]! && timeUs[sorted[at - 1]!]! > timeUs[log]!) isDisordered[row] = 1;
  }
  for (let row = 0; row < start.length - 1; row++) {
    if (isDisordered[row] === 0) continue;
    sorted.subarray(start[row]!, start[row + 1]!).sort((a, b) => timeUs[a]! - timeUs[b]! || a - b);
  }
  return sorted;
}

function traceOfStrings(spans: SpanTable): ReadonlyMap<number, number> {
  const traceOf = new Map<number, number>();
  for (const [trace, traceId] of spans.traceIds.entries()) {
    const id = spans.strings.find(traceId);
    if (id !== undefined) traceOf.set(id, trace);
  }
  return traceOf;
}

/** Open addressing over span ids: rows + 1, 0 for a free slot. The size is a power of two, at most half full. */
interface SpanIndex {
  readonly slots: Uint32Array;
  /** Both halves of each row's id. */
  readonly words: Uint32Array;
}

function buildSpanIndex(spans: SpanTable): SpanIndex {
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * spans.count + 2)));
  const words = new Uint32Array(2 * spans.count);
  for (let row = 0; row < spans.count; row++) {
    const high = wordOf(spans.spanId, 8 * row);
    const low = wordOf(spans.spanId, 8 * row + 4);
    words[2 * row] = high;
    words[2 * row + 1] = low;
    let slot = slotOf(high, low, slots.length);
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = row + 1;
  }
  return { slots, words };
}

function findSpan(
  { slots, words }: SpanIndex,
  key: {
    readonly spans: SpanTable;
    readonly trace: number;
    readonly high: number;
    readonly low: number;
  },
): number {
  const { spans, trace, high, low } = key;
  let slot = slotOf(high, low, slots.length);
  for (; slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
    const row = slots[slot]! - 1;
    if (words[2 * row] === high && words[2 * row + 1] === low && spans.trace[row] === trace) {
      return row;
    }
  }
  return NO_ROW;
}

function slotOf(high: number, low: number, size: number): number {
  const mixed = Math.imul(high ^ Math.imul(low, 0x9e37_79b1), 0x85eb_ca77);
  return (mixed ^ (mixed >>> 15)) & (size - 1);
}

function wordOf(bytes: Uint8Array, at: number): number {
  const word = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  return word >>> 0;
}

/** Reads ids out of the dictionary's bytes: 16 hex digits become two numbers, and no string is built. */
class SpanIdReader {
  high = 0;
  low = 0;
  readonly #strings: StringDictionary;

  constructor(strings: StringDictionary) {
    this.#strings = strings;
  }

  /** False when the text is no span id. */
  read(id: number): boolean {
    const start = this.#strings.start(id);
    if (id === 0 || this.#strings.end(id) - start !== 16) return false;
    this.high = this.#word(start);
    this.low = this.#word(start + 8);
    return true;
  }

  #word(start: number): number {
    const { pool } = this.#strings;
    let word = 0;
    for (let at = start; at < start + 8; at++) {
      const digit = pool[at]!;
      word = (word << 4) | (digit < 58 ? digit - 48 : digit - 87); // 0–9, a–f
    }
    return word >>> 0;
  }
}
