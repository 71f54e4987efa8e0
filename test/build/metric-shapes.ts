/** Metric series for tests, minute by minute: what healthy services export, and what leaks, fills and jumps. */
import type { MetricSeries } from '../../src/model/span.ts';
import type { Random } from './random.ts';

/** Value at a minute; called once a minute, in order. */
export type Shape = (minute: number) => number;

export interface ShapedSeries {
  readonly series: MetricSeries;
  readonly next: Shape;
}

const DAY = 1440;

export function seriesOf(
  name: string,
  given: { readonly unit?: string; readonly service?: string; readonly instance?: string } = {},
): MetricSeries {
  const { unit = '', service = 'bot', instance = '1' } = given;
  return {
    seriesId: `${name}-${instance}`,
    name,
    unit,
    kind: 'gauge',
    isMonotonic: false,
    temporality: 'unspecified',
    service,
    attributes: {},
    resource: { 'service.instance.id': instance },
  };
}

/** Between 0 and 1 over the day, with the peak at 14:00; half of it at weekends. Minute 0 is a Thursday. */
export function dailyTraffic(minute: number): number {
  const weekday = (Math.floor(minute / DAY) + 4) % 7;
  const wave = 0.5 - 0.5 * Math.cos((2 * Math.PI * ((minute % DAY) - 120)) / DAY);
  return wave * (weekday === 0 || weekday === 6 ? 0.5 : 1);
}

/** Low points at `floor`, growing by `perMinute` until collected at `swing` above; the period is `periodMinutes`. */
export function sawtooth(
  random: Random,
  options: { readonly floor: number; readonly swing: number; readonly periodMinutes: number },
): Shape {
  let phase = random.next();
  return () => {
    phase += (0.5 + random.next()) / options.periodMinutes;
    if (phase >= 1) phase = 0.05 * random.next();
    return options.floor * (1 + 0.01 * random.normal()) + options.swing * phase;
  };
}

/** Wanders around `level`: comes back half of the way in `halfMinutes`. */
export function wandering(
  random: Random,
  options: { readonly level: number; readonly step: number; readonly halfMinutes: number },
): Shape {
  let offset = 0;
  const keep = 0.5 ** (1 / options.halfMinutes);
  return () => {
    offset = keep * offset + options.step * random.normal();
    return Math.max(0, options.level + offset);
  };
}

export function poisson(random: Random, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
  const bound = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > bound; product *= random.next()) count++;
  return count;
}

const MIB = 1024 * 1024;

type ShapeMaker = (random: Random) => {
  readonly name: string;
  readonly unit: string;
  readonly next: Shape;
};

/** What healthy services export; each made from its own random numbers. */
export const NORMAL_SHAPES: Readonly<Record<string, ShapeMaker>> = {
  constant: (random) => {
    const value = Math.floor(100 * random.next());
    return { name: 'worker.count', unit: '{worker}', next: () => value };
  },
  alwaysZero: () => ({ name: 'errors.pending', unit: '', next: () => 0 }),
  smallIntegers: (random) => {
    const mean = 5 * random.next();
    return { name: 'jobs.active', unit: '', next: () => poisson(random, mean) };
  },
  heapOfMinutes: (random) => {
    const floor = (50 + 400 * random.next()) * MIB;
    const options = { floor, swing: 0.8 * floor, periodMinutes: 3 + 20 * random.next() };
    return { name: 'v8js.memory.heap.used', unit: 'By', next: sawtooth(random, options) };
  },
  heapOfHours: (random) => {
    const floor = (100 + 400 * random.next()) * MIB;
    const options = { floor, swing: 2 * floor, periodMinutes: 120 + 500 * random.next() };
    return { name: 'jvm.memory.used', unit: 'By', next: sawtooth(random, options) };
  },
  warmingUp: (random) => {
    const floor = (100 + 200 * random.next()) * MIB;
    const minutes = 60 + 600 * random.next();
    const restart = Math.floor(5 * DAY * random.next());
    const next: Shape = (minute) => {
      const age = minute < restart ? minute : minute - restart;
      return floor * (2.5 - 1.5 * Math.exp(-age / minutes)) * (1 + 0.01 * random.normal());
    };
    return { name: 'process.memory.usage', unit: 'By', next };
  },
  dailyCpu: (random) => {
    const peak = 0.1 + 0.7 * random.next();
    const next: Shape = (minute) =>
      Math.min(
        1,
        Math.max(0, peak * (0.2 + 0.8 * dailyTraffic(minute)) * (1 + 0.15 * random.normal())),
      );
    return { name: 'process.cpu.utilization', unit: '1', next };
  },
  dailyConnections: (random) => {
    const peak = 5 + 60 * random.next();
    const next: Shape = (minute) => poisson(random, peak * (0.1 + 0.9 * dailyTraffic(minute)));
    return { name: 'db.client.connection.count', unit: '{connection}', next };
  },
  growingRate: (random) => {
    const peak = 500 * random.next();
    const next: Shape = (minute) =>
      (peak *
        (1 + minute / (60 * DAY)) *
        (0.1 + 0.9 * dailyTraffic(minute)) *
        (20 + random.normal())) /
      20;
    return { name: 'requests.in_flight', unit: '{request}', next };
  },
  wanderingQueue: (random) => ({
    name: 'queue.length',
    unit: '',
    next: wandering(random, {
      level: 50 * random.next(),
      step: 2,
      halfMinutes: 5 + 120 * random.next(),
    }),
  }),
  slowWalk: (random) => ({
    name: 'cache.size',
    unit: '',
    next: wandering(random, { level: 1000, step: 5, halfMinutes: 3 * DAY }),
  }),
  bursts: (random) => {
    let left = 0;
    const next: Shape = () => {
      if (left === 0 && random.next() < 0.002) left = Math.ceil(6 * random.next());
      if (left > 0) left--;
      return left > 0 ? 50 + 400 * random.next() : poisson(random, 0.3);
    };
    return { name: 'queue.backlog', unit: '', next };
  },
  heavyTail: (random) => ({
    name: 'lag.duration',
    unit: 's',
    next: () => 0.02 * Math.exp(0.8 * random.normal()) * (random.next() < 0.003 ? 10 : 1),
  }),
  disk: (random) => {
    let used = 0.5 + 0.2 * random.next();
    const next: Shape = (minute) => {
      used += (0.00005 * (1 + random.normal())) / 1.2;
      if (minute % DAY === 180) used -= 0.06;
      return Math.min(1, Math.max(0, used));
    };
    return { name: 'system.filesystem.utilization', unit: '1', next };
  },
  nightlyJob: (random) => {
    const start = Math.floor(DAY * random.next());
    const height = 0.2 + 0.7 * random.next();
    const next: Shape = (minute) => {
      const age = (minute - start + DAY) % DAY;
      return Math.max(0, (age < 40 ? height : 0.03) + 0.01 * random.normal());
    };
    return { name: 'process.cpu.utilization', unit: '1', next };
  },
};

/** `count` series of the kinds in turn. */
export function normalSeries(random: Random, count: number): ShapedSeries[] {
  const kinds = Object.keys(NORMAL_SHAPES);
  return Array.from({ length: count }, (_, index) => {
    const kind = kinds[index % kinds.length]!;
    const { name, unit, next } = NORMAL_SHAPES[kind]!(random);
    return { series: seriesOf(name, { unit, instance: `${kind}-${index}` }), next };
  });
}
