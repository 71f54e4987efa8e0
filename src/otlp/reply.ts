/**
 * Replies to OTLP senders in their own encoding: Export…ServiceResponse and google.rpc.Status with its
 * details (OTLP 1.11, "Failures" and "Partial Success").
 */
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';
import { cutText } from './cut-text.ts';
import type { DecodeOutcome } from './decode-report.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

export type Encoding = 'protobuf' | 'json';

/** A status holds three texts and escapes make at most six bytes of one, so texts of this size fit. */
const TEXT_BYTES_MAX = Math.floor(LIMITS.responseBytesMax / 32);

const REJECTED_FIELDS: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
  profiles: 'rejectedProfiles',
};

const TYPE_URL = 'type.googleapis.com/google.rpc.';

/** Full success leaves partial_success unset; a message with nothing rejected is a warning. */
export function buildExportResponse(options: {
  readonly encoding: Encoding;
  readonly signal: Signal;
  readonly outcome: DecodeOutcome;
}): Uint8Array {
  const { encoding, signal, outcome } = options;
  const { rejectedCount } = outcome;
  const message = cutText(outcome.message, TEXT_BYTES_MAX);
  const isPartial = rejectedCount > 0 || message !== '';
  if (encoding === 'json') {
    const partialSuccess = {
      // int64 is a string in JSON
      ...(rejectedCount > 0 ? { [REJECTED_FIELDS[signal]]: String(rejectedCount) } : {}),
      ...(message === '' ? {} : { errorMessage: message }),
    };
    return jsonBytes(isPartial ? { partialSuccess } : {});
  }
  if (!isPartial) return new Uint8Array(0);
  const partialSuccess = new ProtobufWriter().varint(1, rejectedCount).text(2, message).finish();
  return new ProtobufWriter().bytes(1, partialSuccess).finish();
}

export interface StatusOptions {
  readonly encoding: Encoding;
  readonly grpcCode: number;
  readonly message: string;
  /** Becomes google.rpc.RetryInfo. */
  readonly retryAfterSeconds?: number;
  /** Becomes google.rpc.BadRequest. */
  readonly violation?: { readonly field: string; readonly description: string };
}

/** google.rpc.Status: the body of every 4xx and 5xx, and grpc-status-details-bin. */
export function buildStatus(options: StatusOptions): Uint8Array {
  const message = cutText(options.message, TEXT_BYTES_MAX);
  const { violation } = options;
  const cut: StatusOptions = {
    ...options,
    message,
    ...(violation === undefined
      ? {}
      : {
          violation: {
            field: cutText(violation.field, TEXT_BYTES_MAX),
            description: cutText(violation.description, TEXT_BYTES_MAX),
          },
        }),
  };
  return options.encoding === 'json' ? jsonStatus(cut) : protobufStatus(cut);
}

function jsonStatus({ grpcCode, message, retryAfterSeconds, violation }: StatusOptions) {
  const details: object[] = [];
  if (retryAfterSeconds !== undefined) {
    details.push({ '@type': `${TYPE_URL}RetryInfo`, retryDelay: durationText(retryAfterSeconds) });
  }
  if (violation) {
    details.push({ '@type': `${TYPE_URL}BadRequest`, fieldViolations: [violation] });
  }
  return jsonBytes({
    ...(grpcCode === 0 ? {} : { code: grpcCode }),
    ...(message === '' ? {} : { message }),
    ...(details.length === 0 ? {} : { details }),
  });
}

function protobufStatus({ grpcCode, message, retryAfterSeconds, violation }: StatusOptions) {
  const status = new ProtobufWriter().varint(1, grpcCode).text(2, message);
  if (retryAfterSeconds !== undefined) {
    const { seconds, nanos } = durationParts(retryAfterSeconds);
    const duration = new ProtobufWriter().varint(1, seconds).varint(2, nanos).finish();
    const retryInfo = new ProtobufWriter().bytes(1, duration).finish();
    status.bytes(3, anyOf('RetryInfo', retryInfo));
  }
  if (violation) {
    const fieldViolation = new ProtobufWriter()
      .text(1, violation.field)
      .text(2, violation.description)
      .finish();
    const badRequest = new ProtobufWriter().bytes(1, fieldViolation).finish();
    status.bytes(3, anyOf('BadRequest', badRequest));
  }
  return status.finish();
}

function anyOf(type: string, value: Uint8Array): Uint8Array {
  return new ProtobufWriter().text(1, `${TYPE_URL}${type}`).bytes(2, value).finish();
}

function durationParts(totalSeconds: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(totalSeconds);
  return { seconds, nanos: Math.floor((totalSeconds - seconds) * 1e9) };
}

/** google.protobuf.Duration as JSON: `1s`, `1.500000000s`. */
function durationText(totalSeconds: number): string {
  const { seconds, nanos } = durationParts(totalSeconds);
  return nanos === 0 ? `${seconds}s` : `${seconds}.${String(nanos).padStart(9, '0')}s`;
}

function jsonBytes(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
