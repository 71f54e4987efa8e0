import { describe, expect, test } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { DecodeContext } from '../../src/otlp/decode-context.ts';
import { EntryIndex } from '../../src/otlp/entry-index.ts';
import { FIELD } from '../../src/otlp/json-names.ts';
import { ENTRY_SIZE, JsonTape, KIND } from '../../src/otlp/json-tape.ts';
import { messageOfFault, utf8 } from './builders.ts';

const context = new DecodeContext({
  signal: 'traces',
  strings: new StringDictionary(),
  entries: new EntryIndex({ resources: [], scopes: [] }),
  nowUs: 0,
  repairedBefore: 0,
});

function tapeOf(body: Uint8Array): JsonTape {
  const tape = new JsonTape(body, { context, signal: 'traces' });
  tape.scan(0);
  return tape;
}

function isTaken(body: Uint8Array): boolean {
  try {
    tapeOf(body);
    return true;
  } catch (thrown) {
    if (isAppError(thrown, 'otlp.malformed')) return false;
    throw thrown;
  }
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(body));
    return true;
  } catch {
    return false; // That is the answer.
  }
}

interface Entry {
  readonly kind: number;
  readonly field: number;
  readonly text: string;
}

/** Entries with the text that they stand for; containers with the number of entries inside. */
function entriesOf(text: string): Entry[] {
  const { bytes, entries } = tapeOf(utf8(text));
  const list: Entry[] = [];
  const rootEnd = entries[0]! % 16 <= KIND.array ? entries[2]! : ENTRY_SIZE;
  for (let at = 0; at < rootEnd; at += ENTRY_SIZE) {
    const kind = entries[at]! & 15;
    const [start, end] = [entries[at + 1]!, entries[at + 2]!];
    list.push({
      kind,
      field: entries[at]! >> 4,
      text:
        kind <= KIND.array
          ? `${(end - at) / ENTRY_SIZE - 1}`
          : Buffer.from(bytes.subarray(start, end)).toString(),
    });
  }
  return list;
}

describe('JsonTape', () => {
  test('writes down fields, kinds and places', () => {
    expect(entriesOf('{"name":"a\\n","x":[-1.5e3,true,false,null],"value":{}}')).toEqual([
      { kind: KIND.object, field: 0, text: '7' },
      { kind: KIND.escaped, field: FIELD.name, text: 'a\\n' },
      { kind: KIND.array, field: 0, text: '4' },
      { kind: KIND.number, field: 0, text: '-1.5e3' },
      { kind: KIND.true, field: 0, text: 'true' },
      { kind: KIND.false, field: 0, text: 'false' },
      { kind: KIND.null, field: 0, text: 'null' },
      { kind: KIND.object, field: FIELD.value, text: '0' },
    ]);
  });

  const padding = `,"padding":"${'x'.repeat(64)}"`;
  const ATTRIBUTES: readonly [string, string][] = [
    ['a text', '{"key":"a","value":{"stringValue":"b"}}'],
    ['an integer', '{"key":"","value":{"intValue":"12"}}'],
    ['an escape in the key', '{"key":"a\\"","value":{"stringValue":"b"}}'],
    ['an escape in the text', '{"key":"a","value":{"stringValue":"b\\\\"}}'],
    ['a number', '{"key":"a","value":{"doubleValue":1}}'],
    ['a second member', '{"key":"a","value":{"stringValue":"b"},"x":1}'],
    ['a second value', '{"key":"a","value":{"stringValue":"b","x":1}}'],
    ['an unknown type', '{"key":"a","value":{"otherValue":"b"}}'],
  ];
  test.each(ATTRIBUTES)(
    'writes an attribute down the same with and without spaces: %s',
    (_, text) => {
      const spaced = text.replaceAll(':', ' : ').replaceAll('{', '{ ');
      expect(entriesOf(`{"attributes":[${text}]${padding}}`)).toEqual(
        entriesOf(`{"attributes":[ ${spaced} ]${padding}}`),
      );
    },
  );

  test('keeps the last of repeated members', () => {
    const fields = entriesOf('{"name":1,"x":{"name":2},"name":[{}],"kind":4,"n\\u0061me":5}')
      .filter(({ field }) => field !== 0)
      .map(({ field, text }) => [field, text]);
    expect(fields).toEqual([
      [FIELD.name, '2'],
      [FIELD.kind, '4'],
      [FIELD.name, '5'],
    ]);
  });

  test('takes what JSON.parse takes: every byte at every place of a document', () => {
    const text =
      '{"a":[1,-2.5e+3,0,"x\\u00e9\\n\\ud83d","é"],"key":{"b" : true,"c":null},"d":false}';
    const document = utf8(text);
    let takenCount = 0;
    for (let at = 0; at <= document.length; at++) {
      const [before, behind] = [document.subarray(0, at), document.subarray(at)];
      expect(isTaken(before), `cut at ${at}`).toBe(isJson(before));
      for (let byte = 0; byte < 256; byte++) {
        for (const rest of [behind, behind.subarray(1)]) {
          const body = new Uint8Array([...before, byte, ...rest]);
          if (isTaken(body) !== isJson(body)) {
            expect.fail(`byte ${byte} at ${at}: ${Buffer.from(body)}`);
          }
          if (isTaken(body)) takenCount++;
        }
      }
    }
    expect(takenCount).toBeGreaterThan(1000);
  }, 60_000);

  const VALUES = [
    ...[
      '0',
      '-0',
      '01',
      '-',
      '+1',
      '1.',
      '.5',
      '1.5',
      '1e5',
      '1E+5',
      '1e-',
      '1e',
      '-1.0e-10',
      '1.e3',
    ],
    ...['0x1', '1_0', 'NaN', 'Infinity', '-Infinity', '--1', '1e5.5', '00', '-01', '1 2'],
    ...['tru', 'truex', 'True', 'nul', 'nulll', 'undefined', 'falsefalse', ''],
    ...[
      '"',
      '"\\"',
      '"\\x"',
      '"\\u12"',
      '"\\u12g4"',
      '"\\U0041"',
      '"\t"',
      '"\u007f"',
      "'a'",
      '"a""b"',
    ],
    ...[
      '[',
      ']',
      '[1,]',
      '[,1]',
      '[1 2]',
      '[1}',
      '[[]',
      '{',
      '}',
      '{]',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
    ],
    ...[
      '{,"a":1}',
      '{a:1}',
      '{1:1}',
      '{"a":1 "b":2}',
      '{"a"::1}',
      '/**/1',
      '1//',
      '\u00a01',
      '\u20281',
    ],
  ];
  test.each(VALUES)('takes what JSON.parse takes: %s', (value) => {
    for (const text of [value, ` ${value}\r\n\t`, `[${value}]`, `{"x":${value}}`]) {
      const body = utf8(text);
      expect(isTaken(body), text).toBe(isJson(body));
    }
  });

  test('tells the place of a fault', () => {
    expect(messageOfFault(() => tapeOf(utf8('{"a":hello}')))).toBe(
      'Cannot decode traces: the JSON has an unexpected "h" at byte 5',
    );
    expect(messageOfFault(() => tapeOf(utf8('["a\n"]')))).toBe(
      'Cannot decode traces: the JSON has an unexpected byte 10 at byte 3',
    );
    expect(messageOfFault(() => tapeOf(utf8('{"a":[1,')))).toBe(
      'Cannot decode traces: the JSON ends too early, at byte 8',
    );
  });

  test('refuses nesting beyond the bound, also of attributes in one step', () => {
    const depthMax = 12 + 4 * LIMITS.valueDepthMax;
    const attribute = '{"key":"k","value":{"stringValue":"some text"}}';
    const nested = (depth: number) => `${'['.repeat(depth)}${attribute}${']'.repeat(depth)}`;
    const padded = (depth: number) => utf8(`${nested(depth)}${' '.repeat(64)}`);
    expect(isTaken(padded(depthMax - 2))).toBe(true);
    expect(messageOfFault(() => tapeOf(padded(depthMax - 1)))).toContain(`deeper than ${depthMax}`);
  });

  test('refuses more elements than the bound', () => {
    const elementsOf = (count: number) => utf8(`[${'0,'.repeat(count - 1)}0]`);
    expect(isTaken(elementsOf(LIMITS.requestElementsMax))).toBe(true);
    expect(() => tapeOf(elementsOf(LIMITS.requestElementsMax + 1))).toThrow(
      'holds more than 8000000',
    );
  });
});
