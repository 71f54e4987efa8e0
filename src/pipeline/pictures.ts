/** Pictures for a report's anomalies: their minutes in the reference and in the window, against their bands. */

import { medianOf } from '../base/statistics.ts';
import { minuteOf, US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly, Picture } from '../model/anomaly.ts';
import type { Tally, TemplateTally } from '../model/tally.ts';
import type { SeriesWindow } from '../model/window.ts';
import { quantileOf } from '../tally/sketch.ts';

/** Minutes before the end of the window that a picture shows at most. */
const MINUTES_MAX = 60;
/** Fewer minutes than this make no picture. */
const MINUTES_MIN = 4;
/** Anomalies that get one; the others are folded away in a report. */
const PICTURES_MAX = 8;

export interface PictureSources {
  /** Of reference and window. */
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
  readonly series: readonly SeriesWindow[];
}

/** The anomalies in their order, the most surprising with pictures. */
export function withPictures(
  anomalies: readonly Anomaly[],
  sources: PictureSources,
): readonly Anomaly[] {
  return anomalies.map((anomaly, index) => {
    if (index >= PICTURES_MAX) return anomaly;
    const picture = pictureOf(anomaly, sources);
    return picture === undefined ? anomaly : { ...anomaly, picture };
  });
}

/** Points that an episode's picture grows to: four hours of minutes. */
const JOINED_POINTS_MAX = 240;

/**
 * The picture of an episode that goes on: a watch remembers the last hour only, and the onset must stay in view. What
 * was drawn stays as it was; when there is no more room, the picture ends there.
 */
export function joinPictures(
  before: Picture | undefined,
  after: Picture | undefined,
): Picture | undefined {
  if (before === undefined || after === undefined) return after ?? before;
  if (before.values.length >= JOINED_POINTS_MAX) return before;
  const { fromUs, stepUs } = before;
  const offset = (after.fromUs - fromUs) / stepUs;
  const known = before.values.length;
  const isNext = after.stepUs === stepUs && Number.isInteger(offset) && offset >= 0;
  if (!isNext || offset > known) return after;
  const extended = (name: 'values' | 'expected' | 'low' | 'high') =>
    [...before[name], ...after[name].slice(known - offset)].slice(0, JOINED_POINTS_MAX);
  return {
    fromUs,
    stepUs,
    unit: after.unit,
    values: extended('values'),
    expected: extended('expected'),
    low: extended('low'),
    high: extended('high'),
  };
}

function pictureOf(anomaly: Anomaly, sources: PictureSources): Picture | undefined {
  const { unit, values } = valuesOf(anomaly, sources);
  if (values.size < MINUTES_MIN) return undefined;
  const lastUs = Math.max(...values.keys());
  const firstUs = Math.max(Math.min(...values.keys()), lastUs - (MINUTES_MAX - 1) * US_PER_MINUTE);
  const count = (lastUs - firstUs) / US_PER_MINUTE + 1;
  const { expected, low, high } = anomaly.expected;
  const flat = (value: number) =>
    new Array<number | null>(count).fill(Number.isFinite(value) ? value : null);
  return {
    fromUs: firstUs,
    stepUs: US_PER_MINUTE,
    unit,
    values: Array.from({ length: count }, (_, minute) => {
      const value = values.get(firstUs + minute * US_PER_MINUTE);
      return value === undefined || !Number.isFinite(value) ? null : value;
    }),
    expected: flat(expected),
    low: flat(low),
    high: flat(high),
  };
}

interface MinuteValues {
  readonly unit: string;
  /** By the minute's beginning. */
  readonly values: ReadonlyMap<number, number>;
}

function valuesOf(anomaly: Anomaly, sources: PictureSources): MinuteValues {
  if (anomaly.kind === 'log') return lineCounts(anomaly, sources.templateTallies);
  if (anomaly.kind === 'metric') return medians(anomaly, sources.series);
  const tallies = sources.tallies.filter(
    ({ endpoint }) => endpoint.endpointId === anomaly.endpointId,
  );
  switch (anomaly.kind) {
    case 'latency':
      return minutesOf(tallies, 'us', ({ sketch }) => quantileOf(sketch, 0.95));
    case 'error':
      return minutesOf(tallies, '1', ({ count, errorCount }) => errorCount / count);
    case 'traffic':
      return requestCounts(tallies);
    default:
      return { unit: '1', values: new Map() };
  }
}

function minutesOf(
  tallies: readonly Tally[],
  unit: string,
  numberOf: (tally: Tally) => number,
): MinuteValues {
  return { unit, values: new Map(tallies.map((tally) => [tally.minuteUs, numberOf(tally)])) };
}

/** A minute that the onset cuts in two has two tallies. */
function requestCounts(tallies: readonly Tally[]): MinuteValues {
  const values = new Map<number, number>();
  for (const { minuteUs, count } of tallies) {
    values.set(minuteUs, (values.get(minuteUs) ?? 0) + count);
  }
  return { unit: 'requests/min', values };
}

function lineCounts(
  { service, templateId }: Anomaly,
  tallies: readonly TemplateTally[],
): MinuteValues {
  const values = new Map<number, number>();
  // A minute in which the service logged other lines is a minute with none of these.
  for (const tally of tallies) {
    if (tally.service !== service) continue;
    const lines = tally.templateId === templateId ? tally.count : 0;
    values.set(tally.minuteUs, (values.get(tally.minuteUs) ?? 0) + lines);
  }
  return { unit: 'lines/min', values };
}

function medians(anomaly: Anomaly, series: readonly SeriesWindow[]): MinuteValues {
  const own = series.filter(({ seriesId }) => seriesId === anomaly.seriesId);
  const minutes = new Map<number, number[]>();
  for (const { timesUs, values } of own) {
    for (const [index, timeUs] of timesUs.entries()) {
      const minuteUs = minuteOf(timeUs);
      const known = minutes.get(minuteUs);
      if (known) known.push(values[index]!);
      else minutes.set(minuteUs, [values[index]!]);
    }
  }
  const values = new Map([...minutes].map(([minuteUs, list]) => [minuteUs, medianOf(list)]));
  return { unit: own[0]?.unit ?? '1', values };
}
