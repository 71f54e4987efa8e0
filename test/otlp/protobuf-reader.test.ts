import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { RowSignal } from '../../src/model/vocabulary.ts';
import { decodeTraces, type Encoding } from '../../src/otlp/otlp.ts';
import {
  bodyOf,
  GOOD_SPAN,
  messageOfFault,
  SPAN_ID,
  START_NS,
  TRACE_ID,
  tracesOf,
  utf8,
} from './builders.ts';
import { decodeInto } from './decode-into.ts';
import { NOW_US } from './random-request.ts';
import { field, fixed64Field, varint, varintField } from './wire.ts';

function spanColumns(): SpanColumns {
  return new SpanColumns(new StringDictionary());
}

describe('malformed protobuf', () => {
  const span = (...fields: number[][]) =>
    Uint8Array.from(field(1, field(2, field(2, fields.flat()))));
  const CASES: readonly [string, Uint8Array, string][] = [
    [
      'a length past the end of the message',
      span([...varint(5 * 8 + 2), 14, 0x61, 0x62]),
      'span.name at byte 6 runs 12 bytes past the end of its message',
    ],
    [
      'a body that ends in a varint',
      span([0x30, 0xff]),
      'span.kind at byte 6 ends inside a varint',
    ],
    [
      'a varint of eleven bytes',
      span([0x30, ...Array<number>(10).fill(0xff), 1]),
      'more than 64 bits',
    ],
    ['field number 0', span([0x02, 0x00]), 'span.tag at byte 6 has field number 0'],
    ['a field number beyond 2^29', span([0xf8, 0xff, 0xff, 0xff, 0xff, 1, 0]), 'beyond 2^29 - 1'],
    ['a wrong wire type', span([0x28, 1]), 'span.name at byte 6 has wire type 0'],
    ['wire type 6', span([...varint(900 * 8 + 6), 0]), 'has wire type 6, which does not exist'],
    ['a group that never began', span([...varint(900 * 8 + 4)]), 'ends a group that never began'],
    ['a group that never ends', span([...varint(900 * 8 + 3)]), 'ends inside a varint'],
    [
      'a group that another field ends',
      span([...varint(900 * 8 + 3), ...varint(901 * 8 + 4)]),
      'ends a group that another field began',
    ],
    [
      'a cut fixed64',
      span([0x39, 1, 2, 3]),
      'span.start_time_unix_nano at byte 6 runs 5 bytes past',
    ],
    [
      'a wrong wire type in the envelope',
      Uint8Array.from([0x08, 1]),
      'request.resource_spans at byte 0',
    ],
    ['bytes of nothing', utf8('<html>502 Bad Gateway</html>'), 'Cannot decode traces: request.'],
  ];
  test.each(CASES)('%s', (_, body, expected) => {
    const into = spanColumns();
    const message = messageOfFault(() =>
      decodeTraces(body, into, { encoding: 'protobuf', nowUs: NOW_US }),
    );
    expect(message).toContain('Cannot decode traces: ');
    expect(message).toContain(expected);
  });

  test('groups and values nested 100 000 deep', () => {
    const group = Uint8Array.from(
      Array.from({ length: 100_000 }, () => varint(900 * 8 + 3)).flat(),
    );
    const refused = () =>
      decodeTraces(group, spanColumns(), { encoding: 'protobuf', nowUs: NOW_US });
    expect(messageOfFault(refused)).toContain('nests groups deeper than 32');
  });

  test('a value nested 20 000 deep', () => {
    // Sizes grow from the inside out, so the bytes are collected back to front.
    const reversed: number[] = [];
    for (let depth = 0; depth < 20_000; depth++) {
      for (const number of [1, 5]) {
        const head = [...varint(number * 8 + 2), ...varint(reversed.length)];
        reversed.push(...head.reverse());
      }
    }
    const value = reversed.reverse();
    const body = span(field(9, field(2, value)));
    const refused = () =>
      decodeTraces(body, spanColumns(), { encoding: 'protobuf', nowUs: NOW_US });
    expect(messageOfFault(refused)).toContain('nests values deeper than 32');
  });

  test('a fault in the last span takes back the request and nothing else', () => {
    const into = spanColumns();
    const options = { encoding: 'protobuf', nowUs: NOW_US } as const;
    decodeTraces(tracesOf('protobuf', GOOD_SPAN), into, options);
    const withResource = bodyOf('protobuf', 'traces', {
      resourceSpans: [
        {
          resource: { droppedAttributesCount: 9 },
          scopeSpans: [{ scope: { name: 'other' }, spans: [GOOD_SPAN] }],
        },
      ],
    });
    const broken = Uint8Array.from([...withResource, 0x0a, 0x05]);
    messageOfFault(() => decodeTraces(broken, into, options));
    expect([into.count, into.resources.length, into.scopes.length]).toEqual([1, 1, 1]);
    decodeTraces(withResource, into, options);
    expect([into.count, into.resource[1], into.resources.length]).toEqual([2, 1, 2]);
  });
});

describe('bodies of tiny parts', () => {
  const faultOf = (body: Uint8Array, encoding: Encoding) => {
    const into = spanColumns();
    try {
      decodeTraces(body, into, { encoding, nowUs: NOW_US });
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(AppError);
      expect((thrown as AppError).code).toBe('otlp.too_large');
      expect([into.count, into.resources.length]).toEqual([0, 0]);
      return (thrown as AppError).message;
    }
    throw new Error('expected the request to be refused');
  };
  const repeated = (part: readonly number[] | string, count: number) =>
    Buffer.alloc(part.length * count, typeof part === 'string' ? part : Uint8Array.from(part));

  test('are refused at the bound on rows', () => {
    const spans = repeated([0x12, 0x00], LIMITS.requestRowsMax + 1);
    const inner = [...varint(2 * 8 + 2), ...varint(spans.length)];
    const outer = [...varint(1 * 8 + 2), ...varint(inner.length + spans.length)];
    const body = Buffer.concat([Uint8Array.from([...outer, ...inner]), spans]);
    expect(faultOf(body, 'protobuf')).toContain('more than 1000000 rows');
  });

  test('are refused at the bound on embedded messages', () => {
    const body = repeated([0x0a, 0x00], LIMITS.requestElementsMax + 1);
    expect(faultOf(body, 'protobuf')).toContain('more than 8000000 embedded messages');
  });

  test('are refused before JSON is parsed', () => {
    const body = Buffer.concat([
      Buffer.from('{"x":['),
      repeated('{},', LIMITS.requestElementsMax / 2),
      Buffer.from('{}]}'),
    ]);
    expect(faultOf(body, 'json')).toContain('more than 8000000 objects, lists and members');
  });
});

describe('protobuf details', () => {
  const one = (signal: RowSignal, item: number[]) => {
    const body = Uint8Array.from(field(1, field(2, field(2, item))));
    return decodeInto(signal)(body, 'protobuf');
  };
  const goodSpan = [
    ...field(1, TRACE_ID),
    ...field(2, SPAN_ID),
    ...fixed64Field(7, BigInt(START_NS)),
    ...fixed64Field(8, BigInt(START_NS)),
  ];

  test('sizes of any length lead from span to span', () => {
    const long = [...goodSpan, ...field(5, [...utf8('n'.repeat(200))])];
    const longer = [...goodSpan, ...field(5, [...utf8('n'.repeat(20_000))])];
    const wasteful = [2 * 8 + 2, 0x80 + goodSpan.length, 0, ...goodSpan];
    const spans = [...field(2, goodSpan), ...wasteful, ...field(2, long), ...field(2, longer)];
    const body = Uint8Array.from(field(1, field(2, [...spans, ...wasteful, ...field(2, long)])));
    expect(decodeInto('traces')(body, 'protobuf').rows).toHaveLength(6);
  });

  test('a fault behind a run of spans is told at its own byte', () => {
    const spans = [...field(2, goodSpan), ...field(2, goodSpan)];
    const cut = [2 * 8 + 2, 100, ...goodSpan];
    const body = Uint8Array.from(field(1, field(2, [...spans, ...cut])));
    const at = body.length - cut.length;
    const refused = () =>
      decodeTraces(body, spanColumns(), { encoding: 'protobuf', nowUs: NOW_US });
    expect(messageOfFault(refused)).toContain(
      `scope_spans.spans at byte ${at} runs ${100 - goodSpan.length} bytes past`,
    );
  });

  test('of a status that stands twice the last counts whole', () => {
    const first = field(15, [...field(2, 'first'), ...varintField(3, 2)]);
    const { rows } = one('traces', [...goodSpan, ...first, ...field(15, varintField(3, 1))]);
    expect(rows).toMatchObject([{ statusCode: 1, statusMessage: '' }]);
  });

  test('of a value that stands twice the last counts', () => {
    const value = field(2, [...field(1, 'text'), ...varintField(2, 1)]);
    const { rows } = one('traces', [...goodSpan, ...field(9, [...field(1, 'k'), ...value])]);
    expect(rows).toMatchObject([{ attributes: ['k={"boolValue":true}'] }]);
  });

  test('a short int with a byte behind it is not read as a longer one', () => {
    const value = [0x18, 0x5f, 0x01];
    const attribute = field(9, [...field(1, 'key'), ...field(2, value)]);
    expect(() => one('traces', [...goodSpan, ...attribute])).toThrow(/has field number 0/);
  });

  test('bytes that are not UTF-8 become U+FFFD, with a warning', () => {
    const { outcome, rows } = one('traces', [...goodSpan, ...field(5, [0x61, 0xff, 0x62])]);
    expect(rows).toMatchObject([{ name: 'a\u{FFFD}b' }]);
    expect(outcome).toMatchObject({ acceptedCount: 1, rejectedCount: 0 });
    expect(outcome.message).toMatch(/^Warning: 1 × text that is not UTF-8/);
  });

  test('bucket counts may stand packed or one by one', () => {
    const point = [
      ...fixed64Field(3, BigInt(START_NS)),
      ...fixed64Field(6, 1n),
      ...fixed64Field(6, 2n),
      ...varint(7 * 8 + 1),
      ...new Uint8Array(new Float64Array([0.5]).buffer),
    ];
    const { rows } = one('metrics', field(9, field(1, point)));
    expect(rows).toMatchObject([{ buckets: [0.5, 1, 2] }]);
  });

  test('the body may be a view into a larger buffer', () => {
    const body = tracesOf('protobuf', GOOD_SPAN);
    const larger = Buffer.concat([Buffer.alloc(13, 0xff), body, Buffer.alloc(7, 0xff)]);
    const view = larger.subarray(13, 13 + body.length);
    expect(decodeInto('traces')(view, 'protobuf').rows).toEqual(
      decodeInto('traces')(body, 'protobuf').rows,
    );
  });
});
