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

export interface IngestRequest {
  readonly signal: Signal;
  readonly encoding: 'protobuf' | 'json';
  /** Content-Encoding in lower case; '' when the body is not compressed. */
  readonly compression: string;
  /** Covers its own ArrayBuffer whole; ownership passes to the ingestor, which may transfer it. */
  readonly body: Uint8Array;
}

export type IngestReply =
  | { readonly kind: 'stored'; readonly rejectedCount: number; readonly message: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export interface Ingestor {
  /** Settles once the request is durable, or refused. A rejection counts as `internal`. */
  submit(request: IngestRequest): Promise<IngestReply>;
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
  options: { readonly request: IngestRequest; readonly lease: Lease | undefined },
): Promise<IngestReply> {
  const { request, lease } = options;
  const submitted = submitSafely(reception, request).finally(() => lease?.release());
  return withTimeout(submitted, {
    signal: request.signal,
    timeoutMs: reception.timeouts.ingestReplyMs,
  });
}

async function submitSafely(reception: Reception, request: IngestRequest): Promise<IngestReply> {
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

/** The same bytes in an ArrayBuffer that holds nothing else; copies only a view into a larger buffer. */
export function ownedBytes(bytes: Uint8Array): Uint8Array {
  const isWhole = bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.byteLength;
  return isWhole && bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}
