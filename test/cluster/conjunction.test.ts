/** The rate of false discoveries against the textbook's own wording. */
import { describe, expect, it } from 'vitest';
import { falseDiscoveryRates } from '../../src/cluster/conjunction.ts';
import { createRandom } from '../build/random.ts';

/** The smallest α at which Benjamini and Hochberg's procedure rejects the p-value, among `tests`. */
function rateByDefinition(pValues: readonly number[], place: number, tests: number): number {
  const sorted = [...pValues].sort((a, b) => a - b);
  const candidates = sorted.map((pValue, at) => ({ pValue, rate: (pValue * tests) / (at + 1) }));
  const rates = candidates
    .filter(({ pValue }) => pValue >= pValues[place]!)
    .map(({ rate }) => rate);
  return Math.min(1, ...rates);
}

describe('falseDiscoveryRates()', () => {
  it('is what the definition says, for any p-values', () => {
    const random = createRandom(1);
    for (let draw = 0; draw < 50; draw++) {
      const pValues = Array.from({ length: 1 + (draw % 9) }, () => random.next() ** 4);
      const rates = falseDiscoveryRates(pValues, 20);
      rates.forEach((rate, place) => {
        expect(rate).toBeCloseTo(rateByDefinition(pValues, place, 20), 12);
      });
    }
  });

  it('of nothing is nothing', () => {
    expect(falseDiscoveryRates([], 10)).toEqual([]);
  });
});
