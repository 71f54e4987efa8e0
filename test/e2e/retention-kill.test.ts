/** Kills a process at every step of a removal: a day is whole or gone, and nothing of it comes back. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { traceIdOf } from '../store/generate.ts';
import { KILL_SPANS_PER_REQUEST, killGroup } from '../store/kill-group.ts';

const CHILD = path.resolve('dist/test/store/retain-kill-child.js');
/** Two days; of each: rename, open and sync of the folder, then three files. */
const STEPS = 12;

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-retain-kill-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

function runChild(step: number): { readonly signal: string | null; readonly output: string } {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [CHILD, dataDir, String(step)]);
  expect(String(stderr)).toBe('');
  return { signal, output: String(stdout) };
}

it.each(Array.from({ length: STEPS }, (_, step) => step))('killed before step %i', (step) => {
  const { signal, output } = runChild(step);
  expect(signal).toBe('SIGKILL');
  expect(output).toBe(
    ['renameSync', 'openSync', 'fsyncSync', 'rmSync', 'rmSync', 'rmSync'][step % 6],
  );

  // Each day holds half of the trace.
  const half = KILL_SPANS_PER_REQUEST / 2;
  const removedDays = step === 0 ? 0 : step <= 6 ? 1 : 2;
  const expectedCount = KILL_SPANS_PER_REQUEST - half * removedDays;
  let reader = openTelemetryReader({ dataDir });
  expect(reader.readTrace(traceIdOf(1))).toHaveLength(expectedCount);
  expect(reader.stats().spanCount).toBe(expectedCount);
  reader.close();

  const writer = openTelemetryWriter({ dataDir, durability: 'disk' });
  const left = fs.readdirSync(path.join(dataDir, 'telemetry'));
  expect(left.filter((name) => name.endsWith('.removed'))).toEqual([]);
  for (const name of left) {
    expect(left, name).toContain(`${name.slice(0, 8)}.db`);
  }
  writer.write(killGroup(2));
  reader = openTelemetryReader({ dataDir });
  expect(reader.readTrace(traceIdOf(1))).toHaveLength(expectedCount);
  expect(reader.readTrace(traceIdOf(2))).toHaveLength(KILL_SPANS_PER_REQUEST);
  reader.close();
  writer.close();
});

it('every step has its kill', () => {
  expect(runChild(STEPS)).toEqual({ signal: null, output: 'done' });
});
