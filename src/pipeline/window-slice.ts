/** Part of a period's data by time: whole traces by their begin, logs and points by their own time. */
import type { TimeRange } from '../base/time.ts';
import { LogTable, type SeriesWindow, SpanTable, type WindowData } from '../model/window.ts';

/** What lies in `range` and not in `without`. Ids mean the same texts as before. */
export function sliceWindow(data: WindowData, range: TimeRange, without?: TimeRange): WindowData {
  const isIn = (timeUs: number): boolean =>
    timeUs >= range.fromUs &&
    timeUs < range.toUs &&
    (without === undefined || timeUs < without.fromUs || timeUs >= without.toUs);
  return {
    ...data,
    range,
    spans: sliceSpans(data.spans, isIn),
    logs: sliceLogs(data.logs, isIn),
    series: data.series.flatMap((series) => sliceSeries(series, isIn) ?? []),
    ...(data.profiles ? { profiles: data.profiles.filter(({ fromUs }) => isIn(fromUs)) } : {}),
  };
}

type IsIn = (timeUs: number) => boolean;

function sliceSpans(from: SpanTable, isIn: IsIn): SpanTable {
  const kept: number[] = [];
  let rows = 0;
  let attributes = 0;
  for (let trace = 0; trace < from.traceIds.length; trace++) {
    const [start, end] = [from.traceStart[trace]!, from.traceStart[trace + 1]!];
    if (end === start || !isIn(from.startUs[from.traceRows[start]!]!)) continue;
    kept.push(trace);
    rows += end - start;
    for (let at = start; at < end; at++) {
      const row = from.traceRows[at]!;
      attributes += from.attributesEnd[row]! - from.attributesStart(row);
    }
  }
  const table = new SpanTable(from.strings);
  table.reserve(rows, attributes);
  table.count = rows;
  table.traceRows = new Uint32Array(rows);
  table.traceStart = new Uint32Array(kept.length + 1);
  const rowOf = new Int32Array(from.count).fill(-1);
  let next = 0;
  kept.forEach((trace, index) => {
    table.traceIds.push(from.traceIds[trace]!);
    for (let at = from.traceStart[trace]!; at < from.traceStart[trace + 1]!; at++) {
      const row = next++;
      table.trace[row] = index;
      table.traceRows[row] = row;
      rowOf[from.traceRows[at]!] = row;
    }
    table.traceStart[index + 1] = next;
  });
  copyRows(from, table, rowOf);
  return table;
}

/**
 * Rows in the order of the new table; `rowOf` leads from old rows to new ones, −1 for those left out. Column by
 * column, without an object a row: four placebos of a reference of 60 000 spans and 5000 series are cut in 0.40 s
 * of CPU, with a view for each row and column and a callback for each point it was 0.73 s.
 */
function copyRows(from: SpanTable, to: SpanTable, rowOf: Int32Array): void {
  const sources = new Int32Array(to.count);
  for (let source = 0; source < rowOf.length; source++) {
    const row = rowOf[source]!;
    if (row >= 0) sources[row] = source;
  }
  for (const column of COLUMNS) copyColumn(from[column], to[column], sources);
  for (let row = 0; row < sources.length; row++) {
    const source = sources[row]!;
    const parent = from.parent[source]!;
    to.parent[row] = parent < 0 ? parent : rowOf[parent]!;
    for (let byte = 0; byte < 8; byte++)
      to.spanId[8 * row + byte] = from.spanId[8 * source + byte]!;
  }
  copyAttributes(from, to, sources);
}

function copyColumn(from: Column, to: Column, sources: Int32Array): void {
  for (let row = 0; row < sources.length; row++) to[row] = from[sources[row]!]!;
}

function copyAttributes(from: SpanTable, to: SpanTable, sources: Int32Array): void {
  const { attributeKey, attributeText, attributeNumber, attributesEnd } = from;
  let next = 0;
  for (let row = 0; row < sources.length; row++) {
    const source = sources[row]!;
    const end = attributesEnd[source]!;
    for (let at = from.attributesStart(source); at < end; at++) {
      to.attributeKey[next] = attributeKey[at]!;
      to.attributeText[next] = attributeText[at]!;
      to.attributeNumber[next] = attributeNumber[at]!;
      next++;
    }
    to.attributesEnd[row] = next;
  }
}

type Column = Uint8Array | Uint32Array | Int32Array | Float64Array;

const COLUMNS = [
  'isOrphan',
  'startUs',
  'durationUs',
  'selfUs',
  'criticalUs',
  'kind',
  'stage',
  'infra',
  'isError',
  'service',
  'operation',
  'errorType',
  'errorMessage',
  'target',
  'version',
  'bot',
] as const;

function sliceLogs(from: LogTable, isIn: IsIn): LogTable {
  const rows = new Int32Array(from.count);
  let count = 0;
  for (let row = 0; row < from.count; row++) if (isIn(from.timeUs[row]!)) rows[count++] = row;
  const table = new LogTable(from.strings);
  table.reserve(count);
  table.count = count;
  const sources = rows.subarray(0, count);
  for (const column of LOG_COLUMNS) copyColumn(from[column], table[column], sources);
  return table;
}

const LOG_COLUMNS = [
  'timeUs',
  'severity',
  'service',
  'template',
  'body',
  'traceId',
  'spanId',
  'source',
] as const;

/** Undefined when no point is left; a series that is kept whole is not copied. */
function sliceSeries(series: SeriesWindow, isIn: IsIn): SeriesWindow | undefined {
  const { timesUs, values, observationCounts } = series;
  const kept = keptPoints(timesUs, isIn);
  if (kept.length === 0) return undefined;
  if (kept.length === timesUs.length) return series;
  const pick = (column: Float64Array): Float64Array => {
    const picked = new Float64Array(kept.length);
    copyColumn(column, picked, kept);
    return picked;
  };
  return {
    ...series,
    timesUs: pick(timesUs),
    values: pick(values),
    ...(observationCounts ? { observationCounts: pick(observationCounts) } : {}),
  };
}

function keptPoints(timesUs: Float64Array, isIn: IsIn): Int32Array {
  const kept = new Int32Array(timesUs.length);
  let count = 0;
  for (let at = 0; at < timesUs.length; at++) if (isIn(timesUs[at]!)) kept[count++] = at;
  return kept.subarray(0, count);
}
