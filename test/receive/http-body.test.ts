/** Reading a body: joined in order whatever its chunks, charged as it comes, stopped at the limit. */
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../src/base/counters.ts';
import { InflightBudget } from '../../src/receive/budget.ts';
import { type BodyRead, readBody } from '../../src/receive/http-body.ts';
import { joinPieces } from '../../src/receive/ingestor.ts';

const MIB = 1024 * 1024;

/** Reads chunks of these sizes; byte i of the body is i modulo 251. */
async function readChunks(sizes: readonly number[], limits = { body: MIB, budget: MIB }) {
  const budget = new InflightBudget(
    { bytesMax: limits.budget, requestsMax: 1, queueBytesFree: MIB, queueAgeMsMax: 1000 },
    { counters: createCounters(), nowMs: () => 0 },
  );
  const request = new PassThrough({ highWaterMark: 2 * MIB });
  // readBody() listens to four events of a request and asks nothing else of it.
  const read = readBody(request as unknown as IncomingMessage, {
    lease: budget.tryAcquire(0)!,
    bodyBytesMax: limits.body,
  });
  let at = 0;
  for (const size of sizes) {
    request.write(bytesFrom(at, size));
    at += size;
    // Chunks that wait together would come out as one.
    await new Promise((resolve) => setImmediate(resolve));
  }
  request.end();
  return { read: await read, chargedBytes: budget.bytes, sizeBytes: at };
}

function bytesFrom(start: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (start + index) % 251);
}

function joined(read: BodyRead): Uint8Array | undefined {
  if (read.kind !== 'complete') return undefined;
  return joinPieces(read.pieces, new Uint8Array(read.sizeBytes));
}

describe('readBody()', () => {
  it.each([
    { caption: 'no chunk', sizes: [] },
    { caption: 'one byte', sizes: [1] },
    { caption: 'one large chunk', sizes: [70_000] },
    { caption: 'many tiny chunks', sizes: Array.from({ length: 500 }, (_, index) => index % 7) },
    { caption: 'small ones that fill the tail exactly', sizes: [4095, 4095, 4095, 4095, 4] },
    { caption: 'small, large and small again', sizes: [10, 3, 5000, 2, 4096, 1, 4095, 4000, 4000] },
  ])('joins $caption in order', async ({ sizes }) => {
    const { read, chargedBytes, sizeBytes } = await readChunks(sizes);
    expect(read).toMatchObject({ kind: 'complete', sizeBytes });
    expect(joined(read)).toEqual(bytesFrom(0, sizeBytes));
    expect(chargedBytes).toBe(sizeBytes);
  });

  it('copies tiny chunks together: the object of a chunk weighs more than its byte', async () => {
    const { read } = await readChunks(Array.from({ length: 500 }, () => 10));
    expect(read.kind === 'complete' && read.pieces.length).toBeLessThanOrEqual(2);
  });

  it('stops at the limit and at the end of the budget', async () => {
    const sizes = [600, 600];
    const tooLarge = await readChunks(sizes, { body: 1000, budget: MIB });
    expect(tooLarge.read).toEqual({ kind: 'too_large', sizeBytes: 1200 });
    const noRoom = await readChunks(sizes, { body: MIB, budget: 1000 });
    expect(noRoom.read).toEqual({ kind: 'no_room' });
  });
});
