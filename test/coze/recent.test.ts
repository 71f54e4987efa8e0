/** Recent: a bounded number of short texts is remembered. */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { Recent } from '../../src/coze/recent.ts';

function counting() {
  const asked: string[] = [];
  const recent = new Recent((text) => {
    asked.push(text);
    return `<${text}>`;
  });
  return { asked, recent };
}

test('Recent.of() computes a text once', () => {
  const { asked, recent } = counting();
  expect(['a', '__proto__', 'a', '__proto__'].map((text) => recent.of(text))).toEqual([
    '<a>',
    '<__proto__>',
    '<a>',
    '<__proto__>',
  ]);
  expect(asked).toEqual(['a', '__proto__']);
});

test.each([
  ['at the bound is remembered', LIMITS.recentTextCharsMax, 1],
  ['beyond it is not', LIMITS.recentTextCharsMax + 1, 2],
])('a text whose length is %s', (_, length, computed) => {
  const { asked, recent } = counting();
  recent.of('x'.repeat(length));
  recent.of('x'.repeat(length));
  expect(asked).toHaveLength(computed);
});

test('a flood of texts makes room by forgetting', () => {
  const { asked, recent } = counting();
  for (let index = 0; index <= LIMITS.recentTextsMax; index++) recent.of(String(index));
  asked.length = 0;
  recent.of(String(LIMITS.recentTextsMax));
  recent.of('0');
  expect(asked).toEqual(['0']);
});
