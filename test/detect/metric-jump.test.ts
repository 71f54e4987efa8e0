import { describe, expect, test } from 'vitest';
import { jumpRange } from '../../src/detect/metric-jump.ts';
import { seriesOf } from '../build/metric-shapes.ts';

const WEEK_HOURS = 168;
const replies = {
  series: seriesOf('replies.sent', { unit: '{reply}' }),
  measure: 'level',
} as const;

describe('jumpRange()', () => {
  test('is the range of what lasted, with the margin of its level', () => {
    // 15 % of 1000 is more than 25 % + 75 % / 7 of the range of 100, and than 5 of a thing that is counted
    const known = { trough: 900, crest: 1000, hoursKnown: WEEK_HOURS };
    expect(jumpRange(replies, known)).toEqual({ low: 765, high: 1150 });
  });

  test('is as wide again as the range after one day, and less so after a week', () => {
    const widthAfter = (hoursKnown: number) => {
      const { low, high } = jumpRange(replies, { trough: 0, crest: 1000, hoursKnown })!;
      return high - low;
    };
    expect(widthAfter(24)).toBeCloseTo(3000);
    expect(widthAfter(WEEK_HOURS)).toBeCloseTo(1000 + 2 * (250 + 750 / 7));
  });

  test('leaves room for what matters to nobody', () => {
    const known = { trough: 1, crest: 1, hoursKnown: WEEK_HOURS };
    expect(jumpRange(replies, known)).toEqual({ low: -4, high: 6 });
  });

  test('takes a trough above the crest for what it is', () => {
    const known = { trough: 1000, crest: 900, hoursKnown: WEEK_HOURS };
    expect(jumpRange(replies, known)).toEqual({ low: 765, high: 1150 });
  });

  test.each([
    { caption: 'memory', of: { ...replies, series: seriesOf('process.memory.usage') } },
    { caption: 'a quantile', of: { ...replies, measure: 'p99' } as const },
  ])('has no lower end where a fall is good news: $caption', ({ of }) => {
    const range = jumpRange(of, { trough: 900, crest: 1000, hoursKnown: WEEK_HOURS })!;
    expect(range.low).toBe(Number.NEGATIVE_INFINITY);
    expect(Number.isFinite(range.high)).toBe(true);
  });

  test('is unknown while nothing has lasted', () => {
    const known = { trough: Number.NaN, crest: 1, hoursKnown: WEEK_HOURS };
    expect(jumpRange(replies, known)).toBeUndefined();
  });
});
