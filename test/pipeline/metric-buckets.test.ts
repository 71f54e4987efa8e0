import { describe, expect, it } from 'vitest';
import {
  addBuckets,
  type Buckets,
  explicitBuckets,
  exponentialBuckets,
  quantileOfBuckets,
  subtractBuckets,
} from '../../src/pipeline/metric-buckets.ts';
import { pointColumns } from '../build/points.ts';
import { createRandom } from '../build/random.ts';

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function explicitOf(values: readonly number[]): Buckets {
  const counts = [...BOUNDS, Number.POSITIVE_INFINITY].map(
    (bound, index) =>
      values.filter((value) => value <= bound && value > (BOUNDS[index - 1] ?? -1)).length,
  );
  const buckets = [...BOUNDS, ...counts];
  const columns = pointColumns([{ kind: 'histogram', points: [{ timeUs: 1, value: 0, buckets }] }]);
  return explicitBuckets(columns, 0, undefined)!; // it has bounds
}

/** Bucket by bucket as the specification describes it. */
function exponentialOf(values: readonly number[], scale: number): Buckets {
  const indexes = values
    .filter((value) => value > 0)
    .map((value) => Math.ceil(Math.log2(value) * 2 ** scale) - 1);
  const offset = indexes.length === 0 ? 0 : Math.min(...indexes);
  const size = indexes.length === 0 ? 0 : Math.max(...indexes) - offset + 1;
  const counts = Array.from(
    { length: size },
    (_, at) => indexes.filter((index) => index === offset + at).length,
  );
  const zeros = values.length - indexes.length;
  const buckets = [scale, zeros, 0, offset, size, ...counts, 0, 0];
  const columns = pointColumns([
    { kind: 'exponentialHistogram', points: [{ timeUs: 1, value: 0, buckets }] },
  ]);
  return exponentialBuckets(columns, 0)!; // it has a header
}

function drawValues(seed: number, count: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () =>
    random.next() < 0.02 ? 0 : Math.exp(random.normal() - 2),
  );
}

const sizeOf = ({ counts }: Buckets) => counts.reduce((sum, count) => sum + count, 0);
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

describe('quantileOfBuckets()', () => {
  it.each(seeds)('lies in the bucket of the true quantile (seed %i)', (seed) => {
    const values = drawValues(seed, 500).sort((a, b) => a - b);
    for (const q of [0.1, 0.5, 0.9, 0.99]) {
      const truth = values[Math.ceil(q * values.length) - 1]!;
      const high = BOUNDS.find((bound) => truth <= bound) ?? 10;
      const low = BOUNDS[BOUNDS.indexOf(high) - 1] ?? 0;
      const found = quantileOfBuckets(explicitOf(values), q);
      expect(found).toBeGreaterThanOrEqual(low);
      expect(found).toBeLessThanOrEqual(high);
      const exponential = quantileOfBuckets(exponentialOf(values, 3), q);
      expect(Math.abs(Math.log2(exponential / truth))).toBeLessThanOrEqual(2 ** -3 + 1e-9);
    }
  });

  const columnsOf = (buckets: readonly number[]) =>
    explicitBuckets(
      pointColumns([{ kind: 'histogram', points: [{ timeUs: 1, value: 0, buckets }] }]),
      0,
      undefined,
    )!; // all have bounds
  it.each([
    { caption: 'half of one bucket', buckets: [1, 2, 0, 10, 0], q: 0.5, value: 1.5 },
    { caption: 'the first bucket begins at 0', buckets: [4, 10, 0], q: 0.25, value: 1 },
    { caption: 'beyond the highest bound is that bound', buckets: [4, 0, 10], q: 0.5, value: 4 },
    {
      caption: 'a first bound below 0 is the lowest value',
      buckets: [-2, 10, 0],
      q: 0.5,
      value: -2,
    },
    { caption: 'nothing', buckets: [1, 2, 0, 0, 0], q: 0.5, value: Number.NaN },
  ])('$caption', ({ buckets, q, value }) => {
    expect(quantileOfBuckets(columnsOf(buckets), q)).toBe(value);
  });
});

describe('subtractBuckets() and addBuckets()', () => {
  it.each(seeds)('undo each other, also between scales (seed %i)', (seed) => {
    const [old, fresh] = [drawValues(seed, 300), drawValues(seed + 100, 200)];
    for (const [before, after] of [
      [explicitOf(old), explicitOf([...old, ...fresh])],
      [exponentialOf(old, 4), exponentialOf([...old, ...fresh], 2)],
    ] as const) {
      const since = subtractBuckets(after, before)!; // of one kind
      const truth = after.scale === undefined ? explicitOf(fresh) : exponentialOf(fresh, 2);
      expect(sizeOf(since)).toBe(200);
      for (const q of [0.1, 0.5, 0.99]) {
        expect(quantileOfBuckets(since, q)).toBeCloseTo(quantileOfBuckets(truth, q), 9);
      }
      expect(sizeOf(addBuckets(since, before)!)).toBe(500);
    }
  });

  it('find nothing in common between other bounds, other kinds, or buckets worlds apart', () => {
    const explicit = explicitOf([1]);
    const others: readonly Buckets[] = [
      { ...explicit, bounds: explicit.bounds.map((bound) => 2 * bound) },
      exponentialOf([1], 2),
    ];
    for (const other of others) expect(subtractBuckets(explicit, other)).toBeUndefined();
    const far = { ...exponentialOf([1], 2), offset: 2 ** 31 };
    expect(addBuckets(exponentialOf([1], 2), far)).toBeUndefined();
  });
});
