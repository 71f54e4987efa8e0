/** A period of an investigation: a range, the parts of it that do not count, and which ranges of the store it takes to read it. */
import { type TimeRange, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';

export interface Period {
  readonly range: TimeRange;
  readonly without: readonly TimeRange[];
}

/** Spans this far outside the period may complete a trace that began inside it. */
export const SLACK_US = 30 * US_PER_SECOND;
/** The golden ratio's fraction: multiples of it are spread evenly and in step with no clock. */
const SPREAD = (Math.sqrt(5) - 1) / 2;

/** Length without the parts that do not count; these may overlap. */
export function minutesOf(period: Period): number {
  const lengthUs = countedRanges(period).reduce((sum, { fromUs, toUs }) => sum + toUs - fromUs, 0);
  return lengthUs / US_PER_MINUTE;
}

/** The parts that count, by time. */
export function countedRanges({ range, without }: Period): TimeRange[] {
  const counted: TimeRange[] = [];
  let cursorUs = range.fromUs;
  for (const { fromUs, toUs } of [...without].sort((a, b) => a.fromUs - b.fromUs)) {
    if (toUs <= cursorUs || fromUs >= range.toUs) continue;
    if (fromUs > cursorUs) counted.push({ fromUs: cursorUs, toUs: fromUs });
    cursorUs = toUs;
  }
  if (cursorUs < range.toUs) counted.push({ fromUs: cursorUs, toUs: range.toUs });
  return counted;
}

export function isInPeriod(timeUs: number, { range, without }: Period): boolean {
  if (timeUs < range.fromUs || timeUs >= range.toUs) return false;
  return !without.some(({ fromUs, toUs }) => timeUs >= fromUs && timeUs < toUs);
}

/**
 * The period with only a share of its time: slices of one length, one in each of as many parts of the period. Unlike a
 * sample of traces over the whole period it leaves most blocks unread: of 4 M spans in an hour 60 000 in 0.1 s, where
 * the core of all takes 1.0 s. The same period, share and count give the same slices; a smaller share gives slices
 * inside those of a greater one.
 */
export function slicedPeriod(
  period: Period,
  { share, slices }: { readonly share: number; readonly slices: number },
): Period {
  if (share >= 1) return period;
  const { fromUs, toUs } = period.range;
  const partUs = (toUs - fromUs) / slices;
  const sliceUs = Math.ceil(partUs * share);
  const gaps: TimeRange[] = [];
  let cursorUs = fromUs;
  for (let part = 0; part < slices; part++) {
    const place = (part * SPREAD) % 1;
    const beginUs = Math.floor(fromUs + part * partUs + place * (partUs - sliceUs));
    gaps.push({ fromUs: cursorUs, toUs: beginUs });
    cursorUs = beginUs + sliceUs;
  }
  gaps.push({ fromUs: cursorUs, toUs });
  return { range: period.range, without: [...period.without, ...gaps] };
}

/** Ranges that hold all spans of the traces that begin in the period, none twice. */
export function rangesOfTraces(period: Period): {
  /** Spans of these traces stand in here. */
  readonly own: readonly TimeRange[];
  /** Before them: tells which traces began earlier. */
  readonly before: readonly TimeRange[];
} {
  const counted = countedRanges(period);
  const own = merged(counted.map(({ fromUs, toUs }) => ({ fromUs, toUs: toUs + SLACK_US })));
  const before = counted.flatMap(({ fromUs }) =>
    countedRanges({ range: { fromUs: fromUs - SLACK_US, toUs: fromUs }, without: own }),
  );
  return { own, before: merged(before) };
}

/** Ranges that hold all lines of the traces that begin in the period, none twice. */
export function rangesOfLines(period: Period, lateUs: number): readonly TimeRange[] {
  const counted = countedRanges(period);
  return lateUs === 0
    ? counted
    : merged(counted.map(({ fromUs, toUs }) => ({ fromUs, toUs: toUs + lateUs })));
}

function merged(ranges: readonly TimeRange[]): TimeRange[] {
  const joined: TimeRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = joined.at(-1);
    if (last === undefined || range.fromUs > last.toUs) joined.push(range);
    else joined[joined.length - 1] = { ...last, toUs: Math.max(last.toUs, range.toUs) };
  }
  return joined;
}
