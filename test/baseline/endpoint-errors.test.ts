import { describe, expect, test } from 'vitest';
import {
  learnErrors,
  newErrorForecast,
  predictErrors,
} from '../../src/baseline/endpoint-errors.ts';
import { Random } from '../../src/bench/random.ts';
import { Variates } from '../../src/bench/variates.ts';
import { ENDPOINT_ROW_WIDTH, ROW } from '../../src/model/endpoint-row.ts';

const newRow = () => new Float32Array(ENDPOINT_ROW_WIDTH);

describe('predictErrors()', () => {
  test('one error among three requests is not 33 %', () => {
    const row = newRow();
    learnErrors(row, { count: 3, errors: 1, weight: 1, ratio: 0.003 });
    const forecast = newErrorForecast();
    predictErrors(row, newRow(), forecast);
    expect(forecast.ratio).toBeLessThan(0.03);
  });

  test('a new endpoint is expected to fail as its service does', () => {
    const service = newRow();
    service[ROW.errorHits] = 500;
    service[ROW.errorTotal] = 10_000;
    const forecast = newErrorForecast();
    predictErrors(newRow(), service, forecast);
    expect(forecast.ratio).toBeCloseTo(0.05, 2);
    expect(forecast.ratioMax).toBeGreaterThan(forecast.ratio);
  });

  test.each([
    ['independent', 0],
    ['in bursts', 0.05],
  ])('learns ratio and correlation of errors: %s', (_, correlation) => {
    const variates = new Variates(new Random(9));
    const ratio = 0.1;
    // Beta-binomial: correlation 1 / (a + b + 1), the beta from two gammas of mean 1.
    const sum = correlation === 0 ? 0 : 1 / correlation - 1;
    const drawRatio = () => {
      if (sum === 0) return ratio;
      const hits = ratio * sum * variates.gamma(ratio * sum);
      const misses = (1 - ratio) * sum * variates.gamma((1 - ratio) * sum);
      return hits / (hits + misses);
    };
    const row = newRow();
    const forecast = newErrorForecast();
    for (let minute = 0; minute < 4000; minute++) {
      predictErrors(row, newRow(), forecast);
      const errors = variates.binomial(200, drawRatio());
      learnErrors(row, { count: 200, errors, weight: 1, ratio: forecast.ratio });
    }
    expect(forecast.ratio).toBeCloseTo(ratio, 1);
    expect(forecast.correlation).toBeGreaterThanOrEqual(0.7 * correlation);
    expect(forecast.correlation).toBeLessThan(1.5 * correlation + 0.004);
  });
});
