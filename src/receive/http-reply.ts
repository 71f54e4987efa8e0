/**
 * Writes replies of OTLP/HTTP: the request's content type back, google.rpc.Status for errors, Retry-After
 * where waiting helps. A sender that is refused while it still pushes its body gets to see the reply.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ERROR_CATALOGUE } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';
import { buildExportResponse, buildStatus } from '../otlp/reply.ts';
import type { Encoding } from './http-route.ts';
import type { IngestReply } from './ingestor.ts';
import { detailsOf, type Refusal } from './refusal.ts';

export interface HttpReply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
}

const TYPE_OF_ENCODING: Readonly<Record<Encoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

export function buildReply(
  reply: IngestReply,
  options: { readonly encoding: Encoding; readonly signal: Signal },
): HttpReply {
  const { encoding, signal } = options;
  if (reply.kind === 'refused') return buildRefusal(reply, encoding);
  // Replies do not say how much was accepted.
  const { rejectedCount, message } = reply;
  return {
    status: 200,
    headers: { 'content-type': TYPE_OF_ENCODING[encoding] },
    body: buildExportResponse({
      encoding,
      signal,
      outcome: { acceptedCount: 0, rejectedCount, message },
    }),
  };
}

export function buildRefusal(refusal: Refusal, encoding: Encoding): HttpReply {
  const { http: status, grpc: grpcCode } = ERROR_CATALOGUE[refusal.code];
  const headers: OutgoingHttpHeaders = { 'content-type': TYPE_OF_ENCODING[encoding] };
  if (status === 429 || status === 503) headers['retry-after'] = String(LIMITS.retryAfterSeconds);
  if (status === 405) headers['allow'] = 'POST';
  return {
    status,
    headers,
    body: buildStatus({
      encoding,
      grpcCode,
      message: refusal.message,
      ...detailsOf(refusal),
    }),
  };
}

/** Ends the exchange; the whole request has been read. */
export function sendReply(response: ServerResponse, reply: HttpReply): void {
  response.writeHead(reply.status, { ...reply.headers, 'content-length': reply.body.length });
  response.end(reply.body);
}

/**
 * Replies to a request whose body was not read to its end. A small rest is read and dropped by node:http,
 * and the connection lives on. Otherwise the reply goes out at once, and the connection stays for a short
 * while, so that the sender sees the reply: closing right away would reset the connection under it.
 */
export function sendReplyBeforeBody(
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
  options: { readonly reply: HttpReply; readonly isBodyHeldBack: boolean },
): void {
  const { request, response } = exchange;
  const { reply, isBodyHeldBack } = options;
  if (isBodyHeldBack) {
    // The sender waits for "100 Continue" and was told no: what follows on the connection is ambiguous.
    response.setHeader('connection', 'close');
    sendReply(response, reply);
    return;
  }
  const restBytesMax = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  const hasBody = 'content-length' in request.headers || 'transfer-encoding' in request.headers;
  if (!hasBody || request.complete || restBytesMax <= LIMITS.refusedBodyBytesMax) {
    sendReply(response, reply);
    return;
  }
  response.writeHead(reply.status, {
    ...reply.headers,
    'content-length': reply.body.length,
    connection: 'close',
  });
  response.write(reply.body);
  drainThen(request, () => response.end());
}

/**
 * Drops what still comes up to a bound of bytes, reads no more after it, and calls back once: when the sender
 * is done, gone, or out of time. Senders on this machine push the bytes in a millisecond, before they read.
 */
function drainThen(request: IncomingMessage, callback: () => void): void {
  let restBytes = LIMITS.refusedBodyBytesMax;
  const finish = () => {
    clearTimeout(timer);
    request.off('data', onData).off('end', finish).off('close', finish);
    callback();
  };
  const onData = (chunk: Uint8Array) => {
    restBytes -= chunk.length;
    if (restBytes < 0) request.pause();
  };
  const timer = setTimeout(finish, LIMITS.refusedBodyDrainMs);
  request.on('data', onData).on('end', finish).on('close', finish);
  request.resume();
}
