/** The questions of `taproot bench query`, each asked many times with other values, and how long the answers took. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '../base/bytes.ts';
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type TimeRange, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';
import { Random } from '../bench/random.ts';
import type { SpanGrouping, TelemetryReader, TraceQuery } from '../store/api/telemetry.ts';
import { openTelemetryReader } from '../store/open.ts';
import { durationUsOf, WINDOW_MINUTES, WINDOW_SPANS } from './bench-query-store.ts';

/** Times of one question, one per asking. */
export interface Timings {
  readonly name: string;
  readonly valuesMs: readonly number[];
}

const TRACES_WARM = 300;
const TRACES_COLD = 40;
const SEARCHES = 40;
/** Searches that look at the whole store are asked less often. */
const WHOLE_SEARCHES = 5;
const GROUPINGS = 5;
const PAGE_TRACES = 20;
/** Spans of the window that is read of a small and of a large store. */
export const SMALL_WINDOW_SPANS = 500_000;

export interface Asked {
  readonly dataDir: string;
  readonly range: TimeRange;
  readonly seed: number;
}

export function timeTraces(asked: Asked): readonly Timings[] {
  const ids = sampleTraceIds(asked, TRACES_WARM + TRACES_COLD);
  const cold = ids.slice(0, TRACES_COLD).map((traceId) => {
    dropPageCache(asked.dataDir);
    return withReader(asked.dataDir, (reader) => timeMs(() => readTraceWithLogs(reader, traceId)));
  });
  readFiles(asked.dataDir);
  const warm = withReader(asked.dataDir, (reader) =>
    ids.slice(TRACES_COLD).map((traceId) => timeMs(() => readTraceWithLogs(reader, traceId))),
  );
  return [
    { name: 'trace by id with logs, warm', valuesMs: warm },
    { name: 'trace by id with logs, cold', valuesMs: cold },
  ];
}

export function timeSearches(asked: Asked): readonly Timings[] {
  const random = new Random(asked.seed);
  const endpoint = () => {
    const service = random.below(10);
    const operation = `operation-${service}-${random.below(10)}`;
    return { service: `service-${service}`, operation };
  };
  const attribute = () => ({
    [`attribute.key.${random.below(97)}`]: valueText(random.below(1000)),
  });
  const questions: readonly (readonly [string, number, () => Partial<TraceQuery>])[] = [
    [
      'search by service, operation, duration, time',
      SEARCHES,
      () => ({ ...endpoint(), durationUsMin: 20_000 * (1 + random.below(3)) }),
    ],
    [
      'search by service, operation and a rare duration',
      SEARCHES,
      () => ({ ...endpoint(), durationUsMin: 400_000 }),
    ],
    ['search by an attribute, 1 span in 9000', SEARCHES, () => ({ attributes: attribute() })],
    [
      'search by an attribute, 1 span in 10',
      SEARCHES,
      () => ({ attributes: { 'host.name': `host-${random.below(10)}` } }),
    ],
    [
      'search by an attribute, absent value',
      WHOLE_SEARCHES,
      () => ({ attributes: { 'attribute.key.7': valueText(1000 + random.below(9000)) } }),
    ],
    [
      'search by two attributes that hardly meet',
      WHOLE_SEARCHES,
      () => ({ attributes: { ...attribute(), 'attribute.key.3': valueText(random.below(1000)) } }),
    ],
  ];
  return withReader(asked.dataDir, (reader) =>
    questions.map(([name, count, filters]) => ({
      name,
      valuesMs: repeat(count, () => {
        // A random end, so that not every search finds its answer in the same newest blocks.
        const spanUs = asked.range.toUs - asked.range.fromUs;
        const toUs = asked.range.toUs - random.below(Math.floor(spanUs / 10));
        const range = { fromUs: asked.range.fromUs, toUs };
        const query = { ...filters(), range, limit: PAGE_TRACES };
        return timeMs(() => reader.searchTraces(query));
      }),
    })),
  );
}

export function timeGroupings(asked: Asked): readonly Timings[] {
  const windowUs = WINDOW_MINUTES * US_PER_MINUTE;
  const fromUs = Math.max(asked.range.fromUs, asked.range.toUs - US_PER_MINUTE - windowUs);
  const range = { fromUs, toUs: fromUs + windowUs };
  const groupings: readonly (readonly [string, SpanGrouping])[] = [
    ['group by name', { kind: 'operation' }],
    ['group by an attribute', { kind: 'attribute', key: 'attribute.key.7' }],
    ['group by an attribute of the resource', { kind: 'attribute', key: 'host.name' }],
  ];
  return withReader(asked.dataDir, (reader) =>
    groupings.map(([name, by]) => ({
      name: `${WINDOW_MINUTES} minutes of ${WINDOW_SPANS / 1e6} M spans, ${name}`,
      valuesMs: repeat(GROUPINGS, () =>
        timeMs(() => reader.groupSpans({ range, by, limit: LIMITS.queryRowsMax })),
      ),
    })),
  );
}

/** The same window wherever it lies: must cost the same however much is stored beside it. */
export function timeSmallWindow(asked: Asked): readonly number[] {
  const fromUs = asked.range.fromUs + US_PER_MINUTE;
  const range = { fromUs, toUs: fromUs + durationUsOf(SMALL_WINDOW_SPANS) };
  return withReader(asked.dataDir, (reader) =>
    repeat(GROUPINGS, () =>
      timeMs(() => reader.groupSpans({ range, by: { kind: 'operation' }, limit: 100 })),
    ),
  );
}

function readTraceWithLogs(reader: TelemetryReader, traceId: string): void {
  const spans = reader.readTrace(traceId);
  const first = spans[0];
  const last = spans.at(-1);
  if (!first || !last) throw new AppError('internal', `The store has lost trace ${traceId}`);
  const range = { fromUs: first.startUs - US_PER_MINUTE, toUs: last.startUs + US_PER_MINUTE };
  reader.searchLogs({ range, traceId, limit: LIMITS.queryRowsMax });
}

/** Ids of traces with logs from all over the range. */
function sampleTraceIds({ dataDir, range, seed }: Asked, count: number): readonly string[] {
  const random = new Random(seed);
  const found = new Set<string>();
  return withReader(dataDir, (reader) => {
    for (let attempt = 0; found.size < count && attempt < 10 * count; attempt++) {
      const fromUs = range.fromUs + random.below(range.toUs - range.fromUs);
      const window = { fromUs, toUs: fromUs + US_PER_SECOND };
      reader.scanLogs({ range: window }, ({ traceId }, rows) => {
        // Any row of the block, so that a small store gives as many traces.
        const first = random.below(rows.length);
        for (const row of rows.subarray(first)) {
          const start = 16 * row;
          if (traceId.subarray(start, start + 16).every((byte) => byte === 0)) continue;
          found.add(hexOf(traceId, start, start + 16));
          break;
        }
        return false;
      });
    }
    return [...found];
  });
}

/**
 * Takes the files out of the page cache (posix_fadvise DONTNEED, which dd issues with oflag=nocache); a reader that is
 * opened after that has nothing in memory.
 */
function dropPageCache(dataDir: string): void {
  for (const file of listFiles(dataDir)) {
    const flags = ['oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'];
    execFileSync('dd', [`of=${file}`, ...flags], { stdio: 'ignore' });
  }
}

/** Into the page cache, whole. */
function readFiles(dataDir: string): void {
  for (const file of listFiles(dataDir)) {
    execFileSync('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M'], { stdio: 'ignore' });
  }
}

function listFiles(dataDir: string): readonly string[] {
  const folder = join(dataDir, 'telemetry');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.db') || name.endsWith('.db-wal'))
    .map((name) => join(folder, name));
}

function valueText(value: number): string {
  return `attribute-value-${String(value).padStart(4, '0')}`;
}

function withReader<Result>(dataDir: string, ask: (reader: TelemetryReader) => Result): Result {
  const reader = openTelemetryReader({ dataDir });
  try {
    return ask(reader);
  } finally {
    reader.close();
  }
}

function repeat<Result>(count: number, body: () => Result): Result[] {
  return Array.from({ length: count }, body);
}

function timeMs(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}
