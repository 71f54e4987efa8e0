import { describe, expect, it } from 'vitest';
import { tryBytesOfHex } from '../../src/base/bytes.ts';
import { LogColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { LogTable } from '../../src/model/window.ts';
import { IdIndex, TRACE_ID_WORDS, wordsOf } from '../../src/pipeline/id-index.ts';
import { buildLogTable, type LogTraces } from '../../src/pipeline/log-table.ts';
import type { LogScan } from '../../src/store/api/telemetry.ts';

const RANGE = { fromUs: 1_700_000_000_000_000, toUs: 1_700_000_060_000_000 };
const TRACE = 'a1'.repeat(16);
const SPAN = 'b2'.repeat(8);

interface Line {
  readonly second: number;
  readonly service?: string;
  readonly body?: string | number;
  readonly trace?: string;
  readonly span?: string;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

function columnsOf(lines: readonly Line[]): LogColumns {
  const columns = new LogColumns(new StringDictionary());
  const { strings } = columns;
  for (const line of lines) {
    const row = columns.addRow();
    columns.timeUs[row] = RANGE.fromUs + 1_000_000 * line.second;
    columns.service[row] = strings.idOfString(line.service ?? 'bot');
    const { body = 'hello' } = line;
    columns.bodyType[row] = typeof body === 'string' ? VALUE_TYPE.string : VALUE_TYPE.int;
    columns.bodyValue[row] = typeof body === 'string' ? strings.idOfString(body) : body;
    if (line.trace) columns.traceId.set(tryBytesOfHex(line.trace, 16)!, 16 * row);
    if (line.span) columns.spanId.set(tryBytesOfHex(line.span, 8)!, 8 * row);
    for (const [key, value] of Object.entries(line.attributes ?? {})) {
      const isText = typeof value === 'string';
      columns.attributes.push(
        strings.idOfString(key),
        isText ? VALUE_TYPE.string : VALUE_TYPE.int,
        isText ? strings.idOfString(value) : value,
      );
    }
    columns.endRow(row);
  }
  return columns;
}

function tableOf(
  lines: readonly Line[],
  more: { readonly withoutServices?: readonly string[]; readonly traces?: LogTraces } = {},
): LogTable {
  const reader = {
    scanLogs: (
      { range, isWanted = () => true }: LogScan,
      visit: (columns: LogColumns, rows: Uint32Array) => boolean | undefined,
    ) => {
      const columns = columnsOf(lines);
      const isIn = (row: number) =>
        columns.timeUs[row]! >= range.fromUs &&
        columns.timeUs[row]! < range.toUs &&
        isWanted(columns, row);
      visit(columns, Uint32Array.from(lines.keys()).filter(isIn));
    },
  };
  return buildLogTable(reader, new StringDictionary(), {
    period: { range: RANGE, without: [{ fromUs: RANGE.fromUs, toUs: RANGE.fromUs + 1_000_000 }] },
    withoutServices: new Set(more.withoutServices),
    ...(more.traces === undefined ? {} : { traces: more.traces }),
  });
}

describe('buildLogTable()', () => {
  it('carries texts and ids over', () => {
    const table = tableOf([{ second: 5, body: '订单 7 失败', trace: TRACE, span: SPAN }]);
    const text = (id: number | undefined) => table.strings.text(id ?? 0);
    expect(text(table.body[0])).toBe('订单 7 失败');
    expect(text(table.service[0])).toBe('bot');
    expect(text(table.traceId[0])).toBe(TRACE);
    expect(text(table.spanId[0])).toBe(SPAN);
  });

  it('has no trace where a line names none, and a body that is no text as text', () => {
    const table = tableOf([{ second: 5, body: 42 }]);
    expect([table.traceId[0], table.spanId[0]]).toEqual([0, 0]);
    expect(table.strings.text(table.body[0]!)).toBe('42');
  });

  it.each([
    [{ 'code.namespace': 'Shop', 'code.function': 'buy', 'code.lineno': 12 }, 'Shop#12'],
    [{ 'code.file.path': 'shop.ts', 'code.line.number': 12 }, 'shop.ts#12'],
    [{ 'code.function': 'buy' }, 'buy'],
    [{ 'code.stacktrace': 'at x', 'thread.id': 3 }, ''],
  ])('names the place in the code: %j', (attributes, expected) => {
    const table = tableOf([{ second: 5, attributes }]);
    expect(table.strings.text(table.source[0]!)).toBe(expected);
  });

  it('leaves out other times and services', () => {
    const lines = [
      { second: 0 },
      { second: 2, service: 'noise' },
      { second: 3, service: 'bot' },
      { second: 60 },
    ];
    const table = tableOf(lines, { withoutServices: ['noise'] });
    expect(table.count).toBe(1);
    expect(table.timeUs[0]).toBe(RANGE.fromUs + 3_000_000);
  });

  it('of a period in slices counts a line with its trace, and one of no known trace by its time', () => {
    const traceOf = (number: number) => number.toString(16).padStart(32, '0');
    const lines = [
      { second: 3, body: 'its trace began before', trace: traceOf(1) },
      { second: 4, body: 'in the slice', trace: traceOf(2) },
      { second: 59, body: 'without a trace' },
      { second: 62, body: 'late, of a trace in the slice', trace: traceOf(2) },
      { second: 63, body: 'late, of a trace behind it', trace: traceOf(3) },
      { second: 64, body: 'late, without a trace' },
    ];
    const index = new IdIndex(TRACE_ID_WORDS);
    for (const trace of [1, 2, 3]) {
      index.add(wordsOf(new Uint8Array(Buffer.from(traceOf(trace), 'hex'))), 0);
    }
    const beginsUs = Float64Array.of(-1, 4, 62).map((second) => RANGE.fromUs + second * 1_000_000);
    const table = tableOf(lines, { traces: { index, beginsUs, lateUs: 10_000_000 } });
    const bodies = Array.from({ length: table.count }, (_, row) => table.body[row]!);
    expect(bodies.map((body) => table.strings.text(body))).toEqual([
      'in the slice',
      'without a trace',
      'late, of a trace in the slice',
    ]);
  });
});
