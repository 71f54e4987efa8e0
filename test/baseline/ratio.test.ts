import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learnMinute, TRAILING_WIDTH, trailingOf } from '../../src/baseline/ratio.ts';

const START_US = Date.UTC(2026, 0, 5) * 1000;
const minuteUsOf = (minute: number) => START_US + minute * 60_000_000;

describe('trailingOf()', () => {
  it('knows nothing at first', () => {
    const row = new Float32Array(TRAILING_WIDTH);
    const usual = trailingOf(row, { minuteUs: START_US, measure: 'rate' });
    expect(usual.minutes).toBe(0);
    expect(usual.mean).toBeNaN();
  });

  it('equals mean and standard deviation of the minutes of the last 24 hours', () => {
    const minutes = fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 3000 }),
        rate: fc.double({ min: 1, max: 1000, noNaN: true }),
      }),
      { minLength: 2, maxLength: 60 },
    );
    fc.assert(
      fc.property(minutes, (unsorted) => {
        const learned = unsorted.toSorted((a, b) => a.minute - b.minute);
        const row = new Float32Array(TRAILING_WIDTH);
        for (const { minute, rate } of learned) {
          learnMinute(row, { minuteUs: minuteUsOf(minute), values: { rate } });
        }
        const last = learned.at(-1)!.minute;
        const usual = trailingOf(row, { minuteUs: minuteUsOf(last), measure: 'rate' });
        const hour = Math.floor(last / 60);
        const rates = learned
          .filter(({ minute }) => Math.floor(minute / 60) > hour - 24)
          .map(({ rate }) => rate);
        const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
        const squares = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0);
        expect(usual.minutes).toBe(rates.length);
        expect(usual.mean).toBeCloseTo(mean, 2);
        if (rates.length > 1) {
          const sigma = Math.sqrt(squares / (rates.length - 1));
          expect(Math.abs(usual.sigma - sigma)).toBeLessThan(0.01 * sigma + 0.001 * mean);
        }
        expect(trailingOf(row, { minuteUs: START_US, measure: 'errorRatio' }).minutes).toBe(0);
      }),
    );
  });

  it('forgets all after a day without minutes', () => {
    const row = new Float32Array(TRAILING_WIDTH);
    learnMinute(row, { minuteUs: START_US, values: { rate: 5 } });
    const at = (minute: number) =>
      trailingOf(row, { minuteUs: minuteUsOf(minute), measure: 'rate' }).minutes;
    expect(at(24 * 60 - 1)).toBe(1);
    expect(at(24 * 60)).toBe(0);
  });
});
