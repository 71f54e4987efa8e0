/** A period of an investigation: a range, the parts of it that do not count, and which ranges of the store it takes to read it. */
import { type TimeRange, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';

export interface Period {
  readonly range: TimeRange;
  readonly without: readonly TimeRange[];
}

/** Spans this far outside the period may complete a trace that began inside it. */
export const SLACK_US = 30 * US_PER_SECOND;
/** More slices show more of an hour's ups and downs, and each takes its slack to read. */
const SLICES = 6;
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

/**
 * The period with only a share of its time: slices of one length, one in each of as many parts of the period. Unlike a
 * sample of traces over the whole period it leaves most blocks unread: of 4 M spans in an hour 60 000 in 0.1 s, where
 * the core of all takes 1.0 s. The same period and share give the same slices.
 */
export function slicedPeriod(period: Period, share: number): Period {
  if (share >= 1) return period;
  const { fromUs, toUs } = period.range;
  const partUs = (toUs - fromUs) / SLICES;
  const sliceUs = Math.ceil(partUs * share);
  const gaps: TimeRange[] = [];
  let cursorUs = fromUs;
  for (let part = 0; part < SLICES; part++) {
    const place = ((part + 1) * SPREAD) % 1;
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

function merged(ranges: readonly TimeRange[]): TimeRange[] {
  const joined: TimeRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = joined.at(-1);
    if (last === undefined || range.fromUs > last.toUs) joined.push(range);
    else joined[joined.length - 1] = { ...last, toUs: Math.max(last.toUs, range.toUs) };
  }
  return joined;
}
