import { describe, expect, it } from 'vitest';
import { US_PER_HOUR, US_PER_MINUTE } from '../../src/base/time.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { MetricSeries } from '../../src/model/span.ts';
import { createMetricWatch, type MetricWatch } from '../../src/pipeline/metric-watch.ts';
import {
  dailyTraffic,
  NORMAL_SHAPES,
  normalSeries,
  poisson,
  type Shape,
  sawtooth,
  seriesOf,
} from '../build/metric-shapes.ts';
import { createRandom } from '../build/random.ts';

/** A Thursday's midnight. */
const START_US = Date.UTC(2026, 0, 1) * 1000;
const HOUR = 60;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;

interface Fed {
  readonly series: MetricSeries;
  readonly next: (minute: number) => number | undefined;
}

interface Told {
  readonly minute: number;
  readonly anomaly: Anomaly;
}

/** Minutes [from, to) of levels; what was told, in order. */
function feed(
  watch: MetricWatch,
  fed: readonly Fed[],
  { from = 0, to }: { readonly from?: number; readonly to: number },
): Told[] {
  const told: Told[] = [];
  for (let minute = from; minute < to; minute++) {
    const values = fed.flatMap(({ series, next }) => {
      const value = next(minute);
      return value === undefined ? [] : [{ series, measure: 'level' as const, value, n: 1 }];
    });
    for (const anomaly of watch.step({ minuteUs: START_US + minute * US_PER_MINUTE, values })) {
      told.push({ minute, anomaly });
    }
  }
  return told;
}

const feedOne = (series: MetricSeries, next: Fed['next'], days: number) =>
  feed(createMetricWatch(), [{ series, next }], { to: days * DAY });

const lives = (told: readonly Told[]) =>
  told.map(({ anomaly: { kind, status, end } }) => [kind, end ?? status].join(' '));

const heap = seriesOf('v8js.memory.heap.used', { unit: 'By' });
const cpu = seriesOf('process.cpu.utilization', { unit: '1' });
const pool = seriesOf('db.client.connection.count', { unit: '{connection}' });
const poolMax = seriesOf('db.client.connection.max', { unit: '{connection}' });

function heapShape(seed: number): Shape {
  return sawtooth(createRandom(seed), { floor: 200 * MIB, swing: 150 * MIB, periodMinutes: 10 });
}

const minutesAfter = (minute: number, begin: number) => Math.max(0, minute - begin);

describe('createMetricWatch() on healthy series', () => {
  it('tells nothing in 14 days of 45 series of 15 kinds', () => {
    const fed = normalSeries(createRandom(11), 45);
    expect(feed(createMetricWatch(), fed, { to: 14 * DAY })).toEqual([]);
  }, 120_000);

  it.each([
    { caption: 'a CPU that goes from 1 to 2 %', series: cpu, from: 0.01, to: 0.02 },
    { caption: 'a gauge that was always 0 and is 1', series: seriesOf('q'), from: 0, to: 1 },
    { caption: 'memory that falls by half', series: heap, from: 400 * MIB, to: 200 * MIB },
  ])('does not care about $caption', ({ series, from, to }) => {
    expect(feedOne(series, (minute) => (minute < 3 * DAY ? from : to), 5)).toEqual([]);
  });

  it('keeps no more rows than it may, and says so', () => {
    const watch = createMetricWatch({ rowsMax: 2 });
    const fed = ['1', '2', '3'].map((instance) => ({
      series: seriesOf('m', { instance }),
      next: () => 1,
    }));
    feed(watch, fed, { to: 2 });
    expect([watch.state.size, watch.leftOutCount]).toEqual([2, 1]);
    watch.step({ minuteUs: START_US + 2 * US_PER_MINUTE, values: [], leftOutCount: 5 });
    expect(watch.leftOutCount).toBe(5);
  });

  it('gives the row of a series that is gone to another one', () => {
    const watch = createMetricWatch({ rowsMax: 1 });
    feed(watch, [{ series: seriesOf('old'), next: (minute) => (minute === 0 ? 1 : undefined) }], {
      to: 27 * HOUR,
    });
    feed(watch, [{ series: seriesOf('new'), next: () => 1 }], {
      from: 27 * HOUR,
      to: 27 * HOUR + 1,
    });
    expect([...watch.state.entries()].map(([name]) => name)).toEqual(['new-1/level']);
  });
});

describe('createMetricWatch() on jumps', () => {
  const begin = 5 * DAY + 14 * HOUR;
  it.each([1, 2, 3])(
    'finds a tripled CPU within 5 min and follows it to its end (seed %i)',
    (seed) => {
      const { next } = NORMAL_SHAPES['dailyCpu']!(createRandom(77 * seed));
      const isOn = (minute: number) => minute >= begin && minute < begin + 30;
      const all = feedOne(cpu, (minute) => next(minute) * (isOn(minute) ? 3 : 1), 6);
      const told = all.filter((one) => one.anomaly.kind === 'metric');
      expect(lives(told).filter((life) => life !== 'metric open')).toEqual(['metric recovered']);
      const { minute, anomaly } = told[0]!;
      expect(minute - begin).toBeLessThan(6);
      expect(anomaly).toMatchObject({
        kind: 'metric',
        status: 'open',
        direction: 'up',
        metric: cpu.name,
      });
      expect(Math.abs(anomaly.range.fromUs - START_US - begin * US_PER_MINUTE)).toBeLessThanOrEqual(
        US_PER_MINUTE,
      );
      expect(told.at(-1)!.minute - begin).toBeLessThan(40);
    },
  );

  it('takes what lasts for a day as the new normal, once', () => {
    const workers = seriesOf('worker.count');
    const told = feedOne(workers, (minute) => (minute < 2 * DAY ? 20 : 60), 5);
    expect(lives(told)).toEqual(['metric open', 'metric accepted']);
    expect(told[0]!.anomaly.expected).toMatchObject({ expected: 20, high: 25 });
  });

  it('finds workers that are gone: a fall is no good news everywhere', () => {
    const told = feedOne(seriesOf('worker.count'), (minute) => (minute < 2 * DAY ? 20 : 8), 2.1);
    expect(told.map(({ anomaly }) => anomaly.direction)).toEqual(['down']);
  });

  it('closes an anomaly whose series says nothing any more', () => {
    const isSilent = (minute: number) => minute > 2 * DAY + 20;
    const next = (minute: number) => (isSilent(minute) ? undefined : minute < 2 * DAY ? 20 : 60);
    const told = feedOne(seriesOf('worker.count'), next, 2.5);
    expect(lives(told)).toEqual(['metric open', 'metric gone']);
    expect(told[1]!.minute).toBe(2 * DAY + 20 + 122);
  });
});

describe('createMetricWatch() on leaks', () => {
  const begin = 3 * DAY;
  const leakOf = (share: number) => (minute: number) =>
    (share * 200 * MIB * minutesAfter(minute, begin)) / HOUR;

  it.each([
    { share: 0.1, hoursMax: 5 },
    { share: 0.03, hoursMax: 12 },
  ])('finds a heap whose low points grow by $share an hour', ({ share, hoursMax }) => {
    for (const seed of [1, 2, 3]) {
      const shape = heapShape(seed);
      const leak = leakOf(share);
      const told = feedOne(heap, (minute) => shape(minute) + leak(minute), 4);
      const drift = told.find(({ anomaly }) => anomaly.kind === 'drift');
      expect((drift?.minute ?? Number.NaN) - begin).toBeLessThanOrEqual(hoursMax * HOUR);
      expect(drift?.anomaly.picture?.values).toHaveLength(48);
    }
  });

  it('finds a leak that is as old as the process, once a day is over, and that it was released', () => {
    const shape = heapShape(4);
    const next = (minute: number) => shape(minute) + 0.5 * MIB * (minute % (33 * HOUR));
    const told = feedOne(heap, next, 1.5).filter(({ anomaly }) => anomaly.kind === 'drift');
    expect(lives(told).filter((life) => life !== 'drift open')).toEqual(['drift recovered']);
    expect(told[0]!.minute).toBe(30 * HOUR);
    expect(told.at(-1)!.minute - 33 * HOUR).toBeLessThan(10);
  });
});

describe('createMetricWatch() on limits', () => {
  it.each([1, 2])('foresees a disk that will be full (seed %i)', (seed) => {
    const { next, name, unit } = NORMAL_SHAPES['disk']!(createRandom(seed));
    const begin = 3 * DAY + 10 * HOUR;
    const filled = (minute: number) => (0.2 * minutesAfter(minute, begin)) / HOUR;
    const told = feedOne(
      seriesOf(name, { unit }),
      (minute) => Math.min(1, next(minute) + filled(minute)),
      4,
    );
    const { minute, anomaly } = told.find((one) => one.anomaly.kind === 'saturation')!;
    expect(minute - begin).toBeLessThan(HOUR);
    expect(anomaly.expected.high).toBe(1);
    expect(anomaly.value).toBeLessThan(0.95);
    expect(anomaly.statement.en).toMatch(
      /^system\.filesystem\.utilization of bot is .* reaches its limit of 1 in about/,
    );
  });

  it('foresees a pool of which connections are not given back, by the limit that another metric states', () => {
    const random = createRandom(5);
    const begin = 4 * DAY;
    const leaked = (minute: number) => (60 * minutesAfter(minute, begin)) / HOUR;
    const next = (minute: number) =>
      Math.min(100, poisson(random, 30 * (0.1 + 0.9 * dailyTraffic(minute))) + leaked(minute));
    const fed = [
      { series: pool, next },
      { series: poolMax, next: () => 100 },
    ];
    const told = feed(createMetricWatch(), fed, { to: begin + 2 * HOUR });
    const first = told.find(({ anomaly }) => anomaly.kind === 'saturation');
    expect((first?.minute ?? Number.NaN) - begin).toBeLessThan(75);
    expect(first?.anomaly.seriesId).toBe(pool.seriesId);
  });

  it('knows no limit that nobody states any more', () => {
    const next = (minute: number) => Math.min(100, 20 + minutesAfter(minute, 2 * DAY));
    const stated = (minute: number) => (minute < 2 * DAY - 3 * HOUR ? 100 : undefined);
    const fed = [
      { series: pool, next },
      { series: poolMax, next: stated },
    ];
    const kinds = feed(createMetricWatch(), fed, { to: 2 * DAY + 2 * HOUR }).map(
      ({ anomaly }) => anomaly.kind,
    );
    expect(kinds).not.toContain('saturation');
    const always = [fed[0]!, { series: poolMax, next: () => 100 }];
    const wanted = feed(createMetricWatch(), always, { to: 2 * DAY + 2 * HOUR });
    expect(wanted.map(({ anomaly }) => anomaly.kind)).toContain('saturation');
  });

  it('sees a pool that was emptied at once', () => {
    const random = createRandom(6);
    const next = (minute: number) => (minute < 2 * DAY ? poisson(random, 10) : 100);
    const fed = [
      { series: pool, next },
      { series: poolMax, next: () => 100 },
    ];
    const told = feed(createMetricWatch(), fed, { to: 2 * DAY + 20 });
    expect(lives(told).sort()).toEqual(['metric open', 'saturation open']);
  });
});

describe('createMetricWatch() after a restart', () => {
  it('goes on as if there had been none', () => {
    const shapeOf = () => {
      const shape = heapShape(9);
      return (minute: number) => shape(minute) + (20 * MIB * minutesAfter(minute, 2 * DAY)) / HOUR;
    };
    const to = 3 * DAY;
    const whole = feed(createMetricWatch(), [{ series: heap, next: shapeOf() }], { to });
    const cut = 2 * DAY + 9 * HOUR;
    const fed = [{ series: heap, next: shapeOf() }];
    const first = createMetricWatch();
    const toldBefore = feed(first, fed, { to: cut });
    const second = createMetricWatch();
    for (const chunk of [0, 1]) second.state.decode(first.state.encode(chunk, 2));
    const open = new Map(toldBefore.map(({ anomaly }) => [anomaly.anomalyId, anomaly]));
    second.resume([...open.values()].filter(({ status }) => status === 'open'));
    const toldAfter = feed(second, fed, { from: cut, to });
    expect(toldBefore.some(({ anomaly }) => anomaly.kind === 'drift')).toBe(true);
    expect(lives([...toldBefore, ...toldAfter])).toEqual(lives(whole));
    expect(toldAfter.at(-1)?.anomaly).toEqual(whole.at(-1)?.anomaly);
  });

  it('closes what it knows of and never hears of again', () => {
    const told = feedOne(seriesOf('worker.count'), (minute) => (minute < 2 * DAY ? 20 : 60), 2.01);
    const watch = createMetricWatch();
    watch.resume(told.map(({ anomaly }) => anomaly));
    const laterUs = told[0]!.anomaly.range.toUs + 3 * US_PER_HOUR;
    const closed = watch.step({ minuteUs: laterUs - (laterUs % US_PER_MINUTE), values: [] });
    expect(closed.map(({ status, end }) => [status, end])).toEqual([['closed', 'gone']]);
  });
});
