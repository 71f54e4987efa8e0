/**
 * The third step: runs the probes of the hypotheses and computes verdicts, ranking, consensus and confidence
 * from what they found. Code decides; nothing is confirmed without a probe that really ran.
 */
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/time.ts';
import { ANALYSIS_SETTINGS, type AnalysisSettings } from '../model/analysis-settings.ts';
import type {
  Counterfactual,
  Evidence,
  Hypothesis,
  Noise,
  ProbePlan,
  ProbeRun,
  VerifiedHypothesis,
} from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { ProbeRunner } from '../plugin/probes/probes.ts';
import { concludeReport, type Verified } from './conclusion.ts';
import { createCounterfactuals, imagineWithout } from './counterfactual.ts';
import { releaseEffects } from './release.ts';
import { counterfactualEvidence, isProbeEvidence, probeEvidence, verdictOf } from './verdict.ts';

export interface VerifyOptions {
  readonly clustered: Clustered;
  readonly runner: ProbeRunner;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly settings?: AnalysisSettings;
  /** Absent: nothing was asked. */
  readonly noise?: Noise;
  readonly onProgress?: (event: {
    readonly hypothesisId: string;
    readonly probeRun: ProbeRun;
  }) => void;
}

export type { Verified } from './conclusion.ts';

export async function verify(
  hypotheses: readonly Hypothesis[],
  options: VerifyOptions,
): Promise<Verified> {
  const asked = hypotheses.slice(0, LIMITS.hypothesesMax);
  const runs = await runProbes(asked, options);
  const counterfactuals = createCounterfactuals(options.clustered);
  const settings = options.settings ?? ANALYSIS_SETTINGS;
  const found = asked.map((hypothesis) => ({
    probes: runs.get(hypothesis) ?? [],
    counterfactual: counterfactuals && imagineWithout(hypothesis, counterfactuals),
  }));
  const first = asked.map((hypothesis, index) => verifyOne(hypothesis, found[index]!));
  const refutedIds = new Set(
    first.flatMap(({ verdict, hypothesisId }) => (verdict === 'refuted' ? [hypothesisId] : [])),
  );
  const standing = releaseEffects(asked, { refutedIds, ...settings });
  const verified = standing.map((hypothesis, index) => verifyOne(hypothesis, found[index]!));
  const left = Math.max(0, 1 - asked.reduce((sum, { posterior }) => sum + posterior, 0));
  return concludeReport(withPosteriors(standing, { verified, left }), {
    settings,
    noise: options.noise,
  });
}

/** A hypothesis with what its probes found; earlier findings of probes are replaced. */
function verifyOne(
  hypothesis: Hypothesis,
  found: {
    readonly probes: readonly ProbeRun[];
    readonly counterfactual: Counterfactual | undefined;
  },
): VerifiedHypothesis {
  const { probes, counterfactual } = found;
  const evidence: readonly Evidence[] = [
    ...hypothesis.evidence.filter((item) => !isProbeEvidence(item)),
    ...probes.flatMap(probeEvidence),
    ...counterfactualEvidence(hypothesis.hypothesisId, counterfactual),
  ];
  const score = hypothesis.score + weightOfProbes(evidence) - weightOfProbes(hypothesis.evidence);
  const seen = { ...hypothesis, evidence, score };
  return {
    ...seen,
    probes,
    verdict: verdictOf(seen, probes),
    // A report that is verified again brings its earlier one along.
    counterfactual,
  };
}

function weightOfProbes(evidence: readonly Evidence[]): number {
  return evidence.filter(isProbeEvidence).reduce((sum, item) => sum + item.weight, 0);
}

/**
 * Bayes: each share of belief times e^(weight of the probes' findings), then shared out anew, with what was
 * left for "none of these" unchanged. 0.5 with a confirming live probe (weight 3) against 0.3 and 0.2 left:
 * 0.5·20.1 / (0.5·20.1 + 0.3 + 0.2) = 0.95.
 */
function withPosteriors(
  before: readonly Hypothesis[],
  after: { readonly verified: readonly VerifiedHypothesis[]; readonly left: number },
): readonly VerifiedHypothesis[] {
  const { verified, left } = after;
  const shares = verified.map((hypothesis, index) => {
    const { posterior, score } = before[index]!; // same length and order
    return posterior * Math.exp(hypothesis.score - score);
  });
  const total = left + shares.reduce((sum, share) => sum + share, 0);
  return verified.map((hypothesis, index) => ({
    ...hypothesis,
    posterior: total > 0 ? shares[index]! / total : 0,
  }));
}

interface Asking {
  readonly hypothesis: Hypothesis;
  readonly plan: ProbePlan;
}

/** Probes of all hypotheses, the first ones first, a few at a time; equal questions are asked once. */
async function runProbes(
  hypotheses: readonly Hypothesis[],
  options: VerifyOptions,
): Promise<ReadonlyMap<Hypothesis, readonly ProbeRun[]>> {
  const { clustered, runner, signal } = options;
  const queue = planProbes(hypotheses);
  const suspects = queue.flatMap(({ plan: { spec } }) =>
    spec.kind === 'store' && spec.query.kind === 'cohort' ? [spec.query.suspect] : [],
  );
  const results: (ProbeRun | undefined)[] = queue.map(() => undefined);
  const answers = new Map<string, Promise<ProbeRun>>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < queue.length; index = next++) {
      const { hypothesis, plan } = queue[index]!; // index < length
      const question = JSON.stringify(plan.spec);
      const answer = answers.get(question) ?? runner.run(plan, { clustered, signal, suspects });
      answers.set(question, answer);
      const probeRun = { ...(await answer), plan };
      results[index] = probeRun;
      options.onProgress?.({ hypothesisId: hypothesis.hypothesisId, probeRun });
    }
  };
  const workers = Math.min(LIMITS.probesConcurrentMax, queue.length);
  await Promise.all(Array.from({ length: workers }, work));
  return groupRuns(queue, results);
}

/** A question that a hypothesis asks twice (a rule's cohort and its own) would count twice. */
function distinctPlans({ probePlans }: Hypothesis): readonly ProbePlan[] {
  const questions = new Set<string>();
  return probePlans.filter(({ spec }) => {
    const question = JSON.stringify(spec);
    const isNew = !questions.has(question);
    questions.add(question);
    return isNew;
  });
}

/** First probe of each hypothesis, then the second of each …: the bound cuts the least important. */
function planProbes(hypotheses: readonly Hypothesis[]): readonly Asking[] {
  const all = hypotheses.map((hypothesis) => ({ hypothesis, plans: distinctPlans(hypothesis) }));
  const rounds = Math.max(0, ...all.map(({ plans }) => plans.length));
  const queue: Asking[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { hypothesis, plans } of all) {
      const plan = plans[round];
      if (plan) queue.push({ hypothesis, plan });
    }
  }
  return queue.slice(0, LIMITS.probesPerReportMax);
}

function groupRuns(
  queue: readonly Asking[],
  results: readonly (ProbeRun | undefined)[],
): ReadonlyMap<Hypothesis, readonly ProbeRun[]> {
  const runs = new Map<Hypothesis, ProbeRun[]>();
  queue.forEach(({ hypothesis }, index) => {
    const run = results[index];
    if (!run) return;
    const known = runs.get(hypothesis);
    if (known) known.push(run);
    else runs.set(hypothesis, [run]);
  });
  return runs;
}
