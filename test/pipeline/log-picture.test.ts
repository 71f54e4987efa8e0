/** The hour of lines that an anomaly shows. */
import { describe, expect, test } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { LOG_RING_WIDTH, logPictureOf, notePictureMinute } from '../../src/pipeline/log-picture.ts';

const TO_US = 1000 * US_PER_MINUTE;
const options = { toUs: TO_US, clumping: 1, expectedMax: Number.POSITIVE_INFINITY };

describe('logPictureOf()', () => {
  test('shows the minutes there are, with a band of three deviations', () => {
    const ring = new Float32Array(LOG_RING_WIDTH);
    for (const [index, lines] of [15, 17, 40].entries()) {
      notePictureMinute(ring, 3_000_000 + index, { lines, high: 16 });
    }
    expect(logPictureOf(ring, options)).toEqual({
      fromUs: TO_US - 3 * US_PER_MINUTE,
      stepUs: US_PER_MINUTE,
      unit: 'lines/min',
      values: [15, 17, 40],
      expected: [16, 16, 16],
      low: [4, 4, 4],
      high: [28, 28, 28],
    });
  });

  test('keeps the last hour', () => {
    const ring = new Float32Array(LOG_RING_WIDTH);
    for (let minute = 500; minute < 600; minute++) {
      notePictureMinute(ring, minute, { lines: minute, high: 1 });
    }
    const { values, fromUs } = logPictureOf(ring, options);
    expect(values).toEqual(Array.from({ length: 60 }, (_, index) => 540 + index));
    expect(fromUs).toBe(TO_US - 60 * US_PER_MINUTE);
  });

  test('leaves minutes empty that nobody watched', () => {
    const ring = new Float32Array(LOG_RING_WIDTH);
    for (let minute = 500; minute < 600; minute++) {
      notePictureMinute(ring, minute, { lines: 7, high: 9 });
    }
    notePictureMinute(ring, 603, { lines: 8, high: 9 });
    const { values, high } = logPictureOf(ring, options);
    expect(values.slice(-5)).toEqual([7, Number.NaN, Number.NaN, Number.NaN, 8]);
    expect(high.slice(-5)).toEqual([18, Number.NaN, Number.NaN, Number.NaN, 18]);
  });

  test('of missing lines expects no more than the rate', () => {
    const ring = new Float32Array(LOG_RING_WIDTH);
    notePictureMinute(ring, 500, { lines: 0, high: 50 });
    expect(logPictureOf(ring, { ...options, expectedMax: 16 })).toMatchObject({
      expected: [16],
      low: [4],
    });
  });
});
