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
import type { ReferenceKind, Report, TimelineEntry, Trigger } from '../model/report.ts';
import type { Language } from '../model/text.ts';
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
  /** In place of `likely` for a suspect that hardly anybody believes. */
  readonly outweighed: string;
  /** In place of a decision that evidence alone would allow, while no check confirms it. */
  readonly undecided: string;
  readonly timelineKinds: Readonly<Record<TimelineEntry['kind'], string>>;
  readonly clusterKinds: Readonly<Record<AnomalyKind | 'missing', string>>;
  readonly causeKinds: Readonly<Record<CauseKind, string>>;
  readonly probeKinds: Readonly<Record<ProbeKind, string>>;
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
}

type LabelName =
  | 'culprit'
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
