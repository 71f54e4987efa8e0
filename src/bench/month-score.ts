/**
 * Judges what a watch reported about a simulated month against the incidents that were put in: false alarms, misses
 * and delays, apart for the first day, the first week and the rest.
 */
import { quantileOfSorted, sortedCopy } from '../base/statistics.ts';
import { type TimeRange, US_PER_DAY, US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import {
  INCIDENT_KINDS,
  type IncidentKind,
  type InjectedIncident,
  PERIODS,
} from './month-incidents.ts';

/** An alarm this late still belongs to an incident. */
const GRACE_US = 5 * US_PER_MINUTE;
/** False alarms of a service that open this close to each other wake an SRE once. */
const MERGE_US = 15 * US_PER_MINUTE;
/** Incidents on endpoints with so many requests a minute must be found. */
export const CLEAR_REQUESTS_PER_MINUTE = 10;
const DAYS_PER_WEEK = 7;

/** An episode that a watch has opened. */
export interface Alarm {
  readonly anomalyId: string;
  readonly kind: Anomaly['kind'];
  readonly service: string;
  /** Left out: the service as a whole. */
  readonly endpointId?: string;
  /** End of the minute at which it was reported first. */
  readonly openedUs: number;
  /** As reported last. */
  readonly range: TimeRange;
  /** In English. */
  readonly statement: string;
}

/** Collects what a watch returns. */
export class AlarmLog {
  readonly #alarms = new Map<string, Alarm>();

  note(minuteUs: number, anomalies: readonly Anomaly[]): void {
    for (const { anomalyId, kind, service, endpointId, range, statement } of anomalies) {
      const openedUs = this.#alarms.get(anomalyId)?.openedUs ?? minuteUs + US_PER_MINUTE;
      this.#alarms.set(anomalyId, {
        anomalyId,
        kind,
        service,
        openedUs,
        range,
        statement: statement.en,
        ...(endpointId === undefined ? {} : { endpointId }),
      });
    }
  }

  alarms(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }
}

export interface Recall {
  readonly incidents: number;
  readonly found: number;
}

/** Minutes from the onset to the end of the minute at which the first alarm opened. NaN when none is found. */
export interface Delay {
  readonly median: number;
  readonly p90: number;
}

export interface PeriodScore {
  readonly period: string;
  readonly endpointWeeks: number;
  readonly alarms: number;
  readonly falseAlarms: number;
  /** False alarms, those near each other on one service taken together. */
  readonly falseIncidents: number;
  readonly all: Recall;
  /** Incidents on endpoints with at least 10 requests a minute. */
  readonly clear: Recall;
  readonly byKind: Readonly<Record<IncidentKind, Recall>>;
  readonly delayMinutes: Delay;
  readonly clearDelayMinutes: Delay;
  /** Median distance of the reported from the true onset. */
  readonly onsetErrorMinutes: number;
}

export interface Truth {
  readonly startUs: number;
  readonly dayCount: number;
  readonly endpointCount: number;
  readonly incidents: readonly InjectedIncident[];
}

/** What a watch reported about a month, and what there was. */
export interface JudgedMonth {
  readonly alarms: readonly Alarm[];
  readonly truth: Truth;
}

/** A score for each period that the months, all of one length, reach into. */
export function scoreMonths(months: readonly JudgedMonth[]): PeriodScore[] {
  const dayCount = Math.max(0, ...months.map(({ truth }) => truth.dayCount));
  return PERIODS.filter(({ fromDay }) => fromDay < dayCount).map(({ name, fromDay, toDay }) => {
    const days = { fromDay, toDay: Math.min(toDay, dayCount) };
    return { period: name, ...summaryOf(months.map((month) => findingsOf(month, days))) };
  });
}

/** What happened within some days of one month. */
interface Findings {
  readonly endpointWeeks: number;
  readonly alarmCount: number;
  readonly falseAlarms: readonly Alarm[];
  readonly outcomes: readonly Outcome[];
}

function findingsOf(
  { alarms, truth }: JudgedMonth,
  { fromDay, toDay }: { readonly fromDay: number; readonly toDay: number },
): Findings {
  const fromUs = truth.startUs + fromDay * US_PER_DAY;
  const toUs = truth.startUs + toDay * US_PER_DAY;
  const isInside = (timeUs: number) => fromUs <= timeUs && timeUs < toUs;
  // What opens at the end of a day's last minute is of that day.
  const opened = alarms.filter(({ openedUs }) => isInside(openedUs - 1));
  return {
    endpointWeeks: (truth.endpointCount * (toDay - fromDay)) / DAYS_PER_WEEK,
    alarmCount: opened.length,
    falseAlarms: opened.filter((alarm) => isFalse(alarm, truth)),
    outcomes: truth.incidents
      .filter((incident) => isInside(rangeOf(incident, truth).fromUs))
      .map((incident) => outcomeOf(incident, { alarms, truth })),
  };
}

function summaryOf(findings: readonly Findings[]): Omit<PeriodScore, 'period'> {
  const outcomes = findings.flatMap((month) => month.outcomes);
  const clear = outcomes.filter(
    ({ incident }) => incident.requestsPerMinute >= CLEAR_REQUESTS_PER_MINUTE,
  );
  const byKind = INCIDENT_KINDS.map((kind) => [
    kind,
    recallOf(outcomes.filter(({ incident }) => incident.kind === kind)),
  ]);
  return {
    endpointWeeks: sumOf(findings.map(({ endpointWeeks }) => endpointWeeks)),
    alarms: sumOf(findings.map(({ alarmCount }) => alarmCount)),
    falseAlarms: sumOf(findings.map(({ falseAlarms }) => falseAlarms.length)),
    falseIncidents: sumOf(findings.map(({ falseAlarms }) => countMerged(falseAlarms))),
    all: recallOf(outcomes),
    clear: recallOf(clear),
    // as: the entries have every kind
    byKind: Object.fromEntries(byKind) as Record<IncidentKind, Recall>,
    delayMinutes: delayOf(outcomes),
    clearDelayMinutes: delayOf(clear),
    onsetErrorMinutes: quantileOfSorted(
      sortedCopy(outcomes.filter(isFound).map(({ onsetErrorMinutes }) => onsetErrorMinutes)),
      0.5,
    ),
  };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

export interface Mistakes {
  readonly falseAlarms: readonly Alarm[];
  readonly missed: readonly InjectedIncident[];
}

export function findMistakes({ alarms, truth }: JudgedMonth): Mistakes {
  return {
    falseAlarms: alarms.filter((alarm) => isFalse(alarm, truth)),
    missed: truth.incidents.filter((incident) => !isFound(outcomeOf(incident, { alarms, truth }))),
  };
}

function isFalse(alarm: Alarm, truth: Truth): boolean {
  return truth.incidents.every((incident) => !isOf(alarm, { incident, truth }));
}

/** On the endpoint or the service, opened after the onset, and overlapping. */
function isOf(
  alarm: Alarm,
  { incident, truth }: { readonly incident: InjectedIncident; readonly truth: Truth },
): boolean {
  const isPlace =
    alarm.endpointId === undefined
      ? alarm.service === incident.service
      : incident.endpointIds.includes(alarm.endpointId);
  if (!isPlace) return false;
  const { fromUs, toUs } = rangeOf(incident, truth);
  // What was open before cannot be about the incident, however long it stays.
  if (alarm.openedUs <= fromUs) return false;
  return alarm.range.fromUs < toUs + GRACE_US && alarm.range.toUs > fromUs;
}

interface Outcome {
  readonly incident: InjectedIncident;
  /** NaN when not found. */
  readonly delayMinutes: number;
  readonly onsetErrorMinutes: number;
}

function outcomeOf(
  incident: InjectedIncident,
  { alarms, truth }: { readonly alarms: readonly Alarm[]; readonly truth: Truth },
): Outcome {
  const { fromUs, toUs } = rangeOf(incident, truth);
  const first = alarms
    .filter((alarm) => isOf(alarm, { incident, truth }) && alarm.openedUs <= toUs + GRACE_US)
    .reduce<Alarm | undefined>(
      (best, alarm) => (best && best.openedUs <= alarm.openedUs ? best : alarm),
      undefined,
    );
  if (!first) return { incident, delayMinutes: Number.NaN, onsetErrorMinutes: Number.NaN };
  return {
    incident,
    delayMinutes: (first.openedUs - fromUs) / US_PER_MINUTE,
    onsetErrorMinutes: Math.abs(first.range.fromUs - fromUs) / US_PER_MINUTE,
  };
}

function rangeOf(incident: InjectedIncident, truth: Truth): TimeRange {
  return {
    fromUs: truth.startUs + incident.fromMinute * US_PER_MINUTE,
    toUs: truth.startUs + incident.toMinute * US_PER_MINUTE,
  };
}

function countMerged(falseAlarms: readonly Alarm[]): number {
  const lastUs = new Map<string, number>();
  let count = 0;
  for (const { service, openedUs } of falseAlarms.toSorted((a, b) => a.openedUs - b.openedUs)) {
    if (openedUs - (lastUs.get(service) ?? Number.NEGATIVE_INFINITY) > MERGE_US) count++;
    lastUs.set(service, openedUs);
  }
  return count;
}

function recallOf(outcomes: readonly Outcome[]): Recall {
  return { incidents: outcomes.length, found: outcomes.filter(isFound).length };
}

function isFound({ delayMinutes }: Outcome): boolean {
  return !Number.isNaN(delayMinutes);
}

function delayOf(outcomes: readonly Outcome[]): Delay {
  const delays = sortedCopy(outcomes.filter(isFound).map(({ delayMinutes }) => delayMinutes));
  return { median: quantileOfSorted(delays, 0.5), p90: quantileOfSorted(delays, 0.9) };
}
