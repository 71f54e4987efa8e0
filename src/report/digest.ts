/**
 * What all readable forms of a report share: which facts come first, how many of a long list are shown, and
 * the short lines that stand at the top. Everything that is left out here stands in the JSON form.
 */
import { formatQuantity } from '../base/quantity.ts';
import type { Anomaly } from '../model/anomaly.ts';
import {
  type Evidence,
  type EvidenceSource,
  PROBE_EVIDENCE_PREFIX,
  type VerifiedHypothesis,
} from '../model/hypothesis.ts';
import type { ImpactBy, PropagationEdge, Report } from '../model/report.ts';
import type { Text } from '../model/text.ts';
import { shareInterval } from './blast-radius.ts';
import { count, durationOfMs, percent } from './format.ts';
import { rangeLabel } from './labels.ts';
import { likelihoodOf } from './likelihood.ts';
import type { Strength, Words } from './words.ts';

/** More than these nobody reads at 3 am; the rest is folded. */
export const ANOMALIES_SHOWN = 8;
export const EVIDENCE_SHOWN = { cause: 8, other: 1 } as const;
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

/** The cause, or the best lead while none is named. */
export function suspectOf(report: Report): VerifiedHypothesis | undefined {
  return causeOf(report) ?? leadsOf(report)[0];
}

/** Suspects that still stand and are nobody's effect, by rank. */
export function leadsOf({ hypotheses }: Report): readonly VerifiedHypothesis[] {
  return hypotheses.filter((one) => one.verdict !== 'refuted' && !isFolded(one, hypotheses));
}

/** Hypotheses that this one explains away and that are not refuted; they are told under it. */
export function effectsOf(
  cause: VerifiedHypothesis,
  { hypotheses }: Report,
): readonly VerifiedHypothesis[] {
  return hypotheses.filter(
    (one) => one.effectOf === cause.hypothesisId && isFolded(one, hypotheses),
  );
}

/** An effect whose cause was refuted has to be explained anew, and stands for itself. */
function isFolded(one: VerifiedHypothesis, all: readonly VerifiedHypothesis[]): boolean {
  const cause = all.find(({ hypothesisId }) => hypothesisId === one.effectOf);
  return (
    one.verdict !== 'refuted' &&
    cause !== undefined &&
    cause !== one &&
    cause.verdict !== 'refuted' &&
    cause.effectOf === undefined
  );
}

/** What the checks found against a refuted hypothesis, or else its strongest counter-evidence. */
export function refutationOf(hypothesis: VerifiedHypothesis): Text | undefined {
  const probe = hypothesis.probes.find(({ outcome }) => outcome === 'refute');
  return probe?.observed ?? evidenceOf(hypothesis, 'against')[0]?.statement;
}

/** What a report that abstains had to go by. */
export interface Abstention {
  readonly score: number;
  /** Score of the best rival; undefined without one. */
  readonly rival: VerifiedHypothesis | undefined;
  /** Over the rival, or over what fault-free windows reach, whichever is more. */
  readonly lead: number;
  readonly noise: Report['noise'];
}

export function abstentionOf(report: Report): Abstention | undefined {
  const [first, rival] = leadsOf(report);
  if (report.rootCause !== undefined || first === undefined) return undefined;
  const { noise } = report;
  const lead = first.score - Math.max(0, rival?.score ?? 0, noise?.score ?? 0);
  return { score: first.score, rival, lead, noise };
}

export function abstainedText(report: Report, { phrases }: Words): string | undefined {
  const [first] = leadsOf(report);
  const facts = abstentionOf(report);
  if (facts === undefined || first === undefined) return undefined;
  const { score, rival, lead, noise } = facts;
  return phrases.abstained({
    id: first.hypothesisId,
    score: count(score),
    rival: rival && { id: rival.hypothesisId, score: count(rival.score) },
    noise: noise && { windows: noise.windows, score: count(noise.score) },
    lead: count(lead),
    confidence: percent(report.confidence),
  });
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

/** `likely` says that a check agreed; how likely it is after all, the word for its probability says. */
export function verdictLabel(
  { hypothesisId, verdict, posterior }: VerifiedHypothesis,
  { report, words }: { readonly report: Report; readonly words: Words },
): string {
  if (verdict !== 'likely') return words.verdicts[verdict];
  const isCause = hypothesisId === report.rootCause;
  return words.likelihoods[likelihoodOf(isCause ? report.confidence : posterior)];
}

/** Of the report as a whole. */
export function reportLabel({ verdict, confidence }: Report, words: Words): string {
  return verdict === 'likely'
    ? words.likelihoods[likelihoodOf(confidence)]
    : words.verdicts[verdict];
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

/** `908 ms (95 %: 810 ms – 1 s), usually 32 ms · n = 232`: what the statement does not say itself. */
export function figuresOf(evidence: Evidence, { phrases }: Words): string | undefined {
  const { interval, value, expected, unit, statement } = evidence;
  const figures = [...observationsOf(evidence)];
  if (value !== undefined && unit !== undefined) {
    const [now, usual] = [value, expected].map((one) =>
      one === undefined ? undefined : quantityText(one, evidence),
    );
    const isSaid = [now, usual].every((one) => one === undefined || statement.en.includes(one));
    const [low, high] = (interval ?? []).map((bound) => quantityText(bound, evidence));
    if (!isSaid || low !== undefined)
      figures.unshift(phrases.figures(now ?? '', { usual, low, high }));
  }
  return figures.length === 0 ? undefined : figures.join(' · ');
}

/** Shares of requests are percentages; a metric's ratio stands as it was sent. */
function quantityText(value: number, { unit, source }: Evidence): string {
  return unit === '1' && source !== 'metric' ? percent(value) : formatQuantity(value, unit ?? '');
}

/** `n = 59`, unless it is one observation or the sentence has the number. */
function observationsOf({ n, statement }: Evidence): readonly string[] {
  const numbers = statement.en.split(/[^\d,]+/);
  const isSaid = n <= 1 || numbers.includes(count(n)) || numbers.includes(String(n));
  return isSaid ? [] : [`n = ${count(n)}`];
}

/** Nobody is told to act on less than "likely". */
const ACT_CONFIDENCE_MIN = 0.66;

/** What to make of the evidence. Agreement alone is no licence to act: something must have checked it. */
export function decisionLabel({ verdict, consensus, confidence }: Report, words: Words): string {
  const isChecked =
    verdict === 'confirmed' || (verdict === 'likely' && confidence >= ACT_CONFIDENCE_MIN);
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
    value === 0 && (impact.requests > 0 || total === 0) ? labels.unknown : count(value);
  return [
    [
      labels.requests,
      total < impact.requests || total === 0
        ? known(impact.requests)
        : words.phrases.affected(count(impact.requests), { total: count(total), share }),
    ],
    [labels.failed, total === 0 ? labels.unknown : percent(impact.errorRatio)],
    [labels.users, known(impact.users)],
    [labels.conversations, known(impact.conversations)],
    [labels.bots, known(impact.bots.length)],
  ];
}

/** `34 of 412 (8.3 %; 95 %: 6 % – 11.3 %)`, with Wilson's interval. */
export function shareText(
  value: { readonly affected: number; readonly requests: number },
  { phrases }: Words,
): string {
  const { low, high } = shareInterval(value);
  return phrases.share(count(value.affected), {
    requests: count(value.requests),
    share: percent(value.affected / Math.max(1, value.requests)),
    low: percent(low),
    high: percent(high),
  });
}

/** How many values are affected at all, where the list need not hold them all. */
export function spreadText(
  { affectedValueCount, valueCount }: ImpactBy,
  { phrases }: Words,
): string {
  return phrases.spread(count(affectedValueCount), count(valueCount));
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
