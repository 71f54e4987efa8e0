/** Numbers and times as people read them; the same in both languages. */
import { formatTime, US_PER_MS, US_PER_SECOND } from '../base/time.ts';

/** 0.1234 → `12.3 %`; shares that round to 0 or 100 % without being so keep a sign of it. */
export function percent(ratio: number): string {
  if (!Number.isFinite(ratio)) return '–';
  if (ratio > 0 && ratio < 0.001) return '<0.1%';
  if (ratio < 1 && ratio > 0.999) return '>99.9%';
  return `${(ratio * 100).toFixed(ratio === 0 || ratio === 1 ? 0 : 1)}%`;
}

/** At most four significant digits, without exponent for usual sizes. */
export function shortNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const rounded = Number(value.toPrecision(4));
  return String(rounded);
}

/** 850 µs · 12.3 ms · 8.2 s · 2 min 17 s; a dash for what is not known. */
export function duration(us: number): string {
  if (!Number.isFinite(us)) return '–';
  if (us < US_PER_MS) return `${Math.round(us)} µs`;
  if (us < US_PER_SECOND) return `${shortNumber(Number((us / US_PER_MS).toPrecision(3)))} ms`;
  const seconds = us / US_PER_SECOND;
  if (seconds < 120) return `${shortNumber(Number(seconds.toPrecision(3)))} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function durationOfMs(ms: number): string {
  return duration(ms * US_PER_MS);
}

/** `10:02:13.450` in UTC. */
export function timeOfDay(timeUs: number): string {
  return formatTime(timeUs).slice(11, 23).replace('Z', '');
}

/** `2025-07-01 10:02:13` in UTC. */
export function dateTime(timeUs: number): string {
  return formatTime(timeUs).slice(0, 19).replace('T', ' ');
}
