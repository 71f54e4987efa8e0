/** Splits a group by day and leaves out rows that are stored already. Pure: decides, writes nothing. */
import { hexOf } from '../../base/bytes.ts';
import { US_PER_MINUTE } from '../../base/time.ts';
import type { RawProfiles } from '../../model/profiles.ts';
import type { LogTemplate, Tally, TemplateTally } from '../../model/tally.ts';
import { tallyMinuteOf } from '../../tally/tally-cell.ts';
import type { GroupRequest, IngestGroup } from '../api/telemetry.ts';
import { type Day, dayOf } from './day-file.ts';
import type { RequestLog, StoredRequest } from './request-log.ts';

export interface DayPart {
  readonly day: Day;
  readonly spanRows: Uint32Array;
  readonly logRows: Uint32Array;
  readonly pointRows: Uint32Array;
  readonly profiles: readonly RawProfiles[];
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
  readonly templates: readonly LogTemplate[];
  /** Requests with rows on this day, none of them stored before. */
  readonly requests: readonly StoredRequest[];
}

export interface GroupPlan {
  /** Ascending by day. */
  readonly parts: readonly DayPart[];
  /** Requests of the group that were not stored before, each once. */
  readonly requests: readonly StoredRequest[];
}

export function planGroup(group: IngestGroup, requestLog: RequestLog): GroupPlan {
  const days = {
    spans: dayColumn(group.spans.startUs, group.spans.count),
    logs: dayColumn(group.logs.timeUs, group.logs.count),
    points: dayColumn(group.points.timeUs, group.points.count),
  };
  // Rows of no request of the group, or of one that is stored already, stay out.
  const skipped = {
    spans: new Uint8Array(group.spans.count).fill(1),
    logs: new Uint8Array(group.logs.count).fill(1),
    points: new Uint8Array(group.points.count).fill(1),
  };
  // A span is tallied where it ended: before midnight that may be the day after.
  const talliedDays = { ...days, spans: tallyDayColumn(group.spans) };
  const freshByDay = new Map<Day, StoredRequest[]>();
  const freshDays = new Set<Day>();
  const skippedDays = new Set<Day>();
  const profiles: RawProfiles[] = [];
  const requests: StoredRequest[] = [];
  const seen = new Set<string>();
  for (const request of group.requests) {
    const stored: StoredRequest = request.answer
      ? { hash: request.hash, answer: request.answer }
      : { hash: request.hash };
    const key = hexOf(request.hash);
    const isRepeated = seen.has(key);
    seen.add(key);
    const isStored = isRepeated || requestLog.find(request.hash) !== undefined;
    const ownDays = daysOf(request, days);
    for (const day of [...ownDays, ...daysOf(request, talliedDays)]) {
      (isStored ? skippedDays : freshDays).add(day);
    }
    if (isStored) continue;
    for (const day of ownDays) pushTo(freshByDay, day, stored);
    requests.push(stored);
    if (request.profiles) profiles.push(request.profiles);
    for (const signal of SIGNAL_NAMES) skipped[signal].fill(0, ...request[signal]);
  }
  const rows = {
    spans: rowsByDay(days.spans, skipped.spans),
    logs: rowsByDay(days.logs, skipped.logs),
    points: rowsByDay(days.points, skipped.points),
  };
  // Tallies are of the whole group: they count again only what is written for the first time.
  const isTallied = (day: Day) => freshDays.has(day) || !skippedDays.has(day);
  const tallies = groupByDay(group.tallies, (tally) => tally.minuteUs, isTallied);
  const templateTallies = groupByDay(group.templateTallies, (tally) => tally.minuteUs, isTallied);
  const templates = groupByDay(group.newTemplates, (template) => template.firstSeenUs);
  const profilesByDay = groupByDay(profiles, ({ receivedUs }) => receivedUs);
  const allDays = [
    rows.spans,
    rows.logs,
    rows.points,
    profilesByDay,
    tallies,
    templateTallies,
    templates,
  ].flatMap((map) => [...map.keys()]);
  const none = new Uint32Array(0);
  const parts = [...new Set(allDays)]
    .sort((a, b) => a - b)
    .map((day) => ({
      day,
      spanRows: rows.spans.get(day) ?? none,
      logRows: rows.logs.get(day) ?? none,
      pointRows: rows.points.get(day) ?? none,
      profiles: profilesByDay.get(day) ?? [],
      tallies: tallies.get(day) ?? [],
      templateTallies: templateTallies.get(day) ?? [],
      templates: templates.get(day) ?? [],
      requests: freshByDay.get(day) ?? [],
    }));
  return { parts, requests };
}

interface BySignal<T> {
  readonly spans: T;
  readonly logs: T;
  readonly points: T;
}
const SIGNAL_NAMES = ['spans', 'logs', 'points'] as const;

function dayColumn(timeUs: Float64Array, count: number): Uint32Array {
  const days = new Uint32Array(count);
  for (let row = 0; row < count; row++) days[row] = dayOf(timeUs[row]!);
  return days;
}

function tallyDayColumn({ startUs, durationNs, count }: IngestGroup['spans']): Uint32Array {
  const days = new Uint32Array(count);
  for (let row = 0; row < count; row++) {
    days[row] = dayOf(US_PER_MINUTE * tallyMinuteOf(startUs[row]!, durationNs[row]! / 1000));
  }
  return days;
}

function daysOf(request: GroupRequest, days: BySignal<Uint32Array>): readonly Day[] {
  const found = new Set<Day>();
  for (const signal of SIGNAL_NAMES) {
    const [from, to] = request[signal];
    const column = days[signal];
    let previous = -1;
    for (let row = from; row < to; row++) {
      const day = column[row]!;
      if (day !== previous) found.add(day);
      previous = day;
    }
  }
  if (request.profiles) found.add(dayOf(request.profiles.receivedUs));
  return [...found].sort((a, b) => a - b);
}

function rowsByDay(days: Uint32Array, skipped: Uint8Array): ReadonlyMap<Day, Uint32Array> {
  const counts = new Map<Day, number>();
  for (let row = 0; row < days.length; row++) {
    if (!skipped[row]) counts.set(days[row]!, (counts.get(days[row]!) ?? 0) + 1);
  }
  const rowsOf = new Map<Day, Uint32Array>();
  for (const [day, count] of counts) {
    const rows = new Uint32Array(count);
    let at = 0;
    for (let row = 0; row < days.length; row++) {
      if (days[row] === day && !skipped[row]) rows[at++] = row;
    }
    rowsOf.set(day, rows);
  }
  return rowsOf;
}

function groupByDay<T>(
  items: readonly T[],
  timeUsOf: (item: T) => number,
  isWanted: (day: Day) => boolean = () => true,
): ReadonlyMap<Day, readonly T[]> {
  const groups = new Map<Day, T[]>();
  for (const item of items) {
    const day = dayOf(timeUsOf(item));
    if (isWanted(day)) pushTo(groups, day, item);
  }
  return groups;
}

function pushTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
