/** Properties against slow obvious versions, and single worked numbers. */
import fc from 'fast-check';
import { median, medianAbsoluteDeviation, quantileSorted } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import {
  chiSquareTail,
  countAboveSorted,
  deviationLlr,
  findHighCut,
  fisherExact,
  medianOf,
  quantileOfSorted,
  robustSigmaOf,
  shareLlr,
  softmax,
  sortedCopy,
  twoRateLlr,
  twoShareLlr,
  wilsonBounds,
} from '../../src/base/statistics.ts';

const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), {
  minLength: 1,
  maxLength: 50,
});
const share = fc
  .tuple(fc.nat(60), fc.nat(60))
  .map(([hits, misses]) => ({ hits, total: hits + misses + 1 }));

describe('order statistics', () => {
  it('medianOf() and robustSigmaOf() agree with simple-statistics', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        expect(medianOf(values)).toBeCloseTo(median(values), 6);
        expect(robustSigmaOf(values)).toBeCloseTo(1.4826 * medianAbsoluteDeviation(values), 6);
      }),
    );
  });

  it('quantileOfSorted() stays between neighbours, ends at the extremes and never falls', () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const sorted = sortedCopy(values);
        const value = quantileOfSorted(sorted, q);
        expect(value).toBeGreaterThanOrEqual(sorted[0]!);
        expect(value).toBeLessThanOrEqual(sorted.at(-1)!);
        expect(quantileOfSorted(sorted, Math.min(1, q + 0.1))).toBeGreaterThanOrEqual(value);
      }),
    );
    expect(quantileOfSorted([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantileSorted([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantileOfSorted([7], 0.99)).toBe(7);
    expect(quantileOfSorted([], 0.5)).toBeNaN();
  });

  it('countAboveSorted() counts what a filter counts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 })),
        fc.integer({ min: -1, max: 10 }),
        (values, bound) => {
          expect(countAboveSorted(sortedCopy(values), bound)).toBe(
            values.filter((value) => value > bound).length,
          );
        },
      ),
    );
  });
});

describe('likelihood ratios', () => {
  it('shareLlr() is the difference of two binomial log-likelihoods', () => {
    fc.assert(
      fc.property(
        share,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        ({ hits, total }, expected) => {
          const ln = (p: number) =>
            (hits === 0 ? 0 : hits * Math.log(p)) +
            (hits === total ? 0 : (total - hits) * Math.log(1 - p));
          expect(shareLlr({ hits, total }, expected)).toBeCloseTo(
            ln(hits / total) - ln(expected),
            6,
          );
        },
      ),
    );
    expect(shareLlr({ hits: 5, total: 10 }, 0.1)).toBeCloseTo(5.108, 3);
    expect(shareLlr({ hits: 0, total: 0 }, 0.1)).toBe(0);
  });

  it('twoShareLlr() is symmetric, never negative, 0 for equal shares, and grows with the data', () => {
    fc.assert(
      fc.property(share, share, (a, b) => {
        expect(twoShareLlr(a, b)).toBeGreaterThanOrEqual(0);
        expect(twoShareLlr(a, b)).toBeCloseTo(twoShareLlr(b, a), 9);
        const doubled = (s: typeof a) => ({ hits: 2 * s.hits, total: 2 * s.total });
        expect(twoShareLlr(doubled(a), doubled(b))).toBeCloseTo(2 * twoShareLlr(a, b), 6);
      }),
    );
    expect(twoShareLlr({ hits: 1, total: 10 }, { hits: 10, total: 100 })).toBeCloseTo(0, 9);
  });

  it('twoRateLlr() compares rates, not counts', () => {
    const same = twoRateLlr({ events: 10, exposure: 1 }, { events: 100, exposure: 10 });
    const burst = twoRateLlr({ events: 10, exposure: 1 }, { events: 10, exposure: 10 });
    expect(same).toBeCloseTo(0, 9);
    expect(burst).toBeCloseTo(10 * Math.log(5.5) + 10 * Math.log(0.55), 6);
    expect(twoRateLlr({ events: 0, exposure: 1 }, { events: 0, exposure: 1 })).toBe(0);
    expect(twoRateLlr({ events: 5, exposure: 0 }, { events: 5, exposure: 1 })).toBe(0);
  });

  it('deviationLlr() is near z²/2 for small z and tame for huge z', () => {
    expect(deviationLlr(0.5, 100)).toBeCloseTo(0.126, 2);
    expect(deviationLlr(1000, 4)).toBeLessThan(40);
    expect(deviationLlr(Number.NaN, 4)).toBe(0);
    expect(deviationLlr(Number.POSITIVE_INFINITY, 4)).toBe(0);
  });
});

describe('fisherExact()', () => {
  it('agrees with counting all tables by products of integers', () => {
    const choose = (n: number, k: number): number => {
      let result = 1;
      for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
      return result;
    };
    const slow = ({ a, b, c, d }: { a: number; b: number; c: number; d: number }): number => {
      const [row, column, total] = [a + b, a + c, a + b + c + d];
      const weight = (x: number) => choose(row, x) * choose(total - row, column - x);
      let sum = 0;
      for (let x = Math.max(0, row + column - total); x <= Math.min(row, column); x++) {
        if (weight(x) <= weight(a) * (1 + 1e-7)) sum += weight(x);
      }
      return sum / choose(total, column);
    };
    const cell = fc.nat(12);
    fc.assert(
      fc.property(cell, cell, cell, cell, (a, b, c, d) => {
        expect(fisherExact({ a, b, c, d })).toBeCloseTo(Math.min(1, slow({ a, b, c, d })), 8);
      }),
    );
  });

  it('gives the p-value of the tea-tasting lady and stays finite for large tables', () => {
    expect(fisherExact({ a: 3, b: 1, c: 1, d: 3 })).toBeCloseTo(0.4857, 4);
    expect(fisherExact({ a: 0, b: 0, c: 0, d: 0 })).toBe(1);
    const p = fisherExact({ a: 900, b: 100, c: 100, d: 90_000 });
    expect(p).toBeGreaterThanOrEqual(0);
    expect(p).toBeLessThan(1e-100);
  });
});

describe('wilsonBounds()', () => {
  it('holds the ratio, stays within 0 and 1, and narrows with more data', () => {
    fc.assert(
      fc.property(share, ({ hits, total }) => {
        const { low, high } = wilsonBounds({ hits, total }, 1.96);
        expect(low).toBeLessThanOrEqual(hits / total + 1e-9);
        expect(high).toBeGreaterThanOrEqual(hits / total - 1e-9);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        const more = wilsonBounds({ hits: 10 * hits, total: 10 * total }, 1.96);
        expect(more.high - more.low).toBeLessThanOrEqual(high - low);
      }),
    );
    expect(wilsonBounds({ hits: 0, total: 10 }, 1.96).high).toBeCloseTo(0.2775, 3);
    expect(wilsonBounds({ hits: 0, total: 0 }, 1.96)).toEqual({ low: 0, high: 1 });
  });
});

describe('chiSquareTail()', () => {
  // Quantiles of the usual tables.
  it.each([
    { x: 3.841459, degreesOfFreedom: 1, tail: 0.05, tolerance: 1e-5 },
    { x: 10.827566, degreesOfFreedom: 1, tail: 0.001, tolerance: 1e-5 },
    { x: 5.991, degreesOfFreedom: 2, tail: 0.05, tolerance: 0.03 },
    { x: 18.307, degreesOfFreedom: 10, tail: 0.05, tolerance: 0.01 },
    { x: 29.588, degreesOfFreedom: 10, tail: 0.001, tolerance: 0.07 },
  ])('is $tail of $x with $degreesOfFreedom degrees of freedom', (one) => {
    const { x, degreesOfFreedom, tail, tolerance } = one;
    expect(Math.abs(chiSquareTail(x, degreesOfFreedom) / tail - 1)).toBeLessThan(tolerance);
  });

  it('is 1 of nothing and falls with x', () => {
    expect(chiSquareTail(0, 3)).toBe(1);
    expect(chiSquareTail(50, 3)).toBeLessThan(chiSquareTail(40, 3));
  });
});

describe('softmax()', () => {
  it('sums to one, keeps the order and survives huge scores', () => {
    const scores = fc.array(fc.integer({ min: -100_000, max: 100_000 }), { minLength: 1 });
    fc.assert(
      fc.property(scores, (values) => {
        const shares = softmax(values);
        expect(shares.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9);
        expect(shares[values.indexOf(Math.max(...values))]).toBe(Math.max(...shares));
      }),
    );
    expect(softmax([0, Math.log(3)])[1]).toBeCloseTo(0.75, 9);
  });
});

describe('findHighCut()', () => {
  const options = { minFactor: 1.25, minExcess: 1 };
  const line = (from: number, to: number) =>
    Float64Array.from({ length: to - from }, (_, index) => from + index);

  it('finds a slow tenth behind a bound that the reference hardly passes', () => {
    const reference = line(100, 200);
    const window = Float64Array.from([...line(100, 190), ...line(1000, 1010)]);
    const cut = findHighCut(window, reference, options);
    expect(cut?.window.hits).toBe(10);
    expect(cut?.reference.hits).toBe(0);
    expect(cut?.llr).toBeGreaterThan(3);
  });

  it('puts the bound into the gap, so that a chance value above the reference is not high', () => {
    const window = Float64Array.from([...line(100, 190), 205, ...line(1000, 1030)]);
    const cut = findHighCut(window, line(100, 200), options);
    expect(cut?.bound).toBeGreaterThan(205);
    expect(cut?.window.hits).toBe(30);
  });

  it.each([
    { name: 'the same values', window: line(100, 200) },
    { name: 'lower values', window: line(10, 60) },
    { name: 'no values', window: new Float64Array(0) },
  ])('finds nothing clear in $name', ({ window }) => {
    expect(findHighCut(window, line(100, 200), options)?.llr ?? 0).toBeLessThan(1);
  });

  it('is not fooled by a reference that has the same slow tail', () => {
    const tailed = Float64Array.from([...line(100, 190), ...line(1000, 1010)]);
    expect(findHighCut(tailed, tailed, options)?.llr ?? 0).toBeLessThan(1);
  });
});
