/**
 * Compares what senders were told with what a killed service left: every acknowledged row there exactly once, no row
 * twice, tallies equal to the rows they count. Reads the data folder as it is, before any writer opens it again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TelemetryReader } from '../../src/store/api/telemetry.ts';
import { openTelemetryReader } from '../../src/store/open.ts';
import { ROWS_PER_REQUEST, type SentRequest, type Signal, type Traffic } from './kill-traffic.ts';

const US_PER_DAY = 86_400_000_000;
const DAYS_BACK = 4000;

export interface Balance {
  readonly acknowledgedRows: number;
  /** Acknowledged and not there, or not whole. */
  readonly lostRows: number;
  /** There more often than once, or counted more often than once. */
  readonly doubledRows: number;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
}

/** Batches of old requests whose day may have been removed, and those whose day was seen to be gone. */
export interface Removals {
  readonly possible: Set<number>;
  readonly done: Set<number>;
}

export function checkStore(dataDir: string, traffic: Traffic, removals: Removals): Balance {
  const reader = openTelemetryReader({ dataDir });
  try {
    const isGroupUnfinished = existsSync(join(dataDir, 'telemetry', 'unfinished-group.json'));
    return compare(countRows(reader), { reader, traffic, removals, isGroupUnfinished });
  } finally {
    reader.close();
  }
}

interface RowCounts {
  /** By the request's number. */
  readonly bySignal: Readonly<Record<Signal, ReadonlyMap<number, number>>>;
  /** By day since 1970, of what tallies count. */
  readonly spansByDay: ReadonlyMap<number, number>;
  readonly logsByDay: ReadonlyMap<number, number>;
}

function countRows(reader: TelemetryReader): RowCounts {
  const range = wholeRange();
  const traces = new Map<number, number>();
  const logs = new Map<number, number>();
  const metrics = new Map<number, number>();
  const spansByDay = new Map<number, number>();
  const logsByDay = new Map<number, number>();
  reader.scanSpans({ range, sections: [] }, (columns, rows) => {
    for (const row of rows) {
      addOne(traces, numberOf(columns.traceId, row));
      // A span is tallied where it ended.
      addOne(spansByDay, dayOf(columns.startUs[row]! + columns.durationNs[row]! / 1000));
    }
    return undefined;
  });
  reader.scanLogs({ range }, (columns, rows) => {
    for (const row of rows) {
      addOne(logs, numberOf(columns.traceId, row));
      addOne(logsByDay, dayOf(columns.timeUs[row]!));
    }
    return undefined;
  });
  reader.scanPoints({ range }, (columns, rows) => {
    for (const row of rows) addOne(metrics, columns.value[row]!);
    return undefined;
  });
  return { bySignal: { traces, logs, metrics }, spansByDay, logsByDay };
}

function compare(
  counts: RowCounts,
  context: {
    readonly reader: TelemetryReader;
    readonly traffic: Traffic;
    readonly removals: Removals;
    readonly isGroupUnfinished: boolean;
  },
): Balance {
  const { reader, traffic, removals, isGroupUnfinished } = context;
  const faults = [...traffic.faults];
  let lostRows = 0;
  let doubledRows = 0;
  const countOf = ({ signal, number }: SentRequest) => counts.bySignal[signal].get(number) ?? 0;
  noteRemovals(traffic, removals, countOf);
  for (const request of traffic.sent.values()) {
    const count = countOf(request);
    const missing = ROWS_PER_REQUEST - count;
    const isRemoved = request.oldBatch !== undefined && removals.done.has(request.oldBatch);
    if (missing < 0) doubledRows -= missing;
    else if (traffic.acknowledged.has(request.number) && !isRemoved) lostRows += missing;
    // Between two days of a group that nobody was told of, a reader sees the first.
    const isHalf = request.isSplit && missing === ROWS_PER_REQUEST / 2;
    if (missing !== 0 && missing !== ROWS_PER_REQUEST && !isHalf) {
      faults.push(`request ${request.number} (${request.signal}) has ${count} rows`);
    }
  }
  // Between two days of a group a reader sees spans of the first that are tallied on the second, where they ended.
  if (isGroupUnfinished)
    return { acknowledgedRows: rowsOf(traffic), lostRows, doubledRows, faults };
  for (const [what, stored, tallied] of [
    ['spans', counts.spansByDay, talliedByDay(reader.readTallies({ range: wholeRange() }))],
    [
      'log lines',
      counts.logsByDay,
      talliedByDay(reader.readTemplateTallies({ range: wholeRange() })),
    ],
  ] as const) {
    for (const day of new Set([...stored.keys(), ...tallied.keys()])) {
      const excess = (tallied.get(day) ?? 0) - (stored.get(day) ?? 0);
      if (excess === 0) continue;
      if (excess > 0) doubledRows += excess;
      else lostRows -= excess;
      faults.push(`tallies of day ${day} count ${excess} ${what} more than there are`);
    }
  }
  return { acknowledgedRows: rowsOf(traffic), lostRows, doubledRows, faults };
}

function rowsOf({ acknowledged }: Traffic): number {
  return ROWS_PER_REQUEST * acknowledged.size;
}

/** A day is there as a whole or gone as a whole: one that lacks anything must lack all that was acknowledged before. */
function noteRemovals(
  traffic: Traffic,
  removals: Removals,
  countOf: (request: SentRequest) => number,
): void {
  for (const batch of removals.possible) {
    const requests = [...traffic.sent.values()].filter(
      ({ oldBatch, number }) => oldBatch === batch && traffic.acknowledged.has(number),
    );
    if (requests.some((request) => countOf(request) > 0)) continue;
    removals.possible.delete(batch);
    removals.done.add(batch);
  }
}

function talliedByDay(
  tallies: readonly { readonly minuteUs: number; readonly count: number }[],
): ReadonlyMap<number, number> {
  const byDay = new Map<number, number>();
  for (const { minuteUs, count } of tallies) {
    byDay.set(dayOf(minuteUs), (byDay.get(dayOf(minuteUs)) ?? 0) + count);
  }
  return byDay;
}

function wholeRange() {
  const nowUs = Date.now() * 1000;
  return { fromUs: nowUs - DAYS_BACK * US_PER_DAY, toUs: nowUs + 2 * US_PER_DAY };
}

function numberOf(traceIds: Uint8Array, row: number): number {
  return new DataView(traceIds.buffer, traceIds.byteOffset).getUint32(16 * row + 12);
}

function dayOf(timeUs: number): number {
  return Math.floor(timeUs / US_PER_DAY);
}

function addOne(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
