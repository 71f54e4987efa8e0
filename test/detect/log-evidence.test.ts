/** Evidence against log templates: the likelihood ratio of counts, and what severity, slack and youth change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countLlr, LOG_EVIDENCE_WIDTH, weighMinute } from '../../src/detect/log-evidence.ts';
import type { LogExpectation } from '../../src/model/log-expectation.ts';

const SEVERITY = { info: 9, warn: 13, error: 17 };

/** ln P(count) of a negative binomial distribution, term by term from P(0). */
function slowLnChance(
  count: number,
  { mean, clumping }: { mean: number; clumping: number },
): number {
  const size = mean / (clumping - 1);
  const success = 1 / clumping;
  let ln = size * Math.log(success);
  for (let n = 1; n <= count; n++) ln += Math.log(((n - 1 + size) / n) * (1 - success));
  return ln;
}

describe('countLlr()', () => {
  test('is 4.1 nats of the worked example', () => {
    expect(countLlr(10, { other: 5, usual: 1, clumping: 2 })).toBeCloseTo(4.136, 3);
  });

  test('is the difference of two log likelihoods', () => {
    const mean = fc.double({ min: 0.01, max: 500, noNaN: true });
    const clumping = fc.double({ min: 1.05, max: 50, noNaN: true });
    fc.assert(
      fc.property(fc.nat({ max: 1000 }), mean, mean, clumping, (count, other, usual, ratio) => {
        const slow =
          slowLnChance(count, { mean: other, clumping: ratio }) -
          slowLnChance(count, { mean: usual, clumping: ratio });
        const fast = countLlr(count, { other, usual, clumping: ratio });
        expect(Math.abs(fast - slow)).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(slow)));
      }),
    );
  });
});

/** Twenty lines in every minute. */
const steady: LogExpectation = {
  high: 20,
  slack: 1,
  low: 20,
  chance: 1,
  size: 20,
  presence: 0.95,
  clumping: 3,
  isSettled: true,
};
/** Three lines in one minute of a hundred. */
const seldom: LogExpectation = { ...steady, high: 0.03, low: 0.03, chance: 0.01, size: 3 };

/** Minutes until so many lines a minute open an anomaly; undefined when an hour does not. */
function minutesToOpen(
  seen: { readonly lines: number; readonly severity: number },
  expected: LogExpectation,
): number | undefined {
  const evidence = new Float32Array(LOG_EVIDENCE_WIDTH);
  for (let minute = 1; minute <= 60; minute++) {
    const change = weighMinute(
      evidence,
      { ...seen, minute, hasJustChanged: false, isServiceYoung: false },
      expected,
    );
    if (change === 'opened') return minute;
  }
  return undefined;
}

describe('weighMinute()', () => {
  const { info, warn, error } = SEVERITY;

  test('asks more of lines that nobody called an error', () => {
    const delays = [error, warn, info].map((severity) =>
      minutesToOpen({ lines: 50, severity }, steady),
    );
    expect(delays).toEqual([...delays].sort((a, b) => a! - b!));
    expect(delays[0]).toBeLessThan(delays[2]!);
  });

  test('makes nothing of twice the lines when they are INFO', () => {
    expect(minutesToOpen({ lines: 40, severity: warn }, steady)).toBeDefined();
    expect(minutesToOpen({ lines: 40, severity: info }, steady)).toBeUndefined();
  });

  test('takes a rise for usual that is within the slack, and not one beyond it', () => {
    const wandering = { ...steady, slack: 2.5 };
    expect(minutesToOpen({ lines: 50, severity: error }, steady)).toBeDefined();
    expect(minutesToOpen({ lines: 50, severity: error }, wandering)).toBeUndefined();
    expect(minutesToOpen({ lines: 150, severity: error }, wandering)).toBeLessThanOrEqual(4);
  });

  test('of a young template with few minutes lets errors burst, and warnings that last', () => {
    const delays = (isSettled: boolean) =>
      [error, warn, info].map((severity) =>
        minutesToOpen({ lines: 10, severity }, { ...seldom, isSettled }),
      );
    expect(delays(true).every((delay) => delay! <= 10)).toBe(true);
    const [ofErrors, ofWarnings, ofOthers] = delays(false);
    expect(ofErrors).toBe(delays(true)[0]);
    expect(ofWarnings).toBeGreaterThanOrEqual(30);
    expect(ofOthers).toBeUndefined();
  });

  test('takes a job that comes as it did for usual, however much its lines clump', () => {
    const job = { ...steady, high: 76, size: 76, clumping: 8000 };
    expect(minutesToOpen({ lines: 84, severity: error }, job)).toBeUndefined();
    expect(minutesToOpen({ lines: 760, severity: error }, job)).toBeLessThanOrEqual(5);
  });

  test('no minute opens alone', () => {
    expect(minutesToOpen({ lines: 100_000, severity: error }, steady)).toBe(2);
  });
});
