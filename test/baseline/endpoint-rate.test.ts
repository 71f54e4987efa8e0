import { describe, expect, test } from 'vitest';
import {
  learnRate,
  newRateForecast,
  predictRate,
  startRate,
} from '../../src/baseline/endpoint-rate.ts';
import { rememberSurge } from '../../src/baseline/endpoint-season.ts';
import { Random } from '../../src/bench/random.ts';
import { Variates } from '../../src/bench/variates.ts';
import { ENDPOINT_ROW_WIDTH, minuteNumberOf, ROW } from '../../src/model/endpoint-row.ts';

const DAY = 1440;
const START = minuteNumberOf(Date.UTC(2026, 0, 5) * 1000);

function newRow(): Float32Array {
  const row = new Float32Array(ENDPOINT_ROW_WIDTH);
  row[ROW.firstMinute] = START;
  startRate(row, START);
  return row;
}

/** Teaches the counts of minutes [from, to) and gives what was expected of each. */
function teach(
  row: Float32Array,
  { from, to }: { readonly from: number; readonly to: number },
  countOf: (minute: number) => number,
): { expected: number; high: number }[] {
  const forecast = newRateForecast();
  const expected: { expected: number; high: number }[] = [];
  for (let at = from; at < to; at++) {
    const minute = START + at;
    predictRate(row, minute, forecast);
    expected.push({ expected: forecast.expected, high: forecast.highFactor });
    learnRate(row, minute, { count: countOf(at), weight: 1, mayBeJob: true, forecast });
    row[ROW.learnedMinutes]! += 1;
  }
  return expected;
}

describe('predictRate()', () => {
  test.each([
    ['Poisson', 0],
    ['20 % more a minute', 0.04],
    ['50 % more a minute', 0.25],
  ])('learns mean and dispersion: %s', (_, dispersion) => {
    const variates = new Variates(new Random(5));
    const row = newRow();
    teach(row, { from: 0, to: 3 * DAY }, () =>
      variates.poisson(200 * (dispersion === 0 ? 1 : variates.gamma(1 / dispersion))),
    );
    const forecast = newRateForecast();
    predictRate(row, START + 3 * DAY, forecast);
    expect(forecast.expected / 200).toBeGreaterThan(0.85);
    expect(forecast.expected / 200).toBeLessThan(1.15);
    expect(forecast.dispersion).toBeGreaterThanOrEqual(0.7 * dispersion);
    expect(forecast.dispersion).toBeLessThan(1.4 * dispersion + 0.003);
  });

  test.each([2, 300])('knows the time of day from the second day on, at %d a minute', (mean) => {
    const variates = new Variates(new Random(6));
    const truth = (minute: number) => mean * Math.exp(0.8 * Math.sin((2 * Math.PI * minute) / DAY));
    const row = newRow();
    const told = teach(row, { from: 0, to: 4 * DAY }, (minute) => variates.poisson(truth(minute)));
    const errors = told
      .slice(2 * DAY)
      .map(({ expected }, index) => Math.abs(Math.log(expected / truth(2 * DAY + index))));
    const worst = Math.max(...errors);
    expect(worst).toBeLessThan(mean === 2 ? 0.8 : 0.2);
  });

  test.each([
    ['26 minutes', 600, 625],
    ['a quarter of an hour in two halves', 607, 622],
  ])('a job that came yesterday is usual today: %s', (_, from, to) => {
    const row = newRow();
    const isJob = (minute: number) => minute % DAY >= from && minute % DAY < to;
    const told = teach(row, { from: 0, to: 2 * DAY }, (minute) => (isJob(minute) ? 180 : 100));
    for (let minute = DAY + from + 2; minute < DAY + to; minute++) {
      const { expected, high } = told[minute]!;
      expect(expected * high).toBeGreaterThan(150);
    }
    expect(told[DAY + 900]!.expected * told[DAY + 900]!.high).toBeLessThan(115);
  });

  test('a surge that ended by itself is usual at the same time of the next week, not at others', () => {
    const row = newRow();
    teach(row, { from: 0, to: 2 * DAY }, () => 100);
    rememberSurge(row, { firstMinute: START + DAY + 600, minutes: 20, factor: 1.8 });
    const forecast = newRateForecast();
    const highAt = (minute: number) => {
      predictRate(row, START + minute, forecast);
      return forecast.highFactor;
    };
    expect(highAt(2 * DAY + 600)).toBeGreaterThan(1.8);
    expect(highAt(2 * DAY + 618)).toBeGreaterThan(1.8);
    expect(highAt(8 * DAY + 610)).toBeGreaterThan(1.8);
    expect(highAt(2 * DAY + 590)).toBeLessThan(1.2);
    expect(highAt(2 * DAY + 630)).toBeLessThan(1.2);
    expect(highAt(12 * DAY + 610)).toBeLessThan(1.2);
  });

  test('what has no weight teaches nothing', () => {
    const row = newRow();
    teach(row, { from: 0, to: 200 }, () => 100);
    const forecast = newRateForecast();
    for (let at = 200; at < 300; at++) {
      predictRate(row, START + at, forecast);
      learnRate(row, START + at, { count: 500, weight: 0, mayBeJob: true, forecast });
    }
    predictRate(row, START + 300, forecast);
    expect(forecast.expected).toBeCloseTo(100, 0);
  });

  test('is not moved much by one odd minute', () => {
    const row = newRow();
    teach(row, { from: 0, to: 200 }, () => 100);
    const told = teach(row, { from: 200, to: 202 }, (at) => (at === 200 ? 100_000 : 100));
    expect(told[1]!.expected).toBeLessThan(112);
  });
});
