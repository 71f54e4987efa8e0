/** The likelihood ratio of counts beside the slow, obvious one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countLlr } from '../../src/detect/log-evidence.ts';

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
