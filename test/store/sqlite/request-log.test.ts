/** Which requests are stored: by day, for the retry horizon. */
import { describe, expect, it } from 'vitest';
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

describe('RequestLog', () => {
  it('knows a request as stored once all its days are', () => {
    const log = new RequestLog(0);
    const request = { hash: hashOf(1), days: [7, 8] };
    expect(log.isStored(request.hash)).toBe(false);
    log.remember(request, [7], 0);
    expect([7, 8].map((day) => log.isStoredForDay(request.hash, day))).toEqual([true, false]);
    expect(log.isStored(request.hash)).toBe(false);
    log.remember(request, [8], 0);
    expect(log.isStored(request.hash)).toBe(true);
    expect(log.isStored(hashOf(2))).toBe(false);
  });

  it('keeps requests of different days apart, and those of equal days', () => {
    const log = new RequestLog(0);
    log.remember({ hash: hashOf(1), days: [7] }, [7], 0);
    log.remember({ hash: hashOf(2), days: [7, 8] }, [7], 0);
    log.remember({ hash: hashOf(3), days: [7] }, [7], 0);
    log.remember({ hash: hashOf(2), days: [7, 8] }, [8], 0);
    expect([1, 2, 3, 4].map((n) => log.isStored(hashOf(n)))).toEqual([true, true, true, false]);
    expect(log.isStoredForDay(hashOf(1), 8)).toBe(false);
  });

  it('forgets between one and two retry horizons after the last sight', () => {
    const log = new RequestLog(0);
    log.remember({ hash: hashOf(1), days: [7] }, [7], 0);
    log.remember({ hash: hashOf(2), days: [7] }, [7], RETRY_HORIZON_US + 1);
    expect(log.isStored(hashOf(1))).toBe(true);
    log.remember({ hash: hashOf(3), days: [7] }, [7], 2 * (RETRY_HORIZON_US + 1));
    expect([1, 2, 3].map((n) => log.isStored(hashOf(n)))).toEqual([false, true, true]);
  });

  it('does not go wrong when the clock goes back', () => {
    const log = new RequestLog(RETRY_HORIZON_US);
    log.remember({ hash: hashOf(1), days: [7] }, [7], RETRY_HORIZON_US);
    log.remember({ hash: hashOf(2), days: [7] }, [7], 0);
    expect([1, 2].map((n) => log.isStored(hashOf(n)))).toEqual([true, true]);
  });
});

describe('encodeRequests()', () => {
  it('comes back as it was', () => {
    const requests = [
      { hash: hashOf(1), days: [20_000] },
      { hash: hashOf(2), days: [] },
      { hash: hashOf(3), days: [1, 20_000] },
    ];
    expect(decodeRequests(encodeRequests(requests))).toEqual(requests);
  });
});
