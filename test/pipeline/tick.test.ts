/** When detection runs: once a minute, whatever the clock does. */
import { expect, test } from 'vitest';
import { US_PER_MINUTE, US_PER_MS, US_PER_SECOND } from '../../src/base/time.ts';
import { msToNextTick } from '../../src/pipeline/tick.ts';

const NOON_US = Date.UTC(2026, 0, 2, 12) * US_PER_MS;

test.each([
  { what: 'at the start of a minute', nowUs: NOON_US, seconds: 70 },
  { what: 'at the time of a tick', nowUs: NOON_US + 10 * US_PER_SECOND, seconds: 60 },
  { what: 'at the end of a minute', nowUs: NOON_US + 59 * US_PER_SECOND, seconds: 11 },
])('msToNextTick() $what is $seconds s', ({ nowUs, seconds }) => {
  expect(msToNextTick(nowUs)).toBe(1000 * seconds);
});

test('msToNextTick() is never short and never long, wherever the clock jumped to', () => {
  for (let step = -500; step <= 500; step++) {
    const waitMs = msToNextTick(NOON_US + step * 7.3 * US_PER_MINUTE);
    expect(waitMs).toBeGreaterThanOrEqual(10_000);
    expect(waitMs).toBeLessThanOrEqual(70_000);
  }
});
