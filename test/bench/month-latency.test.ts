import { describe, expect, it } from 'vitest';
import {
  buildLatencyShape,
  type LatencyMixture,
  type LatencyShift,
  SketchDrawer,
  UPPER_SHARE,
} from '../../src/bench/month-latency.ts';
import { Random } from '../../src/bench/random.ts';
import { Variates } from '../../src/bench/variates.ts';
import type { LatencySketch } from '../../src/model/tally.ts';
import { countOf, emptySketch, mergeSketches, quantileOf } from '../../src/tally/sketch.ts';

const PLAIN: LatencyMixture = {
  medianUs: 100_000,
  sigma: 0.5,
  otherShare: 0,
  otherFactor: 1,
  otherSigma: 0.3,
  tailShare: 0,
  tailAlpha: 2,
};
const USUAL: LatencyShift = { all: 0, upper: 0, upperShare: UPPER_SHARE };

/** `requests` in all, `count` a minute. */
function drawn(options: {
  readonly mixture?: LatencyMixture;
  readonly shift?: LatencyShift;
  readonly count: number;
  readonly requests?: number;
}): LatencySketch {
  const { mixture = PLAIN, shift = USUAL, count, requests = 200_000 } = options;
  const variates = new Variates(new Random(5));
  const shape = buildLatencyShape(mixture);
  const drawer = new SketchDrawer();
  let merged = emptySketch();
  for (let done = 0; done < requests; done += count) {
    merged = mergeSketches(merged, drawer.draw(shape, { count, shift, variates }));
  }
  return merged;
}

describe('SketchDrawer.draw()', () => {
  it.each([
    ['one by one', 20],
    ['by binomials', 4000],
  ])('gives the quantiles of a lognormal distribution %s', (_, count) => {
    const sketch = drawn({ count });
    expect(countOf(sketch)).toBe(200_000);
    // Φ⁻¹ of 0.5, 0.9, 0.99
    for (const [q, z] of [
      [0.5, 0],
      [0.9, 1.2816],
      [0.99, 2.3263],
    ] as const) {
      expect(quantileOf(sketch, q) / (100_000 * Math.exp(0.5 * z))).toBeCloseTo(1, 1);
    }
  });

  it('has a heavy tail when asked for one', () => {
    const sketch = drawn({ count: 4000, mixture: { ...PLAIN, tailShare: 0.02, tailAlpha: 1.5 } });
    // a tenth of the tail's 2 % is beyond 1.5 × 10^(1/1.5) medians
    expect(quantileOf(sketch, 0.998) / (100_000 * 1.5 * 10 ** (1 / 1.5))).toBeCloseTo(1, 0);
    expect(quantileOf(sketch, 0.998)).toBeGreaterThan(2 * quantileOf(drawn({ count: 4000 }), 0.99));
  });

  it.each([20, 4000])('slows down all requests, %i a minute', (count) => {
    const sketch = drawn({ count, shift: { ...USUAL, all: Math.log(1.7) } });
    expect(quantileOf(sketch, 0.5) / 170_000).toBeCloseTo(1, 1);
    expect(quantileOf(sketch, 0.99) / (170_000 * Math.exp(0.5 * 2.3263))).toBeCloseTo(1, 1);
  });

  it('slows down the slowest tenth alone', () => {
    const sketch = drawn({ count: 4000, shift: { ...USUAL, upper: Math.log(4) } });
    expect(quantileOf(sketch, 0.5) / 100_000).toBeCloseTo(1, 1);
    expect(quantileOf(sketch, 0.99) / (400_000 * Math.exp(0.5 * 2.3263))).toBeCloseTo(1, 1);
  });

  it('gives sorted buckets without empty ones', () => {
    const { buckets, counts } = drawn({ count: 100, requests: 100 });
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});
