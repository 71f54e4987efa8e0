/** `taproot bench query` in short: every question is asked and answered. Never a speed. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT, startChild, type TemporaryFolder, temporaryFolder, waitFor } from './child.ts';

let folder: TemporaryFolder;

beforeEach(() => {
  folder = temporaryFolder('bench');
});

afterEach(() => folder.remove());

test('bench query fills a store, asks it, and starts the service on it', async () => {
  const store = join(folder.path, 'store');
  const own = ['--spans', '20000', '--dir', store, '--json'];
  const child = startChild({
    name: 'bench',
    command: process.execPath,
    args: [join(ROOT, 'dist/src/main.js'), 'bench', 'query', ...own],
    dir: folder.path,
  });
  try {
    const { exit } = await waitFor('the bench to end', {
      timeoutMs: 150_000,
      check: async () => (child.isAlive() ? undefined : { exit: child.exitCode() }),
    });
    const output = child.readOutput();
    expect(exit, output).toBe(0);
    const line = output.split('\n').find((text) => text.startsWith('['));
    const results = JSON.parse(line!) as readonly {
      readonly name: string;
      readonly unit: string;
      readonly min: number;
      readonly median: number;
      readonly max: number;
      readonly runs: number;
    }[]; // what the command documents
    const names = results.map(({ name }) => name);
    for (const part of [
      'trace by id with logs, warm',
      'trace by id with logs, cold',
      'search by service, operation, duration, time',
      'absent value',
      'group by name',
      'group by an attribute',
      'start of the service',
      'start after a kill under full load',
    ]) {
      expect(
        names.some((name) => name.includes(part)),
        part,
      ).toBe(true);
    }
    for (const { name, unit, min, median, max, runs } of results) {
      expect(['ms', 'spans/s'], name).toContain(unit);
      expect(min, name).toBeGreaterThan(0);
      expect(min, name).toBeLessThanOrEqual(median);
      expect(median, name).toBeLessThanOrEqual(max);
      expect(runs, name).toBeGreaterThan(0);
    }
    expect(readdirSync(store)).toEqual(['data']);
  } finally {
    await child.stop();
  }
});
