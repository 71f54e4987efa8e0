/**
 * Suspicions of all channels become suspects: those about the same cause are one, and a general symptom of a
 * place ("its own time grew", "it logs errors") supports the specific causes at that place.
 */
import type { AnalysisSettings } from '../model/analysis-settings.ts';
import type {
  CauseKind,
  Culprit,
  EvidenceSource,
  ProbePlan,
  SuspectPattern,
} from '../model/hypothesis.ts';
import type { Rule } from '../model/rule.ts';
import {
  type Aspect,
  aspectOf,
  compareText,
  type EvidenceDraft,
  type Suspicion,
} from './suspicion.ts';

/** A specific cause with this much evidence of its own replaces the general symptom it explains. */
const SPECIFIC_WEIGHT_MIN = 1.5;
/** An attribute that this share of the bad spans carries becomes part of the culprit. */
const ATTRIBUTE_COVERAGE_MIN = 0.9;

/** Evidence of which it is known what it shows and whether it lies in the culprit itself. */
export type WeighedEvidence = EvidenceDraft & {
  readonly aspect: Aspect;
  readonly isOwn: boolean;
};

export interface Suspect {
  readonly key: string;
  readonly culprit: Culprit;
  readonly kind: CauseKind;
  readonly evidence: readonly WeighedEvidence[];
  /** Sum of the evidence's weights. */
  readonly score: number;
  /** See Suspicion.isOwn; true as soon as one suspicion is. */
  readonly isOwn: boolean;
  /** Share of the asked-about trouble that it accounts for, 0–1; 1 when nobody knows. */
  readonly share: number;
  readonly pattern: SuspectPattern;
  readonly detail: Readonly<Record<string, string>>;
  readonly services: ReadonlySet<string>;
  readonly rule?: Rule;
  readonly probePlans: readonly ProbePlan[];
}

interface Draft {
  culprit: Culprit;
  readonly kind: CauseKind;
  readonly evidence: Map<string, WeighedEvidence>;
  isOwn: boolean;
  readonly share: number;
  readonly isSupport: boolean;
  /** Weight before anything was pooled into it. */
  readonly ownWeight: number;
  readonly pattern: SuspectPattern | undefined;
  detail: Record<string, string>;
  readonly services: Set<string>;
  readonly rule: Rule | undefined;
  readonly probePlans: readonly ProbePlan[];
}

export function mergeSuspicions(
  suspicions: readonly Suspicion[],
  { sourceWeightMax }: Pick<AnalysisSettings, 'sourceWeightMax'>,
): Suspect[] {
  const drafts = draftsOf(suspicions);
  const absorbed = new Set<Draft>();
  // All gifts are counted before any is handed over: pooling never depends on the order of suspects.
  const gifts = drafts.flatMap((giver) =>
    drafts.filter((taker) => supports(giver, taker)).map((taker) => ({ giver, taker })),
  );
  const given = new Map(drafts.map((draft) => [draft, [...draft.evidence]]));
  for (const { giver, taker } of gifts) {
    for (const [statement, evidence] of given.get(giver) ?? []) {
      if (!taker.evidence.has(statement)) taker.evidence.set(statement, evidence);
    }
    taker.isOwn ||= giver.isOwn;
    taker.detail = { ...giver.detail, ...taker.detail };
    if (canName(giver, taker)) {
      const { attributes = {}, conditions } = giver.culprit;
      taker.culprit = { ...taker.culprit, attributes, ...(conditions ? { conditions } : {}) };
    }
    if (isReplaced(giver, taker)) absorbed.add(giver);
  }
  return drafts
    .filter((draft) => !absorbed.has(draft) && !draft.isSupport)
    .map((draft) => toSuspect(draft, sourceWeightMax))
    .filter((suspect) => suspect.score > 0)
    .sort((a, b) => b.score - a.score || compareText(a.key, b.key));
}

/** One draft per cause; equal ones are put together. */
function draftsOf(suspicions: readonly Suspicion[]): Draft[] {
  const groups = new Map<string, Suspicion[]>();
  for (const suspicion of suspicions) {
    const key = keyOf(suspicion);
    const group = groups.get(key);
    if (group) group.push(suspicion);
    else groups.set(key, [suspicion]);
  }
  return [...groups]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, group]) => {
      const [first, ...rest] = group.sort((a, b) => weightOf(b) - weightOf(a));
      return draftOf(first!, rest); // a group has at least one suspicion
    });
}

function weightOf({ evidence }: Suspicion): number {
  return evidence.reduce((sum, { weight }) => sum + weight, 0);
}

/** The strongest gives the culprit its name. */
function draftOf(first: Suspicion, rest: readonly Suspicion[]): Draft {
  const all = [first, ...rest];
  // The same rule at another caller of the same dependency repeats itself: one finding speaks.
  const speaking = first.rule === undefined ? all : [first];
  const evidence = new Map(
    speaking.flatMap(weighedEvidenceOf).map((item) => [item.statement.en, item]),
  );
  return {
    culprit: first.culprit,
    kind: first.kind,
    evidence,
    isOwn: all.some((suspicion) => suspicion.isOwn),
    share: shareOf(all),
    isSupport: all.every((suspicion) => suspicion.isSupport === true),
    ownWeight: [...evidence.values()].reduce((sum, item) => sum + item.weight, 0),
    pattern: all.find((suspicion) => suspicion.pattern !== undefined)?.pattern,
    detail: Object.assign({}, ...all.map((suspicion) => suspicion.detail ?? {})),
    services: new Set(
      all.flatMap(({ culprit, services }) => [culprit.service, ...(services ?? [])]),
    ),
    rule: first.rule,
    probePlans: first.probePlans ?? [],
  };
}

function weighedEvidenceOf({ evidence, kind, isOwn }: Suspicion): readonly WeighedEvidence[] {
  return evidence.map((item) => ({ aspect: aspectOf(kind), isOwn, ...item }));
}

/** The largest share that any channel found: they look at parts of one thing. */
function shareOf(suspicions: readonly Suspicion[]): number {
  const known = suspicions.flatMap(({ share }) => (share === undefined ? [] : [share]));
  return known.length === 0 ? 1 : Math.min(1, Math.max(...known));
}

function keyOf({ culprit, kind, rule }: Pick<Suspicion, 'culprit' | 'kind' | 'rule'>): string {
  // A rule finds a shared dependency once per caller: that is one cause.
  if (rule !== undefined && culprit.dependency !== undefined) {
    return ['rule', rule.id, culprit.dependency, culprit.resource ?? ''].join('\0');
  }
  const attributes = Object.entries(culprit.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const place = [culprit.operation, culprit.dependency, culprit.resource, culprit.version];
  return [culprit.service, kind, rule?.id, ...place, ...attributes]
    .map((part) => part ?? '')
    .join('\0');
}

const SYMPTOMS: ReadonlySet<CauseKind> = new Set(['latency', 'error']);
const OUTSIDE: ReadonlySet<CauseKind> = new Set([
  'dependency',
  'database',
  'cache',
  'queue',
  'platform',
  'channel',
  'pool',
  'timeout',
  'retry',
]);

/** Whether what speaks for the giver speaks for the taker too. */
function supports(giver: Draft, taker: Draft): boolean {
  if (giver === taker || giver.rule !== undefined || taker.isSupport) return false;
  if (taker.rule === undefined && isAlone(taker)) return false;
  if (!sharesService(giver, taker) || !agrees(giver.culprit.version, taker.culprit.version)) {
    return false;
  }
  const isAgreed =
    agrees(giver.culprit.operation, taker.culprit.operation) &&
    agrees(giver.culprit.dependency, taker.culprit.dependency);
  if (!isAgreed) return false;
  if (taker.rule !== undefined) {
    return SYMPTOMS.has(giver.kind) || giver.kind === taker.kind || bothOutside(giver, taker);
  }
  if (!SYMPTOMS.has(giver.kind)) return false;
  if (giver.culprit.attributes !== undefined) return isContrastOf(giver, taker);
  // Among symptoms evidence flows from the vaguer to the more exact place, never in a circle.
  if (SYMPTOMS.has(taker.kind)) return exactness(giver.culprit) < exactness(taker.culprit);
  if (isWide(giver.culprit)) return true;
  if (taker.culprit.dependency !== undefined) {
    return giver.culprit.dependency === taker.culprit.dependency;
  }
  return giver.culprit.dependency === undefined && taker.kind !== 'network';
}

/** More requests and other trouble at one time are a coincidence, until the trouble follows the load. */
function isAlone({ kind, detail }: Draft): boolean {
  return kind === 'telemetry' || (kind === 'traffic' && detail['correlation'] === undefined);
}

function sharesService(giver: Draft, taker: Draft): boolean {
  return [...giver.services].some((service) => taker.services.has(service));
}

function agrees(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

function bothOutside(giver: Draft, taker: Draft): boolean {
  return OUTSIDE.has(giver.kind) && OUTSIDE.has(taker.kind);
}

/** About the service as a whole: a log line, a latency gauge. */
function isWide(culprit: Culprit): boolean {
  return (
    culprit.operation === undefined &&
    culprit.dependency === undefined &&
    culprit.attributes === undefined
  );
}

/** The giver says which calls of the taker's operation are hit. */
function isContrastOf(giver: Draft, taker: Draft): boolean {
  return (
    giver.culprit.attributes !== undefined &&
    taker.culprit.attributes === undefined &&
    giver.culprit.operation !== undefined &&
    giver.culprit.operation === taker.culprit.operation
  );
}

function exactness(culprit: Culprit): number {
  if (isWide(culprit)) return 0;
  return culprit.dependency === undefined ? 1 : 2;
}

function canName(giver: Draft, taker: Draft): boolean {
  if (!isContrastOf(giver, taker)) return false;
  return [...giver.evidence.values()].some(({ value }) => (value ?? 0) >= ATTRIBUTE_COVERAGE_MIN);
}

/** Kept apart, a symptom would compete with the very cause that it supports. */
function isReplaced(giver: Draft, taker: Draft): boolean {
  return isContrastOf(giver, taker) || taker.ownWeight >= SPECIFIC_WEIGHT_MIN;
}

function toSuspect(draft: Draft, sourceWeightMax: number): Suspect {
  const evidence = unseenChangesDamped(
    cappedBySource([...draft.evidence.values()], sourceWeightMax),
  );
  const { culprit, kind, rule } = draft;
  const { service, operation, attributes } = culprit;
  return {
    key: keyOf({ culprit, kind, ...(rule ? { rule } : {}) }),
    culprit,
    kind,
    evidence,
    score: evidence.reduce((sum, item) => sum + item.weight, 0),
    isOwn: draft.isOwn,
    share: draft.share,
    pattern: draft.pattern ?? {
      service,
      ...(operation === undefined ? {} : { operation }),
      ...(attributes === undefined ? {} : { attributes }),
    },
    detail: draft.detail,
    services: draft.services,
    ...(rule ? { rule } : {}),
    probePlans: draft.probePlans,
  };
}

/** A change is in time but nothing shows at its place: services change every day. */
const UNSEEN_CHANGE_SHARE = 0.4;

function unseenChangesDamped(evidence: readonly WeighedEvidence[]): readonly WeighedEvidence[] {
  const isSeen = evidence.some(({ aspect, weight }) => aspect !== 'change' && weight > 0);
  if (isSeen) return evidence;
  return evidence.map((item) => ({ ...item, weight: item.weight * UNSEEN_CHANGE_SHARE }));
}

/** Strongest first; weights of one source are scaled down together when their sum exceeds the cap. */
function cappedBySource(
  evidence: readonly WeighedEvidence[],
  sourceWeightMax: number,
): WeighedEvidence[] {
  const sums = new Map<EvidenceSource, number>();
  for (const { source, weight } of evidence) {
    if (weight > 0) sums.set(source, (sums.get(source) ?? 0) + weight);
  }
  return evidence
    .filter(({ weight }) => weight !== 0)
    .map((item) => {
      const sum = sums.get(item.source) ?? 0;
      if (item.weight < 0 || sum <= sourceWeightMax) return item;
      return { ...item, weight: (item.weight * sourceWeightMax) / sum };
    })
    .sort((a, b) => b.weight - a.weight || compareText(a.statement.en, b.statement.en));
}
