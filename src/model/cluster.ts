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

/** Attribute values that set anomalous spans apart from the others. */
export interface Contrast {
  readonly attributes: Readonly<Record<string, string>>;
  /** P(value | anomalous) / P(value | others). */
  readonly lift: number;
  /** Two-sided Fisher exact, corrected for the number of values looked at. */
  readonly pValue: number;
  /** Share of the anomalous spans that carry the value. */
  readonly coverage: number;
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
}
