/** Gathers the spans of a period from the store's blocks, in the order in which they stand there. */
import { quantileOfSorted } from '../base/statistics.ts';
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
import { IdIndex, lastWords, SPAN_ID_WORDS, TRACE_ID_WORDS, wordsOf } from './id-index.ts';
import type { LogTraces } from './log-table.ts';
import { countedRanges, type Period, rangesOfTraces, SLACK_US } from './period.ts';

export interface SpanRead {
  readonly period: Period;
  /** False: attributes, and with them version and bot, stay empty; several times as fast. */
  readonly hasAttributes: boolean;
}

interface Scan {
  readonly range: TimeRange;
  readonly hasAttributes: boolean;
  readonly isWanted?: (columns: SpanColumns, row: number) => boolean;
}

type ScanReader = Pick<TelemetryReader, 'scanSpans'>;

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
  read(reader: ScanReader, { period, hasAttributes }: SpanRead): void {
    const { own, before } = rangesOfTraces(period);
    for (const range of before) this.#scan(reader, { range, hasAttributes: false });
    for (const range of own) this.#scan(reader, { range, hasAttributes });
  }

  /**
   * As read(), of a period in slices: around each only so much is read as its traces last. The first slice is read
   * with all the slack and shows how late spans come; a slice whose spans last longer is read on. Of 1 M spans in a
   * quarter of an hour 100 000 take 0.4 s of CPU, where as many drawn by their traces' ids from all of it took 0.9 s.
   */
  readSlices(reader: ScanReader, { period, hasAttributes }: SpanRead): void {
    let lateUs = 0;
    for (const [number, { fromUs, toUs }] of countedRanges(period).entries()) {
      const first = { trace: this.traces.count, row: this.table.count };
      const isOfSlice = this.#isOfSlice({ fromUs, toUs }, first.trace);
      const reachUs = toUs + (number === 0 ? SLACK_US : lateUs);
      this.#scan(reader, {
        range: { fromUs, toUs: reachUs },
        hasAttributes,
        isWanted: isOfSlice,
      });
      const lastUs = Math.min(this.#endOf(first), toUs + SLACK_US);
      if (lastUs > reachUs) {
        const range = { fromUs: reachUs, toUs: lastUs };
        this.#scan(reader, { range, hasAttributes, isWanted: isOfSlice });
      }
      lateUs = Math.min(SLACK_US, Math.max(lateUs, this.#lateUsOf(first)));
      const range = { fromUs: fromUs - lateUs, toUs: fromUs };
      const isEarlier = this.#isEarlier(first.trace);
      this.#scan(reader, { range, hasAttributes: false, isWanted: isEarlier });
    }
  }

  /** By trace: the start of its first span. */
  beginsUs(): Float64Array {
    return this.#beginsFrom({ trace: 0, row: 0 });
  }

  /** For the lines of a period in slices: ninety-nine of a hundred traces end by then. */
  tracesOfLines(): LogTraces {
    const { table, traces } = this;
    const beginsUs = this.beginsUs();
    const lengthsUs = new Float64Array(traces.count);
    for (let row = 0; row < table.count; row++) {
      const trace = table.trace[row]!;
      const endUs = table.startUs[row]! + table.durationUs[row]!;
      lengthsUs[trace] = Math.max(lengthsUs[trace]!, endUs - beginsUs[trace]!);
    }
    const lateUs = traces.count === 0 ? 0 : quantileOfSorted(lengthsUs.sort(), 0.99);
    return { index: traces, beginsUs, lateUs: Math.ceil(Math.min(lateUs, SLACK_US)) };
  }

  /** Spans that start in the slice, and others of the traces that were first seen in it. */
  #isOfSlice(slice: TimeRange, firstTrace: number): NonNullable<Scan['isWanted']> {
    const wordsOfIds = lastWords();
    return ({ traceId, startUs }, row) => {
      const words = wordsOfIds(traceId);
      const timeUs = startUs[row]!;
      // Rows of a trace stand by time: its first is seen before those that only follow.
      if (timeUs >= slice.fromUs && timeUs < slice.toUs) {
        this.traces.add(words, TRACE_ID_WORDS * row);
        return true;
      }
      return this.traces.find(words, TRACE_ID_WORDS * row) >= firstTrace;
    };
  }

  /** Of the traces seen from the first on what came before; others get a number and no row, for their late lines. */
  #isEarlier(firstTrace: number): NonNullable<Scan['isWanted']> {
    const wordsOfIds = lastWords();
    const endTrace = this.traces.count;
    return ({ traceId }, row) => {
      const trace = this.traces.add(wordsOfIds(traceId), TRACE_ID_WORDS * row);
      return trace >= firstTrace && trace < endTrace;
    };
  }

  /** When the last of the spans from that row on ends. */
  #endOf(first: First): number {
    const { table } = this;
    let endUs = 0;
    for (let row = first.row; row < table.count; row++) {
      if (table.trace[row]! < first.trace) continue;
      endUs = Math.max(endUs, table.startUs[row]! + table.durationUs[row]!);
    }
    return Math.ceil(endUs);
  }

  /** How long after its trace's begin a span starts, at most. */
  #lateUsOf(first: First): number {
    const { table } = this;
    const beginsUs = this.#beginsFrom(first);
    let lateUs = 0;
    for (let row = first.row; row < table.count; row++) {
      const trace = table.trace[row]! - first.trace;
      if (trace >= 0) lateUs = Math.max(lateUs, table.startUs[row]! - beginsUs[trace]!);
    }
    return Math.ceil(lateUs);
  }

  #beginsFrom(first: First): Float64Array {
    const { table, traces } = this;
    const beginsUs = new Float64Array(traces.count - first.trace).fill(Number.POSITIVE_INFINITY);
    for (let row = first.row; row < table.count; row++) {
      const trace = table.trace[row]! - first.trace;
      if (trace >= 0 && table.startUs[row]! < beginsUs[trace]!) {
        beginsUs[trace] = table.startUs[row]!;
      }
    }
    return beginsUs;
  }

  #scan(reader: ScanReader, { range, hasAttributes, isWanted }: Scan): void {
    const sections = hasAttributes ? (['attributes'] as const) : [];
    const { strings } = this.table;
    const chosen = isWanted === undefined ? {} : { isWanted };
    reader.scanSpans({ range, sections, strings, ...chosen }, (columns, matching) => {
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

/** Where what was read of a slice begins. */
interface First {
  readonly trace: number;
  readonly row: number;
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
