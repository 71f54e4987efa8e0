/** The verdict on one hypothesis, computed from its probes' outcomes and its kinds of evidence. */
import {
  type Counterfactual,
  type Evidence,
  type EvidenceSource,
  type Hypothesis,
  type Placebo,
  PROBE_EVIDENCE_PREFIX,
  type ProbeRun,
  type Verdict,
  type VerifiedHypothesis,
} from '../model/hypothesis.ts';

/** Weight (natural log-odds) of a probe that asked the running system: 20 to 1. */
const LIVE_WEIGHT = 3;
/** Checks on stored telemetry read what the suspicion came from: half of what they find is known already. */
const STORED_SHARE = 0.5;
/** Of the symptom, what a cause must account for, and what is as good as nothing. */
const NEEDED_SHARE = 0.3;
const LITTLE_SHARE = 0.1;
/** Kinds of evidence that must agree before a cohort comparison alone confirms. */
const KINDS_FOR_COHORT = 3;
const KINDS_FOR_LIKELY = 2;

/** Live probes look at the system itself, apart from the telemetry that raised the suspicion. */
export function isLive({ plan }: ProbeRun): boolean {
  return plan.kind !== 'store';
}

/** Kinds of evidence for a hypothesis that are worth anything, in order of first appearance. */
export function sourcesFor({ evidence }: Pick<Hypothesis, 'evidence'>): readonly EvidenceSource[] {
  const sources = new Set<EvidenceSource>();
  for (const { direction, weight, source } of evidence) {
    if (direction === 'for' && weight > 0) sources.add(source);
  }
  return [...sources];
}

/**
 * refuted: a probe refutes and none confirms. unverified when probes contradict each other: a state that has
 * passed and traces that show it do not rule each other out. confirmed: a live probe confirms, or the cohorts do and three kinds of evidence agree; none refutes.
 * likely: the cohorts confirm, or two kinds agree and their weights outdo what speaks against.
 */
export function verdictOf(
  hypothesis: Pick<Hypothesis, 'evidence' | 'score'>,
  probes: readonly ProbeRun[],
): Verdict {
  const has = (outcome: ProbeRun['outcome'], live: boolean) =>
    probes.some((run) => run.outcome === outcome && isLive(run) === live);
  const isLiveConfirmed = has('confirm', true);
  const isCohortConfirmed = has('confirm', false);
  if (has('refute', true) || has('refute', false)) {
    return isLiveConfirmed || isCohortConfirmed ? 'unverified' : 'refuted';
  }
  const kinds = sourcesFor(hypothesis).length;
  if (isLiveConfirmed) return 'confirmed';
  if (isCohortConfirmed) return kinds >= KINDS_FOR_COHORT ? 'confirmed' : 'likely';
  return kinds >= KINDS_FOR_LIKELY && hypothesis.score > 0 ? 'likely' : 'unverified';
}

/** What a probe found as evidence; an inconclusive one is none. */
export function probeEvidence(run: ProbeRun): readonly Evidence[] {
  if (run.outcome === 'inconclusive') return [];
  const isFor = run.outcome === 'confirm';
  return [
    {
      evidenceId: `${PROBE_EVIDENCE_PREFIX}${run.plan.probeId}`,
      source: sourceOf(run),
      direction: isFor ? 'for' : 'against',
      statement: run.observed,
      n: 1,
      weight: weightOf(run),
    },
  ];
}

/** A check that tells its own weight never outweighs a live probe, nor turns against its own outcome. */
function weightOf(run: ProbeRun): number {
  const sign = run.outcome === 'confirm' ? 1 : -1;
  if (isLive(run)) return sign * LIVE_WEIGHT;
  const found = run.weight === undefined ? LIVE_WEIGHT : sign * run.weight;
  return sign * STORED_SHARE * Math.min(Math.max(found, 0), LIVE_WEIGHT);
}

/**
 * A suspect without which hardly any of the symptom would be gone is hardly its cause: ln of (the share that
 * may go away, high end of its interval) over (the share that is needed). 3 % is ln 0.1 = −2.3, half of it −1.15.
 */
export function counterfactualEvidence(
  hypothesisId: string,
  counterfactual: Counterfactual | undefined,
): readonly Evidence[] {
  if (counterfactual === undefined || counterfactual.explainedInterval[1] >= LITTLE_SHARE)
    return [];
  const { statement, n, explainedInterval } = counterfactual;
  const llr = Math.log(Math.max(explainedInterval[1], 0.01) / NEEDED_SHARE);
  return [
    {
      evidenceId: `${PROBE_EVIDENCE_PREFIX}${hypothesisId}.counterfactual`,
      source: 'trace',
      direction: 'against',
      statement,
      n,
      weight: STORED_SHARE * Math.max(llr, -LIVE_WEIGHT),
    },
  ];
}

/** The check that decides most for a hypothesis, of those that confirm. */
export type CheckStrength = 'live' | 'cohort' | 'none';

export function strongestCheck({ probes }: Pick<VerifiedHypothesis, 'probes'>): CheckStrength {
  const confirming = probes.filter(({ outcome }) => outcome === 'confirm');
  if (confirming.some(isLive)) return 'live';
  return confirming.length > 0 ? 'cohort' : 'none';
}

/** How often the hypothesis' checks confirm what is innocent, all tries together; undefined for none. */
export function placeboOf({ probes }: Pick<VerifiedHypothesis, 'probes'>): Placebo | undefined {
  const placebos = probes.flatMap(({ placebo }) => placebo ?? []);
  if (placebos.length === 0) return undefined;
  return {
    confirmed: placebos.reduce((sum, { confirmed }) => sum + confirmed, 0),
    tried: placebos.reduce((sum, { tried }) => sum + tried, 0),
  };
}

export function isProbeEvidence({ evidenceId }: Evidence): boolean {
  return evidenceId.startsWith(PROBE_EVIDENCE_PREFIX);
}

/** Prometheus answers with metrics, which are one kind however they reach us; cohorts are traces. */
function sourceOf({ plan }: ProbeRun): EvidenceSource {
  const sources = { http: 'state', prom: 'metric', store: 'trace' } as const;
  return sources[plan.kind];
}
