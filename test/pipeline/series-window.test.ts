import { describe, expect, it } from 'vitest';
import { type TimeRange, US_PER_SECOND } from '../../src/base/time.ts';
import type { MetricKind } from '../../src/model/columns.ts';
import type { MetricSeries } from '../../src/model/span.ts';
import { buildSeriesWindows, readSeriesPages } from '../../src/pipeline/series-window.ts';
import type { Page, SeriesPoints, SeriesQuery } from '../../src/store/api/telemetry.ts';

const BASE_US = 1_700_000_000_000_000;
const at = (seconds: number) => BASE_US + seconds * US_PER_SECOND;
const RANGE = { fromUs: at(0), toUs: at(60) };

/** [second, value] or [second, sum, observations]. */
type Point = readonly [second: number, value: number, observations?: number];

interface SeriesLiteral {
  readonly kind: MetricKind;
  readonly isMonotonic?: boolean;
  readonly temporality?: MetricSeries['temporality'];
  readonly service?: string;
  readonly points: readonly Point[];
}

function pointsOf(literal: SeriesLiteral, index: number): SeriesPoints {
  return {
    series: {
      seriesId: `s${index}`,
      name: 'm',
      unit: '1',
      kind: literal.kind,
      isMonotonic: literal.isMonotonic ?? false,
      temporality: literal.temporality ?? 'cumulative',
      service: literal.service ?? 'bot',
      attributes: {},
      resource: {},
    },
    timesUs: Float64Array.from(literal.points, ([second]) => at(second)),
    values: Float64Array.from(literal.points, ([, value]) => value),
    observationCounts: Float64Array.from(literal.points, ([, , count]) => count ?? 0),
    exemplars: [],
  };
}

function pageOf(literals: readonly SeriesLiteral[], wasCut = false): Page<SeriesPoints> {
  return { items: literals.map(pointsOf), wasCut };
}

function windowsOf(
  literals: readonly SeriesLiteral[],
  left: {
    readonly without?: readonly { fromUs: number; toUs: number }[];
    readonly services?: string[];
  } = {},
) {
  return buildSeriesWindows(pageOf(literals), {
    range: RANGE,
    without: left.without ?? [],
    withoutServices: new Set(left.services ?? []),
  }).series.map(({ timesUs, values, observationCounts }) => ({
    seconds: [...timesUs].map((us) => (us - BASE_US) / US_PER_SECOND),
    values: [...values],
    ...(observationCounts ? { observations: [...observationCounts] } : {}),
  }));
}

describe('buildSeriesWindows()', () => {
  const cases: readonly {
    readonly caption: string;
    readonly series: SeriesLiteral;
    readonly seconds: readonly number[];
    readonly values: readonly number[];
    readonly observations?: readonly number[];
  }[] = [
    {
      caption: 'a gauge gives its values inside the range, half-open',
      series: {
        kind: 'gauge',
        points: [
          [-1, 1],
          [0, 2],
          [30, 3],
          [60, 4],
        ],
      },
      seconds: [0, 30],
      values: [2, 3],
    },
    {
      caption: 'a counter gives rates; the point before the range leads the first',
      series: {
        kind: 'sum',
        isMonotonic: true,
        points: [
          [-10, 100],
          [0, 150],
          [20, 190],
        ],
      },
      seconds: [0, 20],
      values: [5, 2],
    },
    {
      caption: 'a counter that fell began anew',
      series: {
        kind: 'sum',
        isMonotonic: true,
        points: [
          [0, 100],
          [10, 200],
          [20, 30],
        ],
      },
      seconds: [10, 20],
      values: [10, 3],
    },
    {
      caption: 'a delta counter is divided by the time since the point before',
      series: {
        kind: 'sum',
        isMonotonic: true,
        temporality: 'delta',
        points: [
          [0, 10],
          [10, 20],
          [30, 40],
        ],
      },
      seconds: [10, 30],
      values: [2, 2],
    },
    {
      caption: 'an up-down counter gives its values',
      series: {
        kind: 'sum',
        points: [
          [0, 5],
          [10, 3],
        ],
      },
      seconds: [0, 10],
      values: [5, 3],
    },
    {
      caption: 'a cumulative histogram gives the mean of what came since',
      series: {
        kind: 'histogram',
        points: [
          [0, 10, 100],
          [10, 16, 102],
          [20, 16, 102],
          [30, 20, 106],
        ],
      },
      seconds: [10, 30],
      values: [3, 1],
      observations: [2, 4],
    },
    {
      caption: 'a cumulative histogram that began anew',
      series: {
        kind: 'histogram',
        points: [
          [0, 10, 100],
          [10, 6, 3],
        ],
      },
      seconds: [10],
      values: [2],
      observations: [3],
    },
    {
      caption: 'a delta histogram gives each point its mean, the first too',
      series: {
        kind: 'exponentialHistogram',
        temporality: 'delta',
        points: [
          [0, 8, 4],
          [10, 0, 0],
          [20, 9, 3],
        ],
      },
      seconds: [0, 20],
      values: [2, 3],
      observations: [4, 3],
    },
  ];

  it.each(cases)('$caption', ({ series, seconds, values, observations }) => {
    expect(windowsOf([series])).toEqual([
      { seconds, values, ...(observations ? { observations } : {}) },
    ]);
  });

  it('leaves out series without a point in the range', () => {
    expect(windowsOf([{ kind: 'gauge', points: [[-5, 1]] }])).toEqual([]);
  });

  it('leaves out the periods and services it is told to', () => {
    const gauge = (service: string): SeriesLiteral => ({
      kind: 'gauge',
      service,
      points: [
        [0, 1],
        [10, 2],
        [20, 3],
      ],
    });
    const left = { without: [{ fromUs: at(10), toUs: at(20) }], services: ['other'] };
    expect(windowsOf([gauge('bot'), gauge('other')], left)).toEqual([
      { seconds: [0, 20], values: [1, 3] },
    ]);
  });
});

describe('readSeriesPages()', () => {
  const periods = {
    window: RANGE,
    reference: { fromUs: at(-600), toUs: at(0) },
  };

  function reader(wasCut: (range: TimeRange) => boolean) {
    const ranges: TimeRange[] = [];
    const readSeries = ({ range }: SeriesQuery) => {
      ranges.push(range);
      return pageOf([], wasCut(range));
    };
    return { ranges, telemetry: { readSeries } };
  }

  it('reads periods that touch at once', () => {
    const { ranges, telemetry } = reader(() => false);
    const pages = readSeriesPages(telemetry, periods, 100);
    expect(pages.window).toBe(pages.reference);
    expect(ranges).toHaveLength(1);
    expect(ranges[0]!.toUs).toBe(RANGE.toUs);
  });

  it('reads each alone where both are more than one read may hold', () => {
    const { ranges, telemetry } = reader(({ fromUs, toUs }) => toUs - fromUs > 950_000_000);
    const pages = readSeriesPages(telemetry, periods, 100);
    expect(pages.window.wasCut).toBe(false);
    expect(ranges).toHaveLength(3);
  });

  it('reads each alone where there is time between them', () => {
    const { ranges, telemetry } = reader(() => false);
    readSeriesPages(telemetry, { ...periods, reference: { fromUs: at(-600), toUs: at(-60) } }, 100);
    expect(ranges.map(({ toUs }) => toUs).sort()).toEqual([at(-60), RANGE.toUs]);
  });
});
