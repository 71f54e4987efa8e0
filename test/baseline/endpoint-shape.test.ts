import { describe, expect, test } from 'vitest';
import { densityOf, makeMonotone, refreshLikelihoods } from '../../src/baseline/endpoint-shape.ts';
import { Random } from '../../src/bench/random.ts';
import {
  ENDPOINT_ROW_WIDTH,
  LATENCY_BINS,
  LATENCY_CHANGES,
  ROW,
} from '../../src/model/endpoint-row.ts';

/** Min-max formula of isotonic regression (Barlow et al. 1972): O(n³), plain. */
function slowMonotone(values: readonly number[], weights: readonly number[]): number[] {
  const meanOf = (from: number, to: number) => {
    let sum = 0;
    let mass = 0;
    for (let index = from; index <= to; index++) {
      sum += values[index]! * weights[index]!;
      mass += weights[index]!;
    }
    return sum / mass;
  };
  return values.map((_, at) => {
    let best = Number.NEGATIVE_INFINITY;
    for (let from = 0; from <= at; from++) {
      let least = Number.POSITIVE_INFINITY;
      for (let to = at; to < values.length; to++) least = Math.min(least, meanOf(from, to));
      best = Math.max(best, least);
    }
    return best;
  });
}

function rowOfTwoHeaps(seed: number): Float32Array {
  const random = new Random(seed);
  const row = new Float32Array(ENDPOINT_ROW_WIDTH);
  for (let drawn = 0; drawn < 5000; drawn++) {
    const heap = random.chance(0.3) ? 4 : 13;
    row[ROW.latencyReference + heap + random.below(3) + random.below(3)]! += 1;
  }
  return row;
}

describe('makeMonotone()', () => {
  test('equals the min-max formula on random values', () => {
    const random = new Random(7);
    for (let round = 0; round < 50; round++) {
      const values = Array.from({ length: 12 }, () => random.below(1000) / 100);
      const weights = Array.from({ length: 12 }, () => 1 + random.below(20));
      const made = Float64Array.from(values);
      makeMonotone(made, Float64Array.from(weights));
      const slow = slowMonotone(values, weights);
      for (let index = 0; index < 12; index++) expect(made[index]).toBeCloseTo(slow[index]!, 9);
    }
  });
});

describe('densityOf()', () => {
  test('of nothing is the general shape, of much is what was seen', () => {
    const none = new Float32Array(ENDPOINT_ROW_WIDTH);
    const general = densityOf(none, none);
    expect(general.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 2);
    const row = rowOfTwoHeaps(1);
    const own = densityOf(row, none);
    expect(own[6]! + own[15]!).toBeGreaterThan(3 * (general[6]! + general[15]!) * 0.5);
    expect(own[10]).toBeLessThan(0.05);
  });
});

describe('refreshLikelihoods()', () => {
  test('what is usual is no evidence, and slower requests are never less of it', () => {
    const row = rowOfTwoHeaps(3);
    refreshLikelihoods(row, { service: new Float32Array(ENDPOINT_ROW_WIDTH), slack: 3 });
    const reference = row.subarray(ROW.latencyReference, ROW.latencyReference + LATENCY_BINS);
    const total = reference.reduce((sum, requests) => sum + requests, 0);
    for (let change = 0; change < LATENCY_CHANGES; change++) {
      const at = ROW.latencyLlr + change * LATENCY_BINS;
      const llr = row.subarray(at, at + LATENCY_BINS);
      const mean = llr.reduce((sum, value, bin) => sum + (value * reference[bin]!) / total, 0);
      expect(mean).toBeLessThan(-0.001);
      const sign = change === LATENCY_CHANGES - 1 ? -1 : 1;
      for (let bin = 1; bin < LATENCY_BINS; bin++) {
        expect(sign * (llr[bin]! - llr[bin - 1]!)).toBeGreaterThanOrEqual(-1e-6);
      }
    }
  });
});
