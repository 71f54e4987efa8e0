import { describe, expect, it } from 'vitest';
import {
  isRealLimit,
  keysOfLimit,
  limitKeysOf,
  naturalLimit,
} from '../../src/detect/saturation-limits.ts';
import type { MetricSeries } from '../../src/model/span.ts';
import { seriesOf } from '../build/metric-shapes.ts';

const withAttributes = (name: string, attributes: MetricSeries['attributes'], instance = '1') => ({
  ...seriesOf(name, { instance }),
  attributes,
});
const meet = (used: MetricSeries, limit: MetricSeries) =>
  limitKeysOf(used).some((key) => keysOfLimit(limit).includes(key));

describe('limitKeysOf()', () => {
  const pool = (name: string) => ({ 'db.client.connection.pool.name': name });
  const count = 'db.client.connection.count';
  const max = 'db.client.connection.max';
  it.each([
    {
      caption: 'connections in use of the same pool',
      used: withAttributes(count, { ...pool('a'), 'db.client.connection.state': 'used' }),
      limit: withAttributes(max, pool('a')),
      isMet: true,
    },
    {
      caption: 'connections of another pool',
      used: withAttributes(count, pool('a')),
      limit: withAttributes(max, pool('b')),
      isMet: false,
    },
    {
      caption: 'connections of another process',
      used: withAttributes(count, pool('a')),
      limit: withAttributes(max, pool('a'), '2'),
      isMet: false,
    },
    {
      caption: 'idle connections',
      used: withAttributes(count, { ...pool('a'), 'db.client.connection.state': 'idle' }),
      limit: withAttributes(max, pool('a')),
      isMet: false,
    },
    {
      caption: 'a limit for all pools',
      used: withAttributes(count, pool('a')),
      limit: withAttributes(max, {}),
      isMet: true,
    },
    {
      caption: 'names of Prometheus exporters',
      used: withAttributes('process_open_fds', {}),
      limit: withAttributes('process_max_fds', {}),
      isMet: true,
    },
  ])('$caption', ({ used, limit, isMet }) => {
    expect(meet(used, limit)).toBe(isMet);
  });
});

describe('naturalLimit()', () => {
  it.each([
    ['process.cpu.utilization', '1', 1],
    ['disk.used_percent', '%', 100],
    ['process.cpu.time', 's', undefined],
  ] as const)('%s in %s is %s', (name, unit, limit) => {
    expect(naturalLimit(seriesOf(name, { unit }))).toBe(limit);
  });
});

describe('isRealLimit()', () => {
  it('takes 0 and the largest integers as none', () => {
    expect([0, 2 ** 63, 1, 2 ** 40].map(isRealLimit)).toEqual([false, false, true, true]);
  });
});
