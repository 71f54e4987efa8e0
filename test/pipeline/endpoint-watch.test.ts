import { describe, expect, test } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { Random } from '../../src/bench/random.ts';
import type { Anomaly, ChangeEvent } from '../../src/model/anomaly.ts';
import { endpointIdOf, type Tally, type TallyMeasure } from '../../src/model/tally.ts';
import type { EndpointWatch } from '../../src/model/watch.ts';
import { createEndpointWatch } from '../../src/pipeline/endpoint-watch.ts';
import { SketchBuilder } from '../../src/tally/sketch.ts';

const START_US = Date.UTC(2026, 0, 5) * 1000;

interface Traffic {
  readonly requests: number;
  readonly slower?: number;
  /** Of the requests; all unless told otherwise. */
  readonly slowerShare?: number;
  readonly errorRatio?: number;
  readonly operation?: string;
  readonly bot?: string;
  readonly measure?: TallyMeasure;
}

/** A minute of requests around 100 ms. */
function tallyOf(random: Random, minute: number, traffic: Traffic): Tally {
  const { requests, slower = 1, slowerShare = 1 } = traffic;
  const { errorRatio = 0.005, operation = 'GET /' } = traffic;
  const builder = new SketchBuilder();
  const count = Math.round(requests * (0.95 + random.below(100) / 1000));
  let errorCount = 0;
  for (let drawn = 0; drawn < count; drawn++) {
    const unit = (random.below(1000) + random.below(1000) + random.below(1000)) / 1500 - 1;
    const factor = slowerShare === 1 || random.chance(slowerShare) ? slower : 1;
    builder.add(100_000 * factor * Math.exp(unit));
    if (random.chance(errorRatio)) errorCount++;
  }
  const { bot, measure } = traffic;
  const part = {
    ...(bot === undefined ? {} : { slice: { dimension: 'bot', value: bot } as const }),
    ...(measure === undefined ? {} : { measure }),
  };
  const endpointId = endpointIdOf('shop', `${operation}${bot ?? ''}${measure ?? ''}`);
  return {
    endpoint: { endpointId, service: 'shop', operation, stage: 'other', ...part },
    minuteUs: START_US + minute * US_PER_MINUTE,
    count,
    errorCount,
    sketch: builder.build(),
  };
}

/** What the watch tells of minutes [from, to). */
function run(
  watch: EndpointWatch,
  { from, to }: { readonly from: number; readonly to: number },
  traffic: (minute: number) => readonly Traffic[],
): Anomaly[] {
  const told: Anomaly[] = [];
  for (let minute = from; minute < to; minute++) {
    const random = new Random(1000 + minute);
    const tallies = traffic(minute).map((part) => tallyOf(random, minute, part));
    const minuteUs = START_US + minute * US_PER_MINUTE;
    told.push(...watch.step({ minuteUs, tallies, changes: [] }));
  }
  return told;
}

const minuteOfUs = (timeUs: number) => (timeUs - START_US) / US_PER_MINUTE;

describe('createEndpointWatch()', () => {
  test.each([
    ['latency', 'up', { requests: 100, slower: 2 }],
    ['error', 'up', { requests: 100, errorRatio: 0.3 }],
    ['traffic', 'down', { requests: 10 }],
    ['traffic', 'up', { requests: 400 }],
  ] as const)('tells of %s %s once, with onset and recovery', (kind, direction, odd) => {
    const told = run(createEndpointWatch(), { from: 0, to: 240 }, (minute) => [
      minute >= 180 && minute < 200 ? odd : { requests: 100 },
    ]);
    const ids = new Set(told.map(({ anomalyId }) => anomalyId));
    expect(ids.size).toBe(1);
    const [opened, closed] = [told[0]!, told.at(-1)!];
    expect(opened).toMatchObject({ kind, direction, status: 'open', service: 'shop' });
    expect(minuteOfUs(opened.range.fromUs)).toBe(180);
    expect(minuteOfUs(opened.detectedUs!)).toBeLessThanOrEqual(183);
    expect(closed).toMatchObject({ status: 'closed', end: 'recovered' });
    expect(minuteOfUs(closed.range.toUs)).toBe(200);
    expect(opened.picture!.values.length).toBe(60);
  });

  test('few requests a minute are enough to see the end of what nearly all minutes showed', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 1475 }, (minute) => [
      { requests: 3, ...(minute >= 1440 && minute < 1460 ? { slower: 30, slowerShare: 0.4 } : {}) },
    ]);
    expect(new Set(told.map(({ anomalyId }) => anomalyId)).size).toBe(1);
    expect(told.at(-1)).toMatchObject({ kind: 'latency', status: 'closed', end: 'recovered' });
  });

  test('a blip of one minute is told of by nobody', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 240 }, (minute) => [
      minute === 180 ? { requests: 500, slower: 5, errorRatio: 0.5 } : { requests: 100 },
    ]);
    expect(told).toEqual([]);
  });

  test('a silent service is one anomaly, not one for each endpoint', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 240 }, (minute) =>
      minute >= 180 && minute < 210
        ? []
        : [
            { requests: 100, operation: 'a' },
            { requests: 50, operation: 'b' },
          ],
    );
    expect(new Set(told.map(({ anomalyId }) => anomalyId)).size).toBe(1);
    expect(told[0]).toMatchObject({ kind: 'silence', status: 'open' });
    expect(told.at(-1)).toMatchObject({ kind: 'silence', status: 'closed', end: 'recovered' });
    expect(told[0]!.endpointId).toBeUndefined();
    expect(minuteOfUs(told[0]!.detectedUs!)).toBe(182);
  });

  test('minutes of which a part is missing are neither missing requests nor learned as such', () => {
    const toldOf = (isPartial: boolean) => {
      const watch = createEndpointWatch();
      run(watch, { from: 0, to: 180 }, () => [{ requests: 100 }]);
      const cut = [180, 181].flatMap((minute) => {
        const tally = tallyOf(new Random(minute), minute, { requests: 35 });
        const { minuteUs } = tally;
        return watch.step({ minuteUs, tallies: [tally], changes: [], isPartial });
      });
      return [...cut, ...run(watch, { from: 182, to: 240 }, () => [{ requests: 100 }])];
    };
    expect(toldOf(false).map(({ kind }) => kind)).toContain('traffic');
    expect(toldOf(true)).toEqual([]);
  });

  test('a picture has a gap where nobody watched, and no more digits than it shows', () => {
    const watch = createEndpointWatch();
    run(watch, { from: 0, to: 180 }, () => [{ requests: 97 }]);
    const told = run(watch, { from: 200, to: 215 }, (minute) => [
      { requests: 97, slower: minute < 205 ? 1 : 3 },
    ]);
    const { values, high } = told.find(({ kind }) => kind === 'latency')!.picture!;
    const seen = values.map((value) => Number.isFinite(value));
    const opened = minuteOfUs(told[0]!.detectedUs!) - 1;
    expect(seen).toEqual(
      Array.from({ length: 60 }, (_, index) => {
        const minute = opened - 59 + index;
        return minute < 180 || minute >= 200;
      }),
    );
    for (const value of [...values, ...high].filter(Number.isFinite)) {
      expect(
        String(value)
          .replace(/[^1-9]*(?=[1-9])/, '')
          .replace(/0+$/, '').length,
      ).toBeLessThan(6);
    }
  });

  test('a slice is told of when its endpoint does not explain it', () => {
    const of = (slower: { readonly all: number; readonly bot: number }) =>
      run(createEndpointWatch(), { from: 0, to: 220 }, (minute) => {
        const isOdd = minute >= 180 && minute < 195;
        return [
          { requests: 200, slower: isOdd ? slower.all : 1 },
          { requests: 40, slower: isOdd ? slower.bot : 1, bot: 'b1' },
        ];
      });
    expect(of({ all: 3, bot: 3 }).every(({ slice }) => slice === undefined)).toBe(true);
    const [told] = of({ all: 1, bot: 3 });
    expect(told).toMatchObject({ kind: 'latency', slice: { dimension: 'bot', value: 'b1' } });
  });

  test('what its endpoint explained is told of by no slice when the endpoint is over it', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 1500 }, (minute) => {
      const odd = minute >= 1440 && minute < 1450 ? { slower: 30, slowerShare: 0.5 } : {};
      return [
        { requests: 8, ...odd },
        { requests: 2, ...odd, bot: 'b1' },
      ];
    });
    expect(told.at(-1)).toMatchObject({ status: 'closed', end: 'recovered' });
    expect(told.filter(({ slice }) => slice !== undefined)).toEqual([]);
  });

  test('self times are of a sample: how many there are is no traffic', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 240 }, (minute) => [
      { requests: minute < 180 ? 100 : 5, measure: 'self' },
      { requests: 50 },
    ]);
    expect(told).toEqual([]);
  });

  test('a deploy that slows by a tenth is learned, one that doubles latency is told of', () => {
    const kindsAfter = (slower: number) => {
      const watch = createEndpointWatch();
      run(watch, { from: 0, to: 180 }, () => [{ requests: 200 }]);
      const tally = tallyOf(new Random(1), 180, { requests: 200, slower });
      const deploy: ChangeEvent = {
        changeId: 'shop-2',
        timeUs: tally.minuteUs,
        kind: 'deploy',
        service: 'shop',
        description: 'shop 2',
        attributes: {},
      };
      const first = watch.step({ minuteUs: tally.minuteUs, tallies: [tally], changes: [deploy] });
      const later = run(watch, { from: 181, to: 260 }, () => [{ requests: 200, slower }]);
      return [...first, ...later].map(({ kind, direction }) => `${kind} ${direction}`);
    };
    expect(kindsAfter(1.12)).toEqual([]);
    expect(kindsAfter(2)).toContain('latency up');
  });

  test('a lasting change is accepted after a day, and then is what is usual', () => {
    const watch = createEndpointWatch();
    const told = run(watch, { from: 0, to: 180 + 1440 + 240 }, (minute) => [
      { requests: 30, slower: minute >= 180 ? 2 : 1 },
    ]);
    expect(told.at(-1)).toMatchObject({ status: 'closed', end: 'accepted' });
    const [band] = watch.baselines(START_US + 1800 * US_PER_MINUTE).values();
    expect(band!.latencyUsP50.expected / 200_000).toBeCloseTo(1, 1);
  });

  test.each([
    { caption: 'an endpoint', stays: 'b', kind: 'traffic' },
    { caption: 'a service', stays: 'none', kind: 'silence' },
  ])('$caption that is switched off is told of once, and is new when it comes back', (off) => {
    const [offFrom, offTo] = [600, 600 + 4 * 1440];
    const told = run(createEndpointWatch(), { from: 0, to: offTo + 1440 }, (minute) =>
      [
        { requests: 20, operation: 'a' },
        { requests: 20, operation: 'b' },
      ].filter(({ operation }) => minute < offFrom || minute >= offTo || operation === off.stays),
    );
    expect(new Set(told.map(({ anomalyId }) => anomalyId)).size).toBe(1);
    expect(told.at(-1)).toMatchObject({ kind: off.kind, status: 'closed', end: 'accepted' });
  });

  test('without room counts who is left out, and gives them the rows of those that are gone', () => {
    // a row is the service's
    const watch = createEndpointWatch({ rowsMax: 3 });
    const operations = ['a', 'b', 'c'];
    const all = () => operations.map((operation) => ({ requests: 5, operation }));
    run(watch, { from: 0, to: 60 }, all);
    expect([watch.state.size, watch.leftOutCount]).toEqual([3, 1]);
    const gone = () => all().filter(({ operation }) => operation !== 'a');
    const told = run(watch, { from: 60, to: 60 + 2 * 1440 + 61 }, gone);
    expect(told.at(-1)).toMatchObject({ operation: 'a', end: 'accepted' });
    expect([watch.state.size, watch.leftOutCount]).toEqual([3, 0]);
    expect(
      [...watch.baselines(START_US).values()].map(({ endpoint }) => endpoint.operation),
    ).toEqual(['b', 'c']);
  });

  test('an endpoint that always fails is accepted once', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 600 + 2 * 1440 }, (minute) => [
      { requests: 20, errorRatio: minute < 600 ? 0.005 : 1 },
    ]);
    expect(new Set(told.map(({ anomalyId }) => anomalyId)).size).toBe(1);
    expect(told.at(-1)).toMatchObject({ kind: 'error', status: 'closed', end: 'accepted' });
  });

  test('traffic that has tripled does not recover by lasting', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 600 + 1440 }, (minute) => [
      { requests: minute < 600 ? 50 : 150 },
    ]);
    expect(told.map(({ end }) => end)).not.toContain('recovered');
    expect(told.some(({ kind, direction }) => kind === 'traffic' && direction === 'up')).toBe(true);
  });

  test('traffic that went elsewhere for the most part is told of once', () => {
    const told = run(createEndpointWatch(), { from: 0, to: 600 + 3 * 1440 }, (minute) => [
      { requests: minute < 600 ? 60 : 15 },
    ]);
    const ends = told.filter(({ end }) => end !== undefined).map(({ kind, end }) => [kind, end]);
    expect(ends).toEqual([['traffic', 'accepted']]);
  });

  test('goes on after a restart as if there had been none', () => {
    const traffic = (minute: number) => [
      { requests: 100, slower: minute >= 180 && minute < 200 ? 2 : 1 },
    ];
    const straight = run(createEndpointWatch(), { from: 0, to: 240 }, traffic);
    const before = createEndpointWatch();
    const told = run(before, { from: 0, to: 190 }, traffic);
    const after = createEndpointWatch();
    after.state.decode(before.state.encode(0, 2));
    after.state.decode(before.state.encode(1, 2));
    after.resume(told.slice(-1));
    told.push(...run(after, { from: 185, to: 240 }, traffic));
    expect(told).toEqual(straight);
  });

  test('closes what was open when its row is lost', () => {
    const open = run(createEndpointWatch(), { from: 0, to: 190 }, (minute) => [
      { requests: 100, slower: minute >= 180 ? 2 : 1 },
    ]).at(-1)!;
    const watch = createEndpointWatch();
    watch.resume([open]);
    const told = run(watch, { from: 190, to: 192 }, () => [{ requests: 100 }]);
    expect(told).toEqual([{ ...open, status: 'closed', end: 'gone' }]);
  });
});
