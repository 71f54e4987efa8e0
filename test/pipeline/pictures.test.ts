import { expect, test } from 'vitest';
import type { Anomaly, Picture } from '../../src/model/anomaly.ts';
import { endpointIdOf, type Tally } from '../../src/model/tally.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { joinPictures, type PictureSources, withPictures } from '../../src/pipeline/pictures.ts';
import { addToSketch, emptySketch } from '../../src/tally/sketch.ts';

const MINUTE_US = 60_000_000;
const FROM_US = 1_751_364_000_000_000;
const ENDPOINT = {
  endpointId: endpointIdOf('bot', 'POST /a'),
  service: 'bot',
  operation: 'POST /a',
  stage: 'other',
} as const;

function anomalyOf(part: Partial<Anomaly>): Anomaly {
  return {
    anomalyId: '0',
    kind: 'latency',
    service: 'bot',
    endpointId: ENDPOINT.endpointId,
    range: { fromUs: FROM_US, toUs: FROM_US + 5 * MINUTE_US },
    direction: 'up',
    value: 1,
    expected: { expected: 100, low: 50, high: Number.NaN },
    n: 1,
    score: 1,
    statement: { zh: '', en: '' },
    ...part,
  };
}

function tallyOf(minute: number, count: number, errorCount = 0): Tally {
  return {
    endpoint: ENDPOINT,
    minuteUs: FROM_US + minute * MINUTE_US,
    count,
    errorCount,
    sketch: addToSketch(emptySketch(), 1000 * (minute + 1), count),
  };
}

const nothing: PictureSources = { tallies: [], templateTallies: [], series: [] };
const pictureOf = (anomaly: Anomaly, sources: Partial<PictureSources>) =>
  withPictures([anomaly], { ...nothing, ...sources })[0]?.picture;

test('Each kind shows its own measure of the minutes; a minute without traffic is a hole', () => {
  const tallies = [tallyOf(0, 4), tallyOf(1, 4, 1), tallyOf(3, 8, 4), tallyOf(4, 2)];
  const values = (kind: Anomaly['kind']) => pictureOf(anomalyOf({ kind }), { tallies })?.values;
  expect(values('error')).toEqual([0, 0.25, null, 0.5, 0]);
  expect(values('traffic')).toEqual([4, 4, null, 8, 2]);
  const latencies = values('latency') ?? [];
  expect(latencies[2]).toBeNull();
  for (const [index, us] of [1000, 2000, 0, 4000, 5000].entries()) {
    if (us > 0) expect(Math.abs(latencies[index]! / us - 1)).toBeLessThan(0.03);
  }
});

test('A minute that the onset cuts in two counts both parts', () => {
  const tallies = [tallyOf(0, 4), tallyOf(1, 4), tallyOf(2, 3), tallyOf(2, 5), tallyOf(3, 1)];
  expect(pictureOf(anomalyOf({ kind: 'traffic' }), { tallies })?.values).toEqual([4, 4, 8, 1]);
});

test('Lines of a template: zero where the service logged other lines, a hole where it said nothing', () => {
  const line = (minute: number, templateId: string, count: number) => ({
    templateId,
    service: 'bot',
    minuteUs: FROM_US + minute * MINUTE_US,
    count,
    severityMax: 9,
  });
  const templateTallies = [line(0, 'x', 3), line(1, 'y', 2), line(3, 'y', 5), line(4, 'x', 1)];
  const anomaly = anomalyOf({ kind: 'log', templateId: 'y' });
  expect(pictureOf(anomaly, { templateTallies })?.values).toEqual([0, 2, null, 5, 0]);
});

test('A series shows the median of each minute, in its own unit', () => {
  const timesUs = [0, 20, 40, 60, 120, 180].map((seconds) => FROM_US + seconds * 1e6);
  const series = [
    {
      seriesId: 's1',
      unit: 'By',
      timesUs: Float64Array.from(timesUs),
      values: Float64Array.from([1, 9, 2, 5, 6, 7]),
    } as unknown as SeriesWindow, // the parts that pictures read
  ];
  const picture = pictureOf(anomalyOf({ kind: 'metric', seriesId: 's1' }), { series });
  expect(picture).toMatchObject({ unit: 'By', values: [2, 5, 6, 7] });
});

test('Few minutes make no picture, and only the most surprising anomalies get one', () => {
  expect(pictureOf(anomalyOf({ kind: 'traffic' }), { tallies: [tallyOf(0, 1)] })).toBeUndefined();
  const tallies = [0, 1, 2, 3].map((minute) => tallyOf(minute, 1));
  const many = Array.from({ length: 30 }, () => anomalyOf({ kind: 'traffic' }));
  const drawn = withPictures(many, { ...nothing, tallies }).map(
    ({ picture }) => picture !== undefined,
  );
  expect(drawn.indexOf(false)).toBe(8);
  expect(drawn.slice(8)).not.toContain(true);
});

function hourOf(fromMinute: number, length = 60) {
  const values = Array.from({ length }, (_, minute) => fromMinute + minute);
  const fromUs = FROM_US + fromMinute * MINUTE_US;
  return {
    fromUs,
    stepUs: MINUTE_US,
    unit: 'us',
    values,
    expected: values,
    low: values,
    high: values,
  };
}

test('A picture grows with its episode: the onset stays, each minute is there once', () => {
  const joined = [10, 35, 95].reduce<Picture>(
    (picture, minute) => joinPictures(picture, hourOf(minute))!,
    hourOf(0),
  );
  expect(joined).toEqual(hourOf(0, 155));
  expect(joinPictures(joined, hourOf(20))).toEqual(joined);
});

test('A picture ends after four hours, and one that does not follow takes its place', () => {
  let picture: Picture = hourOf(0);
  for (let minute = 1; minute < 400; minute++) picture = joinPictures(picture, hourOf(minute))!;
  expect(picture).toEqual(hourOf(0, 240));
  expect(joinPictures(hourOf(0), hourOf(61))).toEqual(hourOf(61));
  expect(joinPictures(hourOf(0), { ...hourOf(1), stepUs: 2 * MINUTE_US })?.stepUs).toBe(
    2 * MINUTE_US,
  );
  expect(joinPictures(undefined, hourOf(3))).toEqual(hourOf(3));
  expect(joinPictures(hourOf(3), undefined)).toEqual(hourOf(3));
});
