/** rowsByOperation: the same grouping as the obvious one, with keys that tables share. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { pairKey, rowsByOperation, sortedValues } from '../../src/model/row-groups.ts';
import { SpanTable } from '../../src/model/window.ts';

function tableOf(pairs: readonly (readonly [number, number])[]): SpanTable {
  const table = new SpanTable(new StringDictionary());
  table.reserve(pairs.length, 0);
  table.count = pairs.length;
  for (const [row, [service, operation]] of pairs.entries()) {
    table.service[row] = service;
    table.operation[row] = operation;
  }
  return table;
}

test('rowsByOperation() agrees with grouping by a text key', () => {
  const small = fc.integer({ min: 0, max: 4 });
  fc.assert(
    fc.property(fc.array(fc.tuple(small, small)), (pairs) => {
      const slow = new Map<string, number[]>();
      for (const [row, [service, operation]] of pairs.entries()) {
        const key = `${service}/${operation}`;
        slow.set(key, [...(slow.get(key) ?? []), row]);
      }
      const groups = [...rowsByOperation(tableOf(pairs)).values()];
      const fast = groups.map(({ service, operation, rows }) => [
        `${service}/${operation}`,
        [...rows],
      ]);
      expect(fast).toEqual([...slow]);
    }),
  );
});

test('rowsByOperation() of an empty table is empty', () => {
  expect(rowsByOperation(tableOf([])).size).toBe(0);
});

test('pairKey() tells the two ids apart, up to the largest', () => {
  const largest = 2 ** 26 - 1;
  const keys = [
    pairKey(1, 2),
    pairKey(2, 1),
    pairKey(largest, largest),
    pairKey(largest, largest - 1),
  ];
  expect(new Set(keys).size).toBe(4);
  expect(keys.every(Number.isSafeInteger)).toBe(true);
});

test('sortedValues() takes the rows named, in order of value', () => {
  const column = Float64Array.from([5, 3, 9, 1]);
  expect([...sortedValues(column, Uint32Array.from([0, 2, 3]))]).toEqual([1, 5, 9]);
  expect([...column]).toEqual([5, 3, 9, 1]);
});
