import { describe, expect, it } from 'vitest';
import { US_PER_HOUR, US_PER_MINUTE, US_PER_SECOND } from '../../src/base/time.ts';
import {
  countedRanges,
  minutesOf,
  rangesOfTraces,
  SLACK_US,
  slicedPeriod,
} from '../../src/pipeline/period.ts';

const range = (fromUs: number, toUs: number) => ({ fromUs, toUs });
const HOUR = range(1_700_000_000_000_000, 1_700_000_000_000_000 + US_PER_HOUR);

describe('countedRanges()', () => {
  it.each([
    ['nothing left out', [], [range(0, 100)]],
    ['a part inside', [range(20, 30)], [range(0, 20), range(30, 100)]],
    [
      'parts that overlap, in any order',
      [range(25, 40), range(20, 30)],
      [range(0, 20), range(40, 100)],
    ],
    ['parts over both ends', [range(-5, 10), range(90, 200)], [range(10, 90)]],
    ['parts outside', [range(-9, -5), range(100, 200)], [range(0, 100)]],
    ['everything', [range(-1, 101)], []],
  ])('%s', (_, without, expected) => {
    expect(countedRanges({ range: range(0, 100), without })).toEqual(expected);
  });
});

describe('slicedPeriod()', () => {
  it('keeps the share of the time, in slices over all of it', () => {
    const sliced = slicedPeriod({ range: HOUR, without: [] }, { share: 0.1, slices: 6 });
    expect(minutesOf(sliced)).toBeCloseTo(6, 3);
    const slices = countedRanges(sliced);
    expect(slices.length).toBeGreaterThan(4);
    for (let part = 0; part < slices.length; part++) {
      const partUs = US_PER_HOUR / slices.length;
      const fromUs = HOUR.fromUs + part * partUs;
      expect(slices[part]!.fromUs).toBeGreaterThanOrEqual(Math.floor(fromUs));
      expect(slices[part]!.toUs).toBeLessThanOrEqual(fromUs + partUs);
    }
  });

  it('of a smaller share has slices inside those of a greater one', () => {
    const [small, great] = [0.05, 0.3].map((share) =>
      countedRanges(slicedPeriod({ range: HOUR, without: [] }, { share, slices: 12 })),
    );
    for (const [part, { fromUs, toUs }] of small!.entries()) {
      expect(fromUs).toBeGreaterThanOrEqual(great![part]!.fromUs - 1);
      expect(toUs).toBeLessThanOrEqual(great![part]!.toUs + 1);
    }
  });

  it('leaves out what the period leaves out', () => {
    const without = [range(HOUR.fromUs, HOUR.fromUs + 30 * US_PER_MINUTE)];
    for (const { fromUs } of countedRanges(
      slicedPeriod({ range: HOUR, without }, { share: 0.2, slices: 6 }),
    )) {
      expect(fromUs).toBeGreaterThanOrEqual(without[0]!.toUs);
    }
  });

  it('is the period itself for all of it', () => {
    const period = { range: HOUR, without: [] };
    expect(slicedPeriod(period, { share: 1, slices: 6 })).toBe(period);
  });
});

describe('rangesOfTraces()', () => {
  it('reads on behind a period for late spans, and before it for traces that began earlier', () => {
    const { own, before } = rangesOfTraces({ range: HOUR, without: [] });
    expect(own).toEqual([range(HOUR.fromUs, HOUR.toUs + SLACK_US)]);
    expect(before).toEqual([range(HOUR.fromUs - SLACK_US, HOUR.fromUs)]);
  });

  it('reads nothing twice where a gap is shorter than the slack', () => {
    const gap = range(HOUR.fromUs + US_PER_MINUTE, HOUR.fromUs + US_PER_MINUTE + US_PER_SECOND);
    const { own, before } = rangesOfTraces({ range: HOUR, without: [gap] });
    expect(own).toHaveLength(1);
    expect(before).toEqual([range(HOUR.fromUs - SLACK_US, HOUR.fromUs)]);
  });

  it('leaves a long gap unread but for the slack on both sides', () => {
    const gap = range(HOUR.fromUs + US_PER_MINUTE, HOUR.toUs - US_PER_MINUTE);
    const { own, before } = rangesOfTraces({ range: HOUR, without: [gap] });
    expect(own).toEqual([
      range(HOUR.fromUs, gap.fromUs + SLACK_US),
      range(gap.toUs, HOUR.toUs + SLACK_US),
    ]);
    expect(before).toContainEqual(range(gap.toUs - SLACK_US, gap.toUs));
  });
});
