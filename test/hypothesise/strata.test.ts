/** Times of two periods compared context by context. */
import { describe, expect, it } from 'vitest';
import { delayLlr, findStratifiedCut } from '../../src/hypothesise/strata.ts';
import { createRandom } from '../build/random.ts';

/** Times in µs that scatter around a mean of so many milliseconds, ascending. */
function around(ms: number, options: { readonly count: number; readonly seed: number }) {
  const random = createRandom(options.seed);
  return Float64Array.from(
    { length: options.count },
    () => ms * 1000 * Math.exp(0.2 * random.normal()),
  ).sort();
}

describe('findStratifiedCut()', () => {
  it('finds nothing when only the mix of the contexts changed', () => {
    const cut = findStratifiedCut([
      { now: around(2, { count: 20, seed: 1 }), before: around(2, { count: 180, seed: 2 }) },
      { now: around(50, { count: 180, seed: 3 }), before: around(50, { count: 20, seed: 4 }) },
    ]);
    expect(cut?.llr ?? 0).toBeLessThan(2);
  });

  it('finds a delay that hits one of two contexts', () => {
    const cut = findStratifiedCut([
      { now: around(30, { count: 60, seed: 1 }), before: around(2, { count: 60, seed: 2 }) },
      { now: around(50, { count: 60, seed: 3 }), before: around(50, { count: 60, seed: 4 }) },
    ]);
    expect(cut?.llr).toBeGreaterThan(15);
    expect(cut?.window.hits).toBeGreaterThanOrEqual(60);
    expect(cut?.window.total).toBe(120);
  });

  it('finds no shift that nobody would notice, however sure it is', () => {
    const before = around(0.1, { count: 5000, seed: 1 });
    const now = before.map((us) => us + 500);
    expect(findStratifiedCut([{ now, before }])).toBeUndefined();
  });

  it('stands on the effective number of values of unequal strata', () => {
    const cut = findStratifiedCut([
      { now: around(30, { count: 50, seed: 1 }), before: around(2, { count: 40, seed: 2 }) },
      { now: around(30, { count: 50, seed: 3 }), before: around(2, { count: 10, seed: 4 }) },
    ]);
    expect(cut?.reference.total).toBeCloseTo(32, 6);
  });

  it('counts values that stand for two contexts once', () => {
    const before = around(2, { count: 10, seed: 1 });
    const cut = findStratifiedCut([
      { now: around(30, { count: 3, seed: 2 }), before },
      { now: around(30, { count: 3, seed: 3 }), before },
    ]);
    expect(cut?.reference.total).toBeCloseTo(10, 6);
  });

  it('finds nothing in nothing', () => {
    expect(findStratifiedCut([])).toBeUndefined();
    expect(
      findStratifiedCut([{ now: new Float64Array(0), before: Float64Array.of(1) }]),
    ).toBeUndefined();
  });
});

describe('delayLlr()', () => {
  const DELAY = { delayUs: 900_000, usualShare: 1 / 3000 };
  const slow = Float64Array.of(2_000_000, 2_010_000, 2_020_000, 2_030_000);

  it('is the worked number: 4 delays in 4 calls after none in 9', () => {
    const strata = [{ now: slow, before: around(3, { count: 9, seed: 1 }) }];
    expect(delayLlr(strata, DELAY)).toBeCloseTo(14.4, 1);
  });

  it('is less for a way that was slow at times before, and nothing for one that always was', () => {
    const mixed = Float64Array.of(...around(3, { count: 8, seed: 1 }), 2_000_000);
    const before = delayLlr([{ now: slow, before: mixed }], DELAY);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(8);
    expect(delayLlr([{ now: slow, before: slow }], DELAY)).toBe(0);
  });

  it('takes the times of others for what is usual, not for values of its own', () => {
    const before = around(3, { count: 500, seed: 1 });
    const foreign = delayLlr([{ now: slow, before, isForeign: true }], DELAY);
    expect(foreign).toBeGreaterThan(3);
    expect(foreign).toBeLessThan(delayLlr([{ now: slow, before }], DELAY));
  });

  it('is nothing when delays are as frequent as among the others', () => {
    const now = around(3, { count: 200, seed: 2 });
    const before = around(3, { count: 200, seed: 1 });
    expect(delayLlr([{ now, before }], DELAY)).toBe(0);
  });
});
