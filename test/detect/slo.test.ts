/** Burn rates from rings of sums against a slow computation that keeps every minute; when they are an alarm. */
import { describe, expect, test } from 'vitest';
import { US_PER_DAY, US_PER_HOUR, US_PER_MINUTE } from '../../src/base/time.ts';
import { Random } from '../../src/bench/random.ts';
import type { ServiceLevelObjective } from '../../src/config/config.ts';
import { countsOf, judgeSlo, sloStatusOf } from '../../src/detect/slo.ts';
import { addMinute, type RequestCounts, SUMS_WIDTH } from '../../src/detect/slo-sums.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import { addToSketch, boundsOf, bucketOf, emptySketch } from '../../src/tally/sketch.ts';

/** A Thursday, 10:07 UTC: no window begins with a step of its ring. */
const START_US = Date.parse('2026-01-01T10:07:00Z') * 1000;
const SLO: ServiceLevelObjective = {
  name: 'pay',
  service: 'bot',
  operation: 'POST /pay',
  objective: 0.999,
  windowDays: 30,
};

interface MinuteCounts extends RequestCounts {
  readonly minuteUs: number;
}

const newRow = () => new Float32Array(SUMS_WIDTH);

/** Adds as many equal minutes; gives the end. */
function fill(
  row: Float32Array,
  fromUs: number,
  minutes: { readonly count: number; readonly requests: number; readonly badRequests: number },
): number {
  const { count, ...counts } = minutes;
  for (let minute = 0; minute < count; minute++) {
    addMinute(row, fromUs + minute * US_PER_MINUTE, counts);
  }
  return fromUs + count * US_PER_MINUTE;
}

/** The obvious way: all minutes since the beginning of the oldest step of the window. */
function slowSum(
  minutes: readonly MinuteCounts[],
  window: { readonly stepUs: number; readonly steps: number },
): RequestCounts {
  const last = minutes.at(-1)!.minuteUs;
  const running = Math.floor(last / window.stepUs) * window.stepUs;
  const fromUs = running - (window.steps - 1) * window.stepUs;
  let [requests, badRequests] = [0, 0];
  for (const minute of minutes) {
    if (minute.minuteUs < fromUs) continue;
    requests += minute.requests;
    badRequests += minute.badRequests;
  }
  return { requests, badRequests };
}

describe('sums of minutes', () => {
  const WINDOWS = [
    { minutes: 5, stepUs: US_PER_MINUTE, steps: 5 },
    { minutes: 30, stepUs: US_PER_MINUTE, steps: 30 },
    { minutes: 60, stepUs: US_PER_MINUTE, steps: 60 },
    { minutes: 360, stepUs: 5 * US_PER_MINUTE, steps: 72 },
    { minutes: 4320, stepUs: US_PER_HOUR, steps: 72 },
  ];

  test.each([1, 2, 3, 4, 5])(
    'equal the obvious ones over any minutes and holes (seed %i)',
    (seed) => {
      const random = new Random(seed);
      const draw = () => random.uint32() / 2 ** 32;
      const row = newRow();
      const minutes: MinuteCounts[] = [];
      let minuteUs = START_US + Math.floor(draw() * 10_000) * US_PER_MINUTE;
      const slo = { ...SLO, windowDays: 1 + Math.floor(draw() * 90) };
      for (let index = 0; index < 6000; index++) {
        const requests = draw() < 0.2 ? 0 : Math.floor(draw() * 1000);
        const badRequests = Math.floor(draw() ** 8 * (requests + 1));
        minutes.push({ minuteUs, requests, badRequests });
        addMinute(row, minuteUs, { requests, badRequests });
        if (index % 200 === 199) {
          const { burnRates, ...budget } = sloStatusOf(row, slo);
          for (const { minutes: length, ...window } of WINDOWS) {
            const { rate: _, ...counts } = burnRates.find((burn) => burn.minutes === length)!;
            expect(counts).toEqual({ minutes: length, ...slowSum(minutes, window) });
          }
          const ofDays = slowSum(minutes, { stepUs: US_PER_DAY, steps: slo.windowDays });
          expect(budget).toMatchObject(ofDays);
        }
        // Mostly the next minute; now and then a hole of minutes, hours or many days.
        const hole = draw() < 0.995 ? 0 : Math.floor(10 ** (5 * draw()));
        minuteUs += (1 + hole) * US_PER_MINUTE;
      }
    },
  );

  test('a minute that comes in two parts counts both; one before the last is left out', () => {
    const row = newRow();
    addMinute(row, START_US, { requests: 10, badRequests: 1 });
    addMinute(row, START_US, { requests: 5, badRequests: 0 });
    addMinute(row, START_US - US_PER_MINUTE, { requests: 100, badRequests: 100 });
    expect(sloStatusOf(row, SLO).burnRates[0]).toMatchObject({ requests: 15, badRequests: 1 });
  });
});

describe('countsOf()', () => {
  const tally: Tally = {
    endpoint: {
      endpointId: endpointIdOf(SLO.service, SLO.operation),
      service: SLO.service,
      operation: SLO.operation,
      stage: 'other',
    },
    minuteUs: START_US,
    count: 100,
    errorCount: 3,
    sketch: addToSketch(addToSketch(emptySketch(), 100_000, 90), 900_000, 10),
  };

  test('bad is what fails, or, with a bound, what is slower', () => {
    expect(countsOf(tally, SLO)).toEqual({ requests: 100, badRequests: 3 });
    expect(countsOf(tally, { ...SLO, latencyMs: 500 })).toEqual({ requests: 100, badRequests: 10 });
    expect(countsOf(tally, { ...SLO, latencyMs: 50 })).toEqual({ requests: 100, badRequests: 100 });
  });

  test('of the bucket that holds the bound a share counts', () => {
    const { low, high } = boundsOf(bucketOf(900_000));
    const latencyMs = (low + (high - low) / 4) / 1000;
    expect(countsOf(tally, { ...SLO, latencyMs }).badRequests).toBeCloseTo(7.5, 6);
  });
});

describe('judgeSlo()', () => {
  test('nothing burns without requests, and without bad ones', () => {
    const row = newRow();
    expect(judgeSlo(row, SLO)).toBeUndefined();
    fill(row, START_US, { count: 5000, requests: 100, badRequests: 0 });
    expect(judgeSlo(row, SLO)).toBeUndefined();
  });

  test('14.4 times over an hour and 5 minutes is critical, with its onset', () => {
    const row = newRow();
    const onsetUs = fill(row, START_US, { count: 3 * 24 * 60, requests: 1000, badRequests: 0 });
    // 1.44 % of an hour of 60 000 requests is 864 bad ones: at 200 a minute the fifth minute passes it.
    fill(row, onsetUs, { count: 4, requests: 1000, badRequests: 200 });
    expect(judgeSlo(row, SLO)?.rule.burnRate).not.toBe(14.4);
    addMinute(row, onsetUs + 4 * US_PER_MINUTE, { requests: 1000, badRequests: 200 });
    const finding = judgeSlo(row, SLO);
    expect(finding).toMatchObject({ onsetUs, counts: { requests: 60_000, badRequests: 1000 } });
    expect(finding?.rule).toMatchObject({ burnRate: 14.4, severity: 'critical' });
    expect(finding?.burnRate).toBeCloseTo(1000 / 60_000 / 0.001, 3);
    expect(finding?.statement.en).toBe(
      'The error budget of "pay" burns 16.7 times as fast as allowed: 1,000 of 60,000 requests failed in 1 h, 60 are allowed; 76.9 % of the budget of 30 days is left',
    );
  });

  test('the score is the log-likelihood ratio of the comment', () => {
    const row = newRow();
    fill(row, START_US, { count: 60, requests: 1000 / 3, badRequests: 5 });
    expect(judgeSlo(row, SLO)?.score).toBeCloseTo(534, 0);
  });

  test('6 times over 6 hours and 30 minutes is critical, 1 over 3 days and 6 hours a warning', () => {
    const fast = newRow();
    fill(fast, START_US, { count: 7 * 60, requests: 1000, badRequests: 7 });
    expect(judgeSlo(fast, SLO)?.rule).toMatchObject({ burnRate: 6, severity: 'critical' });
    const slow = newRow();
    fill(slow, START_US, { count: 4 * 24 * 60, requests: 1000, badRequests: 1.5 });
    expect(judgeSlo(slow, SLO)?.rule).toMatchObject({ burnRate: 1, severity: 'warning' });
  });

  test('just at the allowed rate nothing holds', () => {
    const row = newRow();
    fill(row, START_US, { count: 4 * 24 * 60, requests: 1000, badRequests: 1 });
    expect(judgeSlo(row, { ...SLO, objective: 0.999 - 1e-9 })).toBeUndefined();
  });

  test('the short window ends the alarm soon after the cause', () => {
    const row = newRow();
    const brokenUs = fill(row, START_US, { count: 6 * 60, requests: 1000, badRequests: 0 });
    const wellUs = fill(row, brokenUs, { count: 10, requests: 1000, badRequests: 500 });
    fill(row, wellUs, { count: 4, requests: 1000, badRequests: 0 });
    expect(judgeSlo(row, SLO)?.rule.burnRate).toBe(14.4);
    addMinute(row, wellUs + 4 * US_PER_MINUTE, { requests: 1000, badRequests: 0 });
    expect(judgeSlo(row, SLO)?.rule.burnRate).not.toBe(14.4);
  });

  test.each([
    ['one error among three requests', 3, 1, false],
    ['nine errors among twenty requests', 20, 9, false],
    ['ten errors among twenty requests', 20, 10, true],
  ])('%s', (_, requests, badRequests, isAlarm) => {
    const row = newRow();
    const endUs = fill(row, START_US, { count: 4 * 24 * 60, requests: 0, badRequests: 0 });
    addMinute(row, endUs, { requests, badRequests });
    expect(judgeSlo(row, SLO) !== undefined).toBe(isAlarm);
  });

  test('what was not seen yet counts as good: a blip at the start is none of three days', () => {
    const blip = newRow();
    fill(blip, START_US, { count: 10, requests: 1000, badRequests: 5 });
    expect(judgeSlo(blip, SLO)).toBeUndefined();
    const outage = newRow();
    fill(outage, START_US, { count: 1, requests: 1000, badRequests: 1000 });
    expect(judgeSlo(outage, SLO)?.rule.burnRate).toBe(14.4);
  });

  test('the onset is known to the minute within the last hour, to five within six hours', () => {
    const row = newRow();
    const fullUs = Date.parse('2026-01-05T12:00:00Z') * 1000;
    const quietMinutes = (fullUs + 7 * US_PER_MINUTE - START_US) / US_PER_MINUTE;
    const onsetUs = fill(row, START_US, { count: quietMinutes, requests: 1000, badRequests: 0 });
    fill(row, onsetUs, { count: 40, requests: 1000, badRequests: 100 });
    expect(judgeSlo(row, SLO)?.onsetUs).toBe(onsetUs);
    fill(row, onsetUs + 40 * US_PER_MINUTE, { count: 200, requests: 1000, badRequests: 100 });
    const late = judgeSlo(row, { ...SLO, objective: 0.99 });
    expect(late?.rule.burnRate).toBe(6);
    expect(late?.onsetUs).toBe(fullUs + 5 * US_PER_MINUTE);
  });

  test('an objective that cannot burn so fast is never critical in an hour', () => {
    const row = newRow();
    fill(row, START_US, { count: 400, requests: 100, badRequests: 100 });
    expect(judgeSlo(row, { ...SLO, objective: 0.93 })?.rule.burnRate).toBe(6);
    expect(judgeSlo(row, { ...SLO, objective: 0.931 })?.rule.burnRate).toBe(14.4);
  });
});

describe('sloStatusOf()', () => {
  test('before the first minute nothing is used and no rate is known', () => {
    const status = sloStatusOf(undefined, SLO);
    expect(status).toMatchObject({ requests: 0, badRequests: 0, budgetLeft: 1 });
    expect(status.burnRates.every(({ rate }) => Number.isNaN(rate))).toBe(true);
    expect(status).not.toHaveProperty('alarm');
  });

  test('the budget is what is left of the days; overspent it is below 0', () => {
    const row = newRow();
    fill(row, START_US, { count: 100, requests: 100, badRequests: 0.05 });
    expect(sloStatusOf(row, SLO).budgetLeft).toBeCloseTo(0.5, 5);
    addMinute(row, START_US + 100 * US_PER_MINUTE, { requests: 0, badRequests: 10 });
    expect(sloStatusOf(row, SLO).budgetLeft).toBeCloseTo(-0.5, 5);
  });

  test('its range is whole UTC days until now', () => {
    const row = newRow();
    addMinute(row, START_US, { requests: 1, badRequests: 0 });
    expect(sloStatusOf(row, { ...SLO, windowDays: 2 }).range).toEqual({
      fromUs: Date.parse('2025-12-31T00:00:00Z') * 1000,
      toUs: START_US + US_PER_MINUTE,
    });
  });
});
