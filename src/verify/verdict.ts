/** The verdict on one hypothesis, computed from its probes' outcomes and its kinds of evidence. */
import type {
  Evidence,
  EvidenceSource,
  Hypothesis,
  ProbeRun,
  Verdict,
} from '../model/hypothesis.ts';

/** Weight (natural log-odds) of a probe that asked the running system: 20 to 1. */
const LIVE_WEIGHT = 3;
/** Weight of a cohort comparison: it reads the same traces the suspicion came from. */
const COHORT_WEIGHT = 1.5;
/** Kinds of evidence that must agree before a cohort comparison alone confirms. */
const KINDS_FOR_COHORT = 3;
const KINDS_FOR_LIKELY = 2;

const PROBE_EVIDENCE_PREFIX = 'probe:';

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
  const size = isLive(run) ? LIVE_WEIGHT : COHORT_WEIGHT;
  const isFor = run.outcome === 'confirm';
  return [
    {
      evidenceId: `${PROBE_EVIDENCE_PREFIX}${run.plan.probeId}`,
      source: sourceOf(run),
      direction: isFor ? 'for' : 'against',
      statement: run.observed,
      n: 1,
      weight: isFor ? size : -size,
    },
  ];
}

export function isProbeEvidence({ evidenceId }: Evidence): boolean {
  return evidenceId.startsWith(PROBE_EVIDENCE_PREFIX);
}

/** Prometheus answers with metrics, which are one kind however they reach us; cohorts are traces. */
function sourceOf({ plan }: ProbeRun): EvidenceSource {
  const sources = { http: 'state', prom: 'metric', store: 'trace' } as const;
  return sources[plan.kind];
}
