/** Bands hold what is normal, widen with ignorance, and do not learn from incidents. */
import { describe, expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { learnBaselines } from '../../src/baseline/baseline.ts';
import type { EndpointBaseline } from '../../src/model/baseline.ts';
import type { Tally } from '../../src/model/tally.ts';
import { quantileOf } from '../../src/tally/sketch.ts';
import { createRandom, shuffled } from '../build/random.ts';
import { type EndpointLoad, tallyMinutes } from '../build/tally.ts';

const LOAD: EndpointLoad = {
  service: 'bot',
  operation: 'POST /chat',
  requestsPerMinute: 60,
  medianUs: 100_000,
  errorRatio: 0.01,
};

function minutesOf(load: EndpointLoad, minutes: number, seed = 1): Tally[] {
  return tallyMinutes(load, { random: createRandom(seed), fromUs: 0, minutes });
}

function learnOne(tallies: readonly Tally[], minutes: number): EndpointBaseline {
  const [baseline] = [...learnBaselines(tallies, { source: 'own', minutes }).values()];
  if (baseline === undefined) throw new Error('no baseline was learned');
  return baseline;
}

describe('learnBaselines()', () => {
  it('finds the level of latency, errors and rate and says on how much it stands', () => {
    const tallies = minutesOf(LOAD, 60);
    const baseline = learnOne(tallies, 60);
    expect(baseline.source).toBe('own');
    expect(baseline.minutes).toBe(60);
    expect(baseline.requests).toBe(tallies.reduce((sum, { count }) => sum + count, 0));
    expect(baseline.latencyUsP50.expected / 100_000).toBeCloseTo(1, 1);
    expect(baseline.latencyUsP95.expected / (100_000 * Math.exp(1.645 * 0.3))).toBeCloseTo(1, 1);
    expect(baseline.errorRatio.expected).toBeLessThan(0.02);
    expect(baseline.requestsPerMinute.expected).toBeGreaterThan(55);
    expect(baseline.requestsPerMinute.expected).toBeLessThan(65);
    expect(baseline.reason.en).toContain('60 minutes');
    expect(baseline.reason.zh).toContain('60 分钟');
  });

  it('holds nearly all minutes of the same traffic in its bands', () => {
    const baseline = learnOne(minutesOf(LOAD, 60), 60);
    const later = minutesOf(LOAD, 500, 2);
    const isOutside = ({ sketch, count }: Tally): boolean =>
      quantileOf(sketch, 0.5) > baseline.latencyUsP50.high ||
      quantileOf(sketch, 0.95) > baseline.latencyUsP95.high ||
      count > baseline.requestsPerMinute.high ||
      count < baseline.requestsPerMinute.low;
    expect(later.filter(isOutside).length).toBeLessThanOrEqual(2);
  });

  it('narrows as it sees more minutes', () => {
    const widthOf = (minutes: number): number => {
      const { latencyUsP95 } = learnOne(minutesOf(LOAD, minutes), minutes);
      return latencyUsP95.high / latencyUsP95.low;
    };
    expect(widthOf(120)).toBeLessThan(widthOf(12));
    expect(widthOf(12)).toBeLessThan(widthOf(1));
  });

  it('does not learn from an incident inside the period', () => {
    const healthy = minutesOf(LOAD, 60);
    const bad = minutesOf({ ...LOAD, medianUs: 3_000_000, errorRatio: 0.5 }, 10, 3).map(
      (tally) => ({
        ...tally,
        minuteUs: tally.minuteUs + 20 * US_PER_MINUTE,
      }),
    );
    const mixed = [
      ...healthy.filter(({ minuteUs }) => !bad.some((other) => other.minuteUs === minuteUs)),
      ...bad,
    ];
    const clean = learnOne(healthy, 60);
    const learned = learnOne(mixed, 60);
    expect(learned.latencyUsP95.high).toBeLessThan(1.2 * clean.latencyUsP95.high);
    expect(learned.errorRatio.high).toBeLessThan(1.5 * clean.errorRatio.high);
    expect(learned.reason.en).toContain('10 odd minutes left out');
  });

  it('accepts what fills more than half of the period as the way things are', () => {
    const slow = minutesOf({ ...LOAD, medianUs: 3_000_000 }, 40, 3).map((tally) => ({
      ...tally,
      minuteUs: tally.minuteUs + 20 * US_PER_MINUTE,
    }));
    const { latencyUsP50 } = learnOne([...minutesOf(LOAD, 20), ...slow], 60);
    expect(latencyUsP50.expected).toBeGreaterThan(1_000_000);
  });

  it('borrows its width from the service when its own minutes are few', () => {
    const rare = { ...LOAD, operation: 'POST /rare', requestsPerMinute: 10, medianUs: 2000 };
    const baselines = learnBaselines([...minutesOf(LOAD, 60), ...minutesOf(rare, 3, 5)], {
      source: 'own',
      minutes: 60,
    });
    const [borrowed] = [...baselines.values()].filter(
      ({ endpoint }) => endpoint.operation === 'POST /rare',
    );
    expect(borrowed?.source).toBe('service');
    expect(borrowed?.latencyUsP50.expected).toBeLessThan(4000);
    expect(borrowed?.reason.en).toContain('other endpoints of the service');
  });

  it('draws the error ratio of a new endpoint towards its service', () => {
    const fresh = { ...LOAD, operation: 'POST /new', requestsPerMinute: 2, errorRatio: 0 };
    const noisy = { ...LOAD, errorRatio: 0.3 };
    const baselines = learnBaselines([...minutesOf(noisy, 60), ...minutesOf(fresh, 1, 5)], {
      source: 'own',
      minutes: 60,
    });
    const [band] = [...baselines.values()]
      .filter(({ endpoint }) => endpoint.operation === 'POST /new')
      .map(({ errorRatio }) => errorRatio);
    expect(band?.expected).toBeGreaterThan(0.15);
    expect(band?.high).toBeGreaterThan(0.4);
  });

  it('counts minutes without traffic within the lifetime as zero', () => {
    const sparse = minutesOf({ ...LOAD, requestsPerMinute: 30 }, 60).filter(
      (_, minute) => minute % 3 === 0,
    );
    expect(learnOne(sparse, 60).requestsPerMinute.expected).toBeLessThan(15);
  });

  it('counts a period that is shorter than the minutes it touches by its true length', () => {
    // 40 s over two calendar minutes, 20 and 10 requests of them: 45 a minute, not 15.
    const [first, second] = minutesOf(LOAD, 2);
    const tallies = [
      { ...first!, count: 20, errorCount: 0 },
      { ...second!, count: 10, errorCount: 0 },
    ];
    expect(learnOne(tallies, 40 / 60).requestsPerMinute.expected).toBeCloseTo(45, 6);
  });

  it('does not count minutes before an endpoint was born', () => {
    const young = minutesOf(LOAD, 10).map((tally) => ({
      ...tally,
      minuteUs: tally.minuteUs + 50 * US_PER_MINUTE,
    }));
    expect(learnOne(young, 60).requestsPerMinute.expected).toBeGreaterThan(50);
  });

  it.each(['given', 'hour-before'] as const)(
    'keeps the source "%s" of a named period',
    (source) => {
      const [baseline] = [...learnBaselines(minutesOf(LOAD, 1), { source, minutes: 1 }).values()];
      expect(baseline?.source).toBe(source);
    },
  );

  it('gives finite, ordered bands for one request, for none, and for extreme values', () => {
    expect(learnBaselines([], { source: 'own', minutes: 60 }).size).toBe(0);
    const loads = [
      { ...LOAD, requestsPerMinute: 1 },
      { ...LOAD, medianUs: 0 },
      { ...LOAD, medianUs: 1e12, sigma: 3, errorRatio: 1 },
    ];
    for (const load of loads) {
      for (const minutes of [1, 30]) {
        for (const baseline of learnBaselines(minutesOf(load, minutes), {
          source: 'own',
          minutes,
        }).values()) {
          const { latencyUsP50, latencyUsP95, errorRatio, requestsPerMinute } = baseline;
          for (const band of [latencyUsP50, latencyUsP95, errorRatio, requestsPerMinute]) {
            expect(Number.isFinite(band.high)).toBe(true);
            expect(band.low).toBeLessThanOrEqual(band.expected);
            expect(band.high).toBeGreaterThanOrEqual(band.expected);
          }
        }
      }
    }
  });

  it('does not depend on the order of tallies', () => {
    const tallies = [
      ...minutesOf(LOAD, 30),
      ...minutesOf({ ...LOAD, operation: 'GET /me' }, 30, 9),
    ];
    const learn = (list: readonly Tally[]) =>
      JSON.stringify([...learnBaselines(list, { source: 'own', minutes: 30 })]);
    expect(learn(shuffled(tallies, createRandom(4)))).toBe(learn(tallies));
  });
});
