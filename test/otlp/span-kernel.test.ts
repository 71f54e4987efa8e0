/** The kernel against the plain way: the same columns, the same sentence, the same fault, whatever comes. */
import { describe, expect, test } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { BodyRing } from '../../src/bench/bench.ts';
import { SpanColumns } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { decodeTraces } from '../../src/otlp/otlp.ts';
import { tryLoadSpanKernel } from '../../src/otlp/span-kernel.ts';
import { GOOD_SPAN, tracesOf } from './builders.ts';
import { dumpSpans } from './dump-columns.ts';
import { mutate } from './mutate.ts';
import { encodeMessage, messageType, REQUEST_TYPES } from './otlp-schema.ts';
import { NOW_US, Random, randomRequest } from './random-request.ts';
import { field, fixed64Field, scramble, varintField } from './wire.ts';

const TYPE = REQUEST_TYPES.traces;

/** Columns that take one body after another, by one of the two ways. */
class Taker {
  readonly columns = new SpanColumns(new StringDictionary());
  readonly #isPlain: boolean;

  constructor(way: 'kernel' | 'plain') {
    this.#isPlain = way === 'plain';
  }

  take(body: Uint8Array, nowUs = NOW_US): unknown {
    const { columns } = this;
    const from = columns.count;
    try {
      const options = { encoding: 'protobuf', nowUs, isPlain: this.#isPlain } as const;
      const outcome = decodeTraces(body, columns, options);
      return { outcome, rows: dumpSpans(columns, from), computed: computedOf(columns, from) };
    } catch (thrown) {
      if (!isAppError(thrown)) throw thrown;
      return { code: thrown.code, message: thrown.message, rows: columns.count - from };
    }
  }
}

/** What normalisation fills, which must be empty before. */
function computedOf(columns: SpanColumns, from: number): number[] {
  const { stage, infra, isError, service, errorType, target, linksEnd } = columns;
  return [stage, infra, isError, service, errorType, target, linksEnd].flatMap((column) => [
    ...column.subarray(from, columns.count),
  ]);
}

function expectSame(bodies: Iterable<Uint8Array>, name: string): void {
  const [fast, plain] = [new Taker('kernel'), new Taker('plain')];
  let index = 0;
  for (const body of bodies) {
    expect(fast.take(body), `${name} ${index}`).toEqual(plain.take(body));
    index++;
  }
}

function* bodiesOf(count: number, make: (random: Random, seed: number) => Uint8Array) {
  for (let seed = 1; seed <= count; seed++) yield make(new Random(seed), seed);
}

const requestOf = (random: Random) => encodeMessage(TYPE, randomRequest(random, 'traces'));

/** A request with one span of these field bytes. */
function rawSpan(...fields: readonly number[][]): Uint8Array {
  return Uint8Array.from(field(1, field(2, field(2, fields.flat()))));
}

const IDS = [
  field(
    1,
    Array.from({ length: 16 }, () => 1),
  ),
  field(
    2,
    Array.from({ length: 8 }, () => 2),
  ),
];
const START = fixed64Field(7, BigInt(NOW_US) * 1000n);
const END = fixed64Field(8, BigInt(NOW_US) * 1000n + 17n);

describe('the span kernel', () => {
  test('is there: the build has made it', () => {
    expect(tryLoadSpanKernel()).toBeDefined();
  });

  test('gives what the plain way gives: random requests, also scrambled', () => {
    expectSame(bodiesOf(300, requestOf), 'request');
    expectSame(
      bodiesOf(300, (random) => scramble(random, messageType(TYPE), requestOf(random))),
      'scrambled',
    );
  });

  test('gives what the plain way gives: mutants', () => {
    expectSame(
      bodiesOf(4000, (random) => mutate(random, requestOf(random))),
      'mutant',
    );
  });

  test('gives what the plain way gives: every cut, and every byte of a span replaced', () => {
    const body = tracesOf('protobuf', GOOD_SPAN, { ...GOOD_SPAN, name: 'second' });
    expectSame(
      Array.from({ length: body.length }, (_, end) => body.subarray(0, end)),
      'cut',
    );
    expectSame(
      [...body.keys()].flatMap((at) =>
        [0x00, 0x7f, 0x80, 0xff, 0x12, 0x4a].map((value) => {
          const copy = body.slice();
          copy[at] = value;
          return copy;
        }),
      ),
      'replaced',
    );
  });

  test.each([
    { caption: 'the longest varint', extra: varintField(10, 0xffff_ffff_ffff_ffffn) },
    { caption: 'a varint of 11 bytes', extra: [0x50, ...Array(10).fill(0x80), 0x01] },
    { caption: 'an unknown field', extra: field(99, 'x') },
    { caption: 'a kind that is none', extra: varintField(6, 6) },
    { caption: 'an empty parent', extra: field(4, []) },
    { caption: 'a parent of 7 bytes', extra: field(4, [1, 2, 3, 4, 5, 6, 7]) },
    { caption: 'text that is not UTF-8', extra: field(5, [0xc3, 0x28]) },
    { caption: 'half a character at the end', extra: field(5, [0x61, 0xe4, 0xb8]) },
    { caption: 'the other half at the start of the next', extra: field(3, [0xad, 0x61]) },
    { caption: 'text with a zero', extra: field(5, [0x61, 0, 0x62]) },
    { caption: 'an int beyond 2^53', extra: field(9, field(2, varintField(3, 2n ** 53n))) },
    { caption: 'the largest safe int', extra: field(9, field(2, varintField(3, 2n ** 53n - 1n))) },
    {
      caption: 'a negative int',
      extra: field(9, field(2, varintField(3, -5n & (2n ** 64n - 1n)))),
    },
    { caption: 'an empty attribute', extra: field(9, []) },
    {
      caption: 'two values, the second empty',
      extra: field(9, [...field(2, field(1, 'a')), ...field(2, [])]),
    },
    { caption: 'an array', extra: field(9, [...field(1, 'k'), ...field(2, field(5, []))]) },
    { caption: 'an event out of time', extra: field(11, fixed64Field(1, 5n)) },
    { caption: 'a link', extra: field(13, []) },
    { caption: 'a group', extra: [0x4b, 0x4c] },
  ])('gives what the plain way gives: $caption', ({ extra }) => {
    const good = rawSpan(...IDS, START, END, field(5, 'good'));
    const odd = rawSpan(...IDS, START, END, extra);
    const both = Uint8Array.from([...good, ...odd, ...good]);
    expectSame([good, odd, both, odd, good], 'body');
  });

  test('gives what the plain way gives: times at their bounds', () => {
    const aheadUs = NOW_US + LIMITS.timeAheadUsMax;
    const starts = [0, LIMITS.timeUsMin - 1, LIMITS.timeUsMin, NOW_US, aheadUs, aheadUs + 1];
    const bodies = starts.flatMap((startUs) =>
      starts.map((endUs) =>
        rawSpan(
          ...IDS,
          fixed64Field(7, BigInt(startUs) * 1000n + 999n),
          fixed64Field(8, BigInt(endUs) * 1000n + 1n),
        ),
      ),
    );
    expectSame(bodies, 'times');
  });

  test('gives what the plain way gives: more texts than its dictionary holds', () => {
    const spans = Array.from({ length: 3000 }, (_, index) => ({
      ...GOOD_SPAN,
      name: `operation ${index}`,
      attributes: Array.from({ length: 8 }, (__, at) => ({
        key: `key ${at}`,
        value: { stringValue: `value ${index} of ${at}` },
      })),
    }));
    const body = tracesOf('protobuf', ...spans);
    expectSame([body, body], 'many texts');
    const long = { ...GOOD_SPAN, name: 'x'.repeat(40_000) };
    const longs = Array.from({ length: 40 }, (_, index) => ({
      ...GOOD_SPAN,
      name: `${index}${'y'.repeat(30_000)}`,
    }));
    expectSame([tracesOf('protobuf', GOOD_SPAN, long, ...longs, GOOD_SPAN)], 'long texts');
  });

  test('gives what the plain way gives: a span with more attributes than it takes', () => {
    const attributes = Array.from({ length: LIMITS.attributesPerItemMax + 2 }, (_, index) => ({
      key: `key ${index % 1000}`,
      value: { intValue: index },
    }));
    expectSame([tracesOf('protobuf', GOOD_SPAN, { ...GOOD_SPAN, attributes })], 'wide span');
  });

  test('leaves nothing of a request that failed to the next one', () => {
    const good = rawSpan(...IDS, START, END, field(5, 'good'));
    const broken = Uint8Array.from([...good, 0xff]);
    const empties = [
      new Uint8Array(0),
      Uint8Array.from(field(1, [])),
      Uint8Array.from(field(9, 'x')),
    ];
    expectSame([broken, ...empties, broken, good, ...empties], 'after a failure');
    const odd = rawSpan(...IDS, START, END, field(5, [0xc3, 0x28]));
    expectSame([Uint8Array.from([...good, ...odd]), ...empties, odd, ...empties], 'after text');
  });

  test('takes the whole of what the workloads send', () => {
    for (const workload of ['a', 'b'] as const) {
      const ring = new BodyRing({
        workload,
        encoding: 'protobuf',
        batchCount: 512,
        seed: 1,
        idSeed: 2,
        bodyCount: 4,
        isGzip: false,
        nowUs: () => NOW_US,
      });
      const bodies = Array.from({ length: 4 }, () => new Uint8Array(ring.take().bytes));
      expectSame(bodies, `workload ${workload}`);
    }
  });
});
