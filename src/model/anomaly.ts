/** Deviations from the baseline, and incidents: anomalies that belong together. */
import type { TimeRange } from '../base/time.ts';
import type { Band } from './baseline.ts';
import type { Slice } from './slice.ts';
import type { Text } from './text.ts';

export const ANOMALY_KINDS = [
  /** Slower or faster than usual: the distribution of an endpoint's durations. */
  'latency',
  /** More failures than usual. */
  'error',
  /** More or fewer requests than usual. */
  'traffic',
  /** A source of telemetry says nothing any more. */
  'silence',
  /** A log template that is new, or more frequent than usual. */
  'log',
  /** A metric outside its band. */
  'metric',
  /** A metric that creeps: a leak. */
  'drift',
  /** A metric that will reach its known limit. */
  'saturation',
  /** An error budget that burns too fast. */
  'slo',
] as const;

export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

/** Something stays outside its band from an onset until it has recovered: one anomaly, however many minutes it lasts. */
export interface Anomaly {
  /** Stable for equal input: hash of kind, subject and onset. */
  readonly anomalyId: string;
  readonly kind: AnomalyKind;
  /** Left out: open. */
  readonly status?: 'open' | 'closed';
  /** How it ended; `accepted`: a lasting change that is the new normal now. */
  readonly end?: 'recovered' | 'accepted' | 'gone';
  readonly service: string;
  /** For latency, error, traffic. */
  readonly endpointId?: string;
  readonly operation?: string;
  /** When only a part of the requests is meant. */
  readonly slice?: Slice;
  /** For log. */
  readonly templateId?: string;
  /** For metric, drift, saturation. */
  readonly metric?: string;
  readonly seriesId?: string;
  /** For slo. */
  readonly objective?: string;
  /** From the onset to the end of the last minute outside. */
  readonly range: TimeRange;
  /** When the evidence was enough; left out when a window is judged as a whole. */
  readonly detectedUs?: number;
  readonly direction: 'up' | 'down' | 'new';
  /**
   * In the unit of the kind: latency µs, error ratio 0–1, requests a minute, lines a minute, metric's own; of an
   * episode its worst minute so far.
   */
  readonly value: number;
  /** Of the same minute. */
  readonly expected: Band;
  /** Observations behind the value. */
  readonly n: number;
  /** How surprising: log-likelihood ratio, natural log; comparable between kinds. */
  readonly score: number;
  readonly statement: Text;
  /** What the band stands on and why it is that wide; what the end means. */
  readonly reason?: Text;
  /** The minutes around the onset, for the picture. */
  readonly picture?: Picture;
  /** Id of the silence that covers it: it is kept, and nobody is told. */
  readonly silencedBy?: string;
}

/** A value and its band over time; parallel arrays, NaN (null in JSON) where there is none. */
export interface Picture {
  readonly fromUs: number;
  readonly stepUs: number;
  /** Of the values: 'us', '1' (a ratio), 'requests/min', 'lines/min', or the metric's own UCUM unit. */
  readonly unit: string;
  readonly values: readonly (number | null)[];
  readonly expected: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
}

/** Worst first: requests fail or a source is silent; they are slow or unusually many or few; signs of trouble. */
export const INCIDENT_SEVERITIES = ['critical', 'warning', 'info'] as const;
export type IncidentSeverity = (typeof INCIDENT_SEVERITIES)[number];

export interface Incident {
  readonly incidentId: string;
  readonly status: 'open' | 'closed';
  /** The worst so far. */
  readonly severity?: IncidentSeverity;
  /** Of the anomaly that was known first. */
  readonly onsetUs: number;
  /** Only slices have said so far when it began; left out when a whole endpoint or another signal has. */
  readonly isOnsetOfSlice?: true;
  readonly lastSeenUs: number;
  /** When an anomaly joined last. */
  readonly grownUs?: number;
  /** End of the last minute in which requests suffered; left out when none did. */
  readonly sufferedUs?: number;
  readonly services: readonly string[];
  /** The first ones, up to a bound; none of one that became part of another. */
  readonly anomalyIds: readonly string[];
  readonly reportId?: string;
  /** Why it is closed, or what was decided about it. */
  readonly note?: Text;
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
