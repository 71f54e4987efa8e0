import { describe, expect, it } from 'vitest';
import { RowPacking } from '../../src/base/row-packing.ts';
import { createRandom } from '../build/random.ts';

const parts = [
  { width: 3, format: { kind: 'float32' } },
  { width: 8, format: { kind: 'float24' } },
  { width: 8, format: { kind: 'float16' } },
  { width: 4, format: { kind: 'int16', step: 0.5 } },
  { width: 4, format: { kind: 'uint8' } },
] as const;

/** Packs the numbers behind another row; gives what comes back. */
function roundTrip(numbers: readonly number[]): { row: number[]; words: Int32Array } {
  const packing = new RowPacking(parts);
  const words = new Int32Array(2 * packing.packedWidth);
  packing.row.set(numbers);
  for (const part of packing.parts) part.pack(words, packing.packedWidth);
  packing.row.fill(7);
  for (const part of packing.parts) part.unpack(words, packing.packedWidth);
  expect(words.subarray(0, packing.packedWidth).every((word) => word === 0)).toBe(true);
  return { row: [...packing.row], words };
}

describe('RowPacking', () => {
  it('gives back exactly what the formats hold', () => {
    const exact = [
      ...[Math.fround(0.1), Number.NEGATIVE_INFINITY, Number.NaN],
      ...[0, -1.5, 65_535, Number.NaN, Number.POSITIVE_INFINITY, 2 ** -100, 3, -(2 ** 90)],
      ...[
        0,
        -1.5,
        511,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        2 ** -60,
        0x1ff << 20,
      ],
      ...[0, -0.5, 8192.5, 16_383.5],
      ...[0, 7, 128, 255],
    ];
    expect(roundTrip(exact).row).toEqual(exact);
  });

  it.each([
    { kind: 'float24', at: 3, share: 2 ** -15 },
    { kind: 'float16', at: 11, share: 2 ** -8 },
  ])('cuts $kind towards zero by less than $share, and keeps their order', ({ at, share }) => {
    const random = createRandom(3);
    for (let round = 0; round < 200; round++) {
      const drawn = Array.from({ length: 8 }, () => random.normal() * 10 ** (12 * random.next()));
      const sorted = drawn.sort((left, right) => left - right);
      const { row } = roundTrip([...new Array(at).fill(0), ...sorted]);
      for (const [index, value] of sorted.entries()) {
        const back = row[at + index]!;
        expect(Math.abs(back)).toBeLessThanOrEqual(Math.abs(Math.fround(value)));
        expect(Math.abs(back - value)).toBeLessThan(Math.abs(value) * share);
        expect(back).toBeGreaterThanOrEqual(index === 0 ? back : row[at - 1 + index]!);
      }
    }
  });

  it('rounds multiples of a step, cuts them off at their bounds, and takes no number for 0', () => {
    const { row } = roundTrip([...new Array(19).fill(0), 1.3, 1e9, -1e9, Number.NaN]);
    expect(row.slice(19, 23)).toEqual([1.5, 16_383.5, -16_383.5, 0]);
  });

  it('takes what is too small for 16 bits for 0, and what is too large for infinite', () => {
    const { row } = roundTrip([...new Array(11).fill(0), 2 ** -70, -1e-30, 1e25, -1e25]);
    expect(row.slice(11, 15)).toEqual([0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  });

  it('packs what it unpacked to the same words', () => {
    const random = createRandom(4);
    const drawn = Array.from({ length: 23 }, () => 1000 * random.normal());
    const once = roundTrip([...drawn, 1, 2, 3, 4]);
    expect(roundTrip(once.row).words).toEqual(once.words);
  });

  it('leaves parts alone that are not asked for', () => {
    const packing = new RowPacking(parts);
    const words = new Int32Array(packing.packedWidth);
    packing.row.fill(1);
    packing.parts[0]!.pack(words, 0);
    for (const part of packing.parts) part.unpack(words, 0);
    expect([...packing.row.subarray(0, 4)]).toEqual([1, 1, 1, 0]);
  });

  it('refuses a part that does not fill its words', () => {
    expect(() => new RowPacking([{ width: 5, format: { kind: 'float24' } }])).toThrow(
      '5 numbers as float24',
    );
  });
});
