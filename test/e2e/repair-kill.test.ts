/** Kills a repair at every step: afterwards there is the old file or the new one, never neither. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkTelemetry, openTelemetryWriter, repairTelemetry } from '../../src/store/open.ts';
import { dayFile, fillStore, readRows, rootPageOf, zeroPage } from '../store/sqlite/damage.ts';

const CHILD = path.resolve('dist/test/store/repair-kill-child.js');
const STEPS_MAX = 60;

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-repair-kill-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

it.each(['repair', 'start'] as const)('a killed repair is finished by the next %s', (next) => {
  fillStore(dataDir, { groups: 4, seed: 1 });
  const rows = readRows(dataDir);
  zeroPage(dataDir, rootPageOf(dataDir, 'sections'));
  const telemetry = path.join(dataDir, 'telemetry');
  const damaged = path.join(dataDir, 'before');
  fs.cpSync(telemetry, damaged, { recursive: true });
  const old = fs.readFileSync(dayFile(dataDir));
  const steps: string[] = [];
  for (let step = 0; steps.at(-1) !== 'done'; step++) {
    expect(step).toBeLessThan(STEPS_MAX);
    for (const name of ['telemetry', 'damaged', 'repair-draft']) {
      fs.rmSync(path.join(dataDir, name), { recursive: true, force: true });
    }
    fs.cpSync(damaged, telemetry, { recursive: true });
    const { stdout, stderr } = spawnSync(process.execPath, [CHILD, dataDir, String(step)]);
    expect(String(stderr)).toBe('');
    steps.push(String(stdout));

    const isOld = fs.readFileSync(dayFile(dataDir)).equals(old);
    if (!isOld) expect(readRows(dataDir)).toEqual(rows);
    if (next === 'repair') repairTelemetry({ dataDir });
    else openTelemetryWriter({ dataDir, durability: 'disk' }).close();
    const [check] = checkTelemetry({ dataDir, depth: 'full' });
    if (check?.state === 'ok') {
      expect(readRows(dataDir)).toEqual(rows);
      const asides = fs.readdirSync(path.join(dataDir, 'damaged'));
      const copies = asides.map((name) => path.join(dataDir, 'damaged', name, '20260102.db'));
      expect(copies.some((copy) => fs.existsSync(copy) && fs.readFileSync(copy).equals(old))).toBe(
        true,
      );
    } else {
      // Killed before the new file was whole: a start leaves the old one as it is.
      expect(next).toBe('start');
      expect(fs.readFileSync(dayFile(dataDir)).equals(old)).toBe(true);
    }
    expect(fs.readdirSync(telemetry).filter((name) => name.endsWith('.repaired'))).toEqual([]);
  }
  expect(steps).toContain('renameSync');
  expect(steps).toContain('linkSync');
});
