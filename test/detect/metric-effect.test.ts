import { describe, expect, test } from 'vitest';
import { type Measured, minimalEffect } from '../../src/detect/metric-effect.ts';

const level = (unit: string, kind = 'gauge'): Measured => ({ unit, measure: 'level', kind });
const rate = (unit: string, kind = 'sum'): Measured => ({ unit, measure: 'rate', kind });

describe('minimalEffect()', () => {
  test.each([
    { caption: 'ten points of a share', of: level('1'), effect: 0.1 },
    { caption: 'ten per cent', of: level('%'), effect: 10 },
    { caption: 'bytes', of: level('By'), effect: 32 * 1024 * 1024 },
    {
      caption: 'a quantile of seconds',
      of: { ...rate('s', 'histogram'), measure: 'p99' } as const,
      effect: 0.02,
    },
    { caption: 'things that are counted', of: level('{connection}'), effect: 5 },
    { caption: 'things that are counted, by a unit of one', of: level('1{thread}'), effect: 5 },
    { caption: 'things that have no unit', of: level(''), effect: 5 },
    { caption: 'things a second', of: rate('{request}'), effect: 0.5 },
    { caption: 'bytes a second', of: rate('By'), effect: 1024 * 1024 },
    { caption: 'seconds a second', of: rate('s'), effect: 0.1 },
    {
      caption: 'observations a second, whatever they measure',
      of: rate('s', 'histogram'),
      effect: 0.5,
    },
  ])('of $caption is $effect', ({ of, effect }) => {
    expect(minimalEffect(of)).toBe(effect);
  });

  test('of a unit that nobody knows is nothing: its range alone decides', () => {
    expect(minimalEffect(level('Cel'))).toBe(0);
  });

  test.each([
    ['s', 'ms', 1000],
    ['ms', 'us', 1000],
    ['us', 'ns', 1000],
    ['MiBy', 'KiBy', 1024],
    ['KiBy', 'By', 1024],
    ['1', '%', 100],
  ] as const)('is the same in %s and in %s', (large, small, factor) => {
    expect(minimalEffect(level(small))).toBeCloseTo(factor * minimalEffect(level(large)), 9);
  });

  test.each([
    ['s', 'ms', 1000],
    ['s', 'us', 1_000_000],
    ['s', 'ns', 1_000_000_000],
    ['By', 'KiBy', 1 / 1024],
    ['By', 'MiBy', 1 / 1024 ** 2],
  ] as const)('of a rate is the same in %s and in %s', (one, other, factor) => {
    expect(minimalEffect(rate(other))).toBeCloseTo(factor * minimalEffect(rate(one)), 9);
  });
});
