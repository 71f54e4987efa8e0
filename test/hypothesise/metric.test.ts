/**
 * Which gauges make a resource a suspect: those that show a shortage of it, not those that count what is lent
 * out, nor waits too short to matter.
 */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { hypothesise } from '../../src/hypothesise/hypothesise.ts';
import type { CauseKind } from '../../src/model/hypothesis.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { shopTraffic } from '../build/shop.ts';
import { buildCollected, buildSeries, REFERENCE_RANGE, WINDOW_RANGE } from '../build/span-table.ts';

const NO_RULES = {
  rulebook: { rules: [], rulesHash: '' },
  probes: { services: {}, timeoutMs: 5000 },
};

interface Gauge {
  readonly name: string;
  readonly before: number;
  readonly now: number;
  readonly unit?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

const USED = { 'db.client.connection.state': 'used', 'db.client.connection.pool.name': 'p' };
const IDLE = { ...USED, 'db.client.connection.state': 'idle' };
const POOL = { 'db.client.connection.pool.name': 'p' };
const OTHER_POOL = { 'db.client.connection.pool.name': 'q' };

function seriesOf({ name, unit, attributes }: Gauge, values: readonly number[]): SeriesWindow {
  const series = buildSeries({ name, service: 'payment', values, unit: unit ?? '' });
  const own = attributes ?? {};
  return { ...series, attributes: own, seriesId: `${name} ${JSON.stringify(own)}` };
}

/** Kinds of cause that a window suspects whose payments take 100 ms longer. */
function kindsSuspected(gauges: readonly Gauge[]): readonly CauseKind[] {
  const traffic = (seed: number, fromUs: number, addUs: number) =>
    shopTraffic({
      seed,
      requests: 100,
      fromUs,
      fault: ({ service }) => (service === 'payment' ? { addUs } : undefined),
    });
  const many = (value: number) => Array.from({ length: 10 }, () => value);
  const collected = buildCollected({
    window: {
      spans: traffic(2, WINDOW_RANGE.fromUs, 100_000),
      series: gauges.map((gauge) => seriesOf(gauge, many(gauge.now))),
    },
    reference: {
      spans: traffic(1, REFERENCE_RANGE.fromUs, 0),
      series: gauges.map((gauge) => seriesOf(gauge, many(gauge.before))),
    },
  });
  const found = hypothesise({ ...collected, clustering: clusterSpans(collected) }, NO_RULES);
  return found.map(({ kind }) => kind);
}

const COUNT = 'db.client.connection.count';
const MAX = { name: 'db.client.connection.max', before: 16, now: 16, attributes: POOL };

describe('suspectMetrics() suspects a pool', () => {
  it.each<readonly [caption: string, gauges: readonly Gauge[]]>([
    [
      'when requests queue for it',
      [{ name: 'db.client.connection.pending_requests', before: 0, now: 12 }],
    ],
    [
      'when HikariCP has threads pending',
      [{ name: 'hikaricp_connections_pending', before: 0, now: 3 }],
    ],
    ['when waits time out', [{ name: 'db.client.connection.timeouts', before: 0, now: 4 }]],
    [
      'when the wait is as long as the delay',
      [{ name: 'db.client.connection.wait_time', unit: 's', before: 0.001, now: 0.1 }],
    ],
    ['when all of it is lent out', [{ name: COUNT, before: 3, now: 16, attributes: USED }, MAX]],
    [
      'when all of it is lent out, in the names of Prometheus',
      [
        { name: 'hikaricp_connections_active', before: 2, now: 10 },
        { name: 'hikaricp_connections_max', before: 10, now: 10 },
      ],
    ],
  ])('%s', (_caption, gauges) => {
    expect(kindsSuspected(gauges)).toContain('pool');
  });
});

describe('suspectMetrics() suspects no pool', () => {
  it.each<readonly [caption: string, gauges: readonly Gauge[]]>([
    ['when more of it lies idle', [{ name: COUNT, before: 2, now: 8, attributes: IDLE }, MAX]],
    [
      'when more is lent out, far below the limit',
      [{ name: COUNT, before: 3, now: 9, attributes: USED }, MAX],
    ],
    ['just below the limit', [{ name: COUNT, before: 3, now: 14, attributes: USED }, MAX]],
    ['when its limit is unknown', [{ name: COUNT, before: 3, now: 9, attributes: USED }]],
    [
      'when the limit is another pool’s',
      [
        { name: COUNT, before: 3, now: 16, attributes: USED },
        { ...MAX, attributes: OTHER_POOL },
      ],
    ],
    ['when it was made larger', [{ name: 'db.client.connection.max', before: 10, now: 40 }]],
    [
      'when loans last longer',
      [{ name: 'db.client.connection.use_time', unit: 's', before: 0.01, now: 0.5 }],
    ],
    [
      'when the wait doubled to next to nothing',
      [{ name: 'db.client.connection.wait_time', unit: 's', before: 0.0003, now: 0.0008 }],
    ],
  ])('%s', (_caption, gauges) => {
    expect(kindsSuspected(gauges)).not.toContain('pool');
  });
});

describe('suspectMetrics() suspects the event loop', () => {
  const LAG = { name: 'nodejs.eventloop.delay.p99', unit: 's', before: 0.0005 };

  it.each<readonly [caption: string, gauge: Gauge, isSuspected: boolean]>([
    ['when events wait as long as the delay', { ...LAG, now: 0.1 }, true],
    ['not when they wait a twentieth of it', { ...LAG, now: 0.004 }, false],
    [
      'when it is busy',
      { name: 'nodejs.eventloop.utilization', unit: '1', before: 0.2, now: 0.95 },
      true,
    ],
  ])('%s', (_caption, gauge, isSuspected) => {
    expect(kindsSuspected([gauge]).includes('event-loop')).toBe(isSuspected);
  });
});
