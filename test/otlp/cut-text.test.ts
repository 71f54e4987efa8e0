import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutBefore, cutText } from '../../src/otlp/cut-text.ts';

const CASES: readonly [string, string, number, string][] = [
  ['short text', 'abc', 3, 'abc'],
  ['one byte too many', 'abcd', 3, 'abc'],
  ['half of two bytes', 'aé', 2, 'a'],
  ['the end of two bytes', 'aé', 3, 'aé'],
  ['a third of three bytes', '服务', 4, '服'],
  ['three quarters of four bytes', 'a😀', 4, 'a'],
  ['no room', '服', 2, ''],
];
test.each(CASES)('cutText() keeps code points whole: %s', (_, text, sizeBytesMax, expected) => {
  expect(cutText(text, sizeBytesMax)).toBe(expected);
});

test('cutText() keeps as much as fits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, sizeBytesMax) => {
      const cut = cutText(text, sizeBytesMax);
      expect(text.startsWith(cut)).toBe(true);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(sizeBytesMax);
      const next = [...text].slice([...cut].length)[0];
      if (next !== undefined) {
        expect(Buffer.byteLength(cut + next)).toBeGreaterThan(sizeBytesMax);
      }
    }),
    { seed: 20_240_601, numRuns: 500 },
  );
});

test('cutBefore() gives up on bytes that are not UTF-8', () => {
  const bytes = new Uint8Array(100).fill(0x80);
  expect(cutBefore(bytes, 50)).toBe(47);
  expect(cutBefore(bytes, 0)).toBe(0);
});
