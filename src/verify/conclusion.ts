/**
 * From verified hypotheses to the report's verdict: order, consensus by kinds of evidence, confidence, and
 * whether to name a root cause at all. Abstaining is an answer.
 */
import type { AnalysisSettings } from '../model/analysis-settings.ts';
import {
  type CauseKind,
  type Consensus,
  type Noise,
  PROBE_EVIDENCE_PREFIX,
  type VerifiedHypothesis,
} from '../model/hypothesis.ts';
import type { Report } from '../model/report.ts';
import { isLive, sourcesFor } from './verdict.ts';

export interface Verified {
  /** The root cause first, then other suspects, effects of listed causes, refuted ones. */
  readonly hypotheses: readonly VerifiedHypothesis[];
  readonly consensus: Consensus;
  readonly verdict: Report['verdict'];
  readonly confidence: number;
  readonly rootCause: string | undefined;
}

/** One piece of evidence of this weight (e² ≈ 7 to 1) decides enough to name a suspect. */
const DECISIVE_WEIGHT = 2;

/** However clear the stored data are, what nobody asked the running system is not certain. */
const CONFIDENCE_MAX = { live: 0.99, stored: 0.95 } as const;

/** Confidence is told to three places. */
const CONFIDENCE_STEP = 0.001;

export interface ConcludeOptions {
  readonly settings: AnalysisSettings;
  readonly noise: Noise | undefined;
}

export function concludeReport(
  hypotheses: readonly VerifiedHypothesis[],
  options: ConcludeOptions,
): Verified {
  const ranked = rank(hypotheses);
  const suspects = ranked.filter((one) => placeOf(one, hypotheses) === 0);
  const first = suspects[0];
  const second = suspects.find((one) => first && one !== first && !isOneCause(one, first));
  if (!first) {
    return {
      hypotheses: ranked,
      consensus: { sources: [], decision: 'human review' },
      verdict: 'abstained',
      confidence: 0,
      rootCause: undefined,
    };
  }
  const { confidenceMin } = options.settings;
  const confidence = confidenceOf(first, { second, ...options });
  const isNamed = isDecided(first) && confidence >= confidenceMin;
  return {
    hypotheses: ranked,
    consensus: consensusOf(first),
    verdict: isNamed && first.verdict !== 'refuted' ? first.verdict : 'abstained',
    // Who names nobody is never as sure as who does.
    confidence: isNamed ? confidence : Math.min(confidence, confidenceMin - CONFIDENCE_STEP),
    rootCause: isNamed ? first.hypothesisId : undefined,
  };
}

/** Suspects by belief, then effects of a cause that still stands, then refuted ones; ids break ties. */
function rank(hypotheses: readonly VerifiedHypothesis[]): readonly VerifiedHypothesis[] {
  const ranked = hypotheses
    .map((hypothesis, index) => ({ hypothesis, index, place: placeOf(hypothesis, hypotheses) }))
    .sort(
      (a, b) =>
        a.place - b.place ||
        b.hypothesis.posterior - a.hypothesis.posterior ||
        b.hypothesis.score - a.hypothesis.score ||
        a.index - b.index,
    )
    .map(({ hypothesis }) => hypothesis);
  const [first] = ranked;
  if (!first) return ranked;
  const specific = ranked.find(
    (one) => isMoreSpecific(one, first) && placeOf(one, hypotheses) === placeOf(first, hypotheses),
  );
  return specific ? [specific, ...ranked.filter((one) => one !== specific)] : ranked;
}

/** A rule that names the mechanism need not be quite as likely as what it explains. */
const SPECIFIC_SHARE_MIN = 0.2;

function isMoreSpecific(one: VerifiedHypothesis, first: VerifiedHypothesis): boolean {
  return (
    one.ruleId !== undefined &&
    first.ruleId === undefined &&
    isOneCause(one, first) &&
    checkRank(one) >= checkRank(first) &&
    one.posterior >= SPECIFIC_SHARE_MIN * first.posterior
  );
}

/** They say what is seen at a place; another hypothesis about the place says what does it. */
const SYMPTOM_KINDS: ReadonlySet<CauseKind> = new Set([
  'latency',
  'error',
  'dependency',
  'timeout',
  'code',
]);

/**
 * Whether two hypotheses are one cause in other words: about one place, the same kind of cause or a symptom
 * beside its mechanism. Two mechanisms are rivals, be it at one place, and so are hypotheses of two places.
 */
function isOneCause(a: VerifiedHypothesis, b: VerifiedHypothesis): boolean {
  return isSamePlace(a, b) && (a.kind === b.kind || isSymptom(a) || isSymptom(b));
}

function isSymptom({ ruleId, kind }: VerifiedHypothesis): boolean {
  return ruleId === undefined && SYMPTOM_KINDS.has(kind);
}

/** In one service: the same dependency where both name one, else the same operation. */
function isSamePlace({ culprit: a }: VerifiedHypothesis, { culprit: b }: VerifiedHypothesis) {
  if (a.service !== b.service || a.version !== b.version) return false;
  if (a.dependency !== undefined && b.dependency !== undefined) {
    return a.dependency === b.dependency;
  }
  return a.operation !== undefined && a.operation === b.operation;
}

/** 0 suspect, 1 effect of another hypothesis, 2 refuted. */
function placeOf(hypothesis: VerifiedHypothesis, all: readonly VerifiedHypothesis[]): 0 | 1 | 2 {
  if (hypothesis.verdict === 'refuted') return 2;
  // An effect whose cause was refuted has to be explained anew.
  const cause = all.find(({ hypothesisId }) => hypothesisId === hypothesis.effectOf);
  return cause && cause !== hypothesis && cause.verdict !== 'refuted' ? 1 : 0;
}

function consensusOf(first: VerifiedHypothesis): Consensus {
  const sources = sourcesFor(first);
  const decision =
    sources.length >= 3 ? 'automatic' : sources.length === 2 ? 'probable' : 'human review';
  return { sources, decision };
}

/**
 * How often a first hypothesis of this score and lead is right: a logistic curve fitted to simulated incidents
 * (docs/diagnosis.md), checked on cases that it was not fitted to. The lead is over the best rival, or over
 * what fault-free windows of the reference bring forth, whichever is more. Stored evidence overlaps and counts
 * in part; what a live probe finds is independent of it and counts whole.
 */
function confidenceOf(
  first: VerifiedHypothesis,
  context: ConcludeOptions & { readonly second: VerifiedHypothesis | undefined },
): number {
  const { settings, noise, second } = context;
  const lead = first.score - Math.max(0, second?.score ?? 0, noise?.score ?? 0);
  const logOdds =
    settings.confidenceBase +
    settings.confidencePerScore * first.score +
    settings.confidencePerLead * lead +
    (1 - settings.confidencePerScore - settings.confidencePerLead) * liveWeight(first);
  const bound = CONFIDENCE_MAX[strongestCheck(first) === 'live' ? 'live' : 'stored'];
  return Number(Math.min(bound, 1 / (1 + Math.exp(-logOdds))).toFixed(3));
}

/** Weight of what probes of the running system found. */
function liveWeight({ probes, evidence }: VerifiedHypothesis): number {
  const live = new Set(
    probes.filter(isLive).map(({ plan }) => `${PROBE_EVIDENCE_PREFIX}${plan.probeId}`),
  );
  return evidence.reduce(
    (sum, { evidenceId, weight }) => sum + (live.has(evidenceId) ? weight : 0),
    0,
  );
}

function strongestCheck({ probes }: VerifiedHypothesis): 'live' | 'cohort' | 'none' {
  const confirming = probes.filter(({ outcome }) => outcome === 'confirm');
  if (confirming.some(isLive)) return 'live';
  return confirming.length > 0 ? 'cohort' : 'none';
}

/** A probe decides something, or one piece of evidence does: many small doubts make no cause. */
function isDecided(hypothesis: VerifiedHypothesis): boolean {
  if (strongestCheck(hypothesis) !== 'none') return true;
  return hypothesis.evidence.some(
    ({ direction, weight }) => direction === 'for' && weight >= DECISIVE_WEIGHT,
  );
}

function checkRank(hypothesis: VerifiedHypothesis): number {
  return { none: 0, cohort: 1, live: 2 }[strongestCheck(hypothesis)];
}
