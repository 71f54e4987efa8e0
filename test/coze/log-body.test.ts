/** The search for hints on bytes finds what a search on text finds. */
import { expect, test } from 'vitest';
import { hasBodyHint } from '../../src/coze/log-body.ts';
import { drawOf } from './draw.ts';

const HINTS = ['plugin:', 'timeout=', 'retry attempt'];
const PIECES = [
  ...HINTS,
  'plugin',
  'timeout',
  'retry ',
  'ti',
  'p',
  '超时',
  ':',
  '= ',
  'attempt',
  '😀',
];

function search(text: string): boolean {
  const bytes = Buffer.from(`plugin:${text}timeout=`);
  return hasBodyHint(bytes, 'plugin:'.length, bytes.length - 'timeout='.length);
}

test.each([
  ['', false],
  ['plugin', false],
  ['plugin:', true],
  ['xtimeout=', true],
  ['timeout', false],
  ['retry attempt', true],
  ['retry attemp', false],
  ['pluplugin:', true],
  ['超时timeout=5', true],
])('hasBodyHint() of "%s" is %s', (text, expected) => {
  expect(search(text)).toBe(expected);
});

test.each([1, 2, 3, 4])('hasBodyHint() equals includes() on random lines, seed %i', (seed) => {
  const random = drawOf(seed);
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: random.below(6) }, () => random.pick(PIECES)).join('');
    expect([text, search(text)]).toEqual([text, HINTS.some((hint) => text.includes(hint))]);
  }
});
