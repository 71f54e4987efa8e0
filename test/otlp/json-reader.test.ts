import { describe, expect, test } from 'vitest';
import { LogColumns, PointColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { ROW_SIGNALS, type RowSignal } from '../../src/model/vocabulary.ts';
import { decodeLogs, decodeMetrics, decodeTraces, type Encoding } from '../../src/otlp/otlp.ts';
import { messageOfFault, START_NS, utf8 } from './builders.ts';
import { decodeInto } from './decode-into.ts';
import { NOW_US } from './random-request.ts';

const ENCODINGS = ['protobuf', 'json'] as const;

function spanColumns(): SpanColumns {
  return new SpanColumns(new StringDictionary());
}

describe('OTLP/JSON', () => {
  const spanJson = (fields: Record<string, unknown>) => ({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: '0102030405060708090a0b0c0d0e0f10',
                spanId: '2122232425262728',
                startTimeUnixNano: START_NS,
                endTimeUnixNano: START_NS,
                ...fields,
              },
            ],
          },
        ],
      },
    ],
  });
  const decodeJson = (request: unknown) =>
    // Numbers that JSON.stringify would write otherwise.
    decodeInto('traces')(utf8(JSON.stringify(request).replaceAll(/"RAW:([^"]*)"/g, '$1')), 'json');

  const ACCEPTED: readonly [string, Record<string, unknown>, object][] = [
    ['upper-case ids', { spanId: 'ABCDEF0123456789' }, { spanId: 'abcdef0123456789' }],
    [
      'unknown fields of any type',
      { future: { deep: [1, { a: null }] }, name: 'n' },
      { name: 'n' },
    ],
    [
      'null as absent',
      { name: null, attributes: null, status: null },
      { name: '', attributes: [] },
    ],
    ['snake_case as unknown', { trace_state: 'x' }, { traceState: '' }],
    [
      'a time as a number',
      { startTimeUnixNano: 1_700_000_000_000_000_000 },
      { startNs: '1700000000000000000' },
    ],
    [
      'a time as a number beyond 2^53, exactly',
      { startTimeUnixNano: 'RAW:1700000000000000123' },
      { startNs: '1700000000000000123' },
    ],
    ['a whole number with an exponent', { flags: 'RAW:25.6e1' }, { flags: 256 }],
    ['a count as a string', { droppedEventsCount: '7' }, { dropped: [0, 7, 0] }],
    [
      'a double as a string',
      { attributes: [{ key: 'k', value: { doubleValue: '1.5e3' } }] },
      { attributes: ['k={"doubleValue":1500}'] },
    ],
    [
      'URL-safe base64',
      { attributes: [{ key: 'k', value: { bytesValue: '_-8' } }] },
      { attributes: ['k={"bytesValue":"/+8="}'] },
    ],
    ['a lone surrogate, repaired', { name: 'a\ud800b' }, { name: 'a\u{FFFD}b' }],
  ];
  test.each(ACCEPTED)('accepts %s', (_, fields, expected) => {
    expect(decodeJson(spanJson(fields)).rows).toMatchObject([expected]);
  });

  test('refuses a single span whose id is not hex', () => {
    const { outcome } = decodeJson(spanJson({ traceId: 'W47/95gDgQPSabYzgT/GDA==' }));
    expect(outcome).toMatchObject({ acceptedCount: 0, rejectedCount: 1 });
    expect(outcome.message).toContain('not hex');
  });

  const REFUSED: readonly [string, Record<string, unknown>, string][] = [
    [
      'an enum by name',
      { kind: 'SPAN_KIND_SERVER' },
      'spans[0].kind is the string "SPAN_KIND_SERVER"',
    ],
    ['an enum as a digit string', { kind: '2' }, 'writes enums as integers'],
    ['a broken enum', { kind: 1.5 }, 'writes enums as integers'],
    ['a number as a name', { name: 5 }, 'spans[0].name is the number 5, not a string'],
    ['an object as a list', { events: {} }, 'spans[0].events is an object, not an array'],
    ['null in a list', { events: [null] }, 'spans[0].events[0] is null, not an object'],
    [
      'a negative time',
      { startTimeUnixNano: -1 },
      'startTimeUnixNano is -1, out of the range of uint64',
    ],
    ['a time of words', { startTimeUnixNano: 'now' }, 'not an integer or a string of one'],
    ['a broken time', { startTimeUnixNano: 1.5 }, 'not an integer or a string of one'],
    ['a count beyond uint32', { flags: 4_294_967_296 }, 'out of the range of uint32'],
    ['an id as a number', { traceId: 5 }, 'traceId is the number 5, not a string'],
    [
      'a boolean as a string',
      { attributes: [{ key: 'k', value: { boolValue: 'true' } }] },
      'boolValue',
    ],
    [
      'an int64 out of range',
      { attributes: [{ key: 'k', value: { intValue: '9223372036854775808' } }] },
      'attributes[0].value.intValue is 9223372036854775808, out of the range of int64',
    ],
    [
      'two types of one value',
      { attributes: [{ key: 'k', value: { intValue: 1, stringValue: 'x' } }] },
      'intValue stands beside stringValue',
    ],
    [
      'an integer beyond uint64',
      { startTimeUnixNano: '18446744073709551616' },
      'startTimeUnixNano is 18446744073709551616, out of the range of uint64',
    ],
    [
      'a number too large for a double',
      { flags: 'RAW:1e400' },
      'flags is the number Infinity, not',
    ],
    [
      'bytes that are not base64',
      { attributes: [{ key: 'k', value: { bytesValue: '$$$' } }] },
      'bytesValue is not base64',
    ],
  ];
  test.each(REFUSED)('refuses %s', (_, fields, expected) => {
    expect(messageOfFault(() => decodeJson(spanJson(fields)))).toContain(expected);
  });

  const BODIES: readonly [string, string][] = [
    ['no JSON', 'hello'],
    ['half of it', '{"resourceSpans":['],
    ['a list', '[]'],
    ['a number', '5'],
    ['null', 'null'],
    ['100 000 brackets', '['.repeat(100_000)],
    ['100 000 balanced brackets in an unknown field', `{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}}`],
    ['100 000 objects deep', '{"a":'.repeat(100_000)],
  ];
  test.each(BODIES)('refuses a body of %s', (_, body) => {
    expect(messageOfFault(() => decodeInto('traces')(utf8(body), 'json'))).toMatch(
      /^Cannot decode traces: /,
    );
  });

  test('brackets and escapes inside strings do not count as depth', () => {
    const name = `${'["{\\"'.repeat(1000)}`;
    expect(decodeJson(spanJson({ name })).rows).toMatchObject([{ name }]);
  });

  test('keys of the prototype neither set nor read anything', () => {
    const body = utf8(
      '{"__proto__":{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]},' +
        '"constructor":{"prototype":{"polluted":1}}}',
    );
    expect(decodeInto('traces')(body, 'json').outcome).toMatchObject({ rejectedCount: 0 });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('a byte order mark and bytes that are not UTF-8 are survived', () => {
    const text = JSON.stringify(spanJson({ name: 'a?b' }));
    const bytes = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);
    bytes[bytes.indexOf('?')] = 0xff;
    const { outcome, rows } = decodeInto('traces')(bytes, 'json');
    expect(rows).toMatchObject([{ name: 'a\u{FFFD}b' }]);
    expect(outcome.message).toContain('not UTF-8');
  });

  test('a fault in a list names the place in it', () => {
    const point = { timeUnixNano: START_NS, bucketCounts: ['1', 'x'] };
    const body = utf8(
      JSON.stringify({
        resourceMetrics: [
          {},
          { scopeMetrics: [{ metrics: [{ histogram: { dataPoints: [point] } }] }] },
        ],
      }),
    );
    expect(messageOfFault(() => decodeInto('metrics')(body, 'json'))).toBe(
      'Cannot decode metrics: resourceMetrics[1].scopeMetrics[0].metrics[0].histogram.dataPoints[0]' +
        '.bucketCounts[1] is the string "x", not an integer or a string of one',
    );
  });

  test('names and envelopes may stand behind what they describe', () => {
    const metric = { gauge: { dataPoints: [{ timeUnixNano: START_NS, asInt: 5 }] }, name: 'm' };
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 's' } }] };
    const body = utf8(
      JSON.stringify({
        resourceMetrics: [
          { scopeMetrics: [{ metrics: [metric], scope: { name: 'lib' } }], resource },
        ],
      }),
    );
    expect(decodeInto('metrics')(body, 'json').rows).toMatchObject([
      {
        name: 'm',
        value: 5,
        scope: { name: 'lib' },
        resource: { attributes: ['service.name={"stringValue":"s"}'] },
      },
    ]);
  });

  const decodeOf: Record<RowSignal, (body: Uint8Array, encoding: Encoding) => unknown> = {
    traces: (body, encoding) => decodeTraces(body, spanColumns(), { encoding, nowUs: NOW_US }),
    logs: (body, encoding) =>
      decodeLogs(body, new LogColumns(new StringDictionary()), { encoding, nowUs: NOW_US }),
    metrics: (body, encoding) =>
      decodeMetrics(body, new PointColumns(new StringDictionary()), { encoding, nowUs: NOW_US }),
  };
  test.each(ROW_SIGNALS)('faults name the signal: %s', (signal) => {
    for (const encoding of ENCODINGS) {
      const message = messageOfFault(() => decodeOf[signal](Uint8Array.of(0xff), encoding));
      expect(message).toContain(`Cannot decode ${signal}: `);
    }
  });
});
