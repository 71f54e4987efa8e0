/**
 * What is normal for the low points of a metric's level: minima of 5 minutes, hours and days. A process that collects
 * garbage, and everything that is filled and emptied, moves as a sawtooth; where its low points go is where it goes.
 * A part of a row of numbers, fed minute by minute; minutes count from any fixed origin at a midnight UTC.
 */

/** Minutes of the shortest period. */
export const SLOT_MINUTES = 5;
/** Two hours of slots: the longest window that a forecast of at most four hours stands on. */
export const SLOTS = 24;
/** Two days: a window of a day, and a day before it. */
export const HOURS = 48;
/** A week and a day: Mondays have a Monday to compare with. */
export const DAYS = 8;

/** So many values in a row make a level, or a jump: fewer are a burst. */
export const LASTING_VALUES = 5;

const MINUTES_PER_HOUR = 60;
const HOURS_PER_DAY = 24;

/** Places in the part. */
const AT = {
  /** Minute of the first value, and of the last one; 0: none yet. */
  born: 0,
  last: 1,
  /** Minima of the periods under way. */
  slot: 2,
  hour: 3,
  day: 4,
  /** Highest minimum of an hour of the day under way. */
  dayPeak: 5,
  /** Slots whose minimum was lower than the one before. */
  falls: 6,
  /** Highest minima of values in a row, where those above are of an hour: what lasts for minutes shows only here. */
  hourCrest: 7,
  dayCrest: 8,
  /** The last values, the oldest first. */
  recent: 9,
  /** Extremes, upside down and of single values: see EXTREME. */
  trough: 9 + LASTING_VALUES,
  highest: 12 + LASTING_VALUES,
  lowest: 15 + LASTING_VALUES,
  // history: periods that have ended
  slots: 18 + LASTING_VALUES,
  hours: 18 + LASTING_VALUES + SLOTS,
  hourCrests: 18 + LASTING_VALUES + SLOTS + HOURS,
  days: 18 + LASTING_VALUES + SLOTS + 2 * HOURS,
  dayPeaks: 18 + LASTING_VALUES + SLOTS + 2 * HOURS + DAYS,
  dayCrests: 18 + LASTING_VALUES + SLOTS + 2 * HOURS + 2 * DAYS,
  troughs: 18 + LASTING_VALUES + SLOTS + 2 * HOURS + 3 * DAYS,
  highests: 18 + LASTING_VALUES + SLOTS + 2 * HOURS + 4 * DAYS,
  lowests: 18 + LASTING_VALUES + SLOTS + 2 * HOURS + 5 * DAYS,
} as const;

/** Places of an extreme: of the hour under way, of the hour before, of the day's hours before those. */
const EXTREME = { hour: 0, hourBefore: 1, day: 2 } as const;
/** The extremes, and where their days are. */
const TROUGH = { now: AT.trough, days: AT.troughs } as const;
const HIGHEST = { now: AT.highest, days: AT.highests } as const;
const LOWEST = { now: AT.lowest, days: AT.lowests } as const;
type ExtremePlaces = { readonly now: number; readonly days: number };

/** Numbers of the part: first what each minute needs, then low points of slots and hours, then extremes and days. */
export const ENVELOPE_MINUTE_WIDTH = AT.slots;
export const ENVELOPE_SLOTS_WIDTH = SLOTS;
export const ENVELOPE_HOURS_WIDTH = HOURS;
export const ENVELOPE_DAYS_WIDTH = HOURS + 6 * DAYS;
export const ENVELOPE_WIDTH = AT.lowests + DAYS;

/** Periods that this value's minute has ended: those before are complete now. */
export interface EndedPeriods {
  readonly hasEndedSlot: boolean;
  readonly hasEndedHour: boolean;
}

const NOTHING_ENDED: EndedPeriods = { hasEndedSlot: false, hasEndedHour: false };

/** Whether history is looked at, or written, by the value of this minute; else only the first numbers are. */
export function needsHistory(part: Float32Array, minute: number): boolean {
  const last = part[AT.last]!;
  return last === 0 || periodsBetween(last, minute, SLOT_MINUTES) > 0;
}

/** Takes the value of a minute, after those of earlier minutes. The part begins as zeros. */
export function addToEnvelope(
  part: Float32Array,
  { minute, value }: { readonly minute: number; readonly value: number },
): EndedPeriods {
  if (part[AT.born] === 0) {
    part.fill(Number.NaN, AT.slot);
    part[AT.falls] = 0;
    part[AT.born] = minute;
  }
  const last = part[AT.last]!;
  part[AT.last] = minute;
  const ended = last === 0 ? NOTHING_ENDED : endPeriods(part, { last, minute });
  part[AT.slot] = lower(part[AT.slot]!, value);
  part[AT.highest] = higher(part[AT.highest]!, value); // of the hour under way
  part[AT.lowest] = lower(part[AT.lowest]!, value);
  learnLasting(part, value);
  return ended;
}

/** The last complete slots, the oldest first; NaN where there was no value. A view: do not keep it. */
export function slotMinima(part: Float32Array): Float32Array {
  return part.subarray(AT.slots, AT.hours);
}

/** As slotMinima(). */
export function hourMinima(part: Float32Array): Float32Array {
  return part.subarray(AT.hours, AT.hourCrests);
}

/** As slotMinima(). */
export function dayMinima(part: Float32Array): Float32Array {
  return part.subarray(AT.days, AT.dayPeaks);
}

/** Hours since the first value, at the last one. */
export function hoursKnown(part: Float32Array): number {
  return (part[AT.last]! - part[AT.born]!) / MINUTES_PER_HOUR;
}

/** A level that never falls counts something, whatever it calls itself: it does not leak. */
export function hasFallen(part: Float32Array): boolean {
  return part[AT.falls]! > 0;
}

/** Minute of the last value. */
export function lastMinute(part: Float32Array): number {
  return part[AT.last]!;
}

/** The highest low point of an hour in the days before the last `hours` hours; NaN when nothing is known. */
export function peakBefore(part: Float32Array, hours: number): number {
  return highestBefore(part, { hours: AT.hours, days: AT.dayPeaks }, hours);
}

/** The highest level that values in a row stayed above in the days before the last `hours` hours. */
export function crestBefore(part: Float32Array, hours: number): number {
  return highestBefore(part, { hours: AT.hourCrests, days: AT.dayCrests }, hours);
}

/** Of the days before the last hour. */
export interface Extremes {
  /** The lowest level that values in a row stayed below. */
  readonly trough: number;
  /** Of single values. */
  readonly highest: number;
  readonly lowest: number;
}

export function extremesBefore(part: Float32Array): Extremes {
  return {
    trough: extremeOf(part, TROUGH, lower),
    highest: extremeOf(part, HIGHEST, higher),
    lowest: extremeOf(part, LOWEST, lower),
  };
}

/** Moves of the low points from one hour to another. */
export interface HourMoves {
  readonly mean: number;
  /** Root of the mean square around the mean: rare steps and a daily season count in full. */
  readonly deviation: number;
}

/** Over the two days before the last `hours` hours, between hours `lag` apart; undefined for fewer than six. */
export function hourMoves(
  part: Float32Array,
  { hours, lag }: { readonly hours: number; readonly lag: number },
): HourMoves | undefined {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let at = AT.hours + lag; at < AT.hourCrests - hours; at++) {
    const move = part[at]! - part[at - lag]!;
    if (Number.isNaN(move)) continue;
    count++;
    sum += move;
    squares += move * move;
  }
  if (count < 6) return undefined;
  const mean = sum / count;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}

function highestBefore(
  part: Float32Array,
  from: { readonly hours: number; readonly days: number },
  hours: number,
): number {
  let highest = Number.NaN;
  for (let at = 0; at < HOURS - hours; at++) highest = higher(highest, part[from.hours + at]!);
  // the newest day may reach into the last hours; the rest of it is among the two days of hours
  for (let at = 0; at < DAYS - 1; at++) highest = higher(highest, part[from.days + at]!);
  return highest;
}

type Choose = (left: number, right: number) => number;

function extremeOf(part: Float32Array, { now, days }: ExtremePlaces, choose: Choose): number {
  let extreme = part[now + EXTREME.day]!;
  for (let at = 0; at < DAYS; at++) extreme = choose(extreme, part[days + at]!);
  return extreme;
}

function endExtreme(
  part: Float32Array,
  { now, days }: ExtremePlaces,
  ended: { readonly days: number; readonly choose: Choose },
): void {
  part[now + EXTREME.day] = ended.choose(part[now + EXTREME.day]!, part[now + EXTREME.hourBefore]!);
  part[now + EXTREME.hourBefore] = part[now + EXTREME.hour]!;
  part[now + EXTREME.hour] = Number.NaN;
  if (ended.days === 0) return;
  push(part, { from: days, size: DAYS, value: part[now + EXTREME.day]!, count: ended.days });
  part[now + EXTREME.day] = Number.NaN;
}

/** A level that lasts: the least of the values in a row, and the greatest. */
function learnLasting(part: Float32Array, value: number): void {
  part.copyWithin(AT.recent, AT.recent + 1, AT.recent + LASTING_VALUES);
  part[AT.recent + LASTING_VALUES - 1] = value;
  let [least, greatest] = [value, value];
  for (let at = AT.recent; at < AT.recent + LASTING_VALUES - 1; at++) {
    const earlier = part[at]!;
    if (Number.isNaN(earlier)) return;
    if (earlier < least) least = earlier;
    if (earlier > greatest) greatest = earlier;
  }
  part[AT.hourCrest] = higher(part[AT.hourCrest]!, least);
  part[AT.trough] = lower(part[AT.trough]!, greatest); // of the hour under way
}

function endPeriods(
  part: Float32Array,
  { last, minute }: { readonly last: number; readonly minute: number },
): EndedPeriods {
  const slots = periodsBetween(last, minute, SLOT_MINUTES);
  if (slots === 0) return NOTHING_ENDED;
  const ended = part[AT.slot]!;
  if (ended < part[AT.hours - 1]!) part[AT.falls]!++;
  push(part, { from: AT.slots, size: SLOTS, value: ended, count: slots });
  part[AT.slot] = Number.NaN;
  part[AT.hour] = lower(part[AT.hour]!, ended);
  const hours = periodsBetween(last, minute, MINUTES_PER_HOUR);
  if (hours > 0) endHours(part, { hours, days: daysBetween(last, minute) });
  return { hasEndedSlot: true, hasEndedHour: hours > 0 };
}

function endHours(
  part: Float32Array,
  ended: { readonly hours: number; readonly days: number },
): void {
  const minimum = part[AT.hour]!;
  const crest = part[AT.hourCrest]!;
  push(part, { from: AT.hours, size: HOURS, value: minimum, count: ended.hours });
  push(part, { from: AT.hourCrests, size: HOURS, value: crest, count: ended.hours });
  part[AT.hour] = Number.NaN;
  part[AT.hourCrest] = Number.NaN;
  part[AT.day] = lower(part[AT.day]!, minimum);
  part[AT.dayPeak] = higher(part[AT.dayPeak]!, minimum);
  part[AT.dayCrest] = higher(part[AT.dayCrest]!, crest);
  endExtreme(part, TROUGH, { days: ended.days, choose: lower });
  endExtreme(part, HIGHEST, { days: ended.days, choose: higher });
  endExtreme(part, LOWEST, { days: ended.days, choose: lower });
  if (ended.days > 0) endDays(part, ended.days);
}

function endDays(part: Float32Array, count: number): void {
  for (const [underWay, from] of [
    [AT.day, AT.days],
    [AT.dayPeak, AT.dayPeaks],
    [AT.dayCrest, AT.dayCrests],
  ] as const) {
    push(part, { from, size: DAYS, value: part[underWay]!, count });
    part[underWay] = Number.NaN;
  }
}

function periodsBetween(last: number, minute: number, minutes: number): number {
  return Math.floor(minute / minutes) - Math.floor(last / minutes);
}

function daysBetween(last: number, minute: number): number {
  return periodsBetween(last, minute, HOURS_PER_DAY * MINUTES_PER_HOUR);
}

/** Appends the value, then NaN for periods without any, and drops as many of the oldest. */
function push(
  part: Float32Array,
  ring: {
    readonly from: number;
    readonly size: number;
    readonly value: number;
    readonly count: number;
  },
): void {
  const { from, size } = ring;
  const count = Math.min(ring.count, size);
  part.copyWithin(from, from + count, from + size);
  part.fill(Number.NaN, from + size - count, from + size);
  if (ring.count <= size) part[from + size - count] = ring.value;
}

/** NaN counts as no value. */
function lower(left: number, right: number): number {
  return left <= right || Number.isNaN(right) ? left : right;
}

function higher(left: number, right: number): number {
  return left >= right || Number.isNaN(right) ? left : right;
}
