import { describe, expect, it } from 'vitest';
import { quantileOfSorted, sortedCopy } from '../../src/base/statistics.ts';
import { US_PER_DAY, US_PER_MINUTE } from '../../src/base/time.ts';
import { compareSeries, learnSeries, SERIES_MODEL_WIDTH } from '../../src/baseline/series.ts';
import { Random } from '../../src/bench/random.ts';
import type { SeriesDeviation } from '../../src/model/series.ts';

/** A Monday. */
const START_US = Date.UTC(2026, 0, 5) * 1000;

/** Feeds values every five minutes; gives what each was compared with. */
function feed(count: number, valueAt: (index: number) => number) {
  const row = new Float32Array(SERIES_MODEL_WIDTH);
  const deviations: SeriesDeviation[] = [];
  for (let index = 0; index < count; index++) {
    const point = { timeUs: timeUsOf(index), value: valueAt(index) };
    const deviation = compareSeries(row, point);
    learnSeries(row, point, deviation);
    deviations.push(deviation);
  }
  return { row, deviations };
}

function timeUsOf(index: number): number {
  return START_US + index * 5 * US_PER_MINUTE;
}

const normal = (random: Random) => Math.log(random.logNormal(1, 1));

describe('compareSeries()', () => {
  it('starts with the first value as what is expected', () => {
    const { deviations } = feed(1, () => 42);
    expect(deviations[0]).toMatchObject({ expected: 42, error: 0, shift: 0, count: 0 });
  });

  it.each([
    ['normal', (random: Random) => 100 + 10 * normal(random)],
    ['log-normal', (random: Random) => random.logNormal(50, 0.7)],
    ['uniform', (random: Random) => random.below(1000)],
  ])('puts an eighth of %s values into each octile, as a sorted history would', (_, draw) => {
    const random = new Random(11);
    const values = Array.from({ length: 6000 }, () => draw(random));
    const { row, deviations } = feed(values.length, (index) => values[index] ?? 0);
    const shares = new Array<number>(8).fill(0);
    for (const { octile } of deviations.slice(2000)) shares[octile]! += 1 / 4000;
    for (const share of shares) expect(Math.abs(share - 1 / 8)).toBeLessThan(0.03);
    // The median as the novelty's zero: a value there is not novel.
    const median = quantileOfSorted(sortedCopy(values), 0.5);
    const atMedian = compareSeries(row, { timeUs: timeUsOf(6000), value: median });
    expect(Math.abs(atMedian.novelty)).toBeLessThan(0.1);
  });

  it('knows the mean absolute error of its predictions, as a slow count does', () => {
    const random = new Random(13);
    const { deviations } = feed(3000, () => 100 + 10 * normal(random));
    const errors = deviations.slice(1000).map(({ error, errorScale }) => error * errorScale);
    const mean = errors.reduce((sum, error) => sum + Math.abs(error), 0) / errors.length;
    const scales = deviations.slice(1000).map(({ errorScale }) => errorScale);
    const meanScale = scales.reduce((sum, scale) => sum + scale, 0) / scales.length;
    expect(Math.abs(meanScale / mean - 1)).toBeLessThan(0.05);
  });

  it('predicts by the time of day when that is best', () => {
    const day = US_PER_DAY / (5 * US_PER_MINUTE);
    const random = new Random(17);
    // High and low by the half hour: neither the last value nor an average sees the next step.
    const valueAt = (index: number) =>
      (Math.floor((index % day) / 6) % 2 === 0 ? 100 : 20) + 15 * normal(random);
    const { deviations } = feed(day * 5, valueAt);
    const start = day * 4 + 6;
    expect(Math.abs((deviations[start]?.expected ?? 0) - 20)).toBeLessThan(15);
    expect(Math.abs((deviations[start + 6]?.expected ?? 0) - 100)).toBeLessThan(15);
  });

  it('keeps weekends apart from workdays, and takes the one for the other until it is known', () => {
    const day = 288;
    const random = new Random(19);
    const valueAt = (index: number) => {
      const weekday = Math.floor(index / day) % 7; // 0 is the Monday of the start
      const hour = (index % day) / 12;
      const height = weekday >= 5 ? 30 : 100;
      return (hour >= 9 && hour < 17 ? height : 10) + 2 * normal(random);
    };
    const { deviations } = feed(day * 14, valueAt);
    const shiftAt = (dayIndex: number) => deviations[dayIndex * day + 109]?.shift ?? 0; // 09:05
    expect(shiftAt(5)).toBeLessThan(-5);
    expect(Math.abs(shiftAt(12))).toBeLessThan(5);
    expect(Math.abs(shiftAt(11))).toBeLessThan(5);
  });

  it('says how far beyond all values so far one lies, as a share of their range', () => {
    const random = new Random(29);
    const values = Array.from({ length: 2000 }, () => 50 + 20 * normal(random));
    const { deviations } = feed(values.length, (index) => values[index] ?? 0);
    for (let index = 10; index < values.length; index++) {
      const [low, high] = [Math.min, Math.max].map((of) => of(...values.slice(0, index)));
      const value = values[index] ?? 0;
      const excess = Math.max(0, value - (high ?? 0), (low ?? 0) - value);
      expect(deviations[index]?.excess).toBeCloseTo(excess / ((high ?? 0) - (low ?? 0)), 5);
      expect(deviations[index]?.rangeCount).toBe(index);
    }
  });

  it('forgets an extreme of two memories ago, not one of the last memory', () => {
    const memory = 8192;
    const { deviations } = feed(2 * memory + 3, (index) =>
      index === 5 || index > 2 * memory || index === memory ? 100 : index % 10,
    );
    expect(deviations[memory]?.excess).toBe(0);
    const { deviations: later } = feed(2 * memory + 3, (index) =>
      index === 5 || index > 2 * memory ? 100 : index % 10,
    );
    expect(later[2 * memory + 1]?.excess).toBeCloseTo((100 - 9) / 9, 5);
  });

  it('takes no rounding for an extreme', () => {
    const { deviations } = feed(200, (index) => 0.1 + 1e-9 * (index % 2));
    for (const { excess } of deviations) expect(excess).toBeLessThan(0.01);
  });

  it('is not blinded by one freak value', () => {
    const random = new Random(23);
    const { deviations } = feed(600, (index) => (index === 500 ? 1e9 : 100 + 10 * normal(random)));
    expect(deviations[503]?.errorScale).toBeLessThan(4 * (deviations[499]?.errorScale ?? 0));
  });

  it.each([
    ['zeros', () => 0],
    ['a constant', () => 1e12],
    ['negative values', (index: number) => -5 - (index % 3)],
    ['huge steps', (index: number) => (index % 50 === 0 ? 1e30 : 1)],
  ])('stays finite on %s', (_, valueAt) => {
    const { deviations, row } = feed(500, valueAt);
    const numbers = deviations.flatMap((deviation) => Object.values(deviation));
    expect(numbers.every(Number.isFinite)).toBe(true);
    expect(row.every(Number.isFinite)).toBe(true);
  });
});
