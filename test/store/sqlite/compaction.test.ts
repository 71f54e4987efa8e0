import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { US_PER_DAY } from '../../../src/base/time.ts';
import type { TelemetryWriter } from '../../../src/store/api/telemetry.ts';
import { openTelemetryReader } from '../../../src/store/open.ts';
import { openSqliteWriter } from '../../../src/store/sqlite/writer.ts';
import {
  DAY_START_US,
  emptyGroup,
  NOON_US,
  plainLogs,
  plainSpans,
  Random,
  randomPoints,
  traceIdOf,
  withRequest,
} from '../generate.ts';

const DAY_RANGE = { fromUs: DAY_START_US, toUs: DAY_START_US + US_PER_DAY };
let dataDir: string;
let writer: TelemetryWriter | undefined;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-compaction-'));
  writer = undefined;
});

afterEach(() => {
  writer?.close();
  fs.rmSync(dataDir, { recursive: true });
});

function open(options: { readonly pagesMax?: number } = {}): TelemetryWriter {
  writer = openSqliteWriter({ dataDir, durability: 'process', ...options });
  return writer;
}

/** Numbers that SQL gives of the day. */
function ask(sql: string): readonly number[] {
  const connection = new Database(path.join(dataDir, 'telemetry', '20260102.db'));
  const values = connection.prepare(sql).pluck().all() as number[];
  connection.close();
  return values;
}

function change(sql: string): void {
  const connection = new Database(path.join(dataDir, 'telemetry', '20260102.db'));
  connection.exec(sql);
  connection.close();
}

/** `traceCount` traces of one span each, from `first` on. */
function tracesFrom(first: number, traceCount: number) {
  return plainSpans(
    Array.from({ length: traceCount }, (_, index) => ({
      trace: first + index,
      span: first + index,
      startUs: NOON_US + first + index,
    })),
  );
}

/** A call stops when its time is up: calls until one changes nothing. */
function compactWhole(store: TelemetryWriter): void {
  const stateOf = () =>
    ask('SELECT SUM(segment_id) FROM trace_segments UNION ALL SELECT MAX(block_id) FROM blocks');
  for (let before: readonly number[] = []; `${before}` !== `${stateOf()}`; ) {
    before = stateOf();
    store.checkpoint();
  }
}

describe('compaction', () => {
  it('keeps every trace findable and the segments of a bucket few', () => {
    const store = open();
    const commits = 40;
    const traceCount = 450;
    for (let commit = 0; commit < commits; commit++) {
      const spans = tracesFrom(1 + commit * traceCount, traceCount);
      store.write(withRequest({ ...emptyGroup(), spans }, commit));
    }
    compactWhole(store);
    const perBucket = 'SELECT COUNT(*) FROM trace_segments WHERE bucket >= 0 GROUP BY bucket';
    expect(new Set(ask(perBucket))).toEqual(new Set([1]));
    // As many segments as days of commits would leave, some small and some large.
    for (let doubling = 0; doubling < 5; doubling++) {
      change(`INSERT INTO trace_segments (bucket, entry_count, checksum, bytes)
              SELECT bucket, entry_count, checksum, bytes FROM trace_segments WHERE bucket >= 0`);
    }
    expect(new Set(ask(perBucket))).toEqual(new Set([32]));
    compactWhole(store);
    const counts = ask(perBucket);
    expect(counts).toHaveLength(256);
    expect(Math.max(...counts)).toBe(8);
    const reader = openTelemetryReader({ dataDir });
    for (let trace = 1; trace <= commits * traceCount; trace += 97) {
      expect(reader.readTrace(traceIdOf(trace))).toHaveLength(1);
    }
    reader.close();
  });

  it('goes on step by step until small blocks of all signals are merged', () => {
    const store = open();
    for (let commit = 0; commit < 40; commit++) {
      const spans = tracesFrom(1 + 10 * commit, 10);
      const logs = plainLogs([{ timeUs: NOON_US + commit, body: `line ${commit}` }]);
      const points = randomPoints(5, new Random(commit + 1));
      store.write(withRequest({ ...emptyGroup(), spans, logs, points }, commit));
    }
    compactWhole(store);
    expect(ask('SELECT COUNT(*) FROM blocks GROUP BY signal ORDER BY signal')).toEqual([1, 1, 1]);
    expect(ask('SELECT SUM(row_count) FROM blocks GROUP BY signal ORDER BY signal')).toEqual([
      400, 40, 200,
    ]);
    const reader = openTelemetryReader({ dataDir });
    expect(reader.countRows(DAY_RANGE)).toEqual({ spans: 400, logs: 40, points: 200, profiles: 0 });
    for (let trace = 1; trace <= 400; trace += 7) {
      expect(reader.readTrace(traceIdOf(trace))).toHaveLength(1);
    }
    reader.close();
  });

  it('that finds no room on the disk leaves everything readable, and is done when there is', () => {
    open();
    const commits = 30;
    for (let commit = 0; commit < commits; commit++) {
      const spans = tracesFrom(1 + 20 * commit, 20);
      writer?.write(withRequest({ ...emptyGroup(), spans }, commit));
    }
    writer?.close();
    const [pages = 0] = ask('PRAGMA page_count');
    open({ pagesMax: pages });
    writer?.loadTemplates();
    expect(() => writer?.checkpoint()).toThrow(
      expect.objectContaining({ code: 'store.unavailable' }),
    );
    expect(ask('SELECT COUNT(*) FROM blocks')).toEqual([commits]);
    const reader = openTelemetryReader({ dataDir });
    for (let trace = 1; trace <= 20 * commits; trace++) {
      expect(reader.readTrace(traceIdOf(trace))).toHaveLength(1);
    }
    expect(reader.listFaults()).toEqual([]);
    writer?.close();
    open();
    writer?.loadTemplates();
    writer?.checkpoint();
    expect(ask('SELECT COUNT(*) FROM blocks')).toEqual([1]);
    expect(reader.countRows(DAY_RANGE).spans).toBe(20 * commits);
    reader.close();
  });
});
