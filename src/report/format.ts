/** Numbers and times as people read them; the same in both languages. */
import { formatNumber, formatPercent, formatUs } from '../base/quantity.ts';
import { formatTime, US_PER_MS } from '../base/time.ts';

export { formatNumber as count, formatPercent as percent, formatUs as duration };

export function durationOfMs(ms: number): string {
  return formatUs(ms * US_PER_MS);
}

/** `10:02:13.450` in UTC. */
export function timeOfDay(timeUs: number): string {
  return formatTime(timeUs).slice(11, 23).replace('Z', '');
}

/** `10:02:13` in UTC. */
export function secondOfDay(timeUs: number): string {
  return formatTime(timeUs).slice(11, 19);
}

/** `2025-07-01 10:02:13` in UTC. */
export function dateTime(timeUs: number): string {
  return formatTime(timeUs).slice(0, 19).replace('T', ' ');
}
