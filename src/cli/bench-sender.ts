/** Sends encoded OTLP requests over kept-alive connections: HTTP/1.1, or gRPC written by hand on node:http2. */
import { Agent, request as requestHttp } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type Encoding, readRejectedCount } from '../bench/bench.ts';
import type { RowSignal } from '../model/vocabulary.ts';

export type Transport = 'http' | 'grpc';

export type SendOutcome =
  | { readonly kind: 'acknowledged'; readonly rejectedCount: number }
  /** The receiver asks to send the same request again later. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** The receiver will never take it. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Nobody answered: whether it was stored is unknown, so it is sent again. */
  | { readonly kind: 'unanswered'; readonly message: string };

export interface Sender {
  /** Never rejects. The bytes must not change until it resolves. */
  send(body: Buffer): Promise<SendOutcome>;
  close(): void;
}

export interface SenderOptions {
  readonly url: URL;
  readonly signal: RowSignal;
  readonly encoding: Encoding;
  /** The bodies are compressed. */
  readonly isGzip: boolean;
}

const SEND_TIMEOUT_MS = 40_000;
/** For a busy receiver that does not say how long. */
const RETRY_AFTER_MS = 1000;
const REPLY_BYTES_MAX = 64 * 1024;
const HTTP_BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function createSender(transport: Transport, options: SenderOptions): Sender {
  return transport === 'grpc' ? createGrpcSender(options) : createHttpSender(options);
}

function createHttpSender(options: SenderOptions): Sender {
  const { encoding } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const url = new URL(`/v1/${options.signal}`, options.url);
  const headers = {
    'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
    ...(options.isGzip ? { 'content-encoding': 'gzip' } : {}),
  };
  const send = (body: Buffer): Promise<SendOutcome> =>
    new Promise((resolve) => {
      const request = requestHttp(url, {
        method: 'POST',
        agent,
        timeout: SEND_TIMEOUT_MS,
        headers: { ...headers, 'content-length': body.length },
      });
      const fail = (error: Error) => resolve({ kind: 'unanswered', message: error.message });
      request.on('error', fail);
      request.on('timeout', () => request.destroy(new Error(`no reply in ${SEND_TIMEOUT_MS} ms`)));
      request.on('response', (response) => {
        const reply = collectReply();
        response.on('data', reply.add);
        response.on('error', fail);
        response.on('end', () => {
          const { statusCode = 0, headers: answer } = response;
          if (statusCode >= 200 && statusCode < 300) {
            resolve(acknowledged(reply.bytes(), encoding));
          } else if (HTTP_BUSY.has(statusCode)) {
            const seconds = Number(answer['retry-after']);
            resolve({
              kind: 'busy',
              retryAfterMs: seconds > 0 ? 1000 * seconds : RETRY_AFTER_MS,
            });
          } else {
            const text = reply.bytes().toString('utf8').slice(0, 300);
            resolve({ kind: 'refused', message: `HTTP ${statusCode} ${text}` });
          }
        });
      });
      request.end(body);
    });
  return { send, close: () => agent.destroy() };
}

const GRPC_PATH: Readonly<Record<RowSignal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};
const GRPC_HEADER_BYTES = 5;
/** DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE: OTLP says to send again. */
const GRPC_BUSY: ReadonlySet<number> = new Set([4, 8, 10, 14]);

/** One HTTP/2 connection a sender, as separate processes have; grpc-js is for the receiver alone. */
function createGrpcSender(options: SenderOptions): Sender {
  let session: ClientHttp2Session | undefined;
  const send = (body: Buffer): Promise<SendOutcome> =>
    new Promise((resolve) => {
      const fail = (error: Error) => resolve({ kind: 'unanswered', message: error.message });
      if (!session || session.closed || session.destroyed) {
        session = connect(options.url.origin);
        session.on('error', fail);
      }
      const stream = session.request({
        ':method': 'POST',
        ':path': GRPC_PATH[options.signal],
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(options.isGzip ? { 'grpc-encoding': 'gzip' } : {}),
      });
      const reply = collectReply();
      let status: unknown;
      let message: unknown;
      const noteStatus = (headers: Readonly<Record<string, unknown>>) => {
        status = headers['grpc-status'] ?? status;
        message = headers['grpc-message'] ?? message;
      };
      stream.setTimeout(SEND_TIMEOUT_MS, () => stream.destroy(new Error('no reply in time')));
      stream.on('error', fail);
      stream.on('response', noteStatus); // a refusal may come as headers alone
      stream.on('trailers', noteStatus);
      stream.on('data', reply.add);
      stream.on('close', () => {
        if (status === undefined) fail(new Error('the call ended without a status'));
        else resolve(grpcOutcome(Number(status), { message, reply: reply.bytes() }));
      });
      const header = Buffer.alloc(GRPC_HEADER_BYTES);
      header[0] = options.isGzip ? 1 : 0;
      header.writeUInt32BE(body.length, 1);
      stream.write(header);
      stream.end(body);
    });
  return { send, close: () => session?.destroy() };
}

function grpcOutcome(
  status: number,
  answer: { readonly message: unknown; readonly reply: Buffer },
): SendOutcome {
  if (status === 0) return acknowledged(answer.reply.subarray(GRPC_HEADER_BYTES), 'protobuf');
  if (GRPC_BUSY.has(status)) return { kind: 'busy', retryAfterMs: RETRY_AFTER_MS };
  return { kind: 'refused', message: `gRPC status ${status} ${String(answer.message ?? '')}` };
}

function acknowledged(reply: Buffer, encoding: Encoding): SendOutcome {
  try {
    return { kind: 'acknowledged', rejectedCount: readRejectedCount(reply, encoding) };
  } catch (thrown) {
    return { kind: 'refused', message: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** Keeps a bounded part of a reply. */
function collectReply() {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  return {
    add: (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= REPLY_BYTES_MAX) chunks.push(chunk);
    },
    bytes: () => Buffer.concat(chunks),
  };
}
