import { describe, expect, test } from 'vitest';
import { VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { attributeJsonOf, formatAnyValue } from '../../src/otlp/otlp.ts';

const strings = new StringDictionary();
const id = (text: string) => strings.idOfString(text);

const map =
  '{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"7"}},' +
  '{"key":"b","value":{"arrayValue":{"values":[{"boolValue":false},{},{"doubleValue":"NaN"}]}}},' +
  '{"key":"wide","value":{"intValue":"9007199254740993"}},' +
  '{"key":"raw","value":{"bytesValue":"AQI="}}]}}';

const VALUES: readonly [string, number, number, unknown, string][] = [
  ['nothing', VALUE_TYPE.empty, 0, null, '{}'],
  ['a text', VALUE_TYPE.string, id('a"b'), 'a"b', '{"stringValue":"a\\"b"}'],
  ['the empty text', VALUE_TYPE.string, 0, '', '{"stringValue":""}'],
  ['true', VALUE_TYPE.bool, 1, true, '{"boolValue":true}'],
  ['false', VALUE_TYPE.bool, 0, false, '{"boolValue":false}'],
  ['an integer', VALUE_TYPE.int, -5, -5, '{"intValue":"-5"}'],
  [
    'a wide integer',
    VALUE_TYPE.wideInt,
    id('9223372036854775807'),
    '9223372036854775807',
    '{"intValue":"9223372036854775807"}',
  ],
  ['a double', VALUE_TYPE.double, 0.1, 0.1, '{"doubleValue":0.1}'],
  ['minus zero', VALUE_TYPE.double, -0, -0, '{"doubleValue":-0}'],
  ['NaN', VALUE_TYPE.double, Number.NaN, 'NaN', '{"doubleValue":"NaN"}'],
  [
    'infinity',
    VALUE_TYPE.double,
    Number.NEGATIVE_INFINITY,
    '-Infinity',
    '{"doubleValue":"-Infinity"}',
  ],
  [
    'a map',
    VALUE_TYPE.json,
    id(map),
    { a: 7, b: [false, null, 'NaN'], wide: '9007199254740993', raw: 'AQI=' },
    map,
  ],
];

describe.each(VALUES)('a column value: %s', (_, type, value, plain, otlp) => {
  test('attributeJsonOf() gives plain JSON', () => {
    expect(attributeJsonOf(type, value, strings)).toEqual(plain);
  });

  test('formatAnyValue() gives OTLP/JSON', () => {
    expect(formatAnyValue(type, value, strings)).toBe(otlp);
    JSON.parse(otlp);
  });
});

test('attributeJsonOf() gives maps without a prototype', () => {
  const text =
    '{"kvlistValue":{"values":[{"key":"__proto__","value":{"kvlistValue":{"values":[' +
    '{"key":"polluted","value":{"boolValue":true}}]}}},{"key":"constructor","value":{}}]}}';
  const value = attributeJsonOf(VALUE_TYPE.json, id(text), strings) as Record<string, unknown>;
  expect(Object.getPrototypeOf(value)).toBeNull();
  expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":true},"constructor":null}');
});
