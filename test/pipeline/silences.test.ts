/** Which anomalies and endpoints a silence covers, and when. */
import { describe, expect, test } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { Silence } from '../../src/model/silence.ts';
import { isSourceSilenced, markSilenced, silencesOfMinute } from '../../src/pipeline/silences.ts';

const ANOMALY: Anomaly = {
  anomalyId: 'a1',
  kind: 'latency',
  status: 'open',
  service: 'pay',
  operation: 'POST /pay',
  endpointId: '00000000000000aa',
  slice: { dimension: 'bot', value: 'bot-1' },
  range: { fromUs: 0, toUs: 60_000_000 },
  direction: 'up',
  value: 2,
  expected: { expected: 1, low: 0.5, high: 1.5 },
  n: 10,
  score: 20,
  statement: { zh: '慢', en: 'slow' },
};
const METRIC: Anomaly = {
  ...ANOMALY,
  kind: 'metric',
  metric: 'db.pool.used',
  service: 'bot',
};

function silenceOf(matchers: Silence['matchers']): Silence {
  return {
    silenceId: 's1',
    matchers,
    range: { fromUs: 100, toUs: 200 },
    comment: '',
    createdBy: 'li',
    createdAtUs: 0,
  };
}

function isMarked(anomaly: Anomaly, matchers: Silence['matchers']): boolean {
  const [marked] = markSilenced([anomaly], [silenceOf(matchers)]);
  return marked?.silencedBy === 's1';
}

describe('markSilenced()', () => {
  test.each<[string, Silence['matchers']]>([
    ['its service', { service: 'pay' }],
    ['any service', { service: '*' }],
    ['the beginning of its service', { service: 'pa*' }],
    ['its operation', { endpoint: 'POST /pay' }],
    ['its endpoint id', { endpoint: '00000000000000aa' }],
    ['its kind', { kind: 'latency' }],
    ['its slice', { bot: 'bot-1' }],
    ['all of these', { service: 'pay', endpoint: 'POST*', kind: 'latency', bot: 'bot-*' }],
  ])('marks an anomaly when a silence names %s', (_, matchers) => {
    expect(isMarked(ANOMALY, matchers)).toBe(true);
  });

  test.each<[string, Silence['matchers']]>([
    ['another service', { service: 'bot' }],
    ['a part of the service', { service: 'p' }],
    ['one field that fits and one that does not', { service: 'pay', kind: 'error' }],
    ['a slice of another dimension', { channel: 'bot-1' }],
    ['a metric, which it has not', { metric: '*' }],
  ])('leaves an anomaly when a silence names %s', (_, matchers) => {
    expect(isMarked(ANOMALY, matchers)).toBe(false);
  });

  test('a star elsewhere than at the end is a star', () => {
    expect(isMarked(ANOMALY, { service: '*y' })).toBe(false);
    expect(isMarked({ ...ANOMALY, service: '*y' }, { service: '*y' })).toBe(true);
  });

  test('names of metrics count for anomalies of metrics', () => {
    expect(isMarked(METRIC, { metric: 'db.pool.*' })).toBe(true);
  });

  test('takes the mark off when the silence has ended, and leaves what did not change', () => {
    const silenced: Anomaly = { ...ANOMALY, silencedBy: 's1' };
    const silences = [silenceOf({ service: 'pay' })];
    expect(markSilenced([silenced], [])).toEqual([ANOMALY]);
    expect(markSilenced([silenced], silences)[0]).toBe(silenced);
  });
});

describe('isSourceSilenced()', () => {
  const endpoint = {
    endpointId: '00000000000000aa',
    service: 'pay',
    operation: 'POST /pay',
    stage: 'other',
  } as const;
  const isSilenced = (matchers: Silence['matchers'], source: object = endpoint): boolean =>
    isSourceSilenced({ service: 'pay', ...source }, [silenceOf(matchers)]);

  test('is true under a silence of its service or of itself', () => {
    expect(isSilenced({ service: 'pay' })).toBe(true);
    expect(isSilenced({ service: 'pay', endpoint: 'POST /pay' })).toBe(true);
    expect(isSilenced({ service: 'bot' })).toBe(false);
    expect(isSourceSilenced(endpoint, [])).toBe(false);
  });

  test('is false under one that names a kind, a bot or a metric: the rest of its minutes is normal', () => {
    expect(isSilenced({ service: 'pay', kind: 'error' })).toBe(false);
    expect(isSilenced({ service: 'pay', bot: 'bot-1' })).toBe(false);
    expect(isSilenced({ metric: 'x' })).toBe(false);
  });

  test('of a slice is true under a silence of it, of a service only under one of all of it', () => {
    const slice = { ...endpoint, slice: { dimension: 'bot', value: 'bot-1' } };
    expect(isSilenced({ bot: 'bot-*' }, slice)).toBe(true);
    expect(isSilenced({ service: 'pay' }, {})).toBe(true);
    expect(isSilenced({ endpoint: 'POST /pay' }, {})).toBe(false);
  });
});

describe('silencesOfMinute()', () => {
  const minuteUs = 10 * US_PER_MINUTE;
  const isOf = (fromUs: number, toUs: number): boolean =>
    silencesOfMinute([{ ...silenceOf({}), range: { fromUs, toUs } }], minuteUs).length === 1;

  test.each([
    ['ends as the minute begins', 0, minuteUs, false],
    ['ends in the minute', 0, minuteUs + 1, true],
    ['begins in the minute', minuteUs + US_PER_MINUTE - 1, 2 * minuteUs, true],
    ['begins as the minute ends', minuteUs + US_PER_MINUTE, 2 * minuteUs, false],
  ])('a silence that %s', (_, fromUs, toUs, isExpected) => {
    expect(isOf(fromUs, toUs)).toBe(isExpected);
  });
});
