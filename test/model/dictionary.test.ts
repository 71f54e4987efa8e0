/** StringDictionary: ids of texts and of their bytes agree, whatever the texts and however many. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { grown, StringDictionary } from '../../src/model/dictionary.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

function idOfBytes(dictionary: StringDictionary, bytes: Uint8Array): number {
  return dictionary.idOfBytes(bytes, 0, bytes.length);
}

describe('StringDictionary', () => {
  test('id 0 is the empty string, from text and from bytes', () => {
    const dictionary = new StringDictionary();
    expect([dictionary.idOfString(''), idOfBytes(dictionary, utf8(''))]).toEqual([0, 0]);
    expect([dictionary.text(0), dictionary.size]).toEqual(['', 1]);
  });

  test('an id never given is the empty string', () => {
    expect(new StringDictionary().text(7)).toBe('');
  });

  test('find() gives only what is there', () => {
    const dictionary = new StringDictionary();
    const id = dictionary.idOfString('bot');
    expect([dictionary.find('bot'), dictionary.find('bots')]).toEqual([id, undefined]);
  });

  test('reads only the range of bytes it is given', () => {
    const dictionary = new StringDictionary();
    expect(dictionary.text(dictionary.idOfBytes(utf8('xxhandleyy'), 2, 8))).toBe('handle');
    expect(dictionary.idOfBytes(utf8('abc'), 2, 1)).toBe(0);
  });

  test('keeps its own copy of the bytes', () => {
    const dictionary = new StringDictionary();
    const bytes = utf8('one');
    const id = idOfBytes(dictionary, bytes);
    bytes.set(utf8('two'));
    expect(idOfBytes(dictionary, utf8('one'))).toBe(id);
    expect(idOfBytes(dictionary, bytes)).not.toBe(id);
  });

  test('bytes that are not UTF-8 are repaired and counted once', () => {
    const dictionary = new StringDictionary();
    const broken = Uint8Array.from([0x61, 0xff, 0x62]);
    const id = idOfBytes(dictionary, broken);
    expect(idOfBytes(dictionary, broken)).toBe(id);
    expect([dictionary.text(id), dictionary.repairedCount]).toEqual(['a\ufffdb', 1]);
  });

  test('a repair is counted also where the text stays as long as its bytes', () => {
    const dictionary = new StringDictionary();
    const id = idOfBytes(dictionary, Uint8Array.from([0xf0, 0x9f, 0x98]));
    expect([dictionary.text(id), dictionary.repairedCount]).toEqual(['\ufffd', 1]);
  });

  test('a byte order mark stays where it was sent', () => {
    const dictionary = new StringDictionary();
    expect(dictionary.text(idOfBytes(dictionary, utf8('\ufeffbot')))).toBe('\ufeffbot');
  });

  test('a replacement character that was really sent is no repair', () => {
    const dictionary = new StringDictionary();
    idOfBytes(dictionary, utf8('a\ufffdb'));
    expect(dictionary.repairedCount).toBe(0);
  });

  test('an unpaired surrogate becomes the replacement character, as in UTF-8', () => {
    const dictionary = new StringDictionary();
    const id = dictionary.idOfString('a\ud800b');
    expect([dictionary.text(id), dictionary.find('a\ufffdb')]).toEqual(['a\ufffdb', id]);
  });

  test('long texts that are not UTF-8 are repaired too', () => {
    const dictionary = new StringDictionary();
    const broken = utf8('x'.repeat(300));
    broken[299] = 0xe4;
    const id = idOfBytes(dictionary, broken);
    expect(idOfBytes(dictionary, broken)).toBe(id);
    expect(dictionary.text(id)).toBe(`${'x'.repeat(299)}\ufffd`);
    expect([dictionary.repairedCount, dictionary.size]).toEqual([1, 2]);
  });

  test('gives the bytes of every text', () => {
    const dictionary = new StringDictionary();
    const texts = ['', 'bot', '机器人', '😀', 'z'.repeat(100)];
    const ids = texts.map((text, index) =>
      index % 2 === 0 ? dictionary.idOfString(text) : idOfBytes(dictionary, utf8(text)),
    );
    const bytesOf = (id: number) => dictionary.pool.slice(dictionary.start(id), dictionary.end(id));
    expect(ids.map(bytesOf)).toEqual(texts.map(utf8));
  });

  test('a dictionary from parts is equal and goes on by itself', () => {
    const texts = Array.from({ length: 3000 }, (_, index) => `文本 ${index}`);
    const original = new StringDictionary();
    for (const text of texts) original.idOfString(text);
    const rebuilt = StringDictionary.fromParts(structuredClone(original.toParts()));
    expect(rebuilt.size).toBe(original.size);
    expect(texts.map((_, index) => rebuilt.text(index + 1))).toEqual(texts);
    expect([rebuilt.text(0), rebuilt.text(3001)]).toEqual(['', '']);
    expect([rebuilt.find('文本 7'), rebuilt.find('文本 x')]).toEqual([8, undefined]);
    expect([rebuilt.idOfString('文本 2999'), rebuilt.idOfString('new')]).toEqual([3000, 3001]);
    expect(idOfBytes(original, utf8('other'))).toBe(3001);
    expect(rebuilt.text(3001)).toBe('new');
  });

  test('an empty dictionary has parts too', () => {
    const rebuilt = StringDictionary.fromParts(new StringDictionary().toParts());
    expect([rebuilt.size, rebuilt.text(0), rebuilt.idOfString('a')]).toEqual([1, '', 1]);
  });

  test('names of prototypes are texts as any other', () => {
    const dictionary = new StringDictionary();
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const ids = names.map((name) => idOfBytes(dictionary, utf8(name)));
    expect(ids).toEqual([1, 2, 3, 4]);
    expect(ids.map((id) => dictionary.text(id))).toEqual(names);
  });

  test('agrees with a map from text to number for any texts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.boolean())),
        (items) => {
          const dictionary = new StringDictionary();
          const slow = new Map([['', 0]]);
          for (const [text, isBytes] of items) {
            if (!slow.has(text)) slow.set(text, slow.size);
            const id = isBytes ? idOfBytes(dictionary, utf8(text)) : dictionary.idOfString(text);
            expect(id).toBe(slow.get(text));
            expect(dictionary.text(id)).toBe(text);
          }
          expect(dictionary.size).toBe(slow.size);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('holds many texts past every growth of its tables', () => {
    const dictionary = new StringDictionary();
    const texts = Array.from({ length: 20_000 }, (_, index) => `operation-${index}-${index % 7}`);
    const ids = texts.map((text) => idOfBytes(dictionary, utf8(text)));
    expect(new Set(ids).size).toBe(texts.length);
    expect(texts.every((text, index) => idOfBytes(dictionary, utf8(text)) === ids[index])).toBe(
      true,
    );
  });
});

test('grown() keeps the class and what it held, and fills with zeros', () => {
  const next = grown(Uint16Array.from([1, 2]), 4);
  expect(next).toEqual(Uint16Array.from([1, 2, 0, 0]));
});
