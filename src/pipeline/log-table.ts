/** Builds the analysis table of the logs of a period from the store's blocks. */
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { pairKey } from '../model/row-groups.ts';
import { LogTable } from '../model/window.ts';
import { attributeJsonOf } from '../otlp/value.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { DictionaryBridge } from './dictionary-bridge.ts';
import { type IdIndex, lastWords, TRACE_ID_WORDS } from './id-index.ts';
import { isInPeriod, type Period, rangesOfLines } from './period.ts';

export interface LogRead {
  readonly period: Period;
  readonly withoutServices: ReadonlySet<string>;
  /** Of a period in slices the traces that were read: a line counts when its trace begins in a slice. */
  readonly traces?: LogTraces;
}

/** What a line is asked about its trace. */
export interface LogTraces {
  readonly index: IdIndex;
  /** By number of the index. */
  readonly beginsUs: Float64Array;
  /** How long after its trace's begin a line is looked for. */
  readonly lateUs: number;
}

export function buildLogTable(
  reader: Pick<TelemetryReader, 'scanLogs'>,
  strings: StringDictionary,
  { period, withoutServices, traces }: LogRead,
): LogTable {
  const rows = new LogRows(strings, withoutServices);
  const chosen = traces === undefined ? {} : { isWanted: countsIn(period, traces) };
  for (const range of rangesOfLines(period, traces?.lateUs ?? 0)) {
    reader.scanLogs({ range, strings, ...chosen }, (columns, matching) => {
      rows.add(columns, matching);
      return undefined;
    });
  }
  return rows.table;
}

/**
 * A line goes with its trace; one without, or of a trace that nobody saw, by its own time. So a slice holds as many
 * lines as its traces have, however late these come.
 */
function countsIn(
  period: Period,
  { index, beginsUs }: LogTraces,
): (columns: LogColumns, row: number) => boolean {
  const wordsOfIds = lastWords();
  return ({ traceId, timeUs }, row) => {
    const trace = index.find(wordsOfIds(traceId), TRACE_ID_WORDS * row);
    return isInPeriod(trace < 0 ? timeUs[row]! : beginsUs[trace]!, period);
  };
}

class LogRows {
  readonly table: LogTable;
  /** String ids of the table. */
  readonly #withoutServices: ReadonlySet<number>;
  readonly #sources: SourceReader;
  readonly #hex = new HexTexts();

  constructor(strings: StringDictionary, withoutServices: ReadonlySet<string>) {
    this.table = new LogTable(strings);
    this.#withoutServices = new Set(
      [...withoutServices].map((service) => strings.idOfString(service)),
    );
    this.#sources = new SourceReader(strings);
  }

  /** Hot: once per line of the period. Texts become ids as bytes: 0.4 µs a line, as strings 2.2. */
  add(columns: LogColumns, matching: Uint32Array): void {
    const { table } = this;
    const { strings } = table;
    const ids = new DictionaryBridge(columns.strings, strings);
    const needed = table.count + matching.length;
    if (needed > table.timeUs.length) table.reserve(2 * needed);
    for (let index = 0; index < matching.length; index++) {
      const from = matching[index]!;
      const service = ids.id(columns.service[from]!);
      if (this.#withoutServices.has(service)) continue;
      const row = table.count++;
      table.timeUs[row] = columns.timeUs[from]!;
      table.severity[row] = columns.severity[from]!;
      table.service[row] = service;
      table.template[row] = ids.id(columns.template[from]!);
      table.body[row] =
        columns.bodyType[from] === VALUE_TYPE.string
          ? ids.id(columns.bodyValue[from]!)
          : strings.idOfString(bodyTextOf(columns, from));
      table.traceId[row] = this.#hex.idOf(strings, columns.traceId, 16 * from, 16);
      table.spanId[row] = this.#hex.idOf(strings, columns.spanId, 8 * from, 8);
      table.source[row] = this.#sources.sourceOf(columns, from, ids);
    }
  }
}

function bodyTextOf(columns: LogColumns, row: number): string {
  const body = attributeJsonOf(columns.bodyType[row]!, columns.bodyValue[row]!, columns.strings);
  return typeof body === 'string' ? body : JSON.stringify(body);
}

const HEX_DIGITS = Buffer.from('0123456789abcdef');

/** Ids of ids: their hex text is written as bytes, and no string is made of it. */
class HexTexts {
  readonly #text = new Uint8Array(32);

  /** 0 for an id of zeros. */
  idOf(strings: StringDictionary, bytes: Uint8Array, start: number, size: number): number {
    let seenBits = 0;
    for (let index = 0; index < size; index++) {
      const byte = bytes[start + index]!;
      seenBits |= byte;
      this.#text[2 * index] = HEX_DIGITS[byte >>> 4]!;
      this.#text[2 * index + 1] = HEX_DIGITS[byte & 15]!;
    }
    return seenBits === 0 ? 0 : strings.idOfBytes(this.#text, 0, 2 * size);
  }
}

const SOURCE_PART = { none: 0, line: 1, namespace: 2, other: 3 } as const;

/** Where in the code a line was written: `namespace#line`, or the function or file with the line. */
class SourceReader {
  readonly #strings: StringDictionary;
  /** What an attribute key says, by its string id. */
  readonly #partOfKey = new Map<number, number>();
  /** Source by place and line. */
  readonly #known = new Map<number, number>();

  constructor(strings: StringDictionary) {
    this.#strings = strings;
  }

  sourceOf(columns: LogColumns, row: number, ids: DictionaryBridge): number {
    const { keys, types, values } = columns.attributes;
    let place = 0;
    let line = 0;
    const end = columns.attributesEnd[row]!;
    for (let at = row === 0 ? 0 : columns.attributesEnd[row - 1]!; at < end; at++) {
      const part = this.#partOf(ids.id(keys[at]!));
      if (part === SOURCE_PART.none) continue;
      if (part === SOURCE_PART.line) line = ids.textId(types[at]!, values[at]!);
      else if (part === SOURCE_PART.namespace || place === 0) {
        place = ids.textId(types[at]!, values[at]!);
      }
    }
    if (place === 0 || line === 0) return place;
    const key = pairKey(place, line);
    let source = this.#known.get(key);
    if (source === undefined) {
      source = this.#strings.idOfString(`${this.#strings.text(place)}#${this.#strings.text(line)}`);
      this.#known.set(key, source);
    }
    return source;
  }

  #partOf(keyId: number): number {
    let part = this.#partOfKey.get(keyId);
    if (part === undefined) {
      part = partOf(this.#strings.text(keyId));
      this.#partOfKey.set(keyId, part);
    }
    return part;
  }
}

function partOf(key: string): number {
  if (!key.startsWith('code.') || key === 'code.stacktrace') return SOURCE_PART.none;
  if (key === 'code.lineno' || key === 'code.line.number') return SOURCE_PART.line;
  return key === 'code.namespace' ? SOURCE_PART.namespace : SOURCE_PART.other;
}
