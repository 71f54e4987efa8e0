import { describe, expect, it } from 'vitest';
import { Random } from '../../src/bench/random.ts';
import { learnTail, TAIL_WIDTH, tailBound, tailSurprise } from '../../src/detect/tail.ts';

/** |values| of a normal distribution. */
function normals(seed: number, count: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => Math.abs(Math.log(random.logNormal(1, 1))));
}

function tailOf(statistics: readonly number[]): Float32Array {
  const tail = new Float32Array(TAIL_WIDTH);
  for (const statistic of statistics) learnTail(tail, statistic);
  return tail;
}

describe('tailSurprise()', () => {
  it.each([0.1, 0.03, 0.01])('is the empirical share where it was often seen: %s', (share) => {
    const history = normals(3, 4000);
    const bound = [...history].sort((a, b) => b - a)[Math.round(share * history.length)]!;
    const surprise = tailSurprise(tailOf(history), bound);
    // A bin is half an octave wide, and inside it values are taken to lie evenly.
    expect(Math.abs(surprise + Math.log10(share))).toBeLessThan(0.3);
  });

  it('does not fall as the statistic grows', () => {
    const tail = tailOf(normals(5, 500));
    let previous = 0;
    for (let statistic = 0; statistic < 300; statistic += 0.1) {
      const surprise = tailSurprise(tail, statistic);
      expect(surprise).toBeGreaterThanOrEqual(previous - 0.35);
      previous = Math.max(previous, surprise);
    }
    expect(previous).toBeGreaterThan(4);
  });

  it('finds the same value less surprising after a heavy tail than after a light one', () => {
    const light = normals(7, 2000);
    const heavy = light.map((value) => value ** 3);
    expect(tailSurprise(tailOf(heavy), 12)).toBeLessThan(tailSurprise(tailOf(light), 12) - 1);
  });

  it('says nothing without history, and little after few values', () => {
    expect(tailSurprise(new Float32Array(TAIL_WIDTH), 100)).toBe(0);
    expect(tailSurprise(tailOf([1, 1, 1]), 1)).toBeLessThan(0.6);
  });

  it('finds what was always 0 surprising once it is not', () => {
    expect(tailSurprise(tailOf(new Array(500).fill(0)), 10)).toBeGreaterThan(3);
  });

  it('has a history of bounded weight', () => {
    const tail = tailOf(normals(9, 40_000));
    expect(tail[0]).toBeLessThanOrEqual(8192);
    expect(tail.slice(1).reduce((sum, held) => sum + held, 0)).toBeCloseTo(tail[0]!, 0);
  });
});

describe('tailBound()', () => {
  it.each([1, 2, 3, 4])('is where the surprise is reached: %s', (surprise) => {
    const tail = tailOf(normals(11, 3000));
    const bound = tailBound(tail, surprise);
    expect(tailSurprise(tail, bound)).toBeGreaterThanOrEqual(surprise);
    expect(tailSurprise(tail, bound * 0.9)).toBeLessThan(surprise);
  });
});
