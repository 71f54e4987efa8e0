/** Rates of profiles: what counts as more. */
import { describe, expect, it } from 'vitest';
import { compareRates, rateOf } from '../../src/hypothesise/profile-rate.ts';
import { profileOf } from '../build/profiles.ts';

const rates = (...all: readonly number[]) => all.map((rate) => ({ rate, samples: 1000 }));

describe('compareRates()', () => {
  it('agrees with the worked example', () => {
    // Logarithms spread by 0.2 around their mean: ± 0.2 √(10 / 12) for each of twelve.
    const spread = Math.exp(0.2 * Math.sqrt(10 / 12));
    const before = rates(1 / spread, spread, 1 / spread, spread, 1 / spread, spread);
    const now = before.map(({ rate, samples }) => ({ rate: 2 * rate, samples }));
    const growth = compareRates(now, before);
    expect(growth?.llr).toBeCloseTo(9.2, 1);
    expect(growth?.now).toBeCloseTo(2);
    expect(growth?.before).toBeCloseTo(1);
  });

  it.each([
    ['one profile in the window', rates(9), rates(1, 1)],
    ['one profile before', rates(9, 9), rates(1)],
    ['less than before', rates(1, 1), rates(2, 2)],
  ])('says nothing of %s', (_, now, before) => {
    expect(compareRates(now, before)).toBeUndefined();
  });

  it('never takes rates for steadier than counts of so many samples', () => {
    const few = (rate: number) => ({ rate, samples: 4 });
    const growth = compareRates([few(1.2), few(1.2)], [few(1), few(1)]);
    expect(growth?.llr).toBeLessThan(0.3);
  });
});

describe('rateOf()', () => {
  const literal = { service: 'bot', unit: 'bytes', fromUs: 1, self: { a: 30, b: 50 } };
  it.each([
    ['a second, of a profile with a length', { ...literal, durationUs: 2_000_000 }, 40],
    ['as it is, of a picture of one moment', { ...literal, durationUs: 0 }, 80],
  ])('counts %s', (_, profile, rate) => {
    expect(rateOf(profileOf(profile))).toEqual([{ rate, samples: 80 }]);
  });

  it('gives none for a profile without samples', () => {
    expect(rateOf(profileOf({ ...literal, self: {} }))).toEqual([]);
  });
});
