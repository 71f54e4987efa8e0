/** More requests: as a cause, as a coincidence, and as nothing at all. */
import { describe, expect, it } from 'vitest';
import { suspectTraffic } from '../../src/hypothesise/traffic.ts';
import type { Collected } from '../../src/model/investigation.ts';
import { factsOf, hypothesesOf } from '../build/facts.ts';
import { createRandom, type Random } from '../build/random.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const PERIOD_S = 600;
const WORK_US = 40_000;

/** One server: arrivals a second at a time, each request waits for the work of those before it. */
function arrivals(options: {
  readonly seed: number;
  readonly fromUs: number;
  /** Mean arrivals in the given second. */
  readonly perSecond: (second: number) => number;
  readonly workUs?: (random: Random) => number;
}): SpanLiteral[] {
  const random = createRandom(options.seed);
  const spans: SpanLiteral[] = [];
  let freeUs = options.fromUs;
  for (let second = 0; second < PERIOD_S; second++) {
    const count = options.perSecond(second) * (0.7 + 0.6 * random.next());
    for (let index = 0; index < Math.round(count); index++) {
      const startUs = options.fromUs + (second + random.next()) * 1_000_000;
      const work = options.workUs?.(random) ?? WORK_US * Math.exp(0.3 * random.normal());
      freeUs = Math.max(freeUs, startUs) + work;
      spans.push({
        trace: (options.seed * 1_000_000 + spans.length).toString(16).padStart(32, '0'),
        id: 'root',
        service: 'web',
        operation: 'GET /',
        kind: 'server',
        startUs,
        durationUs: Math.round(freeUs - startUs),
      });
    }
  }
  return spans;
}

const steady = (perSecond: number) => () => perSecond;
/** Waves of load, over the server's 25 a second at their crests. */
const waves = (second: number) => 16 + 11 * Math.sin(second / 20);

function collected(window: readonly SpanLiteral[], perSecond = 6): Collected {
  const reference = arrivals({
    ...{ seed: 1, fromUs: REFERENCE_RANGE.fromUs },
    perSecond: steady(perSecond),
  });
  return buildCollected({ window: { spans: window }, reference: { spans: reference } });
}

const inWindow = { seed: 2, fromUs: WINDOW_RANGE.fromUs };

describe('suspectTraffic()', () => {
  it('blames load that times follow', () => {
    const [found] = suspectTraffic(factsOf(collected(arrivals({ ...inWindow, perSecond: waves }))));
    expect(found?.kind).toBe('traffic');
    expect(found?.culprit).toEqual({ service: 'web' });
    expect(found?.evidence).toHaveLength(2);
    expect(found?.evidence[0]).toMatchObject({ aspect: 'load' });
    expect(found?.evidence[0]?.value).toBeGreaterThan(2 * (found?.evidence[0]?.expected ?? 0));
    expect(found?.evidence[1]?.weight).toBeGreaterThan(2);
  });

  it('holds more load with slow requests that do not follow it for a coincidence', () => {
    const workUs = (random: Random) => (random.next() < 0.3 ? 300_000 : 2000);
    const facts = factsOf(
      collected(arrivals({ ...inWindow, perSecond: steady(9), workUs: (r) => workUs(r) / 5 })),
    );
    for (const { evidence } of suspectTraffic(facts)) {
      expect(evidence.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(2.5);
    }
  });

  it('says nothing when the load did not grow', () => {
    const workUs = () => 120_000;
    const facts = factsOf(collected(arrivals({ ...inWindow, perSecond: steady(6), workUs })));
    expect(facts.badTraceCount).toBeGreaterThan(100);
    expect(suspectTraffic(facts)).toEqual([]);
  });

  it('does not take fewer requests for a cause', () => {
    const workUs = () => 400_000;
    const facts = factsOf(collected(arrivals({ ...inWindow, perSecond: steady(2), workUs })));
    expect(suspectTraffic(facts)).toEqual([]);
  });

  it('does not judge the rate of samples', () => {
    const sampled = collected(arrivals({ ...inWindow, perSecond: waves }));
    const window = { ...sampled.window, isSampled: true };
    expect(suspectTraffic(factsOf({ ...sampled, window }))).toEqual([]);
  });

  it('says nothing when the load grew and nothing suffers', () => {
    const workUs = (random: Random) => 1000 * Math.exp(0.3 * random.normal());
    const reference = arrivals({
      seed: 1,
      fromUs: REFERENCE_RANGE.fromUs,
      perSecond: steady(6),
      workUs,
    });
    const window = arrivals({ ...inWindow, perSecond: steady(12), workUs });
    const facts = factsOf(
      buildCollected({ window: { spans: window }, reference: { spans: reference } }),
    );
    const sums = suspectTraffic(facts).map(({ evidence }) =>
      evidence.reduce((sum, { weight }) => sum + weight, 0),
    );
    expect(Math.max(0, ...sums)).toBeLessThan(3);
  });

  it('comes first where times follow the load, and not where the code got slower', () => {
    const loaded = hypothesesOf(collected(arrivals({ ...inWindow, perSecond: waves })));
    expect(loaded[0]?.kind).toBe('traffic');
    const slow = hypothesesOf(
      collected(arrivals({ ...inWindow, perSecond: steady(6), workUs: () => 120_000 })),
    );
    expect(slow[0]?.kind).toBe('latency');
  });
});
