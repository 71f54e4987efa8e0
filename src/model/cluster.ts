/** Anomalous spans with one signature. */
import type { Stage } from './vocabulary.ts';

export interface Signature {
  readonly stage: Stage;
  readonly service: string;
  readonly operation: string;
  /** Empty when the spans are slow and not failed. */
  readonly errorType: string;
  /** What the spans talk to; empty for none. */
  readonly target: string;
}

/** What the value of one attribute must be. */
export type AttributeCondition =
  | { readonly kind: 'one-of'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'at-least' | 'below'; readonly key: string; readonly bound: number };

/** Whether the condition is one value, which its text says fully. */
export function isOneValue(condition: AttributeCondition): boolean {
  return condition.kind === 'one-of' && condition.values.length === 1;
}

/** A conjunction of conditions that sets anomalous spans apart from the others. */
export interface Contrast {
  /** Absent in reports of versions that knew single values only. */
  readonly conditions?: readonly AttributeCondition[];
  /** The conditions as text, by key: `east`, `east|west`, `>= 500`, `< 20`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** P(conditions | anomalous) / P(conditions | others). */
  readonly lift: number;
  /** Two-sided Fisher exact, false-discovery rate (Benjamini-Hochberg) over everything looked at. */
  readonly pValue: number;
  /** Share of the anomalous spans that meet the conditions; its 95 % Wilson interval is newer. */
  readonly coverage: number;
  readonly coverageInterval?: readonly [low: number, high: number];
}

/** Requests that were asked about, bad, and set apart by what they have in common. */
export interface Segment {
  readonly service: string;
  /** Absent when the conditions hold across operations. */
  readonly operation?: string;
  /** Absent when the operation alone sets them apart. */
  readonly contrast: Contrast | undefined;
  /** Bad requests that no earlier segment has: rows of the window's span table, ascending. */
  readonly rows: Uint32Array;
  /** Of all bad requests that were asked about. */
  readonly share: number;
}

export interface Cluster {
  /** c1, c2 … by share. */
  readonly clusterId: string;
  readonly signature: Signature;
  readonly kind: 'latency' | 'error' | 'missing' | 'traffic' | 'log';
  /** Of all anomalous spans, 0–1. */
  readonly share: number;
  readonly count: number;
  /** Endpoint id. */
  readonly endpointId: string;
  readonly contrasts: readonly Contrast[];
  /** Trace ids, hex. */
  readonly exemplars: readonly string[];
  readonly firstSeenUs: number;
  /** Median own time of the spans, now and in the reference; NaN without a reference. */
  readonly selfUsP50: number;
  readonly referenceSelfUsP50: number;
}

/** Clusters that are one trouble seen at several places. */
export interface ClusterClass {
  /** k1, k2 … by share. */
  readonly classId: string;
  /** The deepest cluster: where the trouble of the others leads. */
  readonly rootClusterId: string;
  readonly clusterIds: readonly string[];
  readonly count: number;
  /** Of all anomalous spans, 0–1. */
  readonly share: number;
}

/** All clusters of a window, and which spans are anomalous at all. */
export interface Clustering {
  readonly clusters: readonly Cluster[];
  /** Every cluster is in exactly one. */
  readonly classes: readonly ClusterClass[];
  /** Share of the anomalous spans that the listed clusters cover. */
  readonly coverage: number;
  readonly anomalousCount: number;
  /** Rows of the window's span table, ascending. */
  readonly anomalousRows: Uint32Array;
  /** Traces (index into traceIds) that hold an anomalous span, ascending. */
  readonly anomalousTraces: Uint32Array;
  /** The bad requests that were asked about, divided by what sets them apart; largest gain first. */
  readonly segments?: readonly Segment[];
}
