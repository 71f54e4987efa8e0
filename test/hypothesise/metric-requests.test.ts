/** Requests, failures and latencies as the metrics of different exporters state them. */
import { describe, expect, it } from 'vitest';
import { gridOf, readRequests, requestRoleOf } from '../../src/hypothesise/metric-requests.ts';
import type { SeriesWindow, WindowData } from '../../src/model/window.ts';
import { buildCollected, buildSeries } from '../build/span-table.ts';

function dataOf(series: readonly SeriesWindow[]): WindowData {
  return buildCollected({ window: { series } }).window;
}

function requestsOf(series: readonly SeriesWindow[], service = 'shop') {
  const data = dataOf(series);
  const grid = gridOf(data, new Set([service]));
  return grid && readRequests(data, grid).get(service);
}

const HISTOGRAM = {
  name: 'http.server.request.duration',
  service: 'shop',
  unit: 's',
  kind: 'histogram',
} as const;

describe('requestRoleOf()', () => {
  it.each<readonly [name: string, role: string | undefined]>([
    ['latency.p99', 'latency'],
    ['http.server.request.duration', 'latency'],
    ['availability.average', 'availability'],
    ['http_requests_total', 'requests'],
    ['rpc.server.requests', 'requests'],
    ['request.errors', 'failures'],
    ['http.client.request.duration', undefined],
    ['http.server.active_requests', undefined],
    ['jvm.gc.duration', undefined],
    ['db.client.connection.wait_time', undefined],
    ['process.cpu.time', undefined],
  ])('%s is %s', (name, role) => {
    expect(requestRoleOf({ name, kind: 'gauge' })).toBe(role);
  });
});

describe('readRequests()', () => {
  it('adds up the routes of a histogram and knows the failed ones by their attributes', () => {
    const fine = {
      ...buildSeries({ ...HISTOGRAM, values: [0.1, 0.2] }),
      observationCounts: Float64Array.of(90, 60),
    };
    const failed = {
      ...buildSeries({ ...HISTOGRAM, values: [0.5, 0.2] }),
      seriesId: 'failed',
      attributes: { 'http.response.status_code': 503 },
      observationCounts: Float64Array.of(10, 60),
    };
    const slots = requestsOf([fine, failed]);
    expect([...slots!.count]).toEqual([100, 120]);
    expect([...slots!.failedShare]).toEqual([0.1, 0.5]);
    expect(slots!.latencyUs.mean[0]).toBeCloseTo(140_000, 6);
  });

  it('counts a rate over the time that it holds', () => {
    const rate = buildSeries({
      name: 'rpc.server.requests',
      service: 'shop',
      unit: '{request}/s',
      values: [2, 3],
    });
    expect([...requestsOf([rate])!.count]).toEqual([120, 180]);
  });

  it('turns availability round', () => {
    const series = buildSeries({
      name: 'availability.average',
      service: 'shop',
      unit: '%',
      values: [100, 97],
    });
    expect(requestsOf([series])!.failedShare[1]).toBeCloseTo(0.03, 9);
  });

  it('leaves out what cannot be: a negative latency, more than all', () => {
    const latency = buildSeries({
      name: 'latency.average',
      service: 'shop',
      unit: 's',
      values: [0.1, -0.1],
    });
    const share = buildSeries({
      name: 'availability',
      service: 'shop',
      unit: '%',
      values: [100, 180],
    });
    const count = buildSeries({ name: 'requests.sum', service: 'shop', values: [5, 6] });
    const slots = requestsOf([latency, share, count]);
    expect([...slots!.count]).toEqual([5, 6]);
    expect(slots!.latencyUs.mean[0]).toBeNaN();
    expect(slots!.failedShare[0]).toBeNaN();
  });
});
