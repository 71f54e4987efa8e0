/** SQLite's log moves into the file beside the writer, and begins anew instead of growing. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCheckpointer, openTelemetryReader } from '../../../src/store/open.ts';
import { openSqliteCheckpointer } from '../../../src/store/sqlite/checkpoint.ts';
import { openSqliteWriter } from '../../../src/store/sqlite/writer.ts';
import { emptyGroup, NOON_US, plainSpans, Random, randomSpans, withRequest } from '../generate.ts';

const KIB = 1024;

let dataDir: string;
let dayFile: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-checkpoint-'));
  dayFile = path.join(dataDir, 'telemetry', '20260102.db');
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

function groupOf(number: number) {
  return withRequest({ ...emptyGroup(), spans: randomSpans(100, new Random(number)) }, number);
}

/** Blocks in the file alone; the file is copied by another process, which leaves SQLite's locks alone. */
function blocksWithoutLog(): number {
  const copy = path.join(dataDir, 'copy.db');
  expect(spawnSync('cp', [dayFile, copy]).status).toBe(0);
  const connection = new Database(copy);
  const count = connection.prepare('SELECT count(*) FROM blocks').pluck().get();
  connection.close();
  return Number(count);
}

it('run() moves the log of every day that has much of it', () => {
  const writer = openSqliteWriter({ dataDir, durability: 'process' });
  const checkpointer = openSqliteCheckpointer({ dataDir, restBytesMin: 64 * KIB });
  expect(checkpointer.run().pages).toBe(0);
  for (let group = 0; group < 20; group++) writer.write(groupOf(group));
  expect(checkpointer.run().pages).toBeGreaterThan(20);
  expect(blocksWithoutLog()).toBe(20);
  expect(checkpointer.run().pages).toBe(0);
  const spans = plainSpans([{ trace: 1, span: 1, startUs: NOON_US }]);
  writer.write(withRequest({ ...emptyGroup(), spans }, 100));
  // Little to move is left for later.
  expect(checkpointer.run().pages).toBe(0);
  writer.close();
  const reader = openTelemetryReader({ dataDir });
  expect(reader.stats().spanCount).toBe(2001);
  reader.close();
});

it('run() has nothing to do without a store', () => {
  expect(openCheckpointer({ dataDir }).run().pages).toBe(0);
});

it.each([
  { caption: 'alone', isHelped: false },
  { caption: 'beside a checkpointer', isHelped: true },
])('a writer $caption keeps the log near its bound', ({ isHelped }) => {
  const logRestartBytes = 512 * KIB;
  const writer = openSqliteWriter({ dataDir, durability: 'process', logRestartBytes });
  const checkpointer = openSqliteCheckpointer({ dataDir, restBytesMin: 128 * KIB });
  let bytesMax = 0;
  for (let group = 0; group < 100; group++) {
    writer.write(groupOf(group));
    if (isHelped && group % 4 === 0) checkpointer.run();
    const { size } = fs.statSync(`${dayFile}-wal`);
    bytesMax = Math.max(bytesMax, size);
  }
  expect(bytesMax).toBeLessThan(2 * logRestartBytes);
  expect(fs.statSync(dayFile).size).toBeGreaterThan(2 * bytesMax);
  writer.close();
});

it('a reader in the middle keeps the log, and it begins anew once the reader is done', () => {
  const logRestartBytes = 256 * KIB;
  const writer = openSqliteWriter({ dataDir, durability: 'process', logRestartBytes });
  for (let group = 0; group < 10; group++) writer.write(groupOf(group));
  const reader = openTelemetryReader({ dataDir });
  const range = { fromUs: NOON_US - 86_400_000_000, toUs: NOON_US + 86_400_000_000 };
  const seen: number[] = [];
  reader.scanSpans({ range, sections: ['attributes'] }, (_, rows) => {
    if (seen.length === 0) for (let group = 10; group < 40; group++) writer.write(groupOf(group));
    seen.push(rows.length);
    return undefined;
  });
  // One state of the day, whatever is written and moved meanwhile.
  expect(seen.length).toBe(10);
  const grown = fs.statSync(`${dayFile}-wal`).size;
  expect(grown).toBeGreaterThan(logRestartBytes);
  for (let group = 40; group < 60; group++) writer.write(groupOf(group));
  expect(fs.statSync(`${dayFile}-wal`).size).toBeLessThan(grown + logRestartBytes);
  expect(reader.stats().spanCount).toBe(6000);
  reader.close();
  writer.close();
});

it('checkpoint() tells of a log that cannot be moved', () => {
  const writer = openSqliteWriter({ dataDir, durability: 'process', logRestartBytes: 64 * KIB });
  writer.write(groupOf(0));
  const reader = new Database(dayFile, { readonly: true });
  // A reader of an older state keeps what comes after it in the log.
  const rows = reader.prepare('SELECT block_id FROM blocks').iterate();
  rows.next();
  for (let group = 1; group < 10; group++) writer.write(groupOf(group));
  rows.return?.();
  reader.close();
  fs.truncateSync(`${dayFile}-wal`);
  expect(() => writer.checkpoint()).toThrow(/checkpoint .*20260102/);
  writer.close();
});
