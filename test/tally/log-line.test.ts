/** The masker agrees with the slow, obvious version on any line, read from bytes or from a text. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { textOfPieces } from '../../src/tally/line-pieces.ts';
import { LINE_MAX, LineReader } from '../../src/tally/line-reader.ts';
import { LineMasker } from '../../src/tally/log-line.ts';
import { anyLine, bracketLine } from './lines.ts';
import { slowPiecesOf } from './slow-line.ts';

const RUNS = 3000;

function piecesOf(line: string, masker = new LineMasker()) {
  masker.reader.read(line);
  masker.mask();
  return masker.pieces();
}

function firstLineOf(body: string): string | undefined {
  const reader = new LineReader();
  const bytes = new TextEncoder().encode(body);
  const isRead = reader.tryReadFirst(bytes, 0, bytes.length);
  return isRead ? String.fromCharCode(...reader.units.subarray(0, reader.length)) : undefined;
}

describe('LineMasker.mask()', () => {
  test('makes the pieces that the slow version makes', () => {
    const masker = new LineMasker();
    fc.assert(
      fc.property(anyLine, (line) => {
        expect(piecesOf(line, masker)).toEqual(slowPiecesOf(line));
      }),
      { numRuns: RUNS },
    );
  });

  test('makes the pieces that the slow version makes of any text', () => {
    const masker = new LineMasker();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (line) => {
        expect(piecesOf(line, masker)).toEqual(slowPiecesOf(line));
      }),
      { numRuns: RUNS },
    );
  });

  test.each([
    ['a word of 64 characters', 'x'.repeat(64)],
    ['a word of 65 characters', 'x'.repeat(65)],
    ['64 characters once masked', `${'x'.repeat(61)}5`],
    ['65 characters once masked', `${'x'.repeat(62)}5`],
    ['96 pieces', 'a '.repeat(96)],
    ['97 pieces', 'a '.repeat(97)],
    ['many numbers', '1 x '.repeat(200)],
    ['an address without a mail dot', 'a@b. c@d.e'],
    ['two at signs', '@a@b.c x@y@z.w'],
    ['quotes that do not close', '"a \'b “c ‘d `e'],
    ['an escaped quote', String.raw`"a \" b" c`],
    ['a backslash at the end', String.raw`"a \ `.trim()],
    ['a URL with a query', 'http://h/p?a=1,2;b=3'],
    ['a scheme only', 'http:/ x:// ://'],
    ['a UUID of letters', 'abcdefab-abcd-abcd-abcd-abcdefabcdef.'],
    ['a UUID inside a chunk', 'id-abcdefab-abcd-abcd-abcd-abcdefabcde1'],
    ['signs and numbers', '-5 +5 #5 --5 -5-6 x-5 5- *5'],
  ])('%s', (_, line) => {
    expect(piecesOf(line)).toEqual(slowPiecesOf(line));
  });

  test('reads its own text as the same pieces, whatever brackets hold', () => {
    const masker = new LineMasker();
    fc.assert(
      fc.property(bracketLine, (line) => {
        const pieces = piecesOf(line, masker);
        expect(pieces).toEqual(slowPiecesOf(line));
        expect(piecesOf(textOfPieces(pieces), masker)).toEqual(pieces);
      }),
      { numRuns: RUNS },
    );
  });

  test('tells lines apart by its numbers exactly when their texts differ', () => {
    const masker = new LineMasker();
    const numbersOf = (line: string): string => {
      masker.reader.read(line);
      masker.mask();
      return masker.masked.subarray(0, masker.maskedLength).join();
    };
    fc.assert(
      fc.property(anyLine, anyLine, (left, right) => {
        const isSameText = textOfPieces(slowPiecesOf(left)) === textOfPieces(slowPiecesOf(right));
        expect(numbersOf(left) === numbersOf(right)).toBe(isSameText);
      }),
    );
  });
});

describe('LineReader.tryReadFirst()', () => {
  test.each([
    ['one line', 'pool full', 'pool full'],
    ['blank lines before it', '\n \r\n  pool full  \nmore', 'pool full'],
    ['wide spaces around it', '\u3000\ufeff池 满\u00a0', '池 满'],
    ['every width of UTF-8', 'aé中😀', 'aé中😀'],
    ['a brace inside', 'a {b}', 'a {b}'],
    ['a longest line', 'x'.repeat(LINE_MAX), 'x'.repeat(LINE_MAX)],
    ['another key', 'name="x"', 'name="x"'],
  ])('reads %s', (_, body, line) => {
    expect(firstLineOf(body)).toBe(line);
  });

  test.each([
    ['nothing', ''],
    ['only spaces', ' \n\t'],
    ['JSON', ' {"a":1}'],
    ['a literal wildcard', 'took <*> ms'],
    ['logfmt', 'level=info msg="x y"'],
    ['logfmt, the long word', 'message="x y"'],
    ['a longer line', 'x'.repeat(LINE_MAX + 1)],
  ])('leaves %s to the careful way', (_, body) => {
    expect(firstLineOf(body)).toBeUndefined();
  });
});
