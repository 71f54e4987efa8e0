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

/** Rows in the order of the new table; `rowOf` leads from old rows to new ones, −1 for those left out. */
function copyRows(from: SpanTable, to: SpanTable, rowOf: Int32Array): void {
  const sources = new Int32Array(to.count);
  rowOf.forEach((row, source) => {
    if (row >= 0) sources[row] = source;
  });
  let attribute = 0;
  sources.forEach((source, row) => {
    const parent = from.parent[source]!;
    to.parent[row] = parent < 0 ? parent : rowOf[parent]!;
    for (const column of COLUMNS) to[column][row] = from[column][source]!;
    to.spanId.set(from.spanId.subarray(8 * source, 8 * source + 8), 8 * row);
    const [start, end] = [from.attributesStart(source), from.attributesEnd[source]!];
    for (const column of ATTRIBUTE_COLUMNS) {
      to[column].set(from[column].subarray(start, end), attribute);
    }
    attribute += end - start;
    to.attributesEnd[row] = attribute;
  });
}

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

const ATTRIBUTE_COLUMNS = ['attributeKey', 'attributeText', 'attributeNumber'] as const;

function sliceLogs(from: LogTable, isIn: IsIn): LogTable {
  const rows: number[] = [];
  for (let row = 0; row < from.count; row++) if (isIn(from.timeUs[row]!)) rows.push(row);
  const table = new LogTable(from.strings);
  table.reserve(rows.length);
  table.count = rows.length;
  rows.forEach((source, row) => {
    for (const column of LOG_COLUMNS) table[column][row] = from[column][source]!;
  });
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

/** Undefined when no point is left. */
function sliceSeries(series: SeriesWindow, isIn: IsIn): SeriesWindow | undefined {
  const { timesUs, values, observationCounts } = series;
  const isKept = (_: number, index: number): boolean => isIn(timesUs[index]!);
  const times = timesUs.filter(isIn);
  if (times.length === 0) return undefined;
  return {
    ...series,
    timesUs: times,
    values: values.filter(isKept),
    ...(observationCounts ? { observationCounts: observationCounts.filter(isKept) } : {}),
  };
}
