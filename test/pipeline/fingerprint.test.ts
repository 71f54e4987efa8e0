import { describe, expect, it } from 'vitest';
import { createFingerprint, FINGERPRINT_BYTES } from '../../src/pipeline/fingerprint.ts';

const HEAD = { signal: 'traces', encoding: 'protobuf', compression: '' } as const;
const fingerprint = createFingerprint('ab'.repeat(32));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const body = Uint8Array.from({ length: 1000 }, (_, index) => index);

describe('createFingerprint()', () => {
  it('knows the same bytes again, in any memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2048)).subarray(7, 1007);
    shared.set(body);
    expect(fingerprint(HEAD, body)).toHaveLength(FINGERPRINT_BYTES);
    expect(hex(fingerprint(HEAD, shared))).toBe(hex(fingerprint(HEAD, body)));
    expect(hex(createFingerprint('ab'.repeat(32))(HEAD, body))).toBe(hex(fingerprint(HEAD, body)));
  });

  it('tells apart one flipped bit at any place, other lengths, and empty bodies of each kind', () => {
    const seen = new Set([hex(fingerprint(HEAD, body))]);
    for (let at = 0; at < body.length; at++) {
      const flipped = body.slice();
      flipped[at]! ^= 1 << (at % 8);
      seen.add(hex(fingerprint(HEAD, flipped)));
      seen.add(hex(fingerprint(HEAD, body.subarray(0, at))));
    }
    expect(seen.size).toBe(1 + 2 * body.length);
    const heads = (['traces', 'logs', 'metrics'] as const).flatMap((signal) =>
      (['protobuf', 'json'] as const).map((encoding) => ({ ...HEAD, signal, encoding })),
    );
    const empties = heads.map((head) => hex(fingerprint(head, new Uint8Array(0))));
    expect(new Set(empties).size).toBe(heads.length);
    const filled = heads.map((head) => hex(fingerprint(head, body)));
    expect(new Set(filled).size).toBe(heads.length);
  });

  it('depends on the key', () => {
    const other = createFingerprint('cd'.repeat(32));
    expect(hex(other(HEAD, body))).not.toBe(hex(fingerprint(HEAD, body)));
  });
});
