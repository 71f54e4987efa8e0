/**
 * The trailing mean of the last 24 hours of an endpoint's minutes: the textbook baseline that stands beside the
 * adaptive one. It knows no season, no distribution, and learns from incidents as from anything else.
 */
import { ROW_ORIGIN_US } from '../base/row-slab.ts';
import { US_PER_HOUR } from '../base/time.ts';

export const TRAILING_MEASURES = ['latencyUsP50', 'latencyUsP95', 'errorRatio', 'rate'] as const;
export type TrailingMeasure = (typeof TRAILING_MEASURES)[number];

/** What a minute shows; left out: too few requests to say. */
export type MinuteValues = Partial<Record<TrailingMeasure, number>>;

export interface Trailing {
  /** Minutes it stands on. */
  readonly minutes: number;
  readonly mean: number;
  readonly sigma: number;
}

const SLOT_COUNT = 24;
/** A slot of an hour: its number + 1 (0: empty), then minutes, sum and sum of squares of each measure. */
const SLOT_WIDTH = 1 + 3 * TRAILING_MEASURES.length;

/** Numbers of a row; 24 slots of 13 are 1 248 bytes. */
export const TRAILING_WIDTH = SLOT_COUNT * SLOT_WIDTH;

export function learnMinute(
  row: Float32Array,
  { minuteUs, values }: { readonly minuteUs: number; readonly values: MinuteValues },
): void {
  const hour = hourOf(minuteUs);
  const slot = (hour % SLOT_COUNT) * SLOT_WIDTH;
  if (row[slot] !== hour + 1) {
    row.fill(0, slot, slot + SLOT_WIDTH);
    row[slot] = hour + 1;
  }
  for (const [index, measure] of TRAILING_MEASURES.entries()) {
    const value = values[measure];
    if (value === undefined) continue;
    const at = slot + 1 + 3 * index;
    row[at]! += 1;
    row[at + 1]! += value;
    row[at + 2]! += value * value;
  }
}

/** Of the hour of a minute so far and the 23 hours before it. */
export function trailingOf(
  row: Float32Array,
  { minuteUs, measure }: { readonly minuteUs: number; readonly measure: TrailingMeasure },
): Trailing {
  const hour = hourOf(minuteUs);
  const index = TRAILING_MEASURES.indexOf(measure);
  let minutes = 0;
  let sum = 0;
  let squares = 0;
  for (let slot = 0; slot < TRAILING_WIDTH; slot += SLOT_WIDTH) {
    if (row[slot]! <= hour + 1 - SLOT_COUNT) continue;
    const at = slot + 1 + 3 * index;
    minutes += row[at]!;
    sum += row[at + 1]!;
    squares += row[at + 2]!;
  }
  const mean = minutes === 0 ? Number.NaN : sum / minutes;
  const variance = minutes < 2 ? 0 : Math.max(0, (squares - sum * mean) / (minutes - 1));
  return { minutes, mean, sigma: Math.sqrt(variance) };
}

function hourOf(minuteUs: number): number {
  return Math.floor((minuteUs - ROW_ORIGIN_US) / US_PER_HOUR);
}
