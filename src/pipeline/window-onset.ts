/**
 * Where the window of an alert turned bad: requests before it tell what was healthy. Of a window that is read in slices
 * the gap in which the change lies is read, too.
 */
import { type TimeRange, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';
import { findOnset } from '../detect/detect.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { type Reading, readSpans, referenceSample, type SpanSample } from './sample.ts';
import { layOut } from './span-table.ts';

/** Time before the window that tells what was healthy. */
const LEAD_US = 10 * US_PER_MINUTE;
/** Nearer to the window's begin than findOnset() tells apart, the window is bad all along. */
const RESOLUTION_US = 5 * US_PER_SECOND;
/** With less before the onset the window is bad all along. */
const LEAD_US_MIN = 20 * US_PER_SECOND;
/** Spans of the time before, and of the gap in which the change lies: a change point needs tens of requests. */
const ROWS_MAX = 20_000;
/** Each divides the gap by the number of slices: 75 s of a quarter of an hour become 2 s. */
const ZOOMS = 2;

/** When the window turned bad, or undefined when it is bad (or good) all along. */
export function findOnsetIn(
  asked: { readonly sample: SpanSample; readonly table: SpanTable },
  reading: Reading,
): number | undefined {
  const { window, scope } = reading.request;
  const range = { fromUs: window.fromUs - LEAD_US, toUs: window.toUs };
  let requests = [
    ...readRequests({ fromUs: range.fromUs, toUs: window.fromUs }, reading),
    ...requestsOf(asked.table, scope.service),
  ].sort(byStart);
  let onsetUs = findOnsetOf(requests, range);
  for (let round = 0; round < ZOOMS && asked.sample.isSliced && onsetUs !== undefined; round++) {
    const gap = gapAt(onsetUs, requests);
    if (gap.toUs < window.fromUs + RESOLUTION_US) return undefined;
    requests = [...requests, ...readRequests(gap, reading)].sort(byStart);
    onsetUs = findOnsetOf(requests, range);
  }
  const earliestUs = requests[0]?.startUs;
  if (earliestUs === undefined || onsetUs === undefined || onsetUs <= window.fromUs)
    return undefined;
  return onsetUs - earliestUs >= LEAD_US_MIN ? onsetUs : undefined;
}

/** Between the last request before the time and the first after it. */
function gapAt(timeUs: number, requests: readonly Request[]): TimeRange {
  const next = requests.findIndex(({ startUs }) => startUs > timeUs);
  const after = requests[next]?.startUs ?? timeUs;
  const before = requests[next - 1]?.startUs ?? timeUs;
  return { fromUs: Math.ceil(before), toUs: Math.floor(after) };
}

function readRequests(range: TimeRange, reading: Reading): readonly Request[] {
  const { telemetry, request } = reading;
  const wanted = referenceSample({ range, without: [] }, { telemetry, rowsMax: ROWS_MAX });
  const { rows, spans } = readSpans(reading, wanted, { hasAttributes: false });
  const { table } = layOut(rows, { period: spans, hasAttributes: false });
  return requestsOf(table, request.scope.service);
}

function findOnsetOf(requests: readonly Request[], range: TimeRange): number | undefined {
  if (requests.length === 0) return undefined;
  const medians = medianLogByOperation(requests);
  const onset = findOnset(
    {
      timesUs: Float64Array.from(requests, ({ startUs }) => startUs),
      values: Float64Array.from(
        requests,
        ({ logDuration, operation }) => logDuration - medians.get(operation)!,
      ),
      isBad: Uint8Array.from(requests, ({ isError }) => isError),
    },
    range,
  );
  return onset?.onsetUs;
}

interface Request {
  readonly startUs: number;
  readonly operation: number;
  readonly logDuration: number;
  readonly isError: number;
}

function byStart(a: Request, b: Request): number {
  return a.startUs - b.startUs;
}

/** Spans that stand for requests: of the alerted service where one is named, else roots. */
function requestsOf(table: SpanTable, service: string | undefined): readonly Request[] {
  const serviceId = service === undefined ? undefined : table.strings.find(service);
  const requests: Request[] = [];
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    const isEntry =
      serviceId === undefined
        ? parent === NO_ROW
        : table.service[row] === serviceId &&
          (parent === NO_ROW || table.service[parent] !== serviceId);
    if (!isEntry) continue;
    requests.push({
      startUs: table.startUs[row]!,
      operation: table.operation[row]!,
      logDuration: Math.log(Math.max(1, table.durationUs[row]!)),
      isError: table.isError[row]!,
    });
  }
  return requests;
}

function medianLogByOperation(requests: readonly Request[]): Map<number, number> {
  const byOperation = new Map<number, number[]>();
  for (const { operation, logDuration } of requests) {
    const list = byOperation.get(operation);
    if (list) list.push(logDuration);
    else byOperation.set(operation, [logDuration]);
  }
  return new Map(
    [...byOperation].map(([operation, values]) => {
      values.sort((a, b) => a - b);
      return [operation, values[Math.floor(values.length / 2)]!];
    }),
  );
}
