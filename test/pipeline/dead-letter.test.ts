import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Counters, createCounters } from '../../src/base/counters.ts';
import { AppError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import {
  createDeadLetters,
  type DeadLetters,
  summariseDeadLetters,
} from '../../src/pipeline/dead-letter.ts';
import { exportDeadLetters } from '../../src/pipeline/dead-letter-export.ts';
import { type DeadLetter, visitDeadLetters } from '../../src/pipeline/dead-letter-file.ts';
import { importPaths } from '../../src/pipeline/import.ts';
import type { IngestRequest } from '../../src/receive/receive.ts';

const NOW_US = 1_790_000_000_000_000;
const REASON = new AppError('store.rejected', 'Cannot store a row');

let dataDir: string;
let counters: Counters;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'taproot-letters-'));
  counters = createCounters();
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

function open(bounds: { bytesMax?: number; fileBytesMax?: number } = {}): DeadLetters {
  const clock = { nowUs: () => NOW_US };
  return createDeadLetters({ dataDir, clock, counters, log: silentLog, ...bounds });
}

function requestOf(text: string, rest: Partial<IngestRequest> = {}): IngestRequest {
  const body = new TextEncoder().encode(text);
  return { signal: 'traces', encoding: 'json', compression: '', body, ...rest };
}

function readAll(): { readonly letters: DeadLetter[]; readonly damagedBytes: number } {
  const letters: DeadLetter[] = [];
  const damaged = visitDeadLetters(dataDir, (letter) => letters.push(letter));
  return { letters, damagedBytes: damaged.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

function textOf({ body }: DeadLetter): string {
  return new TextDecoder().decode(body);
}

function counterOf(name: string): number {
  return counters.snapshot().find((sample) => sample.name === name)?.value ?? 0;
}

function onlyFile(): string {
  const folder = path.join(dataDir, 'dead-letters');
  const names = fs.readdirSync(folder);
  expect(names).toHaveLength(1);
  return path.join(folder, names[0]!);
}

describe('createDeadLetters()', () => {
  it('keeps a request as it came, names the letter to its sender and counts it', () => {
    const request = requestOf('{"resourceSpans":[]}');
    expect(open().add({ request, reason: REASON })).toEqual({
      kind: 'refused',
      code: 'ingest.dead_lettered',
      message: 'Cannot store traces: Cannot store a row; kept as dead letter 1-0',
    });
    const { letters } = readAll();
    expect(letters).toEqual([
      {
        letterId: '1-0',
        timeUs: NOW_US,
        signal: 'traces',
        encoding: 'json',
        compression: '',
        code: 'store.rejected',
        reason: 'Cannot store a row',
        body: expect.anything(),
      },
    ]);
    expect(textOf(letters[0]!)).toBe('{"resourceSpans":[]}');
    expect(counterOf('taproot_dead_letters_total')).toBe(1);
    expect(counterOf('taproot_dead_letters_bytes')).toBe(fs.statSync(onlyFile()).size);
  });

  it('keeps the same bytes once, however often they come', () => {
    const letters = open();
    const first = letters.add({ request: requestOf('a'), reason: REASON });
    expect(letters.add({ request: requestOf('a'), reason: REASON })).toEqual(first);
    letters.add({ request: requestOf('a', { signal: 'logs' }), reason: REASON });
    expect(readAll().letters).toHaveLength(2);
    expect(counterOf('taproot_dead_letters_bytes')).toBe(fs.statSync(onlyFile()).size);
  });

  it('removes the oldest file when there is no room, and counts what went', () => {
    const letters = open({ bytesMax: 3000, fileBytesMax: 1000 });
    for (let index = 0; index < 40; index++) {
      const request = requestOf(`${index} ${'x'.repeat(100)}`);
      expect(letters.add({ request, reason: REASON })).toMatchObject({
        code: 'ingest.dead_lettered',
      });
    }
    const { letters: kept } = readAll();
    const numbers = kept.map((letter) => Number.parseInt(textOf(letter), 10));
    expect(numbers.at(-1)).toBe(39);
    expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
    expect(summariseDeadLetters(dataDir).sizeBytes).toBeLessThanOrEqual(3000);
    expect(counterOf('taproot_dead_letters_removed_bytes_total')).toBeGreaterThan(0);
    expect(new Set(kept.map(({ letterId }) => letterId)).size).toBe(kept.length);
  });

  it('keeps a request again whose letter had to make room', () => {
    const letters = open({ bytesMax: 1000, fileBytesMax: 300 });
    const first = requestOf(`first ${'x'.repeat(100)}`);
    letters.add({ request: first, reason: REASON });
    for (let index = 0; index < 9; index++) {
      letters.add({ request: requestOf(`${index} ${'x'.repeat(100)}`), reason: REASON });
    }
    const text = new TextDecoder().decode(first.body);
    expect(readAll().letters.map(textOf)).not.toContain(text);
    const reply = letters.add({ request: first, reason: REASON });
    const kept = readAll().letters.find((letter) => textOf(letter) === text);
    expect(reply).toMatchObject({
      message: expect.stringMatching(new RegExp(`kept as dead letter ${kept?.letterId}$`)),
    });
  });

  it('goes on after a restart and never names two letters alike', () => {
    const ids = [1, 2, 3].map((run) =>
      open().add({ request: requestOf(`run ${run}`), reason: REASON }),
    );
    expect(ids.map(({ message }) => message.split(' ').at(-1))).toEqual(['1-0', '2-0', '3-0']);
    expect(readAll().letters.map(textOf)).toEqual(['run 1', 'run 2', 'run 3']);
  });

  it('tells the sender to try again when the letter cannot be written, and recovers', () => {
    const folder = path.join(dataDir, 'dead-letters');
    fs.writeFileSync(folder, 'in the way');
    expect(() => open()).toThrow();
    fs.rmSync(folder);
    const letters = open();
    fs.writeFileSync(folder, 'in the way');
    expect(letters.add({ request: requestOf('a'), reason: REASON })).toMatchObject({
      kind: 'refused',
      code: 'store.unavailable',
    });
    expect(counterOf('taproot_dead_letters_failed_total')).toBe(1);
    fs.rmSync(folder);
    expect(letters.add({ request: requestOf('a'), reason: REASON })).toMatchObject({
      code: 'ingest.dead_lettered',
    });
    expect(readAll().letters).toHaveLength(1);
  });

  it('leaves no torn record behind when the disk is full', () => {
    const letters = open();
    letters.add({ request: requestOf('first'), reason: REASON });
    const writeSync = fs.writeSync;
    let left = 40;
    // A device that takes 40 more bytes: what a full disk does to a write.
    Object.assign(fs, {
      writeSync: (handle: number, bytes: Uint8Array, at: number) => {
        if (left === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
        const part = bytes.subarray(at, at + left);
        left -= part.length;
        return writeSync(handle, part);
      },
    });
    try {
      expect(letters.add({ request: requestOf('second'), reason: REASON })).toMatchObject({
        code: 'store.unavailable',
      });
    } finally {
      Object.assign(fs, { writeSync });
    }
    letters.add({ request: requestOf('third'), reason: REASON });
    expect(readAll().letters.map(textOf)).toEqual(['first', 'third']);
    expect(readAll().damagedBytes).toBe(0);
  });
});

describe('visitDeadLetters()', () => {
  it('reads every letter whose bytes are whole, whatever bit of another is flipped', () => {
    const letters = open();
    const texts = ['one', 'two TPL1 two', 'three'];
    for (const text of texts) letters.add({ request: requestOf(text), reason: REASON });
    const starts = readAll().letters.map(({ letterId }) => Number(letterId.split('-')[1]));
    const file = onlyFile();
    const whole = fs.readFileSync(file);
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << (at % 8);
      fs.writeFileSync(file, bytes);
      const hit = starts.filter((start) => start <= at).length - 1;
      expect(readAll().letters.map(textOf)).toEqual(texts.filter((_, index) => index !== hit));
      expect(readAll().damagedBytes).toBe((starts[hit + 1] ?? whole.length) - starts[hit]!);
    }
  });

  it('reads what stands before a torn end', () => {
    const letters = open();
    for (const text of ['one', 'two']) letters.add({ request: requestOf(text), reason: REASON });
    const whole = fs.readFileSync(onlyFile());
    const second = Number(readAll().letters[1]!.letterId.split('-')[1]);
    for (let size = second; size < whole.length; size++) {
      fs.writeFileSync(onlyFile(), whole.subarray(0, size));
      expect(readAll()).toMatchObject({
        letters: [{ letterId: '1-0' }],
        damagedBytes: size - second,
      });
    }
  });
});

describe('summariseDeadLetters()', () => {
  it('counts reasons, the most frequent first', () => {
    const letters = open();
    const other = new AppError('internal', 'Cannot ingest');
    letters.add({ request: requestOf('a'), reason: other });
    letters.add({ request: requestOf('b'), reason: REASON });
    letters.add({ request: requestOf('c'), reason: REASON });
    expect(summariseDeadLetters(dataDir)).toMatchObject({
      count: 3,
      oldestUs: NOW_US,
      reasons: [
        { code: 'store.rejected', count: 2 },
        { code: 'internal', count: 1 },
      ],
      damaged: [],
    });
  });

  it('finds nothing where nothing was refused', () => {
    expect(summariseDeadLetters(dataDir)).toMatchObject({ count: 0, sizeBytes: 0, reasons: [] });
  });
});

describe('exportDeadLetters()', () => {
  it('writes files that import sends again, each request with the same content', async () => {
    const letters = open();
    const protobuf = { encoding: 'protobuf' } as const;
    const zipped = requestOf('', { compression: 'gzip', signal: 'logs' });
    const requests: readonly IngestRequest[] = [
      requestOf('{\n  "resourceSpans": []\r\n}\n'),
      { ...zipped, body: gzipSync('{"resourceLogs":\n[]}') },
      requestOf('\x0a\x00', protobuf),
      { ...zipped, ...protobuf, signal: 'metrics', body: gzipSync('\x0a\x00') },
    ];
    for (const request of requests) letters.add({ request, reason: REASON });
    const outDir = path.join(dataDir, 'out');
    const { letters: exported } = exportDeadLetters(dataDir, { outDir, bodyBytesMax: 1000 });
    expect(exported.map(({ file }) => file.replace(/-1-\d+/, ''))).toEqual([
      'traces.jsonl',
      'logs.jsonl',
      'traces.pb',
      'metrics.pb.gz',
    ]);
    const sent: unknown[] = [];
    await importPaths([outDir], {
      send: async ({ signal, encoding, compression, body }) => {
        const text = new TextDecoder().decode(body);
        sent.push([
          signal,
          encoding,
          compression,
          encoding === 'json' ? JSON.parse(text) : [...body],
        ]);
        return { kind: 'stored', rejectedCount: 0, message: '' };
      },
    });
    expect(sent).toEqual([
      ['logs', 'json', '', { resourceLogs: [] }],
      ['metrics', 'protobuf', 'gzip', [...requests[3]!.body]],
      ['traces', 'json', '', { resourceSpans: [] }],
      ['traces', 'protobuf', '', [0x0a, 0x00]],
    ]);
    expect(readAll().letters).toHaveLength(4);
    expect(() => exportDeadLetters(dataDir, { outDir, bodyBytesMax: 1000 })).toThrow(
      expect.objectContaining({ code: 'request.invalid' }),
    );
  });
});
