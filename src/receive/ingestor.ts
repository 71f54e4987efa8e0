/**
 * What both transports hand a request to, and how they wait for its verdict. The receiving thread moves
 * bytes: it never inflates and never decodes them.
 */
import type { Counters } from '../base/counters.ts';
import { type ErrorCode, isAppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { InflightBudget, Lease } from './budget.ts';

export interface RequestHead {
  readonly signal: Signal;
  readonly encoding: 'protobuf' | 'json';
  /** Content-Encoding in lower case; '' when the body is not compressed. */
  readonly compression: string;
}

/** A whole request as it came off the wire. Who takes it joins the pieces in memory of their own, at once. */
export interface ReceivedRequest extends RequestHead {
  /** The body, in order; views of memory that others use as well. */
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/** The same with its body in one piece, which does not change before the reply. */
export interface IngestRequest extends RequestHead {
  readonly body: Uint8Array;
}

export type IngestReply =
  | { readonly kind: 'stored'; readonly rejectedCount: number; readonly message: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export interface Ingestor {
  /** Settles once the request is durable, or refused. A rejection counts as `internal`. */
  submit(request: ReceivedRequest): Promise<IngestReply>;
}

/** How long a receiver waits for others, ms. */
export interface ReceiverTimeouts {
  readonly requestHeadersMs: number;
  readonly requestReadMs: number;
  readonly grpcReadMs: number;
  readonly ingestReplyMs: number;
}

export const DEFAULT_TIMEOUTS: ReceiverTimeouts = {
  requestHeadersMs: LIMITS.requestHeadersTimeoutMs,
  requestReadMs: LIMITS.requestReadTimeoutMs,
  grpcReadMs: LIMITS.grpcReadTimeoutMs,
  ingestReplyMs: LIMITS.ingestReplyTimeoutMs,
};

/** What the transports share; built by startReceiver. */
export interface Reception {
  readonly ingestor: Ingestor;
  readonly budget: InflightBudget;
  readonly bodyBytesMax: number;
  readonly timeouts: ReceiverTimeouts;
  readonly counters: Counters;
  readonly log: Log;
  /** True from the moment stop() was called. */
  isStopping(): boolean;
}

export type Transport = 'http' | 'grpc';

/**
 * Hands one request over and waits for the verdict, within its time limit. The lease is given
 * back when the ingestor settles, not when the sender is answered: until then the bytes are in memory.
 */
export function submitRequest(
  reception: Reception,
  options: { readonly request: ReceivedRequest; readonly lease: Lease | undefined },
): Promise<IngestReply> {
  const { request, lease } = options;
  lease?.enqueue();
  const submitted = submitSafely(reception, request).finally(() => lease?.release());
  return withTimeout(submitted, {
    signal: request.signal,
    timeoutMs: reception.timeouts.ingestReplyMs,
  });
}

async function submitSafely(reception: Reception, request: ReceivedRequest): Promise<IngestReply> {
  try {
    return await reception.ingestor.submit(request);
  } catch (thrown) {
    if (isAppError(thrown)) return { kind: 'refused', code: thrown.code, message: thrown.message };
    reception.log.error({ err: thrown, signal: request.signal }, 'ingestor failed');
    return {
      kind: 'refused',
      code: 'internal',
      message: `Cannot store ${request.signal}: internal error`,
    };
  }
}

function withTimeout(
  submitted: Promise<IngestReply>,
  options: { readonly signal: Signal; readonly timeoutMs: number },
): Promise<IngestReply> {
  const { signal, timeoutMs } = options;
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve({
        kind: 'refused',
        code: 'store.unavailable',
        message: `Cannot say whether ${signal} are stored: no verdict within ${timeoutMs} ms`,
      });
    }, timeoutMs);
    void submitted.then((reply) => {
      clearTimeout(timer);
      resolve(reply);
    });
  });
}

export function countRequest(
  reception: Reception,
  outcome: {
    readonly signal: Signal | 'none';
    readonly transport: Transport;
    /** HTTP status, gRPC status number, or 'aborted' when nobody was left to answer. */
    readonly code: string;
  },
): void {
  reception.counters.add('taproot_receive_requests_total', 1, { ...outcome });
}

export function countBytes(
  reception: Reception,
  received: { readonly signal: Signal; readonly transport: Transport; readonly bytes: number },
): void {
  const { signal, transport, bytes } = received;
  reception.counters.add('taproot_receive_bytes_total', bytes, { signal, transport });
}

/** Copies the pieces one after the other; `into` has room for all of them. */
export function joinPieces(pieces: readonly Uint8Array[], into: Uint8Array): Uint8Array {
  let at = 0;
  for (const piece of pieces) {
    into.set(piece, at);
    at += piece.length;
  }
  return into;
}
