/** Which requests are stored and what they were answered, for the retry horizon. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import {
  decodeRequests,
  encodeRequests,
  RETRY_HORIZON_US,
  RequestLog,
} from '../../../src/store/sqlite/request-log.ts';

function hashOf(number: number): Uint8Array {
  const hash = new Uint8Array(16);
  new DataView(hash.buffer).setUint32(0, number);
  return hash.fill(0xc3, 12);
}

const PLAIN = { rejectedCount: 0, message: '' };

describe('RequestLog', () => {
  it('knows what a request was answered', () => {
    const log = new RequestLog(0);
    const answer = { rejectedCount: 3, message: 'Rejected 3 of 4 spans' };
    expect(log.find(hashOf(1))).toBeUndefined();
    log.remember({ hash: hashOf(1) }, 0);
    log.remember({ hash: hashOf(2), answer }, 0);
    log.remember({ hash: hashOf(3), answer: { rejectedCount: 0, message: 'Warning' } }, 0);
    expect([1, 2, 3, 4].map((n) => log.find(hashOf(n)))).toEqual([
      PLAIN,
      answer,
      { rejectedCount: 0, message: 'Warning' },
      undefined,
    ]);
  });

  it('keeps the count of a reply when replies have no more room', () => {
    const log = new RequestLog(0);
    const message = 'x'.repeat(LIMITS.resentMessageCharsMax / 2);
    log.remember({ hash: hashOf(1), answer: { rejectedCount: 1, message } }, 0);
    log.remember({ hash: hashOf(2), answer: { rejectedCount: 2, message } }, 0);
    log.remember({ hash: hashOf(3), answer: { rejectedCount: 1, message } }, 0);
    expect(log.find(hashOf(1))?.message).toBe(message);
    expect(log.find(hashOf(2))).toMatchObject({ rejectedCount: 2 });
    expect(log.find(hashOf(2))?.message).not.toBe(message);
    expect(log.find(hashOf(3))?.message).toBe(message);
  });

  it('forgets between one and two retry horizons after the last sight', () => {
    const log = new RequestLog(0);
    log.remember({ hash: hashOf(1) }, 0);
    log.remember({ hash: hashOf(2) }, RETRY_HORIZON_US + 1);
    expect(log.find(hashOf(1))).toEqual(PLAIN);
    log.remember({ hash: hashOf(3) }, 2 * (RETRY_HORIZON_US + 1));
    expect([1, 2, 3].map((n) => log.find(hashOf(n)))).toEqual([undefined, PLAIN, PLAIN]);
  });

  it('does not go wrong when the clock goes back', () => {
    const log = new RequestLog(RETRY_HORIZON_US);
    log.remember({ hash: hashOf(1) }, RETRY_HORIZON_US);
    log.remember({ hash: hashOf(2) }, 0);
    expect([1, 2].map((n) => log.find(hashOf(n)))).toEqual([PLAIN, PLAIN]);
  });
});

describe('encodeRequests()', () => {
  it('comes back as it was', () => {
    const requests = [
      { hash: hashOf(1), answer: PLAIN },
      { hash: hashOf(2), answer: { rejectedCount: 2 ** 40, message: '拒绝 2 spans' } },
    ];
    expect(decodeRequests(encodeRequests(requests))).toEqual(requests);
    expect(decodeRequests(encodeRequests([{ hash: hashOf(3) }]))).toEqual([
      { hash: hashOf(3), answer: PLAIN },
    ]);
  });
});
