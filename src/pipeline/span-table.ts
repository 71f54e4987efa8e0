/**
 * Builds the analysis table of a period from the store's blocks: spans of whole traces, duplicates removed,
 * parents resolved, self time and critical path computed. Cost: one pass over the period's rows.
 */
import type { TimeRange } from '../base/time.ts';
import { US_PER_SECOND } from '../base/time.ts';
import {
  type AttributeColumns,
  type AttributeEntry,
  type SpanColumns,
  VALUE_TYPE,
} from '../model/columns.ts';
import { grown, type StringDictionary } from '../model/dictionary.ts';
import { NO_ROW, SpanTable } from '../model/window.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { DictionaryBridge } from './dictionary-bridge.ts';
import { bufferOf, computeTimes, inheritStages, keyOf, resolveParents } from './trace-times.ts';

/** Spans this far outside the period may complete a trace that began inside it. */
const SLACK_US = 30 * US_PER_SECOND;

export interface SpanTableOptions {
  readonly range: TimeRange;
  readonly strings: StringDictionary;
  readonly spansMax: number;
  /** Traces that begin in these stay out. */
  readonly without?: readonly TimeRange[];
  /** A service whose spans stay out. */
  readonly withoutService?: string;
  /** Only traces that hold a span of this service; when there are none, all. */
  readonly throughService?: string;
  /** False: attributes, and with them version and bot, stay empty; several times as fast. */
  readonly hasAttributes?: boolean;
}

export interface SpanTableResult {
  readonly table: SpanTable;
  /** True when traces were left out because the period holds more spans than the bound. */
  readonly isSampled: boolean;
  /** Services whose every trace was left out by throughService. */
  readonly otherServices: ReadonlySet<string>;
}

/**
 * Traces that begin in the range. With more than spansMax spans in the period, only the traces whose hash
 * falls under the fitting share are kept: whole traces, the same ones on every run.
 */
export function buildSpanTable(
  reader: Pick<TelemetryReader, 'scanSpans' | 'countRows'>,
  options: SpanTableOptions,
): SpanTableResult {
  const { range } = options;
  const scanRange = { fromUs: range.fromUs - SLACK_US, toUs: range.toUs + SLACK_US };
  const rowsInRange = reader.countRows(range).spans;
  const keptShare = rowsInRange > options.spansMax ? options.spansMax / rowsInRange : 1;
  const rows = new RowCollector(options.strings, options.withoutService);
  const sections = options.hasAttributes === false ? [] : (['attributes'] as const);
  reader.scanSpans({ range: scanRange, sections }, (columns, matching) => {
    rows.add(columns, matching, keptShare);
    return undefined;
  });
  return { ...rows.finish(options), isSampled: keptShare < 1 };
}

/** Gathers rows of all blocks in arrival order, then lays them out by trace. */
class RowCollector {
  readonly #table: SpanTable;
  readonly #traceIndexByKey = new Map<string, number>();
  #previousKey = '';
  #previousTrace = 0;
  #parentId = new Uint8Array(0);
  #attributeCount = 0;

  /** String id in the table, or 0. */
  readonly #withoutService: number;

  constructor(strings: StringDictionary, withoutService: string | undefined) {
    this.#table = new SpanTable(strings);
    this.#withoutService = withoutService === undefined ? 0 : strings.idOfString(withoutService);
  }

  add(columns: SpanColumns, matching: Uint32Array, keptShare: number): void {
    const table = this.#table;
    const ids = new DictionaryBridge(columns.strings, table.strings);
    const traceIds = bufferOf(columns.traceId);
    const versionKey = table.strings.idOfString('service.version');
    const botKey = table.strings.idOfString('coze.bot.id');
    const messageKey = table.strings.idOfString('error.message');
    for (const from of matching) {
      if (keptShare < 1 && traceShareOf(columns.traceId, 16 * from) >= keptShare) continue;
      const service = ids.id(columns.service[from]!);
      if (service !== 0 && service === this.#withoutService) continue;
      const row = table.count++;
      this.#reserve(row + 1);
      table.trace[row] = this.#traceIndexOf(traceIds, 16 * from);
      table.spanId.set(columns.spanId.subarray(8 * from, 8 * from + 8), 8 * row);
      this.#parentId.set(columns.parentSpanId.subarray(8 * from, 8 * from + 8), 8 * row);
      table.startUs[row] = columns.startUs[from]! + columns.startNs[from]! / 1000;
      table.durationUs[row] = Math.max(0, columns.durationNs[from]! / 1000);
      table.kind[row] = columns.kind[from]!;
      table.stage[row] = columns.stage[from]!;
      table.infra[row] = columns.infra[from]!;
      table.isError[row] = columns.isError[from]!;
      table.service[row] = service;
      table.operation[row] = ids.id(columns.name[from]!);
      table.errorType[row] = ids.id(columns.errorType[from]!);
      table.target[row] = ids.id(columns.target[from]!);
      table.errorMessage[row] = ids.id(columns.statusMessage[from]!);
      this.#addAttributes(
        columns,
        from,
        ids,
        columns.resources[columns.resource[from]!]?.attributes ?? [],
      );
      table.attributesEnd[row] = this.#attributeCount;
      table.version[row] = this.#textOf(row, versionKey);
      table.bot[row] = this.#textOf(row, botKey);
      const message = this.#textOf(row, messageKey);
      if (message !== 0) table.errorMessage[row] = message;
    }
  }

  #addAttributes(
    columns: SpanColumns,
    from: number,
    ids: DictionaryBridge,
    resource: readonly AttributeEntry[],
  ): void {
    this.#copyList(columns.derived, { ends: columns.derivedEnd, from, ids });
    this.#copyList(columns.attributes, { ends: columns.attributesEnd, from, ids });
    for (const { key, type, value } of resource) this.#pushAttribute(ids, key, type, value);
  }

  #copyList(
    list: AttributeColumns,
    row: { readonly ends: Uint32Array; readonly from: number; readonly ids: DictionaryBridge },
  ): void {
    const end = row.ends[row.from]!;
    for (let at = row.from === 0 ? 0 : row.ends[row.from - 1]!; at < end; at++) {
      this.#pushAttribute(row.ids, list.keys[at]!, list.types[at]!, list.values[at]!);
    }
  }

  /** Hot: once per attribute of the window; four plain arguments, no object. */
  #pushAttribute(ids: DictionaryBridge, key: number, type: number, value: number): void {
    const at = this.#attributeCount++;
    if (at >= this.#table.attributeKey.length) {
      this.#table.reserve(0, Math.max(1024, 2 * at));
    }
    const isNumber =
      type === VALUE_TYPE.int || type === VALUE_TYPE.double || type === VALUE_TYPE.bool;
    this.#table.attributeKey[at] = ids.id(key);
    this.#table.attributeText[at] = ids.textId(type, value);
    this.#table.attributeNumber[at] = isNumber ? value : Number.NaN;
  }

  #textOf(row: number, key: number): number {
    const at = this.#table.findAttribute(row, key);
    return at === NO_ROW ? 0 : this.#table.attributeText[at]!;
  }

  /** Blocks are sorted by trace: most rows belong to the trace of the row before. */
  #traceIndexOf(bytes: Buffer, start: number): number {
    const key = bytes.toString('latin1', start, start + 16);
    if (key === this.#previousKey) return this.#previousTrace;
    let index = this.#traceIndexByKey.get(key);
    if (index === undefined) {
      index = this.#table.traceIds.length;
      this.#traceIndexByKey.set(key, index);
      this.#table.traceIds.push(bytes.toString('hex', start, start + 16));
    }
    this.#previousKey = key;
    this.#previousTrace = index;
    return index;
  }

  #reserve(rows: number): void {
    if (rows <= this.#table.trace.length) return;
    const capacity = Math.max(1024, 2 * rows);
    this.#table.reserve(capacity, 0);
    this.#parentId = grown(this.#parentId, 8 * capacity);
  }

  /** Keeps the traces that are asked for, resolves parents, computes times. */
  finish(options: SpanTableOptions): Omit<SpanTableResult, 'isSampled'> {
    const all = this.#table;
    const isInPeriod = this.#tracesInPeriod(options);
    const isKept = Uint8Array.from(isInPeriod);
    if (options.throughService !== undefined) keepThrough(all, isKept, options.throughService);
    const order = keptRowsInOrder(all, (trace) => isKept[trace] === 1);
    const table = copyRows(all, order);
    const parentIds = new Uint8Array(8 * order.length);
    order.forEach((from, row) => {
      parentIds.set(this.#parentId.subarray(8 * from, 8 * from + 8), 8 * row);
    });
    resolveParents(table, parentIds);
    inheritStages(table);
    for (let trace = 0; trace < table.traceIds.length; trace++) computeTimes(table, trace);
    return { table, otherServices: servicesLost(all, { isInPeriod, isKept }) };
  }

  #tracesInPeriod({ range, without = [] }: SpanTableOptions): Uint8Array {
    const all = this.#table;
    const traceBegin = new Float64Array(all.traceIds.length).fill(Number.POSITIVE_INFINITY);
    for (let row = 0; row < all.count; row++) {
      const trace = all.trace[row]!;
      traceBegin[trace] = Math.min(traceBegin[trace]!, all.startUs[row]!);
    }
    const isIn = (timeUs: number, { fromUs, toUs }: TimeRange) => timeUs >= fromUs && timeUs < toUs;
    return Uint8Array.from(traceBegin, (begin) =>
      isIn(begin, range) && !without.some((period) => isIn(begin, period)) ? 1 : 0,
    );
  }
}

/** Of the kept traces keeps those with a span of the service, unless none has one. */
function keepThrough(table: SpanTable, isKept: Uint8Array, service: string): void {
  const serviceId = table.strings.find(service);
  const isThrough = new Uint8Array(isKept.length);
  let count = 0;
  for (let row = 0; row < table.count; row++) {
    const trace = table.trace[row]!;
    if (isKept[trace] === 0 || table.service[row] !== serviceId || isThrough[trace] === 1) continue;
    isThrough[trace] = 1;
    count++;
  }
  if (count > 0) isKept.set(isThrough);
}

/** Services of traces in the period that no kept trace holds. */
function servicesLost(
  table: SpanTable,
  traces: { readonly isInPeriod: Uint8Array; readonly isKept: Uint8Array },
): ReadonlySet<string> {
  const seen = new Set<number>();
  const kept = new Set<number>();
  for (let row = 0; row < table.count; row++) {
    const trace = table.trace[row]!;
    if (traces.isInPeriod[trace] === 1) seen.add(table.service[row]!);
    if (traces.isKept[trace] === 1) kept.add(table.service[row]!);
  }
  return new Set([...seen].filter((id) => !kept.has(id)).map((id) => table.strings.text(id)));
}

/** A trace's place in [0, 1), from its id alone. */
function traceShareOf(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < start + 16; index++)
    hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
  return (hash >>> 0) / 0x1_0000_0000;
}

/** Rows of kept traces, by trace then start then span id; re-sent duplicates left out. */
function keptRowsInOrder(table: SpanTable, isKept: (trace: number) => boolean): number[] {
  const rows: number[] = [];
  for (let row = 0; row < table.count; row++) if (isKept(table.trace[row]!)) rows.push(row);
  const traceOrder = table.traceIds
    .map((id, index) => ({ id, index }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const rank = new Uint32Array(table.traceIds.length);
  traceOrder.forEach(({ index }, position) => {
    rank[index] = position;
  });
  rows.sort(
    (a, b) =>
      rank[table.trace[a]!]! - rank[table.trace[b]!]! ||
      table.startUs[a]! - table.startUs[b]! ||
      table.durationUs[b]! - table.durationUs[a]! ||
      compareBytes(table.spanId, 8 * a, 8 * b),
  );
  const spanIds = bufferOf(table.spanId);
  const kept: number[] = [];
  let seen = new Set<string>();
  let trace = -1;
  for (const row of rows) {
    if (table.trace[row] !== trace) {
      trace = table.trace[row]!;
      seen = new Set();
    }
    const id = keyOf(spanIds, 8 * row);
    if (seen.has(id)) continue;
    seen.add(id);
    kept.push(row);
  }
  return kept;
}

function copyRows(from: SpanTable, order: readonly number[]): SpanTable {
  const table = new SpanTable(from.strings);
  let attributeCount = 0;
  for (const row of order) attributeCount += from.attributesEnd[row]! - from.attributesStart(row);
  table.reserve(order.length, attributeCount);
  table.count = order.length;
  table.traceRows = new Uint32Array(order.length);
  const starts: number[] = [];
  let at = 0;
  let previousTrace = -1;
  order.forEach((source, row) => {
    if (from.trace[source] !== previousTrace) {
      previousTrace = from.trace[source]!;
      starts.push(row);
      table.traceIds.push(from.traceIds[previousTrace]!);
    }
    table.trace[row] = starts.length - 1;
    table.traceRows[row] = row;
    table.spanId.set(from.spanId.subarray(8 * source, 8 * source + 8), 8 * row);
    table.startUs[row] = from.startUs[source]!;
    table.durationUs[row] = from.durationUs[source]!;
    table.kind[row] = from.kind[source]!;
    table.stage[row] = from.stage[source]!;
    table.infra[row] = from.infra[source]!;
    table.isError[row] = from.isError[source]!;
    table.service[row] = from.service[source]!;
    table.operation[row] = from.operation[source]!;
    table.errorType[row] = from.errorType[source]!;
    table.errorMessage[row] = from.errorMessage[source]!;
    table.target[row] = from.target[source]!;
    table.version[row] = from.version[source]!;
    table.bot[row] = from.bot[source]!;
    const start = from.attributesStart(source);
    const end = from.attributesEnd[source]!;
    table.attributeKey.set(from.attributeKey.subarray(start, end), at);
    table.attributeText.set(from.attributeText.subarray(start, end), at);
    table.attributeNumber.set(from.attributeNumber.subarray(start, end), at);
    at += end - start;
    table.attributesEnd[row] = at;
  });
  table.traceStart = Uint32Array.from([...starts, order.length]);
  return table;
}

function compareBytes(bytes: Uint8Array, a: number, b: number): number {
  for (let index = 0; index < 8; index++) {
    const difference = bytes[a + index]! - bytes[b + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
