import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SIGNALS } from '../../../src/model/vocabulary.ts';
import type { DayRepair } from '../../../src/store/api/maintenance.ts';
import {
  checkTelemetry,
  openTelemetryReader,
  openTelemetryWriter,
  repairTelemetry,
} from '../../../src/store/open.ts';
import { SECTION } from '../../../src/store/sqlite/block.ts';
import { Random } from '../generate.ts';
import {
  ALL,
  changeFile,
  countOf,
  DAY,
  dayFile,
  fillStore,
  locateBlocks,
  missingIn,
  PAGE_BYTES,
  type Rows,
  readRows,
  rootPageOf,
  withDatabase,
  zeroPage,
} from './damage.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-repair-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

function repairOnly(): DayRepair {
  const { repairedDays } = repairTelemetry({ dataDir });
  expect(repairedDays.map(({ day }) => day)).toEqual([DAY]);
  return repairedDays[0]!;
}

function expectSound(): void {
  expect(checkTelemetry({ dataDir, depth: 'full' })).toMatchObject([
    { day: DAY, state: 'ok', damagedRows: [], faults: [] },
  ]);
  const reader = openTelemetryReader({ dataDir });
  const traceIds = readRows(dataDir).traces.map((row) => /[0-9a-f]{32}/.exec(row)![0]);
  for (const traceId of new Set(traceIds)) expect(reader.readTrace(traceId)).not.toEqual([]);
  reader.close();
}

/** Where a repair says that parts of rows may be lost, the rest of each row is compared. */
function expectNothingInvented(before: Rows, after: Rows, repair?: DayRepair): void {
  const isWhole = !repair?.notes.some((note) => note.endsWith('may be lost'));
  const compared = (rows: readonly string[]) => (isWhole ? rows : rows.map(withoutParts));
  for (const signal of SIGNALS) {
    const invented = missingIn(compared(before[signal]), compared(after[signal]));
    expect(invented.length, signal).toBe(0);
  }
}

function withoutParts(row: string): string {
  const { events, links, buckets, exemplars, ...rest } = JSON.parse(row) as Record<string, unknown>;
  return JSON.stringify(rest);
}

describe('repairTelemetry()', () => {
  it('leaves a sound store alone', () => {
    fillStore(dataDir, { groups: 3, seed: 1 });
    const before = fs.readFileSync(dayFile(dataDir));
    expect(repairTelemetry({ dataDir })).toEqual({
      soundDays: [DAY],
      repairedDays: [],
      skippedDays: [],
    });
    expect(fs.readFileSync(dayFile(dataDir))).toEqual(before);
    expect(fs.readdirSync(dataDir)).not.toContain('damaged');
  });

  it('refuses while a writer is open, and says who it is', () => {
    const writer = openTelemetryWriter({ dataDir, durability: 'process' });
    expect(() => repairTelemetry({ dataDir })).toThrow(`process ${process.pid} already does`);
    writer.close();
  });

  it('leaves a file of a newer version alone', () => {
    fillStore(dataDir, { groups: 1, seed: 1 });
    withDatabase(dataDir, (connection) =>
      connection.exec("UPDATE meta SET value = '99' WHERE key = 'format_version'"),
    );
    expect(checkTelemetry({ dataDir, depth: 'checksums' })).toMatchObject([
      { state: 'other version' },
    ]);
    expect(repairTelemetry({ dataDir }).skippedDays).toEqual([DAY]);
  });

  it('is whole again for the writer: what was re-sent is known, what comes is stored', () => {
    fillStore(dataDir, { groups: 4, seed: 3 });
    const before = readRows(dataDir);
    zeroPage(dataDir, rootPageOf(dataDir, 'sections'));
    repairOnly();
    fillStore(dataDir, { groups: 5, seed: 3 });
    const after = readRows(dataDir);
    expectNothingInvented(after, before);
    expect(after.traces.length).toBeGreaterThan(before.traces.length);
    expect(new Set(after.traces).size).toBe(after.traces.length);
  });
});

describe('a flipped bit in a section', () => {
  it.each(Object.entries(SECTION))('%s costs its block and nothing else', (name, kind) => {
    fillStore(dataDir, { groups: 4, seed: 7 });
    const before = readRows(dataDir);
    const hit = withDatabase(dataDir, (connection) => {
      const row = connection
        .prepare(
          `SELECT section_id AS id, bytes, row_count AS rowCount, min_us AS minUs, max_us AS maxUs
           FROM sections JOIN blocks ON block_id = section_id / 16
           WHERE section_id % 16 = ? ORDER BY section_id LIMIT 1 OFFSET 1`,
        )
        .get(kind) as { id: number; bytes: Buffer; rowCount: number; minUs: number; maxUs: number };
      row.bytes[row.bytes.length >> 1]! ^= 4;
      connection
        .prepare('UPDATE sections SET bytes = ? WHERE section_id = ?')
        .run(row.bytes, row.id);
      return row;
    });
    const blockId = hit.id >> 4;
    const lost = { rowCount: hit.rowCount, minUs: hit.minUs, maxUs: hit.maxUs };
    const [check] = checkTelemetry({ dataDir, depth: 'checksums' });
    expect(check).toMatchObject({ state: 'damaged', damagedRows: [lost], faults: [] });
    expect(check?.damagedRows[0]?.message).toContain(`block ${blockId} of ${dayFile(dataDir)}`);
    expect(check?.damagedRows[0]?.message).toContain(`section ${name}: the checksum differs`);

    const damaged = fs.readFileSync(dayFile(dataDir));
    const repair = repairOnly();
    expect(repair.lostRows).toEqual([
      { ...lost, signal: expect.any(String), message: expect.stringContaining(`section ${name}`) },
    ]);
    expect(repair.notes).toEqual([]);
    const after = readRows(dataDir);
    expectNothingInvented(before, after);
    expect(countOf(after)).toBe(countOf(before) - hit.rowCount);
    expect(fs.readFileSync(path.join(repair.asideDir, `${DAY}.db`))).toEqual(damaged);
    expectSound();
  });
});

describe('damage beside the rows', () => {
  it.each([
    ['a header', "UPDATE blocks SET min_us = min_us + 1, services = '[]' WHERE block_id = 2"],
    ['a row count', 'UPDATE blocks SET row_count = row_count + 1 WHERE block_id = 1'],
    ['a lost header of spans', 'DELETE FROM blocks WHERE block_id = 1'],
    ['a lost header of logs', 'DELETE FROM blocks WHERE block_id = 2'],
    ['a lost header of points', 'DELETE FROM blocks WHERE block_id = 3'],
    ['a lost header of profiles', 'DELETE FROM blocks WHERE block_id = 4'],
    ['a signal', 'UPDATE blocks SET signal = 7 WHERE block_id = 2'],
    ['a segment', 'UPDATE trace_segments SET checksum = 1 WHERE segment_id = 2'],
    ['a missing segment', 'DELETE FROM trace_segments WHERE segment_id = 1'],
  ])('of %s is mended without a loss', (_, sql) => {
    fillStore(dataDir, { groups: 4, seed: 5 });
    const before = readRows(dataDir);
    withDatabase(dataDir, (connection) => {
      connection.exec(sql);
      // So that the check finds a fault: sections without a header are found by repair alone.
      connection.exec('UPDATE tallies SET checksum = 1 WHERE tally_id = 1');
    });
    const repair = repairOnly();
    expect(repair.lostRows).toEqual([]);
    expect(readRows(dataDir)).toEqual(before);
    expectSound();
  });

  it('of a slice whose endpoint is lost costs its minute', () => {
    fillStore(dataDir, { groups: 2, seed: 5 });
    withDatabase(dataDir, (connection) =>
      connection.exec("DELETE FROM endpoints WHERE endpoint_id = 'f1'"),
    );
    expect(checkTelemetry({ dataDir, depth: 'checksums' })[0]?.faults).toEqual([
      expect.stringContaining('tallies 2'),
    ]);
    expect(repairOnly().notes).toEqual([
      'tallies of the minute 2026-01-02T12:01:00.000Z are lost, in part or whole',
    ]);
    expectSound();
  });

  it('of a tally costs its minute and is reported', () => {
    fillStore(dataDir, { groups: 4, seed: 5 });
    withDatabase(dataDir, (connection) =>
      connection.exec(`UPDATE tallies SET checksum = 1 WHERE tally_id = 2;
        UPDATE template_tallies SET bytes = x'ff' WHERE tally_id = 3`),
    );
    expect(checkTelemetry({ dataDir, depth: 'checksums' })[0]?.faults).toEqual([
      expect.stringContaining('tallies 2'),
      expect.stringContaining('template_tallies 3'),
    ]);
    expect(repairOnly().notes).toEqual([
      'tallies of the minute 2026-01-02T12:01:00.000Z are lost, in part or whole',
      'template_tallies of the minute 2026-01-02T12:02:00.000Z are lost, in part or whole',
    ]);
    const reader = openTelemetryReader({ dataDir });
    expect(reader.readTallies({ range: ALL })).toHaveLength(3);
    const all = reader.readTallies({ range: ALL, slices: true });
    expect(all.flatMap(({ endpoint }) => endpoint.slice?.value ?? [])).toEqual(['b0', 'b2', 'b0']);
    expect(reader.readTemplateTallies({ range: ALL })).toHaveLength(3);
    expect(reader.listTemplates({})).toHaveLength(4);
    reader.close();
    expectSound();
  });
});

describe('a broken page', () => {
  it.each(['sections', 'blocks', 'trace_segments'])('at the root of %s costs no row', (table) => {
    fillStore(dataDir, { groups: 12, seed: 2 });
    const before = readRows(dataDir);
    zeroPage(dataDir, rootPageOf(dataDir, table));
    const [check] = checkTelemetry({ dataDir, depth: 'checksums' });
    expect(check?.state).toBe('damaged');
    const repair = repairOnly();
    if (table === 'blocks') {
      // All headers stood there or below; points whose columns are constant do not say how many they are.
      expect(repair.lostRows.every(({ signal }) => signal === undefined)).toBe(true);
    } else expect(repair.lostRows).toEqual([]);
    const after = readRows(dataDir);
    expectNothingInvented(before, after);
    expect(after.traces).toEqual(before.traces);
    expect(after.logs).toEqual(before.logs);
    expectSound();
  });

  it('at the head of the file costs no row', () => {
    fillStore(dataDir, { groups: 10, seed: 2 });
    const before = readRows(dataDir);
    zeroPage(dataDir, 1);
    expect(checkTelemetry({ dataDir, depth: 'checksums' })).toMatchObject([
      { state: 'unreadable' },
    ]);
    expect(repairOnly().lostRows).toEqual([]);
    expect(readRows(dataDir)).toEqual(before);
    expectSound();
  });

  it('at the head of a file whose rows are still in the log costs no row', () => {
    fillStore(dataDir, { groups: 6, seed: 2, isKilled: true });
    const before = readRows(dataDir);
    expect(fs.statSync(`${dayFile(dataDir)}-wal`).size).toBeGreaterThan(0);
    changeFile(dataDir, (bytes) => bytes.fill(0, 0, 100));
    // SQLite may find the head in the log by itself: then there is nothing to repair.
    const { repairedDays } = repairTelemetry({ dataDir });
    expect(repairedDays.flatMap(({ lostRows }) => lostRows)).toEqual([]);
    expect(readRows(dataDir)).toEqual(before);
    expectSound();
  });

  it.each([
    ['zeros', (bytes: Buffer) => bytes.fill(0)],
    ['another file', () => Buffer.from('this is no database at all\n'.repeat(2000))],
    ['one byte', () => Buffer.from('x')],
  ])('a file of %s becomes an empty day, and the service goes on', (_, change) => {
    fillStore(dataDir, { groups: 3, seed: 2 });
    changeFile(dataDir, change);
    expect(checkTelemetry({ dataDir, depth: 'checksums' })).toMatchObject([
      { state: 'unreadable' },
    ]);
    const repair = repairOnly();
    expect(repair.keptRows).toEqual({ traces: 0, logs: 0, metrics: 0, profiles: 0 });
    expect(repair.notes.join()).toContain('no row');
    expect(countOf(readRows(dataDir))).toBe(0);
    fillStore(dataDir, { groups: 3, seed: 2 });
    expect(countOf(readRows(dataDir))).toBeGreaterThan(0);
    expectSound();
  });

  it.each([0.3, 0.6, 0.9])('a file cut to %f of its size keeps what stands before', (share) => {
    fillStore(dataDir, { groups: 12, seed: 4 });
    const before = readRows(dataDir);
    const blocks = locateBlocks(dataDir);
    const size = Math.floor(fs.statSync(dayFile(dataDir)).size * share);
    fs.truncateSync(dayFile(dataDir), size);
    const whole = blocks.filter(({ pages }) => Math.max(...pages) < Math.floor(size / PAGE_BYTES));
    const repair = repairOnly();
    const after = readRows(dataDir);
    expectNothingInvented(before, after, repair);
    const wholeRows = whole.reduce((sum, { rowCount }) => sum + rowCount, 0);
    expect(countOf(after)).toBeGreaterThanOrEqual(wholeRows);
    expect(Object.values(repair.keptRows).reduce((a, b) => a + b)).toBe(countOf(after));
    expectSound();
  });
});

describe('random flips', () => {
  const SEEDS = Array.from({ length: 16 }, (_, seed) => seed);
  it.each(SEEDS)('seed %i: blocks on pages without a flip read back as they were', (seed) => {
    const random = new Random(seed + 1);
    // Every other store has been compacted: it has free pages with rows that are long gone.
    fillStore(dataDir, { groups: 18, seed, checkpoints: seed % 2 === 0 ? 0 : 3 });
    const before = readRows(dataDir);
    const blocks = locateBlocks(dataDir);
    const hitPages = new Set<number>();
    changeFile(dataDir, (bytes) => {
      for (let left = 1 + random.below(3); left > 0; left--) {
        const at = random.below(bytes.length);
        bytes[at]! ^= 1 << random.below(8);
        hitPages.add(Math.floor(at / PAGE_BYTES));
      }
      return undefined;
    });
    checkTelemetry({ dataDir, depth: 'checksums' });
    const { repairedDays } = repairTelemetry({ dataDir });
    const after = readRows(dataDir);
    expectNothingInvented(before, after, repairedDays[0]);
    const untouched = blocks.filter(({ pages }) => ![...pages].some((page) => hitPages.has(page)));
    const kept = withDatabase(
      dataDir,
      (connection) =>
        new Set(connection.prepare('SELECT block_id FROM blocks').pluck().all() as number[]),
    );
    expect(untouched.filter(({ blockId }) => !kept.has(blockId))).toEqual([]);
    const lost = repairedDays[0]?.lostRows ?? [];
    if (lost.every(({ rowCount }) => rowCount !== undefined)) {
      const lostCount = lost.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
      expect(countOf(after) + lostCount).toBe(countOf(before));
    }
    expectSound();
  });
});
