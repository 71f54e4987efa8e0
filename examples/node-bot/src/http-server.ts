/**
 * JSON over HTTP for the bot and its upstreams. A traced route continues the caller's trace (traceparent) in a
 * SERVER span and records http.server.request.duration; other routes leave no telemetry.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { context, type Histogram, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { errorMessageOf, errorTypeOf } from './bot-error.ts';
import { listenOn } from './listen.ts';
import { type Telemetry, withSpan } from './telemetry.ts';

export interface HttpCall {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  /** Parsed JSON body; undefined when there was none. */
  readonly body: unknown;
  /** Aborts when the caller hangs up. */
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text sent before the body as it comes: a streamed answer. */
  readonly chunks?: AsyncIterable<string>;
}

export interface HttpRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly isTraced?: boolean;
  handle(call: HttpCall): Promise<HttpReply>;
}

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly routes: readonly HttpRoute[];
  readonly telemetry?: Telemetry;
  /** Requests for which this holds are taken and never answered. */
  readonly isLost?: (headers: IncomingHttpHeaders) => boolean;
}

export interface RunningHttpServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 256 * 1024;
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export async function startHttpServer(options: HttpServerOptions): Promise<RunningHttpServer> {
  const duration = options.telemetry?.meter.createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'Duration of HTTP server requests',
    advice: { explicitBucketBoundaries: DURATION_BOUNDS },
  });
  const server = createServer((request, response) => {
    if (options.isLost?.(request.headers) === true) return;
    serve({ options, duration, request, response }).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  const port = await listenOn(server, options);
  return {
    port,
    url: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  readonly options: HttpServerOptions;
  readonly duration: Histogram | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function serve(exchange: Exchange): Promise<void> {
  const { request, response, options } = exchange;
  const url = new URL(request.url ?? '/', 'http://localhost');
  const samePath = options.routes.filter((route) => route.path === url.pathname);
  const route = samePath.find((candidate) => candidate.method === request.method);
  if (route === undefined) {
    const status = samePath.length > 0 ? 405 : 404;
    await send(response, { status, body: { code: status, msg: `No route ${url.pathname}` } });
    return;
  }
  const hangUp = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) hangUp.abort(new Error('The caller hung up'));
  });
  const body = await readJson(request);
  if ('problem' in body) {
    await send(response, { status: 400, body: { code: 4000, msg: body.problem } });
    return;
  }
  const call: HttpCall = {
    headers: request.headers,
    query: url.searchParams,
    body: body.value,
    signal: hangUp.signal,
  };
  const isTraced = route.isTraced === true && options.telemetry !== undefined;
  const respond = isTraced ? traced(exchange, route) : untraced(response, route);
  await respond(call);
}

function untraced(response: ServerResponse, route: HttpRoute) {
  return async (call: HttpCall): Promise<void> => {
    await send(response, await handleSafely(route, call));
  };
}

function traced({ options, duration, request, response }: Exchange, route: HttpRoute) {
  return async (call: HttpCall): Promise<void> => {
    const { telemetry } = options;
    if (telemetry === undefined) return;
    const attributes = { 'http.request.method': route.method, 'http.route': route.path };
    const startedAt = performance.now();
    const caller = propagation.extract(context.active(), request.headers);
    await context.with(caller, () =>
      withSpan(
        {
          tracer: telemetry.tracer,
          name: `${route.method} ${route.path}`,
          options: { kind: SpanKind.SERVER, attributes: { ...attributes, 'url.path': route.path } },
        },
        async (span) => {
          const reply = await handleSafely(route, call);
          span.setAttribute('http.response.status_code', reply.status);
          if (reply.status >= 500) {
            span.setStatus({ code: SpanStatusCode.ERROR, message: reply.problem ?? 'HTTP 5xx' });
            span.setAttribute('error.type', reply.problemType ?? String(reply.status));
          }
          await send(response, reply);
          const seconds = (performance.now() - startedAt) / 1000;
          duration?.record(seconds, { ...attributes, 'http.response.status_code': reply.status });
        },
      ),
    );
  };
}

/** A throw becomes a 500; what was thrown goes to the span, not to the caller. */
async function handleSafely(
  route: HttpRoute,
  call: HttpCall,
): Promise<HttpReply & { readonly problem?: string; readonly problemType?: string }> {
  try {
    return await route.handle(call);
  } catch (error) {
    const status = statusOf(error);
    return {
      status,
      body: { code: 5000, msg: 'internal error' },
      problem: errorMessageOf(error),
      problemType: errorTypeOf(error),
    };
  }
}

function statusOf(error: unknown): number {
  const status = (error as { httpStatus?: unknown } | undefined)?.httpStatus;
  return typeof status === 'number' ? status : 500;
}

async function send(response: ServerResponse, reply: HttpReply): Promise<void> {
  if (response.destroyed) return;
  response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
  if (reply.chunks !== undefined) {
    for await (const chunk of reply.chunks) response.write(chunk);
  }
  response.end(JSON.stringify(reply.body));
}

async function readJson(
  request: IncomingMessage,
): Promise<{ readonly value: unknown } | { readonly problem: string }> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request) {
    // Without setEncoding() a request yields Buffers.
    const bytes = part as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > BODY_BYTES_MAX) return { problem: `The body exceeds ${BODY_BYTES_MAX} bytes` };
    parts.push(bytes);
  }
  if (sizeBytes === 0) return { value: undefined };
  try {
    return { value: JSON.parse(Buffer.concat(parts).toString('utf8')) };
  } catch (error) {
    return { problem: `The body is not JSON: ${errorMessageOf(error)}` };
  }
}
