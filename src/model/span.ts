/** Spans, logs and points as objects: only for the few that somebody looks at (API, reports, tests). */
import type { MetricKind } from './columns.ts';
import type { InfraKind, SpanKind, Stage } from './vocabulary.ts';

/** JSON form of an attribute value; int64 beyond ±2^53 and bytes (base64) are strings. */
export type AttributeJson =
  | string
  | number
  | boolean
  | null
  | readonly AttributeJson[]
  | { readonly [key: string]: AttributeJson };

export type AttributeMap = Readonly<Record<string, AttributeJson>>;

export interface SpanEvent {
  readonly timeUs: number;
  readonly name: string;
  readonly attributes: AttributeMap;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: AttributeMap;
}

export interface Span {
  /** 32 and 16 lower-case hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Absent: a root. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly service: string;
  readonly kind: SpanKind;
  readonly startUs: number;
  readonly durationUs: number;
  /** As sent. */
  readonly statusCode: 'unset' | 'ok' | 'error';
  readonly statusMessage: string;
  /** Computed outcome. */
  readonly isError: boolean;
  readonly errorType: string;
  readonly stage: Stage;
  readonly infra: InfraKind;
  readonly target: string;
  /** As sent, and canonical ones the normalisation added. */
  readonly attributes: AttributeMap;
  readonly derived: AttributeMap;
  readonly resource: AttributeMap;
  readonly scope: { readonly name: string; readonly version: string };
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
}

export interface LogRecord {
  readonly timeUs: number;
  readonly observedUs: number;
  readonly severity: number;
  readonly severityText: string;
  readonly body: AttributeJson;
  readonly service: string;
  readonly templateId: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName: string;
  readonly attributes: AttributeMap;
  readonly derived: AttributeMap;
  readonly resource: AttributeMap;
}

export interface Exemplar {
  readonly timeUs: number;
  readonly value: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes: AttributeMap;
}

export interface MetricSeries {
  /** Stable: hash of name, service, attributes and resource. */
  readonly seriesId: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: MetricKind;
  readonly isMonotonic: boolean;
  readonly temporality: 'unspecified' | 'delta' | 'cumulative';
  readonly service: string;
  readonly attributes: AttributeMap;
  readonly resource: AttributeMap;
}

export interface TraceSummary {
  readonly traceId: string;
  readonly rootService: string;
  readonly rootOperation: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
  readonly bot?: string;
  readonly conversation?: string;
}
