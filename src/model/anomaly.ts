/** Deviations from the baseline, and incidents: anomalies that belong together. */
import type { TimeRange } from '../base/time.ts';
import type { Band } from './baseline.ts';
import type { Text } from './text.ts';

export type AnomalyKind = 'latency' | 'error' | 'traffic' | 'log' | 'metric';

export interface Anomaly {
  /** Stable for equal input: hash of kind, subject and start. */
  readonly anomalyId: string;
  readonly kind: AnomalyKind;
  readonly service: string;
  /** For latency, error, traffic. */
  readonly endpointId?: string;
  readonly operation?: string;
  /** For log. */
  readonly templateId?: string;
  /** For metric. */
  readonly metric?: string;
  readonly range: TimeRange;
  readonly direction: 'up' | 'down' | 'new';
  /** In the unit of the kind: latency µs p95, error ratio 0–1, requests a minute, lines a minute, metric's own. */
  readonly value: number;
  readonly expected: Band;
  /** Observations behind the value. */
  readonly n: number;
  /** How surprising: log-likelihood ratio, natural log; comparable between kinds. */
  readonly score: number;
  readonly statement: Text;
}

export interface Incident {
  readonly incidentId: string;
  readonly status: 'open' | 'closed';
  readonly onsetUs: number;
  readonly lastSeenUs: number;
  readonly services: readonly string[];
  readonly anomalyIds: readonly string[];
  readonly reportId?: string;
}

/** Something that somebody changed: deploy, configuration, key, certificate, scale, prompt version. */
export interface ChangeEvent {
  readonly changeId: string;
  readonly timeUs: number;
  readonly kind: 'deploy' | 'config' | 'key' | 'certificate' | 'scale' | 'prompt' | 'other';
  readonly service?: string;
  readonly version?: string;
  readonly description: string;
  readonly attributes: Readonly<Record<string, string>>;
}
