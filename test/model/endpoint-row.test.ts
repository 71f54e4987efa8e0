import { describe, expect, test } from 'vitest';
import {
  ENDPOINT_ROW_WIDTH,
  minuteNumberOf,
  minuteUsOf,
  packQuantiles,
  unpackQuantiles,
} from '../../src/model/endpoint-row.ts';

describe('endpoint row', () => {
  test('fits 4 KiB', () => {
    expect(ENDPOINT_ROW_WIDTH * Float32Array.BYTES_PER_ELEMENT).toBeLessThanOrEqual(4096);
  });

  test('minutes survive a Float32', () => {
    const timeUs = Date.UTC(2049, 11, 31, 23, 59) * 1000;
    const row = new Float32Array([minuteNumberOf(timeUs)]);
    expect(minuteUsOf(row[0]!)).toBe(timeUs);
  });

  test.each([
    ['equal', { p50: 0, p95: 0, p99: 0 }],
    ['usual', { p50: 241, p95: 262, p99: 280 }],
    ['largest', { p50: 800, p95: 927, p99: 1054 }],
  ])('packQuantiles() survives a Float32: %s', (_, buckets) => {
    const row = new Float32Array([packQuantiles(buckets)]);
    expect(unpackQuantiles(row[0]!)).toEqual(buckets);
  });

  test('packQuantiles() cuts steps that do not fit', () => {
    expect(unpackQuantiles(packQuantiles({ p50: 10, p95: 400, p99: 700 }))).toEqual({
      p50: 10,
      p95: 137,
      p99: 264,
    });
  });
});
