/** When a service was in trouble: bad slots against good ones, with a history and without. */
import { describe, expect, it } from 'vitest';
import type { RequestSlots } from '../../src/hypothesise/metric-requests.ts';
import { changeOf, findSymptom } from '../../src/hypothesise/metric-symptom.ts';

function slotsOf(meanMs: readonly number[], failedPercent: readonly number[] = []): RequestSlots {
  const unknown = () => Float64Array.from(meanMs, () => Number.NaN);
  return {
    service: 'front',
    count: Float64Array.from(meanMs, () => 500),
    failedShare: Float64Array.from(meanMs, (_, slot) => (failedPercent[slot] ?? 0) / 100),
    latencyUs: {
      mean: Float64Array.from(meanMs, (ms) => 1000 * ms),
      p99: unknown(),
      p95: unknown(),
      p90: unknown(),
      p50: unknown(),
    },
    names: {},
  };
}

const HISTORY = slotsOf(Array.from({ length: 30 }, (_, slot) => 100 + (slot % 5)));

describe('findSymptom()', () => {
  it('finds the slots above the usual', () => {
    const found = findSymptom(slotsOf([101, 99, 150, 160, 103]), HISTORY, undefined);
    expect(found?.symptom).toEqual({ kind: 'latency', statistic: 'mean' });
    expect(found?.bad).toEqual([2, 3]);
    expect(found?.good).toEqual([0, 1, 4]);
  });

  it('finds failures where latency is as usual', () => {
    const found = findSymptom(slotsOf([101, 99, 100], [0, 4, 0]), HISTORY, undefined);
    expect(found?.symptom).toEqual({ kind: 'error' });
    expect(found?.bad).toEqual([1]);
  });

  it('looks at nothing but what was asked about', () => {
    const now = slotsOf([101, 99, 160], [0, 4, 0]);
    expect(findSymptom(now, HISTORY, 'latency')?.bad).toEqual([2]);
    expect(findSymptom(now, HISTORY, 'error')?.bad).toEqual([1]);
  });

  it('finds nothing in slots as usual unless somebody says that there is something', () => {
    const now = slotsOf([101, 99, 104]);
    expect(findSymptom(now, HISTORY, undefined)).toBeUndefined();
    expect(findSymptom(now, HISTORY, 'latency')?.bad).toEqual([2]);
  });

  it('divides at the widest gap when there is no history', () => {
    expect(findSymptom(slotsOf([99, 180, 190, 101]), undefined, 'latency')?.bad).toEqual([1, 2]);
  });
});

describe('changeOf()', () => {
  const slots = { symptom: { kind: 'latency', statistic: 'mean' }, bad: [1], good: [0] } as const;

  it('counts nothing that was as high in the good slots', () => {
    const lasting = changeOf(slotsOf([200, 200]), HISTORY, slots);
    expect(lasting.grown).toBe(0);
    expect(lasting.llr).toBe(0);
    expect(changeOf(slotsOf([102, 200]), HISTORY, slots).grown).toBeCloseTo(98_000, 6);
  });

  it('is less sure of one failed request than of many', () => {
    const at = { ...slots, symptom: { kind: 'error' } } as const;
    const [one, many] = [0.2, 5].map(
      (percent) => changeOf(slotsOf([100, 100], [0, percent]), HISTORY, at).llr,
    );
    expect(one).toBeGreaterThan(0);
    expect(one).toBeLessThan(6);
    expect(many).toBeGreaterThan(12);
  });
});
