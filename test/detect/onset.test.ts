/** The moment a period turned bad, or nothing when there is none. */
import { describe, expect, it } from 'vitest';
import { US_PER_MINUTE, US_PER_SECOND } from '../../src/base/time.ts';
import { findOnset } from '../../src/detect/detect.ts';
import { createRandom } from '../build/random.ts';

const RANGE = { fromUs: 0, toUs: 15 * US_PER_MINUTE };

/** Two requests a second; `shift` and `failing` by time. */
function pointsOf(
  seed: number,
  state: (timeUs: number) => { readonly shift?: number; readonly failing?: number },
) {
  const random = createRandom(seed);
  const timesUs = Float64Array.from({ length: 1800 }, (_, index) => (index * US_PER_SECOND) / 2);
  const values = timesUs.map((timeUs) => 11 + 0.5 * random.normal() + (state(timeUs).shift ?? 0));
  const isBad = Uint8Array.from(timesUs, (timeUs) =>
    random.next() < (state(timeUs).failing ?? 0.01) ? 1 : 0,
  );
  return { timesUs, values, isBad };
}

const isFrom = (minute: number) => (timeUs: number) => timeUs >= minute * US_PER_MINUTE;

describe('findOnset() finds', () => {
  it.each([
    { name: 'all requests twice as slow', state: { shift: Math.log(2) } },
    { name: 'a quarter of the requests failing', state: { failing: 0.25 } },
  ])('the minute of $name', ({ state }) => {
    for (const minute of [2, 7, 13]) {
      const isLater = isFrom(minute);
      const onset = findOnset(
        pointsOf(1, (timeUs) => (isLater(timeUs) ? state : {})),
        RANGE,
      );
      const error = Math.abs((onset?.onsetUs ?? 0) - minute * US_PER_MINUTE);
      expect(error, `minute ${minute}`).toBeLessThanOrEqual(15 * US_PER_SECOND);
    }
  });

  it('the start of an incident that also ends inside', () => {
    const isInside = (timeUs: number) => timeUs >= 6 * US_PER_MINUTE && timeUs < 12 * US_PER_MINUTE;
    const onset = findOnset(
      pointsOf(2, (timeUs) => (isInside(timeUs) ? { shift: 2 } : {})),
      RANGE,
    );
    expect(Math.abs((onset?.onsetUs ?? 0) - 6 * US_PER_MINUTE)).toBeLessThanOrEqual(
      15 * US_PER_SECOND,
    );
  });

  it('ten seconds of a fault that makes one request in twelve slow', () => {
    const random = createRandom(4);
    const timesUs = Float64Array.from({ length: 1000 }, (_, index) => index * 50_000);
    const isLate = (index: number) => index >= 800 && index % 12 === 0;
    const values = timesUs.map((_, index) => 11 + 0.4 * random.normal() + (isLate(index) ? 2 : 0));
    const onset = findOnset({ timesUs, values }, { fromUs: -10 * US_PER_MINUTE, toUs: 50_000_000 });
    expect(Math.abs((onset?.onsetUs ?? 0) - 40_000_000)).toBeLessThanOrEqual(5 * US_PER_SECOND);
  });
});

describe('findOnset() finds nothing', () => {
  it('in healthy traffic', () => {
    for (let seed = 1; seed <= 50; seed++) {
      expect(
        findOnset(
          pointsOf(seed, () => ({})),
          RANGE,
        ),
        `seed ${seed}`,
      ).toBeUndefined();
    }
  });

  it.each([
    { name: 'traffic that is bad all along', state: () => ({ failing: 0.5, shift: 2 }) },
    {
      name: 'an end of an incident',
      state: (timeUs: number) => (isFrom(7)(timeUs) ? {} : { failing: 0.5, shift: 2 }),
    },
  ])('in $name', ({ state }) => {
    expect(findOnset(pointsOf(3, state), RANGE)).toBeUndefined();
  });

  it.each([0, 1, 14])('in %i points', (count) => {
    const timesUs = Float64Array.from({ length: count }, (_, index) => index * US_PER_SECOND);
    const values = Float64Array.from(timesUs, (_, index) => (index > 8 ? 20 : 1));
    expect(findOnset({ timesUs, values }, RANGE)).toBeUndefined();
  });

  it('in points outside of the range or without a value', () => {
    const { timesUs, values } = pointsOf(4, (timeUs) => (isFrom(7)(timeUs) ? { shift: 3 } : {}));
    expect(findOnset({ timesUs, values: values.map(() => Number.NaN) }, RANGE)).toBeUndefined();
    const later = timesUs.map((timeUs) => timeUs + RANGE.toUs);
    expect(findOnset({ timesUs: later, values }, RANGE)).toBeUndefined();
  });
});
