/**
 * The OpenTelemetry SDK of one service: a tracer, a logger and a meter with the service's resource, exported over
 * OTLP by the protocol that was chosen, metrics also on a Prometheus page.
 */
import { createServer } from 'node:http';
import {
  context,
  type Meter,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type LogAttributes, type Logger, SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogsJson } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as LogsProto } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as MetricsGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as MetricsJson } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as MetricsProto } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TracesJson } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as TracesProto } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
} from '@opentelemetry/sdk-logs';
import {
  type IMetricReader,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { errorMessageOf, errorTypeOf } from './bot-error.ts';
import { listenOn } from './listen.ts';

export const OTLP_PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];

export interface OtlpTarget {
  readonly protocol: OtlpProtocol;
  /** Base URL: http://127.0.0.1:4318 for HTTP, http://127.0.0.1:4317 for gRPC. */
  readonly endpoint: string;
}

export interface TelemetryOptions {
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly instanceId: string;
  readonly workspaceId: string;
  readonly environment: string;
  readonly otlp: OtlpTarget;
  readonly exportIntervalMs: number;
  /** Where GET /metrics answers; undefined: nowhere. */
  readonly prometheus?: { readonly host: string; readonly port: number };
}

export interface Telemetry {
  readonly tracer: Tracer;
  readonly meter: Meter;
  readonly log: BotLog;
  /** Port of the Prometheus page. */
  readonly prometheusPort: number | undefined;
  /** Makes this service's context manager and propagator the process's. */
  register(): void;
  flush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Lines go out with the trace and span id of the active span. */
export interface BotLog {
  info(body: string, attributes?: LogAttributes): void;
  warn(body: string, attributes?: LogAttributes): void;
  error(body: string, attributes?: LogAttributes): void;
}

interface PrometheusPage {
  readonly exporter: PrometheusExporter;
  readonly port: number;
  close(): void;
}

const SHUTDOWN_TIMEOUT_MS = 5000;

export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const resource = resourceFromAttributes({
    'service.name': options.serviceName,
    'service.namespace': 'coze-bot',
    'service.version': options.serviceVersion,
    'service.instance.id': options.instanceId,
    'coze.workspace.id': options.workspaceId,
    'deployment.environment.name': options.environment,
  });
  const { exportIntervalMs: scheduledDelayMillis } = options;
  const queue = { scheduledDelayMillis, maxQueueSize: 8192, maxExportBatchSize: 512 };
  const tracers = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(spanExporter(options.otlp), queue)],
  });
  const loggers = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ ...queue, exporter: logExporter(options.otlp) })],
  });
  const prometheus = await startPrometheus(options.prometheus);
  const readers: IMetricReader[] = [
    new PeriodicExportingMetricReader({
      exporter: metricExporter(options.otlp),
      exportIntervalMillis: scheduledDelayMillis,
      exportTimeoutMillis: scheduledDelayMillis,
    }),
  ];
  if (prometheus !== undefined) readers.push(prometheus.exporter);
  const meters = new MeterProvider({ resource, readers });
  const scope = `${options.serviceName}/instrumentation`;
  return {
    tracer: tracers.getTracer(scope),
    meter: meters.getMeter(scope),
    log: createBotLog(loggers.getLogger(scope)),
    prometheusPort: prometheus?.port,
    register: () => tracers.register(),
    flush: async () => {
      await withTimeout([tracers.forceFlush(), loggers.forceFlush(), meters.forceFlush()]);
    },
    shutdown: async () => {
      prometheus?.close();
      await withTimeout([tracers.shutdown(), loggers.shutdown(), meters.shutdown()]);
    },
  };
}

/** Runs work inside a new active span; a throw ends it as an error with its class in error.type. */
export async function withSpan<Result>(
  start: { readonly tracer: Tracer; readonly name: string; readonly options: SpanOptions },
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  const span = start.tracer.startSpan(start.name, start.options);
  try {
    return await context.with(trace.setSpan(context.active(), span), () => work(span));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

export function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorMessageOf(error) });
  span.setAttribute('error.type', errorTypeOf(error));
}

function createBotLog(logger: Logger): BotLog {
  const emit =
    (severityNumber: SeverityNumber, severityText: string) =>
    (body: string, attributes: LogAttributes = {}): void => {
      logger.emit({ severityNumber, severityText, body, attributes, context: context.active() });
    };
  return {
    info: emit(SeverityNumber.INFO, 'INFO'),
    warn: emit(SeverityNumber.WARN, 'WARN'),
    error: emit(SeverityNumber.ERROR, 'ERROR'),
  };
}

function spanExporter(target: OtlpTarget): SpanExporter {
  if (target.protocol === 'grpc') return new TracesGrpc({ url: target.endpoint });
  const url = `${target.endpoint}/v1/traces`;
  return target.protocol === 'http/json' ? new TracesJson({ url }) : new TracesProto({ url });
}

function logExporter(target: OtlpTarget): LogRecordExporter {
  if (target.protocol === 'grpc') return new LogsGrpc({ url: target.endpoint });
  const url = `${target.endpoint}/v1/logs`;
  return target.protocol === 'http/json' ? new LogsJson({ url }) : new LogsProto({ url });
}

function metricExporter(target: OtlpTarget): PushMetricExporter {
  if (target.protocol === 'grpc') return new MetricsGrpc({ url: target.endpoint });
  const url = `${target.endpoint}/v1/metrics`;
  return target.protocol === 'http/json' ? new MetricsJson({ url }) : new MetricsProto({ url });
}

/** The exporter's page on a server of our own, so that port 0 means any free port. */
async function startPrometheus(
  listen: { readonly host: string; readonly port: number } | undefined,
): Promise<PrometheusPage | undefined> {
  if (listen === undefined) return undefined;
  const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
  const server = createServer((request, response) => {
    if (request.url === '/metrics') exporter.getMetricsRequestHandler(request, response);
    else response.writeHead(404).end();
  });
  const port = await listenOn(server, listen);
  return { exporter, port, close: () => server.close() };
}

/** A receiver that is away must not keep the bot from stopping. */
async function withTimeout(work: readonly Promise<unknown>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SHUTDOWN_TIMEOUT_MS);
  });
  await Promise.race([Promise.allSettled(work), limit]);
  clearTimeout(timer);
}
