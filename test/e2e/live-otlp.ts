/** OTLP/JSON as the OpenTelemetry SDK sends it, as far as stretching reads or changes it; all else passes through. */

export interface OtlpRequest {
  readonly resourceSpans?: readonly {
    readonly resource: unknown;
    readonly scopeSpans: readonly {
      readonly scope: unknown;
      readonly spans: readonly OtlpSpan[];
    }[];
  }[];
  readonly resourceLogs?: readonly {
    readonly resource: unknown;
    readonly scopeLogs: readonly {
      readonly scope: unknown;
      readonly logRecords: readonly OtlpLog[];
    }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly resource: unknown;
    readonly scopeMetrics: readonly {
      readonly scope: unknown;
      readonly metrics: readonly OtlpMetric[];
    }[];
  }[];
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly events?: readonly { readonly timeUnixNano: string }[];
}

export interface OtlpLog {
  readonly traceId?: string;
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
}

export interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly gauge?: OtlpPoints;
  readonly sum?: OtlpPoints & { readonly isMonotonic?: boolean };
  readonly histogram?: OtlpPoints;
}

interface OtlpPoints {
  dataPoints: OtlpPoint[];
}

export interface OtlpPoint {
  readonly attributes?: unknown;
  startTimeUnixNano?: string;
  timeUnixNano: string;
  asInt?: string | number;
  asDouble?: number;
  count?: number;
  sum?: number;
  bucketCounts?: number[];
  exemplars?: unknown;
}

export function parseOtlp(bytes: Buffer): OtlpRequest {
  // What the OpenTelemetry SDK sent.
  return JSON.parse(bytes.toString('utf8')) as OtlpRequest;
}

export function spansOf({ resourceSpans = [] }: OtlpRequest): OtlpSpan[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
