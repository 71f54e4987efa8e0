/** Columns → OTLP/JSON → columns: the encoders against the decoders. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { ROW_SIGNALS, type RowSignal } from '../../src/model/vocabulary.ts';
import {
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  encodeJsonLogs,
  encodeJsonPoints,
  encodeJsonSpans,
  RequestLines,
} from '../../src/otlp/otlp.ts';
import { END_NS, GOOD_SPAN, metricsOf, START_NS, tracesOf, utf8 } from './builders.ts';
import { decodeInto } from './decode-into.ts';
import { encodeMessage, REQUEST_TYPES } from './otlp-schema.ts';
import { NOW_US, Random, randomRequest } from './random-request.ts';

const OPTIONS = { encoding: 'protobuf', nowUs: NOW_US } as const;

function linesOf(signal: RowSignal, body: Uint8Array): readonly string[] {
  const lines: string[] = [];
  const into = new RequestLines(signal, (line) => lines.push(line));
  const strings = new StringDictionary();
  if (signal === 'traces') {
    const columns = new SpanColumns(strings);
    decodeTraces(body, columns, OPTIONS);
    encodeJsonSpans(columns, rowsIn(columns), into);
  } else if (signal === 'logs') {
    const columns = new LogColumns(strings);
    decodeLogs(body, columns, OPTIONS);
    encodeJsonLogs(columns, rowsIn(columns), into);
  } else {
    const columns = new PointColumns(strings);
    decodeMetrics(body, columns, OPTIONS);
    encodeJsonPoints(columns, rowsIn(columns), into);
  }
  into.finish();
  expect(into.lineCount).toBe(lines.length);
  return lines;
}

function rowsIn({ count }: { readonly count: number }): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

/** In any order: equal resources are gathered. Tells -0, NaN and the infinities apart, which JSON does not. */
function textsOf(rows: readonly object[]): readonly string[] {
  const exact = (_key: string, value: unknown) =>
    typeof value !== 'number' ? value : Object.is(value, -0) ? '-0' : String(value);
  return rows.map((row) => JSON.stringify(row, exact)).sort();
}

describe.each(ROW_SIGNALS)('encoded %s', (signal) => {
  it('decode to equal rows, whatever a sender sent', () => {
    let rowCount = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const body = encodeMessage(REQUEST_TYPES[signal], randomRequest(new Random(seed), signal));
      const sent = decodeInto(signal)(body, 'protobuf').rows;
      const decode = decodeInto(signal);
      const read = linesOf(signal, body).flatMap((line) => {
        const { outcome, rows } = decode(utf8(line), 'json');
        expect(outcome.rejectedCount, `seed ${seed}: ${outcome.message}`).toBe(0);
        return rows;
      });
      expect(textsOf(read), `seed ${seed}`).toEqual(textsOf(sent));
      rowCount += read.length;
    }
    expect(rowCount).toBeGreaterThan(800);
  });
});

describe('encodeJsonSpans()', () => {
  it('writes what OTLP/JSON asks for: hex ids, times as strings, no defaults', () => {
    const [line] = linesOf('traces', tracesOf('protobuf', { ...GOOD_SPAN, kind: 2 }));
    expect(JSON.parse(line ?? '')).toEqual({
      resourceSpans: [
        {
          resource: {},
          scopeSpans: [
            {
              scope: {},
              spans: [
                {
                  traceId: '0102030405060708090a0b0c0d0e0f10',
                  spanId: '2122232425262728',
                  name: 'op',
                  kind: 2,
                  startTimeUnixNano: START_NS,
                  endTimeUnixNano: END_NS,
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('keeps a line one line for readers that split at U+2028 and U+2029', () => {
    const name = 'a\u2028b\u2029c\nd';
    const [line = ''] = linesOf('traces', tracesOf('protobuf', { ...GOOD_SPAN, name }));
    expect(line).not.toMatch(/[\n\r\u2028\u2029]/);
    expect(decodeInto('traces')(utf8(line), 'json').rows).toMatchObject([{ name }]);
  });

  it('writes numbers at the ends of int64 and uint64 that a decoder takes', () => {
    const timeUnixNano = START_NS;
    const dataPoints = [{ timeUnixNano, asInt: '9223372036854775807' }];
    const bucketCounts = ['18446744073709551615'];
    const histogram = { dataPoints: [{ timeUnixNano, count: bucketCounts[0], bucketCounts }] };
    const body = metricsOf(
      'protobuf',
      { name: 'a', sum: { dataPoints } },
      { name: 'b', histogram },
    );
    const [line = ''] = linesOf('metrics', body);
    expect(decodeInto('metrics')(utf8(line), 'json').rows).toMatchObject([
      { value: 2 ** 63 },
      { observationCount: 2 ** 64, buckets: [2 ** 64] },
    ]);
  });
});

describe('RequestLines', () => {
  const { exportLineRowsMax: rowsMax, exportLineCharsMax: charsMax } = LIMITS;

  it.each([
    { caption: 'nothing', rows: 0, lines: 0 },
    { caption: 'a full line', rows: rowsMax, lines: 1 },
    { caption: 'one row more', rows: rowsMax + 1, lines: 2 },
  ])('bounds the rows of a line: $caption', ({ rows, lines }) => {
    const emitted: string[] = [];
    const into = new RequestLines('logs', (line) => emitted.push(line));
    for (let row = 0; row < rows; row++) into.add({ resource: '', scope: '' }, `{"row":${row}}`);
    into.finish();
    expect(emitted).toHaveLength(lines);
    expect(into.rowCount).toBe(rows);
    const counts = emitted.map((line) => line.split('"row"').length - 1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rows);
  });

  it('bounds the characters of a line by one item more', () => {
    const emitted: string[] = [];
    const into = new RequestLines('logs', (line) => emitted.push(line));
    const item = `{"text":"${'x'.repeat(charsMax / 4)}"}`;
    for (let row = 0; row < 9; row++) into.add({ resource: '', scope: '' }, item);
    into.finish();
    expect(emitted.length).toBeGreaterThanOrEqual(2);
    for (const line of emitted) expect(line.length).toBeLessThan(charsMax + item.length + 100);
  });

  it('gathers items of one resource and scope that come at different times', () => {
    const emitted: string[] = [];
    const into = new RequestLines('traces', (line) => emitted.push(line));
    for (const [resource, item] of [
      ['"resource":{}', '1'],
      ['"resource":{"attributes":[]}', '2'],
      ['"resource":{}', '3'],
    ] as const) {
      into.add({ resource, scope: '"scope":{}' }, item);
    }
    into.finish();
    expect(emitted).toEqual([
      '{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[1,3]}]},' +
        '{"resource":{"attributes":[]},"scopeSpans":[{"scope":{},"spans":[2]}]}]}',
    ]);
  });
});
