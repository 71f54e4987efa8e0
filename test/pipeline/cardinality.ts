/**
 * Floods of distinct names through the real ingest pipeline into a real store, and what memory they leave behind. The
 * short form is a test, the long one scripts/cardinality.mjs.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { createNormaliser } from '../../src/coze/coze.ts';
import type { Signal } from '../../src/model/vocabulary.ts';
import { collect } from '../../src/pipeline/collect.ts';
import { createFingerprint } from '../../src/pipeline/fingerprint.ts';
import { createIngestPipeline } from '../../src/pipeline/ingest.ts';
import { Detection } from '../../src/pipeline/tick.ts';
import { createWatchers } from '../../src/pipeline/watchers.ts';
import { buildTelemetryQuality } from '../../src/report/telemetry-quality.ts';
import { openStateStore, openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';

export const NOW_US = 1_790_000_000_000_000;
const MINUTE_US = 60_000_000;
const RANGE = { fromUs: NOW_US - MINUTE_US, toUs: NOW_US + MINUTE_US };
const NAMES_PER_REQUEST = 2000;
const KEYS_PER_SPAN = 10;

export const KINDS = ['spanNames', 'services', 'attributeKeys', 'series', 'templates'] as const;
export type Kind = (typeof KINDS)[number];

export interface FloodResult {
  readonly kind: Kind;
  readonly names: number;
  /** Rows that were acknowledged, and rows that the store holds more than before. */
  readonly acknowledged: number;
  readonly stored: number;
  readonly cpuSeconds: number;
  /** What is alive after half of the names, and after all of them. */
  readonly halfBytes: number;
  readonly fullBytes: number;
}

/** Sends `namesPerKind` distinct names of every kind, one kind after the other, into one store. */
export async function flood(options: {
  readonly dataDir: string;
  readonly namesPerKind: number;
  readonly report?: (result: FloodResult) => void;
}): Promise<{
  readonly results: readonly FloodResult[];
  readonly counters: ReadonlyMap<string, number>;
}> {
  const { dataDir, namesPerKind } = options;
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  const reader = openTelemetryReader({ dataDir });
  const counters = createCounters();
  const pipeline = createIngestPipeline({
    writer,
    normaliser: createNormaliser({ userIds: 'hash', userIdKey: 'test' }),
    fingerprint: createFingerprint('00'.repeat(32)),
    clock: { nowUs: () => NOW_US },
    counters,
    log: silentLog,
    tracer: new ProxyTracerProvider().getTracer('test'),
    bodyBytesMax: 64 * 1024 * 1024,
  });
  const storedRows = () => {
    const { spans, logs, points } = reader.countRows(RANGE);
    return spans + logs + points;
  };
  const send = async (kind: Kind, range: { readonly from: number; readonly to: number }) => {
    let acknowledged = 0;
    for (let from = range.from; from < range.to; from += NAMES_PER_REQUEST) {
      const request = requestOf(kind, from, Math.min(range.to, from + NAMES_PER_REQUEST));
      const body = new TextEncoder().encode(JSON.stringify(request.content));
      const { signal } = request;
      const reply = pipeline.submit({ signal, encoding: 'json', compression: '', body });
      pipeline.flush();
      const settled = await reply;
      if (settled.kind === 'stored') acknowledged += request.rows - settled.rejectedCount;
    }
    return acknowledged;
  };
  const results: FloodResult[] = [];
  for (const kind of KINDS) {
    const before = storedRows();
    const cpu = process.cpuUsage();
    const half = Math.floor(namesPerKind / 2);
    const first = await send(kind, { from: 0, to: half });
    const halfBytes = aliveBytes();
    const second = await send(kind, { from: half, to: namesPerKind });
    const { user, system } = process.cpuUsage(cpu);
    const result = {
      kind,
      names: namesPerKind,
      acknowledged: first + second,
      stored: storedRows() - before,
      cpuSeconds: (user + system) / 1e6,
      halfBytes,
      fullBytes: aliveBytes(),
    };
    results.push(result);
    options.report?.(result);
  }
  reader.close();
  writer.close();
  return {
    results,
    counters: new Map(counters.snapshot().map(({ name, value }) => [name, value])),
  };
}

/** What a report on the flood says of its own sight, after a detection tick over it. */
export async function judge(dataDir: string): Promise<readonly string[]> {
  const telemetry = openTelemetryReader({ dataDir });
  const state = openStateStore({ dataDir });
  try {
    const detection = new Detection({
      telemetry,
      state,
      createWatchers: () => createWatchers({ slos: [], detectionMethod: 'adaptive' }),
      counters: createCounters(),
      log: silentLog,
      startedUs: NOW_US,
    });
    await detection.advance(NOW_US + 2 * MINUTE_US);
    const collected = collect(
      { trigger: { kind: 'manual', alerts: [] }, window: RANGE, scope: {} },
      { telemetry, state, learned: new Map(), topology: [] },
    );
    const clustering = {
      clusters: [],
      classes: [],
      coverage: 0,
      anomalousCount: 0,
      anomalousRows: new Uint32Array(0),
      anomalousTraces: new Uint32Array(0),
    };
    return buildTelemetryQuality({ ...collected, clustering }).map(({ what }) => what.en);
  } finally {
    telemetry.close();
    state.close();
  }
}

interface Flooding {
  readonly signal: Signal;
  readonly content: unknown;
  readonly rows: number;
}

function requestOf(kind: Kind, from: number, to: number): Flooding {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  switch (kind) {
    case 'spanNames':
      return traces([
        resourceSpans(
          'bot',
          numbers.map((n) => span(n, `op ${wordOf(n)}`)),
        ),
      ]);
    case 'services':
      return traces(numbers.map((n) => resourceSpans(`service-${n}`, [span(n, 'handle')])));
    case 'attributeKeys':
      return traces([
        resourceSpans(
          'keys',
          numbers
            .filter((n) => n % KEYS_PER_SPAN === 0)
            .map((n) => ({
              ...span(n, 'keyed'),
              attributes: Array.from({ length: KEYS_PER_SPAN }, (_, k) =>
                text(`key.${n + k}`, 'v'),
              ),
            })),
        ),
      ]);
    case 'series':
      return metrics(numbers);
    case 'templates':
      return logs(numbers);
  }
}

function traces(
  list: readonly { readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[] }[],
): Flooding {
  const rows = list.reduce((sum, { scopeSpans }) => sum + scopeSpans[0]!.spans.length, 0);
  return { signal: 'traces', content: { resourceSpans: list }, rows };
}

function resourceSpans(service: string, spans: readonly unknown[]) {
  return { resource: { attributes: [text('service.name', service)] }, scopeSpans: [{ spans }] };
}

function span(n: number, name: string) {
  return {
    traceId: (n + 1).toString(16).padStart(32, 'a'),
    spanId: (n + 1).toString(16).padStart(16, '0'),
    name,
    kind: 2,
    startTimeUnixNano: timeNs(),
    endTimeUnixNano: timeNs(),
  };
}

function metrics(numbers: readonly number[]): Flooding {
  const dataPoints = numbers.map((n) => ({
    timeUnixNano: timeNs(),
    asInt: String(n),
    attributes: [text('request', String(n))],
  }));
  const content = {
    resourceMetrics: [
      {
        resource: { attributes: [text('service.name', 'bot')] },
        scopeMetrics: [{ metrics: [{ name: 'flood', gauge: { dataPoints } }] }],
      },
    ],
  };
  return { signal: 'metrics', content, rows: numbers.length };
}

/** No two lines share a word, so that none is like another. */
function logs(numbers: readonly number[]): Flooding {
  const logRecords = numbers.map((n) => ({
    timeUnixNano: timeNs(),
    severityNumber: 9,
    body: { stringValue: ['a', 'b', 'c', 'd'].map((at) => `${at}${wordOf(n)}`).join(' ') },
  }));
  const content = {
    resourceLogs: [
      {
        resource: { attributes: [text('service.name', 'bot')] },
        scopeLogs: [{ logRecords }],
      },
    ],
  };
  return { signal: 'logs', content, rows: numbers.length };
}

function timeNs(): string {
  return `${NOW_US - 1_000_000}000`;
}

function text(key: string, stringValue: string) {
  return { key, value: { stringValue } };
}

/** Letters only, since digits are masked in log templates. */
function wordOf(n: number): string {
  return n.toString(26).replace(/[0-9]/g, (digit) => 'qrstuvwxyz'[Number(digit)]!);
}

/** Bytes alive after a full collection, on the heap and beside it. */
function aliveBytes(): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc'); // there once the flag is set
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
