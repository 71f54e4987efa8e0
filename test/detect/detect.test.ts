/** What is outside its baseline is found, what is inside is not. */
import { describe, expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { learnBaselines } from '../../src/baseline/baseline.ts';
import { type DetectInput, detectAnomalies } from '../../src/detect/detect.ts';
import type { Tally, TemplateTally } from '../../src/model/tally.ts';
import { createRandom, shuffled } from '../build/random.ts';
import { buildSeries } from '../build/span-table.ts';
import { type EndpointLoad, tallyMinutes } from '../build/tally.ts';

const LOAD: EndpointLoad = {
  service: 'bot',
  operation: 'POST /chat',
  requestsPerMinute: 60,
  medianUs: 100_000,
  errorRatio: 0.01,
};
const OTHER: EndpointLoad = { ...LOAD, operation: 'GET /me', medianUs: 5000 };

const LEARNED_MINUTES = 60;
const RANGE = {
  fromUs: LEARNED_MINUTES * US_PER_MINUTE,
  toUs: (LEARNED_MINUTES + 5) * US_PER_MINUTE,
};

function minutesOf(
  loads: readonly EndpointLoad[],
  seed: number,
  minutes = LEARNED_MINUTES,
): Tally[] {
  const random = createRandom(seed);
  return loads.flatMap((load) => tallyMinutes(load, { random, fromUs: 0, minutes }));
}

const baselines = learnBaselines(minutesOf([LOAD, OTHER], 1), {
  source: 'own',
  minutes: LEARNED_MINUTES,
});

function inputOf(
  loads: readonly EndpointLoad[],
  more: Partial<DetectInput> = {},
  seed = 2,
): DetectInput {
  return {
    range: RANGE,
    tallies: minutesOf(loads, seed, 5),
    baselines,
    templateTallies: [],
    referenceTemplateTallies: [],
    referenceMinutes: 0,
    templates: new Map(),
    series: [],
    referenceSeries: [],
    ...more,
  };
}

describe('detectAnomalies() of endpoints', () => {
  it.each([
    {
      name: 'latency that doubled',
      load: { ...LOAD, medianUs: 250_000 },
      kind: 'latency',
      direction: 'up',
    },
    {
      name: 'errors that rose',
      load: { ...LOAD, errorRatio: 0.15 },
      kind: 'error',
      direction: 'up',
    },
    {
      name: 'traffic that tripled',
      load: { ...LOAD, requestsPerMinute: 200 },
      kind: 'traffic',
      direction: 'up',
    },
    {
      name: 'traffic that stopped',
      load: { ...LOAD, requestsPerMinute: 0 },
      kind: 'traffic',
      direction: 'down',
    },
  ])('finds $name and nothing else', ({ load, kind, direction }) => {
    const anomalies = detectAnomalies(inputOf([load, OTHER]));
    expect(anomalies.map((anomaly) => anomaly.kind)).toEqual([kind]);
    expect(anomalies[0]).toMatchObject({
      direction,
      service: 'bot',
      operation: 'POST /chat',
      range: RANGE,
    });
    expect(anomalies[0]?.score).toBeGreaterThan(3);
    expect(anomalies[0]?.statement.zh).toContain('POST /chat');
  });

  it('finds a slow tenth that leaves the median alone', () => {
    const tail = { ...LOAD, requestsPerMinute: 8, medianUs: 5_000_000 };
    const most = { ...LOAD, requestsPerMinute: 52 };
    const anomalies = detectAnomalies(inputOf([most, tail, OTHER]));
    expect(anomalies.map(({ kind }) => kind)).toEqual(['latency']);
  });

  it('finds next to nothing in a hundred healthy ranges', () => {
    let found = 0;
    for (let seed = 100; seed < 200; seed++) {
      found += detectAnomalies(inputOf([LOAD, OTHER], {}, seed)).length;
    }
    expect(found).toBeLessThanOrEqual(2);
  });

  it('says nothing about endpoints without a baseline or with a handful of requests', () => {
    const unknown = { ...LOAD, operation: 'POST /new', medianUs: 9_000_000 };
    expect(detectAnomalies(inputOf([LOAD, OTHER, unknown]))).toEqual([]);
    expect(detectAnomalies(inputOf([], { baselines: new Map() }))).toEqual([]);
  });
});

describe('detectAnomalies() of logs', () => {
  const line = (templateId: string, count: number, severityMax = 17): TemplateTally => ({
    templateId,
    service: 'bot',
    minuteUs: RANGE.fromUs,
    count,
    severityMax,
  });
  const before = [line('routine', 6000, 9), line('warn', 60, 13)];
  const detectLines = (now: readonly TemplateTally[], reference = before) =>
    detectAnomalies({
      ...inputOf([LOAD, OTHER]),
      templateTallies: now,
      referenceTemplateTallies: reference,
      referenceMinutes: 60,
    });

  it('finds a new error line', () => {
    const [anomaly] = detectLines([line('routine', 500, 9), line('warn', 5, 13), line('boom', 12)]);
    expect(anomaly).toMatchObject({ kind: 'log', templateId: 'boom', direction: 'new', n: 12 });
  });

  it('finds a known line that bursts', () => {
    const [anomaly] = detectLines([line('routine', 500, 9), line('warn', 90, 13)]);
    expect(anomaly).toMatchObject({ kind: 'log', templateId: 'warn', direction: 'up' });
  });

  it.each([
    { name: 'the usual lines', now: [line('routine', 500, 9), line('warn', 5, 13)] },
    { name: 'more of everything', now: [line('routine', 5000, 9), line('warn', 50, 13)] },
    { name: 'two new lines', now: [line('routine', 500, 9), line('boom', 2)] },
    { name: 'few new harmless lines', now: [line('routine', 500, 9), line('hello', 4, 9)] },
  ])('finds nothing in $name', ({ now }) => {
    expect(detectLines(now)).toEqual([]);
  });

  it('says nothing about a service whose logs it never saw before', () => {
    expect(detectLines([line('boom', 500)], [])).toEqual([]);
  });
});

describe('detectAnomalies() of metrics', () => {
  const steady = [10, 11, 10, 9, 10, 10, 11, 10, 9, 10];
  const detectSeries = (now: readonly number[], reference: readonly number[]) =>
    detectAnomalies({
      ...inputOf([LOAD, OTHER]),
      series: [buildSeries({ name: 'queue.length', service: 'bot', values: now })],
      referenceSeries: [buildSeries({ name: 'queue.length', service: 'bot', values: reference })],
    });

  it.each([
    { name: 'a jump', now: [40, 42, 41], before: steady, direction: 'up' },
    { name: 'a fall', now: [0, 1, 0], before: steady, direction: 'down' },
    {
      name: 'a step of what was always 0',
      now: [5, 6, 5, 7],
      before: new Array(40).fill(0),
      direction: 'up',
    },
  ])('finds $name', ({ now, before, direction }) => {
    expect(detectSeries(now, before)).toMatchObject([
      { kind: 'metric', metric: 'queue.length', direction },
    ]);
  });

  it.each([
    { name: 'the usual noise', now: [11, 10, 9], before: steady },
    { name: 'a level it had before', now: [40, 41], before: [...steady, 40, 42, 41] },
    { name: 'a change of a few percent', now: [10.9, 11], before: new Array(20).fill(10) },
    { name: 'too few points before', now: [40], before: [10, 10, 10] },
    { name: 'no points', now: [], before: steady },
    { name: 'NaN', now: [Number.NaN], before: steady },
  ])('finds nothing in $name', ({ now, before }) => {
    expect(detectSeries(now, before)).toEqual([]);
  });
});

describe('detectAnomalies()', () => {
  it('gives stable ids and an order that does not depend on the input', () => {
    const input = inputOf([
      { ...LOAD, medianUs: 400_000, errorRatio: 0.3 },
      { ...OTHER, medianUs: 20_000 },
    ]);
    const anomalies = detectAnomalies(input);
    const again = detectAnomalies({ ...input, tallies: shuffled(input.tallies, createRandom(3)) });
    expect(again).toEqual(anomalies);
    expect(new Set(anomalies.map(({ anomalyId }) => anomalyId)).size).toBe(anomalies.length);
    const scores = anomalies.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });
});
