/** Gathers the spans of a period from the store's blocks, in the order in which they stand there. */
import type { TimeRange } from '../base/time.ts';
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
import { IdIndex, SPAN_ID_WORDS, TRACE_ID_WORDS, wordsOf } from './id-index.ts';
import { countedRanges, type Period, rangesOfTraces } from './period.ts';

export interface SpanRead {
  readonly period: Period;
  /** Only traces whose hash falls under this share: whole traces, the same ones on every run. */
  readonly keptShare: number;
  /** False: attributes, and with them version and bot, stay empty; several times as fast. */
  readonly hasAttributes: boolean;
}

type IsWanted = (columns: SpanColumns, row: number) => boolean;

export class SpanRows {
  /** By row; without what is computed from the call tree, and `traceIds` and `traceStart` empty. */
  readonly table: SpanTable;
  readonly traces = new IdIndex(TRACE_ID_WORDS);
  parentId = new Uint8Array(0);
  #attributeCount = 0;
  /** String id in the table, or 0. */
  readonly #withoutService: number;

  constructor(strings: StringDictionary, withoutService: string | undefined) {
    this.table = new SpanTable(strings);
    this.#withoutService = withoutService === undefined ? 0 : strings.idOfString(withoutService);
  }

  /** Spans of the traces that begin in the period, and what tells that others began before it. */
  read(reader: Pick<TelemetryReader, 'scanSpans'>, options: SpanRead): void {
    const { own, before } = rangesOfTraces(options.period);
    for (const range of before) this.#scan(reader, range, { ...options, hasAttributes: false });
    const counted = countedRanges(options.period);
    const isTraced = counted.length > 1 ? this.#tracedIn(counted) : undefined;
    for (const range of own) this.#scan(reader, range, options, isTraced);
  }

  /**
   * Of a period in slices, where most of what is read stands in the slack behind them: spans in a slice, and later
   * ones of traces that were seen. Of 460 000 spans read for 60 000 this leaves 260 000, in half the time.
   */
  #tracedIn(counted: readonly TimeRange[]): IsWanted {
    let bytes: Uint8Array | undefined;
    let words: Uint32Array = new Uint32Array(0);
    return ({ traceId, startUs }, row) => {
      if (bytes !== traceId) {
        bytes = traceId;
        words = wordsOf(traceId);
      }
      const timeUs = startUs[row]!;
      const isInSlice = counted.some(({ fromUs, toUs }) => timeUs >= fromUs && timeUs < toUs);
      // Rows of a trace stand by time: its first is seen before those that only follow.
      if (isInSlice) return this.traces.add(words, TRACE_ID_WORDS * row) >= 0;
      return this.traces.find(words, TRACE_ID_WORDS * row) >= 0;
    };
  }

  #scan(
    reader: Pick<TelemetryReader, 'scanSpans'>,
    range: TimeRange,
    options: Omit<SpanRead, 'period'>,
    isTraced?: IsWanted,
  ): void {
    const sections = options.hasAttributes ? (['attributes'] as const) : [];
    const { strings } = this.table;
    const { keptShare, hasAttributes } = options;
    const isDrawn: IsWanted = ({ traceId }, row) => traceShareOf(traceId, 16 * row) < keptShare;
    const isWanted: IsWanted | undefined = keptShare < 1 ? isDrawn : isTraced;
    const sampled = isWanted === undefined ? {} : { isWanted };
    reader.scanSpans({ range, sections, strings, ...sampled }, (columns, matching) => {
      this.#add(columns, matching, hasAttributes);
      return undefined;
    });
  }

  /** Hot: once per span of the period. */
  #add(columns: SpanColumns, matching: Uint32Array, hasAttributes: boolean): void {
    const { table } = this;
    const ids = new DictionaryBridge(columns.strings, table.strings);
    const words = wordsOf(columns.traceId);
    const parentWords = wordsOf(columns.parentSpanId);
    const spanWords = wordsOf(columns.spanId);
    this.#reserve(table.count + matching.length);
    const ownSpanWords = wordsOf(table.spanId);
    const ownParentWords = wordsOf(this.parentId);
    const known = knownKeysOf(table.strings);
    let previous = -1;
    let trace = -1;
    for (let index = 0; index < matching.length; index++) {
      const from = matching[index]!;
      // Blocks are sorted by trace: most rows belong to the trace of the row before.
      if (previous < 0 || !isSameTrace(words, from, previous)) {
        trace = this.traces.add(words, TRACE_ID_WORDS * from);
      }
      previous = from;
      const service = ids.id(columns.service[from]!);
      if (service !== 0 && service === this.#withoutService) continue;
      const row = table.count++;
      table.trace[row] = trace;
      ownSpanWords[SPAN_ID_WORDS * row] = spanWords[SPAN_ID_WORDS * from]!;
      ownSpanWords[SPAN_ID_WORDS * row + 1] = spanWords[SPAN_ID_WORDS * from + 1]!;
      ownParentWords[SPAN_ID_WORDS * row] = parentWords[SPAN_ID_WORDS * from]!;
      ownParentWords[SPAN_ID_WORDS * row + 1] = parentWords[SPAN_ID_WORDS * from + 1]!;
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
      if (hasAttributes) {
        const resource = columns.resources[columns.resource[from]!]?.attributes ?? NO_ATTRIBUTES;
        this.#addAttributes(columns, from, ids, resource);
      }
      table.attributesEnd[row] = this.#attributeCount;
      if (!hasAttributes) continue;
      table.version[row] = this.#textOf(row, known.version);
      table.bot[row] = this.#textOf(row, known.bot);
      const message = this.#textOf(row, known.message);
      if (message !== 0) table.errorMessage[row] = message;
    }
  }

  #addAttributes(
    columns: SpanColumns,
    from: number,
    ids: DictionaryBridge,
    resource: readonly AttributeEntry[],
  ): void {
    this.#copyList(columns.derived, columns.derivedEnd, from, ids);
    this.#copyList(columns.attributes, columns.attributesEnd, from, ids);
    for (const { key, type, value } of resource) this.#pushAttribute(ids, key, type, value);
  }

  #copyList(list: AttributeColumns, ends: Uint32Array, from: number, ids: DictionaryBridge): void {
    const end = ends[from]!;
    for (let at = from === 0 ? 0 : ends[from - 1]!; at < end; at++) {
      this.#pushAttribute(ids, list.keys[at]!, list.types[at]!, list.values[at]!);
    }
  }

  /** Hot: once per attribute of the window; four plain arguments, no object. */
  #pushAttribute(ids: DictionaryBridge, key: number, type: number, value: number): void {
    const at = this.#attributeCount++;
    if (at >= this.table.attributeKey.length) {
      this.table.reserve(0, Math.max(1024, 2 * at));
    }
    const isNumber =
      type === VALUE_TYPE.int || type === VALUE_TYPE.double || type === VALUE_TYPE.bool;
    this.table.attributeKey[at] = ids.id(key);
    this.table.attributeText[at] = ids.textId(type, value);
    this.table.attributeNumber[at] = isNumber ? value : Number.NaN;
  }

  #textOf(row: number, key: number): number {
    const at = this.table.findAttribute(row, key);
    return at === NO_ROW ? 0 : this.table.attributeText[at]!;
  }

  #reserve(rows: number): void {
    if (rows <= this.table.trace.length) return;
    const capacity = Math.max(1024, 2 * rows);
    this.table.reserve(capacity, 0);
    this.parentId = grown(this.parentId, 8 * capacity);
  }
}

const NO_ATTRIBUTES: readonly AttributeEntry[] = [];

/** Keys of attributes that have a column of their own. */
function knownKeysOf(strings: StringDictionary) {
  return {
    version: strings.idOfString('service.version'),
    bot: strings.idOfString('coze.bot.id'),
    message: strings.idOfString('error.message'),
  };
}

function isSameTrace(words: Uint32Array, row: number, other: number): boolean {
  const at = TRACE_ID_WORDS * row;
  const to = TRACE_ID_WORDS * other;
  return (
    words[at] === words[to] &&
    words[at + 1] === words[to + 1] &&
    words[at + 2] === words[to + 2] &&
    words[at + 3] === words[to + 3]
  );
}

/** A trace's place in [0, 1), from its id alone. */
export function traceShareOf(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < start + 16; index++)
    hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
  return (hash >>> 0) / 0x1_0000_0000;
}
