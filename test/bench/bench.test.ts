/** Workloads: what they hold, that our decoders read from them what was meant, and that no send repeats another. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { hexOf } from '../../src/base/bytes.ts';
import { BodyRing, draftRequest, WORKLOADS, type Workload } from '../../src/bench/bench.ts';
import { COZE_SPANS_PER_TRACE } from '../../src/bench/coze-traces.ts';
import {
  JAEGER_KEYS,
  JAEGER_SERVICES,
  JAEGER_SPANS_PER_TRACE,
  JAEGER_VALUES,
} from '../../src/bench/jaeger-traces.ts';
import { METRIC_SERIES } from '../../src/bench/metric-points.ts';
import { Random } from '../../src/bench/random.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { decodeLogs, decodeMetrics, decodeTraces } from '../../src/otlp/otlp.ts';
import { dumpLogs, dumpPoints, dumpSpans } from '../otlp/dump-columns.ts';

const NOW_US = 1_763_600_000_123_456;
const ENCODINGS = ['protobuf', 'json'] as const;
type Encoding = (typeof ENCODINGS)[number];

function ringOf(
  workload: Workload,
  options: Partial<{ encoding: Encoding; batchCount: number; bodyCount: number; isGzip: boolean }>,
) {
  return new BodyRing({
    workload,
    encoding: options.encoding ?? 'protobuf',
    batchCount: options.batchCount ?? 512,
    seed: 1,
    idSeed: 2,
    bodyCount: options.bodyCount ?? 4,
    isGzip: options.isGzip ?? false,
    nowUs: () => NOW_US,
  });
}

function spansOf(bodies: readonly Uint8Array[], encoding: Encoding = 'protobuf'): SpanColumns {
  const spans = new SpanColumns(new StringDictionary());
  for (const body of bodies) {
    const outcome = decodeTraces(body, spans, { encoding, nowUs: NOW_US });
    expect(outcome.rejectedCount).toBe(0);
  }
  return spans;
}

function dumpOf(workload: Workload, body: Uint8Array, encoding: Encoding): object[] {
  const options = { encoding, nowUs: NOW_US };
  const strings = new StringDictionary();
  if (workload === 'logs') {
    const logs = new LogColumns(strings);
    expect(decodeLogs(body, logs, options).rejectedCount).toBe(0);
    return dumpLogs(logs);
  }
  if (workload === 'metrics') {
    const points = new PointColumns(strings);
    expect(decodeMetrics(body, points, options).rejectedCount).toBe(0);
    return dumpPoints(points);
  }
  const spans = new SpanColumns(strings);
  expect(decodeTraces(body, spans, options).rejectedCount).toBe(0);
  return dumpSpans(spans);
}

function attributeCounts(spans: SpanColumns): number[] {
  return Array.from(
    { length: spans.count },
    (_, row) => spans.attributesEnd[row]! - (row === 0 ? 0 : spans.attributesEnd[row - 1]!),
  );
}

describe.each(WORKLOADS)('workload %s', (workload) => {
  test('means the same in protobuf and JSON', () => {
    const protobuf = ringOf(workload, { encoding: 'protobuf' }).take();
    const json = ringOf(workload, { encoding: 'json' }).take();
    const rows = dumpOf(workload, protobuf.bytes, 'protobuf');
    expect(rows).toHaveLength(protobuf.itemCount);
    expect(dumpOf(workload, json.bytes, 'json')).toEqual(rows);
  });

  test.each(ENCODINGS)('makes each send new, as %s', (encoding) => {
    const ring = ringOf(workload, { encoding });
    const seen = new Set<string>();
    for (let send = 0; send < 12; send++) {
      const body = ring.take();
      seen.add(body.bytes.toString('latin1'));
      ring.giveBack(body);
    }
    expect(seen.size).toBe(12);
  });

  test.each(ENCODINGS)('is the same with gzip, send after send, as %s', (encoding) => {
    const plain = ringOf(workload, { encoding });
    const gzip = ringOf(workload, { encoding, isGzip: true });
    for (let send = 0; send < 9; send++) {
      const [sent, packed] = [plain.take(), gzip.take()];
      expect(gunzipSync(packed.bytes).equals(sent.bytes)).toBe(true);
      expect(packed.bytes.length).toBeLessThan(sent.bytes.length / 2);
      plain.giveBack(sent);
      gzip.giveBack(packed);
    }
  });

  test('is the same for the same seeds', () => {
    const bytes = [1, 2].map(() => ringOf(workload, {}).take().bytes.toString('latin1'));
    expect(bytes[0]).toBe(bytes[1]);
  });

  test.each([1, 7, 10, 129, 4096])('fills a request of %i items', (batchCount) => {
    const random = new Random(3);
    const draft = draftRequest(workload, { random, batchCount, requestIndex: 5 });
    const perTrace = { a: COZE_SPANS_PER_TRACE, b: JAEGER_SPANS_PER_TRACE, logs: 1, metrics: 1 };
    const whole = perTrace[workload];
    expect(draft.itemCount).toBe(Math.max(whole, Math.floor(batchCount / whole) * whole));
    const body = ringOf(workload, { batchCount, bodyCount: 1 }).take();
    expect(dumpOf(workload, body.bytes, 'protobuf')).toHaveLength(body.itemCount);
  });
});

test('workload a is eight spans a trace, 8 to 12 attributes and about 420 bytes a span', () => {
  const ring = ringOf('a', {});
  expect(ring.bytesPerItem).toBeGreaterThan(400);
  expect(ring.bytesPerItem).toBeLessThan(440);
  const body = ring.take();
  expect(body.itemCount).toBe(512);
  const spans = spansOf([body.bytes]);
  const counts = attributeCounts(spans);
  expect(Math.min(...counts)).toBe(8);
  expect(Math.max(...counts)).toBeLessThanOrEqual(12);
  const spansOfTrace = new Map<string, number>();
  for (let row = 0; row < spans.count; row++) {
    const id = hexOf(spans.traceId, 16 * row, 16 * row + 16);
    spansOfTrace.set(id, (spansOfTrace.get(id) ?? 0) + 1);
  }
  expect(spansOfTrace.size).toBe(64);
  expect([...spansOfTrace.values()].every((count) => count === COZE_SPANS_PER_TRACE)).toBe(true);
});

test('workload b keeps to the recipe: 10 services, 11 attributes, 97 keys, 1000 values', () => {
  const ring = ringOf('b', { batchCount: 8190 });
  const spans = spansOf([ring.take().bytes, ring.take().bytes]);
  expect(new Set(attributeCounts(spans))).toEqual(new Set([11]));
  const { keys, values, count } = spans.attributes;
  expect(new Set(keys.subarray(0, count)).size).toBe(JAEGER_KEYS);
  expect(new Set(values.subarray(0, count)).size).toBe(JAEGER_VALUES);
  expect(spans.resources.length).toBe(JAEGER_SERVICES);
  const roots = dumpSpans(spans).filter((span) => /^0+$/.test(Reflect.get(span, 'parentSpanId')));
  expect(roots).toHaveLength(spans.count / JAEGER_SPANS_PER_TRACE);
});

test('each span has an id of its own and a parent in its trace, ending after its start', () => {
  for (const workload of ['a', 'b'] as const) {
    const ring = ringOf(workload, {});
    const spans = spansOf([ring.take().bytes, ring.take().bytes]);
    const traceOf = new Map<string, string>();
    const ids = Array.from({ length: spans.count }, (_, row) => ({
      span: hexOf(spans.spanId, 8 * row, 8 * row + 8),
      trace: hexOf(spans.traceId, 16 * row, 16 * row + 16),
      parent: hexOf(spans.parentSpanId, 8 * row, 8 * row + 8),
    }));
    for (const { span, trace } of ids) traceOf.set(span, trace);
    expect(traceOf.size).toBe(spans.count);
    for (const { parent, trace } of ids) {
      if (!/^0+$/.test(parent)) expect(traceOf.get(parent)).toBe(trace);
    }
    for (let row = 0; row < spans.count; row++) {
      expect(spans.durationNs[row]).toBeGreaterThanOrEqual(0);
      expect(NOW_US - spans.startUs[row]!).toBeGreaterThan(0);
      expect(NOW_US - spans.startUs[row]!).toBeLessThan(10_000_000);
    }
  }
});

test('the same body keeps its durations and gets new ids and times when it is sent again', () => {
  let nowUs = NOW_US;
  const ring = new BodyRing({
    workload: 'a',
    encoding: 'protobuf',
    batchCount: 8,
    seed: 1,
    idSeed: 2,
    bodyCount: 1,
    isGzip: false,
    nowUs: () => nowUs,
  });
  const sendOnce = (): SpanColumns => {
    const body = ring.take();
    const spans = spansOf([body.bytes]);
    ring.giveBack(body);
    return spans;
  };
  const first = sendOnce();
  nowUs += 7_000_000_001;
  const second = sendOnce();
  for (let row = 0; row < 8; row++) {
    expect(second.durationNs[row]).toBe(first.durationNs[row]);
    expect(second.startUs[row]! - first.startUs[row]!).toBe(7_000_000_001);
    expect(hexOf(second.spanId, 8 * row, 8 * row + 8)).not.toBe(
      hexOf(first.spanId, 8 * row, 8 * row + 8),
    );
  }
});

test('half of the metric points are histograms, over 2048 series', () => {
  const ring = ringOf('metrics', {});
  const points = new PointColumns(new StringDictionary());
  for (let send = 0; send < 4; send++) {
    const outcome = decodeMetrics(ring.take().bytes, points, {
      encoding: 'protobuf',
      nowUs: NOW_US,
    });
    expect(outcome.rejectedCount).toBe(0);
  }
  expect(points.count).toBe(METRIC_SERIES);
  expect(points.seriesEntries.length).toBe(METRIC_SERIES);
  const histograms = Array.from(points.series.subarray(0, points.count)).filter(
    (series) => points.seriesEntries[series]?.kind === 'histogram',
  );
  expect(histograms).toHaveLength(METRIC_SERIES / 2);
});

test('log lines are Chinese and English, and seven in ten belong to a trace', () => {
  const rows = dumpOf('logs', ringOf('logs', { batchCount: 4000 }).take().bytes, 'protobuf');
  const bodies = rows.map((row) => String(Reflect.get(row, 'body')));
  const chinese = bodies.filter((body) => /\p{Script=Han}/u.test(body)).length;
  expect(chinese / bodies.length).toBeGreaterThan(0.3);
  expect(chinese / bodies.length).toBeLessThan(0.7);
  const joined = rows.filter((row) => !/^0*$/.test(String(Reflect.get(row, 'traceId')))).length;
  expect(joined / rows.length).toBeCloseTo(0.7, 1);
});

test('BodyRing.take() refuses when all bodies are on loan', () => {
  const ring = ringOf('a', { batchCount: 8 });
  for (let body = 0; body < 4; body++) ring.take();
  expect(() => ring.take()).toThrow('all of the ring are on loan');
});

test('BodyRing.giveBack() refuses a body twice', () => {
  const ring = ringOf('a', { batchCount: 8 });
  const body = ring.take();
  ring.giveBack(body);
  expect(() => ring.giveBack(body)).toThrow('not on loan');
});

test('gzip that can be overwritten is less than twice what zlib makes', () => {
  const packed = ringOf('a', { isGzip: true }).take().bytes.length;
  const zlib = gzipSync(ringOf('a', {}).take().bytes, { level: 6 }).length;
  expect(packed).toBeLessThan(2 * zlib);
});
