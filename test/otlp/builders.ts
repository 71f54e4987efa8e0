/** Small good requests that tests bend in one place. */
import { expect } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import type { Encoding } from '../../src/otlp/otlp.ts';
import { encodeMessage, REQUEST_TYPES } from './otlp-schema.ts';
import { otlpJson } from './wire.ts';

export const TRACE_ID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
export const SPAN_ID = Uint8Array.from({ length: 8 }, (_, index) => index + 0x21);
export const START_NS = '1700000000000000123';
export const END_NS = '1700000000250000456';

export const GOOD_SPAN = {
  traceId: TRACE_ID,
  spanId: SPAN_ID,
  name: 'op',
  startTimeUnixNano: START_NS,
  endTimeUnixNano: END_NS,
};

export function tracesOf(encoding: Encoding, ...spans: object[]): Uint8Array {
  return bodyOf(encoding, 'traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

export function logsOf(encoding: Encoding, ...logRecords: object[]): Uint8Array {
  return bodyOf(encoding, 'logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

export function metricsOf(encoding: Encoding, ...metrics: object[]): Uint8Array {
  return bodyOf(encoding, 'metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
}

export function bodyOf(
  encoding: Encoding,
  signal: 'traces' | 'logs' | 'metrics',
  request: object,
): Uint8Array {
  const body = encodeMessage(REQUEST_TYPES[signal], request);
  return encoding === 'protobuf' ? body : otlpJson(REQUEST_TYPES[signal], body);
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The message of the otlp.malformed that `decode` must throw. */
export function messageOfFault(decode: () => unknown): string {
  try {
    decode();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AppError);
    expect((thrown as AppError).code).toBe('otlp.malformed');
    return (thrown as AppError).message;
  }
  throw new Error('expected the request to be refused');
}
