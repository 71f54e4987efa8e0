/** ByteIndex: equal bytes have equal numbers, however many, and whatever was forgotten in between. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteIndex, hashOf, viewOf } from '../../src/model/byte-index.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

function find(index: ByteIndex, bytes: Uint8Array): number {
  return index.find(viewOf(bytes), 0, bytes.length);
}

function idOf(index: ByteIndex, bytes: Uint8Array): number {
  const known = find(index, bytes);
  if (known !== 0 || bytes.length === 0) return known;
  index.reserve(bytes.length);
  index.pool.set(bytes, index.poolSize);
  return index.add(index.poolSize + bytes.length);
}

describe('ByteIndex', () => {
  test('agrees with a map for any bytes', () => {
    // Few different bytes, so that sizes, heads, middles and tails collide often.
    const byte = fc.constantFrom(0, 0, 0, 0, 1, 255);
    const bytes = fc
      .uint8Array({ maxLength: 18, size: 'max' })
      .chain((template) =>
        fc.array(byte, { minLength: template.length, maxLength: template.length }),
      );
    let hitCount = 0;
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 20, maxLength: 80, size: 'max' }), (sequences) => {
        const index = new ByteIndex();
        const idByKey = new Map<string, number>([['', 0]]);
        for (const sequence of sequences) {
          const known = idByKey.get(sequence.join());
          const id = idOf(index, Uint8Array.from(sequence));
          if (known !== undefined) hitCount++;
          expect(id).toBe(known ?? idByKey.size);
          idByKey.set(sequence.join(), id);
          expect([...index.pool.subarray(index.start(id), index.end(id))]).toEqual(sequence);
        }
      }),
      { seed: 20_240_602, numRuns: 300 },
    );
    expect(hitCount).toBeGreaterThan(100);
  });

  test('knows each of hundreds of sequences that want the same slot', () => {
    // The hash is another in each process, so such sequences are searched for.
    const index = new ByteIndex();
    const colliding: Uint8Array[] = [];
    for (let number = 0; colliding.length < 300; number++) {
      const bytes = utf8(`number ${number}`);
      if (hashOf(viewOf(bytes), 0, bytes.length) % 2048 === 7) colliding.push(bytes);
    }
    const expected = colliding.map((_, at) => at + 1);
    expect(colliding.map((bytes) => idOf(index, bytes))).toEqual(expected);
    expect(colliding.map((bytes) => find(index, bytes))).toEqual(expected);
    for (let number = 0; number < 2000; number++) idOf(index, utf8(`other ${number}`));
    expect(colliding.map((bytes) => find(index, bytes))).toEqual(expected);
  });

  test('truncate() forgets the last ids and gives them anew', () => {
    const index = new ByteIndex();
    const names = Array.from({ length: 3000 }, (_, at) => utf8(`name ${at}`));
    for (const name of names) idOf(index, name);
    index.truncate(1001);
    expect([index.size, find(index, names[999]!), find(index, names[1000]!)]).toEqual([
      1001, 1000, 0,
    ]);
    expect([idOf(index, utf8('x')), idOf(index, names[1000]!)]).toEqual([1001, 1002]);
    index.truncate(1);
    expect([index.poolSize, find(index, names[0]!), idOf(index, utf8('x'))]).toEqual([0, 0, 1]);
  });
});
