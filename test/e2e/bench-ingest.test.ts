/** `taproot bench ingest` in short: what is acknowledged is stored, over each transport. Never a speed. */
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildExportResponse } from '../../src/otlp/otlp.ts';
import { ROOT, startChild, type TemporaryFolder, temporaryFolder, waitFor } from './child.ts';

interface Result {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

let folder: TemporaryFolder;

beforeEach(() => {
  folder = temporaryFolder('bench');
});

afterEach(() => folder.remove());

async function runBench(...flags: readonly string[]) {
  const child = startChild({
    name: 'bench',
    command: process.execPath,
    args: [join(ROOT, 'dist/src/main.js'), 'bench', 'ingest', '--json', ...flags],
    dir: folder.path,
  });
  try {
    const code = await waitFor('the bench to end', {
      timeoutMs: 150_000,
      check: async () => (child.isAlive() ? undefined : { exit: child.exitCode() }),
    });
    return { exit: code.exit, output: child.readOutput() };
  } finally {
    await child.stop();
  }
}

/** The document on stdout; progress is in the same file, line by line. */
function resultsOf(output: string): ReadonlyMap<string, Result> {
  const line = output.split('\n').find((text) => text.startsWith('['));
  expect(line, output).toBeDefined();
  const results = JSON.parse(line!) as readonly Result[]; // what the command documents
  return new Map(results.map((result) => [result.name, result]));
}

test.each([
  { flags: ['--workload', 'a'], unit: 'spans' },
  { flags: ['--workload', 'b', '--gzip'], unit: 'spans' },
  { flags: ['--workload', 'a', '--encoding', 'json'], unit: 'spans' },
  { flags: ['--workload', 'a', '--transport', 'grpc'], unit: 'spans' },
  { flags: ['--workload', 'logs', '--transport', 'grpc', '--gzip'], unit: 'records' },
  { flags: ['--workload', 'metrics', '--runs', '2'], unit: 'points' },
])('bench ingest $flags stores what is acknowledged', async ({ flags, unit }) => {
  const own = ['--seconds', '1', '--senders', '3', '--dir', folder.path];
  const { exit, output } = await runBench('--runs', '1', ...own, ...flags);
  expect(exit, output).toBe(0);
  const results = resultsOf(output);
  const acknowledged = results.get('acknowledged');
  const stored = results.get('stored');
  expect(stored?.unit).toBe(unit);
  expect(stored?.min).toBeGreaterThan(0);
  expect(stored?.median).toBe(acknowledged?.median);
  expect(stored?.runs).toBe(flags.includes('2') ? 2 : 1);
  expect(results.get('rejected')?.max).toBe(0);
  expect(results.get('on disk, all indexes')?.median).toBeGreaterThan(0);
  expect(results.get('half load: ack p50')?.median).toBeGreaterThan(0);
  for (const { min, median, max } of results.values()) {
    expect(min).toBeLessThanOrEqual(median);
    expect(median).toBeLessThanOrEqual(max);
  }
  const left = readdirSync(folder.path).filter((name) => name.startsWith('taproot-bench-'));
  expect(left).toEqual([]);
});

/** Turns every third request away and leaves one span out of every fifth that it takes. */
function startMoodyReceiver() {
  const seen = { requests: 0, taken: 0, encodings: new Set<string | undefined>() };
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      seen.requests++;
      seen.encodings.add(request.headers['content-encoding']);
      if (seen.requests % 3 === 0) {
        response.writeHead(429, { 'retry-after': '0.01' }).end();
        return;
      }
      seen.taken++;
      const rejectedCount = seen.taken % 5 === 0 ? 1 : 0;
      const outcome = { acceptedCount: 8, rejectedCount, message: '' };
      response.writeHead(200, { 'content-type': 'application/x-protobuf' });
      response.end(buildExportResponse({ encoding: 'protobuf', signal: 'traces', outcome }));
    });
  });
  return new Promise<{ seen: typeof seen; url: string; stop(): void }>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo; // it listens on TCP
      const stop = () => {
        server.close();
        server.closeAllConnections();
      };
      resolve({ seen, url: `http://127.0.0.1:${port}`, stop });
    });
  });
}

test('bench ingest --to sends again what is turned away and counts only what is taken', async () => {
  const receiver = await startMoodyReceiver();
  try {
    const flags = [
      '--spans',
      '400',
      '--batch',
      '8',
      '--senders',
      '2',
      '--runs',
      '1',
      '--rate',
      '500',
    ];
    const { exit, output } = await runBench('--to', receiver.url, '--seconds', '30', ...flags);
    expect(exit, output).toBe(0);
    const results = resultsOf(output);
    expect(results.get('turned away (busy)')?.median).toBeGreaterThan(0);
    expect(results.get('rejected')?.median).toBeGreaterThan(0);
    expect(results.has('stored')).toBe(false);
    expect(results.get('rate, scheduled')?.median).toBeLessThanOrEqual(520);
    expect(receiver.seen.encodings).toEqual(new Set([undefined]));
  } finally {
    receiver.stop();
  }
});

test('bench ingest tells why a receiver refuses', async () => {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(404).end('no such path'));
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
  try {
    const { exit, output } = await runBench('--to', `http://127.0.0.1:${port}`, '--seconds', '5');
    expect(exit).toBe(1);
    expect(output).toContain('HTTP 404 no such path');
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test.each([
  [['--transport', 'grpc', '--encoding', 'json'], 'Cannot send --encoding json'],
  [['--senders', '0'], 'not a whole number from 1 to 48'],
  [['--workload', 'c'], 'Allowed choices are a, b, logs, metrics'],
])('bench ingest %j is wrong usage', async (flags, message) => {
  const { exit, output } = await runBench(...flags);
  expect(exit).toBe(2);
  expect(output).toContain(message);
});
