/** The life of an SLO's anomaly: opens, gets worse, recovers, and goes on after a restart. */
import { describe, expect, test } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { ServiceLevelObjective } from '../../src/config/config.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { createSloWatch, type SloWatch } from '../../src/pipeline/slo-watch.ts';

const START_US = Date.parse('2026-01-01T10:07:00Z') * 1000;
const SLO: ServiceLevelObjective = {
  name: 'pay',
  service: 'bot',
  operation: 'POST /pay',
  objective: 0.999,
  windowDays: 30,
};

function tallyOf(counts: { count: number; errorCount: number }, change: object = {}): Tally {
  const { service, operation } = SLO;
  const endpointId = endpointIdOf(service, operation);
  return {
    endpoint: { endpointId, service, operation, stage: 'other', ...change },
    minuteUs: START_US,
    ...counts,
    sketch: { buckets: [], counts: [] },
  };
}

/** Feeds minutes with so many errors each, of 1000 requests; gives what was told in each. */
function feed(
  watch: SloWatch,
  fromMinute: number,
  errorCounts: readonly number[],
): readonly (readonly Anomaly[])[] {
  return errorCounts.map((errorCount, index) =>
    watch.step({
      minuteUs: START_US + (fromMinute + index) * US_PER_MINUTE,
      tallies: [tallyOf({ count: 1000, errorCount })],
      changes: [],
    }),
  );
}

/** Long enough for all windows to be full. */
const QUIET = 4 * 24 * 60;
const minutes = (count: number, errorCount: number): number[] =>
  Array.from({ length: count }, () => errorCount);

describe('createSloWatch()', () => {
  test('one episode from the onset to the end, told of when it opens, is much worse, and closes', () => {
    const watch = createSloWatch([SLO]);
    feed(watch, 0, minutes(QUIET, 0));
    const told = feed(watch, QUIET, [...minutes(20, 100), ...minutes(400, 0)]).flat();
    const [opened] = told;
    expect(opened).toMatchObject({
      kind: 'slo',
      status: 'open',
      service: 'bot',
      operation: 'POST /pay',
      objective: 'pay',
      direction: 'up',
      range: { fromUs: START_US + QUIET * US_PER_MINUTE },
      expected: { expected: 1, low: 0, high: 14.4 },
    });
    const closed = told.at(-1);
    expect(closed).toMatchObject({ status: 'closed', end: 'recovered' });
    expect(new Set(told.map(({ anomalyId }) => anomalyId)).size).toBe(1);
    // 20 minutes of 100 bad requests in an hour of 60 000: at its worst 33 times the 0.1 % allowed.
    expect(closed?.value).toBeCloseTo(2000 / 60_000 / 0.001, 3);
    expect(told.length).toBeGreaterThan(2);
    expect(told.length).toBeLessThan(6);
    for (const [index, anomaly] of told.slice(1, -1).entries()) {
      expect(anomaly.value).toBeGreaterThan(told[index]!.value * 1.5);
    }
  });

  test('a slow burn that becomes a fast one is told of as what it is now', () => {
    const watch = createSloWatch([SLO]);
    const slow = feed(watch, 0, minutes(7 * 60, 7)).flat();
    expect(slow.at(-1)?.expected.high).toBe(6);
    const fast = feed(watch, 7 * 60, minutes(10, 500)).flat();
    expect(fast[0]?.anomalyId).toBe(slow[0]?.anomalyId);
    expect(fast[0]?.expected.high).toBe(14.4);
  });

  test('after a restart sums and episode go on as if nothing had been', () => {
    const errors = [...minutes(100, 0), ...minutes(12, 100), ...minutes(30, 0)];
    const whole = createSloWatch([SLO]);
    const expected = feed(whole, 0, errors);
    const before = createSloWatch([SLO]);
    const told = feed(before, 0, errors.slice(0, 110));
    const open = told.flat().filter(({ status }) => status === 'open');
    const after = createSloWatch([SLO]);
    after.state.decode(before.state.encode(0, 1));
    after.resume(open.slice(-1));
    const rest = feed(after, 110, errors.slice(110));
    expect(rest.flat().map(({ anomalyId, status }) => [anomalyId, status])).toEqual(
      expected
        .slice(110)
        .flat()
        .map(({ anomalyId, status }) => [anomalyId, status]),
    );
    expect(after.status()).toEqual(whole.status());
  });

  test('slices, other measures and other endpoints count nothing', () => {
    const watch = createSloWatch([SLO]);
    watch.step({
      minuteUs: START_US,
      tallies: [
        tallyOf({ count: 10, errorCount: 0 }),
        tallyOf({ count: 99, errorCount: 99 }, { slice: { dimension: 'bot', value: 'b' } }),
        tallyOf({ count: 99, errorCount: 99 }, { measure: 'gap' }),
        tallyOf({ count: 99, errorCount: 99 }, { endpointId: endpointIdOf('bot', 'other') }),
      ],
      changes: [],
    });
    expect(watch.status()[0]).toMatchObject({ requests: 10, badRequests: 0 });
  });

  test('a minute without requests passes, too: the alarm ends', () => {
    const watch = createSloWatch([SLO]);
    feed(watch, 0, minutes(10, 500));
    const quiet = [10, 11, 12, 13, 14].flatMap((minute) =>
      watch.step({ minuteUs: START_US + minute * US_PER_MINUTE, tallies: [], changes: [] }),
    );
    const later = Array.from({ length: 400 }, (_, minute) =>
      watch.step({ minuteUs: START_US + (15 + minute) * US_PER_MINUTE, tallies: [], changes: [] }),
    ).flat();
    expect([...quiet, ...later].at(-1)?.status).toBe('closed');
  });

  test('an objective that is configured no more ends its episode and frees its sums', () => {
    const before = createSloWatch([SLO]);
    const open = feed(before, 0, minutes(10, 500)).flat().slice(-1);
    const after = createSloWatch([{ ...SLO, name: 'other' }]);
    after.state.decode(before.state.encode(0, 1));
    after.resume(open);
    const told = after.step({ minuteUs: START_US + 10 * US_PER_MINUTE, tallies: [], changes: [] });
    expect(told).toMatchObject([{ objective: 'pay', status: 'closed', end: 'gone' }]);
    expect(after.state.size).toBe(1);
  });

  test('an objective that counts something else begins anew; another objective or window does not', () => {
    const before = createSloWatch([SLO]);
    feed(before, 0, minutes(10, 1));
    const requestsOf = (slo: ServiceLevelObjective) => {
      const after = createSloWatch([slo]);
      after.state.decode(before.state.encode(0, 1));
      return after.status()[0]?.requests;
    };
    expect(requestsOf({ ...SLO, objective: 0.99, windowDays: 7 })).toBe(10_000);
    expect(requestsOf({ ...SLO, latencyMs: 100 })).toBe(0);
  });
});
