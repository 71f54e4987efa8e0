import { describe, expect, it } from 'vitest';
import { Random } from '../../src/bench/random.ts';
import { SERIES_WIDTH, stepSeries } from '../../src/pipeline/series-watch.ts';

const MINUTE_US = 60_000_000;
const START_US = Date.UTC(2026, 0, 5) * 1000;

interface Shape {
  readonly stepMinutes: number;
  readonly count: number;
  readonly valueAt: (index: number, random: Random) => number;
}

/** Indices of the values that raise an alarm. */
function alarmsOf({ stepMinutes, count, valueAt }: Shape, seed: number): number[] {
  const random = new Random(seed);
  const row = new Float32Array(SERIES_WIDTH);
  const alarms: number[] = [];
  for (let index = 0; index < count; index++) {
    const timeUs = START_US + index * stepMinutes * MINUTE_US;
    if (stepSeries(row, { timeUs, value: valueAt(index, random) }).isAlarm) alarms.push(index);
  }
  return alarms;
}

const normal = (random: Random) => Math.log(random.logNormal(1, 1));

describe('stepSeries()', () => {
  it('raises an alarm when a noisy level shifts', () => {
    const valueAt = (index: number, random: Random) =>
      50 + 2 * normal(random) + (index >= 1500 ? 20 : 0);
    const alarms = alarmsOf({ stepMinutes: 1, count: 1600, valueAt }, 1);
    expect(alarms.filter((index) => index >= 1500 && index < 1505).length).toBeGreaterThan(0);
    expect(alarms.filter((index) => index < 1500)).toEqual([]);
  });

  it('says nothing of a flat line, and speaks when it moves', () => {
    const valueAt = (index: number) => (index === 1000 ? 46 : 45);
    expect(alarmsOf({ stepMinutes: 5, count: 1200, valueAt }, 1)).toEqual([1000]);
  });

  it('gives the same verdicts for the same values', () => {
    const valueAt = (_: number, random: Random) => random.logNormal(100, 1);
    const shape = { stepMinutes: 1, count: 3000, valueAt };
    expect(alarmsOf(shape, 7)).toEqual(alarmsOf(shape, 7));
  });
});
