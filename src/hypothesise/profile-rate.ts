/** How much of something profiles count a second, or at a time, and whether it is more than it was. */

import { US_PER_SECOND } from '../base/time.ts';
import type { Profile } from '../model/profiles.ts';

export interface ProfileRate {
  /** In the profile's unit; a second where the profile has a length. */
  readonly rate: number;
  readonly samples: number;
}

/** Nothing for a profile without samples: it may be one of a process that was not looked at. */
export function rateOf({ functions, durationUs }: Profile): ProfileRate[] {
  let [value, samples] = [0, 0];
  for (const one of functions) {
    value += one.value;
    samples += one.count;
  }
  if (value <= 0 || samples <= 0) return [];
  return [{ rate: durationUs > 0 ? (value * US_PER_SECOND) / durationUs : value, samples }];
}

export interface RateGrowth {
  /** Two means of the logarithms against one, of unknown variance. */
  readonly llr: number;
  /** Geometric means. */
  readonly now: number;
  readonly before: number;
  readonly interval: readonly [low: number, high: number];
}

/** One profile says nothing about how rates vary: each period needs two. */
const PROFILES_MIN = 2;

/**
 * Undefined where it is not more. Rates vary by factors, so their logarithms are compared; and rates are never taken
 * for steadier than counts of so many samples can be (variance of the logarithm: 1 / samples). Six profiles each, twice
 * the rate, ± 20 %: t = 0.69 / (0.2 √(2/6)) = 6.0, llr = 6 ln(1 + 36 / 10) = 9.2.
 */
export function compareRates(
  now: readonly ProfileRate[],
  before: readonly ProfileRate[],
): RateGrowth | undefined {
  if (now.length < PROFILES_MIN || before.length < PROFILES_MIN) return undefined;
  const [a, b] = [momentsOf(now), momentsOf(before)];
  const total = now.length + before.length;
  const freedom = total - 2;
  const floor = (a.noise * now.length + b.noise * before.length) / total;
  const variance = Math.max((a.squares + b.squares) / freedom, floor);
  const rise = a.mean - b.mean;
  if (rise <= 0) return undefined;
  const t2 = rise ** 2 / (variance * (1 / now.length + 1 / before.length));
  const half = 1.96 * Math.sqrt(variance / now.length);
  return {
    llr: (total / 2) * Math.log1p(t2 / freedom),
    now: Math.exp(a.mean),
    before: Math.exp(b.mean),
    interval: [Math.exp(a.mean - half), Math.exp(a.mean + half)],
  };
}

/** Mean of the logarithms, squares of the deviations from it, and mean variance that counting alone makes. */
function momentsOf(rates: readonly ProfileRate[]) {
  const logs = rates.map(({ rate }) => Math.log(rate));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const squares = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  const noise = rates.reduce((sum, { samples }) => sum + 1 / samples, 0) / rates.length;
  return { mean, squares, noise };
}
