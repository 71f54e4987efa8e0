import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { runCli } from '../../src/cli/cli.ts';

const CASES = 'test/fixture/cases/set';

let dir: string;
let out: string;
let err: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'taproot-cli-'));
  out = '';
  err = '';
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
  rmSync(dir, { recursive: true });
});

describe('usage', () => {
  it.each([
    { caption: 'an unknown command', args: ['servee'], code: 2, says: 'unknown command' },
    { caption: 'an unknown flag', args: ['doctor', '--fast'], code: 2, says: 'unknown option' },
    { caption: 'a missing argument', args: ['import'], code: 2, says: 'paths' },
    { caption: 'a bad choice', args: ['diagnose', '--lang', 'fr'], code: 2, says: 'zh, en' },
    {
      caption: 'two windows',
      args: ['diagnose', '--window', 'now-5m/now', '--at', 'now'],
      code: 2,
      says: 'give one',
    },
    { caption: 'a bad window', args: ['diagnose', '--window', 'monday'], code: 2, says: 'monday' },
    {
      caption: 'no such case',
      args: ['diagnose', '--case', '/nowhere'],
      code: 3,
      says: 'case.json',
    },
    {
      caption: 'no such file',
      args: ['import', '/nowhere.jsonl'],
      code: 3,
      says: '/nowhere.jsonl',
    },
    {
      caption: 'a service that is not there',
      args: ['report', 'r-1', '--url', 'http://127.0.0.1:1'],
      code: 1,
      says: 'Cannot reach',
    },
  ])('$caption ends with $code and says why', async ({ args, code, says }) => {
    await expect(runCli([...args, ...(args[0] === 'import' ? ['--data', dir] : [])])).resolves.toBe(
      code,
    );
    expect(err).toContain(says);
    expect(out).toBe('');
  });

  it('help ends with 0', async () => {
    await expect(runCli(['--help'])).resolves.toBe(0);
    expect(out).toContain('diagnose');
  });
});

describe('taproot config', () => {
  it('prints each value with its source as one JSON document', async () => {
    await expect(runCli(['config', 'print', '--json', '--data', dir])).resolves.toBe(0);
    const printed = z
      .object({
        config: z.object({ dataDir: z.string() }),
        sources: z.record(z.string(), z.string()),
      })
      .parse(JSON.parse(out));
    expect(printed.config.dataDir).toBe(dir);
    expect(printed.sources['dataDir']).toBe('flag');
  });

  it('refuses an unknown key with its name and the nearest known one', async () => {
    const file = join(dir, 'taproot.yaml');
    writeFileSync(file, 'datadir: /tmp\n');
    await expect(runCli(['config', 'check', '--config', file])).resolves.toBe(2);
    expect(err).toContain('datadir');
    expect(err).toContain('dataDir');
  });
});

describe('taproot rules check', () => {
  it('accepts the rules that come with Taproot', async () => {
    await expect(runCli(['rules', 'check'])).resolves.toBe(0);
    expect(out).toContain('rules are good');
  });

  it('names file and fault of a broken rule', async () => {
    mkdirSync(join(dir, 'x'));
    writeFileSync(join(dir, 'x', 'broken.yaml'), 'id: broken\n');
    await expect(runCli(['rules', 'check', dir])).resolves.toBe(1);
    expect(out).toContain('broken.yaml');
  });
});

describe('taproot import and diagnose', () => {
  it('reads OTLP JSON lines into a data folder, once even when told twice', async () => {
    const file = join(CASES, 'cases/train-ticket/traces.jsonl.gz');
    await expect(runCli(['import', file, '--data', dir, '--json'])).resolves.toBe(0);
    expect(JSON.parse(out)).toMatchObject({ files: 1, refusedCount: 0, rejectedRows: 0 });
    out = '';
    await runCli(['import', file, '--data', dir, '--json']);
    out = '';
    await runCli(['doctor', '--data', dir, '--json']);
    const { findings } = z
      .object({ findings: z.array(z.object({ check: z.string(), message: z.string() })) })
      .parse(JSON.parse(out));
    expect(findings.find(({ check }) => check === 'store')?.message).toContain('3119 spans');
  });

  it('says where a broken line stands, and keeps the others', async () => {
    const file = join(dir, 'traces.jsonl');
    writeFileSync(file, '{"resourceSpans":[]}\n{"resourceSpans":7}\n');
    await expect(runCli(['import', file, '--data', join(dir, 'data')])).resolves.toBe(1);
    expect(out).toContain('traces.jsonl:2');
  });

  it.each(['train-ticket', 'shop'])('explains the case %s offline', async (id) => {
    await expect(runCli(['diagnose', '--case', join(CASES, 'cases', id), '--json'])).resolves.toBe(
      0,
    );
    const report = z
      .object({
        schemaVersion: z.literal(1),
        id: z.literal(id),
        reference: z.object({ kind: z.literal('given') }),
        steps: z.object({
          collect: z.object({ signals: z.object({ traces: z.number().min(1) }) }),
          verify: z.object({ hypotheses: z.array(z.unknown()).min(1) }),
        }),
      })
      .parse(JSON.parse(out));
    expect(report.id).toBe(id);
  });

  it('the same case twice gives the same hashes', async () => {
    const hashes: unknown[] = [];
    for (let run = 0; run < 2; run++) {
      out = '';
      await runCli(['diagnose', '--case', join(CASES, 'cases/train-ticket'), '--json']);
      const { dataHash, reportHash } = JSON.parse(out) as Record<string, unknown>;
      hashes.push([dataHash, reportHash]);
    }
    expect(hashes[0]).toEqual(hashes[1]);
  });

  it('bench rca writes one line of ranked causes per case', async () => {
    const file = join(dir, 'predictions.jsonl');
    await expect(runCli(['bench', 'rca', CASES, '--out', file])).resolves.toBe(0);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const cause = z.object({ service: z.string().min(1), kind: z.string().min(1) });
    const prediction = z.object({ case: z.string(), ranked: z.array(cause).min(1) });
    expect(lines.map((line) => prediction.parse(JSON.parse(line)).case)).toEqual([
      'shop',
      'train-ticket',
    ]);
  });
});
