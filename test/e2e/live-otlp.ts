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

export function parseOtlp(bytes: Buffer): OtlpRequest {
  // What the OpenTelemetry SDK sent.
  return JSON.parse(bytes.toString('utf8')) as OtlpRequest;
}

export function spansOf({ resourceSpans = [] }: OtlpRequest): OtlpSpan[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
