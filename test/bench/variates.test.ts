import { describe, expect, it } from 'vitest';
import { Random } from '../../src/bench/random.ts';
import { SlowNoise, Variates } from '../../src/bench/variates.ts';

const DRAWS = 40_000;

describe('Variates', () => {
  // [what, draw, mean, variance]
  const cases: readonly (readonly [string, (v: Variates) => number, number, number])[] = [
    ['normal()', (v) => v.normal(), 0, 1],
    ['uniform()', (v) => v.uniform(2, 4), 3, 1 / 3],
    ['logUniform()', (v) => Math.log(v.logUniform(1, Math.E)), 0.5, 1 / 12],
    ['gamma() of shape 4', (v) => v.gamma(4), 1, 1 / 4],
    ['gamma() of shape 400', (v) => v.gamma(400), 1, 1 / 400],
    ['heavy() of 8 degrees of freedom', (v) => v.heavy(8), 0, 1],
    ['poisson() of a small mean', (v) => v.poisson(0.05), 0.05, 0.05],
    ['poisson() drawn exactly', (v) => v.poisson(12), 12, 12],
    ['poisson() by the normal approximation', (v) => v.poisson(200), 200, 200],
    ['binomial() of a rare hit', (v) => v.binomial(3, 0.01), 0.03, 0.0297],
    ['binomial() of a usual hit', (v) => v.binomial(20, 0.8), 16, 3.2],
    ['binomial() by the normal approximation', (v) => v.binomial(1000, 0.3), 300, 210],
  ];
  it.each(cases)('%s has its mean and variance', (_, draw, mean, variance) => {
    const variates = new Variates(new Random(7));
    const values = Array.from({ length: DRAWS }, () => draw(variates));
    const meanDrawn = values.reduce((sum, value) => sum + value, 0) / DRAWS;
    const squares = values.reduce((sum, value) => sum + (value - meanDrawn) ** 2, 0) / DRAWS;
    expect(Math.abs(meanDrawn - mean)).toBeLessThan(5 * Math.sqrt(variance / DRAWS));
    expect(squares / variance).toBeGreaterThan(0.9);
    expect(squares / variance).toBeLessThan(1.1);
  });

  it('binomial() stays within its trials', () => {
    const variates = new Variates(new Random(1));
    for (let drawn = 0; drawn < 1000; drawn++) {
      expect(variates.binomial(40, 0.5)).toBeLessThanOrEqual(40);
    }
    expect(variates.binomial(5, 0)).toBe(0);
    expect(variates.binomial(5, 1)).toBe(5);
    expect(variates.binomial(0, 0.5)).toBe(0);
  });
});

describe('Variates.heavy()', () => {
  // scaled to variance 1: t itself is sqrt(freedom / (freedom - 2)) times as large
  it.each([
    { freedom: 4, beyond: 3, share: 0.01324 },
    { freedom: 8, beyond: 3, share: 0.00855 },
  ])('has the tails of t with $freedom degrees of freedom', ({ freedom, beyond, share }) => {
    const variates = new Variates(new Random(13));
    const values = Array.from({ length: DRAWS }, () => variates.heavy(freedom));
    const drawn = values.filter((value) => Math.abs(value) > beyond).length / DRAWS;
    expect(Math.abs(drawn / share - 1)).toBeLessThan(0.2);
  });
});

describe('Variates.poisson()', () => {
  it.each([12, 18, 25])('has upper and lower tails as they should be at a mean of %i', (mean) => {
    const variates = new Variates(new Random(11));
    const counts = Array.from({ length: DRAWS }, () => variates.poisson(mean));
    const shareOf = (isIn: (count: number) => boolean) => counts.filter(isIn).length / DRAWS;
    let probability = Math.exp(-mean);
    const [low, high] = [mean - 2 * Math.sqrt(mean), mean + 2 * Math.sqrt(mean)];
    const exact = { low: 0, high: 0 };
    for (let count = 0; count < 100; count++) {
      if (count < low) exact.low += probability;
      if (count > high) exact.high += probability;
      probability *= mean / (count + 1);
    }
    expect(Math.abs(shareOf((count) => count < low) / exact.low - 1)).toBeLessThan(0.15);
    expect(Math.abs(shareOf((count) => count > high) / exact.high - 1)).toBeLessThan(0.15);
    expect(shareOf((count) => count > high)).toBeGreaterThan(shareOf((count) => count < low));
  });
});

describe('SlowNoise', () => {
  it('scatters as asked and forgets a third in its time', () => {
    const variates = new Variates(new Random(3));
    const noise = new SlowNoise({ sigma: 0.1, minutes: 10 }, variates);
    const values = Array.from({ length: DRAWS }, () => noise.next(variates));
    const lagged = (lag: number) =>
      values.slice(lag).reduce((sum, value, index) => sum + value * values[index]!, 0) /
      (values.length - lag);
    expect(Math.sqrt(lagged(0))).toBeCloseTo(0.1, 2);
    expect(lagged(10) / lagged(0)).toBeCloseTo(Math.exp(-1), 1);
  });
});
