/** The sample of traces: how large it is, and since when it is whole. */
import { expect, test } from 'vitest';
import { US_PER_SECOND } from '../../src/base/time.ts';
import { Random } from '../../src/bench/random.ts';
import { TraceSample } from '../../src/tally/trace-sample.ts';

const T0 = 1_800_000_000_000_000;
const RATE = 100;

/** Spans taken of so many a second, for some seconds in steps of 100 ms. */
function feed(
  sample: TraceSample,
  traffic: { readonly fromUs: number; readonly seconds: number; readonly perSecond: number },
  random: Random,
): number {
  let taken = 0;
  for (let step = 0; step < 10 * traffic.seconds; step++) {
    sample.begin(traffic.fromUs + (step * US_PER_SECOND) / 10);
    for (let span = 0; span < traffic.perSecond / 10; span++) {
      if (!sample.takes(random.below(2 ** 32))) continue;
      sample.count();
      taken++;
    }
  }
  return taken;
}

test('TraceSample takes all while spans are few', () => {
  const sample = new TraceSample({ ratePerSecond: RATE, nowUs: T0 });
  const traffic = { fromUs: T0, seconds: 60, perSecond: RATE };
  expect(feed(sample, traffic, new Random(1))).toBe(60 * RATE);
  expect(sample.isWholeSince(5, T0)).toBe(true);
  expect(sample.isWholeSince(5, T0 - 1)).toBe(false);
});

test('TraceSample keeps near the rate at any traffic, and takes all again afterwards', () => {
  const sample = new TraceSample({ ratePerSecond: RATE, nowUs: T0 });
  const random = new Random(2);
  feed(sample, { fromUs: T0, seconds: 60, perSecond: 100_000 }, random);
  const busy = { fromUs: T0 + 60 * US_PER_SECOND, seconds: 240, perSecond: 100_000 };
  const perSecond = feed(sample, busy, random) / 240;
  expect(perSecond).toBeGreaterThan(0.4 * RATE);
  expect(perSecond).toBeLessThan(1.5 * RATE);
  expect(sample.share).toBeLessThan(0.002);

  const quietUs = T0 + 300 * US_PER_SECOND;
  feed(sample, { fromUs: quietUs, seconds: 200, perSecond: RATE / 2 }, random);
  expect(sample.share).toBe(1);
  // hashes without a leading zero were left out until a while ago, those with many never
  expect(sample.isWholeSince(2 ** 31, quietUs)).toBe(false);
  expect(sample.isWholeSince(2 ** 31, quietUs + 200 * US_PER_SECOND)).toBe(true);
  expect(sample.isWholeSince(1, T0)).toBe(true);
});
