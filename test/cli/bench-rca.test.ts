import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';

const SET = 'test/fixture/cases/set';

let dir: string;
let out: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'taproot-rca-'));
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

describe('taproot bench rca', { timeout: TIMEOUT_MS }, () => {
  it('scores its own predictions: a label that agrees is right, another is not', async () => {
    const file = join(dir, 'predictions.jsonl');
    const stores = ['--stores', join(dir, 'stores')];
    await expect(runCli(['bench', 'rca', SET, '--out', file, ...stores])).resolves.toBe(0);
    const first = JSON.parse(readFileSync(file, 'utf8').split('\n')[0] ?? '') as {
      readonly ranked: readonly { readonly service: string }[];
    };
    const service = first.ranked[0]?.service;
    const labels = join(dir, 'labels.json');
    writeFileSync(
      labels,
      JSON.stringify({
        cases: {
          shop: { system: 'agrees', service, fault_type: 'x' },
          'train-ticket': { system: 'differs', service: 'no such service', fault_type: 'x' },
        },
      }),
    );
    await expect(runCli(['bench', 'rca', SET, '--labels', labels, ...stores])).resolves.toBe(0);
    expect(out).toMatch(/\| agrees +\| +1 \| 100\.0 \|/);
    expect(out).toMatch(/\| differs +\| +1 \| +0\.0 \|/);
    expect(out).toContain('2 cases, a cause named in');
  });

  it('asks about windows of the fault-free periods', async () => {
    const file = join(dir, 'silent.jsonl');
    await expect(
      runCli([
        ...['bench', 'rca', SET, '--fault-free'],
        ...['--out', file, '--stores', join(dir, 'stores')],
      ]),
    ).resolves.toBe(0);
    // Fifty minutes hold five windows of ten, 134 s two of 60 s.
    const names = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly case: string }).case);
    expect(names.filter((name) => name.startsWith('period 1'))).toHaveLength(5);
    expect(names.filter((name) => name.startsWith('period 2'))).toHaveLength(2);
    expect(out).toMatch(/^Fault-free windows: 7, without a cause \d/);
  });

  it('takes each signal away in turn, the call graph only where one is given', async () => {
    const labels = join(dir, 'labels.json');
    writeFileSync(labels, JSON.stringify({ cases: { shop: { system: 'shop', service: 'x' } } }));
    const stores = ['--stores', join(dir, 'stores')];
    await expect(
      runCli(['bench', 'rca', SET, '--ablate', '--labels', labels, ...stores]),
    ).resolves.toBe(0);
    const rows = out.split('\n').filter((line) => line.startsWith('| shop'));
    expect(rows.map((row) => row.split('|')[1]?.trim())).toEqual([
      'shop, all signals',
      'shop, without traces',
      'shop, without logs',
      'shop, without metrics',
    ]);
    // Nothing to look at, nothing to say.
    expect(rows[1]).toMatch(/100\.0 \|$/);
  });

  it('prints scores for programs', async () => {
    const labels = join(dir, 'labels.json');
    writeFileSync(labels, JSON.stringify({ cases: { shop: { system: 'shop', service: 'x' } } }));
    await expect(runCli(['bench', 'rca', SET, '--labels', labels, '--json'])).resolves.toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      systems: [{ name: 'shop', cases: 1, service1: 0 }],
      reliability: { cases: 1 },
    });
  });

  it('refuses to take signals away without labels', async () => {
    await expect(runCli(['bench', 'rca', SET, '--ablate'])).resolves.toBe(2);
  });

  it('refuses labels for windows that have none', async () => {
    const args = ['bench', 'rca', SET, '--fault-free', '--labels', 'labels.json'];
    await expect(runCli(args)).resolves.toBe(2);
  });
});
