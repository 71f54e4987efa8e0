/** Why a request is not taken, and what both transports tell the sender beside the text. Pure. */
import { ERROR_CATALOGUE, type ErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** New work while stop() waits for the old. */
export const STOPPING = {
  kind: 'refused',
  code: 'ingest.stopping',
  message: 'Cannot accept: Taproot is stopping; send again later',
} as const;

/** New work while the budget is full. */
export const OVERLOADED = {
  kind: 'refused',
  code: 'ingest.overloaded',
  message: `Cannot accept: too much is waiting to be stored; send again in ${LIMITS.retryAfterSeconds} s`,
} as const;

/** What a Status carries beside its text: RetryInfo where waiting helps, BadRequest for a body that does not. */
export function detailsOf(refusal: Refusal): {
  readonly retryAfterSeconds?: number;
  readonly violation?: { readonly field: string; readonly description: string };
} {
  if (refusal.code === 'otlp.malformed') {
    return { violation: { field: 'body', description: refusal.message } };
  }
  const { isRetryable } = ERROR_CATALOGUE[refusal.code];
  return isRetryable ? { retryAfterSeconds: LIMITS.retryAfterSeconds } : {};
}
