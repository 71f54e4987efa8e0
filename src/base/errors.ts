/**
 * The error catalogue: every failure that leaves a function on purpose is an AppError with a code.
 * Callers branch on the code, never on the text; docs/errors.md lists the same codes.
 */

/** Code → HTTP status, gRPC status and whether a sender may try the same request again. */
export const ERROR_CATALOGUE = {
  // wrong input
  'otlp.malformed': { http: 400, grpc: 3, isRetryable: false },
  'otlp.unsupported_media_type': { http: 415, grpc: 3, isRetryable: false },
  'otlp.unsupported_encoding': { http: 415, grpc: 12, isRetryable: false },
  'otlp.too_large': { http: 413, grpc: 8, isRetryable: false },
  'otlp.too_slow': { http: 408, grpc: 4, isRetryable: true },
  'otlp.method_not_allowed': { http: 405, grpc: 12, isRetryable: false },
  'otlp.not_found': { http: 404, grpc: 12, isRetryable: false },
  'config.invalid': { http: 400, grpc: 3, isRetryable: false },
  'rule.invalid': { http: 400, grpc: 3, isRetryable: false },
  'request.invalid': { http: 400, grpc: 3, isRetryable: false },
  'request.not_found': { http: 404, grpc: 5, isRetryable: false },
  'request.too_large': { http: 413, grpc: 8, isRetryable: false },
  'request.unsupported_media_type': { http: 415, grpc: 3, isRetryable: false },
  'request.method_not_allowed': { http: 405, grpc: 12, isRetryable: false },
  'request.forbidden': { http: 403, grpc: 7, isRetryable: false },
  'probe.target_not_allowed': { http: 403, grpc: 7, isRetryable: false },
  // wrong world
  'ingest.overloaded': { http: 429, grpc: 14, isRetryable: true },
  'ingest.dead_lettered': { http: 400, grpc: 3, isRetryable: false },
  'ingest.stopping': { http: 503, grpc: 14, isRetryable: true },
  'listen.failed': { http: 500, grpc: 13, isRetryable: false },
  'store.unavailable': { http: 503, grpc: 14, isRetryable: true },
  'store.rejected': { http: 500, grpc: 13, isRetryable: false },
  'store.corrupt': { http: 500, grpc: 15, isRetryable: false },
  'probe.failed': { http: 502, grpc: 14, isRetryable: true },
  'baseline.unreadable': { http: 500, grpc: 13, isRetryable: false },
  'analysis.overloaded': { http: 429, grpc: 14, isRetryable: true },
  'analysis.timeout': { http: 504, grpc: 4, isRetryable: true },
  internal: { http: 500, grpc: 13, isRetryable: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** A failure that is nobody's bug: wrong input or wrong world. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** The value that was refused, shortened; safe to show to the sender. */
  readonly offendingValue: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly offendingValue?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.offendingValue = options.offendingValue;
  }
}

export function isAppError(value: unknown, code?: ErrorCode): value is AppError {
  return value instanceof AppError && (code === undefined || value.code === code);
}

/** Text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Ends a switch over a union: a new variant fails to compile here. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable variant: ${JSON.stringify(value)}`);
}
