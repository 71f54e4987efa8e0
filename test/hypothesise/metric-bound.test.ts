/** What a share of a limit means, and gauges of one resource that contradict each other. */
import { describe, expect, it } from 'vitest';
import { boundOf, doubtedShares, rivalSeries } from '../../src/hypothesise/metric-bound.ts';
import { namedMeaning } from '../../src/hypothesise/metric-meaning.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { buildSeries } from '../build/span-table.ts';

function boundNamed(name: string, unit = '1', most = 0.5) {
  const meaning = namedMeaning(name);
  return meaning && boundOf({ name, unit }, { meaning, most });
}

describe('boundOf()', () => {
  it('reckons with the stay in a queue', () => {
    const bound = boundNamed('k8s.pod.cpu_limit_utilization');
    const slowdown = (from: number, to: number) =>
      Math.exp(bound!.logSlowdown(to) - bound!.logSlowdown(from));
    expect(slowdown(0.01, 0.03)).toBeCloseTo(1.02, 2);
    expect(slowdown(0.1, 0.9)).toBeCloseTo(9, 6);
    expect(slowdown(0, 1)).toBeCloseTo(100, 6);
  });

  it.each<
    readonly [name: string, unit: string, most: number, isBound: boolean, hurtsWhenFull: boolean]
  >([
    ['k8s.pod.cpu_limit_utilization', '1', 1, true, false],
    ['container.cpu.utilization', '%', 97, true, false],
    ['nodejs.eventloop.utilization', '1', 0.9, true, false],
    ['k8s.pod.memory_limit_utilization', '1', 0.9, true, true],
    ['k8s.node.cpu.utilization', '1', 0.9, true, true],
    ['process.cpu.utilization', '1', 3.2, false, false],
    ['k8s.pod.cpu.usage', 'm', 500, false, false],
    ['rpc.server.duration.p99', 's', 0.5, false, false],
  ])('%s in %s up to %f: bound %s, hurts only when full %s', (name, unit, most, isBound, hurts) => {
    const bound = boundNamed(name, unit, most);
    expect(bound !== undefined).toBe(isBound);
    if (bound) expect(bound.hurtsWhenFull).toBe(hurts);
  });
});

describe('gauges of one resource', () => {
  const gauge = (name: string, value: number, service = 'cart'): SeriesWindow =>
    buildSeries({ name, service, values: [value] });
  const before = [gauge('pod.cpu.usage', 20), gauge('pod.cpu_utilization', 0.2)];
  const earlier = new Map(before.map((series) => [series.seriesId, series]));

  it('rivalSeries() prefers the share of the limit to the bare amount', () => {
    const all = [...before, gauge('pod.cpu.usage', 30, 'front')];
    expect(rivalSeries(all)).toEqual(['cart/pod.cpu.usage']);
  });

  it.each<readonly [caption: string, use: number, isDoubted: boolean]>([
    ['when the use fell', 10, true],
    ['when the use stayed', 21, true],
    ['not when the use grew as well', 90, false],
  ])('doubtedShares() doubts a share that grew %s', (_caption, use, isDoubted) => {
    const now = [gauge('pod.cpu.usage', use), gauge('pod.cpu_utilization', 0.8)];
    expect(doubtedShares(now, earlier).has('cart/pod.cpu_utilization')).toBe(isDoubted);
  });
});
