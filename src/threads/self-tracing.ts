/**
 * Our own spans, by the OpenTelemetry SDK, sent to our own receiver like anybody's. The ingest path does not
 * trace requests that carry spans of this service, so one export never causes another for ever.
 */
import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { SELF_SERVICE } from '../model/vocabulary.ts';

export interface SelfTracing {
  readonly tracer: Tracer;
  /** Sends what is left; never rejects. */
  stop(): Promise<void>;
}

const EXPORT_TIMEOUT_MS = 3000;

export function startSelfTracing(options: {
  /** http://host:port of the OTLP/HTTP receiver. */
  readonly endpoint: string;
  readonly version: string;
  readonly thread: 'store' | 'analysis';
}): SelfTracing {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': SELF_SERVICE,
      'service.version': options.version,
      'thread.name': options.thread,
    }),
    spanProcessors: [
      new BatchSpanProcessor(
        new OTLPTraceExporter({
          url: `${options.endpoint}/v1/traces`,
          timeoutMillis: EXPORT_TIMEOUT_MS,
        }),
        // Small and slow: our own telemetry must not compete with the user's.
        { maxQueueSize: 512, maxExportBatchSize: 128, scheduledDelayMillis: 5000 },
      ),
    ],
  });
  return {
    tracer: provider.getTracer(SELF_SERVICE, options.version),
    // A span lost at the end of a process is no reason to fail its stop.
    stop: () => provider.shutdown().catch(() => undefined),
  };
}
