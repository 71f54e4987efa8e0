import { describe, expect, it } from 'vitest';
import type { Anomaly } from '../../src/model/anomaly.ts';
import type { Tally } from '../../src/model/tally.ts';
import { createRatioWatch } from '../../src/pipeline/ratio-watch.ts';
import { addToSketch, emptySketch } from '../../src/tally/sketch.ts';

const START_US = Date.UTC(2026, 0, 5) * 1000;
const ENDPOINT = { endpointId: 'e', service: 'bot', operation: 'chat', stage: 'other' } as const;
const minuteUsOf = (minute: number) => START_US + minute * 60_000_000;

interface Shown {
  readonly requests: number;
  readonly latencyUs?: number;
  readonly errors?: number;
}
const USUAL: Shown = { requests: 20 };
const SLOW: Shown = { requests: 20, latencyUs: 50_000 };

function feed() {
  const watch = createRatioWatch();
  let minute = 0;
  const step = ({ requests, latencyUs = 10_000, errors = 0 }: Shown): readonly Anomaly[] => {
    const minuteUs = minuteUsOf(minute++);
    const tally: Tally = {
      endpoint: ENDPOINT,
      minuteUs,
      count: requests,
      errorCount: errors,
      sketch: addToSketch(emptySketch(), latencyUs, requests),
    };
    return watch.step({ minuteUs, tallies: requests === 0 ? [] : [tally], changes: [] });
  };
  const repeat = (shown: Shown, count: number) =>
    Array.from({ length: count }, () => step(shown)).flat();
  const skip = (minutes: number) => {
    minute += minutes;
  };
  return { watch, step, repeat, skip };
}

describe('createRatioWatch()', () => {
  it('opens at the second minute outside and closes after five inside', () => {
    const { step, repeat } = feed();
    expect(repeat(USUAL, 90)).toEqual([]);
    expect(step(SLOW)).toEqual([]);
    const [opened] = step(SLOW);
    expect(opened).toMatchObject({
      kind: 'latency',
      status: 'open',
      endpointId: 'e',
      range: { fromUs: minuteUsOf(90), toUs: minuteUsOf(92) },
      detectedUs: minuteUsOf(92),
    });
    expect(repeat(SLOW, 3)).toEqual([]);
    expect(repeat(USUAL, 4)).toEqual([]);
    expect(step(USUAL)).toMatchObject([
      {
        anomalyId: opened!.anomalyId,
        status: 'closed',
        end: 'recovered',
        range: { fromUs: minuteUsOf(90), toUs: minuteUsOf(95) },
      },
    ]);
  });

  it('does not open at single odd minutes, nor across a hole', () => {
    const { repeat, skip, step } = feed();
    repeat(USUAL, 90);
    expect([...step(SLOW), ...step(USUAL), ...step(SLOW)]).toEqual([]);
    skip(5);
    expect(step(SLOW)).toEqual([]);
  });

  it('reports a worse minute of an open episode', () => {
    const { repeat, step } = feed();
    repeat(USUAL, 90);
    const [opened] = repeat(SLOW, 2);
    expect(step({ requests: 20, latencyUs: 900_000 })).toMatchObject([
      { anomalyId: opened!.anomalyId, status: 'open', range: { toUs: minuteUsOf(93) } },
    ]);
  });

  it('sees errors and surges, but no silence', () => {
    const { repeat } = feed();
    repeat(USUAL, 90);
    const kinds = (anomalies: readonly Anomaly[]) => anomalies.map(({ kind }) => kind);
    expect(kinds(repeat({ requests: 20, errors: 10 }, 2))).toEqual(['error']);
    expect(kinds(repeat({ requests: 200 }, 2))).toEqual(['traffic']);
    expect(repeat({ requests: 0 }, 20).filter(({ status }) => status === 'open')).toEqual([]);
  });

  it('goes on after a restart with saved rows and open anomalies', () => {
    const before = feed();
    before.repeat(USUAL, 90);
    const [opened] = before.repeat(SLOW, 2);
    const watch = createRatioWatch();
    watch.state.decode(before.watch.state.encode(0, 1));
    watch.resume([opened!]);
    const reported = Array.from({ length: 5 }, (_, index) => {
      const minuteUs = minuteUsOf(92 + index);
      const sketch = addToSketch(emptySketch(), 10_000, 20);
      const tally: Tally = { endpoint: ENDPOINT, minuteUs, count: 20, errorCount: 0, sketch };
      return watch.step({ minuteUs, tallies: [tally], changes: [] });
    }).flat();
    expect(reported).toMatchObject([{ anomalyId: opened!.anomalyId, status: 'closed' }]);
    expect(watch.baselines(minuteUsOf(97)).get('e')).toMatchObject({ minutes: 97 });
  });

  it('judges whole endpoints, not parts of their requests or of their time', () => {
    const watch = createRatioWatch();
    const slice = { dimension: 'bot', value: 'b1' } as const;
    const parts = [
      { ...ENDPOINT, endpointId: 's', slice },
      { ...ENDPOINT, endpointId: 'g', measure: 'gap' as const },
    ];
    const told = Array.from({ length: 95 }, (_, minute) => {
      const minuteUs = minuteUsOf(minute);
      const sketch = addToSketch(emptySketch(), minute < 90 ? 10_000 : 900_000, 20);
      const tallies = parts.map(
        (endpoint): Tally => ({ endpoint, minuteUs, count: 20, errorCount: 0, sketch }),
      );
      return watch.step({ minuteUs, tallies, changes: [] });
    });
    expect(told.flat()).toEqual([]);
    expect(watch.state.size).toBe(0);
  });

  it('gives bands, and forgets an endpoint after a day of silence', () => {
    const { watch, repeat } = feed();
    repeat(USUAL, 60);
    const baseline = watch.baselines(minuteUsOf(60)).get('e')!;
    expect(baseline).toMatchObject({ endpoint: ENDPOINT, minutes: 60, requests: 1200 });
    expect(baseline.requestsPerMinute.expected).toBe(20);
    expect(baseline.requestsPerMinute.high).toBeCloseTo(64);
    repeat({ requests: 0 }, 25 * 60);
    expect(watch.state.size).toBe(0);
    expect(watch.baselines(minuteUsOf(1600)).size).toBe(0);
  });
});
