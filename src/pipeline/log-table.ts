/** Builds the analysis tables of logs and metric series of a period from the store. */
import { hexOf } from '../base/bytes.ts';
import { type TimeRange, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { LogTable, type SeriesWindow } from '../model/window.ts';
import { attributeJsonOf } from '../otlp/value.ts';
import type { SeriesPoints, TelemetryReader } from '../store/api/telemetry.ts';

/** What both readers leave out. */
export interface LeftOut {
  /** Periods inside the range. */
  readonly without: readonly TimeRange[];
  readonly withoutServices: ReadonlySet<string>;
}

export function buildLogTable(
  reader: TelemetryReader,
  options: LeftOut & {
    readonly range: TimeRange;
    readonly strings: StringDictionary;
    readonly logsMax: number;
  },
): { readonly table: LogTable; readonly isCut: boolean } {
  const { without, withoutServices } = options;
  const table = new LogTable(options.strings);
  let isCut = false;
  reader.scanLogs({ range: options.range }, (columns, matching) => {
    for (const from of matching) {
      if (isInAny(columns.timeUs[from]!, without)) continue;
      if (withoutServices.has(columns.strings.text(columns.service[from]!))) continue;
      if (table.count >= options.logsMax) {
        isCut = true;
        return false;
      }
      addLog(table, columns, from);
    }
    return undefined;
  });
  return { table, isCut };
}

function addLog(table: LogTable, columns: LogColumns, from: number): void {
  const row = table.count++;
  if (row >= table.timeUs.length) table.reserve(Math.max(1024, 2 * row));
  const { strings } = table;
  const carry = (id: number) => strings.idOfString(columns.strings.text(id));
  table.timeUs[row] = columns.timeUs[from]!;
  table.severity[row] = columns.severity[from]!;
  table.service[row] = carry(columns.service[from]!);
  table.template[row] = carry(columns.template[from]!);
  table.body[row] = strings.idOfString(bodyTextOf(columns, from));
  table.traceId[row] = idText(strings, columns.traceId, 16 * from, 16);
  table.spanId[row] = idText(strings, columns.spanId, 8 * from, 8);
  table.source[row] = strings.idOfString(sourceOf(columns, from));
}

function bodyTextOf(columns: LogColumns, row: number): string {
  const body = attributeJsonOf(columns.bodyType[row]!, columns.bodyValue[row]!, columns.strings);
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function idText(strings: StringDictionary, bytes: Uint8Array, start: number, size: number): number {
  for (let index = start; index < start + size; index++) {
    if (bytes[index] !== 0) return strings.idOfString(hexOf(bytes, start, start + size));
  }
  return 0;
}

/** Where in the code a line was written: `namespace#line`, or the function or file with the line. */
function sourceOf(columns: LogColumns, row: number): string {
  let place = '';
  let line = '';
  const end = columns.attributesEnd[row]!;
  for (let at = row === 0 ? 0 : columns.attributesEnd[row - 1]!; at < end; at++) {
    const key = columns.strings.text(columns.attributes.keys[at]!);
    if (!key.startsWith('code.')) continue;
    const type = columns.attributes.types[at]!;
    const value = columns.attributes.values[at]!;
    const text = type === VALUE_TYPE.string ? columns.strings.text(value) : String(value);
    if (key === 'code.lineno' || key === 'code.line.number') line = text;
    else if (key === 'code.namespace' || (place === '' && key !== 'code.stacktrace')) place = text;
  }
  return place === '' || line === '' ? place : `${place}#${line}`;
}

/** Points before the window from which the first rate of a counter is taken. */
const RATE_LEAD_US = 5 * US_PER_MINUTE;

export function buildSeriesWindows(
  reader: Pick<TelemetryReader, 'readSeries'>,
  options: LeftOut & { readonly range: TimeRange; readonly seriesMax: number },
): { readonly series: readonly SeriesWindow[]; readonly isCut: boolean } {
  const { range } = options;
  const page = reader.readSeries({
    range: { fromUs: range.fromUs - RATE_LEAD_US, toUs: range.toUs },
    limit: options.seriesMax,
  });
  const series = page.items
    .filter((points) => !options.withoutServices.has(points.series.service))
    .map((points) => windowOf(points, { range, without: options.without }))
    .filter((window) => window.timesUs.length > 0)
    .sort((a, b) => (a.seriesId < b.seriesId ? -1 : 1));
  return { series, isCut: page.wasCut };
}

function isInAny(timeUs: number, periods: readonly TimeRange[]): boolean {
  return periods.some(({ fromUs, toUs }) => timeUs >= fromUs && timeUs < toUs);
}

function windowOf(
  points: SeriesPoints,
  { range, without }: { readonly range: TimeRange; readonly without: readonly TimeRange[] },
): SeriesWindow {
  const times: number[] = [];
  const values: number[] = [];
  const observations: number[] = [];
  const isCounted = !['gauge', 'sum'].includes(points.series.kind);
  const isRate = points.series.kind === 'sum' && points.series.isMonotonic;
  for (let index = 0; index < points.timesUs.length; index++) {
    const timeUs = points.timesUs[index]!;
    if (timeUs < range.fromUs || timeUs >= range.toUs || isInAny(timeUs, without)) continue;
    const step = isCounted || isRate ? stepOf(points, index) : undefined;
    if (isCounted) {
      if (!step || step.observations <= 0) continue;
      times.push(timeUs);
      values.push(step.value / step.observations);
      observations.push(step.observations);
    } else if (isRate) {
      if (!step || step.seconds <= 0) continue;
      times.push(timeUs);
      values.push(step.value / step.seconds);
    } else {
      times.push(timeUs);
      values.push(points.values[index]!);
    }
  }
  return {
    ...points.series,
    timesUs: Float64Array.from(times),
    values: Float64Array.from(values),
    ...(isCounted ? { observationCounts: Float64Array.from(observations) } : {}),
    exemplars: points.exemplars.filter(
      ({ timeUs }) => timeUs >= range.fromUs && timeUs < range.toUs,
    ),
  };
}

/** What a point adds since the one before; undefined when there is none. A falling counter began anew. */
function stepOf(
  points: SeriesPoints,
  index: number,
): { readonly value: number; readonly observations: number; readonly seconds: number } | undefined {
  const value = points.values[index]!;
  const observations = points.observationCounts[index]!;
  const hasPrevious = index > 0;
  const seconds = hasPrevious
    ? (points.timesUs[index]! - points.timesUs[index - 1]!) / US_PER_SECOND
    : 0;
  if (points.series.temporality === 'delta') {
    return hasPrevious || points.series.kind !== 'sum'
      ? { value, observations, seconds }
      : undefined;
  }
  if (!hasPrevious) return undefined;
  const previousValue = points.values[index - 1]!;
  const previousObservations = points.observationCounts[index - 1]!;
  const isReset =
    points.series.kind === 'sum' ? value < previousValue : observations < previousObservations;
  return {
    value: isReset ? value : value - previousValue,
    observations: isReset ? observations : observations - previousObservations,
    seconds,
  };
}
