/** Telemetry as it comes: values of every type, empty envelopes, duplicates, fields of the future, odd data. */

import { messageType, REQUEST_TYPES } from '../otlp/otlp-schema.ts';
import { Random } from '../otlp/random-request.ts';
import { scramble } from '../otlp/wire.ts';
import { ALL_SIGNALS, type Check, type Level, SIGNALS, type Signal, Skip, WIRES } from './check.ts';
import { CLAUSES } from './clauses.ts';
import { expectAccepted, expectAnswered, expectBadDataOrTooLarge } from './expect.ts';
import {
  goodRequest,
  itemOf,
  type Message,
  nowNs,
  pointOf,
  requestOf,
  type StableSignal,
  spanId,
  traceId,
} from './payload.ts';
import type { Probe } from './probe.ts';

const everywhere = { wires: WIRES, signals: SIGNALS } as const;

export const DATA_CHECKS: readonly Check[] = [
  {
    id: 'values.any-type',
    title: 'takes attributes of every type: text, bool, int, double, bytes, lists, maps, none',
    level: 'must',
    clause: CLAUSES.anyValue,
    sends: 'an item with attributes of each type, nested, empty, of mixed lists',
    ...everywhere,
    run: async (probe) => {
      const attributes = ANY_VALUES.map((value, index) => ({ key: `k${index}`, value }));
      expectAccepted(
        await probe.send(requestOf(probe.signal, itemOf(probe.signal, { attributes }))),
      );
    },
  },
  {
    id: 'values.log-bodies',
    title: 'takes log bodies of every type',
    level: 'must',
    clause: CLAUSES.anyValue,
    sends: 'a log record for each type of AnyValue as its body, and one without a body',
    wires: WIRES,
    signals: ['logs'],
    run: async (probe) => {
      const records = ANY_VALUES.map((body) => itemOf('logs', { body }));
      expectAccepted(await probe.send(requestOf('logs', ...records, { timeUnixNano: nowNs() })));
    },
  },
  {
    id: 'values.metric-kinds',
    title: 'takes gauges, sums, histograms, exponential histograms and summaries',
    level: 'must',
    clause: CLAUSES.fullSuccess,
    sends: 'a metric of each kind, with integers, doubles and exemplars',
    wires: WIRES,
    signals: ['metrics'],
    run: async (probe) =>
      void expectAccepted(await probe.send(requestOf('metrics', ...metricKinds()))),
  },
  {
    id: 'envelopes.empty',
    title: 'tolerates empty envelopes',
    level: 'should',
    clause: CLAUSES.envelopes,
    sends: 'empty resource groups, empty scope groups, metrics without data, beside a good item',
    wires: WIRES,
    signals: ALL_SIGNALS,
    run: async (probe) => {
      for (const request of emptyEnvelopes(probe.anySignal))
        expectAccepted(await probe.send(request));
    },
  },
  {
    id: 'duplicates.accepted',
    title: 'takes the same request again: senders repeat what was not acknowledged',
    level: 'must',
    clause: CLAUSES.duplicates,
    sends: 'the same good request three times',
    wires: WIRES,
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const bytes = probe.encode(goodRequest(probe.anySignal));
      for (let index = 0; index < 3; index++) expectAccepted(await probe.sendBytes(bytes));
    },
  },
  {
    id: 'fields.unknown',
    title: 'ignores unknown protobuf fields of every wire type, in any order, at every level',
    level: 'must',
    clause: CLAUSES.unknownFields,
    sends: 'forty good requests with their fields shuffled and unknown fields and groups between',
    wires: ['http/protobuf', 'grpc'],
    signals: ALL_SIGNALS,
    run: async (probe) => {
      const type = messageType(REQUEST_TYPES[probe.anySignal]);
      for (let seed = 1; seed <= 40; seed++) {
        const bytes = probe.encode(goodRequest(probe.anySignal));
        expectAccepted(await probe.sendBytes(scramble(new Random(seed), type, bytes)));
      }
    },
  },
  odd('not-utf8', {
    title: 'text that is not UTF-8',
    sends: 'a name with the bytes ff fe c3 28 in it',
    send: (probe) => {
      const bytes = Buffer.from(
        probe.encode(requestOf(probe.signal, named(probe.signal, 'badQQQQtext'))),
      );
      const at = bytes.indexOf('QQQQ');
      bytes.set([0xff, 0xfe, 0xc3, 0x28], at);
      return bytes;
    },
  }),
  odd('nan-and-infinity', {
    title: 'NaN and infinities',
    sends: 'attributes (for metrics also points) that are NaN, +Infinity, -Infinity',
    level: 'must',
    message: ({ signal }) => {
      const doubles = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const items = doubles.map((doubleValue) => {
        const attributes = [{ key: 'k', value: { doubleValue } }];
        return itemOf(signal, {
          attributes,
          ...(signal === 'metrics' ? { asDouble: doubleValue } : {}),
        });
      });
      return requestOf(signal, ...items);
    },
  }),
  odd('zero-ids', {
    title: 'ids of zeros, and ids of the wrong size',
    sends: 'items with all-zero ids, empty ids, ids of 7 and 17 bytes',
    message: ({ signal }) => {
      const ids = [
        new Uint8Array(16),
        new Uint8Array(0),
        new Uint8Array(7).fill(7),
        new Uint8Array(17).fill(7),
      ];
      const items = ids.map((id) => withIds(signal, { traceId: id, spanId: id.subarray(0, 8) }));
      return requestOf(signal, ...items);
    },
  }),
  odd('end-before-start', {
    title: 'a span that ends before it starts, a log record observed before it was written',
    sends: 'one such item (for metrics a start time after the time)',
    message: ({ signal }) => {
      const later = nowNs();
      const sooner = nowNs(-3_600_000);
      const change = {
        traces: { startTimeUnixNano: later, endTimeUnixNano: sooner },
        logs: { timeUnixNano: later, observedTimeUnixNano: sooner },
        metrics: { startTimeUnixNano: later, timeUnixNano: sooner },
      };
      return requestOf(signal, itemOf(signal, change[signal]));
    },
  }),
  odd('far-times', {
    title: 'times of 1970, of 1999, of 2262, and of the end of uint64',
    sends: 'one item for each',
    message: ({ signal }) => {
      const times = ['1', '915148800000000000', '9223372036854775807', '18446744073709551615'];
      return requestOf(signal, ...times.map((time) => withTimes(signal, time)));
    },
  }),
  odd('no-times', {
    title: 'items without any time',
    sends: 'one item whose times are unset',
    message: ({ signal }) => requestOf(signal, withTimes(signal, '0')),
  }),
  odd('many-attributes', {
    title: '10 000 attributes on one item',
    sends: 'one item with 10 000 attributes of different keys',
    message: ({ signal }) => {
      const attributes = Array.from({ length: 10_000 }, (_, index) => ({
        key: `key.${index}`,
        value: { intValue: String(index) },
      }));
      return requestOf(signal, itemOf(signal, { attributes }));
    },
  }),
  odd('large-attribute', {
    title: 'an attribute of 1 MB',
    sends: 'one item with a text of 1 000 000 characters',
    message: ({ signal }) => {
      const attributes = [{ key: 'large', value: { stringValue: 'x'.repeat(1_000_000) } }];
      return requestOf(signal, itemOf(signal, { attributes }));
    },
  }),
  odd('large-trace', {
    title: 'a trace of 100 000 spans in one request',
    sends: '100 000 spans of one trace (20 000 in JSON), each the child of the one before',
    signals: ['traces'],
    message: ({ wire }) => {
      const id = traceId();
      const ids = Array.from({ length: wire === 'http/json' ? 20_000 : 100_000 }, spanId);
      const spans = ids.map((own, index) => ({
        traceId: id,
        spanId: own,
        ...(index > 0 ? { parentSpanId: ids[index - 1] } : {}),
        name: 'deep',
        startTimeUnixNano: nowNs(-20),
        endTimeUnixNano: nowNs(-10),
      }));
      return requestOf('traces', ...spans);
    },
  }),
  odd('parent-loops', {
    title: "spans that are their own parent, or each other's",
    sends: 'a span whose parent is itself, and two that name each other',
    signals: ['traces'],
    message: () => {
      const [one, two, three] = [spanId(), spanId(), spanId()];
      const id = traceId();
      const span = (own: Uint8Array, parentSpanId: Uint8Array) =>
        itemOf('traces', { traceId: id, spanId: own, parentSpanId });
      return requestOf('traces', span(one, one), span(two, three), span(three, two));
    },
  }),
  odd('repeated-span-ids', {
    title: 'two different spans with the same ids',
    sends: 'two spans of one trace id and span id in one request',
    signals: ['traces'],
    message: () => {
      const ids = { traceId: traceId(), spanId: spanId() };
      return requestOf(
        'traces',
        itemOf('traces', ids),
        itemOf('traces', { ...ids, name: 'other' }),
      );
    },
  }),
  odd('histogram-shapes', {
    title: 'histograms whose buckets, bounds, counts and scales make no sense',
    sends:
      'buckets without bounds, bounds out of order, counts of 2^63, scales of ±2^31, offsets of ±2^31',
    signals: ['metrics'],
    message: () => requestOf('metrics', ...oddHistograms()),
  }),
];

interface OddData {
  readonly title: string;
  readonly sends: string;
  readonly level?: Level;
  readonly signals?: Check['signals'];
  readonly message?: (probe: Probe) => Message;
  /** In place of `message`: bytes of the wire. */
  readonly send?: (probe: Probe) => Uint8Array;
}

/** Odd data is taken, taken with a warning, rejected in part, or refused as bad: never a 5xx, never silence. */
function odd(name: string, data: OddData): Check {
  return {
    id: `odd.${name}`,
    title: `has an answer to ${data.title}: success, rejected in part, or bad data`,
    level: data.level ?? 'must',
    clause: CLAUSES.badData,
    sends: data.sends,
    wires: WIRES,
    signals: data.signals ?? SIGNALS,
    run: async (probe) => {
      const bytes = data.send?.(probe) ?? probe.encode(data.message?.(probe) ?? {});
      if (bytes.length > probe.target.bodyLimitBytes) throw new Skip('does not fit the limit');
      const outcome = await probe.sendBytes(bytes);
      if (outcome.kind === 'failure') expectBadDataOrTooLarge(outcome);
      expectAnswered(outcome);
      await probe.assertAlive();
    },
  };
}

const ANY_VALUES: readonly Message[] = [
  { stringValue: 'text 花 \u{1F600}' },
  { stringValue: '' },
  { boolValue: false },
  { intValue: '-9223372036854775808' },
  { intValue: '9223372036854775807' },
  { doubleValue: 1e308 },
  { doubleValue: -0 },
  { bytesValue: Uint8Array.of(0, 1, 254, 255) },
  { bytesValue: new Uint8Array(0) },
  { arrayValue: {} },
  { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, { boolValue: true }, {}] } },
  { arrayValue: { values: [{ arrayValue: { values: [{ doubleValue: 0.5 }] } }] } },
  { kvlistValue: {} },
  { kvlistValue: { values: [{ key: 'a', value: { kvlistValue: { values: [{ key: '' }] } } }] } },
  {},
];

function metricKinds(): readonly Message[] {
  const time = { timeUnixNano: nowNs(), startTimeUnixNano: nowNs(-60_000) };
  const exemplar = { timeUnixNano: nowNs(-5), asDouble: 3.5, traceId: traceId(), spanId: spanId() };
  const distribution = { ...time, count: '4', sum: 10.5, min: 0.5, max: 6 };
  const delta = { aggregationTemporality: 1 };
  const buckets = { bucketCounts: ['1', '2', '1'], explicitBounds: [1, 5] };
  const exponential = {
    scale: 3,
    zeroCount: '1',
    positive: { offset: -2, bucketCounts: ['2', '1'] },
  };
  const quantileValues = [
    { quantile: 0.5, value: 2 },
    { quantile: 1, value: 6 },
  ];
  return [
    {
      name: 'c.gauge',
      gauge: { dataPoints: [pointOf({ exemplars: [exemplar] }), { ...time, asInt: '-7' }] },
    },
    { name: 'c.sum', sum: { ...delta, isMonotonic: true, dataPoints: [{ ...time, asInt: '7' }] } },
    { name: 'c.histogram', histogram: { ...delta, dataPoints: [{ ...distribution, ...buckets }] } },
    {
      name: 'c.exp',
      exponentialHistogram: { ...delta, dataPoints: [{ ...distribution, ...exponential }] },
    },
    {
      name: 'c.summary',
      summary: { dataPoints: [{ ...time, count: '4', sum: 10.5, quantileValues }] },
    },
  ];
}

function oddHistograms(): readonly Message[] {
  const time = { timeUnixNano: nowNs() };
  const huge = '9223372036854775808';
  const points = [
    { ...time, count: '3', bucketCounts: ['1', '2', '3'] },
    { ...time, count: huge, bucketCounts: [huge, huge], explicitBounds: [1] },
    { ...time, count: '2', bucketCounts: ['1', '1', '0'], explicitBounds: [5, 1] },
    { ...time, count: '1', bucketCounts: ['1', '0'], explicitBounds: [Number.NaN] },
  ];
  const far = (scale: number, offset: number): Message => ({
    ...time,
    count: '1',
    scale,
    positive: { offset, bucketCounts: ['1'] },
    negative: { offset: -offset, bucketCounts: ['1'] },
  });
  const exponential = [far(2 ** 31 - 1, 2 ** 31 - 1), far(-(2 ** 31), -(2 ** 31 - 1))];
  return [
    { name: 'odd.histogram', histogram: { aggregationTemporality: 2, dataPoints: points } },
    {
      name: 'odd.exp',
      exponentialHistogram: { aggregationTemporality: 2, dataPoints: exponential },
    },
  ];
}

function emptyEnvelopes(signal: Signal): readonly Message[] {
  const [group, scopeGroup, items] = {
    traces: ['resourceSpans', 'scopeSpans', 'spans'],
    logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
    metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
    profiles: ['resourceProfiles', 'scopeProfiles', 'profiles'],
  }[signal] as [string, string, string]; // Three names each, as written above.
  const good = { [scopeGroup]: [{ [items]: [itemOf(signal)] }] };
  const requests: Message[] = [
    { [group]: [{}] },
    { [group]: [{ resource: {} }, { [scopeGroup]: [] }] },
    { [group]: [{ [scopeGroup]: [{}, { scope: {} }] }] },
    { [group]: [{}, good, { [scopeGroup]: [{}] }] },
  ];
  if (signal !== 'metrics') return requests;
  return [...requests, requestOf(signal, { name: 'none' }, { name: 'empty', gauge: {} })];
}

function named(signal: StableSignal, name: string): Message {
  switch (signal) {
    case 'traces':
      return itemOf(signal, { name });
    case 'logs':
      return itemOf(signal, { severityText: name });
    case 'metrics':
      return { ...itemOf(signal), name };
  }
}

function withIds(signal: StableSignal, ids: Message): Message {
  if (signal !== 'metrics') return itemOf(signal, ids);
  return itemOf(signal, { exemplars: [{ timeUnixNano: nowNs(), asDouble: 1, ...ids }] });
}

function withTimes(signal: StableSignal, time: string): Message {
  const change = {
    traces: { startTimeUnixNano: time, endTimeUnixNano: time },
    logs: { timeUnixNano: time, observedTimeUnixNano: time },
    metrics: { startTimeUnixNano: time, timeUnixNano: time },
  };
  return itemOf(signal, change[signal]);
}
