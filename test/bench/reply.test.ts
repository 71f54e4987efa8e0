/** Replies of receivers: what was left out must not be counted as acknowledged. */
import { expect, test } from 'vitest';
import { readRejectedCount } from '../../src/bench/bench.ts';
import { buildExportResponse } from '../../src/otlp/otlp.ts';

const SIGNALS = ['traces', 'logs', 'metrics'] as const;
const ENCODINGS = ['protobuf', 'json'] as const;

const CASES = SIGNALS.flatMap((signal) =>
  ENCODINGS.flatMap((encoding) =>
    [0, 1, 127, 128, 70_000].map((n) => [signal, encoding, n] as const),
  ),
);

test.each(CASES)('%s as %s: %i rejected', (signal, encoding, rejectedCount) => {
  const message = rejectedCount === 0 ? '' : 'bad ids';
  const outcome = { acceptedCount: 5, rejectedCount, message };
  const reply = buildExportResponse({ encoding, signal, outcome });
  expect(readRejectedCount(reply, encoding)).toBe(rejectedCount);
});

test('a warning without a count rejects nothing', () => {
  const outcome = { acceptedCount: 5, rejectedCount: 0, message: 'text was repaired' };
  for (const encoding of ENCODINGS) {
    const reply = buildExportResponse({ encoding, signal: 'traces', outcome });
    expect(readRejectedCount(reply, encoding)).toBe(0);
  }
});

test.each([
  ['other text', Buffer.from('<html>'), 'protobuf'],
  ['a cut number', Uint8Array.from([0x0a, 0x80]), 'protobuf'],
  ['a cut message', Uint8Array.from([0x0a, 0x05, 0x08]), 'protobuf'],
  ['no JSON', Buffer.from('ok'), 'json'],
] as const)('%s is no export reply', (_, reply, encoding) => {
  expect(() => readRejectedCount(reply, encoding)).toThrow("Cannot read the receiver's reply");
});
