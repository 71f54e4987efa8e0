/** Places that are slower together, though each has too few spans to tell. */
import { describe, expect, it } from 'vitest';
import { delayOf, growthOf, usualShareOf } from '../../src/hypothesise/growth.ts';
import type { Place } from '../../src/hypothesise/place.ts';

/** A place whose spans took so many milliseconds in the window and before, in one context. */
function place(nowMs: readonly number[], beforeMs: readonly number[]): Place {
  const us = (values: readonly number[]) => Float64Array.from(values, (ms) => ms * 1000).sort();
  const median = [...beforeMs].sort((a, b) => a - b)[beforeMs.length >> 1] ?? 0;
  return {
    kind: 'way',
    service: 'web',
    operation: 'call',
    callee: 'stock',
    serviceId: 1,
    operationId: 1,
    operationCount: 1,
    count: nowMs.length,
    strata: [{ now: us(nowMs), before: us(beforeMs) }],
    growth: undefined,
    boundUs: undefined,
    usualUs: median * 1000,
    excessUs: nowMs.reduce((sum, ms) => sum + Math.max(0, ms - median) * 1000, 0),
    dispersion: 1,
    excessErrorUs: 0,
  };
}

const QUIET = place(
  Array.from({ length: 500 }, (_, index) => 2 + (index % 5) / 10),
  Array.from({ length: 500 }, (_, index) => 2 + (index % 5) / 10),
);

describe('growthOf()', () => {
  const first = place([800, 900], [3]);
  const second = place([700], [2]);
  const usual = usualShareOf([QUIET, first, second]);

  it('is surer of two places together than of each alone', () => {
    const together = growthOf([first, second], usual);
    expect(together).toBeGreaterThan(growthOf([first], usual));
    expect(together).toBeGreaterThan(growthOf([second], usual));
    expect(together).toBeGreaterThan(5);
  });

  it('is less sure where such delays are usual elsewhere', () => {
    const jumpy = place(
      [2],
      Array.from({ length: 500 }, (_, index) => (index % 4 === 0 ? 900 : 2)),
    );
    const elsewhere = usualShareOf([jumpy, first, second]);
    expect(growthOf([first, second], elsewhere)).toBeLessThan(growthOf([first, second], usual) / 2);
  });

  it('finds no growth where nothing is slower, or nothing is known', () => {
    expect(growthOf([{ ...QUIET, excessUs: 0 }], usual)).toBe(0);
    expect(growthOf([{ ...first, strata: [] }], usual)).toBe(0);
    expect(growthOf([], usual)).toBe(0);
  });
});

describe('usualShareOf()', () => {
  it('is the share of reference times so far beyond their median, half a time more on both sides', () => {
    const share = usualShareOf([place([2], [2, 2, 2, 2, 2, 2, 2, 2, 50])]);
    expect(share(10_000)).toBeCloseTo(1.5 / 10, 9);
    expect(share(100_000)).toBeCloseTo(0.5 / 10, 9);
  });
});

describe('delayOf()', () => {
  it('is the extra time for each span', () => {
    expect(delayOf(place([5, 7], [2]))).toBe(4000);
  });
});
