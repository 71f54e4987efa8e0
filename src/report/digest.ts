/**
 * What all readable forms of a report share: which facts come first, how many of a long list are shown, and
 * the short lines that stand at the top. Everything that is left out here stands in the JSON form.
 */
import type { Anomaly } from '../model/anomaly.ts';
import {
  type Evidence,
  type EvidenceSource,
  PROBE_EVIDENCE_PREFIX,
  type VerifiedHypothesis,
} from '../model/hypothesis.ts';
import type { PropagationEdge, Report } from '../model/report.ts';
import { count, durationOfMs, percent } from './format.ts';
import { rangeLabel } from './labels.ts';
import type { Strength, Words } from './words.ts';

/** More than these nobody reads at 3 am; the rest is folded. */
export const ANOMALIES_SHOWN = 8;
export const EVIDENCE_SHOWN = { cause: 8, other: 1 } as const;
/** A suspect with less belief than this is no rival of the cause, however its own check went. */
const RIVAL_POSTERIOR_MIN = 0.05;
export const LEADS_SHOWN = 3;

/** A list in two parts: what is shown, and what is folded away. */
export interface Folded<Item> {
  readonly shown: readonly Item[];
  readonly rest: readonly Item[];
}

/** One item over the bound is shown as well: "and 1 more" takes as much room. */
export function fold<Item>(items: readonly Item[], shownMax: number): Folded<Item> {
  const end = items.length <= shownMax + 1 ? items.length : shownMax;
  return { shown: items.slice(0, end), rest: items.slice(end) };
}

export function causeOf(report: Report): VerifiedHypothesis | undefined {
  return report.hypotheses.find(({ hypothesisId }) => hypothesisId === report.rootCause);
}

export function anomaliesByScore(report: Report): readonly Anomaly[] {
  return [...report.collect.anomalies].sort(
    (a, b) => b.score - a.score || (a.anomalyId < b.anomalyId ? -1 : 1),
  );
}

/** Strongest first; what probes found stands with the probes. */
export function evidenceOf(
  hypothesis: VerifiedHypothesis,
  direction: Evidence['direction'],
): readonly Evidence[] {
  return hypothesis.evidence
    .filter((item) => item.direction === direction && !isProbeEvidence(item))
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
}

function isProbeEvidence({ evidenceId }: Evidence): boolean {
  return evidenceId.startsWith(PROBE_EVIDENCE_PREFIX);
}

/** A check that did not refute makes nothing likely that other evidence outweighs. */
export function verdictLabel({ verdict, posterior }: VerifiedHypothesis, words: Words): string {
  const isOutweighed = verdict === 'likely' && posterior < RIVAL_POSTERIOR_MIN;
  return isOutweighed ? words.outweighed : words.verdicts[verdict];
}

/** The kind of evidence that a probe's answer counts as, when it decided something. */
export function sourceOfProbe(
  hypothesis: VerifiedHypothesis,
  probeId: string,
): EvidenceSource | undefined {
  return hypothesis.evidence.find(
    ({ evidenceId }) => evidenceId === `${PROBE_EVIDENCE_PREFIX}${probeId}`,
  )?.source;
}

/** Weights are natural logarithms of odds: 3 is 20 to 1, 1 is 3 to 1. */
export function strengthOf({ weight }: Evidence): Strength {
  const size = Math.abs(weight);
  if (size >= 3) return 'strong';
  return size >= 1 ? 'moderate' : 'weak';
}

/** `n = 59`, unless it is one observation or the sentence has the number. */
export function observationsOf({ n, statement }: Evidence): string | undefined {
  const numbers = statement.en.split(/[^\d,]+/);
  return n <= 1 || numbers.includes(count(n)) || numbers.includes(String(n))
    ? undefined
    : `n = ${count(n)}`;
}

/** What to make of the evidence. Agreement alone is no licence to act: something must have checked it. */
export function decisionLabel({ verdict, consensus }: Report, words: Words): string {
  const isChecked = verdict === 'confirmed' || verdict === 'likely';
  if (isChecked || consensus.decision === 'human review')
    return words.decisions[consensus.decision];
  return verdict === 'abstained' ? words.decisions['human review'] : words.undecided;
}

/** Who is hit, in numbers. */
export function impactFacts(report: Report, words: Words): readonly (readonly [string, string])[] {
  const { labels } = words;
  const { impact } = report;
  const total = report.collect.signals.traces;
  const share = percent(total === 0 ? Number.NaN : impact.requests / total);
  // Nobody sent a user id: that is not "no user".
  const known = (value: number) =>
    value === 0 && impact.requests > 0 ? labels.unknown : count(value);
  return [
    [
      labels.requests,
      total < impact.requests || total === 0
        ? count(impact.requests)
        : words.phrases.affected(count(impact.requests), { total: count(total), share }),
    ],
    [labels.failed, percent(impact.errorRatio)],
    [labels.users, known(impact.users)],
    [labels.conversations, known(impact.conversations)],
    [labels.bots, known(impact.bots.length)],
  ];
}

export function endpointLine(
  endpoint: Report['impact']['endpoints'][number],
  { phrases }: Words,
): string {
  return phrases.endpoint(count(endpoint.requests), percent(endpoint.errorRatio));
}

/** `1.91 s: Collect 1.26 s · Cluster 47 ms · …`. */
export function timesLine({ times }: Report, { labels, phrases }: Words): string {
  const steps = [
    [labels.collect, times.collectMs],
    [labels.cluster, times.clusterMs],
    [labels.hypothesise, times.hypothesiseMs],
    [labels.verify, times.verifyMs],
  ] as const;
  const parts = steps.map(([name, ms]) => `${name} ${durationOfMs(ms)}`).join(' · ');
  return `${labels.total} ${durationOfMs(times.totalMs)}${phrases.colon}${parts}`;
}

/** `Alert: BotSlow, BotErrors`. */
export function triggerLabel({ trigger }: Report, { triggers, phrases }: Words): string {
  const names = [...new Set(trigger.alerts.map(({ name }) => name).filter(Boolean))].join(', ');
  return names === ''
    ? triggers[trigger.kind]
    : `${triggers[trigger.kind]}${phrases.colon}${names}`;
}

export function referenceLabel({ reference }: Report, { references, phrases }: Words): string {
  if (!('fromUs' in reference)) return references.none;
  return `${rangeLabel(reference)}${phrases.inBrackets(references[reference.kind])}`;
}

/** Calls that went wrong; of the others only their number is told in text. */
export function edgesOf({ propagation }: Report): {
  readonly hot: readonly PropagationEdge[];
  readonly soundCount: number;
} {
  const hot = propagation.edges.filter(({ anomalousShare }) => anomalousShare > 0);
  return { hot, soundCount: propagation.edges.length - hot.length };
}

/** What failed spans said, where the cause has one such text. */
export function errorLine({ detail }: VerifiedHypothesis): string | undefined {
  const parts = [detail?.['errorType'], detail?.['errorMessage']].filter(Boolean);
  return parts.length === 0 ? undefined : parts.join(' · ');
}
