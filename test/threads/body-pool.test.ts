import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { BodyPool } from '../../src/threads/body-pool.ts';

describe('BodyPool', () => {
  it.each([0, 1, 16_384, 16_385, 200_000, 5_000_000])('has room for %i bytes', (sizeBytes) => {
    const memory = new BodyPool().take(sizeBytes);
    expect(memory.length).toBeGreaterThanOrEqual(sizeBytes);
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('never gives the same memory to two at once, and gives it again once it is back', () => {
    const pool = new BodyPool();
    const first = pool.take(1000);
    const second = pool.take(1000);
    expect(second.buffer).not.toBe(first.buffer);
    pool.giveBack(first);
    expect(pool.take(900).buffer).toBe(first.buffer);
    expect(pool.take(900).buffer).not.toBe(first.buffer);
  });

  it('keeps no more than its bound', () => {
    const pool = new BodyPool();
    const size = LIMITS.bodyPoolBytesMax / 4;
    const taken = Array.from({ length: 10 }, () => pool.take(size));
    for (const memory of taken) pool.giveBack(memory);
    expect(pool.freeBytes).toBe(LIMITS.bodyPoolBytesMax);
    pool.giveBack(pool.take(2 * LIMITS.bodyPoolBytesMax));
    expect(pool.freeBytes).toBe(LIMITS.bodyPoolBytesMax);
  });
});
