import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
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
      caption: 'no such signal',
      args: ['export', '--signal', 'events'],
      code: 2,
      says: 'traces, logs, metrics, profiles',
    },
    {
      caption: 'an export of no time',
      args: ['export', '--from', 'now', '--to', 'now-1h'],
      code: 2,
      says: 'no time between',
    },
    {
      caption: 'a bad time',
      args: ['export', '--from', 'monday'],
      code: 2,
      says: 'monday',
    },
    {
      caption: 'an export of nothing',
      args: ['export', '--data', '/nowhere'],
      code: 3,
      says: '/nowhere',
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

  it('each command of the help has a help of its own', async () => {
    await runCli(['--help']);
    const listed = out.slice(out.indexOf('Commands:')).matchAll(/^ {2}([a-z]+)/gm);
    const names = [...listed].map(([, name]) => name ?? '').filter((name) => name !== 'help');
    expect(names).toContain('verify');
    for (const name of names) {
      out = '';
      await expect(runCli([name, '--help'])).resolves.toBe(0);
      expect(out).toContain(`Usage: taproot ${name}`);
    }
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

  it('takes every setting as a flag', async () => {
    const flags = ['--retention-days', '3', '--probes-prometheus-url', 'http://127.0.0.1:9090'];
    await expect(runCli(['config', 'print', '--json', ...flags])).resolves.toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      config: { retentionDays: 3, probes: { prometheusUrl: 'http://127.0.0.1:9090' } },
      sources: { retentionDays: 'flag', 'probes.prometheusUrl': 'flag' },
    });
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

describe('taproot rules sarif', () => {
  it('accepts the rules that come with Taproot', async () => {
    await expect(runCli(['rules', 'sarif'])).resolves.toBe(0);
    expect(JSON.parse(out)).toMatchObject({ version: '2.1.0' });
  });

  it('names file and fault of a broken rule', async () => {
    writeFileSync(join(dir, 'broken.yaml'), 'id: broken\n');
    await expect(runCli(['rules', 'sarif', dir])).resolves.toBe(1);
    expect(out).toContain('broken.yaml');
    expect(out).toContain('"level": "error"');
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

  it('reads lines that hold U+2028, where other readers split', async () => {
    const file = join(dir, 'logs.jsonl');
    const record = { timeUnixNano: '1767348000000000000', body: { stringValue: 'a\u2028b' } };
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] };
    writeFileSync(file, `${JSON.stringify(request)}\r\n\n`);
    await expect(runCli(['import', file, '--data', join(dir, 'data'), '--json'])).resolves.toBe(0);
    expect(JSON.parse(out)).toMatchObject({ requests: 1, refusedCount: 0, rejectedRows: 0 });
  });

  it('exports profiles as they came, so that an import stores them again', async () => {
    const source = join(dir, 'source');
    mkdirSync(source);
    const line = '{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{},{}]}]}]}\n';
    writeFileSync(join(source, 'profiles.jsonl'), line);
    const bodies = [1, 2].map((size) => Buffer.from([0x0a, 6, 0x12, 4, 0x12, 2, 0x48, size]));
    for (const [index, body] of bodies.entries()) {
      writeFileSync(join(source, `profiles-${index}.pb`), body);
    }
    await expect(runCli(['import', source, '--data', join(dir, 'a')])).resolves.toBe(0);
    for (const [from, to, flags] of [
      ['a', 'b', ['--gzip']],
      ['b', 'c', []],
    ] as const) {
      const exported = join(dir, `exported-${from}`);
      out = '';
      const args = ['--data', join(dir, from), '--out', exported, '--json', ...flags];
      await expect(runCli(['export', '--signal', 'profiles', ...args])).resolves.toBe(0);
      const { files } = z
        .object({ files: z.array(z.object({ rows: z.number(), requests: z.number() })) })
        .parse(JSON.parse(out));
      expect(files.map(({ rows, requests }) => [rows, requests])).toEqual([
        [2, 1],
        [2, 2],
      ]);
      await expect(runCli(['import', exported, '--data', join(dir, to)])).resolves.toBe(0);
    }
    const exported = join(dir, 'exported-b');
    expect(readFileSync(join(exported, 'profiles.jsonl'), 'utf8')).toBe(line);
    const written = ['profiles-000001.pb', 'profiles-000002.pb'].map((name) =>
      readFileSync(join(exported, name)),
    );
    expect(written.sort(Buffer.compare)).toEqual(bodies);
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

describe('taproot export', () => {
  const TRACES = join(CASES, 'cases/train-ticket/traces.jsonl.gz');
  const exported = z.object({
    files: z.array(
      z.object({ file: z.string(), signal: z.string(), rows: z.int(), bytes: z.int() }),
    ),
  });

  async function run(...args: readonly string[]): Promise<string> {
    out = '';
    await expect(runCli(args)).resolves.toBe(0);
    return out;
  }

  /** A trace with a user id and one without. */
  function writeUser(): string {
    const file = join(dir, 'traces.jsonl');
    const span = (spanId: string, attributes: readonly object[]) => ({
      traceId: '1'.repeat(32),
      spanId,
      startTimeUnixNano: '1767348000000000001',
      attributes,
    });
    const user = { key: 'user.id', value: { stringValue: 'alice' } };
    const spans = [span('1'.repeat(16), [user]), span('2'.repeat(16), [])];
    writeFileSync(file, `${JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })}\n`);
    return file;
  }

  it.each([
    { caption: 'plain', flags: [], name: 'traces.jsonl' },
    { caption: 'gzipped', flags: ['--gzip'], name: 'traces.jsonl.gz' },
  ])('writes files that import into an equal store: $caption', async ({ flags, name }) => {
    const [a, b, first, second] = ['a', 'b', 'first', 'second'].map((part) => join(dir, part));
    await run('import', TRACES, '--data', a!);
    const { files } = exported.parse(
      JSON.parse(await run('export', '--data', a!, '--out', first!, '--json', ...flags)),
    );
    expect(files.map(({ file, rows }) => [file, rows])).toEqual([
      [name, 3119],
      [name.replace('traces', 'logs'), 0],
      [name.replace('traces', 'metrics'), 0],
      [name.replace('traces', 'profiles'), 0],
    ]);
    for (const { file, bytes } of files) expect(statSync(join(first!, file)).size).toBe(bytes);
    await run('import', first!, '--data', b!);
    await run('export', '--data', b!, '--out', second!, ...flags);
    const spansIn = (folder: string) => {
      const bytes = readFileSync(join(folder, name));
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
      return [...text.matchAll(/{"traceId":"[^}]*/g)].map(String).sort();
    };
    expect(spansIn(first!)).toHaveLength(3119);
    expect(spansIn(second!)).toEqual(spansIn(first!));
  });

  it('filters by signal, service and time', async () => {
    await run('import', writeUser(), '--data', join(dir, 'a'));
    const rows = async (name: string, ...flags: readonly string[]) => {
      const folder = join(dir, name);
      await run('export', '--data', join(dir, 'a'), '--out', folder, ...flags);
      return readdirSync(folder).map((file) => [file, statSync(join(folder, file)).size > 0]);
    };
    expect(await rows('traces', '--signal', 'traces')).toEqual([
      ['taproot-export.json', true],
      ['traces.jsonl', true],
    ]);
    expect(await rows('service', '--signal', 'traces', '--service', 'nobody')).toEqual([
      ['taproot-export.json', true],
      ['traces.jsonl', false],
    ]);
    const before = ['--signal', 'traces', '--to', '2026-01-02T10:00:00Z'];
    expect(await rows('before', ...before)).toContainEqual(['traces.jsonl', false]);
    const after = ['--signal', 'traces', '--from', '2026-01-02T10:00:00Z'];
    expect(await rows('after', ...after)).toContainEqual(['traces.jsonl', true]);
  });

  it('never writes over another export', async () => {
    await run('import', writeUser(), '--data', join(dir, 'a'));
    const args = ['export', '--data', join(dir, 'a'), '--out', join(dir, 'out')];
    await run(...args);
    const before = readFileSync(join(dir, 'out/traces.jsonl'), 'utf8');
    await expect(runCli(args)).resolves.toBe(2);
    expect(err).toContain('traces.jsonl');
    expect(readFileSync(join(dir, 'out/traces.jsonl'), 'utf8')).toBe(before);
    expect(readdirSync(join(dir, 'out')).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('hashes a user id once, however often it is exported and imported', async () => {
    await run('import', writeUser(), '--data', join(dir, 'a'));
    const userOf = async (data: string, name: string) => {
      await run('export', '--data', join(dir, data), '--out', join(dir, name));
      const text = readFileSync(join(dir, name, 'traces.jsonl'), 'utf8');
      return /"user.id","value":{"stringValue":"(\w+)"/.exec(text)?.[1];
    };
    const hash = await userOf('a', 'first');
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    await run('import', join(dir, 'first'), '--data', join(dir, 'b'));
    expect(await userOf('b', 'second')).toBe(hash);
    await run('import', join(dir, 'first/traces.jsonl'), '--data', join(dir, 'c'));
    expect(await userOf('c', 'third')).toBe(hash);
    // Without its note a file is any sender's.
    rmSync(join(dir, 'first/taproot-export.json'));
    await run('import', join(dir, 'first'), '--data', join(dir, 'd'));
    expect(await userOf('d', 'fourth')).not.toBe(hash);
    await run('import', join(dir, 'first'), '--user-ids', 'keep', '--data', join(dir, 'e'));
    expect(await userOf('e', 'fifth')).toBe(hash);
  });

  it('refuses a broken note instead of guessing', async () => {
    const file = writeUser();
    writeFileSync(join(dir, 'taproot-export.json'), '{"userIds":"perhaps"}');
    await expect(runCli(['import', file, '--data', join(dir, 'a')])).resolves.toBe(2);
    expect(err).toContain('taproot-export.json');
  });
});
