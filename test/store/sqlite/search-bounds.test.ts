import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Page, TelemetryWriter } from '../../../src/store/api/telemetry.ts';
import { DayPool } from '../../../src/store/sqlite/day-pool.ts';
import { searchLogs } from '../../../src/store/sqlite/log-search.ts';
import { searchTraces } from '../../../src/store/sqlite/trace-search.ts';
import { openSqliteWriter } from '../../../src/store/sqlite/writer.ts';
import {
  DAY_START_US,
  emptyGroup,
  plainLogs,
  plainSpans,
  Random,
  withRequest,
} from '../generate.ts';

const RANGE = { fromUs: DAY_START_US - 1000, toUs: DAY_START_US + 1000 };
let dataDir: string;
let writer: TelemetryWriter;
let pool: DayPool;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-bounds-'));
  writer = openSqliteWriter({ dataDir, durability: 'process' });
  pool = new DayPool(dataDir);
  const random = new Random(21);
  for (let group = 0; group < 12; group++) {
    const times = Array.from({ length: 6 }, () => DAY_START_US - 40 + random.below(80));
    const spans = plainSpans(
      times.map((startUs, index) => ({
        trace: 1 + random.below(30),
        span: 1 + group * 6 + index,
        startUs,
      })),
    );
    const logs = plainLogs(times.map((timeUs, index) => ({ timeUs, body: `${group}/${index}` })));
    writer.write(withRequest({ ...emptyGroup(), spans, logs }, group));
  }
});

afterEach(() => {
  pool.close();
  writer.close();
  fs.rmSync(dataDir, { recursive: true });
});

function collectPages<T>(readPage: (cursor: { readonly cursor?: string }) => Page<T>) {
  const items: T[] = [];
  let cutCount = 0;
  let cursor: { readonly cursor?: string } = {};
  for (let page = 0; page < 500; page++) {
    const { items: next, nextCursor, wasCut } = readPage(cursor);
    items.push(...next);
    if (wasCut) cutCount++;
    if (nextCursor === undefined) return { items, cutCount };
    cursor = { cursor: nextCursor };
  }
  throw new Error('the pages do not end');
}

describe.each([1, 7, 20, 50])('a search that may look at %i rows a page', (rowsMax) => {
  it.each([1, 4, 100])('gives every trace once over cut pages of %i', (limit) => {
    const query = { range: RANGE, limit: 1000 };
    const whole = searchTraces(pool, query);
    expect(whole.wasCut).toBe(false);
    const cut = collectPages((cursor) =>
      searchTraces(pool, { ...query, limit, ...cursor }, { rowsMax }),
    );
    expect(cut.items).toEqual(whole.items);
    if (limit === 100) expect(cut.cutCount).toBeGreaterThan(0);
  });

  it.each([1, 4, 100])('gives every log record once over cut pages of %i', (limit) => {
    const query = { range: RANGE, limit: 1000 };
    const whole = searchLogs(pool, query);
    const cut = collectPages((cursor) =>
      searchLogs(pool, { ...query, limit, ...cursor }, { rowsMax }),
    );
    expect(cut.items).toEqual(whole.items);
    if (limit === 100) expect(cut.cutCount).toBeGreaterThan(0);
  });
});

describe.each([1, 7, 20])('a search that may read %i rows for summaries', (summaryRowsMax) => {
  it.each([1, 4, 100])('gives every trace once over cut pages of %i', (limit) => {
    const query = { range: RANGE, limit: 1000 };
    const whole = searchTraces(pool, query);
    const cut = collectPages((cursor) =>
      searchTraces(pool, { ...query, limit, ...cursor }, { summaryRowsMax }),
    );
    expect(cut.items).toEqual(whole.items);
    if (limit === 100) expect(cut.cutCount).toBeGreaterThan(0);
  });
});
