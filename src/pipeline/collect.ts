/**
 * Step 1 of an investigation, 采集: reads the window, finds its reference, learns what is normal and lists
 * what is not. Reads the store only; every read has a range and a bound.
 */
import { LIMITS } from '../base/limits.ts';
import { type TimeRange, US_PER_HOUR, US_PER_MINUTE } from '../base/time.ts';
import { learnBaselines } from '../baseline/baseline.ts';
import { detectAnomalies, findOnset } from '../detect/detect.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { BaselineSource, EndpointBaseline } from '../model/baseline.ts';
import { StringDictionary } from '../model/dictionary.ts';
import type { Collected, InvestigationRequest } from '../model/investigation.ts';
import type { ReferenceKind } from '../model/report.ts';
import type { LogTemplate } from '../model/tally.ts';
import { SELF_SERVICE } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { buildLogTable, buildSeriesWindows } from './log-table.ts';
import { readOverflow } from './overflow.ts';
import { withPictures } from './pictures.ts';
import { buildSpanTable } from './span-table.ts';
import { tallyTemplates, tallyWindow } from './window-tallies.ts';

export interface CollectDependencies {
  readonly telemetry: TelemetryReader;
  readonly state: StateStore | undefined;
  /** Bands learned by the detection tick; empty offline. */
  readonly learned: ReadonlyMap<string, EndpointBaseline>;
  /** Caller → callee pairs of a topology file. */
  readonly topology: readonly (readonly [string, string])[];
}

/** How far before the window the reference may reach. */
const REFERENCE_US = US_PER_HOUR;
/** A reference shorter than this says little; then the report says so. */
const REFERENCE_US_MIN = 20 * 1_000_000;
/** Metric series of a window. */
const SERIES_MAX = 20_000;

export function collect(
  request: InvestigationRequest,
  dependencies: CollectDependencies,
): Collected {
  const { telemetry, state } = dependencies;
  const strings = new StringDictionary();
  const periods = choosePeriods(request, dependencies);
  const window = readWindow(telemetry, {
    period: { range: periods.window, without: [] },
    strings,
    request,
  });
  const reference = readReference(periods, { telemetry, strings, request });
  const templates = new Map(
    telemetry
      .listTemplates({})
      .map((template): [string, LogTemplate] => [template.templateId, template]),
  );
  const baselines = baselinesOf(reference, periods.kind, dependencies.learned);
  const changeRange = { fromUs: periods.window.fromUs - REFERENCE_US, toUs: periods.window.toUs };
  return {
    request: { ...request, window: periods.window },
    window,
    reference: reference?.data,
    referenceKind: reference === undefined ? 'none' : periods.kind,
    baselines,
    anomalies: anomaliesOf({ window, reference, baselines, templates }),
    changes: state?.listChanges({ range: changeRange, limit: LIMITS.queryRowsMax }) ?? [],
    templates,
    overflow: readOverflow(telemetry, periods.window),
    // after everything was read: what nobody looked at has no faults
    unreadablePlaces: telemetry.listFaults(periods.window).length,
    topology: dependencies.topology,
  };
}

/** A range, and the parts of it that do not count. */
interface Period {
  readonly range: TimeRange;
  readonly without: readonly TimeRange[];
}

interface Periods {
  readonly window: TimeRange;
  readonly reference: Period;
  readonly kind: ReferenceKind;
}

/** The reference's data, and on how many minutes they stand. */
interface Reference {
  readonly data: WindowData;
  readonly minutes: number;
}

/**
 * The caller's reference wins. Otherwise the hour before: and where an alert's window begins with healthy
 * minutes, the change point inside divides it, so that healthy traffic is the reference and not the window.
 * Earlier incidents are no part of a reference.
 */
function choosePeriods(request: InvestigationRequest, dependencies: CollectDependencies): Periods {
  if (request.reference) {
    const reference = { range: request.reference, without: [] };
    return { window: request.window, reference, kind: 'given' };
  }
  const kind: ReferenceKind = dependencies.learned.size > 0 ? 'learned' : 'hour-before';
  const beginUs = findOnsetIn(request, dependencies.telemetry) ?? request.window.fromUs;
  const range = { fromUs: request.window.fromUs - REFERENCE_US, toUs: beginUs };
  return {
    window: { fromUs: beginUs, toUs: request.window.toUs },
    reference: { range, without: incidentsIn(range, dependencies.state) },
    kind,
  };
}

/** Periods that earlier incidents and reports with a cause took; none when they leave too little over. */
function incidentsIn(range: TimeRange, state: StateStore | undefined): readonly TimeRange[] {
  if (state === undefined) return [];
  const list = { range, limit: LIMITS.queryRowsDefault };
  const incidents = state
    .listIncidents(list)
    .map(({ onsetUs, lastSeenUs }) => ({ fromUs: onsetUs, toUs: lastSeenUs + US_PER_MINUTE }));
  const reports = state
    .listReports(list)
    .items.filter(({ verdict }) => verdict === 'confirmed' || verdict === 'likely')
    .flatMap(({ reportId }) => state.findReport(reportId)?.window ?? []);
  const without = [...incidents, ...reports].filter(
    ({ fromUs, toUs }) => fromUs < range.toUs && toUs > range.fromUs,
  );
  return minutesOf({ range, without }) * US_PER_MINUTE >= REFERENCE_US_MIN ? without : [];
}

/** Undefined when the reference holds nothing. A period that nobody named begins where its data begin. */
function readReference(
  periods: Periods,
  context: {
    readonly telemetry: TelemetryReader;
    readonly strings: StringDictionary;
    readonly request: InvestigationRequest;
  },
): Reference | undefined {
  const { strings, request } = context;
  const data = readWindow(context.telemetry, { period: periods.reference, strings, request });
  if (data.spans.count + data.logs.count + data.series.length === 0) return undefined;
  if (periods.kind === 'given') return { data, minutes: minutesOf(periods.reference) };
  const range = { fromUs: Math.max(data.range.fromUs, beginOf(data)), toUs: data.range.toUs };
  const minutes = minutesOf({ range, without: periods.reference.without });
  return { data: { ...data, range }, minutes };
}

/** The earliest span, log or point. */
function beginOf({ spans, logs, series, range }: WindowData): number {
  let beginUs = range.toUs;
  for (let row = 0; row < spans.count; row++) beginUs = Math.min(beginUs, spans.startUs[row]!);
  for (let row = 0; row < logs.count; row++) beginUs = Math.min(beginUs, logs.timeUs[row]!);
  for (const { timesUs } of series) beginUs = Math.min(beginUs, timesUs[0] ?? range.toUs);
  return Math.floor(beginUs);
}

/** When the window turned bad, or undefined when it is bad (or good) all along. */
function findOnsetIn(
  request: InvestigationRequest,
  telemetry: TelemetryReader,
): number | undefined {
  const range = { fromUs: request.window.fromUs - 10 * US_PER_MINUTE, toUs: request.window.toUs };
  const { table } = buildSpanTable(telemetry, {
    range,
    strings: new StringDictionary(),
    spansMax: LIMITS.analysisSpansMax,
    hasAttributes: false,
    ...leftOut(request),
  });
  const rows = entryRows(table, request.scope.service);
  if (rows.length === 0) return undefined;
  const medians = medianLogByOperation(table, rows);
  const onset = findOnset(
    {
      timesUs: Float64Array.from(rows, (row) => table.startUs[row]!),
      values: Float64Array.from(
        rows,
        (row) => logDuration(table, row) - medians.get(table.operation[row]!)!,
      ),
      isBad: Uint8Array.from(rows, (row) => table.isError[row]!),
    },
    range,
  );
  if (onset === undefined || onset.onsetUs <= request.window.fromUs) return undefined;
  const earliestUs = rows.reduce(
    (min, row) => Math.min(min, table.startUs[row]!),
    Number.POSITIVE_INFINITY,
  );
  return onset.onsetUs - earliestUs >= REFERENCE_US_MIN ? onset.onsetUs : undefined;
}

/** Rows that stand for requests: of the alerted service where one is named, else roots; by start time. */
function entryRows(table: SpanTable, service: string | undefined): number[] {
  const serviceId = service === undefined ? undefined : table.strings.find(service);
  const rows: number[] = [];
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    const isEntry =
      serviceId === undefined
        ? parent === NO_ROW
        : table.service[row] === serviceId &&
          (parent === NO_ROW || table.service[parent] !== serviceId);
    if (isEntry) rows.push(row);
  }
  return rows.sort((a, b) => table.startUs[a]! - table.startUs[b]! || a - b);
}

function medianLogByOperation(table: SpanTable, rows: readonly number[]): Map<number, number> {
  const byOperation = new Map<number, number[]>();
  for (const row of rows) {
    const list = byOperation.get(table.operation[row]!);
    if (list) list.push(logDuration(table, row));
    else byOperation.set(table.operation[row]!, [logDuration(table, row)]);
  }
  return new Map(
    [...byOperation].map(([operation, values]) => {
      values.sort((a, b) => a - b);
      return [operation, values[Math.floor(values.length / 2)]!];
    }),
  );
}

function logDuration(table: SpanTable, row: number): number {
  return Math.log(Math.max(1, table.durationUs[row]!));
}

function readWindow(
  telemetry: TelemetryReader,
  options: {
    readonly period: Period;
    readonly strings: StringDictionary;
    readonly request: InvestigationRequest;
  },
): WindowData {
  const { strings } = options;
  const { range, without } = options.period;
  const { service } = options.request.scope;
  const spans = buildSpanTable(telemetry, {
    range,
    without,
    strings,
    spansMax: LIMITS.analysisSpansMax,
    ...leftOut(options.request),
    ...(service === undefined ? {} : { throughService: service }),
  });
  // Logs and metrics of services whose requests never meet the one that was asked about are other trouble.
  const left = { without, withoutServices: spans.otherServices };
  const logs = buildLogTable(telemetry, {
    range,
    strings,
    logsMax: LIMITS.analysisLogsMax,
    ...left,
  });
  const metrics = buildSeriesWindows(telemetry, { range, seriesMax: SERIES_MAX, ...left });
  return {
    range,
    spans: spans.table,
    logs: logs.table,
    series: metrics.series,
    isSampled: spans.isSampled || logs.isCut,
    isSeriesCut: metrics.isCut,
  };
}

/** Our own spans are no part of somebody else's incident. */
function leftOut({ scope }: InvestigationRequest): { readonly withoutService?: string } {
  return scope.service === SELF_SERVICE ? {} : { withoutService: SELF_SERVICE };
}

/** Learned bands where they stand on more than the reference does, else bands of the reference itself. */
function baselinesOf(
  reference: Reference | undefined,
  kind: ReferenceKind,
  learned: ReadonlyMap<string, EndpointBaseline>,
): ReadonlyMap<string, EndpointBaseline> {
  if (reference === undefined) return learned;
  const source: BaselineSource = kind === 'given' ? 'given' : 'hour-before';
  const own = learnBaselines(tallyWindow(reference.data), { source, minutes: reference.minutes });
  if (kind !== 'learned') return own;
  const merged = new Map(own);
  for (const [endpointId, band] of learned) {
    const here = own.get(endpointId);
    if (!here || band.requests > here.requests) merged.set(endpointId, band);
  }
  return merged;
}

/** Length without the parts that do not count; these may overlap. */
function minutesOf({ range, without }: Period): number {
  let coveredUs = 0;
  let cursorUs = range.fromUs;
  for (const { fromUs, toUs } of [...without].sort((a, b) => a.fromUs - b.fromUs)) {
    const beginUs = Math.max(fromUs, cursorUs);
    const endUs = Math.min(toUs, range.toUs);
    if (endUs <= beginUs) continue;
    coveredUs += endUs - beginUs;
    cursorUs = endUs;
  }
  return (range.toUs - range.fromUs - coveredUs) / US_PER_MINUTE;
}

function anomaliesOf(input: {
  readonly window: WindowData;
  readonly reference: Reference | undefined;
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
  readonly templates: ReadonlyMap<string, LogTemplate>;
}): readonly Anomaly[] {
  const { window, reference } = input;
  const tallies = tallyWindow(window);
  const templateTallies = tallyTemplates(window);
  const referenceTemplateTallies = reference ? tallyTemplates(reference.data) : [];
  const referenceSeries = reference?.data.series ?? [];
  const anomalies = detectAnomalies({
    range: window.range,
    tallies,
    baselines: input.baselines,
    templateTallies,
    referenceTemplateTallies,
    referenceMinutes: reference?.minutes ?? 0,
    templates: input.templates,
    series: window.series,
    referenceSeries,
  });
  if (anomalies.length === 0) return anomalies;
  return withPictures(anomalies, {
    tallies: [...(reference ? tallyWindow(reference.data) : []), ...tallies],
    templateTallies: [...referenceTemplateTallies, ...templateTallies],
    series: [...referenceSeries, ...window.series],
  });
}
