/** Importing files: what is sent, what is refused with its place, and files that are damaged. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { importPaths, type Send } from '../../src/pipeline/import.ts';
import type { IngestRequest } from '../../src/receive/receive.ts';

let dir: string;
let sent: IngestRequest[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'taproot-import-'));
  sent = [];
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

const store: Send = async (request) => {
  sent.push(request);
  return { kind: 'stored', rejectedCount: 0, message: '' };
};

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

/** Lines that do not compress well, so that half of the file holds about half of them. */
function linesOf(count: number): string {
  let state = 1;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state.toString(36);
  };
  const lines = Array.from({ length: count }, () => `{"resourceLogs":[],"x":"${next()}${next()}"}`);
  return `${lines.join('\n')}\n`;
}

describe('importPaths()', () => {
  it('sends each line of each file by its signal, and skips empty lines', async () => {
    fileOf('a.jsonl', '{"resourceSpans":[]}\n\n{"resourceLogs":[]}\n');
    fileOf('b.jsonl.gz', gzipSync('{"resourceMetrics":[]}'));
    fileOf('c-traces.pb', new Uint8Array([1, 2]));
    fileOf('d.jsonl', '{"resourceProfiles":[]}\n{"dictionary":{},"resourceProfiles":[]}\n');
    fileOf('e-profiles.pb.gz', gzipSync(new Uint8Array([1, 2])));
    const result = await importPaths([dir], { send: store });
    expect(sent.map(({ signal, encoding }) => `${signal} ${encoding}`)).toEqual([
      'traces json',
      'logs json',
      'metrics json',
      'traces protobuf',
      'profiles json',
      'profiles json',
      'profiles protobuf',
    ]);
    expect(result).toMatchObject({ files: 5, requests: 7, refusedCount: 0 });
  });

  it('names file and line of what was refused', async () => {
    const file = fileOf('a.jsonl', '{"resourceSpans":[]}\n\n{"resourceSpans":1}\n');
    const send: Send = async (request) =>
      request.body.length > 18 && new TextDecoder().decode(request.body).includes(':1')
        ? { kind: 'refused', code: 'otlp.malformed', message: 'no list' }
        : store(request);
    const result = await importPaths([file], { send });
    expect(result.refused).toEqual([{ file, line: 3, message: 'no list' }]);
  });

  it.each([
    { caption: 'cut', damage: (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2) },
    {
      caption: 'overwritten',
      damage: (bytes: Uint8Array) => bytes.fill(0xff, bytes.length / 2, bytes.length),
    },
  ])(
    'imports what stands before the damage of a file that is $caption, and says so',
    async ({ damage }) => {
      const bytes = new Uint8Array(gzipSync(linesOf(20_000)));
      const damaged = fileOf('a-logs.jsonl.gz', damage(bytes));
      fileOf('b.jsonl', '{"resourceSpans":[]}\n');
      const result = await importPaths([dir], { send: store });
      expect(result.refusedCount).toBe(1);
      expect(result.refused[0]).toMatchObject({
        file: damaged,
        message: expect.stringContaining('Cannot read further: '),
      });
      expect(result.refused[0]!.line).toBeGreaterThan(1000);
      expect(sent).toHaveLength(result.requests);
      expect(sent.at(-1)!.signal).toBe('traces');
    },
  );

  it('ends when the receiver is gone, with its message', async () => {
    const file = fileOf('a.jsonl', linesOf(500));
    const send: Send = async () => {
      throw new AppError('store.unavailable', 'Cannot reach http://bot');
    };
    await expect(importPaths([file], { send })).rejects.toThrow('Cannot reach http://bot');
  });
});
