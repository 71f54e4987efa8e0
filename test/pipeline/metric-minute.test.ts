import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { US_PER_MINUTE, US_PER_SECOND } from '../../src/base/time.ts';
import type { MetricMinute } from '../../src/model/watch.ts';
import {
  createMetricMinutes,
  type MetricMinutesOptions,
} from '../../src/pipeline/metric-minute.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { type PlainPoint, type PlainSeries, pointColumns } from '../build/points.ts';
import { emptyGroup, NOON_US, withRequest } from '../store/generate.ts';

const at = (seconds: number) => NOON_US + seconds * US_PER_SECOND;
/** [second, value]. */
const pointsOf = (...list: (readonly [number, number])[]): PlainPoint[] =>
  list.map(([second, value]) => ({ timeUs: at(second), value }));

let dataDir: string;
let writer: TelemetryWriter;
let reader: TelemetryReader;
let nextHash: number;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-metric-minute-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  reader = openTelemetryReader({ dataDir });
  nextHash = 1;
});

afterEach(() => {
  reader.close();
  writer.close();
  rmSync(dataDir, { recursive: true });
});

function write(...series: readonly PlainSeries[]): void {
  writer.write(withRequest({ ...emptyGroup(), points: pointColumns(series) }, nextHash++));
}

/** Minutes from noon on, read in order. */
function readMinutes(count: number, options?: MetricMinutesOptions): readonly MetricMinute[] {
  const minutes = createMetricMinutes(reader, options);
  return Array.from({ length: count }, (_, index) => minutes.read(NOON_US + index * US_PER_MINUTE));
}

const plain = (minute: MetricMinute | undefined) =>
  (minute?.values ?? []).map(({ measure, value }) => [measure, value]);

describe('createMetricMinutes()', () => {
  const counter = { kind: 'sum', isMonotonic: true } as const;
  const cases: readonly {
    readonly caption: string;
    readonly series: PlainSeries;
    /** Of two minutes: [measure, value] each. */
    readonly minutes: readonly (readonly (readonly [string, number])[])[];
  }[] = [
    {
      caption: 'gives the mean of a gauge that is sent every 30 s, each point to its minute',
      series: { kind: 'gauge', points: pointsOf([-1, 9], [0, 1], [30, 3], [60, 7], [90, 8]) },
      minutes: [[['level', 2]], [['level', 7.5]]],
    },
    {
      caption: 'gives nothing for a minute without a point',
      series: { kind: 'gauge', points: pointsOf([70, 5]) },
      minutes: [[], [['level', 5]]],
    },
    {
      caption:
        'leaves out what is no number, what was not recorded and what no 32-bit sum can hold',
      series: {
        kind: 'gauge',
        points: [
          { timeUs: at(1), value: Number.NaN },
          { timeUs: at(2), value: Number.POSITIVE_INFINITY },
          { timeUs: at(3), value: 0, hasNoValue: true },
          { timeUs: at(4), value: Number.MAX_VALUE },
          { timeUs: at(5), value: -1e31 },
          { timeUs: at(70), value: 5 },
        ],
      },
      minutes: [[], [['level', 5]]],
    },
    {
      caption: 'takes a sum that may fall as a level',
      series: { kind: 'sum', points: pointsOf([10, 4], [70, 2]) },
      minutes: [[['level', 4]], [['level', 2]]],
    },
    {
      caption:
        'gives the rate of a counter since the point before, also from before the first minute',
      series: { ...counter, points: pointsOf([-30, 100], [30, 220], [90, 820]) },
      minutes: [[['rate', 2]], [['rate', 10]]],
    },
    {
      caption: 'gives no rate for the first point of a counter',
      series: { ...counter, points: pointsOf([30, 5_000_000], [90, 5_000_060]) },
      minutes: [[], [['rate', 1]]],
    },
    {
      caption: 'takes a counter that fell as one that began anew',
      series: { ...counter, points: pointsOf([-30, 1000], [30, 60], [90, 120]) },
      minutes: [[['rate', 1]], [['rate', 1]]],
    },
    {
      caption: 'takes a counter with a later start as one that began anew, though it is higher',
      series: {
        ...counter,
        points: [
          { timeUs: at(-30), startUs: at(-900), value: 60 },
          { timeUs: at(30), startUs: at(-20), value: 120 },
          { timeUs: at(90), startUs: at(-20), value: 240 },
        ],
      },
      minutes: [[['rate', 2]], [['rate', 2]]],
    },
    {
      caption:
        'leaves out points of an earlier life, that another process sends under the same name',
      series: {
        ...counter,
        points: [
          { timeUs: at(-30), startUs: at(-900), value: 60 },
          { timeUs: at(20), startUs: at(-9000), value: 7_000_000 },
          { timeUs: at(30), startUs: at(-900), value: 120 },
          { timeUs: at(90), startUs: at(-900), value: 240 },
        ],
      },
      minutes: [[['rate', 1]], [['rate', 2]]],
    },
    {
      caption: 'gives the rate of a counter sent as differences, over the time that they cover',
      series: {
        ...counter,
        temporality: 'delta',
        points: [
          { timeUs: at(0), startUs: at(-30), value: 30 },
          { timeUs: at(30), startUs: at(0), value: 90 },
          { timeUs: at(90), value: 120 },
        ],
      },
      minutes: [[['rate', 2]], [['rate', 2]]],
    },
    {
      caption: 'gives rate and quantiles of what a histogram counted since the point before',
      series: {
        kind: 'histogram',
        points: [
          // ten below 1, none to 2, ten beyond, of old
          { timeUs: at(-30), value: 0, observations: 20, buckets: [1, 2, 10, 0, 10] },
          { timeUs: at(30), value: 0, observations: 260, buckets: [1, 2, 130, 120, 10] },
          { timeUs: at(90), value: 0, observations: 261, buckets: [1, 2, 131, 120, 10] },
        ],
      },
      minutes: [
        [
          ['rate', 4],
          ['p50', 1],
          ['p99', 1.98],
        ],
        [['rate', 1 / 60]],
      ],
    },
    {
      caption: 'gives the quantiles that a summary came with',
      series: {
        kind: 'summary',
        points: [
          { timeUs: at(-30), value: 0, observations: 0, buckets: [0.5, 1, 0.99, 2] },
          { timeUs: at(30), value: 0, observations: 120, buckets: [0.5, 3, 0.99, 4] },
          { timeUs: at(90), value: 0, observations: 121, buckets: [0.5, 3, 0.99, 4] },
        ],
      },
      minutes: [
        [
          ['rate', 2],
          ['p50', 3],
          ['p99', 4],
        ],
        [['rate', 1 / 60]],
      ],
    },
  ];
  it.each(cases)('$caption', ({ series, minutes }) => {
    write(series);
    expect(readMinutes(2).map(plain)).toEqual(minutes);
  });

  it('gives a counter sent every 5 min one rate in 5 min', () => {
    const points = Array.from({ length: 4 }, (_, index): [number, number] => [
      300 * index + 10,
      300 * index,
    ]);
    write({ ...counter, points: pointsOf(...points) });
    expect(readMinutes(16).map((minute) => plain(minute).length)).toEqual(
      Array.from({ length: 16 }, (_, index) => (index > 0 && index % 5 === 0 ? 1 : 0)),
    );
  });

  it('gives no rate over a gap of more than 15 min', () => {
    write({ ...counter, points: pointsOf([10, 0], [1000, 5000], [1060, 5060]) });
    expect(readMinutes(20).flatMap(plain)).toEqual([['rate', 1]]);
  });

  it('counts what a late point holds in the next one, and a copy not at all', () => {
    const minutes = createMetricMinutes(reader);
    write({ ...counter, points: pointsOf([-30, 0]) });
    expect(plain(minutes.read(NOON_US))).toEqual([]);
    write({ ...counter, points: pointsOf([30, 60]) });
    write({ ...counter, points: pointsOf([90, 120]) });
    write({ ...counter, points: pointsOf([90, 120]) });
    expect(plain(minutes.read(NOON_US + US_PER_MINUTE))).toEqual([['rate', 1]]);
  });

  it('names series as the store does, whatever the order and type of attributes and the SDK', () => {
    const series = (attributes: Record<string, string | number>, sdk: string, second: number) => ({
      kind: 'gauge' as const,
      attributes,
      resource: { 'telemetry.sdk.version': sdk },
      points: pointsOf([second, 1]),
    });
    write(
      series({ code: 200, route: '/a' }, '1.0', 10),
      series({ route: '/b', code: 200 }, '1.0', 10),
    );
    write(series({ route: '/a', code: '200' }, '2.0', 20));
    const [minute] = readMinutes(1);
    const listed = reader.listSeries({ range: { fromUs: NOON_US, toUs: at(60) }, limit: 10 }).items;
    expect(listed).toHaveLength(2);
    expect(minute?.values.map(({ series: { seriesId }, n }) => [seriesId, n]).sort()).toEqual(
      listed
        .map(({ seriesId, attributes }) => [seriesId, attributes['route'] === '/a' ? 2 : 1])
        .sort(),
    );
  });

  it('leaves out our own telemetry and series without a service', () => {
    write({ kind: 'gauge', service: 'taproot', points: pointsOf([1, 1]) });
    write({ kind: 'gauge', service: '', points: pointsOf([1, 1]) });
    expect(readMinutes(1).map(plain)).toEqual([[]]);
  });

  it('takes no more series than there is room for, of one service and of all, and says so', () => {
    const series = (service: string, route: string): PlainSeries => ({
      kind: 'gauge',
      service,
      attributes: { route },
      points: pointsOf([1, 1], [61, 1]),
    });
    const routes = ['/1', '/2', '/3', '/4'];
    write(...['a', 'b', 'c'].flatMap((service) => routes.map((route) => series(service, route))));
    const minutes = createMetricMinutes(reader, { seriesMax: 5, seriesPerServiceMax: 3 });
    for (const minuteUs of [NOON_US, NOON_US + US_PER_MINUTE]) {
      const { values, leftOutCount } = minutes.read(minuteUs);
      const services = values.map((value) => value.series.service);
      expect(services.sort()).toEqual(['a', 'a', 'a', 'b', 'b']);
      expect(leftOutCount).toBe(7);
    }
  });

  it('gives the room of a series that has gone silent to another', () => {
    const minutes = createMetricMinutes(reader, { seriesMax: 1 });
    write({ name: 'old', kind: 'gauge', points: pointsOf([1, 1]) });
    expect(plain(minutes.read(NOON_US))).toHaveLength(1);
    const laterUs = NOON_US + 180 * US_PER_MINUTE;
    write({ name: 'new', kind: 'gauge', points: pointsOf([180 * 60 + 1, 1], [181 * 60 + 1, 1]) });
    expect(plain(minutes.read(laterUs))).toEqual([]);
    expect(plain(minutes.read(laterUs + US_PER_MINUTE))).toEqual([['level', 1]]);
  });
});
