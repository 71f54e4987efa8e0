import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';

let dir: string;
let out: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'taproot-cases-'));
  out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(dir, { recursive: true });
});

/** Whole cases are made or diagnosed: seconds of a busy machine. */
const TIMEOUT_MS = 60_000;

describe('taproot bench cases', { timeout: TIMEOUT_MS }, () => {
  it('writes a set that can be diagnosed and scored, with the answers outside the cases', async () => {
    await expect(
      runCli(['bench', 'cases', '--out', dir, '--count', '1', '--seed', '3']),
    ).resolves.toBe(0);
    const ids = readdirSync(join(dir, 'cases'));
    expect(ids).toEqual(['sim-3-001']);
    for (const id of ids) {
      expect(existsSync(join(dir, 'cases', id, 'case.json'))).toBe(true);
      expect(readFileSync(join(dir, 'cases', id, 'case.json'), 'utf8')).not.toContain('fault');
    }
    const labels = join(dir, 'labels.json');
    await expect(runCli(['bench', 'rca', dir, '--labels', labels])).resolves.toBe(0);
    expect(out).toContain('| simulated cpu');
    expect(out).toContain('1 cases, a cause named in');
  });

  it.each([
    ['--count', '0'],
    ['--seed', 'x'],
  ])('refuses %s %s', async (flag, value) => {
    await expect(runCli(['bench', 'cases', '--out', dir, flag, value])).resolves.toBe(2);
  });
});
