/** Posts OTLP requests to a receiver, ours or any other, and waits as it asks when it is busy. */
import { gzipSync } from 'node:zlib';
import { AppError, messageOf } from '../base/errors.ts';
import { readRejectedCount } from '../bench/reply.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { Send } from '../pipeline/import.ts';

const SEND_TIMEOUT_MS = 30_000;
const SEND_TRIES_MAX = 8;
/** A receiver that asks for more is tried again after this. */
const WAIT_SECONDS_MAX = 30;
/** What OTLP/HTTP lets a sender try again. */
const RETRYABLE = new Set([429, 502, 503, 504]);

/** `base` is what an SDK is given as its endpoint: `/v1/traces` and the like are appended to its path. */
export function createOtlpSender(base: URL): Send {
  return async (request) => {
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/+$/, '')}${pathOf(request.signal)}`;
    const type = request.encoding === 'json' ? 'application/json' : 'application/x-protobuf';
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': type, 'content-encoding': 'gzip' },
        body: request.compression === 'gzip' ? request.body : gzipSync(request.body),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      }).catch((cause: unknown) => {
        throw new AppError('store.unavailable', `Cannot reach ${url.origin}: ${messageOf(cause)}`, {
          cause,
        });
      });
      const reply = new Uint8Array(await response.arrayBuffer());
      if (response.ok) {
        const rejectedCount = readRejectedCount(reply, request.encoding);
        return { kind: 'stored', rejectedCount, message: '' };
      }
      if (!RETRYABLE.has(response.status) || attempt >= SEND_TRIES_MAX) {
        const text = Buffer.from(reply).toString().slice(0, 300);
        return { kind: 'refused', code: 'store.rejected', message: `${response.status} ${text}` };
      }
      const waitMs = 1000 * waitSecondsOf(response.headers.get('retry-after'));
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  };
}

/** Profiles are still in development. */
function pathOf(signal: Signal): string {
  return signal === 'profiles' ? '/v1development/profiles' : `/v1/${signal}`;
}

/** Seconds or an HTTP date; a second when the receiver does not say. */
function waitSecondsOf(retryAfter: string | null): number {
  if (retryAfter === null) return 1;
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? 1 : Math.min(Math.max(seconds, 0), WAIT_SECONDS_MAX);
}
