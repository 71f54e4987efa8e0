/** Anomalies near in time and in the graph become one incident. */
import { describe, expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { groupIncidents } from '../../src/detect/detect.ts';
import type { Anomaly, Incident } from '../../src/model/anomaly.ts';

const EDGES = [
  ['gateway', 'orders'],
  ['orders', 'payment'],
] as const;

function anomalyOf(service: string, minute: number): Anomaly {
  const range = { fromUs: minute * US_PER_MINUTE, toUs: (minute + 1) * US_PER_MINUTE };
  return {
    anomalyId: `${service}-${minute}`,
    kind: 'latency',
    service,
    range,
    direction: 'up',
    value: 2,
    expected: { expected: 1, low: 0, high: 1.5 },
    n: 100,
    score: 10,
    statement: { zh: '慢', en: 'slow' },
  };
}

function group(
  anomalies: readonly Anomaly[],
  open: readonly Incident[] = [],
  minute = 11,
): Incident[] {
  return groupIncidents(anomalies, open, { nowUs: minute * US_PER_MINUTE, edges: EDGES });
}

describe('groupIncidents()', () => {
  it('joins neighbours in the call graph, however they arrive', () => {
    const anomalies = [anomalyOf('gateway', 10), anomalyOf('payment', 9), anomalyOf('orders', 10)];
    for (const order of [anomalies, [...anomalies].reverse()]) {
      const incidents = group(order);
      expect(incidents).toHaveLength(1);
      expect(incidents[0]).toMatchObject({
        status: 'open',
        services: ['gateway', 'orders', 'payment'],
        onsetUs: 9 * US_PER_MINUTE,
        lastSeenUs: 11 * US_PER_MINUTE,
      });
    }
  });

  it('keeps apart what no call connects', () => {
    expect(group([anomalyOf('gateway', 10), anomalyOf('billing', 10)])).toHaveLength(2);
  });

  it('keeps apart what is far in time', () => {
    expect(group([anomalyOf('orders', 0), anomalyOf('orders', 30)], [], 31)).toHaveLength(2);
  });

  it('adds to an open incident and keeps its name and report', () => {
    const [first] = group([anomalyOf('orders', 10)]);
    const reported = { ...first!, reportId: 'r1' };
    const [grown, ...others] = group([anomalyOf('payment', 14)], [reported], 15);
    expect(others).toEqual([]);
    expect(grown).toMatchObject({ incidentId: first?.incidentId, reportId: 'r1', status: 'open' });
    expect(grown?.services).toEqual(['orders', 'payment']);
  });

  it('sees the same anomaly twice without counting it twice', () => {
    const open = group([anomalyOf('orders', 10)]);
    expect(group([anomalyOf('orders', 10)], open)).toEqual(open);
  });

  it('closes an incident that brings no news, and starts a new one later', () => {
    const open = group([anomalyOf('orders', 10)]);
    const [closed] = group([], open, 40);
    expect(closed?.status).toBe('closed');
    const later = group([anomalyOf('orders', 60)], [closed!], 61);
    expect(later.map(({ status }) => status)).toEqual(['closed', 'open']);
  });

  it('returns nothing for nothing', () => {
    expect(group([])).toEqual([]);
  });
});
