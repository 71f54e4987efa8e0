import { describe, expect, test } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { Anomaly } from '../../src/model/anomaly.ts';
import { MetricEpisodes } from '../../src/pipeline/metric-episodes.ts';

const opened: Anomaly = {
  anomalyId: 'a1',
  kind: 'metric',
  status: 'open',
  service: 'bot',
  range: { fromUs: 0, toUs: US_PER_MINUTE },
  direction: 'up',
  value: 20,
  expected: { expected: 10, low: 8, high: 12 },
  n: 1,
  score: 5,
  statement: { zh: '二十', en: 'twenty' },
};

/** The episode goes on with a value in each minute; what was told. */
function goOn(episodes: MetricEpisodes, values: readonly number[]): readonly Anomaly[] {
  return values.flatMap((value, index) => {
    const minuteUs = (index + 1) * US_PER_MINUTE;
    const statement = { zh: `${value}`, en: `${value}` };
    episodes.goOn('a1', { minuteUs, value, score: value, n: 1, statement });
    return episodes.takeTold();
  });
}

describe('MetricEpisodes', () => {
  test('tells what opens once', () => {
    const episodes = new MetricEpisodes();
    episodes.open(opened);
    expect(episodes.takeTold()).toEqual([opened]);
    expect(episodes.takeTold()).toEqual([]);
  });

  test('tells again when the deviation has grown by half since it was told last', () => {
    const episodes = new MetricEpisodes();
    episodes.open(opened);
    episodes.takeTold();
    expect(goOn(episodes, [24, 24.9, 25, 32, 32.5]).map(({ value }) => value)).toEqual([25, 32.5]);
  });

  test('keeps its worst minute while it lasts, and closes with it', () => {
    const episodes = new MetricEpisodes();
    episodes.open(opened);
    goOn(episodes, [24, 11]);
    const reason = { zh: '好了', en: 'well' };
    episodes.close('a1', 'recovered', reason);
    expect(episodes.takeTold()).toMatchObject([
      { status: 'closed', end: 'recovered', reason, value: 24, range: { toUs: 3 * US_PER_MINUTE } },
    ]);
    episodes.close('a1', 'recovered', reason);
    expect(episodes.takeTold()).toEqual([]);
  });

  test('knows who was not heard of since', () => {
    const episodes = new MetricEpisodes();
    episodes.resume([opened]);
    expect([...episodes.silentSince(US_PER_MINUTE)]).toEqual([]);
    expect([...episodes.silentSince(US_PER_MINUTE + 1)]).toEqual([opened]);
  });
});
