/** What a report calls things: the names that both languages fill in. */
import type { AnomalyKind } from '../model/anomaly.ts';
import type {
  CauseKind,
  Consensus,
  EvidenceSource,
  ProbeKind,
  ProbeOutcome,
  Verdict,
} from '../model/hypothesis.ts';
import type {
  ImpactAttribute,
  NodeRole,
  ReferenceKind,
  Report,
  TimelineEntry,
  Trigger,
} from '../model/report.ts';
import type { Language } from '../model/text.ts';
import type { Likelihood } from './likelihood.ts';
import { EN } from './words-en.ts';
import { ZH } from './words-zh.ts';

export interface Words {
  readonly report: string;
  readonly allReports: string;
  readonly incidents: string;
  readonly otherLanguage: string;
  readonly verdicts: Readonly<Record<Report['verdict'] | Verdict, string>>;
  readonly confidence: string;
  readonly statuses: Readonly<Record<Report['status'], string>>;
  readonly triggers: Readonly<Record<Trigger['kind'], string>>;
  readonly references: Readonly<Record<ReferenceKind, string>>;
  readonly sources: Readonly<Record<EvidenceSource, string>>;
  readonly outcomes: Readonly<Record<ProbeOutcome, string>>;
  readonly decisions: Readonly<Record<Consensus['decision'], string>>;
  readonly likelihoods: Readonly<Record<Likelihood, string>>;
  /** In place of a decision that evidence alone would allow, while no check confirms it. */
  readonly undecided: string;
  readonly timelineKinds: Readonly<Record<TimelineEntry['kind'], string>>;
  readonly clusterKinds: Readonly<Record<AnomalyKind | 'missing', string>>;
  readonly causeKinds: Readonly<Record<CauseKind, string>>;
  readonly probeKinds: Readonly<Record<ProbeKind, string>>;
  readonly nodeRoles: Readonly<Record<NodeRole, string>>;
  readonly impactAttributes: Readonly<Record<ImpactAttribute, string>>;
  readonly strengths: Readonly<Record<Strength, string>>;
  readonly labels: Readonly<Record<LabelName, string>>;
  readonly phrases: Phrases;
}

/** How much one piece of evidence says: e³ ≈ 20 to 1 is strong, e ≈ 3 to 1 moderate. */
export type Strength = 'strong' | 'moderate' | 'weak';

/** What is put together from words and numbers. */
export interface Phrases {
  /** Between a name and what it names. */
  readonly colon: string;
  inBrackets(text: string): string;
  andMore(count: number): string;
  /** Where a form leaves out what the page and the JSON show. */
  andMoreInJson(count: number): string;
  affected(requests: string, of: { readonly total: string; readonly share: string }): string;
  coverage(spans: string, share: string): string;
  endpoint(requests: string, failed: string): string;
  edge(share: string, calls: string): string;
  soundEdges(count: number): string;
  /** A value with its 95 % interval and what is usual; `low` and `high` come together. */
  figures(
    value: string,
    than: {
      readonly usual: string | undefined;
      readonly low: string | undefined;
      readonly high: string | undefined;
    },
  ): string;
  /** Why no cause is named. */
  abstained(facts: {
    readonly id: string;
    readonly score: string;
    readonly rival: { readonly id: string; readonly score: string } | undefined;
    readonly noise: { readonly windows: number; readonly score: string } | undefined;
    readonly lead: string;
    readonly confidence: string;
  }): string;
  /** `34 of 412 (8.3 %, 95 %: 6 % – 11.3 %)`. */
  share(
    affected: string,
    of: {
      readonly requests: string;
      readonly share: string;
      readonly low: string;
      readonly high: string;
    },
  ): string;
  onlyValue(name: string, value: string): string;
  /** `12 of 40 values affected`. */
  spread(affected: string, values: string): string;
  effects(count: number): string;
  chain(names: string): string;
  /** A call on the map: less room than edge() takes. */
  mapEdge(share: string, calls: string): string;
  otherCallers(count: number): string;
}

type LabelName =
  | 'culprit'
  | 'rootCause'
  | 'noCause'
  | 'bestLead'
  | 'about'
  | 'whyAbstained'
  | 'blastRadius'
  | 'reason'
  | 'remedy'
  | 'firstSymptom'
  | 'impact'
  | 'fix'
  | 'nextSteps'
  | 'leads'
  | 'requests'
  | 'endpoint'
  | 'failed'
  | 'users'
  | 'conversations'
  | 'bots'
  | 'window'
  | 'reference'
  | 'trigger'
  | 'scope'
  | 'created'
  | 'timeline'
  | 'propagation'
  | 'propagationNote'
  | 'collect'
  | 'cluster'
  | 'verify'
  | 'traces'
  | 'spans'
  | 'logs'
  | 'metrics'
  | 'profiles'
  | 'changes'
  | 'anomalies'
  | 'gaps'
  | 'noGaps'
  | 'quality'
  | 'effect'
  | 'noClusters'
  | 'share'
  | 'count'
  | 'signature'
  | 'firstSeen'
  | 'ownTime'
  | 'contrast'
  | 'exemplars'
  | 'noHypotheses'
  | 'refutedOnes'
  | 'posterior'
  | 'beliefNote'
  | 'rule'
  | 'kind'
  | 'effectOf'
  | 'evidenceFor'
  | 'evidenceAgainst'
  | 'none'
  | 'strength'
  | 'observations'
  | 'unknown'
  | 'error'
  | 'predictions'
  | 'counterfactual'
  | 'probe'
  | 'probes'
  | 'noProbes'
  | 'target'
  | 'expectation'
  | 'observed'
  | 'ranAt'
  | 'rerun'
  | 'consensus'
  | 'consensusRule'
  | 'took'
  | 'total'
  | 'hypothesise'
  | 'engine'
  | 'rulesHash'
  | 'dataHash'
  | 'reportHash'
  | 'verifyAgain'
  | 'utc';

export function wordsOf(lang: Language): Words {
  return lang === 'zh' ? ZH : EN;
}
