import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { PointColumns, SpanColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { ROW_SIGNALS } from '../../src/model/vocabulary.ts';
import { decodeMetrics, decodeTraces } from '../../src/otlp/otlp.ts';
import {
  bodyOf,
  GOOD_SPAN,
  logsOf,
  messageOfFault,
  metricsOf,
  SPAN_ID,
  START_NS,
  TRACE_ID,
  tracesOf,
} from './builders.ts';
import { decodeInto } from './decode-into.ts';
import { NOW_US } from './random-request.ts';

const ENCODINGS = ['protobuf', 'json'] as const;

function spanColumns(): SpanColumns {
  return new SpanColumns(new StringDictionary());
}

function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../fixture/otlp/${name}`, import.meta.url));
}

describe('hand-written requests', () => {
  test('decodeTraces() reads every field of a span', () => {
    const { outcome, rows } = decodeInto('traces')(fixture('traces.json'), 'json');
    expect(outcome).toEqual({ acceptedCount: 1, rejectedCount: 0, message: '' });
    expect(rows).toEqual([
      {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        parentSpanId: '00f067aa0ba902b7',
        startNs: '1700000000000000000',
        durationNs: '1234567891',
        kind: 2,
        statusCode: 2,
        statusMessage: 'upstream timed out',
        flags: 0,
        name: 'POST /chat',
        traceState: '',
        resource: {
          attributes: ['service.name={"stringValue":"bot-gateway"}'],
          dropped: 0,
          schemaUrl: '',
        },
        scope: {
          name: 'bot.tracer',
          version: '2.1.0',
          attributes: ['scope.tier={"stringValue":"edge"}'],
          dropped: 0,
          schemaUrl: '',
        },
        dropped: [0, 0, 0],
        attributes: ['bot.id={"stringValue":"七号"}'],
        events: [],
        links: [],
      },
    ]);
  });

  test('decodeLogs() reads every type of value', () => {
    const { outcome, rows } = decodeInto('logs')(fixture('logs.json'), 'json');
    expect(outcome).toEqual({ acceptedCount: 1, rejectedCount: 0, message: '' });
    expect(rows).toMatchObject([
      {
        timeNs: '1700000000500000001',
        observedNs: '1700000000600000000',
        severity: 17,
        severityText: 'ERROR',
        body: '{"stringValue":"model call failed"}',
        attributes: [
          'text={"stringValue":"x"}',
          'flag={"boolValue":true}',
          'count={"intValue":"10"}',
          'ratio={"doubleValue":637.704}',
          'list={"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"2"}]}}',
          'map={"kvlistValue":{"values":[{"key":"inner","value":{"doubleValue":"NaN"}}]}}',
          'raw={"bytesValue":"aGVsbG8="}',
          'nothing={}',
        ],
      },
    ]);
  });

  test('decodeMetrics() reads all five kinds', () => {
    const { outcome, rows } = decodeInto('metrics')(fixture('metrics.json'), 'json');
    expect(outcome).toEqual({ acceptedCount: 5, rejectedCount: 0, message: '' });
    expect(rows).toMatchObject([
      {
        name: 'chat.requests',
        kind: 'sum',
        temporality: 2,
        isMonotonic: true,
        value: 5,
        has: ['isInt'],
        startNs: '1700000000000000000',
      },
      { name: 'queue.length', kind: 'gauge', value: 10.5, has: [], startNs: '0' },
      {
        name: 'chat.duration',
        unit: 's',
        kind: 'histogram',
        value: 2.5,
        observationCount: 2,
        min: 0.5,
        max: 2,
        has: ['sum', 'min', 'max'],
        buckets: [1, 1, 1],
        exemplars: [
          {
            timeNs: '1700000030000000007',
            value: 2,
            traceId: '0af7651916cd43dd8448eb211c80319c',
            spanId: 'b7ad6b7169203331',
            attributes: ['bot.id={"stringValue":"7"}'],
          },
        ],
      },
      {
        name: 'llm.latency',
        kind: 'exponentialHistogram',
        observationCount: 6,
        has: [],
        buckets: [3, 1, 0.001, -2, 2, 2, 3, 0, 0],
      },
      {
        name: 'gc.pause',
        kind: 'summary',
        value: 1,
        observationCount: 4,
        has: ['sum'],
        buckets: [0.5, 0.2, 1, Number.POSITIVE_INFINITY],
      },
    ]);
  });
});

describe.each(ENCODINGS)('values in %s', (encoding) => {
  test('an empty body is an empty request', () => {
    for (const signal of ROW_SIGNALS) {
      const { outcome, rows } = decodeInto(signal)(new Uint8Array(0), encoding);
      expect(outcome).toEqual({ acceptedCount: 0, rejectedCount: 0, message: '' });
      expect(rows).toEqual([]);
    }
  });

  test('empty envelopes leave no resource and no scope behind', () => {
    const into = spanColumns();
    const body = bodyOf(encoding, 'traces', {
      resourceSpans: [{}, { resource: { droppedAttributesCount: 3 }, scopeSpans: [{}, {}] }],
    });
    decodeTraces(body, into, { encoding, nowUs: NOW_US });
    expect([into.count, into.resources.length, into.scopes.length]).toEqual([0, 0, 0]);
  });

  const INTEGERS = [
    ['zero', '0', VALUE_TYPE.int],
    ['minus one', '-1', VALUE_TYPE.int],
    ['the largest safe', '9007199254740991', VALUE_TYPE.int],
    ['the smallest safe', '-9007199254740991', VALUE_TYPE.int],
    ['one beyond', '9007199254740992', VALUE_TYPE.wideInt],
    ['one below', '-9007199254740992', VALUE_TYPE.wideInt],
    ['the largest', '9223372036854775807', VALUE_TYPE.wideInt],
    ['the smallest', '-9223372036854775808', VALUE_TYPE.wideInt],
  ] as const;
  test.each(INTEGERS)('an int64 attribute keeps %s exactly', (_, text, type) => {
    const into = spanColumns();
    const attributes = [{ key: 'n', value: { intValue: text } }];
    decodeTraces(tracesOf(encoding, { ...GOOD_SPAN, attributes }), into, {
      encoding,
      nowUs: NOW_US,
    });
    expect(into.attributes.types[0]).toBe(type);
    const value = into.attributes.values[0]!;
    expect(type === VALUE_TYPE.int ? String(value) : into.strings.text(value)).toBe(text);
  });

  test('times keep their nanoseconds and the duration is exact', () => {
    const into = spanColumns();
    decodeTraces(tracesOf(encoding, GOOD_SPAN), into, { encoding, nowUs: NOW_US });
    expect([into.startUs[0], into.startNs[0]]).toEqual([1_700_000_000_000_000, 123]);
    expect(into.durationNs[0]).toBe(250_000_333);
  });

  test('a log without a time takes its observed time, then the clock', () => {
    const { rows } = decodeInto('logs')(
      logsOf(encoding, { observedTimeUnixNano: START_NS }, { severityText: 'x' }),
      encoding,
    );
    expect(rows).toMatchObject([
      { timeNs: START_NS, observedNs: START_NS },
      { timeNs: `${NOW_US}000`, observedNs: '0' },
    ]);
  });

  test('equal resources, scopes and series of many requests share one entry', () => {
    const into = new PointColumns(new StringDictionary());
    const request = (route: string, asInt: string) =>
      bodyOf(encoding, 'metrics', {
        resourceMetrics: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 's' } }] },
            scopeMetrics: [
              {
                scope: { name: 'lib' },
                metrics: [
                  {
                    name: 'm',
                    sum: {
                      dataPoints: [
                        {
                          timeUnixNano: START_NS,
                          asInt,
                          attributes: [{ key: 'route', value: { stringValue: route } }],
                        },
                      ],
                    },
                  },
                ],
              },
            ],
          },
        ],
      });
    for (let index = 0; index < 6; index++) {
      const body = request(index % 2 === 0 ? '/a' : '/b', String(index));
      decodeMetrics(body, into, { encoding, nowUs: NOW_US });
    }
    expect([...into.series.subarray(0, 6)]).toEqual([0, 1, 0, 1, 0, 1]);
    expect(into.seriesEntries.length).toBe(2);
    expect([into.resources.length, into.scopes.length]).toEqual([1, 1]);
    expect(into.seriesEntries.map(({ service }) => service)).toEqual([0, 0]);
  });

  test('hostile keys are keys like any other', () => {
    const attributes = ['__proto__', 'constructor', 'toString'].map((key) => ({
      key,
      value: { kvlistValue: { values: [{ key, value: { stringValue: 'x' } }] } },
    }));
    const { rows } = decodeInto('traces')(
      tracesOf(encoding, { ...GOOD_SPAN, attributes }),
      encoding,
    );
    expect(rows).toMatchObject([
      {
        attributes: ['__proto__', 'constructor', 'toString'].map(
          (key) =>
            `${key}={"kvlistValue":{"values":[{"key":"${key}","value":{"stringValue":"x"}}]}}`,
        ),
      },
    ]);
    expect(({} as Record<string, unknown>)['stringValue']).toBeUndefined();
  });
});

describe.each(ENCODINGS)('single items refused in %s', (encoding) => {
  const aheadNs = (us: number) => String(BigInt(NOW_US + LIMITS.timeAheadUsMax + us) * 1000n);
  const SPANS: readonly [string, object, string][] = [
    ['a trace id of 15 bytes', { traceId: new Uint8Array(15).fill(1) }, 'trace id .*15 bytes'],
    ['a zero trace id', { traceId: new Uint8Array(16) }, 'trace id .*all zero'],
    ['no trace id', { traceId: new Uint8Array(0) }, 'trace id .*0 bytes'],
    ['a span id of seven bytes', { spanId: new Uint8Array(7).fill(1) }, 'span id .*7 bytes'],
    ['a zero span id', { spanId: new Uint8Array(8) }, 'span id .*all zero'],
    ['no start time', { startTimeUnixNano: '0' }, 'without a start time'],
    ['a start in 1999', { startTimeUnixNano: '946684799999999999' }, 'before the year 2000'],
    ['a start too far ahead', { startTimeUnixNano: aheadNs(1) }, 'more than 24 hours ahead'],
    ['an end too far ahead', { endTimeUnixNano: aheadNs(1) }, 'more than 24 hours ahead'],
    ['a time of 2^64 - 1', { startTimeUnixNano: '18446744073709551615' }, '24 hours ahead'],
  ];
  test.each(SPANS)('a span with %s', (_, bent, expected) => {
    const { outcome, rows } = decodeInto('traces')(
      tracesOf(encoding, GOOD_SPAN, { ...GOOD_SPAN, ...bent }, GOOD_SPAN),
      encoding,
    );
    expect(rows.length).toBe(2);
    expect(outcome).toMatchObject({ acceptedCount: 2, rejectedCount: 1 });
    expect(outcome.message).toMatch(new RegExp(`^Rejected 1 of 3 spans: 1 .*${expected}`));
    expect(outcome.message).toContain('first: span 1');
  });

  const EDGES: readonly [string, object][] = [
    ['2000-01-01', { startTimeUnixNano: '946684800000000000' }],
    ['24 hours ahead', { startTimeUnixNano: aheadNs(0), endTimeUnixNano: aheadNs(0) }],
  ];
  test.each(EDGES)('but not at the edge: %s', (_, bent) => {
    const body = tracesOf(encoding, { ...GOOD_SPAN, ...bent });
    expect(decodeInto('traces')(body, encoding).outcome).toMatchObject({ rejectedCount: 0 });
  });

  test('points with a wrong number of buckets or without a time', () => {
    const point = { timeUnixNano: START_NS, bucketCounts: ['1', '2', '3'], explicitBounds: [1] };
    const body = metricsOf(
      encoding,
      { histogram: { dataPoints: [point, { ...point, bucketCounts: ['1', '2'] }] } },
      { histogram: { dataPoints: [{ ...point, bucketCounts: [] }] } },
      { gauge: { dataPoints: [{ asDouble: 1 }] } },
    );
    const { outcome, rows } = decodeInto('metrics')(body, encoding);
    expect(rows).toMatchObject([{ buckets: [1, 1, 2] }]);
    expect(outcome).toEqual({
      acceptedCount: 1,
      rejectedCount: 3,
      message:
        'Rejected 3 of 4 data points: 2 whose bucket counts do not number one more than the bounds ' +
        '(first: data point 0, 3 counts, 1 bounds); 1 without a time (first: data point 3)',
    });
  });

  test('all spans of a request, and the columns are as before', () => {
    const decode = decodeInto('traces');
    decode(tracesOf(encoding, GOOD_SPAN), encoding);
    const bad = { ...GOOD_SPAN, spanId: new Uint8Array(8), events: [{ name: 'e' }] };
    const { outcome, rows } = decode(tracesOf(encoding, bad, bad), encoding);
    expect(rows).toEqual([]);
    expect(outcome).toMatchObject({ acceptedCount: 0, rejectedCount: 2 });
    expect(decode(tracesOf(encoding, GOOD_SPAN), encoding).rows).toMatchObject([{ events: [] }]);
  });
});

describe.each(ENCODINGS)('accepted with a warning in %s', (encoding) => {
  const SPANS: readonly [string, object, object, string][] = [
    [
      'an end before the start',
      { endTimeUnixNano: '1700000000000000000' },
      { durationNs: '-123' },
      'end before the start',
    ],
    ['no end', { endTimeUnixNano: '0' }, { durationNs: '0' }, 'missing end time'],
    ['a kind of 300', { kind: 300 }, { kind: 0 }, 'enum number'],
    ['a status of -1', { status: { code: -1 } }, { statusCode: 0 }, 'enum number'],
    [
      'a parent id of three bytes',
      { parentSpanId: Uint8Array.of(1, 2, 3) },
      { parentSpanId: '0000000000000000' },
      'parent span id',
    ],
    [
      'a link with a short id',
      { links: [{ traceId: TRACE_ID, spanId: Uint8Array.of(1) }], droppedLinksCount: 2 },
      { links: [], dropped: [0, 0, 3] },
      'link with an invalid',
    ],
    [
      'an event without a time',
      { events: [{ name: 'e' }] },
      { events: [{ name: 'e', timeNs: START_NS }] },
      'event time',
    ],
  ];
  test.each(SPANS)('a span with %s', (_, bent, expected, warning) => {
    const { outcome, rows } = decodeInto('traces')(
      tracesOf(encoding, { ...GOOD_SPAN, ...bent }),
      encoding,
    );
    expect(rows).toMatchObject([expected]);
    expect(outcome).toMatchObject({ acceptedCount: 1, rejectedCount: 0 });
    expect(outcome.message).toMatch(new RegExp(`^Warning: 1 × ${warning}.*first: span 0`));
  });

  test('a log with ids of the wrong size keeps none', () => {
    const record = { timeUnixNano: START_NS, traceId: SPAN_ID, spanId: SPAN_ID };
    const { outcome, rows } = decodeInto('logs')(logsOf(encoding, record), encoding);
    expect(rows).toMatchObject([{ traceId: '00'.repeat(16), spanId: '2122232425262728' }]);
    expect(outcome.message).toContain('wrong length');
  });

  test('a point without a value is NaN, and without warning when the sender marked the gap', () => {
    const points = [{ timeUnixNano: START_NS }, { timeUnixNano: START_NS, flags: 1 }];
    const { outcome, rows } = decodeInto('metrics')(
      metricsOf(encoding, { gauge: { dataPoints: points } }),
      encoding,
    );
    expect(rows).toMatchObject([{ value: Number.NaN }, { value: Number.NaN, flags: 1 }]);
    expect(outcome.message).toBe(
      'Warning: 1 × data point without a value, read as NaN (first: data point 0)',
    );
  });

  test('attributes beyond the bound are dropped and counted', () => {
    const attributes = Array.from({ length: LIMITS.attributesPerItemMax + 3 }, (_, index) => ({
      key: `k${index}`,
      value: { boolValue: true },
    }));
    const into = spanColumns();
    const body = tracesOf(encoding, { ...GOOD_SPAN, attributes, droppedAttributesCount: 4 });
    const outcome = decodeTraces(body, into, { encoding, nowUs: NOW_US });
    expect(into.attributes.count).toBe(LIMITS.attributesPerItemMax);
    expect(into.droppedAttributesCount[0]).toBe(7);
    expect(outcome.message).toMatch(/^Warning: 3 × attribute beyond 16384/);
  });

  const MAX = LIMITS.attributeValueBytesMax;
  const LONG_TEXTS: readonly [string, string, number][] = [
    ['just inside', 'a'.repeat(MAX), MAX],
    ['just outside', 'a'.repeat(MAX + 1), MAX],
    ['a code point across the bound', `${'a'.repeat(MAX - 1)}😀`, MAX - 1],
  ];
  test.each(LONG_TEXTS)('text is cut at the bound: %s', (_, text, sizeBytes) => {
    const attributes = [{ key: 'k', value: { stringValue: text } }];
    const into = spanColumns();
    const outcome = decodeTraces(tracesOf(encoding, { ...GOOD_SPAN, attributes }), into, {
      encoding,
      nowUs: NOW_US,
    });
    const kept = into.strings.text(into.attributes.values[0]!);
    expect(Buffer.byteLength(kept)).toBe(sizeBytes);
    expect(text.startsWith(kept)).toBe(true);
    expect(outcome.message === '').toBe(kept === text);
  });

  test('a list whose text is too long becomes its beginning as a string', () => {
    const values = [{ bytesValue: new Uint8Array(MAX) }, { stringValue: 'never reached' }];
    const attributes = [{ key: 'k', value: { arrayValue: { values } } }];
    const into = spanColumns();
    const outcome = decodeTraces(tracesOf(encoding, { ...GOOD_SPAN, attributes }), into, {
      encoding,
      nowUs: NOW_US,
    });
    expect(into.attributes.types[0]).toBe(VALUE_TYPE.string);
    expect(into.strings.text(into.attributes.values[0]!).length).toBe(MAX);
    expect(outcome.message).toMatch(/^Warning: 1 × text longer than/);
  });

  const nested = (depth: number): object =>
    depth === 1 ? { stringValue: 'x' } : { arrayValue: { values: [nested(depth - 1)] } };
  test('values nest to the bound and no deeper', () => {
    const spanOf = (depth: number) => ({
      ...GOOD_SPAN,
      attributes: [{ key: 'k', value: nested(depth) }],
    });
    const atBound = tracesOf(encoding, spanOf(LIMITS.valueDepthMax));
    expect(decodeInto('traces')(atBound, encoding).outcome.acceptedCount).toBe(1);
    const beyond = tracesOf(encoding, spanOf(LIMITS.valueDepthMax + 1));
    expect(messageOfFault(() => decodeInto('traces')(beyond, encoding))).toMatch(/deeper than 32/);
  });
});
