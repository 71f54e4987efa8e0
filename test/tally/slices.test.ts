/** Slices of endpoints: what is counted, from when on, and within which bounds. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { Random } from '../../src/bench/random.ts';
import { SpanColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { SliceDimension } from '../../src/model/slice.ts';
import { ALL_OPERATIONS, endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { SPAN_KIND, STAGES, type Stage } from '../../src/model/vocabulary.ts';
import { bucketOf, countOf } from '../../src/tally/sketch.ts';
import { isAtDoor } from '../../src/tally/slices.ts';
import { TallyBuilder } from '../../src/tally/tally.ts';

const T0 = 1_800_000_000_000_000 - (1_800_000_000_000_000 % US_PER_MINUTE);
const KEY = { bot: 'coze.bot.id', version: 'service.version', channel: 'coze.channel' } as const;
type DoorDimension = keyof typeof KEY;
const DIMENSIONS = Object.keys(KEY) as readonly DoorDimension[]; // its own keys

interface SpanRow {
  readonly service?: string;
  readonly name?: string;
  readonly startUs?: number;
  readonly durationUs?: number;
  readonly isError?: boolean;
  readonly stage?: Stage;
  readonly kind?: number;
  readonly flags?: number;
  readonly hasParent?: boolean;
  /** Where each value stands. */
  readonly own?: Partial<Record<DoorDimension, string>>;
  readonly derived?: Partial<Record<DoorDimension, string>>;
  readonly resource?: Partial<Record<DoorDimension, string>>;
}

function spansOf(rows: readonly SpanRow[], strings = new StringDictionary()): SpanColumns {
  const columns = new SpanColumns(strings);
  const entries = (values: SpanRow['own'] = {}) =>
    DIMENSIONS.flatMap((dimension) => {
      const value = values[dimension];
      if (value === undefined) return [];
      const [key, id] = [strings.idOfString(KEY[dimension]), strings.idOfString(value)];
      return [{ key, type: VALUE_TYPE.string, value: id }];
    });
  for (const item of rows) {
    const row = columns.addRow();
    columns.service[row] = strings.idOfString(item.service ?? 'gateway');
    columns.name[row] = strings.idOfString(item.name ?? 'POST /chat');
    columns.startUs[row] = item.startUs ?? T0;
    columns.durationNs[row] = (item.durationUs ?? 1000) * 1000;
    columns.isError[row] = item.isError ? 1 : 0;
    columns.stage[row] = STAGES.indexOf(item.stage ?? 'other');
    columns.kind[row] = item.kind ?? SPAN_KIND.server;
    columns.flags[row] = item.flags ?? 0;
    if (item.hasParent) columns.parentSpanId[8 * row + 7] = 1;
    for (const { key, type, value } of entries(item.own)) columns.attributes.push(key, type, value);
    for (const { key, type, value } of entries(item.derived)) {
      columns.derived.push(key, type, value);
    }
    columns.derivedEnd[row] = columns.derived.count;
    columns.resource[row] = columns.resources.length;
    columns.resources.push({
      attributes: entries(item.resource),
      droppedAttributesCount: 0,
      schemaUrl: 0,
    });
    columns.endRow(row);
  }
  return columns;
}

function count(builder: TallyBuilder, rows: readonly SpanRow[]): readonly Tally[] {
  const columns = spansOf(rows);
  builder.addSpans(columns, 0, columns.count);
  return builder.take().tallies;
}

function slicesOf(tallies: readonly Tally[], dimension: SliceDimension): Record<string, number> {
  const ofDimension = tallies.filter(({ endpoint }) => endpoint.slice?.dimension === dimension);
  return Object.fromEntries(
    ofDimension.map(({ endpoint, count }) => [endpoint.slice?.value, count]),
  );
}

function randomRow(random: Random): SpanRow {
  const values = (share: number): NonNullable<SpanRow['own']> =>
    Object.fromEntries(
      DIMENSIONS.filter(() => random.chance(share)).map((dimension) => [
        dimension,
        `${dimension} ${random.below(3)}`,
      ]),
    );
  return {
    service: `s${random.below(2)}`,
    name: `GET /${random.below(2)}`,
    startUs: T0 + random.below(3) * US_PER_MINUTE,
    durationUs: 1 + random.below(1_000_000),
    isError: random.below(4) === 0,
    stage: STAGES[random.below(STAGES.length)]!,
    kind: random.below(6),
    flags: random.below(2) === 0 ? 0 : 0x300,
    hasParent: random.below(2) === 0,
    own: values(0.3),
    derived: values(0.2),
    resource: values(0.3),
  };
}

interface SlowSlice {
  readonly service: string;
  readonly operation: string;
  readonly dimension: SliceDimension;
  readonly value: string;
}

/** Counts the obvious way, a span after the other. */
class SlowCounter {
  readonly #seen = new Map<string, Set<string>>();

  count(rows: readonly SpanRow[]): readonly string[] {
    const lines: string[] = [];
    for (const row of rows) {
      for (const slice of this.#slicesOf(row)) {
        const family = JSON.stringify([slice.service, slice.operation, slice.dimension]);
        const seen = this.#seen.get(family) ?? new Set();
        this.#seen.set(family, seen.add(slice.value));
        if (slice.dimension !== 'stage' && seen.size < 2) continue;
        lines.push(lineOf(slice, row));
      }
    }
    return sumLines(lines);
  }

  #slicesOf(row: SpanRow): readonly SlowSlice[] {
    const [service, operation] = [row.service!, row.name!];
    const isServed = row.kind === SPAN_KIND.server || row.kind === SPAN_KIND.consumer;
    const atDoor = isServed || row.flags === 0x300 || !row.hasParent;
    const doors = DIMENSIONS.flatMap((dimension): readonly SlowSlice[] => {
      const value = row.derived?.[dimension] ?? row.own?.[dimension] ?? row.resource?.[dimension];
      return atDoor && value !== undefined ? [{ service, operation, dimension, value }] : [];
    });
    const stage = { service, operation: ALL_OPERATIONS, dimension: 'stage' } as const;
    return row.stage === 'other' ? doors : [...doors, { ...stage, value: row.stage! }];
  }
}

function lineOf({ service, operation, dimension, value }: SlowSlice, row: SpanRow): string {
  const id = endpointIdOf(service, operation, { slice: { dimension, value } });
  const minute = Math.floor(row.startUs! / US_PER_MINUTE);
  return `${minute} ${id} ${operation} ${dimension}=${value} ${row.isError} ${bucketOf(row.durationUs!)}`;
}

/** Lines without the outcome, with counts. */
function sumLines(lines: readonly string[]): readonly string[] {
  const sums = new Map<string, { count: number; errors: number; buckets: string[] }>();
  for (const line of lines) {
    const [, name = '', isError, bucket = ''] = /^(.*) (true|false) (\d+)$/.exec(line) ?? [];
    const sum = sums.get(name) ?? { count: 0, errors: 0, buckets: [] };
    sums.set(name, sum);
    sum.count++;
    sum.errors += isError === 'true' ? 1 : 0;
    sum.buckets.push(bucket);
  }
  return [...sums]
    .map(([name, { count, errors, buckets }]) => {
      const sorted = buckets.sort((a, b) => Number(a) - Number(b));
      return `${name}: ${count} ${errors} ${sorted.join()}`;
    })
    .sort();
}

function linesOfTallies(tallies: readonly Tally[]): readonly string[] {
  return tallies
    .flatMap(({ endpoint, minuteUs, count, errorCount, sketch }) => {
      const { slice, endpointId, operation } = endpoint;
      if (slice === undefined) return [];
      const buckets = sketch.buckets.flatMap((bucket, index) =>
        Array<number>(sketch.counts[index]!).fill(bucket),
      );
      const name = `${minuteUs / US_PER_MINUTE} ${endpointId} ${operation} ${slice.dimension}=${slice.value}`;
      return [`${name}: ${count} ${errorCount} ${buckets.join()}`];
    })
    .sort();
}

describe('slices', () => {
  test.each([1, 2, 3])('equal those of a slow counter over random groups (seed %i)', (seed) => {
    const random = new Random(seed);
    const builder = new TallyBuilder();
    const slow = new SlowCounter();
    for (let group = 0; group < 20; group++) {
      const rows = Array.from({ length: random.below(60) }, () => randomRow(random));
      const tallies = count(builder, rows);
      expect(linesOfTallies(tallies)).toEqual(slow.count(rows));
      for (const tally of tallies) expect(countOf(tally.sketch)).toBe(tally.count);
    }
  });

  test('are counted from the second value on: the only one would be the endpoint again', () => {
    const builder = new TallyBuilder();
    const [a, b] = [{ own: { bot: 'a' } }, { own: { bot: 'b' } }];
    expect(slicesOf(count(builder, [a, a, a]), 'bot')).toEqual({});
    expect(slicesOf(count(builder, [a, b, a, a]), 'bot')).toEqual({ a: 2, b: 1 });
    expect(slicesOf(count(builder, [a]), 'bot')).toEqual({ a: 1 });
  });

  test('end when all values but one were not seen for an hour', () => {
    const clock = { us: T0, nowUs: () => clock.us };
    const builder = new TallyBuilder({ clock });
    const [a, b] = [{ resource: { version: '1' } }, { resource: { version: '2' } }];
    count(builder, [a, b]);
    clock.us += LIMITS.endpointIdleUs - US_PER_MINUTE;
    expect(slicesOf(count(builder, [b]), 'version')).toEqual({ '2': 1 });
    clock.us += US_PER_MINUTE;
    count(builder, []);
    expect(slicesOf(count(builder, [b]), 'version')).toEqual({});
    expect(slicesOf(count(builder, [a]), 'version')).toEqual({ '1': 1 });
  });

  test('of a stage sum up its operations', () => {
    const tallies = count(new TallyBuilder(), [
      { name: 'chat', stage: 'llm', durationUs: 10, isError: true },
      { name: 'embed', stage: 'llm', durationUs: 20 },
      { name: 'embed', stage: 'knowledge' },
      { name: 'run', stage: 'other' },
    ]);
    const llm = tallies.find(({ endpoint }) => endpoint.slice?.value === 'llm');
    expect(llm).toMatchObject({
      endpoint: { operation: ALL_OPERATIONS, stage: 'llm' },
      count: 2,
      errorCount: 1,
      sketch: { buckets: [bucketOf(10), bucketOf(20)], counts: [1, 1] },
    });
    expect(slicesOf(tallies, 'stage')).toEqual({ llm: 2, knowledge: 1 });
  });
});

describe('bounds of slices', () => {
  const rowsOf = (length: number, row: (index: number) => SpanRow) =>
    Array.from({ length }, (_, index) => row(index));

  test('of one service and dimension; what is beyond is counted, and makes room after an hour', () => {
    const clock = { us: T0, nowUs: () => clock.us };
    const builder = new TallyBuilder({ clock });
    const bots = rowsOf(LIMITS.slicesPerServiceMax + 5, (bot) => ({ own: { bot: `b${bot}` } }));
    expect(Object.keys(slicesOf(count(builder, bots), 'bot'))).toHaveLength(
      LIMITS.slicesPerServiceMax - 1, // the first one was the only one
    );
    expect(builder.sliceOverflowCount).toBe(5);
    const others = ['x', 'y'].map((bot) => ({ service: 'other', own: { bot } }));
    expect(slicesOf(count(builder, others), 'bot')).toEqual({ y: 1 });
    const late = ['x', 'y'].map((bot) => ({ own: { bot } }));
    clock.us += LIMITS.endpointIdleUs;
    expect(slicesOf(count(builder, late), 'bot')).toEqual({});
    expect(slicesOf(count(builder, late), 'bot')).toEqual({ y: 1 });
  });

  test('of all services', () => {
    const builder = new TallyBuilder();
    const rows = rowsOf(LIMITS.slicesMax + 100, (index) => ({
      service: `s${index % 50}`,
      own: { bot: `b${index}` },
    }));
    expect(Object.keys(slicesOf(count(builder, rows), 'bot'))).toHaveLength(LIMITS.slicesMax - 50);
    expect(builder.sliceOverflowCount).toBe(100);
  });

  test('of the length of a value', () => {
    const builder = new TallyBuilder();
    const long = 'x'.repeat(LIMITS.sliceValueCharsMax);
    const rows = ['a', long, `${long}x`].map((bot) => ({ own: { bot } }));
    expect(slicesOf(count(builder, rows), 'bot')).toEqual({ [long]: 1 });
    expect(builder.sliceOverflowCount).toBe(1);
  });
});

test.each([
  { caption: 'a server span', row: { kind: SPAN_KIND.server, hasParent: true }, isInside: true },
  { caption: 'a consumer', row: { kind: SPAN_KIND.consumer, hasParent: true }, isInside: true },
  { caption: 'a root', row: { kind: SPAN_KIND.internal }, isInside: true },
  {
    caption: 'a span with a remote parent',
    row: { kind: SPAN_KIND.internal, hasParent: true, flags: 0x301 },
    isInside: true,
  },
  {
    caption: 'a span with a parent of its process',
    row: { kind: SPAN_KIND.internal, hasParent: true, flags: 0x101 },
    isInside: false,
  },
  {
    caption: 'a flag without the other that gives it meaning',
    row: { kind: SPAN_KIND.client, hasParent: true, flags: 0x200 },
    isInside: false,
  },
])('isAtDoor() of $caption is $isInside', ({ row, isInside }) => {
  expect(isAtDoor(spansOf([row]), 0)).toBe(isInside);
});
