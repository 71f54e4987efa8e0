/** ById: every id is computed once and answers the same ever after. */
import { expect, test } from 'vitest';
import { ById } from '../../src/coze/by-id.ts';

test('ById.of() computes each id once, in any order, also far apart', () => {
  const asked: number[] = [];
  const memo = new ById((id) => {
    asked.push(id);
    return (id % 3) - 1;
  });
  const ids = [0, 5, 63, 64, 5, 100_000, 0, 64, 99_999, 100_000];
  expect(ids.map((id) => memo.of(id))).toEqual(ids.map((id) => (id % 3) - 1));
  expect(asked).toEqual([0, 5, 63, 64, 100_000, 99_999]);
});

test('ById.of() may be asked for another id while it computes one', () => {
  const memo: ById = new ById((id) => (id === 0 ? 0 : memo.of(id - 1) + 1));
  expect(memo.of(500)).toBe(500);
  expect(memo.of(200)).toBe(200);
});
