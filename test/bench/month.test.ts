import { describe, expect, it } from 'vitest';
import { simulateMonth } from '../../src/bench/month.ts';
import { INCIDENT_KINDS, type InjectedIncident } from '../../src/bench/month-incidents.ts';
import { MINUTES_PER_DAY, MINUTES_PER_WEEK, usualTraffic } from '../../src/bench/month-world.ts';
import type { LatencySketch, Tally } from '../../src/model/tally.ts';
import { countOf, emptySketch, mergeSketches, quantileOf } from '../../src/tally/sketch.ts';

const MINUTE_US = 60_000_000;

function firstMinutes(options: { readonly seed: number; readonly count: number }) {
  const month = simulateMonth({
    seed: options.seed,
    endpointCount: 16,
    dayCount: 1,
    incidentCount: 20,
  });
  const minutes = [];
  for (const minute of month.minutes()) {
    if (minutes.length === options.count) break;
    minutes.push(minute);
  }
  return minutes;
}

describe('simulateMonth()', () => {
  it('makes the same month from the same seed, another from another', () => {
    expect(firstMinutes({ seed: 1, count: 90 })).toEqual(firstMinutes({ seed: 1, count: 90 }));
    expect(firstMinutes({ seed: 1, count: 1 })).not.toEqual(firstMinutes({ seed: 2, count: 1 }));
  });

  it('makes complete minutes in order with consistent tallies', () => {
    const minutes = firstMinutes({ seed: 4, count: 200 });
    for (const [index, { minuteUs, tallies }] of minutes.entries()) {
      expect(minuteUs).toBe(minutes[0]!.minuteUs + index * MINUTE_US);
      for (const tally of tallies) {
        expect(countOf(tally.sketch)).toBe(tally.count);
        expect(tally.errorCount).toBeLessThanOrEqual(tally.count);
      }
    }
  });

  it('follows the usual traffic, and its shape has the mean 1', () => {
    const month = simulateMonth({ seed: 6, endpointCount: 24, dayCount: 2, incidentCount: 0 });
    const seen = new Map<string, number>();
    for (const { tallies } of month.minutes()) {
      for (const { endpoint, count } of tallies) {
        seen.set(endpoint.endpointId, (seen.get(endpoint.endpointId) ?? 0) + count);
      }
    }
    const startWeekMinute = 6 * MINUTES_PER_DAY;
    for (const world of month.world.endpoints) {
      let expected = 0;
      for (let minute = 0; minute < 2 * MINUTES_PER_DAY; minute++) {
        const weekMinute = (startWeekMinute + minute) % MINUTES_PER_WEEK;
        expected += Math.exp(usualTraffic(world, { minute, weekMinute }));
      }
      const ratio = (seen.get(world.endpoint.endpointId) ?? 0) / expected;
      const chance = 4 / Math.sqrt(expected);
      expect(ratio).toBeGreaterThan(0.9 - chance);
      expect(ratio).toBeLessThan(1.15 + chance);
      const mean = world.service.shape.reduce((sum, ln) => sum + Math.exp(ln), 0);
      expect(mean / MINUTES_PER_WEEK).toBeCloseTo(1, 3);
    }
  });

  it('has endpoints of all traffic classes and steady ones beside wavy ones', () => {
    const { world } = simulateMonth({
      seed: 2,
      endpointCount: 200,
      dayCount: 28,
      incidentCount: 0,
    });
    const decades = world.endpoints.map((e) => Math.floor(Math.log10(e.requestsPerMinute)));
    for (const decade of [-1, 0, 1, 2, 3]) {
      expect(decades.filter((other) => other === decade).length).toBeGreaterThan(15);
    }
    const spans = world.services.map(({ shape }) => Math.max(...shape) - Math.min(...shape));
    expect(spans.filter((span) => span < 0.01).length).toBeGreaterThan(0);
    expect(spans.filter((span) => span > Math.log(4)).length).toBeGreaterThan(5);
    expect(world.services.flatMap(({ deploys }) => deploys).length).toBeGreaterThan(50);
    const batches = world.endpoints.flatMap(({ batch }) => (batch ? [batch.every] : []));
    expect(new Set(batches)).toEqual(new Set(['day', 'hour']));
  });
});

describe('incidents of a month', () => {
  const month = simulateMonth({ seed: 3, endpointCount: 200, dayCount: 28, incidentCount: 120 });

  it('are of all kinds, a tenth on day 1 and three tenths in the rest of the first week', () => {
    const daysOf = month.incidents.map(({ fromMinute }) => fromMinute / MINUTES_PER_DAY);
    expect(daysOf.filter((day) => day < 1)).toHaveLength(12);
    expect(daysOf.filter((day) => day >= 1 && day < 7)).toHaveLength(36);
    expect(daysOf.filter((day) => day >= 7)).toHaveLength(72);
    expect(new Set(month.incidents.map(({ kind }) => kind))).toEqual(new Set(INCIDENT_KINDS));
  });

  it('last 10 to 120 minutes, three hours apart on a service', () => {
    for (const [index, incident] of month.incidents.entries()) {
      const minutes = incident.toMinute - incident.fromMinute;
      expect(minutes).toBeGreaterThanOrEqual(10);
      expect(minutes).toBeLessThanOrEqual(120);
      for (const later of month.incidents.slice(index + 1)) {
        if (later.service !== incident.service) continue;
        expect(later.fromMinute).toBeGreaterThanOrEqual(incident.toMinute + 180);
      }
    }
  });
});

describe('incidents in the tallies', () => {
  const month = simulateMonth({ seed: 12, endpointCount: 40, dayCount: 3, incidentCount: 400 });
  const usual = simulateMonth({ seed: 12, endpointCount: 40, dayCount: 3, incidentCount: 0 });
  const [during, without] = [totalsOf(month.minutes()), totalsOf(usual.minutes())];
  const found = (kind: InjectedIncident['kind']) => {
    const incidents = month.incidents.filter(
      (incident) => incident.kind === kind && incident.requestsPerMinute > 30,
    );
    expect(incidents.length).toBeGreaterThan(0);
    return incidents.map((incident) => ({
      size: incident.size,
      minutes: incident.toMinute - incident.fromMinute,
      now: during.get(incident)!,
      usual: without.get(incident)!,
    }));
  };

  /** Of the first endpoint of each incident, while it lasts. */
  function totalsOf(minutes: Iterable<{ minuteUs: number; tallies: readonly Tally[] }>) {
    const totals = new Map<InjectedIncident, Total>();
    for (const incident of month.incidents) {
      totals.set(incident, { count: 0, errorCount: 0, sketch: emptySketch() });
    }
    for (const { minuteUs, tallies } of minutes) {
      const minute = (minuteUs - month.startUs) / MINUTE_US;
      for (const [incident, total] of totals) {
        if (minute < incident.fromMinute || minute >= incident.toMinute) continue;
        for (const tally of tallies) {
          if (!incident.endpointIds.includes(tally.endpoint.endpointId)) continue;
          total.count += tally.count;
          total.errorCount += tally.errorCount;
          if (tally.endpoint.endpointId !== incident.endpointIds[0]) continue;
          total.sketch = mergeSketches(total.sketch, tally.sketch);
        }
      }
    }
    return totals;
  }

  interface Total {
    count: number;
    errorCount: number;
    sketch: LatencySketch;
  }

  it('latency: all quantiles rise by its size', () => {
    for (const { size, now, usual } of found('latency').filter(
      ({ usual }) => countOf(usual.sketch) > 500,
    )) {
      const ratio = quantileOf(now.sketch, 0.5) / quantileOf(usual.sketch, 0.5);
      expect(Math.abs(Math.log(ratio / size))).toBeLessThan(0.3);
    }
  });

  it('ramp: the worst rises to its size, the median minute to more than half of it', () => {
    for (const { size, now, usual } of found('ramp').filter(
      ({ usual }) => countOf(usual.sketch) > 500,
    )) {
      const ratio = quantileOf(now.sketch, 0.5) / quantileOf(usual.sketch, 0.5);
      expect(ratio).toBeGreaterThan(size ** 0.4);
      expect(ratio).toBeLessThan(size * 1.2);
    }
  });

  it('tail: the slowest get slower, the median stays', () => {
    for (const { now, usual } of found('tail').filter(({ usual }) => countOf(usual.sketch) > 500)) {
      const medians = quantileOf(now.sketch, 0.5) / quantileOf(usual.sketch, 0.5);
      expect(Math.abs(Math.log(medians))).toBeLessThan(0.25);
      expect(quantileOf(now.sketch, 0.97)).toBeGreaterThan(1.4 * quantileOf(usual.sketch, 0.97));
    }
  });

  it('error: as many more fail as its size says', () => {
    for (const { size, now, usual } of found('error')) {
      const added = now.errorCount / now.count - usual.errorCount / usual.count;
      const chance = 5 / Math.sqrt(size * now.count);
      expect(Math.abs(added / size - 1)).toBeLessThan(0.05 + chance);
    }
  });

  it('surge, drop and silence: as many requests as their size says', () => {
    for (const { size, now, usual } of [...found('surge'), ...found('drop'), ...found('silence')]) {
      expect(now.count / usual.count).toBeGreaterThanOrEqual(size * 0.75);
      expect(now.count / usual.count).toBeLessThanOrEqual(size * 1.33);
    }
  });
});
