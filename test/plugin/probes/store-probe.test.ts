import { describe, expect, it } from 'vitest';
import type { SuspectPattern } from '../../../src/model/hypothesis.ts';
import { runStoreProbe } from '../../../src/plugin/probes/store-probe.ts';
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
  runStoreProbe({ kind: 'cohort', suspect }, scene);

describe('cohort probes', () => {
  it('confirm what bad traces carry and good ones do not, with the numbers', () => {
    const result = outcomeOf(
      QUERY,
      sceneWith({ total: 100, bad: 40, carrying: (index) => index < 36 }),
    );
    expect(result.outcome).toBe('confirm');
    expect(result.observed.en).toMatch(
      /36 of 40 bad traces \(90 %\) carry it, 0 of 60 good ones \(0 %\), Fisher p < 1e-12/,
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
