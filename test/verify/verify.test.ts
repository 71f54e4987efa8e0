import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { ANALYSIS_SETTINGS } from '../../src/model/analysis-settings.ts';
import type {
  Evidence,
  EvidenceSource,
  Hypothesis,
  Noise,
  ProbeKind,
  ProbeOutcome,
  ProbePlan,
  ProbeSpec,
} from '../../src/model/hypothesis.ts';
import type { ProbeRunner } from '../../src/plugin/probes/probes.ts';
import { type Verified, verify } from '../../src/verify/verify.ts';
import { sceneOf } from '../rulebook/scene.ts';

type Outcomes = readonly (readonly [kind: ProbeKind, outcome: ProbeOutcome])[];

interface Suspect {
  readonly sources?: readonly EvidenceSource[];
  readonly weight?: number;
  readonly posterior?: number;
  readonly effectOf?: string;
  readonly probes?: Outcomes;
  readonly ruleId?: string;
  readonly operation?: string;
  readonly dependency?: string;
  readonly kind?: Hypothesis['kind'];
}

const TEXT = { zh: '', en: '' };

/** The outcome that the fake runner gives stands in the plan's target. */
function planOf(probeId: string, kind: ProbeKind, outcome: ProbeOutcome): ProbePlan {
  const specs: Record<ProbeKind, ProbeSpec> = {
    http: { kind: 'http', service: 'bot', path: `/${probeId}`, confirm: '$.a' },
    prom: { kind: 'prom', query: probeId, confirm: 'value > 0' },
    store: { kind: 'store', query: { kind: 'cohort', suspect: { service: probeId } } },
  };
  return { probeId, kind, target: outcome, expectation: TEXT, spec: specs[kind], rerun: '' };
}

function hypothesesOf(suspects: readonly Suspect[]): readonly Hypothesis[] {
  return suspects.map((suspect, index) => {
    const id = `h${index + 1}`;
    const { sources = ['trace', 'log', 'metric'], weight = 2, effectOf } = suspect;
    const evidence = sources.map(
      (source): Evidence => ({
        evidenceId: `${id}.${source}`,
        source,
        direction: 'for',
        statement: TEXT,
        n: 10,
        weight,
      }),
    );
    return {
      hypothesisId: id,
      culprit: {
        service: 'bot',
        ...(suspect.operation && { operation: suspect.operation }),
        ...(suspect.dependency && { dependency: suspect.dependency }),
      },
      ...(suspect.ruleId && { ruleId: suspect.ruleId }),
      kind: suspect.kind ?? 'pool',
      statement: TEXT,
      score: weight * sources.length,
      posterior: suspect.posterior ?? 0.8 / suspects.length,
      evidence,
      predictions: [],
      probePlans: (suspect.probes ?? []).map(([kind, outcome], at) =>
        planOf(`${id}p${at}`, kind, outcome),
      ),
      ...(effectOf && { effectOf }),
    };
  });
}

const runner: ProbeRunner = {
  run: async (plan) => ({
    plan,
    outcome: plan.target as ProbeOutcome,
    observed: TEXT,
    ranAtUs: 1,
    durationMs: 1,
  }),
};

function check(
  hypotheses: readonly Hypothesis[],
  more: Partial<Parameters<typeof verify>[1]> = {},
): Promise<Verified> {
  return verify(hypotheses, {
    clustered: sceneOf({ window: { traces: [] } }),
    runner,
    clock: { nowUs: () => 1 },
    signal: new AbortController().signal,
    ...more,
  });
}

describe('verdict of a hypothesis', () => {
  const three: readonly EvidenceSource[] = ['trace', 'log', 'metric'];
  const two: readonly EvidenceSource[] = ['trace', 'log'];
  it.each<
    readonly [
      caption: string,
      sources: readonly EvidenceSource[],
      probes: Outcomes,
      verdict: string,
    ]
  >([
    ['live confirms', ['trace'], [['http', 'confirm']], 'confirmed'],
    ['Prometheus confirms', ['trace'], [['prom', 'confirm']], 'confirmed'],
    [
      'live confirms, cohort is inconclusive',
      two,
      [
        ['http', 'confirm'],
        ['store', 'inconclusive'],
      ],
      'confirmed',
    ],
    ['cohort confirms, three kinds', three, [['store', 'confirm']], 'confirmed'],
    ['cohort confirms, two kinds', two, [['store', 'confirm']], 'likely'],
    [
      'all inconclusive, three kinds',
      three,
      [
        ['http', 'inconclusive'],
        ['store', 'inconclusive'],
      ],
      'likely',
    ],
    ['no probe, one kind', ['trace'], [], 'unverified'],
    ['inconclusive, one kind', ['trace'], [['http', 'inconclusive']], 'unverified'],
    ['live refutes', three, [['http', 'refute']], 'refuted'],
    [
      'live refutes, cohort confirms',
      three,
      [
        ['http', 'refute'],
        ['store', 'confirm'],
      ],
      'unverified',
    ],
    ['cohort refutes', three, [['store', 'refute']], 'refuted'],
    [
      'live probes contradict each other',
      three,
      [
        ['http', 'confirm'],
        ['prom', 'refute'],
      ],
      'unverified',
    ],
    [
      'live confirms, cohort refutes',
      three,
      [
        ['http', 'confirm'],
        ['store', 'refute'],
      ],
      'unverified',
    ],
  ])('%s', async (_caption, sources, probes, verdict) => {
    const { hypotheses } = await check(hypothesesOf([{ sources, probes }]));
    expect(hypotheses[0]?.verdict).toBe(verdict);
  });
});

describe('verify()', () => {
  it('a confirming live probe adds a kind of evidence', async () => {
    const { hypotheses, consensus, verdict, rootCause } = await check(
      hypothesesOf([{ sources: ['trace', 'log'], probes: [['http', 'confirm']] }]),
    );
    expect(consensus).toEqual({ sources: ['trace', 'log', 'state'], decision: 'automatic' });
    expect(hypotheses[0]?.evidence.at(-1)).toMatchObject({
      source: 'state',
      direction: 'for',
      weight: 3,
    });
    expect(hypotheses[0]?.score).toBe(7);
    expect({ verdict, rootCause }).toEqual({ verdict: 'confirmed', rootCause: 'h1' });
  });

  it.each<readonly [sources: readonly EvidenceSource[], decision: string]>([
    [['trace', 'log', 'metric'], 'automatic'],
    [['trace', 'log'], 'probable'],
    [['trace'], 'human review'],
    [['trace', 'trace', 'trace'], 'human review'],
  ])('%j → %s', async (sources, decision) => {
    expect((await check(hypothesesOf([{ sources }]))).consensus.decision).toBe(decision);
  });

  it('refuted hypotheses sink and stay listed', async () => {
    const { hypotheses, rootCause } = await check(
      hypothesesOf([
        { posterior: 0.7, probes: [['http', 'refute']] },
        { posterior: 0.2, probes: [['http', 'confirm']] },
      ]),
    );
    expect(hypotheses.map(({ hypothesisId, verdict }) => `${hypothesisId} ${verdict}`)).toEqual([
      'h2 confirmed',
      'h1 refuted',
    ]);
    expect(rootCause).toBe('h2');
  });

  it('an effect is no root cause, even when a live probe confirms it', async () => {
    const { hypotheses, rootCause } = await check(
      hypothesesOf([
        { posterior: 0.6, effectOf: 'h2', probes: [['http', 'confirm']] },
        { posterior: 0.3, probes: [['store', 'confirm']] },
      ]),
    );
    expect(hypotheses.map(({ hypothesisId }) => hypothesisId)).toEqual(['h2', 'h1']);
    expect(rootCause).toBe('h2');
  });

  it('an effect whose cause was refuted is a suspect again', async () => {
    const { rootCause } = await check(
      hypothesesOf([
        { posterior: 0.5, probes: [['http', 'refute']] },
        { posterior: 0.3, effectOf: 'h1', probes: [['http', 'confirm']] },
      ]),
    );
    expect(rootCause).toBe('h2');
  });

  it('an effect whose cause was refuted gets back what the explanation took', async () => {
    const [cause, effect] = hypothesesOf([{ probes: [['http', 'refute']] }, { effectOf: 'h1' }]);
    const damped = {
      ...effect!, // two suspects were given
      score: effect!.score - 5,
      explanationId: 'h2.x',
      evidence: [
        ...effect!.evidence,
        {
          evidenceId: 'h2.x',
          source: 'trace' as const,
          direction: 'against' as const,
          statement: TEXT,
          n: 1,
          weight: -5,
        },
      ],
    };
    const { hypotheses } = await check([cause!, damped]);
    const freed = hypotheses.find(({ hypothesisId }) => hypothesisId === 'h2');
    expect(freed?.score).toBe(effect?.score);
    expect(freed?.effectOf).toBeUndefined();
    expect(freed?.evidence.map(({ evidenceId }) => evidenceId)).not.toContain('h2.x');
  });

  it('… or stays an effect of the next cause that would explain it', async () => {
    const [first, second, effect] = hypothesesOf([
      { probes: [['http', 'refute']] },
      { operation: 'b' },
      { effectOf: 'h1', operation: 'c' },
    ]);
    const statement = { zh: 'b', en: 'b' };
    const both = {
      ...effect!, // three suspects were given
      otherCauses: [{ hypothesisId: 'h2', statement }],
      explanationId: 'h3.log',
    };
    const { hypotheses, rootCause } = await check([first!, second!, both]);
    const moved = hypotheses.find(({ hypothesisId }) => hypothesisId === 'h3');
    expect(moved?.effectOf).toBe('h2');
    expect(moved?.evidence.find(({ evidenceId }) => evidenceId === 'h3.log')?.statement).toBe(
      statement,
    );
    expect(rootCause).not.toBe('h3');
  });

  it.each<readonly [caption: string, suspects: readonly Suspect[]]>([
    ['nothing suspected', []],
    ['all refuted', [{ probes: [['http', 'refute']] }]],
    ['nothing decisive', [{ sources: ['trace'], weight: 0.5 }]],
    ['many small doubts', [{ sources: Array(20).fill('trace'), weight: 1.5 }]],
    ['two alike', [{ posterior: 0.42 }, { posterior: 0.4 }]],
    [
      'two alike, both confirmed by cohort',
      [
        { posterior: 0.42, probes: [['store', 'confirm']] },
        { posterior: 0.4, probes: [['store', 'confirm']] },
      ],
    ],
  ])('abstains: %s', async (_caption, suspects) => {
    const { verdict, rootCause, confidence, hypotheses } = await check(hypothesesOf(suspects));
    expect({ verdict, rootCause }).toEqual({ verdict: 'abstained', rootCause: undefined });
    expect(confidence).toBeLessThan(ANALYSIS_SETTINGS.confidenceMin);
    expect(hypotheses).toHaveLength(suspects.length);
  });

  it('two alike are told apart by the better check', async () => {
    const { rootCause, verdict } = await check(
      hypothesesOf([
        { posterior: 0.42, probes: [['store', 'confirm']] },
        { posterior: 0.38, probes: [['http', 'confirm']] },
      ]),
    );
    expect({ rootCause, verdict }).toEqual({ rootCause: 'h2', verdict: 'confirmed' });
  });

  it.each<
    readonly [caption: string, general: Suspect, specific: Suspect, rootCause: string | undefined]
  >([
    ['about one place', { operation: 'a' }, { operation: 'a', ruleId: 'r' }, 'h2'],
    [
      'far less likely',
      { operation: 'a', posterior: 0.7 },
      { operation: 'a', ruleId: 'r', posterior: 0.1 },
      'h1',
    ],
    [
      'less well checked',
      { operation: 'a', probes: [['store', 'confirm']] },
      { operation: 'a', ruleId: 'r' },
      'h1',
    ],
    [
      'a symptom of its place',
      { operation: 'a', kind: 'latency' },
      { operation: 'a', ruleId: 'r' },
      'h2',
    ],
    [
      'a symptom of another place of the service',
      { operation: 'a', kind: 'latency' },
      { operation: 'b', ruleId: 'r' },
      undefined,
    ],
    [
      'another mechanism at its place',
      { operation: 'a', kind: 'cpu' },
      { operation: 'a', ruleId: 'r' },
      undefined,
    ],
    [
      'a far likelier mechanism at its place',
      { operation: 'a', kind: 'cpu', posterior: 0.6, weight: 4 },
      { operation: 'a', ruleId: 'r', posterior: 0.2 },
      'h1',
    ],
    [
      'one dependency under two operations',
      { operation: 'a', dependency: 'db' },
      { operation: 'b', dependency: 'db', ruleId: 'r' },
      'h2',
    ],
    [
      'one operation towards two dependencies',
      { operation: 'GET', dependency: 'x' },
      { operation: 'GET', dependency: 'y', ruleId: 'r' },
      undefined,
    ],
    [
      'two rules with different mechanisms at one place',
      { operation: 'a', ruleId: 'q', kind: 'quota' },
      { operation: 'a', ruleId: 'r' },
      undefined,
    ],
    ['about another place', { operation: 'a' }, { operation: 'b', ruleId: 'r' }, undefined],
    ['about no place in particular', {}, { ruleId: 'r' }, undefined],
  ])(
    'a rule goes before a general hypothesis: %s',
    async (_caption, general, specific, rootCause) => {
      expect((await check(hypothesesOf([general, specific]))).rootCause).toBe(rootCause);
    },
  );

  it('confidence follows score and lead', async () => {
    const { confidenceBase, confidencePerScore, confidencePerLead } = ANALYSIS_SETTINGS;
    const expected = (score: number, rival: number) =>
      1 /
      (1 +
        Math.exp(
          -(confidenceBase + confidencePerScore * score + confidencePerLead * (score - rival)),
        ));
    const of = async (suspects: readonly Suspect[], noise?: Noise) =>
      (await check(hypothesesOf(suspects), noise && { noise })).confidence;
    // Three kinds of evidence, of weight 2 or 1: scores 6 and 3.
    expect(await of([{}])).toBeCloseTo(expected(6, 0), 3);
    expect(await of([{}, { weight: 1, operation: 'b' }])).toBeCloseTo(expected(6, 3), 3);
    expect(await of([{}], { windows: 4, score: 2 })).toBeCloseTo(expected(6, 2), 3);
    expect(await of([{}, { weight: 1, operation: 'b' }], { windows: 4, score: 2 })).toBeCloseTo(
      expected(6, 3),
      3,
    );
  });

  it('confidence is never certain, least of all without a live probe', async () => {
    const of = async (probes: Outcomes) =>
      (await check(hypothesesOf([{ weight: 9, probes }]))).confidence;
    expect(await of([])).toBe(0.95);
    expect(await of([['store', 'confirm']])).toBe(0.95);
    expect(await of([['http', 'confirm']])).toBe(0.99);
  });

  it('belief is Bayes with the weight of the probes', async () => {
    const { hypotheses } = await check(
      hypothesesOf([{ posterior: 0.5, probes: [['http', 'confirm']] }, { posterior: 0.3 }]),
    );
    const share = 0.5 * Math.exp(3);
    expect(hypotheses[0]?.posterior).toBeCloseTo(share / (share + 0.3 + 0.2), 10);
    expect(hypotheses[1]?.posterior).toBeCloseTo(0.3 / (share + 0.3 + 0.2), 10);
  });

  it('verifying again replaces what the first run found', async () => {
    const first = await check(
      hypothesesOf([{ posterior: 0.5, probes: [['http', 'confirm']] }, { posterior: 0.3 }]),
    );
    const again = await check(first.hypotheses);
    expect(again.hypotheses.map(({ evidence }) => evidence)).toEqual(
      first.hypotheses.map(({ evidence }) => evidence),
    );
    expect(again.hypotheses[0]?.score).toBe(first.hypotheses[0]?.score);
    expect(again.hypotheses[0]?.posterior).toBeCloseTo(first.hypotheses[0]?.posterior ?? 0, 10);
    expect(again.confidence).toBe(first.confidence);
  });

  it('asks each question once, a bounded number of them, a few at a time, and tells as it goes', async () => {
    let running = 0;
    let mostRunning = 0;
    const asked: string[] = [];
    const counting: ProbeRunner = {
      run: async (plan, context) => {
        mostRunning = Math.max(mostRunning, ++running);
        asked.push(plan.probeId);
        await new Promise(setImmediate);
        running--;
        return runner.run(plan, context);
      },
    };
    const probes = Array.from({ length: 5 }, () => ['http', 'confirm'] as const);
    const hypotheses = hypothesesOf(Array.from({ length: 12 }, () => ({ probes })));
    const shared = planOf('shared', 'http', 'confirm');
    const withShared = hypotheses.map((one) => ({
      ...one,
      probePlans: [shared, shared, ...one.probePlans],
    }));
    const told: string[] = [];
    const { hypotheses: verified } = await check(withShared, {
      runner: counting,
      onProgress: ({ hypothesisId, probeRun }) =>
        told.push(`${hypothesisId} ${probeRun.plan.probeId}`),
    });
    expect(asked.filter((id) => id === 'shared')).toHaveLength(1);
    expect(told).toHaveLength(LIMITS.probesPerReportMax);
    expect(mostRunning).toBeLessThanOrEqual(LIMITS.probesConcurrentMax);
    for (const { probes: runs } of verified) {
      expect(runs.filter(({ plan }) => plan.probeId === 'shared')).toHaveLength(1);
    }
  });

  it('is deterministic for equal input', async () => {
    const suspects: readonly Suspect[] = [
      { probes: [['http', 'confirm']] },
      { probes: [['store', 'confirm']] },
      {},
    ];
    expect(await check(hypothesesOf(suspects))).toEqual(await check(hypothesesOf(suspects)));
  });
});
