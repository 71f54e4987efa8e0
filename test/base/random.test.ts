import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';

it('createRandom() gives the same numbers for the same seed, in [0, 1), evenly', () => {
  const [random, again] = [createRandom(7), createRandom(7)];
  const values = Array.from({ length: 10_000 }, random);
  expect(values.slice(0, 100)).toEqual(Array.from({ length: 100 }, again));
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.015); // five standard errors: 5 / √(12 · 10 000)
});
