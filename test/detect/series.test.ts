import { describe, expect, it } from 'vitest';
import { Random } from '../../src/bench/random.ts';
import { ALARM_SURPRISE, judgeSeries, SERIES_EVIDENCE_WIDTH } from '../../src/detect/series.ts';
import type { SeriesDeviation } from '../../src/model/series.ts';

const normal = (random: Random) => Math.log(random.logNormal(1, 1));

function deviationOf(change: Partial<SeriesDeviation>): SeriesDeviation {
  return {
    expected: 0,
    errorScale: 1,
    error: 0,
    noise: 1,
    shift: 0,
    novelty: 0,
    octile: 4,
    excess: 0,
    rangeCount: 0,
    count: 0,
    ...change,
  };
}

/** A row that has seen so many unremarkable deviations. */
function calmRow(count: number, random: Random): Float32Array {
  const row = new Float32Array(SERIES_EVIDENCE_WIDTH);
  for (let index = 0; index < count; index++) {
    const value = normal(random);
    const octile = random.below(8);
    judgeSeries(
      row,
      deviationOf({ error: value, shift: value, novelty: value, octile, count: index }),
    );
  }
  return row;
}

describe('judgeSeries()', () => {
  it.each([
    ['one value far off', 1, { error: 40, shift: 40, novelty: 40, octile: 7 }],
    ['a small shift that stays', 24, { error: 2.5, shift: 2.5, novelty: 2.5, octile: 7 }],
    ['values that no longer vary', 60, { error: 0, shift: 0, novelty: 0, octile: 4 }],
  ])('finds %s', (_, times, change) => {
    const row = calmRow(2000, new Random(3));
    let most = 0;
    for (let index = 0; index < times; index++) {
      const evidence = judgeSeries(row, deviationOf({ ...change, count: 2000 + index }));
      most = Math.max(most, evidence.surprise);
    }
    expect(most).toBeGreaterThan(ALARM_SURPRISE);
  });

  it('knows how rare a new extreme is: as one of those remembered, and rarer the further it is', () => {
    const surpriseOf = (excess: number) => {
      const row = calmRow(2000, new Random(3));
      return judgeSeries(row, deviationOf({ excess, rangeCount: 999, count: 2000 })).surprise;
    };
    const rest = surpriseOf(0);
    const extremeOf = (excess: number) => Math.sqrt(surpriseOf(excess) ** 2 - rest ** 2);
    expect(extremeOf(0.02)).toBe(0); // by a hair
    expect(extremeOf(0.2)).toBeCloseTo(3 * 1.2, 5);
    expect(extremeOf(1)).toBeCloseTo(6, 5);
    expect(extremeOf(100)).toBeCloseTo(6, 5);
  });

  it('is less surprised by extremes the more of them a series brings', () => {
    const surprisesOf = (excess: number) => {
      const row = calmRow(2000, new Random(3));
      const change = deviationOf({ excess, rangeCount: 9999, count: 2000 });
      return Array.from({ length: 20 }, () => judgeSeries(row, change).surprise);
    };
    const rest = surprisesOf(0);
    const extremes = surprisesOf(0.25).map((all, index) => Math.sqrt(all ** 2 - rest[index]! ** 2));
    for (const [index, extreme] of extremes.entries()) {
      expect(extreme).toBeCloseTo(4 * 1.25 - Math.log10(1 + index / 2), 2);
    }
  });

  it('reports an episode once, however long it lasts', () => {
    const row = calmRow(2000, new Random(5));
    const news: number[] = [];
    for (let index = 0; index < 100; index++) {
      const change = { error: 30, shift: 30, novelty: 30, octile: 7, count: 2000 + index };
      news.push(judgeSeries(row, deviationOf(change)).news);
    }
    expect(news[0]).toBeGreaterThan(ALARM_SURPRISE);
    expect(news.slice(30).every((one) => one === 0)).toBe(true);
  });

  it('surprises nobody before it knows its noise', () => {
    const row = calmRow(60, new Random(7));
    const change = { error: 1000, shift: 1000, novelty: 1000, octile: 7, count: 60 };
    expect(judgeSeries(row, deviationOf(change)).surprise).toBe(0);
  });

  it('has a band that leaves out at most one error of a thousand, and is not twice as wide', () => {
    const random = new Random(9);
    const row = calmRow(5000, random);
    const { bandErrors } = judgeSeries(row, deviationOf({ count: 5000 }));
    const beyond = Array.from({ length: 50_000 }, () => Math.abs(normal(random))).filter(
      (error) => error > bandErrors,
    );
    expect(beyond.length).toBeLessThanOrEqual(50);
    expect(bandErrors).toBeLessThan(2 * 3.29);
  });

  it('tells the direction of a shift, and of a blip', () => {
    const row = calmRow(500, new Random(11));
    const down = { error: -30, shift: -30, novelty: -30, octile: 0, count: 500 };
    expect(judgeSeries(row, deviationOf(down)).direction).toBe('down');
  });
});
