/** Store → OTLP JSON lines → store: what comes out of an export is what went into it. */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { US_PER_DAY, US_PER_HOUR } from '../../src/base/time.ts';
import { createNormaliser } from '../../src/coze/coze.ts';
import {
  encodeJsonLogs,
  encodeJsonPoints,
  encodeJsonSpans,
  RequestLines,
} from '../../src/otlp/otlp.ts';
import { type ExportOptions, exportTelemetry } from '../../src/pipeline/export.ts';
import { createFingerprint } from '../../src/pipeline/fingerprint.ts';
import { importPaths } from '../../src/pipeline/import.ts';
import { createIngestPipeline } from '../../src/pipeline/ingest.ts';
import type { TelemetryReader } from '../../src/store/api/telemetry.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { DAY_START_US, NOON_US, plainSpans, Random } from '../store/generate.ts';
import { describeLog, describePoint, describeSpan } from '../store/rows.ts';
import { sendableLogs, sendablePoints, sendableSpans } from '../store/sendable.ts';

const ALL = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };
const ALL_SECTIONS = ['attributes', 'events', 'links'] as const;

let dir: string;
const readers: TelemetryReader[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'taproot-export-'));
});

afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
  rmSync(dir, { recursive: true });
});

/** A store that holds what the files say. */
async function storeOf(name: string, from: string): Promise<TelemetryReader> {
  const dataDir = join(dir, name);
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  const pipeline = createIngestPipeline({
    writer,
    normaliser: createNormaliser({ userIds: 'keep', userIdKey: '' }),
    fingerprint: createFingerprint('00'.repeat(32)),
    clock: { nowUs: () => NOON_US + US_PER_HOUR },
    counters: createCounters(),
    log: silentLog,
    tracer: new ProxyTracerProvider().getTracer('test'),
    bodyBytesMax: LIMITS.bodyBytesMax,
  });
  const result = await importPaths([from], { send: pipeline.submit });
  expect(result).toMatchObject({ refusedCount: 0, rejectedRows: 0 });
  writer.close();
  const reader = openTelemetryReader({ dataDir });
  readers.push(reader);
  return reader;
}

function exportTo(name: string, reader: TelemetryReader, options: Partial<ExportOptions> = {}) {
  const folder = join(dir, name);
  mkdirSync(folder);
  const emit: ExportOptions['emit'] = (signal, line) =>
    appendFileSync(join(folder, `${signal}.jsonl`), `${line}\n`);
  return { folder, done: exportTelemetry(reader, { range: ALL, emit, ...options }) };
}

type Rows = readonly Record<string, unknown>[];

interface Contents {
  readonly spans: Rows;
  readonly logs: Rows;
  readonly points: Rows;
}

function contentsOf(reader: TelemetryReader): Contents {
  const spans: Record<string, unknown>[] = [];
  const logs: Record<string, unknown>[] = [];
  const points: Record<string, unknown>[] = [];
  reader.scanSpans({ range: ALL, sections: ALL_SECTIONS }, (columns, rows) => {
    for (const row of rows) spans.push(describeSpan(columns, row));
    return true;
  });
  reader.scanLogs({ range: ALL }, (columns, rows) => {
    for (const row of rows) logs.push(describeLog(columns, row));
    return true;
  });
  reader.scanPoints({ range: ALL }, (columns, rows) => {
    for (const row of rows) points.push(describePoint(columns, row));
    return true;
  });
  return { spans: sorted(spans), logs: sorted(logs), points: sorted(points) };
}

function sorted(rows: Rows): Rows {
  return rows
    .map((row) => ({ row, key: JSON.stringify(row) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ row }) => row);
}

/** Without what normalisation computes. */
function sentOf(rows: Rows): Rows {
  const computed = ['stage', 'infra', 'isError', 'errorType', 'target', 'derived', 'template'];
  return sorted(
    rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([name]) => !computed.includes(name))),
    ),
  );
}

/** Template ids are made in the order in which records come, which an export does not keep. */
function withoutTemplate(rows: Rows): Rows {
  return sorted(rows.map(({ template: _, ...row }) => row));
}

const COUNT = 1500;

/** Generated columns of all signals as files, and what they say. */
function writeGenerated(seed: number): { readonly folder: string; readonly sent: Contents } {
  const folder = join(dir, 'generated');
  mkdirSync(folder);
  const spans = sendableSpans(COUNT, new Random(seed));
  const logs = sendableLogs(COUNT, new Random(seed));
  const points = sendablePoints(COUNT, new Random(seed));
  const rows = Uint32Array.from({ length: COUNT }, (_, row) => row);
  const lines = (signal: 'traces' | 'logs' | 'metrics') =>
    new RequestLines(signal, (line) =>
      appendFileSync(join(folder, `${signal}.jsonl`), `${line}\n`),
    );
  const into = { traces: lines('traces'), logs: lines('logs'), metrics: lines('metrics') };
  encodeJsonSpans(spans, rows, into.traces);
  encodeJsonLogs(logs, rows, into.logs);
  encodeJsonPoints(points, rows, into.metrics);
  for (const signal of Object.values(into)) signal.finish();
  const each = Array.from(rows);
  const sent = {
    spans: each.map((row) => describeSpan(spans, row)),
    logs: each.map((row) => describeLog(logs, row)),
    points: each.map((row) => describePoint(points, row)),
  };
  return { folder, sent };
}

describe('exportTelemetry()', () => {
  it.each([1, 2, 3])('and import give an equal store of all signals (seed %i)', async (seed) => {
    const { folder, sent } = writeGenerated(seed);
    const first = await storeOf('first', folder);
    const stored = contentsOf(first);
    expect(sentOf(stored.spans)).toEqual(sentOf(sent.spans));
    expect(sentOf(stored.logs)).toEqual(sentOf(sent.logs));
    expect(sentOf(stored.points)).toEqual(sentOf(sent.points));

    const exported = exportTo('exported', first);
    expect(exported.done).toEqual(
      ['traces', 'logs', 'metrics'].map((signal) => ({ signal, rows: COUNT, requests: 2 })),
    );
    const second = await storeOf('second', exported.folder);
    const again = contentsOf(second);
    expect(again.spans).toEqual(stored.spans);
    expect(withoutTemplate(again.logs)).toEqual(withoutTemplate(stored.logs));
    expect(again.points).toEqual(stored.points);
    expect(second.readTallies({ range: ALL })).toEqual(first.readTallies({ range: ALL }));
  });

  it('writes rows of the range and the services only', async () => {
    const folder = join(dir, 'plain');
    mkdirSync(folder);
    const lines = new RequestLines('traces', (line) =>
      appendFileSync(join(folder, 'traces.jsonl'), `${line}\n`),
    );
    const resource = (service: string) => ({ 'service.name': service });
    const times = [DAY_START_US - 1, DAY_START_US, NOON_US - 1, NOON_US, NOON_US + US_PER_HOUR];
    const spans = plainSpans(
      times.flatMap((startUs, index) => [
        { trace: 1, span: 10 + index, startUs, resource: resource('bot') },
        { trace: 1, span: 20 + index, startUs, resource: resource('plugin') },
      ]),
    );
    encodeJsonSpans(spans, Array.from({ length: spans.count }).keys(), lines);
    lines.finish();
    const reader = await storeOf('store', folder);
    const rowsOf = (options: Partial<ExportOptions>) => {
      const text: string[] = [];
      exportTelemetry(reader, { range: ALL, emit: (_, line) => text.push(line), ...options });
      const ids = [...text.join('').matchAll(/"spanId":"0+([0-9a-f]{1,2})"/g)].map(([, id]) => id);
      return ids.map((id) => Number.parseInt(id ?? '', 16)).sort((a, b) => a - b);
    };
    expect(rowsOf({})).toHaveLength(10);
    expect(rowsOf({ services: ['bot'] })).toEqual([10, 11, 12, 13, 14]);
    expect(rowsOf({ services: ['nobody'] })).toEqual([]);
    expect(rowsOf({ signals: ['logs', 'metrics'] })).toEqual([]);
    const range = { fromUs: DAY_START_US, toUs: NOON_US };
    expect(rowsOf({ range, services: ['plugin'] })).toEqual([21, 22]);
    expect(rowsOf({ range: { fromUs: NOON_US, toUs: NOON_US + 1 } })).toEqual([13, 23]);
    const days = { fromUs: DAY_START_US - US_PER_DAY, toUs: DAY_START_US };
    expect(rowsOf({ range: days })).toEqual([10, 20]);
  });

  it('ends a line with its day, so that no line touches more days than a request may', async () => {
    const folder = join(dir, 'plain');
    mkdirSync(folder);
    const lines = new RequestLines('traces', (line) =>
      appendFileSync(join(folder, 'traces.jsonl'), `${line}\n`),
    );
    const startsUs = [3, 2, 1, 0].map((daysAgo) => DAY_START_US - daysAgo * US_PER_DAY);
    const spans = plainSpans(
      startsUs.map((startUs, index) => ({ trace: 1, span: 1 + index, startUs })),
    );
    encodeJsonSpans(spans, Array.from({ length: spans.count }).keys(), lines);
    lines.finish();
    const reader = await storeOf('store', folder);
    const days: string[][] = [];
    exportTelemetry(reader, {
      range: ALL,
      emit: (_, line) => {
        const starts = [...line.matchAll(/"startTimeUnixNano":"(\d+)\d{3}"/g)];
        days.push(starts.map(([, startUs]) => startUs ?? ''));
      },
    });
    expect(days).toEqual(startsUs.map((startUs) => [String(startUs)]));
  });

  it('writes nothing for an empty store', () => {
    mkdirSync(join(dir, 'empty'));
    const reader = openTelemetryReader({ dataDir: join(dir, 'empty') });
    readers.push(reader);
    const { folder, done } = exportTo('exported', reader);
    expect(done.map(({ rows, requests }) => rows + requests)).toEqual([0, 0, 0]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('writes the same bytes each time', async () => {
    const { folder } = writeGenerated(4);
    const reader = await storeOf('store', folder);
    const names = ['a', 'b'].map((name) => exportTo(name, reader).folder);
    for (const file of ['traces.jsonl', 'logs.jsonl', 'metrics.jsonl']) {
      const [a, b] = names.map((name) => readFileSync(join(name, file), 'utf8'));
      expect(a === b, file).toBe(true);
    }
  });
});
