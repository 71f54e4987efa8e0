/** Short names of culprits, ranges and scopes; the same in both languages. */
import type { TimeRange } from '../base/time.ts';
import type { Culprit } from '../model/hypothesis.ts';
import type { ImpactBy, Scope } from '../model/report.ts';
import { dateTime } from './format.ts';
import type { Words } from './words.ts';

/** `orders · SELECT orders · db pool → db postgresql · version=2.1`. */
export function culpritLabel(culprit: Culprit): string {
  const { service, operation, resource, dependency, version, attributes } = culprit;
  const place = joined([service, operation, resource]);
  const called = dependency === undefined || dependency === '' ? place : `${place} → ${dependency}`;
  return joined([called, version, ...attributeTexts(attributes)]);
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' · ');
}

function attributeTexts(attributes: Culprit['attributes']): readonly string[] {
  return Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${value}`);
}

/** `2025-07-01 10:00:00 – 10:15:00 UTC`; the second date only when it differs. */
export function rangeLabel(range: TimeRange): string {
  const from = dateTime(range.fromUs);
  const to = dateTime(range.toUs);
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to} UTC`;
}

export function scopeLabel({ service, endpoint, bot, attributes }: Scope): string {
  return joined([service, endpoint, bot, ...attributeTexts(attributes)]);
}

/** `Version of order-plugin`; the service only where the attribute is its own. */
export function attributeLabel(
  { attribute, service }: ImpactBy,
  { impactAttributes, phrases }: Words,
): string {
  const name = impactAttributes[attribute];
  return service === undefined ? name : `${name}${phrases.inBrackets(service)}`;
}
