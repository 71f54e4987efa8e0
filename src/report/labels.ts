/** Short names of culprits, ranges and scopes; the same in both languages. */
import type { TimeRange } from '../base/time.ts';
import type { Culprit } from '../model/hypothesis.ts';
import type { Scope } from '../model/report.ts';
import { dateTime } from './format.ts';

/** `orders · SELECT orders · db pool · version=2.1`. */
export function culpritLabel(culprit: Culprit): string {
  return [
    culprit.service,
    culprit.operation,
    culprit.resource,
    culprit.dependency === undefined ? undefined : `→ ${culprit.dependency}`,
    culprit.version,
    ...Object.entries(culprit.attributes ?? {}).map(([key, value]) => `${key}=${value}`),
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(' · ');
}

/** `2025-07-01 10:00:00 – 10:15:00 UTC`; the second date only when it differs. */
export function rangeLabel(range: TimeRange): string {
  const from = dateTime(range.fromUs);
  const to = dateTime(range.toUs);
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to} UTC`;
}

export function scopeLabel(scope: Scope): string {
  return [
    scope.service,
    scope.endpoint,
    scope.bot,
    ...Object.entries(scope.attributes ?? {}).map(([key, value]) => `${key}=${value}`),
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(' · ');
}
