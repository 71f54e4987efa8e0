import { expect, test } from 'vitest';
import { RowSlab } from '../../src/base/row-slab.ts';

const options = { width: 3, version: 2 };

test('A new row is zeros, and rows do not share numbers', () => {
  const slab = new RowSlab(options);
  for (let index = 0; index < 1000; index++) slab.rowOf(`row ${index}`).fill(index);
  expect(slab.size).toBe(1000);
  for (let index = 0; index < 1000; index++) {
    expect([...slab.rowOf(`row ${index}`)]).toEqual([index, index, index]);
  }
  expect([...slab.rowOf('new')]).toEqual([0, 0, 0]);
});

test('A deleted row is gone, and whoever gets its place gets zeros', () => {
  const slab = new RowSlab(options);
  slab.rowOf('a').fill(7);
  slab.delete('a');
  expect(slab.find('a')).toBeUndefined();
  expect([...slab.rowOf('b')]).toEqual([0, 0, 0]);
  expect(slab.size).toBe(1);
});

test('Chunks together hold every row once, and give the same numbers back', () => {
  const slab = new RowSlab(options);
  for (let index = 0; index < 100; index++)
    slab.rowOf(`接口 ${index}`).set([index, Number.NaN, -1.5]);
  const back = new RowSlab(options);
  const chunks = [0, 1, 2, 3].map((chunk) => slab.encode(chunk, 4));
  for (const chunk of chunks) back.decode(chunk);
  expect(new Map(back.entries())).toEqual(new Map(slab.entries()));
  expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(100 * 60);
});

test('Bytes of another version, another width, or cut short are refused', () => {
  const slab = new RowSlab(options);
  slab.rowOf('a').fill(1);
  const bytes = slab.encode(0, 1);
  const refused = (text: string | RegExp, run: () => void) => expect(run).toThrow(text);
  refused('rows of version 2 and width 3, this is version 3', () =>
    new RowSlab({ width: 3, version: 3 }).decode(bytes),
  );
  refused('width 4', () => new RowSlab({ width: 4, version: 2 }).decode(bytes));
  refused(`${bytes.length - 1} bytes`, () => new RowSlab(options).decode(bytes.subarray(0, -1)));
  refused('no rows', () => new RowSlab(options).decode(new Uint8Array(40)));
  refused('no rows', () => new RowSlab(options).decode(new Uint8Array(3)));
});

test('A place is where the row is, also after it was read from bytes', () => {
  const slab = new RowSlab(options);
  for (let index = 0; index < 300; index++) slab.rowOf(`row ${index}`)[1] = index;
  const back = new RowSlab(options);
  back.decode(slab.encode(0, 1));
  for (const each of [slab, back]) {
    const place = each.placeOf('row 299');
    const words = each.pageOf(place).subarray(each.offsetOf(place), each.offsetOf(place) + 3);
    expect([...new Float32Array(Int32Array.from(words).buffer)]).toEqual([0, 299, 0]);
    expect([each.has('row 299'), each.has('row 300')]).toEqual([true, false]);
  }
});

test('Bits that are no number come back as they were', () => {
  const slab = new RowSlab(options);
  slab.pageOf(slab.placeOf('a')).set([0x7f800001, -1, 1], 0);
  const back = new RowSlab(options);
  back.decode(slab.encode(0, 1));
  expect([...back.pageOf(back.placeOf('a')).subarray(0, 3)]).toEqual([0x7f800001, -1, 1]);
});
