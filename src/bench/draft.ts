/**
 * What a generator says about one request, before it is encoded: ids are indexes and times are offsets, because
 * both are filled in anew each time the body is sent.
 */
import type { RowSignal } from '../model/vocabulary.ts';

/** Text that differs in every send: sixteen decimal digits made from the ids of this trace. */
export interface FreshText {
  readonly kind: 'fresh';
  readonly traceIndex: number;
}

export interface Attribute {
  readonly key: string;
  /** Whole numbers become intValue, others doubleValue. */
  readonly value: string | number | boolean | FreshText;
}

export interface SpanDraft {
  readonly traceIndex: number;
  readonly spanIndex: number;
  /** undefined: a root. */
  readonly parentIndex: number | undefined;
  readonly name: string;
  /** SpanKind 0–5 of OTLP. */
  readonly kind: number;
  /** Nanoseconds after the moment of sending; negative. */
  readonly startOffsetNs: number;
  readonly endOffsetNs: number;
  readonly attributes: readonly Attribute[];
  readonly isError: boolean;
}

export interface LogDraft {
  /** undefined: written outside of any request. */
  readonly trace: { readonly traceIndex: number; readonly spanIndex: number } | undefined;
  readonly timeOffsetNs: number;
  readonly severity: number;
  readonly severityText: string;
  readonly body: string;
  readonly attributes: readonly Attribute[];
}

export interface PointDraft {
  readonly startOffsetNs: number;
  readonly timeOffsetNs: number;
  readonly attributes: readonly Attribute[];
  readonly value: number | HistogramValue;
}

export interface HistogramValue {
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
  /** One more than bounds. */
  readonly bucketCounts: readonly number[];
}

export interface MetricDraft {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  readonly points: readonly PointDraft[];
}

/** What one resource sent. */
export interface ResourceDraft<Item> {
  readonly resource: readonly Attribute[];
  readonly scopeName: string;
  readonly items: readonly Item[];
}

interface Counts {
  /** Spans, log records or points. */
  readonly itemCount: number;
  /** Trace and span indexes of the items lie below these. */
  readonly traceCount: number;
  readonly spanCount: number;
}

export type RequestDraft =
  | (Counts & { readonly signal: 'traces'; readonly groups: readonly ResourceDraft<SpanDraft>[] })
  | (Counts & { readonly signal: 'logs'; readonly groups: readonly ResourceDraft<LogDraft>[] })
  | (Counts & {
      readonly signal: 'metrics';
      readonly groups: readonly ResourceDraft<MetricDraft>[];
    });

export type { RowSignal };

export const NS_PER_MS = 1_000_000;
export const NS_PER_US = 1000;

export function attributesOf(
  values: Readonly<Record<string, Attribute['value']>>,
): readonly Attribute[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}
