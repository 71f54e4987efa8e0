/** Whether a short list of values goes up, and how fast: Mann–Kendall and Theil–Sen, which single values do not move. */
import { quantileOfSorted } from '../base/statistics.ts';

export interface Trend {
  /** Of Mann–Kendall's test, normal under no trend. */
  readonly z: number;
  /** Per step; the median of the slopes of all pairs. */
  readonly slope: number;
  /** Interval of the slope, 95 %. */
  readonly slopeLow: number;
  readonly slopeHigh: number;
  /** By the slope, from the first to the last. */
  readonly rise: number;
}

const Z_95 = 1.96;
/** Of what lies between the first and the last value, in one step: more is a jump. */
const STEP_SHARE_MAX = 0.6;

/**
 * Mann (1945), Kendall (1975), with the correction for ties; slope and interval of Theil (1950) and Sen (1968). Values
 * stand one step apart, NaN where there is none. Undefined for fewer than four values. 1, 2, 3, 4, 5, 6: z 2.63.
 */
export function trendOf(values: ArrayLike<number>): Trend | undefined {
  const slopes: number[] = [];
  const known: number[] = [];
  let score = 0;
  for (let right = 0; right < values.length; right++) {
    const value = values[right]!;
    if (Number.isNaN(value)) continue;
    known.push(value);
    for (let left = 0; left < right; left++) {
      const step = value - values[left]!;
      if (Number.isNaN(step)) continue;
      slopes.push(step / (right - left));
      score += Math.sign(step);
    }
  }
  if (known.length < 4) return undefined;
  const sorted = Float64Array.from(slopes).sort();
  const variance = varianceOf(known);
  const reach = (Z_95 * Math.sqrt(variance)) / sorted.length / 2;
  const slope = quantileOfSorted(sorted, 0.5);
  return {
    // one less towards 0: the score moves in steps of two
    z: variance > 0 ? (score - Math.sign(score)) / Math.sqrt(variance) : 0,
    slope,
    slopeLow: quantileOfSorted(sorted, 0.5 - reach),
    slopeHigh: quantileOfSorted(sorted, 0.5 + reach),
    rise: slope * (values.length - 1),
  };
}

/** Does it go up step by step? A straight line through a jump forecasts what never comes. */
export function isGradual(values: ArrayLike<number>): boolean {
  const rise = values[values.length - 1]! - values[0]!;
  for (let at = 1; at < values.length; at++) {
    if (values[at]! - values[at - 1]! > STEP_SHARE_MAX * rise) return false;
  }
  return true;
}

/** Of the score of n values in no order: (n(n−1)(2n+5) − Σ t(t−1)(2t+5)) / 18 over groups of t equal ones. */
function varianceOf(values: readonly number[]): number {
  const groups = new Map<number, number>();
  for (const value of values) groups.set(value, (groups.get(value) ?? 0) + 1);
  const term = (size: number) => size * (size - 1) * (2 * size + 5);
  let sum = term(values.length);
  for (const size of groups.values()) sum -= term(size);
  return sum / 18;
}
