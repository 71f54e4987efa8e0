import { describe, expect, it } from 'vitest';
import {
  addToEnvelope,
  crestBefore,
  dayMinima,
  ENVELOPE_WIDTH,
  extremesBefore,
  hasFallen,
  hourMinima,
  hourMoves,
  LASTING_VALUES,
  peakBefore,
  slotMinima,
} from '../../src/baseline/metric-envelope.ts';
import { createRandom } from '../build/random.ts';

const DAY = 1440;
/** Minutes since the origin; a midnight. */
const START = 2000 * DAY;

interface Seen {
  readonly minute: number;
  readonly value: number;
}

/** Whole numbers, which 32 bits hold exactly, with holes of minutes and of hours. */
function drawValues(seed: number, days: number): Seen[] {
  const random = createRandom(seed);
  const seen: Seen[] = [];
  let minute = START + Math.floor(500 * random.next());
  while (minute < START + days * DAY) {
    seen.push({ minute, value: Math.round(1000 + 300 * random.normal()) });
    minute += random.next() < 0.005 ? Math.ceil(200 * random.next()) : random.next() < 0.1 ? 3 : 1;
  }
  return seen;
}

function partOf(seen: readonly Seen[]): Float32Array {
  const part = new Float32Array(ENVELOPE_WIDTH);
  for (const value of seen) addToEnvelope(part, value);
  return part;
}

const lowest = (values: readonly number[]) =>
  values.length === 0 ? Number.NaN : Math.min(...values);
const highest = (values: readonly number[]) =>
  values.length === 0 ? Number.NaN : Math.max(...values);

/** The last `count` complete periods, the oldest first. */
function minimaOf(seen: readonly Seen[], minutes: number, count: number): number[] {
  const current = Math.floor(seen.at(-1)!.minute / minutes);
  return Array.from({ length: count }, (_, index) => {
    const period = current - count + index;
    return lowest(
      seen
        .filter(({ minute }) => Math.floor(minute / minutes) === period)
        .map(({ value }) => value),
    );
  });
}

const seeds = [1, 2, 3, 4, 5];

describe('addToEnvelope()', () => {
  it.each(seeds)('keeps the minima that all values give (seed %i)', (seed) => {
    const all = drawValues(seed, 4);
    for (const count of [10, 400, 3000, all.length]) {
      const seen = all.slice(0, count);
      const part = partOf(seen);
      expect([...slotMinima(part)]).toEqual(minimaOf(seen, 5, 24));
      expect([...hourMinima(part)]).toEqual(minimaOf(seen, 60, 48));
      expect([...dayMinima(part)]).toEqual(minimaOf(seen, DAY, 8));
    }
  });

  it.each(seeds)('keeps the extremes of the days before the last hour (seed %i)', (seed) => {
    const seen = drawValues(seed, 6);
    const part = partOf(seen);
    const hour = Math.floor(seen.at(-1)!.minute / 60);
    const before = seen.filter(({ minute }) => Math.floor(minute / 60) < hour - 1);
    const lasting = before.slice(LASTING_VALUES - 1).map((_, index) => {
      const values = before.slice(index, index + LASTING_VALUES).map(({ value }) => value);
      return { least: Math.min(...values), greatest: Math.max(...values) };
    });
    expect(extremesBefore(part)).toEqual({
      trough: lowest(lasting.map(({ greatest }) => greatest)),
      highest: highest(before.map(({ value }) => value)),
      lowest: lowest(before.map(({ value }) => value)),
    });
    expect(crestBefore(part, 1)).toBe(highest(lasting.map(({ least }) => least)));
    const hours = Array.from({ length: hour }, (_, index) => index).slice(START / 60, hour - 1);
    const minima = hours.map((wanted) =>
      lowest(
        before.filter(({ minute }) => Math.floor(minute / 60) === wanted).map(({ value }) => value),
      ),
    );
    expect(peakBefore(part, 1)).toBe(highest(minima.filter((value) => !Number.isNaN(value))));
  });

  it('knows whether low points ever fell', () => {
    const rising = Array.from({ length: 300 }, (_, minute) => ({
      minute: START + minute,
      value: minute,
    }));
    expect(hasFallen(partOf(rising))).toBe(false);
    expect(
      hasFallen(
        partOf([...rising, ...[300, 305, 310].map((at) => ({ minute: START + at, value: 5 }))]),
      ),
    ).toBe(true);
  });
});

describe('hourMoves()', () => {
  it('tells a steady growth from its noise', () => {
    const part = partOf(
      Array.from({ length: 3 * DAY }, (_, minute) => ({
        minute: START + minute,
        value: 10 * Math.floor(minute / 60),
      })),
    );
    expect(hourMoves(part, { hours: 6, lag: 1 })).toEqual({ mean: 10, deviation: 0 });
    expect(hourMoves(part, { hours: 6, lag: 6 })).toEqual({ mean: 60, deviation: 0 });
    expect(hourMoves(part, { hours: 43, lag: 1 })).toBeUndefined();
  });
});
