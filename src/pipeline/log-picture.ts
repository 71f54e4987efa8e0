/** The last hour of a template for the picture of its anomaly: lines a minute, and the lines expected at most. */
import { US_PER_MINUTE } from '../base/time.ts';
import { bandOf } from '../detect/log-anomaly.ts';
import type { Picture } from '../model/anomaly.ts';

const PICTURE_MINUTES = 60;
/** Places in a ring's row; minutes are at their number modulo 60. */
const AT = { lastMinute: 0, lines: 1, high: 1 + PICTURE_MINUTES };
export const LOG_RING_WIDTH = 1 + 2 * PICTURE_MINUTES;
const NO_BAND = { expected: Number.NaN, low: Number.NaN, high: Number.NaN };

/** Minutes that nobody watched are left empty. */
export function notePictureMinute(
  ring: Float32Array,
  minute: number,
  { lines, high }: { readonly lines: number; readonly high: number },
): void {
  const missed = Math.min(PICTURE_MINUTES, minute - ring[AT.lastMinute]! - 1);
  for (let back = 1; back <= missed; back++) {
    ring[AT.lines + ((minute - back) % PICTURE_MINUTES)] = Number.NaN;
  }
  ring[AT.lastMinute] = minute;
  ring[AT.lines + (minute % PICTURE_MINUTES)] = lines;
  ring[AT.high + (minute % PICTURE_MINUTES)] = high;
}

export interface LogPictureOptions {
  /** End of the ring's last minute. */
  readonly toUs: number;
  /** Variance over mean. */
  readonly clumping: number;
  /** Of lines that are missed no more were expected. */
  readonly expectedMax: number;
}

export function logPictureOf(ring: Float32Array, options: LogPictureOptions): Picture {
  const { toUs, clumping, expectedMax } = options;
  const last = ring[AT.lastMinute]!;
  const minutes = Array.from({ length: PICTURE_MINUTES }, (_, index) => last - index).reverse();
  while (Number.isNaN(linesAt(ring, minutes[0]!))) minutes.shift();
  const bands = minutes.map((minute) => {
    if (Number.isNaN(linesAt(ring, minute))) return NO_BAND;
    const expected = Math.min(expectedMax, ring[AT.high + (minute % PICTURE_MINUTES)]!);
    return bandOf({ expected, clumping });
  });
  return {
    fromUs: toUs - minutes.length * US_PER_MINUTE,
    stepUs: US_PER_MINUTE,
    unit: 'lines/min',
    values: minutes.map((minute) => linesAt(ring, minute)),
    expected: bands.map(({ expected }) => expected),
    low: bands.map(({ low }) => low),
    high: bands.map(({ high }) => high),
  };
}

function linesAt(ring: Float32Array, minute: number): number {
  return ring[AT.lines + (minute % PICTURE_MINUTES)]!;
}
