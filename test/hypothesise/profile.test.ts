/** Profiles as evidence: functions that grew, collectors, locks, and what is only noise. */
import { describe, expect, it } from 'vitest';
import { suspectProfiles } from '../../src/hypothesise/profile.ts';
import type { Collected } from '../../src/model/investigation.ts';
import { factsOf, hypothesesOf } from '../build/facts.ts';
import { type ProfileLiteral, profileOf } from '../build/profiles.ts';
import { createRandom } from '../build/random.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

type Self = ProfileLiteral['self'];
type Shape = Omit<ProfileLiteral, 'service' | 'fromUs' | 'self'>;

/** Six profiles in each period; `now` and `before` give the samples of the n-th. */
function collected(
  now: (index: number) => Self,
  before: (index: number) => Self,
  options: Shape & {
    readonly nowSpans?: readonly SpanLiteral[];
    readonly beforeSpans?: readonly SpanLiteral[];
  } = {},
): Collected {
  const { nowSpans = [], beforeSpans = [], ...shape } = options;
  const all = buildCollected({ window: { spans: nowSpans }, reference: { spans: beforeSpans } });
  const profiles = (fromUs: number, self: (index: number) => Self) =>
    Array.from({ length: 6 }, (_, index) =>
      profileOf({
        ...shape,
        service: 'bot',
        fromUs: fromUs + index * 60_000_000,
        self: self(index),
      }),
    );
  return {
    ...all,
    window: { ...all.window, profiles: profiles(WINDOW_RANGE.fromUs, now) },
    reference: { ...all.reference!, profiles: profiles(REFERENCE_RANGE.fromUs, before) },
  };
}

const suspectedIn = (one: Collected) => suspectProfiles(factsOf(one));
const usual = () => ({ parse: 100, send: 100, render: 100 });

describe('suspectProfiles()', () => {
  it('names the function whose share of the CPU time grew most, with its place', () => {
    const [code] = suspectedIn(collected(() => ({ ...usual(), parse: 500 }), usual));
    expect(code).toMatchObject({
      culprit: { service: 'bot' },
      kind: 'code',
      isOwn: true,
      detail: { function: 'parse', file: 'parse.ts', line: '11' },
    });
    const [evidence] = code!.evidence; // it was matched above
    expect(evidence?.statement.en).toBe(
      'parse (parse.ts:11) takes 71.4 % of the CPU time of bot, usually 33.3 %',
    );
    expect(evidence).toMatchObject({ source: 'profile', n: 4200 });
    const [low, high] = evidence?.interval ?? [0, 0];
    expect(low).toBeLessThan(5 / 7);
    expect(high).toBeGreaterThan(5 / 7);
    // 3 nats at most, × √ of the 38 % that are new.
    expect(evidence?.weight).toBeGreaterThan(1.8);
    expect(evidence?.weight).toBeLessThan(3 * Math.sqrt(0.39));
  });

  it('finds a function that was never seen before', () => {
    const [code] = suspectedIn(collected(() => ({ ...usual(), regex: 300 }), usual));
    expect(code?.detail).toMatchObject({ function: 'regex' });
    expect(code?.evidence[0]?.expected).toBe(0);
  });

  it('counts samples of one profile as one where shares scatter between profiles', () => {
    const steady = suspectedIn(collected(() => ({ ...usual(), parse: 140 }), usual));
    const bunch = (heavy: number) => (index: number) => ({
      ...usual(),
      parse: index % 2 === 0 ? 2 * heavy : 0,
    });
    const bunched = suspectedIn(collected(bunch(140), bunch(100)));
    expect(steady.filter(({ kind }) => kind === 'code')).toHaveLength(1);
    expect(bunched.filter(({ kind }) => kind === 'code')).toEqual([]);
  });

  it('gives no weight to speak of to the function that chance made the largest', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = createRandom(seed);
      const noisy = () =>
        Object.fromEntries(
          Array.from({ length: 40 }, (_, index) => [
            `f${index}`,
            Math.max(0, Math.round(25 + 5 * random.normal())),
          ]),
        );
      for (const { evidence } of suspectedIn(collected(noisy, noisy))) {
        for (const { weight } of evidence) expect(weight, `seed ${seed}`).toBeLessThan(0.4);
      }
    }
  });

  it.each([
    ['runtime.gcDrain'],
    ['runtime.scanobject'],
    ['(garbage collector)'],
    ['G1ParScanThreadState::trim_queue'],
    ['gc_collect_main'],
    ['WKS::gc_heap::mark_phase'],
  ])('takes %s for the collector, not for code', (name) => {
    const found = suspectedIn(collected(() => ({ ...usual(), [name]: 300 }), usual));
    const kinds = found.map(({ kind }) => kind);
    expect(kinds).toContain('gc');
    expect(kinds).not.toContain('code');
  });

  it.each([['gcdOfTwo'], ['logcat.write'], ['HugCount.add']])('takes %s for code', (name) => {
    const found = suspectedIn(collected(() => ({ ...usual(), [name]: 300 }), usual));
    expect(found.map(({ kind }) => kind)).not.toContain('gc');
  });

  it.each([
    ['mutex', 'nanoseconds', 10_000_000, 'lock', false],
    ['alloc_space', 'bytes', 10_000_000, 'memory', true],
    ['inuse_space', 'bytes', 0, 'memory', false],
    ['goroutine', 'count', 0, 'leak', false],
    ['cpu', 'nanoseconds', 10_000_000, 'cpu', true],
  ] as const)('more of %s speaks for %s', (type, unit, durationUs, kind, isSupport) => {
    const shape = { type, unit, durationUs };
    const times = (factor: number) => (index: number) => ({ park: factor * (100 + index) });
    const [found] = suspectedIn(collected(times(4), times(1), shape));
    expect(found).toMatchObject({ kind, detail: { function: 'park' } });
    expect(found?.isSupport === true).toBe(isSupport);
    const { value = 0, expected = 0 } = found!.evidence[0]!; // it was matched above
    expect(value / expected).toBeCloseTo(4);
  });

  it('lets wall time only back what other evidence suspects', () => {
    const waiting = () => ({ ...usual(), wait: 900 });
    const found = suspectedIn(collected(waiting, usual, { type: 'wall' }));
    expect(found).toMatchObject([{ kind: 'code', isOwn: false, isSupport: true }]);
  });

  it.each([
    ['types it does not know', { type: 'cache_misses', unit: 'count' }],
    ['counts beside sizes', { type: 'alloc_objects', unit: 'count' }],
  ])('leaves out %s', (_, shape) => {
    expect(suspectedIn(collected(() => ({ a: 900 }), usual, shape))).toEqual([]);
  });

  it('says nothing without profiles of the reference', () => {
    const one = collected(() => ({ parse: 900 }), usual);
    expect(suspectedIn({ ...one, reference: { ...one.reference!, profiles: [] } })).toEqual([]);
  });
});

/** Requests of the given length, four a second. */
function requests(fromUs: number, durationUs: (index: number) => number): SpanLiteral[] {
  return Array.from({ length: 200 }, (_, index) => ({
    trace: (fromUs + index).toString(16).padStart(32, '0'),
    ...{ id: 'root', service: 'bot', operation: 'GET /', kind: 'server' },
    startUs: fromUs + index * 250_000,
    durationUs: durationUs(index),
  }));
}

describe('hypothesise() with profiles', () => {
  it('names the function where the service takes more time itself', () => {
    const noise = (index: number) => 1000 * (index % 7);
    const [first] = hypothesesOf(
      collected(() => ({ ...usual(), parse: 900 }), usual, {
        nowSpans: requests(WINDOW_RANGE.fromUs, (index) => 90_000 + noise(index)),
        beforeSpans: requests(REFERENCE_RANGE.fromUs, (index) => 20_000 + noise(index)),
      }),
    );
    expect(first).toMatchObject({
      kind: 'code',
      culprit: { service: 'bot' },
      detail: { function: 'parse', file: 'parse.ts', line: '11' },
    });
    expect(new Set(first?.evidence.map(({ source }) => source))).toEqual(
      new Set(['trace', 'profile']),
    );
    expect(first?.statement.en).toContain('parse');
  });

  it('believes little where only a profile changed', () => {
    const steady = (index: number) => 20_000 + 1000 * (index % 7);
    const hypotheses = hypothesesOf(
      collected(() => ({ ...usual(), parse: 900 }), usual, {
        nowSpans: requests(WINDOW_RANGE.fromUs, steady),
        beforeSpans: requests(REFERENCE_RANGE.fromUs, steady),
      }),
    );
    for (const { posterior } of hypotheses) expect(posterior).toBeLessThan(0.5);
  });
});
