/** Slow requests that come together are fewer witnesses than slow requests that come one by one. */
import { describe, expect, it } from 'vitest';
import { dispersionOf, StretchCounts, stretchOfTraces } from '../../src/hypothesise/dispersion.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { createRandom } from '../build/random.ts';
import { buildSpanTable } from '../build/span-table.ts';

function countsOf(hitsByStretch: readonly number[], total: number): StretchCounts {
  const counts = new StretchCounts();
  hitsByStretch.forEach((hits, stretch) => {
    for (let index = 0; index < total; index++) counts.add(stretch, index < hits);
  });
  return counts;
}

describe('dispersionOf()', () => {
  it('is 1 when the same share is slow all the time, or all are', () => {
    expect(dispersionOf([countsOf(new Array(12).fill(5), 20)])).toBe(1);
    expect(dispersionOf([countsOf(new Array(12).fill(20), 20)])).toBe(1);
  });

  it('is Pearson χ² over its degrees of freedom', () => {
    // 20 of 240 are slow, all in the first of 12 stretches: 20·(1 − p)²/p(1 − p) + 11·20·p²/p(1 − p), p = 1/12.
    const p = 1 / 12;
    const chiSquare = (20 * (1 - p) ** 2 + 11 * 20 * p * p) / (p * (1 - p));
    const hits = [20, ...new Array<number>(11).fill(0)];
    expect(dispersionOf([countsOf(hits, 20)])).toBeCloseTo(chiSquare / 11, 9);
  });

  it('is near 1 for slow requests by chance, in 500 draws', () => {
    const random = createRandom(5);
    const draws = Array.from({ length: 500 }, () => {
      const hits = Array.from({ length: 12 }, () =>
        Array.from({ length: 30 }, () => Number(random.next() < 0.2)).reduce((a, b) => a + b, 0),
      );
      return dispersionOf([countsOf(hits, 30)]);
    });
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    expect(mean).toBeGreaterThan(1);
    expect(mean).toBeLessThan(1.3);
  });

  it('says nothing of few slow requests, or of none', () => {
    expect(dispersionOf([countsOf([3, ...new Array<number>(11).fill(0)], 20)])).toBe(1);
    expect(dispersionOf([new StretchCounts()])).toBe(1);
    expect(dispersionOf([])).toBe(1);
  });
});

describe('stretchOfTraces()', () => {
  it('divides a period into twelve stretches by the begin of each trace', () => {
    const spans = Array.from({ length: 24 }, (_, index) => ({
      trace: String(index).padStart(2, '0'),
      id: 'root',
      service: 'a',
      operation: 'b',
      startUs: index * 1000,
      durationUs: 1_000_000,
    }));
    const table = buildSpanTable(new StringDictionary(), spans);
    const stretches = [...stretchOfTraces(table)];
    expect(stretches[0]).toBe(0);
    expect(stretches.at(-1)).toBe(11);
    expect(new Set(stretches).size).toBe(12);
    expect([...stretches].sort((a, b) => a - b)).toEqual(stretches);
  });

  it('knows one stretch when all begin at once', () => {
    const span = { id: 'r', service: 'a', operation: 'b', startUs: 5, durationUs: 1 };
    const table = buildSpanTable(new StringDictionary(), [
      { ...span, trace: '1' },
      { ...span, trace: '2' },
    ]);
    expect([...stretchOfTraces(table)]).toEqual([0, 0]);
  });
});
