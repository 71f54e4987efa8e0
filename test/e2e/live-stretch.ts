/**
 * Moves recorded OTLP/JSON into simulated time. A trace moves as a whole with its logs, by where it begins, so that its
 * durations stay real. Where real time holds more requests a simulated minute than it should, traces are left out by their
 * ids. Metrics are left out: a gauge of how this machine was in a second would be one of hours.
 */
import { createHash } from 'node:crypto';
import { type OtlpLog, type OtlpRequest, type OtlpSpan, parseOtlp, spansOf } from './live-otlp.ts';
import type { RecordedBody } from './live-recorder.ts';
import type { SimulatedMoment, Stretch, Timeline } from './live-timeline.ts';

export interface StretchOptions {
  readonly timeline: Timeline;
  /** Of the requests of a moment, from 0 to 1. */
  readonly keptShareAt: (moment: SimulatedMoment) => number;
  /**
   * Which request comes at which of the arrivals of such stretches is drawn anew. Stretching makes a pause of this machine
   * of a tenth of a second last for minutes, in which all requests are slow: so they are slow here and there.
   */
  readonly isShuffled: (stretch: Stretch) => boolean;
  /** So often each request of a shuffled stretch comes, each time at another arrival; 15 at most. */
  readonly copies: number;
}

/** How far a copy of an arrival lies from it, before and after together: the day's shape moves little in that time. */
const DISPLACED_MS_MAX = 2 * 3600 * 1000;
/** Rows of a request: what an SDK sends in one batch, times four. */
const ROWS_PER_REQUEST = 2048;

/** In simulated time, in its order. */
export function* stretchBodies(
  bodies: readonly RecordedBody[],
  options: StretchOptions,
): Generator<{ readonly path: string; readonly text: string }> {
  const pending = new Map<string, Row[]>();
  for (const row of sortedRows(bodies, options)) {
    const rows = pending.get(row.path) ?? [];
    pending.set(row.path, rows);
    rows.push(row);
    if (rows.length < ROWS_PER_REQUEST) continue;
    yield { path: row.path, text: requestOf(rows) };
    rows.length = 0;
  }
  for (const [path, rows] of pending) {
    if (rows.length > 0) yield { path, text: requestOf(rows) };
  }
}

/** A span or a log record. */
interface Row {
  readonly simulatedMs: number;
  readonly path: string;
  /** JSON around it: its resource and scope. */
  readonly before: string;
  readonly text: string;
  readonly after: string;
}

function sortedRows(bodies: readonly RecordedBody[], options: StretchOptions): Row[] {
  const places = findPlaces(bodies, options);
  const rows: Row[] = [];
  for (const { path, bytes } of bodies) {
    const request = parseOtlp(bytes);
    addSpans(request, { path, rows, places });
    addLogs(request, { path, rows, places });
  }
  return rows.sort((a, b) => a.simulatedMs - b.simulatedMs);
}

/** A trace in simulated time. */
interface Place {
  readonly traceId: string;
  /** Nanoseconds from real to simulated time. */
  readonly shift: bigint;
}

type Places = ReadonlyMap<string, readonly Place[]>;

/** By trace id; traces that are left out have none. */
function findPlaces(bodies: readonly RecordedBody[], options: StretchOptions): Places {
  const { timeline, keptShareAt, isShuffled, copies } = options;
  const places = new Map<string, Place[]>();
  const shuffled: { readonly traceId: string; readonly realMs: number }[] = [];
  const arrivalsMs: number[] = [];
  for (const [traceId, realMs] of findStarts(bodies)) {
    const moment = timeline.tryFind(realMs);
    if (moment === undefined || shareOf(traceId) >= keptShareAt(moment)) continue;
    if (!isShuffled(moment.stretch)) {
      places.set(traceId, [{ traceId, shift: nanosOf(moment.simulatedMs - realMs) }]);
      continue;
    }
    for (let copy = 0; copy < copies; copy++) {
      shuffled.push({ traceId: copyOf(traceId, copy), realMs });
      arrivalsMs.push(copy === 0 ? moment.simulatedMs : displaced(moment, `${traceId} ${copy}`));
      if (copy === 0) places.set(traceId, []);
    }
  }
  const order = shuffled.map(({ traceId }, index) => ({ index, hash: hashOf(traceId) }));
  order.sort((a, b) => a.hash - b.hash);
  for (const [position, { index }] of order.entries()) {
    const { traceId, realMs } = shuffled[index]!; // positions and indexes are those of the same list
    const shift = nanosOf(arrivalsMs[position]! - realMs);
    places.get(copyOf(traceId, -(index % copies)))?.push({ traceId, shift });
  }
  return places;
}

/** Another id for each copy: the first digit is turned on, and back by a negative number. */
function copyOf(traceId: string, copy: number): string {
  const digit = (Number.parseInt(traceId.slice(0, 1), 16) + copy + 16) % 16;
  return `${digit.toString(16)}${traceId.slice(1)}`;
}

/** Poisson arrivals that are moved each by a distance of its own stay Poisson arrivals: within an hour, in the stretch. */
function displaced({ simulatedMs, stretch }: SimulatedMoment, key: string): number {
  const { simulatedFromMs, realFromMs, realToMs, factor } = stretch;
  const lengthMs = (realToMs - realFromMs) * factor;
  const offsetMs = simulatedMs - simulatedFromMs + (hashOf(key) - 0.5) * DISPLACED_MS_MAX;
  return simulatedFromMs + (((offsetMs % lengthMs) + lengthMs) % lengthMs);
}

/** Of each trace its first span's start, epoch milliseconds. */
function findStarts(bodies: readonly RecordedBody[]): ReadonlyMap<string, number> {
  const starts = new Map<string, number>();
  for (const { path, bytes } of bodies) {
    if (path !== '/v1/traces') continue;
    for (const { traceId, startTimeUnixNano } of spansOf(parseOtlp(bytes))) {
      const startMs = msOf(startTimeUnixNano);
      starts.set(traceId, Math.min(startMs, starts.get(traceId) ?? startMs));
    }
  }
  return starts;
}

/** Uniform in [0, 1): trace ids are random. */
function shareOf(traceId: string): number {
  return Number.parseInt(traceId.slice(0, 8), 16) / 2 ** 32;
}

/** Uniform in [0, 1); has nothing to do with what decides on keeping a trace. */
function hashOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32LE() / 2 ** 32;
}

interface RecordTarget {
  readonly path: string;
  readonly rows: Row[];
  readonly places: Places;
}

function addSpans({ resourceSpans = [] }: OtlpRequest, { path, rows, places }: RecordTarget): void {
  for (const { resource, scopeSpans } of resourceSpans) {
    for (const { scope, spans } of scopeSpans) {
      const head = `{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`;
      const frame = { path, before: `{"resourceSpans":[${head}`, after: ']}]}]}' };
      for (const span of spans) {
        for (const place of places.get(span.traceId) ?? []) {
          const there = spanAt(span, place);
          const simulatedMs = msOf(there.startTimeUnixNano);
          rows.push({ ...frame, simulatedMs, text: JSON.stringify(there) });
        }
      }
    }
  }
}

function spanAt(span: OtlpSpan, { traceId, shift }: Place): OtlpSpan {
  return {
    ...span,
    traceId,
    startTimeUnixNano: moved(span.startTimeUnixNano, shift),
    endTimeUnixNano: moved(span.endTimeUnixNano, shift),
    events: (span.events ?? []).map((event) => ({
      ...event,
      timeUnixNano: moved(event.timeUnixNano, shift),
    })),
  };
}

/** Those outside of any trace are left out: the bot has none. */
function addLogs({ resourceLogs = [] }: OtlpRequest, { path, rows, places }: RecordTarget): void {
  for (const { resource, scopeLogs } of resourceLogs) {
    for (const { scope, logRecords } of scopeLogs) {
      const head = `{"resource":${JSON.stringify(resource)},"scopeLogs":[{"scope":${JSON.stringify(scope)},"logRecords":[`;
      const frame = { path, before: `{"resourceLogs":[${head}`, after: ']}]}]}' };
      for (const log of logRecords) {
        for (const place of places.get(log.traceId ?? '') ?? []) {
          const there = logAt(log, place);
          rows.push({
            ...frame,
            simulatedMs: msOf(there.timeUnixNano),
            text: JSON.stringify(there),
          });
        }
      }
    }
  }
}

function logAt(log: OtlpLog, { traceId, shift }: Place): OtlpLog {
  return {
    ...log,
    traceId,
    timeUnixNano: moved(log.timeUnixNano, shift),
    observedTimeUnixNano: moved(log.observedTimeUnixNano, shift),
  };
}

/** One request for rows of the same path; those of the same resource and scope stand together. */
function requestOf(rows: readonly Row[]): string {
  const groups = new Map<string, { readonly row: Row; readonly texts: string[] }>();
  for (const row of rows) {
    const known = groups.get(row.before);
    if (known) known.texts.push(row.text);
    else groups.set(row.before, { row, texts: [row.text] });
  }
  const [first] = rows;
  if (first === undefined) return '{}';
  const start = first.before.indexOf('[') + 1;
  const parts = [...groups.values()].map(
    ({ row, texts }) => `${row.before.slice(start)}${texts.join(',')}${row.after.slice(0, -2)}`,
  );
  return `${first.before.slice(0, start)}${parts.join(',')}]}`;
}

function moved(timeUnixNano: string, shift: bigint): string {
  return String(BigInt(timeUnixNano) + shift);
}

function msOf(timeUnixNano: string): number {
  return Number(BigInt(timeUnixNano) / 1000n) / 1000;
}

function nanosOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
