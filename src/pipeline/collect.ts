/**
 * Step 1 of an investigation, 采集: reads the window, finds its reference, learns what is normal and lists
 * what is not. Reads the store only; every read has a range and a bound.
 */
import { LIMITS } from '../base/limits.ts';
import { type TimeRange, US_PER_HOUR, US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';
import { learnBaselines } from '../baseline/baseline.ts';
import { detectAnomalies } from '../detect/detect.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { BaselineSource, EndpointBaseline } from '../model/baseline.ts';
import { StringDictionary } from '../model/dictionary.ts';
import type { Collected, InvestigationRequest } from '../model/investigation.ts';
import type { ReferenceKind } from '../model/report.ts';
import type { LogTemplate } from '../model/tally.ts';
import type { SpanTable, WindowData } from '../model/window.ts';
import type { StateStore } from '../store/api/state.ts';
import type { Page, SeriesPoints, TelemetryReader } from '../store/api/telemetry.ts';
import { buildLogTable } from './log-table.ts';
import { readOverflow } from './overflow.ts';
import { minutesOf, type Period } from './period.ts';
import { withPictures } from './pictures.ts';
import { readProfilesOf } from './profile-window.ts';
import {
  type Reading,
  readSpans,
  referenceSample,
  type SpanSample,
  sampleWithout,
  shareRead,
  storedTallies,
  type Tallies,
  windowSample,
} from './sample.ts';
import { buildSeriesWindows, readSeriesPages } from './series-window.ts';
import { layOut } from './span-table.ts';
import { findUnsteady } from './steady-reference.ts';
import { findOnsetIn } from './window-onset.ts';
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
const REFERENCE_US_MIN = 20 * US_PER_SECOND;
/** Metric series of a window. */
const SERIES_MAX = 20_000;

export function collect(
  request: InvestigationRequest,
  dependencies: CollectDependencies,
): Collected {
  const { telemetry, state } = dependencies;
  const strings = new StringDictionary();
  const reading: Reading = { telemetry, strings, request };
  const asked = layOutAsked(reading);
  const periods = choosePeriods(asked, { reading, dependencies });
  const pages = readSeriesPages(
    telemetry,
    { window: periods.window, reference: periods.reference.range },
    SERIES_MAX,
  );
  const window = readWindow(asked, { range: periods.window, reading, page: pages.window });
  const reference = readReference(periods, reading, pages.reference);
  const templates = new Map(
    telemetry
      .listTemplates({})
      .map((template): [string, LogTemplate] => [template.templateId, template]),
  );
  const baselines = baselinesOf(reference, periods.kind, dependencies.learned);
  const changeRange = { fromUs: periods.window.fromUs - REFERENCE_US, toUs: periods.window.toUs };
  return {
    request: { ...request, window: periods.window },
    window: window.data,
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

/** What was asked about, and its traces. */
interface Asked {
  readonly sample: SpanSample;
  readonly table: SpanTable;
}

/** One period's data and what was counted of it. */
interface Counted extends Tallies {
  readonly data: WindowData;
}

interface Periods {
  readonly window: TimeRange;
  readonly reference: Period;
  readonly kind: ReferenceKind;
}

/** And on how many minutes it stands. */
interface Reference extends Counted {
  readonly minutes: number;
}

function layOutAsked(reading: Reading): Asked {
  const wanted = windowSample(reading.request.window, reading.telemetry);
  const sample = readSpans(reading, wanted);
  return { sample, table: layOut(sample.rows, { period: sample.spans }).table };
}

/**
 * The caller's reference wins. Otherwise the hour before: and where an alert's window begins with healthy
 * minutes, the change point inside divides it, so that healthy traffic is the reference and not the window.
 * Earlier incidents are no part of a reference.
 */
function choosePeriods(
  asked: Asked,
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

/** The window that turned out; of one in slices that an onset divides, the part behind it has slices of its own. */
function readWindow({ sample, table }: Asked, { range, reading, page }: PartOf): Counted {
  const isDivided = range.fromUs > sample.whole.range.fromUs;
  const { data, otherServices } =
    sample.isSliced && isDivided
      ? windowOf(readSpans(reading, windowSample(range, reading.telemetry)), {
          range,
          reading,
          page,
        })
      : windowOf(sample, { range, reading, page, ...(isDivided ? {} : { table }) });
  if (!data.isSampled) return { data, ...ownTallies(data) };
  const stored = storedTallies({ range, without: [] }, reading, otherServices);
  // without a whole minute there are none
  return { data, ...(stored.tallies.length > 0 ? stored : ownTallies(data)) };
}

/** Undefined when the reference holds nothing. A period that nobody named begins where its data begin. */
function readReference(
  { reference: asked, kind }: Periods,
  reading: Reading,
  page: Page<SeriesPoints>,
): Reference | undefined {
  const { telemetry } = reading;
  const wanted = referenceSample(asked, { telemetry, rowsMax: LIMITS.referenceRowsMax });
  const sample = readSpans(reading, wanted);
  const { range } = asked;
  const whole = windowOf(sample, { range, reading, page });
  if (isEmpty(whole.data)) return undefined;
  const unsteady = findUnsteady(whole.data.spans, range);
  const steady = sampleWithout(sample, unsteady);
  const { data, otherServices } =
    unsteady.length === 0 ? whole : windowOf(steady, { range, reading, page });
  const { without } = steady.whole;
  const minutesFrom = (fromUs: number) =>
    minutesOf({ range: { fromUs, toUs: range.toUs }, without });
  if (sample.isSliced) {
    const stored = storedTallies(steady.whole, reading, otherServices);
    const beginUs = Math.min(...stored.tallies.map(({ minuteUs }) => minuteUs), range.toUs);
    return { data, minutes: minutesFrom(beginUs), ...stored };
  }
  const counted = ownTallies(data);
  if (kind === 'given') return { data, minutes: minutesFrom(range.fromUs), ...counted };
  const fromUs = Math.max(range.fromUs, beginOf(data));
  const counts = { minutes: minutesFrom(fromUs), ...counted };
  return { data: { ...data, range: { fromUs, toUs: range.toUs } }, ...counts };
}

function ownTallies(data: WindowData): Tallies {
  return { tallies: tallyWindow(data), templateTallies: tallyTemplates(data) };
}

function isEmpty({ spans, logs, series, profiles = [] }: WindowData): boolean {
  return spans.count + logs.count + series.length + profiles.length === 0;
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

/** A period whose other signals are still to be read. */
interface PartOf {
  readonly range: TimeRange;
  readonly reading: Reading;
  readonly page: Page<SeriesPoints>;
}

/** All signals of the sample's period, or of the later part of it that is `range`. */
function windowOf(
  sample: SpanSample,
  { range, reading, page, table }: PartOf & { readonly table?: SpanTable },
): { readonly data: WindowData; readonly otherServices: ReadonlySet<string> } {
  const { telemetry, strings, request } = reading;
  const { service } = request.scope;
  const inRange = ({ without }: Period) => ({ range, without });
  const spans =
    table !== undefined && service === undefined
      ? { table, otherServices: new Set<string>() }
      : layOut(sample.rows, {
          period: inRange(sample.spans),
          ...(service === undefined ? {} : { throughService: service }),
        });
  // Logs and metrics of services whose requests never meet the one that was asked about are other trouble.
  const withoutServices = spans.otherServices;
  const logs = buildLogTable(telemetry, strings, {
    period: inRange(sample.logs),
    withoutServices,
    ...(sample.logs === sample.whole ? {} : { traces: sample.rows.tracesOfLines() }),
  });
  const { without } = sample.whole;
  const metrics = buildSeriesWindows(page, { range, without, withoutServices });
  const data = {
    range,
    spans: spans.table,
    logs,
    series: metrics.series,
    isSampled: sample.isSliced,
    keptShare: shareRead(sample.spans, sample, range),
    keptLogShare: shareRead(sample.logs, sample, range),
    isSeriesCut: metrics.isCut,
    ...readProfilesOf(inRange(sample.whole), { telemetry, spans: spans.table }),
  };
  return { data, otherServices: withoutServices };
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
  readonly window: Counted;
  readonly reference: Reference | undefined;
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
  readonly templates: ReadonlyMap<string, LogTemplate>;
}): readonly Anomaly[] {
  const { window, reference } = input;
  const { data, tallies, templateTallies } = window;
  const referenceTemplateTallies = reference?.templateTallies ?? [];
  const referenceSeries = reference?.data.series ?? [];
  const anomalies = detectAnomalies({
    range: data.range,
    tallies,
    baselines: input.baselines,
    templateTallies,
    referenceTemplateTallies,
    referenceMinutes: reference?.minutes ?? 0,
    templates: input.templates,
    series: data.series,
    referenceSeries,
  });
  if (anomalies.length === 0) return anomalies;
  return withPictures(anomalies, {
    tallies: [...(reference?.tallies ?? []), ...tallies],
    templateTallies: [...referenceTemplateTallies, ...templateTallies],
    series: [...referenceSeries, ...data.series],
  });
}
