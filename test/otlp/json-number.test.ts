import { describe, expect, test } from 'vitest';
import { tryDecimal, tryDigits, tryInteger } from '../../src/otlp/json-number.ts';
import { utf8 } from './builders.ts';
import { Random } from './random-request.ts';

/** Calls a reader on a text in the midst of other digits. */
function inBody(read: (bytes: Uint8Array, start: number, end: number) => number) {
  return (text: string) => read(utf8(`77${text}77`), 2, 2 + text.length);
}

describe('tryInteger()', () => {
  const read = inBody(tryInteger);
  test.each([
    ['0', 0],
    ['-0', 0],
    ['007', 7],
    ['-1', -1],
    ['999999999999999', 999_999_999_999_999],
    ['-999999999999999', -999_999_999_999_999],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  test.each(['', '-', '1000000000000000', '1.0', '1e3', '+1', ' 1', '1a', '--1'])(
    'leaves "%s" to others',
    (text) => {
      expect(read(text)).toBeNaN();
    },
  );
});

describe('tryDecimal()', () => {
  const read = inBody(tryDecimal);
  test('gives the nearest double', () => {
    const random = new Random(1);
    for (let round = 0; round < 100_000; round++) {
      const digits = Array.from({ length: 1 + random.below(15) }, () => random.below(10)).join('');
      const point = random.below(digits.length + 1);
      const sign = random.chance(0.5) ? '-' : '';
      const text = `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
      if (!Object.is(read(text), Number(text))) expect.fail(text);
    }
  });

  test.each([
    ['-0', -0],
    ['637.704', 637.704],
    ['.5', 0.5],
    ['5.', 5],
    ['0.1', 0.1],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  test.each(['', '-', '.', '-.', '1e5', 'NaN', '1.2.3', '0x1', '320.25100000000003', '1 '])(
    'leaves "%s" to others',
    (text) => {
      expect(read(text)).toBeNaN();
    },
  );
});

describe('tryDigits()', () => {
  const read = inBody(tryDigits);
  test('reads up to nine digits', () => {
    expect(['0', '00000012', '999999999'].map(read)).toEqual([0, 12, 999_999_999]);
  });

  test('tells of any other byte, wherever it stands', () => {
    for (let at = 0; at < 8; at++) {
      for (const byte of ['/', ':', ' ', '-', 'a', '\0']) {
        expect(read(`12345678`.slice(0, at) + byte + `12345678`.slice(at + 1))).toBe(-1);
      }
    }
  });
});
