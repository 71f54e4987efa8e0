import { describe, expect, it } from 'vitest';
import { RowSlab } from '../../src/base/row-slab.ts';
import { Random } from '../../src/bench/random.ts';
import { SERIES_VERSION, SERIES_WIDTH, stepSeries } from '../../src/pipeline/series-watch.ts';
import { KINDS, type Kind, normal, pointsOf } from './series-kinds.ts';

/** Alarms are counted from here on: before it, no kind has seen a week. */
const WARM_UP_SHARE = 0.15;
const SEEDS = [1, 2, 3];

/** Indices of the values that raise an alarm. */
function alarmsOf(kind: Kind, seed: number): number[] {
  const row = new Float32Array(SERIES_WIDTH);
  const alarms: number[] = [];
  let index = 0;
  for (const point of pointsOf(kind, seed)) {
    if (stepSeries(row, point).isAlarm && index >= WARM_UP_SHARE * kind.count) alarms.push(index);
    index++;
  }
  return alarms;
}

function kindOf(valueAt: Kind['valueAt'], count: number): Kind {
  return { name: '', stepMinutes: 5, count, changeAt: count, valueAt };
}

describe('stepSeries()', () => {
  it.each(KINDS)('finds the change of $name', (kind) => {
    for (const seed of SEEDS) {
      const alarms = alarmsOf(kind, seed);
      const first = alarms.find((index) => index >= kind.changeAt) ?? Number.POSITIVE_INFINITY;
      expect(first - kind.changeAt, `seed ${seed}`).toBeLessThan(40);
    }
  });

  it.each(KINDS)('raises few alarms before the change of $name', (kind) => {
    const alarms = SEEDS.flatMap((seed) =>
      alarmsOf(kind, seed).filter((index) => index < kind.changeAt),
    );
    expect(alarms.length / SEEDS.length / kind.changeAt).toBeLessThan(0.0025);
  });

  it.each<[string, Kind['valueAt'], number]>([
    ['white noise', ({ random }) => 50 + 5 * normal(random), 0.0015],
    ['a heavy tail', ({ random }) => random.logNormal(10, 1), 0.003],
    ['whole numbers', ({ random }) => random.below(4), 0.0015],
    [
      'a daily wave',
      ({ hour, random }) => 50 + 20 * Math.sin(hour / 4) + 4 * normal(random),
      0.0015,
    ],
    ['a flat line', () => 45, 0],
  ])('stays nearly silent on %s', (_, valueAt, shareMax) => {
    const alarms = alarmsOf(kindOf(valueAt, 20_000), 5);
    expect(alarms.length / 20_000).toBeLessThanOrEqual(shareMax);
  });

  it('tells of a new extreme of a series with bursts, and few of one that wanders', () => {
    const bursty: Kind['valueAt'] = ({ index, random }) =>
      index === 4000 ? 150 : random.below(50) === 0 ? 60 + random.below(40) : 2 + normal(random);
    const alarms = alarmsOf(kindOf(bursty, 4100), 5);
    expect(alarms).toContain(4000);
    let level = 0;
    const walk: Kind['valueAt'] = ({ random }) => {
      level = 0.998 * level + normal(random);
      return 90 + level;
    };
    expect(alarmsOf(kindOf(walk, 20_000), 7).length).toBeLessThanOrEqual(10);
  });

  it('gives scores from 0 to 1, alarms from 0.5 on, and a band around what it expects', () => {
    const row = new Float32Array(SERIES_WIDTH);
    const random = new Random(3);
    for (let index = 0; index < 3000; index++) {
      const value = index % 500 === 499 ? 1e6 * random.below(9) : random.logNormal(10, 1);
      const verdict = stepSeries(row, { timeUs: index * 60_000_000, value });
      expect(verdict.score).toBeGreaterThanOrEqual(0);
      expect(verdict.score).toBeLessThan(1);
      expect(verdict.isAlarm).toBe(verdict.score >= 0.5);
      expect(verdict.low).toBeLessThanOrEqual(verdict.expected);
      expect(verdict.high).toBeGreaterThanOrEqual(verdict.expected);
    }
  });

  it('has an llr that one value of a thousand of white noise exceeds by little more than 4', () => {
    const row = new Float32Array(SERIES_WIDTH);
    const llrs: number[] = [];
    const valueAt: Kind['valueAt'] = ({ random }) => 50 + 5 * normal(random);
    for (const point of pointsOf(kindOf(valueAt, 20_000), 3)) llrs.push(stepSeries(row, point).llr);
    const sorted = llrs.slice(500).sort((a, b) => a - b);
    const rare = sorted[Math.floor(0.999 * sorted.length)] ?? 0;
    expect(rare).toBeGreaterThan(3.5);
    expect(rare).toBeLessThan(5);
  });

  it('goes on after a restart as if there had been none', () => {
    const points = [...pointsOf(KINDS[1]!, 7)]; // there are more than one
    const options = { width: SERIES_WIDTH, version: SERIES_VERSION };
    const before = new RowSlab(options);
    for (const point of points.slice(0, 1500)) stepSeries(before.rowOf('demand'), point);
    const after = new RowSlab(options);
    after.decode(before.encode(0, 1));
    for (const point of points.slice(1500)) {
      const expected = stepSeries(before.rowOf('demand'), point);
      expect(stepSeries(after.rowOf('demand'), point)).toEqual(expected);
    }
  });
});
