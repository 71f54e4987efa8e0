/**
 * OTLP/HTTP on node:http: head → budget → body → ingestor → reply. Everything that can be refused is refused
 * before the body is read; docs/architecture.md draws the branches.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { ERROR_CATALOGUE, messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';
import { buildStatus } from '../otlp/reply.ts';
import type { Lease } from './budget.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { readBody } from './http-body.ts';
import {
  buildRefusal,
  buildReply,
  type HttpReply,
  sendReply,
  sendReplyBeforeBody,
} from './http-reply.ts';
import {
  type Encoding,
  type Route,
  routeRequest,
  signalOfUrl,
  tooLargeMessage,
} from './http-route.ts';
import { countBytes, countRequest, type Reception, submitRequest } from './ingestor.ts';
import { listenFailed } from './listen.ts';
import { OVERLOADED, type Refusal, STOPPING } from './refusal.ts';

export interface HttpTransport {
  readonly port: number;
  /** Closes the port and idle connections, lets replies under way leave, then cuts what is left. */
  close(options: { readonly timeoutMs: number }): Promise<void>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The sender waits for "100 Continue" before it sends the body. */
  readonly isBodyHeldBack: boolean;
}

export async function startHttp(
  reception: Reception,
  options: {
    readonly host: string;
    readonly port: number;
    readonly corsOrigins: readonly string[];
  },
): Promise<HttpTransport> {
  const { host, port, corsOrigins } = options;
  const { timeouts } = reception;
  const server = createServer({
    headersTimeout: timeouts.requestHeadersMs,
    requestTimeout: timeouts.requestReadMs,
    keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
    maxHeaderSize: LIMITS.requestHeaderBytesMax,
    // How often the two timeouts above are looked at.
    connectionsCheckingInterval: timeouts.requestHeadersMs / 2,
  });
  server.maxConnections = LIMITS.connectionsMax;
  const answer = (request: IncomingMessage, response: ServerResponse, isBodyHeldBack: boolean) => {
    const exchange = { request, response, isBodyHeldBack };
    answerExchange(reception, { exchange, corsOrigins }).catch((error: unknown) => {
      // A fault of ours must not stop the receiver; the sender sees a cut connection and tries again.
      reception.log.error({ err: error }, 'cannot answer an OTLP/HTTP request');
      countRequest(reception, { signal: 'none', transport: 'http', code: 'fault' });
      response.destroy();
    });
  };
  server.on('request', (request, response) => answer(request, response, false));
  server.on('checkContinue', (request, response) => answer(request, response, true));
  server.on('clientError', (error, socket) => answerBrokenHttp(reception, { error, socket }));
  server.on('drop', () => reception.counters.add('taproot_receive_connections_dropped_total', 1));
  await listen(server, { host, port });
  return {
    port: (server.address() as AddressInfo).port,
    close: ({ timeoutMs }) => close(server, timeoutMs),
  };
}

async function answerExchange(
  reception: Reception,
  options: { readonly exchange: Exchange; readonly corsOrigins: readonly string[] },
): Promise<void> {
  const { exchange, corsOrigins } = options;
  const { request, response } = exchange;
  const { method = '', url = '', headers } = request;
  const preflight = signalOfUrl(url) && preflightHeaders({ method, headers }, corsOrigins);
  if (preflight) {
    response.writeHead(204, preflight).end();
    return;
  }
  for (const [name, value] of Object.entries(corsHeaders(headers.origin, corsOrigins))) {
    response.setHeader(name, value);
  }
  const route = routeRequest({ method, url, headers }, reception);
  if (route.kind === 'refused') {
    refuse(reception, { exchange, refusal: route, to: route });
    return;
  }
  const lease = admit(reception, route);
  if (lease.kind === 'refused') {
    refuse(reception, { exchange, refusal: lease, to: route });
    return;
  }
  await answerExport(reception, { exchange, route, lease: lease.lease });
}

type ExportRoute = Extract<Route, { kind: 'export' }>;

type Admission =
  | { readonly kind: 'admitted'; readonly lease: Lease }
  | ({ readonly kind: 'refused' } & Refusal);

function admit(reception: Reception, route: ExportRoute): Admission {
  if (reception.isStopping()) return STOPPING;
  const lease = reception.budget.tryAcquire(route.contentLength ?? 0);
  return lease ? { kind: 'admitted', lease } : OVERLOADED;
}

/** Reads the body, has it stored, replies. The lease ends with the ingestor, or here when it came to nothing. */
async function answerExport(
  reception: Reception,
  options: { readonly exchange: Exchange; readonly route: ExportRoute; readonly lease: Lease },
): Promise<void> {
  const { exchange, route, lease } = options;
  const { request, response } = exchange;
  const { signal, encoding, compression } = route;
  if (exchange.isBodyHeldBack) response.writeContinue();
  const read = await readBody(request, { lease, bodyBytesMax: reception.bodyBytesMax });
  // From here on the sender sends (or has sent) its body, asked or not.
  const sending = { ...exchange, isBodyHeldBack: false };
  switch (read.kind) {
    case 'aborted':
      lease.release();
      countRequest(reception, { signal, transport: 'http', code: 'aborted' });
      return;
    case 'too_large': {
      lease.release();
      const message = tooLargeMessage(read.sizeBytes, reception.bodyBytesMax);
      refuse(reception, {
        exchange: sending,
        refusal: { code: 'otlp.too_large', message },
        to: route,
      });
      return;
    }
    case 'no_room':
      lease.release();
      refuse(reception, { exchange: sending, refusal: OVERLOADED, to: route });
      return;
    case 'complete': {
      const { pieces, sizeBytes } = read;
      countBytes(reception, { signal, transport: 'http', bytes: sizeBytes });
      const outcome = await submitRequest(reception, {
        request: { signal, encoding, compression, pieces, sizeBytes },
        lease,
      });
      const reply = buildReply(outcome, { encoding, signal });
      const code = response.destroyed ? 'aborted' : String(reply.status);
      countRequest(reception, { signal, transport: 'http', code });
      sendReply(response, stoppingAware(reception, reply));
    }
  }
}

function refuse(
  reception: Reception,
  options: {
    readonly exchange: Exchange;
    readonly refusal: Refusal;
    readonly to: { readonly signal: Signal | 'none'; readonly encoding: Encoding };
  },
): void {
  const { exchange, refusal, to } = options;
  const reply = stoppingAware(reception, buildRefusal(refusal, to.encoding));
  countRequest(reception, { signal: to.signal, transport: 'http', code: String(reply.status) });
  sendReplyBeforeBody(exchange, { reply, isBodyHeldBack: exchange.isBodyHeldBack });
}

/** A stopping receiver asks its senders to leave with each reply. */
function stoppingAware(reception: Reception, reply: HttpReply): HttpReply {
  if (!reception.isStopping()) return reply;
  return { ...reply, headers: { ...reply.headers, connection: 'close' } };
}

/** What node:http could not parse, or cut off for being slow: nobody but the socket is left to answer. */
function answerBrokenHttp(
  reception: Reception,
  broken: { readonly error: NodeJS.ErrnoException; readonly socket: Duplex },
): void {
  const { error, socket } = broken;
  const status = STATUS_OF_PARSER_ERROR.get(error.code ?? '') ?? 400;
  countRequest(reception, { signal: 'none', transport: 'http', code: String(status) });
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const body = buildStatus({
    encoding: 'json',
    grpcCode: ERROR_CATALOGUE['otlp.malformed'].grpc,
    message: `Cannot read the HTTP request: ${messageOf(error)}`,
  });
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\nconnection: close\r\n\r\n`,
  );
  socket.end(body);
}

const STATUS_OF_PARSER_ERROR: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);

function listen(
  server: Server,
  at: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailed({ ...at, what: 'OTLP/HTTP', error })));
    server.listen({ host: at.host, port: at.port }, resolve);
  });
}

function close(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
