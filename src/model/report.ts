/**
 * The fact graph of one investigation: language-neutral, every sentence in both languages. src/report makes
 * JSON (docs/report.md, schema version 1), Markdown, HTML and terminal text from it.
 */
import type { TimeRange } from '../base/time.ts';
import type { Anomaly, ChangeEvent } from './anomaly.ts';
import type { Cluster, ClusterClass } from './cluster.ts';
import type { Consensus, Culprit, Noise, VerifiedHypothesis } from './hypothesis.ts';
import type { Text } from './text.ts';

export interface Alert {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtUs: number;
  readonly endsAtUs?: number;
  readonly generatorUrl?: string;
}

export interface Trigger {
  readonly kind: 'alertmanager' | 'anomaly' | 'manual' | 'schedule';
  readonly alerts: readonly Alert[];
}

/** Narrows an investigation; absent fields do not. */
export interface Scope {
  readonly service?: string;
  readonly endpoint?: string;
  readonly bot?: string;
  /** What the alert is about; absent: anything that is not as usual. */
  readonly symptom?: 'latency' | 'error';
  readonly attributes?: Readonly<Record<string, string>>;
}

export type ReferenceKind = 'given' | 'learned' | 'hour-before' | 'none';

export interface Gap {
  readonly what: Text;
  readonly why: Text;
  readonly effect: Text;
  /** What to collect so that it is no gap next time. */
  readonly remedy?: Text;
}

export interface TimelineEntry {
  readonly timeUs: number;
  readonly kind:
    | 'alert'
    | 'anomaly'
    | 'cause'
    | 'change'
    | 'cluster'
    | 'metric'
    | 'onset'
    | 'symptom';
  readonly text: Text;
}

/** Part that a node plays in the propagation; `lead`: the place of the best lead while no cause is named. */
export const NODE_ROLES = ['cause', 'lead', 'effect', 'impact', 'sound'] as const;
export type NodeRole = (typeof NODE_ROLES)[number];

export interface PropagationEdge {
  readonly from: string;
  readonly to: string;
  /** Calls in the window, 0 when only the topology knows the edge; and the share that failed or were slow. */
  readonly calls: number;
  readonly anomalousShare: number;
}

export interface Impact {
  readonly endpoints: readonly {
    readonly service: string;
    readonly operation: string;
    readonly requests: number;
    readonly errorRatio: number;
  }[];
  readonly requests: number;
  readonly errorRatio: number;
  readonly users: number;
  readonly conversations: number;
  readonly bots: readonly string[];
  /** Blast radius; absent in reports written before it was counted. */
  readonly by?: readonly ImpactBy[];
}

export const IMPACT_ATTRIBUTES = [
  'endpoint',
  'version',
  'channel',
  'bot',
  'user',
  'conversation',
] as const;
export type ImpactAttribute = (typeof IMPACT_ATTRIBUTES)[number];

/** How the affected requests spread over the values of one attribute. */
export interface ImpactBy {
  readonly attribute: ImpactAttribute;
  /** Whose versions they are; only with `version`. */
  readonly service?: string;
  /** Requests that carry the attribute, and those of them with an anomalous span. */
  readonly requests: number;
  readonly affected: number;
  /** Distinct values in all these requests, and in the affected ones. */
  readonly valueCount: number;
  readonly affectedValueCount: number;
  /** The most affected ones. */
  readonly values: readonly {
    readonly value: string;
    readonly affected: number;
    readonly requests: number;
  }[];
}

export interface StepTimes {
  readonly collectMs: number;
  readonly clusterMs: number;
  readonly hypothesiseMs: number;
  readonly verifyMs: number;
  readonly totalMs: number;
}

export interface Report {
  readonly schemaVersion: 1;
  readonly reportId: string;
  readonly createdAtUs: number;
  readonly status: 'complete' | 'partial' | 'running';
  readonly trigger: Trigger;
  readonly window: TimeRange;
  readonly reference: (TimeRange & { readonly kind: ReferenceKind }) | { readonly kind: 'none' };
  readonly scope: Scope;
  readonly summary: Text;
  readonly verdict: 'confirmed' | 'likely' | 'unverified' | 'abstained';
  readonly confidence: number;
  /** Id of a hypothesis. */
  readonly rootCause: string | undefined;
  readonly firstSymptom:
    | { readonly culprit: Culprit; readonly timeUs: number; readonly statement: Text }
    | undefined;
  readonly impact: Impact;
  readonly collect: {
    readonly signals: Readonly<
      Record<'traces' | 'spans' | 'logs' | 'metrics' | 'profiles' | 'changes', number>
    >;
    readonly gaps: readonly Gap[];
    readonly telemetryQuality: readonly Gap[];
    readonly anomalies: readonly Anomaly[];
  };
  readonly clusters: readonly Cluster[];
  /** Clusters that are one trouble; absent in reports written before there were classes. */
  readonly clusterClasses?: readonly ClusterClass[];
  readonly clusterCoverage: number;
  readonly anomalousCount: number;
  readonly hypotheses: readonly VerifiedHypothesis[];
  readonly consensus: Consensus;
  /** Absent in reports written before there were placebos. */
  readonly noise?: Noise;
  readonly timeline: readonly TimelineEntry[];
  readonly propagation: {
    readonly nodes: readonly string[];
    readonly edges: readonly PropagationEdge[];
  };
  readonly changes: readonly ChangeEvent[];
  /** What to collect next when the engine abstains. */
  readonly nextSteps: readonly Text[];
  readonly engine: { readonly version: string; readonly rulesHash: string };
  readonly dataHash: string;
  readonly reportHash: string;
  readonly times: StepTimes;
}
