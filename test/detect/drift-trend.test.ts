import { describe, expect, it } from 'vitest';
import { isGradual, trendOf } from '../../src/detect/drift-trend.ts';
import { createRandom } from '../build/random.ts';

describe('trendOf()', () => {
  it('gives 2.63 and a slope of 1 for six values that rise by 1', () => {
    const trend = trendOf([1, 2, 3, 4, 5, 6]);
    expect(trend?.z).toBeCloseTo(14 / Math.sqrt(85 / 3), 9);
    expect(trend).toMatchObject({ slope: 1, slopeLow: 1, slopeHigh: 1, rise: 5 });
  });

  it('gives no trend to equal values, and none at all for three', () => {
    expect(trendOf([3, 3, 3, 3, 3])?.z).toBe(0);
    expect(trendOf([1, 2, Number.NaN, 3])).toBeUndefined();
  });

  it.each([1, 2, 3, 4])('has the z of the exact variance under no trend (seed %i)', (seed) => {
    const random = createRandom(seed);
    const zs = Array.from({ length: 4000 }, () => {
      // few distinct values: ties
      const values = Array.from({ length: 12 }, () => Math.floor(6 * random.next()));
      return trendOf(values)!.z; // twelve values
    });
    const variance = zs.reduce((sum, z) => sum + z * z, 0) / zs.length;
    expect(variance).toBeGreaterThan(0.85);
    expect(variance).toBeLessThan(1.05);
  });

  it.each([1, 2, 3, 4])(
    'covers the true slope with its interval 19 times in 20 (seed %i)',
    (seed) => {
      const random = createRandom(seed);
      let covered = 0;
      for (let run = 0; run < 1000; run++) {
        const values = Array.from({ length: 24 }, (_, index) => 0.5 * index + 3 * random.normal());
        const { slopeLow, slopeHigh } = trendOf(values)!; // 24 values
        if (slopeLow <= 0.5 && slopeHigh >= 0.5) covered++;
      }
      expect(covered).toBeGreaterThan(925);
      expect(covered).toBeLessThan(980);
    },
  );

  it('is not moved by a single value, nor by a hole', () => {
    const values = [1, 2, 3, 400, 5, Number.NaN, 7, 8, 9, 10];
    expect(trendOf(values)?.slope).toBeCloseTo(1, 1);
  });
});

describe('isGradual()', () => {
  it('refuses what came in one step', () => {
    expect(isGradual([1, 2, 3, 4])).toBe(true);
    expect(isGradual([1, 1, 4, 4])).toBe(false);
  });
});
