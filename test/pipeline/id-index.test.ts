import { describe, expect, it } from 'vitest';
import { Random } from '../../src/bench/random.ts';
import { IdIndex, TRACE_ID_WORDS, wordsOf } from '../../src/pipeline/id-index.ts';

const SEED = 7;

/** Ids of 16 bytes; the leading ones are zero, as in traces whose ids have 64 bits. */
function idBytes(count: number, zeroBytes: number): Uint8Array {
  const random = new Random(SEED);
  const bytes = new Uint8Array(16 * count);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = at % 16 < zeroBytes ? 0 : random.below(256);
  }
  return bytes;
}

const hexOf = (bytes: Uint8Array, id: number) =>
  Buffer.from(bytes.subarray(16 * id, 16 * id + 16)).toString('hex');

describe('IdIndex', () => {
  it('numbers ids in order of arrival and knows them again', () => {
    const bytes = idBytes(5000, 0);
    const words = wordsOf(bytes);
    const index = new IdIndex(TRACE_ID_WORDS);
    for (let round = 0; round < 2; round++) {
      for (let id = 0; id < 5000; id++) expect(index.add(words, TRACE_ID_WORDS * id)).toBe(id);
    }
    expect(index.count).toBe(5000);
    expect(index.hexOf(4711)).toBe(hexOf(bytes, 4711));
  });

  it('finds no id that was not added', () => {
    const words = wordsOf(idBytes(2, 0));
    const index = new IdIndex(TRACE_ID_WORDS);
    index.add(words, 0);
    expect(index.find(words, 0)).toBe(0);
    expect(index.find(words, TRACE_ID_WORDS)).toBe(-1);
  });

  it.each([
    ['random ids', 0],
    ['ids that begin alike', 8],
  ])('sorts %s as their hex texts', (_, zeroBytes) => {
    const bytes = idBytes(1000, zeroBytes);
    const index = new IdIndex(TRACE_ID_WORDS);
    for (let id = 0; id < 1000; id++) index.add(wordsOf(bytes), TRACE_ID_WORDS * id);
    const sorted = index.sorted(Uint32Array.from({ length: 1000 }, (_item, id) => id));
    const texts = Array.from({ length: 1000 }, (_item, id) => hexOf(bytes, id));
    expect([...sorted].map((id) => texts[id])).toEqual(texts.toSorted());
  });
});

describe('wordsOf()', () => {
  it('reads bytes that stand unaligned', () => {
    const bytes = Uint8Array.of(9, 1, 0, 0, 0, 2, 0, 0, 0).subarray(1);
    expect([...wordsOf(bytes)]).toEqual([1, 2]);
  });
});
