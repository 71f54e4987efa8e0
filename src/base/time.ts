/** Time: integer microseconds since the epoch as numbers; half-open ranges; parsing what users type. */
import { AppError } from './errors.ts';

export interface TimeRange {
  /** First microsecond inside. */
  readonly fromUs: number;
  /** First microsecond outside. */
  readonly toUs: number;
}

export interface Clock {
  /** Microseconds since the epoch. */
  nowUs(): number;
}

export const US_PER_MS = 1000;
export const US_PER_SECOND = 1_000_000;
export const US_PER_MINUTE = 60 * US_PER_SECOND;
export const US_PER_HOUR = 60 * US_PER_MINUTE;
export const US_PER_DAY = 24 * US_PER_HOUR;

/** The wall clock: follows its steps and the time that a machine slept, which a monotonic clock does not. */
export const systemClock: Clock = {
  nowUs: () => Date.now() * US_PER_MS,
};

/** Starts with the other clock and then never jumps: for how long ago something was, as long as the process lives. */
export function createSteadyClock(start: Clock): Clock {
  const startUs = start.nowUs() - performance.now() * US_PER_MS;
  return { nowUs: () => Math.round(startUs + performance.now() * US_PER_MS) };
}

export function minuteOf(timeUs: number): number {
  return Math.floor(timeUs / US_PER_MINUTE) * US_PER_MINUTE;
}

/** Adds the days since 1970 (UTC) of the times at [from, to). 4 ns of CPU a time when neighbours share a day. */
export function addDaysOf(
  timesUs: Float64Array,
  range: { readonly from: number; readonly to: number },
  days: Set<number>,
): void {
  let previous = -1;
  for (let row = range.from; row < range.to; row++) {
    const day = Math.floor(timesUs[row]! / US_PER_DAY);
    if (day !== previous) days.add(day);
    previous = day;
  }
}

/** RFC 3339 with as many digits as needed (ms, or µs when not whole). */
export function formatTime(timeUs: number): string {
  const iso = new Date(Math.floor(timeUs / US_PER_MS)).toISOString();
  const us = timeUs % US_PER_MS;
  return us === 0 ? iso : `${iso.slice(0, -1)}${String(us).padStart(3, '0')}Z`;
}

const RELATIVE = /^now(?:-(\d+)(ms|s|m|h|d))?$/;
const UNIT_US: Record<string, number> = {
  ms: US_PER_MS,
  s: US_PER_SECOND,
  m: US_PER_MINUTE,
  h: US_PER_HOUR,
  d: US_PER_DAY,
};

/** RFC 3339, epoch milliseconds, or `now-15m`. Throws `request.invalid`. */
export function parseTime(text: string, nowUs: number): number {
  const trimmed = text.trim();
  const relative = RELATIVE.exec(trimmed);
  if (relative) {
    const [, amount, unit] = relative;
    return amount === undefined ? nowUs : nowUs - Number(amount) * (UNIT_US[unit ?? ''] ?? 0);
  }
  if (/^\d{1,17}$/.test(trimmed)) return Number(trimmed) * US_PER_MS;
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new AppError(
      'request.invalid',
      `Cannot parse time "${trimmed.slice(0, 64)}": give RFC 3339, epoch milliseconds or now-15m`,
      { offendingValue: trimmed.slice(0, 64) },
    );
  }
  return ms * US_PER_MS;
}

/** `FROM/TO`, each as in parseTime. Throws `request.invalid`. */
export function parseTimeRange(text: string, nowUs: number): TimeRange {
  const slash = text.indexOf('/');
  if (slash < 0) {
    throw new AppError(
      'request.invalid',
      `Cannot parse window "${text.slice(0, 96)}": give FROM/TO`,
    );
  }
  const range = {
    fromUs: parseTime(text.slice(0, slash), nowUs),
    toUs: parseTime(text.slice(slash + 1), nowUs),
  };
  if (range.toUs <= range.fromUs) {
    throw new AppError(
      'request.invalid',
      `Cannot use window "${text.slice(0, 96)}": it ends before it begins`,
    );
  }
  return range;
}
