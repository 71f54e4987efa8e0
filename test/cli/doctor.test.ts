import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createCounters } from '../../src/base/counters.ts';
import { AppError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/time.ts';
import { runCli } from '../../src/cli/cli.ts';
import { createDeadLetters } from '../../src/pipeline/dead-letter.ts';
import { openTelemetryWriter } from '../../src/store/open.ts';
import { fillStore, withDatabase, zeroPage } from '../store/sqlite/damage.ts';

const document = z.object({
  findings: z.array(z.object({ check: z.string(), state: z.string(), message: z.string() })),
  days: z.array(
    z.object({
      day: z.string(),
      state: z.string(),
      sizeBytes: z.number(),
      walBytes: z.number(),
      rows: z.record(z.string(), z.number()),
      damagedRows: z.array(z.object({ signal: z.string(), rowCount: z.number() })),
    }),
  ),
  deadLetters: z.object({ count: z.number(), reasons: z.array(z.object({ count: z.number() })) }),
});

let dataDir: string;
let out: string;
let err: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-doctor-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  fs.rmSync(dataDir, { recursive: true });
});

async function doctor(...flags: readonly string[]): Promise<number> {
  process.exitCode = undefined;
  [out, err] = ['', ''];
  return runCli(['doctor', '--data', dataDir, ...flags]);
}

function addLetter(text: string): void {
  const letters = createDeadLetters({
    dataDir,
    clock: systemClock,
    counters: createCounters(),
    log: silentLog,
  });
  const body = new TextEncoder().encode(text);
  letters.add({
    request: { signal: 'traces', encoding: 'json', compression: '', body },
    reason: new AppError('store.rejected', 'Cannot store a row'),
  });
}

describe('taproot doctor', () => {
  it('shows days, their sizes and rows, and ends with 0 while nothing is bad', async () => {
    fillStore(dataDir, { groups: 2, seed: 1 });
    // Ports of this machine may be taken by others: only what the store says counts here.
    await doctor('--json');
    const { findings, days } = document.parse(JSON.parse(out));
    expect(findings.find(({ check }) => check === 'store')?.message).toMatch(
      /^\d+ spans, \d+ logs, \d+ points, \d+ profiles in 1 days, 0\.\d MB, log 0\.0 MB$/,
    );
    expect(findings.find(({ check }) => check === 'day 20260102')?.state).toBe('ok');
    expect(days).toMatchObject([{ day: '20260102', state: 'ok', walBytes: 0, damagedRows: [] }]);
    expect(days[0]?.sizeBytes).toBeGreaterThan(0);
  });

  it.each([
    ['the checksums', []],
    ['all', ['--full']],
  ])('names day, block and section of damage when it reads %s', async (_, flags) => {
    fillStore(dataDir, { groups: 2, seed: 1 });
    withDatabase(dataDir, (connection) =>
      connection.exec('UPDATE sections SET checksum = 1 WHERE section_id = 18'),
    );
    await expect(doctor(...flags)).resolves.toBe(1);
    expect(out).toMatch(/ BAD {2}day 20260102: damaged, .* rows of traces from 2026-01-02T/);
    expect(out).toContain('block 1 of');
    expect(out).toContain('section core: the checksum differs');
    expect(out).toContain('taproot doctor --repair');
  });

  it('repairs, says what was lost, and is content afterwards', async () => {
    fillStore(dataDir, { groups: 3, seed: 1 });
    withDatabase(dataDir, (connection) =>
      connection.exec('UPDATE sections SET checksum = 1 WHERE section_id = 18'),
    );
    await expect(doctor('--repair')).resolves.toBe(0);
    expect(out).toMatch(/lost: \d+ rows of traces from 2026-01-02T.* to 2026-01-02T.*: block 1/);
    expect(out).toContain('0 days are sound, 1 were repaired');
    await doctor('--json', '--full');
    expect(document.parse(JSON.parse(out)).days).toMatchObject([{ state: 'ok' }]);
    await expect(doctor('--repair', '--json')).resolves.toBe(0);
    expect(JSON.parse(out)).toEqual({
      soundDays: ['20260102'],
      repairedDays: [],
      skippedDays: [],
    });
  });

  it('refuses to repair while a writer is open, naming it', async () => {
    const writer = openTelemetryWriter({ dataDir, durability: 'process' });
    await expect(doctor('--repair')).resolves.toBe(1);
    expect(err).toContain(`process ${process.pid} already does; stop it`);
    writer.close();
  });

  it('shows a day that cannot be opened, and the others', async () => {
    fillStore(dataDir, { groups: 1, seed: 1 });
    zeroPage(dataDir, 1);
    await expect(doctor()).resolves.toBe(1);
    expect(out).toMatch(/ BAD {2}day 20260102: unreadable/);
  });

  it('counts dead letters by reason and exports them for import', async () => {
    addLetter('{"resourceSpans":[]}');
    addLetter('{"resourceSpans": []}');
    await doctor('--json');
    expect(document.parse(JSON.parse(out)).deadLetters).toMatchObject({
      count: 2,
      reasons: [{ count: 2 }],
    });
    await doctor();
    expect(out).toContain('2 × store.rejected: Cannot store a row');
    const outDir = path.join(dataDir, 'out');
    await expect(doctor('--dead-letters', outDir)).resolves.toBe(0);
    expect(out).toContain(`2 dead letters in ${outDir}`);
    out = '';
    await expect(runCli(['import', outDir, '--data', dataDir, '--json'])).resolves.toBe(0);
    expect(JSON.parse(out)).toMatchObject({ files: 2, requests: 2, refusedCount: 0 });
    await expect(doctor('--dead-letters', outDir)).resolves.toBe(2);
  });
});
