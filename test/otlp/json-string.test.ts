import { describe, expect, test } from 'vitest';
import { unescapeJson, writeHex } from '../../src/otlp/json-string.ts';
import { utf8 } from './builders.ts';
import { Random } from './random-request.ts';

function unescaped(content: string): { readonly text: string; readonly isRepaired: boolean } {
  const bytes = utf8(`"${content}"`);
  const into = new Uint8Array(bytes.length - 2);
  const { size, isRepaired } = unescapeJson(bytes, { start: 1, end: bytes.length - 1, into });
  return { text: Buffer.from(into.subarray(0, size)).toString(), isRepaired };
}

describe('unescapeJson()', () => {
  test('reads any mixture of escapes as JSON.parse does', () => {
    const PIECES = ['a', 'é', '七', '😀', '\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t'];
    const UNITS = [
      '0000',
      '007f',
      '0080',
      '07ff',
      '0800',
      'D7fF',
      'd800',
      'dbFF',
      'dc00',
      'dfff',
      'e000',
    ];
    const random = new Random(1);
    let repairedCount = 0;
    for (let round = 0; round < 50_000; round++) {
      const content = random
        .list(6, () => (random.chance(0.4) ? random.pick(PIECES) : `\\u${random.pick(UNITS)}`))
        .join('');
      const parsed: string = JSON.parse(`"${content}"`);
      const { text, isRepaired } = unescaped(content);
      const expected = Buffer.from(parsed).toString();
      if (text !== expected) expect.fail(content);
      expect(isRepaired, content).toBe(expected !== parsed);
      if (isRepaired) repairedCount++;
    }
    expect(repairedCount).toBeGreaterThan(1000);
  });
});

describe('writeHex()', () => {
  const write = (text: string) => {
    const into = new Uint8Array(6);
    const bytes = utf8(`ff${text}ff`);
    const range = { start: 2, end: bytes.length - 2 };
    const size = writeHex(bytes, range, { into, row: 1, sizeBytes: 2 });
    return { size, row: [...into] };
  };

  test('fills the row when the size fits', () => {
    expect(write('aB09')).toEqual({ size: 2, row: [0, 0, 0xab, 0x09, 0, 0] });
  });

  test.each([
    ['', 0],
    ['ab', 1],
    ['abcdef', 3],
    ['abc', -1],
    ['abcg', -1],
    ['gbcd', -1],
    ['ab d', -1],
    ['é0', -1],
  ])('leaves the row empty for "%s"', (text, size) => {
    expect(write(text)).toEqual({ size, row: [0, 0, 0, 0, 0, 0] });
  });
});
