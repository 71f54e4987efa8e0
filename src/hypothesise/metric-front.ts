/**
 * How much of the front's time a service's extra latency could make up at most, by gauges: where neither noise
 * nor trouble at the front is known, a jump that costs requests next to nothing is hardly why they are slow.
 */
import { US_PER_MS } from '../base/time.ts';
import type { SeriesWindow } from '../model/window.ts';
import { msFactorOf } from '../rulebook/metric-name.ts';
import type { Facts } from './facts.ts';
import { readPeriod, requestRoleOf, statisticOf } from './metric-requests.ts';

/** 1 where it cannot be told, and for the front's own latency. */
export type FrontShare = (series: SeriesWindow, grown: number) => number;

export function createFrontShare({ clustered, calleesOf }: Facts): FrontShare {
  const requests = readPeriod(clustered.window, 'server');
  const called = new Set([...calleesOf.values()].flatMap((callees) => [...callees]));
  const asked = clustered.request.scope.service;
  const fronts = [...requests.values()].filter(({ service }) =>
    asked === undefined ? calleesOf.has(service) && !called.has(service) : service === asked,
  );
  const isFront = new Set(fronts.map(({ service }) => service));
  return (series, grown) => {
    if (requestRoleOf(series) !== 'latency' || isFront.has(series.service)) return 1;
    const statistic = statisticOf(series);
    const spentUs = fronts.reduce(
      (sum, { latencyUs, count }) => sum + latencyUs[statistic][0]! * count[0]!,
      0,
    );
    const count = requests.get(series.service)?.count[0] ?? Number.NaN;
    const extraUs = grown * msFactorOf(series) * US_PER_MS * count;
    return spentUs > 0 && Number.isFinite(extraUs) ? Math.min(1, extraUs / spentUs) : 1;
  };
}
