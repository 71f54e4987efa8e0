/**
 * Moves recorded OTLP/JSON into simulated time. A trace moves as a whole with its logs, by where it begins, so that its
 * durations stay real; metric points move each by their own time. Where real time holds more requests a simulated minute
 * than it should, traces are left out by their ids, and what counters and histograms count is thinned alike.
 */
import { createHash } from 'node:crypto';
import { type OtlpLog, type OtlpRequest, type OtlpSpan, parseOtlp, spansOf } from './live-otlp.ts';
import { createThinning, type Thinning } from './live-points.ts';
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
}

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

/** A span, a log record, or the metrics of one export. */
interface Row {
  readonly simulatedMs: number;
  readonly path: string;
  /** JSON around it: its resource and scope. */
  readonly before: string;
  readonly text: string;
  readonly after: string;
}

function sortedRows(bodies: readonly RecordedBody[], options: StretchOptions): Row[] {
  const shifts = findShifts(bodies, options);
  const thinning = createThinning(options);
  const rows: Row[] = [];
  for (const { path, bytes } of bodies) {
    const request = parseOtlp(bytes);
    addSpans(request, { path, rows, shifts });
    addLogs(request, { path, rows, shifts });
    addMetrics(request, { path, rows, thinning });
  }
  return rows.sort((a, b) => a.simulatedMs - b.simulatedMs);
}

/** By trace id: nanoseconds from real to simulated time; traces that are left out have none. */
function findShifts(
  bodies: readonly RecordedBody[],
  { timeline, keptShareAt, isShuffled }: StretchOptions,
): ReadonlyMap<string, bigint> {
  const shifts = new Map<string, bigint>();
  const shuffled: { readonly traceId: string; readonly realMs: number }[] = [];
  const arrivalsMs: number[] = [];
  for (const [traceId, realMs] of findStarts(bodies)) {
    const moment = timeline.tryFind(realMs);
    if (moment === undefined || shareOf(traceId) >= keptShareAt(moment)) continue;
    if (isShuffled(moment.stretch)) {
      shuffled.push({ traceId, realMs });
      arrivalsMs.push(moment.simulatedMs);
    } else {
      shifts.set(traceId, nanosOf(moment.simulatedMs - realMs));
    }
  }
  const order = new Map(shuffled.map(({ traceId }) => [traceId, orderOf(traceId)]));
  shuffled.sort((a, b) => (order.get(a.traceId)! < order.get(b.traceId)! ? -1 : 1)); // all are there
  for (const [index, { traceId, realMs }] of shuffled.entries()) {
    shifts.set(traceId, nanosOf(arrivalsMs[index]! - realMs)); // one for each
  }
  return shifts;
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

/** Has nothing to do with what decides on keeping a trace. */
function orderOf(traceId: string): string {
  return createHash('sha256').update(traceId).digest('hex');
}

interface RecordTarget {
  readonly path: string;
  readonly rows: Row[];
  readonly shifts: ReadonlyMap<string, bigint>;
}

function addSpans({ resourceSpans = [] }: OtlpRequest, { path, rows, shifts }: RecordTarget): void {
  for (const { resource, scopeSpans } of resourceSpans) {
    for (const { scope, spans } of scopeSpans) {
      const head = `{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`;
      const frame = { path, before: `{"resourceSpans":[${head}`, after: ']}]}]}' };
      for (const span of spans) {
        const shift = shifts.get(span.traceId);
        if (shift === undefined) continue;
        moveSpan(span, shift);
        const simulatedMs = msOf(span.startTimeUnixNano);
        rows.push({ ...frame, simulatedMs, text: JSON.stringify(span) });
      }
    }
  }
}

function moveSpan(span: OtlpSpan, shift: bigint): void {
  span.startTimeUnixNano = moved(span.startTimeUnixNano, shift);
  span.endTimeUnixNano = moved(span.endTimeUnixNano, shift);
  for (const event of span.events ?? []) event.timeUnixNano = moved(event.timeUnixNano, shift);
}

/** Those outside of any trace are left out: the bot has none. */
function addLogs({ resourceLogs = [] }: OtlpRequest, { path, rows, shifts }: RecordTarget): void {
  for (const { resource, scopeLogs } of resourceLogs) {
    for (const { scope, logRecords } of scopeLogs) {
      const head = `{"resource":${JSON.stringify(resource)},"scopeLogs":[{"scope":${JSON.stringify(scope)},"logRecords":[`;
      const frame = { path, before: `{"resourceLogs":[${head}`, after: ']}]}]}' };
      for (const log of logRecords) {
        const shift = log.traceId === undefined ? undefined : shifts.get(log.traceId);
        if (shift === undefined) continue;
        moveLog(log, shift);
        rows.push({ ...frame, simulatedMs: msOf(log.timeUnixNano), text: JSON.stringify(log) });
      }
    }
  }
}

function moveLog(log: OtlpLog, shift: bigint): void {
  log.timeUnixNano = moved(log.timeUnixNano, shift);
  log.observedTimeUnixNano = moved(log.observedTimeUnixNano, shift);
}

function addMetrics(
  { resourceMetrics = [] }: OtlpRequest,
  target: { readonly path: string; readonly rows: Row[]; readonly thinning: Thinning },
): void {
  const { path, rows, thinning } = target;
  for (const { resource, scopeMetrics } of resourceMetrics) {
    for (const { scope, metrics } of scopeMetrics) {
      const head = `{"resource":${JSON.stringify(resource)},"scopeMetrics":[{"scope":${JSON.stringify(scope)},"metrics":[`;
      const frame = { path, before: `{"resourceMetrics":[${head}`, after: ']}]}]}' };
      for (const metric of metrics) {
        const simulatedMs = thinning.move(metric, JSON.stringify(resource));
        if (simulatedMs === undefined) continue;
        rows.push({ ...frame, simulatedMs, text: JSON.stringify(metric) });
      }
    }
  }
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

export function msOf(timeUnixNano: string): number {
  return Number(BigInt(timeUnixNano) / 1000n) / 1000;
}

export function nanosOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
