import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { SIGNALS } from '../../src/model/vocabulary.ts';
import { buildExportResponse, buildStatus } from '../../src/otlp/otlp.ts';
import { decodeMessage } from './otlp-schema.ts';

function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

const REJECTED_NAMES = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
  profiles: 'rejectedProfiles',
} as const;

describe('buildExportResponse()', () => {
  const full = { acceptedCount: 3, rejectedCount: 0, message: '' };

  test.each(SIGNALS)('leaves partial success unset after full success: %s', (signal) => {
    expect(buildExportResponse({ encoding: 'protobuf', signal, outcome: full }).length).toBe(0);
    expect(jsonOf(buildExportResponse({ encoding: 'json', signal, outcome: full }))).toEqual({});
  });

  test.each(SIGNALS)('tells the rejected count and why: %s', (signal) => {
    const outcome = { acceptedCount: 3, rejectedCount: 70_000, message: '因为 bad' };
    const protobuf = buildExportResponse({ encoding: 'protobuf', signal, outcome });
    expect(decodeMessage('ExportTraceServiceResponse', protobuf)).toEqual({
      partialSuccess: { rejected: '70000', errorMessage: '因为 bad' },
    });
    expect(jsonOf(buildExportResponse({ encoding: 'json', signal, outcome }))).toEqual({
      partialSuccess: { [REJECTED_NAMES[signal]]: '70000', errorMessage: '因为 bad' },
    });
  });

  test('tells a warning with nothing rejected', () => {
    const outcome = { acceptedCount: 3, rejectedCount: 0, message: 'careful' };
    const protobuf = buildExportResponse({ encoding: 'protobuf', signal: 'logs', outcome });
    expect(decodeMessage('ExportTraceServiceResponse', protobuf)).toEqual({
      partialSuccess: { errorMessage: 'careful' },
    });
    expect(jsonOf(buildExportResponse({ encoding: 'json', signal: 'logs', outcome }))).toEqual({
      partialSuccess: { errorMessage: 'careful' },
    });
  });

  test.each(['protobuf', 'json'] as const)(
    'shortens a message that is too long: %s',
    (encoding) => {
      // Each of these characters takes six bytes in JSON.
      const outcome = { acceptedCount: 0, rejectedCount: 1, message: '\u0001'.repeat(5 << 20) };
      const bytes = buildExportResponse({ encoding, signal: 'traces', outcome });
      expect(bytes.length).toBeLessThanOrEqual(LIMITS.responseBytesMax);
      expect(bytes.length).toBeGreaterThan(1000);
    },
  );
});

describe('buildStatus()', () => {
  const statusOf = (bytes: Uint8Array) => decodeMessage('RpcStatus', bytes);

  test('holds code and message', () => {
    const options = { grpcCode: 3, message: 'bad "data"' };
    expect(statusOf(buildStatus({ encoding: 'protobuf', ...options }))).toEqual({
      code: 3,
      message: 'bad "data"',
    });
    expect(jsonOf(buildStatus({ encoding: 'json', ...options }))).toEqual({
      code: 3,
      message: 'bad "data"',
    });
  });

  const DELAYS: readonly [number, { seconds?: string; nanos?: number }, string][] = [
    [1, { seconds: '1' }, '1s'],
    [0.25, { nanos: 250_000_000 }, '0.250000000s'],
    [300, { seconds: '300' }, '300s'],
  ];
  test.each(DELAYS)('tells to retry after %d s', (retryAfterSeconds, duration, text) => {
    const options = { grpcCode: 14, message: 'busy', retryAfterSeconds };
    const status = statusOf(buildStatus({ encoding: 'protobuf', ...options }));
    const [detail] = status['details'] as [{ typeUrl: string; value: Uint8Array }];
    expect(detail.typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo');
    expect(decodeMessage('RetryInfo', detail.value)).toEqual({ retryDelay: duration });
    expect(jsonOf(buildStatus({ encoding: 'json', ...options }))).toEqual({
      code: 14,
      message: 'busy',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: text }],
    });
  });

  test('names the field at fault', () => {
    const violation = { field: 'resourceSpans[0]', description: 'is null' };
    const options = { grpcCode: 3, message: 'no', violation };
    const status = statusOf(buildStatus({ encoding: 'protobuf', ...options }));
    const [detail] = status['details'] as [{ typeUrl: string; value: Uint8Array }];
    expect(detail.typeUrl).toBe('type.googleapis.com/google.rpc.BadRequest');
    expect(decodeMessage('BadRequest', detail.value)).toEqual({ fieldViolations: [violation] });
    expect(jsonOf(buildStatus({ encoding: 'json', ...options }))).toMatchObject({
      details: [
        { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [violation] },
      ],
    });
  });

  test.each(['protobuf', 'json'] as const)('stays within the response bound: %s', (encoding) => {
    const long = '\u0001'.repeat(5 << 20);
    const violation = { field: long, description: long };
    const bytes = buildStatus({ encoding, grpcCode: 3, message: long, violation });
    expect(bytes.length).toBeLessThanOrEqual(LIMITS.responseBytesMax);
  });
});
