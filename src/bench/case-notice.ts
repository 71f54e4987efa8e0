/**
 * Whether anybody would notice the fault of a simulated case: a fault without a symptom raises no alarm and is no case.
 * Looks at the place of the fault alone, where its answer is known; a diagnosis has to find that place.
 */
import { quantileOfSorted, sortedCopy } from '../base/statistics.ts';
import type { Fault } from './case-fault.ts';
import { type CaseSpan, SPAN_KIND } from './case-record.ts';
import type { CaseEndpoint } from './case-world.ts';

/** Before the fault one visit in twenty is slower than this. */
const SLOW_QUANTILE = 0.95;
/** With it so many are slow or fail: three times as many. */
const BAD_SHARE_MIN = 0.15;
const VISITS_MIN = 20;

export interface NoticeOptions {
  readonly endpoints: readonly CaseEndpoint[];
  readonly onsetMs: number;
  readonly toMs: number;
}

/** Faults without a symptom for users are noticed otherwise: work is left undone, a backlog grows, data are missing. */
export function isNoticed(
  { felt, symptom, kind }: Fault,
  spans: readonly CaseSpan[],
  { endpoints, onsetMs, toMs }: NoticeOptions,
): boolean {
  if (felt === undefined || symptom === undefined || kind === 'traffic') return true;
  const { service, name } = endpoints[felt]!; // faults name endpoints
  const inTime = spans.filter(({ startMs }) => startMs < toMs);
  const served = inTime.filter(
    (span) =>
      span.name === name && span.place.service === service && span.kind !== SPAN_KIND.client,
  );
  const asked = inTime.filter(
    (span) =>
      span.name === name && span.place.service !== service && span.kind === SPAN_KIND.client,
  );
  return [served, asked].some((visits) => badShareOf(visits, onsetMs) >= BAD_SHARE_MIN);
}

function badShareOf(visits: readonly CaseSpan[], onsetMs: number): number {
  const before = visits.filter(({ startMs }) => startMs < onsetMs);
  const since = visits.filter(({ startMs }) => startMs >= onsetMs);
  if (before.length < VISITS_MIN || since.length < VISITS_MIN) return 0;
  const slowMs = quantileOfSorted(sortedCopy(before.map(durationOf)), SLOW_QUANTILE);
  const isBad = (span: CaseSpan) => span.failure !== undefined || durationOf(span) > slowMs;
  return since.filter(isBad).length / since.length;
}

function durationOf({ startMs, endMs }: CaseSpan): number {
  return endMs - startMs;
}
