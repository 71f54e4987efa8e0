/**
 * Step 1 of an investigation, 采集: reads the window, finds its reference, learns what is normal and lists
 * what is not. Reads the store only; every read has a range and a bound.
 */
import { LIMITS } from '../base/limits.ts';
import { minuteOf, type TimeRange, US_PER_HOUR, US_PER_MINUTE } from '../base/time.ts';
import { learnBaselines } from '../baseline/baseline.ts';
import { detectAnomalies, findOnset } from '../detect/detect.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { BaselineSource, EndpointBaseline } from '../model/baseline.ts';
import { StringDictionary } from '../model/dictionary.ts';
import type { Collected, InvestigationRequest } from '../model/investigation.ts';
import type { ReferenceKind } from '../model/report.ts';
import type { LogTemplate, Tally, TemplateTally } from '../model/tally.ts';
import { SELF_SERVICE } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { buildLogTable } from './log-table.ts';
import { readOverflow } from './overflow.ts';
import { countedRanges, minutesOf, type Period, slicedPeriod } from './period.ts';
import { withPictures } from './pictures.ts';
import { readProfilesOf } from './profile-window.ts';
import { buildSeriesWindows } from './series-window.ts';
import { SpanRows } from './span-rows.ts';
import { layOut } from './span-table.ts';
import { findUnsteady } from './steady-reference.ts';
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
  const reading: Reading = { telemetry, strings, request };
  const asked = readSpans(reading, windowSample(request.window, telemetry));
  const periods = choosePeriods(asked, { reading, dependencies });
  const window = windowOf(asked, { range: periods.window, reading });
  const reference = readReference(periods, reading);
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

/** What every step of reading needs. */
interface Reading {
  readonly telemetry: TelemetryReader;
  readonly strings: StringDictionary;
  readonly request: InvestigationRequest;
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
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
}

/**
 * The caller's reference wins. Otherwise the hour before: and where an alert's window begins with healthy
 * minutes, the change point inside divides it, so that healthy traffic is the reference and not the window.
 * Earlier incidents are no part of a reference.
 */
function choosePeriods(
  asked: SpanSample,
  context: { readonly reading: Reading; readonly dependencies: CollectDependencies },
): Periods {
  const { reading, dependencies } = context;
  const { request } = reading;
  if (request.reference) {
    const reference = { range: request.reference, without: [] };
    return { window: request.window, reference, kind: 'given' };
  }
  const kind: ReferenceKind = dependencies.learned.size > 0 ? 'learned' : 'hour-before';
  const beginUs = findOnsetIn(asked, reading) ?? request.window.fromUs;
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
function readReference(periods: Periods, reading: Reading): Reference | undefined {
  const sample = referenceSample(periods.reference, reading.telemetry);
  const spans = readSpans(reading, sample);
  const whole = windowOf(spans, { range: sample.period.range, reading });
  if (isEmpty(whole)) return undefined;
  const unsteady = findUnsteady(whole.spans, whole.range);
  const steady = without(sample.period, unsteady);
  const data =
    unsteady.length === 0
      ? whole
      : windowOf({ ...spans, period: steady }, { range: steady.range, reading });
  const { kind } = periods;
  const period = without(periods.reference, unsteady);
  if (sample.timeShare < 1) return { data, ...storedTallies(period, reading) };
  const tallies = tallyWindow(data);
  const templateTallies = tallyTemplates(data);
  if (kind === 'given') return { data, minutes: minutesOf(period), tallies, templateTallies };
  const range = { fromUs: Math.max(data.range.fromUs, beginOf(data)), toUs: data.range.toUs };
  const minutes = minutesOf({ range, without: period.without });
  return { data: { ...data, range }, minutes, tallies, templateTallies };
}

function isEmpty({ spans, logs, series, profiles = [] }: WindowData): boolean {
  return spans.count + logs.count + series.length + profiles.length === 0;
}

function without(period: Period, parts: readonly TimeRange[]): Period {
  return { range: period.range, without: [...period.without, ...parts] };
}

/** Of a period that is read in slices the minutes as they were counted on arrival: the whole ones that count. */
function storedTallies(period: Period, { telemetry, request }: Reading): Omit<Reference, 'data'> {
  const whole = countedRanges(period)
    .map(({ fromUs, toUs }) => ({
      fromUs: minuteOf(fromUs + US_PER_MINUTE - 1),
      toUs: minuteOf(toUs),
    }))
    .filter(({ fromUs, toUs }) => fromUs < toUs);
  const { withoutService } = leftOut(request);
  const tallies = whole
    .flatMap((range) => telemetry.readTallies({ range }))
    .filter(({ endpoint }) => endpoint.service !== withoutService);
  const templateTallies = whole
    .flatMap((range) => telemetry.readTemplateTallies({ range }))
    .filter(({ service }) => service !== withoutService);
  const beginUs = Math.min(...tallies.map(({ minuteUs }) => minuteUs), period.range.toUs);
  const { without } = period;
  const minutes = minutesOf({ range: { fromUs: beginUs, toUs: period.range.toUs }, without });
  return { minutes, tallies, templateTallies };
}

/** The earliest span, log, point or profile. */
function beginOf({ spans, logs, series, profiles = [], range }: WindowData): number {
  let beginUs = range.toUs;
  for (let row = 0; row < spans.count; row++) beginUs = Math.min(beginUs, spans.startUs[row]!);
  for (let row = 0; row < logs.count; row++) beginUs = Math.min(beginUs, logs.timeUs[row]!);
  for (const { timesUs } of series) beginUs = Math.min(beginUs, timesUs[0] ?? range.toUs);
  for (const { fromUs } of profiles) beginUs = Math.min(beginUs, fromUs);
  return Math.floor(beginUs);
}

/** Time before the window that tells what was healthy. */
const ONSET_LEAD_US = 10 * US_PER_MINUTE;

/** When the window turned bad, or undefined when it is bad (or good) all along. */
function findOnsetIn(asked: SpanSample, reading: Reading): number | undefined {
  const { window, scope } = reading.request;
  const lead = { fromUs: window.fromUs - ONSET_LEAD_US, toUs: window.fromUs };
  const before = readSpans(reading, {
    ...referenceSample({ range: lead, without: [] }, reading.telemetry),
    hasAttributes: false,
  });
  const entries = [before, asked].map(({ rows, period }): Entries => {
    const { table } = layOut(rows, { period, hasAttributes: false });
    return { table, rows: entryRows(table, scope.service) };
  });
  const requests = entries.flatMap(({ table, rows }) => requestsOf(table, rows));
  if (requests.length === 0) return undefined;
  requests.sort((a, b) => a.startUs - b.startUs);
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
    { fromUs: lead.fromUs, toUs: window.toUs },
  );
  if (onset === undefined || onset.onsetUs <= window.fromUs) return undefined;
  const earliestUs = requests[0]!.startUs; // there is one, see above
  return onset.onsetUs - earliestUs >= REFERENCE_US_MIN ? onset.onsetUs : undefined;
}

interface Entries {
  readonly table: SpanTable;
  readonly rows: readonly number[];
}

interface Request {
  readonly startUs: number;
  readonly operation: number;
  readonly logDuration: number;
  readonly isError: number;
}

function requestsOf(table: SpanTable, rows: readonly number[]): Request[] {
  return rows.map((row) => ({
    startUs: table.startUs[row]!,
    operation: table.operation[row]!,
    logDuration: Math.log(Math.max(1, table.durationUs[row]!)),
    isError: table.isError[row]!,
  }));
}

/** Rows that stand for requests: of the alerted service where one is named, else roots. */
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
  return rows;
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

/** What is read of a period. */
interface Sample {
  readonly period: Period;
  /** Of the traces of the period, and of its lines. */
  readonly keptShare: number;
  readonly keptLogShare: number;
  /** Of the time of a longer period. */
  readonly timeShare: number;
  readonly hasAttributes: boolean;
}

interface SpanSample extends Sample {
  readonly rows: SpanRows;
}

/** Of a window with too many rows, traces at random: every moment of it counts. */
function windowSample(range: TimeRange, telemetry: TelemetryReader): Sample {
  const { spans, logs } = telemetry.countRows(range);
  return {
    period: { range, without: [] },
    keptShare: Math.min(1, LIMITS.analysisSpansMax / spans),
    keptLogShare: Math.min(1, LIMITS.analysisLogsMax / logs),
    timeShare: 1,
    hasAttributes: true,
  };
}

/** Of a reference with too many rows, slices of its time: one moment is as good as another. */
function referenceSample(period: Period, telemetry: TelemetryReader): Sample {
  const { spans, logs } = telemetry.countRows(period.range);
  const timeShare = Math.min(1, LIMITS.referenceRowsMax / Math.max(spans, logs, 1));
  return {
    period: slicedPeriod(period, timeShare),
    keptShare: 1,
    keptLogShare: 1,
    timeShare,
    hasAttributes: true,
  };
}

function readSpans({ telemetry, strings, request }: Reading, sample: Sample): SpanSample {
  const rows = new SpanRows(strings, leftOut(request).withoutService);
  rows.read(telemetry, sample);
  return { ...sample, rows };
}

/** All signals of the sample's period, or of the later part of it that is `range`. */
function windowOf(
  sample: SpanSample,
  { range, reading }: { readonly range: TimeRange; readonly reading: Reading },
): WindowData {
  const { telemetry, strings, request } = reading;
  const { keptShare, keptLogShare, timeShare } = sample;
  const { service } = request.scope;
  const period = { range, without: sample.period.without };
  const spans = layOut(sample.rows, {
    period,
    ...(service === undefined ? {} : { throughService: service }),
  });
  // Logs and metrics of services whose requests never meet the one that was asked about are other trouble.
  const withoutServices = spans.otherServices;
  const logs = buildLogTable(telemetry, strings, {
    period,
    withoutServices,
    keptShare: keptLogShare,
  });
  const metrics = buildSeriesWindows(telemetry, {
    range,
    without: timeShare < 1 ? [] : period.without,
    withoutServices,
    seriesMax: SERIES_MAX,
  });
  return {
    range,
    spans: spans.table,
    logs,
    series: metrics.series,
    isSampled: keptShare * keptLogShare * timeShare < 1,
    keptShare: keptShare * timeShare,
    keptLogShare: keptLogShare * timeShare,
    isSeriesCut: metrics.isCut,
    ...readProfilesOf(period, { telemetry, spans: spans.table }),
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
  const own = learnBaselines(reference.tallies, { source, minutes: reference.minutes });
  if (kind !== 'learned') return own;
  const merged = new Map(own);
  for (const [endpointId, band] of learned) {
    const here = own.get(endpointId);
    if (!here || band.requests > here.requests) merged.set(endpointId, band);
  }
  return merged;
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
  const referenceTemplateTallies = reference?.templateTallies ?? [];
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
    tallies: [...(reference?.tallies ?? []), ...tallies],
    templateTallies: [...referenceTemplateTallies, ...templateTallies],
    series: [...referenceSeries, ...window.series],
  });
}
