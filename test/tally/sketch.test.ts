/** Latency sketch: bucket bounds, quantiles against sorted arrays, merging. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addToSketch,
  BUCKET_MAX,
  boundsOf,
  bucketOf,
  countAbove,
  countOf,
  emptySketch,
  mergeSketches,
  quantileOf,
  SketchBuilder,
} from '../../src/tally/sketch.ts';

/** Half a bucket: 2^(1/32) − 1 = 2.19 %. */
const RELATIVE_ERROR_MAX = 0.022;

const durations = fc.array(fc.double({ min: 1, max: 1e12, noNaN: true }), {
  minLength: 1,
  maxLength: 300,
});

function sketchOf(values: readonly number[]) {
  const builder = new SketchBuilder();
  for (const value of values) builder.add(value);
  return builder.build();
}

describe('bucketOf()', () => {
  test.each([
    { caption: 'negative', durationUs: -5, bucket: 0 },
    { caption: 'NaN', durationUs: Number.NaN, bucket: 0 },
    { caption: 'zero', durationUs: 0, bucket: 0 },
    { caption: 'just below 1 µs', durationUs: 0.999, bucket: 0 },
    { caption: '1 µs', durationUs: 1, bucket: 1 },
    { caption: 'one octave up', durationUs: 2, bucket: 17 },
    { caption: '1.024 ms', durationUs: 1024, bucket: 161 },
    { caption: 'just below an octave', durationUs: 2 - 1e-9, bucket: 16 },
    { caption: 'longer than 35 years', durationUs: 1e300, bucket: BUCKET_MAX },
    { caption: 'infinite', durationUs: Number.POSITIVE_INFINITY, bucket: BUCKET_MAX },
  ])('puts $caption into bucket $bucket', ({ durationUs, bucket }) => {
    expect(bucketOf(durationUs)).toBe(bucket);
  });

  test('and boundsOf() agree on every value', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (durationUs) => {
        const { low, high } = boundsOf(bucketOf(durationUs));
        expect(durationUs).toBeGreaterThanOrEqual(low);
        expect(durationUs).toBeLessThan(high);
      }),
    );
  });

  test('buckets touch and each is at most 4.5 % wide', () => {
    for (let bucket = 1; bucket < BUCKET_MAX; bucket++) {
      const { low, high } = boundsOf(bucket);
      expect(bucketOf(low)).toBe(bucket);
      expect(boundsOf(bucket + 1).low).toBe(high);
      expect(high / low).toBeLessThan(1.0445);
    }
  });
});

describe('quantileOf()', () => {
  test('is within 2.2 % of the nearest-rank quantile of the sorted values', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const sorted = [...values].sort((a, b) => a - b);
        const rank = Math.min(sorted.length, Math.max(1, Math.ceil(q * sorted.length)));
        const exact = sorted[rank - 1]!;
        const error = Math.abs(quantileOf(sketchOf(values), q) - exact) / exact;
        expect(error).toBeLessThanOrEqual(RELATIVE_ERROR_MAX);
      }),
    );
  });

  test('of nothing is NaN', () => {
    expect(quantileOf(emptySketch(), 0.5)).toBeNaN();
  });
});

describe('mergeSketches()', () => {
  test('equals one sketch of all values', () => {
    fc.assert(
      fc.property(durations, durations, (left, right) => {
        expect(mergeSketches(sketchOf(left), sketchOf(right))).toEqual(
          sketchOf([...left, ...right]),
        );
      }),
    );
  });

  test('keeps the other when one is empty', () => {
    const sketch = sketchOf([3, 700]);
    expect(mergeSketches(sketch, emptySketch())).toEqual(sketch);
    expect(mergeSketches(emptySketch(), sketch)).toEqual(sketch);
  });
});

test('addToSketch() adds observations in order of buckets', () => {
  const sketch = addToSketch(addToSketch(emptySketch(), 5000, 2), 10);
  expect(sketch).toEqual({ buckets: [bucketOf(10), bucketOf(5000)], counts: [1, 2] });
  expect(countOf(sketch)).toBe(3);
});

test('countAbove() counts the observations above, sharing the bucket in the middle', () => {
  const sketch = sketchOf([100, 1000, 1000, 1_000_000]);
  expect(countAbove(sketch, 500)).toBe(3);
  expect(countAbove(sketch, 1e9)).toBe(0);
  expect(countAbove(sketch, 0)).toBe(4);
  const { low, high } = boundsOf(bucketOf(1000));
  expect(countAbove(sketch, (low + high) / 2)).toBeCloseTo(2, 6);
});

test('SketchBuilder keeps counts when it widens to both sides', () => {
  const values = [1000, 10, 1e9, 0, 1000, 0.5];
  const sketch = sketchOf(values);
  expect(countOf(sketch)).toBe(values.length);
  expect(sketch.buckets).toEqual([...sketch.buckets].sort((a, b) => a - b));
  expect(sketch.counts[sketch.buckets.indexOf(bucketOf(1000))]).toBe(2);
});
