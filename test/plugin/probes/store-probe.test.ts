import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import type { SuspectPattern } from '../../../src/model/hypothesis.ts';
import { createStoreContext, runStoreProbe } from '../../../src/plugin/probes/store-probe.ts';
import { evaluateRules, loadRulebook } from '../../../src/rulebook/rulebook.ts';
import { botScene, type Fault } from '../../rulebook/bot-scenes.ts';
import { type Call, sceneOf } from '../../rulebook/scene.ts';

/** `bad` of `total` traces are anomalous at the root; `carrying` tells which traces hold the slow query. */
function sceneWith(options: {
  readonly total: number;
  readonly bad: number;
  readonly carrying: (index: number) => boolean;
  readonly reference?: number;
}) {
  const trace = (isBad: boolean, carries: boolean): Call => ({
    name: 'root',
    service: 'bot',
    ms: isBad ? 900 : 20,
    anomalous: isBad,
    calls: carries
      ? [{ name: 'query', service: 'bot', ms: 800, target: 'db', attributes: { tenant: 'a' } }]
      : [],
  });
  const traces = (count: number, isBad: (index: number) => boolean) =>
    Array.from({ length: count }, (_, index) => trace(isBad(index), options.carrying(index)));
  return sceneOf({
    window: { traces: traces(options.total, (index) => index < options.bad) },
    ...(options.reference && {
      reference: { traces: Array.from({ length: options.reference }, () => trace(false, false)) },
    }),
  });
}

const QUERY: SuspectPattern = { service: 'bot', operation: 'query' };
const outcomeOf = (suspect: SuspectPattern, scene: ReturnType<typeof sceneWith>) =>
  runStoreProbe({ kind: 'cohort', suspect }, createStoreContext(scene, [suspect]));

describe('cohort probes', () => {
  it('confirm what bad traces carry and good ones do not, with the numbers', () => {
    const result = outcomeOf(
      QUERY,
      sceneWith({ total: 100, bad: 40, carrying: (index) => index < 36 }),
    );
    expect(result.outcome).toBe('confirm');
    expect(result.observed.en).toMatch(
      /36 of 40 bad traces \(90 %\) carry it, 0 of 60 good ones \(0 %\); a difference of 75.6 % – 96 % within/,
    );
    expect(result.observed.zh).toMatch(/36\/40/);
  });

  it.each<readonly [caption: string, scene: ReturnType<typeof sceneWith>, outcome: string]>([
    [
      'everywhere alike',
      sceneWith({ total: 100, bad: 40, carrying: (index) => index % 2 === 0 }),
      'inconclusive',
    ],
    [
      'in good traces only',
      sceneWith({ total: 100, bad: 40, carrying: (index) => index >= 60 }),
      'refute',
    ],
    ['nowhere', sceneWith({ total: 100, bad: 40, carrying: () => false }), 'refute'],
    [
      'in too few of the bad',
      sceneWith({ total: 200, bad: 100, carrying: (index) => index < 20 }),
      'inconclusive',
    ],
    [
      'too few bad traces',
      sceneWith({ total: 100, bad: 4, carrying: (index) => index < 4 }),
      'inconclusive',
    ],
    [
      'all traces bad, no reference',
      sceneWith({ total: 50, bad: 50, carrying: () => true }),
      'inconclusive',
    ],
    [
      'all traces bad, sound reference',
      sceneWith({ total: 50, bad: 50, carrying: () => true, reference: 50 }),
      'confirm',
    ],
    ['nothing at all', sceneWith({ total: 0, bad: 0, carrying: () => true }), 'inconclusive'],
  ])('%s', (_caption, scene, outcome) => {
    expect(outcomeOf(QUERY, scene).outcome).toBe(outcome);
  });

  it.each<readonly [caption: string, more: Partial<SuspectPattern>, carrying: number]>([
    ['target', { target: 'db' }, 36],
    ['other target', { target: 'cache' }, 0],
    ['attribute', { attributes: { tenant: 'a' } }, 36],
    ['other attribute', { attributes: { tenant: 'b' } }, 0],
    ['length reached', { durationUsMin: 800_000 }, 36],
    ['length not reached', { durationUsMin: 800_001 }, 0],
    ['own time', { selfUsMin: 800_001 }, 0],
    ['error', { errorType: 'timeout' }, 0],
    ['hostile names', { operation: "' OR 1=1 --", attributes: { __proto__: 'x' } }, 0],
  ])('looks at %s', (_caption, more, carrying) => {
    const scene = sceneWith({ total: 100, bad: 40, carrying: (index) => index < 36 });
    expect(outcomeOf({ ...QUERY, ...more }, scene).observed.en).toMatch(
      new RegExp(`^${carrying} of 40 bad`),
    );
  });

  const rulebook = loadRulebook('rules');
  it.each<Fault>([
    'db_pool_hold',
    'db_slow_query',
    'plugin_over_limit',
    'retry_storm_http_200',
    'kb_slow',
    'deadline_lost',
    'llm_rate_limit',
    'canary_slow',
  ])('the pattern of the rule for %s holds on its scene', (fault) => {
    const scene = botScene(fault);
    const finding = evaluateRules(rulebook, scene).find(
      ({ rule }) => rule.faults[0]?.name === fault,
    );
    const result = outcomeOf(finding!.suspect, scene); // rules.test.ts shows that it fires
    expect(result.outcome, result.observed.en).toBe('confirm');
  });
});

/** Traces of one endpoint with a bot: bad or good, slow in the cache or not. */
interface Kind {
  readonly count: number;
  readonly bot?: string;
  readonly isBad: boolean;
  readonly showing: number;
}

function sceneOfKinds(kinds: readonly Kind[], reference: readonly Kind[] = []) {
  const traces = (all: readonly Kind[]) =>
    all.flatMap(({ count, bot, isBad, showing }) =>
      Array.from(
        { length: count },
        (_, index): Call => ({
          name: 'POST /chat',
          service: 'gateway',
          ms: isBad ? 900 : 100,
          anomalous: isBad,
          calls: [
            {
              name: bot ?? 'answer',
              service: 'bot',
              ms: 90,
              calls: [{ name: 'get', service: 'cache', ms: index < showing ? 80 : 2 }],
            },
          ],
        }),
      ),
    );
  return sceneOf({ window: { traces: traces(kinds) }, reference: { traces: traces(reference) } });
}

const SLOW_CACHE: SuspectPattern = { service: 'cache', operation: 'get', selfUsMin: 50_000 };
const askAbout = (suspect: SuspectPattern, scene: ReturnType<typeof sceneOf>) =>
  runStoreProbe({ kind: 'cohort', suspect }, createStoreContext(scene, [suspect]));

describe('what a cohort difference may come from', () => {
  it('a shift of the mix confirms nothing', () => {
    // Large bots always meet the slow cache, and most bad requests are theirs: within a bot nothing differs.
    const { outcome, observed } = askAbout(
      SLOW_CACHE,
      sceneOfKinds([
        { bot: 'large', count: 90, isBad: true, showing: 81 },
        { bot: 'large', count: 20, isBad: false, showing: 18 },
        { bot: 'small', count: 10, isBad: true, showing: 1 },
        { bot: 'small', count: 100, isBad: false, showing: 10 },
      ]),
    );
    expect(observed.en).toMatch(/^82 of 100 bad traces .*, 28 of 120 good ones .* the same kind/);
    expect(outcome).toBe('inconclusive');
  });

  it('a bystander, as frequent in bad and good requests, is refuted and weighs against', () => {
    const result = askAbout(
      SLOW_CACHE,
      sceneOfKinds([
        { count: 400, isBad: true, showing: 320 },
        { count: 400, isBad: false, showing: 320 },
      ]),
    );
    expect(result.outcome).toBe('refute');
    expect(result.weight).toBeLessThan(-1);
  });

  it('what was there before, and harmless, confirms nothing', () => {
    const window: readonly Kind[] = [
      { count: 100, isBad: true, showing: 90 },
      { count: 300, isBad: false, showing: 0 },
    ];
    const outcomeWith = (showing: number) =>
      askAbout(SLOW_CACHE, sceneOfKinds(window, [{ count: 50, isBad: false, showing }])).outcome;
    expect(outcomeWith(0)).toBe('confirm');
    expect(outcomeWith(48)).toBe('inconclusive');
  });

  it('a place is not refuted by sound requests that pass it, nor a silent service by its silence', () => {
    const scene = sceneOfKinds([
      { count: 200, isBad: true, showing: 0 },
      { count: 200, isBad: false, showing: 0 },
    ]);
    expect(askAbout({ service: 'cache' }, scene).outcome).toBe('inconclusive');
    expect(askAbout(SLOW_CACHE, scene).outcome).toBe('refute');
    expect(askAbout({ service: 'mainframe' }, scene)).toMatchObject({ outcome: 'inconclusive' });
  });
});

describe('placebo checks', () => {
  /** 12 services with random own times; `slowed` of them is 80 ms slower in bad requests. */
  function noisyScene(seed: number, slowed: (service: number) => boolean) {
    const random = createRandom(seed);
    const trace = (isBad: boolean): Call => {
      let at = 0;
      const calls = Array.from({ length: 12 }, (_, service): Call => {
        const ms = 5 + 10 * random() + (isBad && slowed(service) ? 80 : 0);
        at += ms;
        return { name: 'work', service: `s${service}`, at: at - ms, ms };
      });
      return { name: 'root', service: 'gateway', ms: at + 5, anomalous: isBad, calls };
    };
    const traces = (count: number, badShare: number) =>
      Array.from({ length: count }, (_, index) => trace(index < badShare * count));
    return sceneOf({
      window: { traces: traces(200, 0.4) },
      reference: { traces: traces(200, 0) },
    });
  }
  const suspect: SuspectPattern = { service: 's3', operation: 'work', selfUsMin: 50_000 };

  it('hardly ever confirm on noise, and leave a true cause its weight', () => {
    let [confirmed, tried] = [0, 0];
    for (let seed = 1; seed <= 20; seed++) {
      const result = askAbout(
        suspect,
        noisyScene(seed, (service) => service === 3),
      );
      expect(result.outcome).toBe('confirm');
      confirmed += result.placebo!.confirmed;
      tried += result.placebo!.tried;
      expect(result.weight).toBeGreaterThan(2); // ln(0.9 / (0.5 / 14)) = 3.2 with none of 13
    }
    expect(tried).toBeGreaterThan(200);
    expect(confirmed / tried).toBeLessThan(0.01);
  });

  it('that confirm everywhere take the weight away: everything is slow', () => {
    const { placebo, weight } = askAbout(
      suspect,
      noisyScene(1, () => true),
    );
    expect(placebo!.confirmed / placebo!.tried).toBeGreaterThan(0.7);
    expect(weight).toBeLessThan(0.5);
  });
});
