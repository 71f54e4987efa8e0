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
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { SELF_SERVICE } from './ingest.ts';
import { buildLogTable, buildSeriesWindows } from './log-table.ts';
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
  const { telemetry } = dependencies;
  const strings = new StringDictionary();
  const periods = choosePeriods(request, dependencies);
  const window = readWindow(telemetry, { range: periods.window, strings, request });
  const reference =
    periods.reference && readWindow(telemetry, { range: periods.reference, strings, request });
  const hasReference = reference !== undefined && rowCountOf(reference) > 0;
  const templates = new Map(
    telemetry
      .listTemplates({})
      .map((template): [string, LogTemplate] => [template.templateId, template]),
  );
  const baselines = baselinesOf(
    hasReference ? reference : undefined,
    periods.kind,
    dependencies.learned,
  );
  const anomalies = anomaliesOf({
    window,
    reference: hasReference ? reference : undefined,
    baselines,
    templates,
  });
  const changeRange = { fromUs: periods.window.fromUs - REFERENCE_US, toUs: periods.window.toUs };
  return {
    request: { ...request, window: periods.window },
    window,
    reference: hasReference ? reference : undefined,
    referenceKind: hasReference ? periods.kind : 'none',
    baselines,
    anomalies,
    changes:
      dependencies.state?.listChanges({ range: changeRange, limit: LIMITS.queryRowsMax }) ?? [],
    templates,
    topology: dependencies.topology,
  };
}

interface Periods {
  readonly window: TimeRange;
  readonly reference: TimeRange | undefined;
  readonly kind: ReferenceKind;
}

/**
 * The caller's reference wins. Otherwise the hour before: and where an alert's window begins with healthy
 * minutes, the change point inside divides it, so that healthy traffic is the reference and not the window.
 */
function choosePeriods(request: InvestigationRequest, dependencies: CollectDependencies): Periods {
  if (request.reference) {
    return { window: request.window, reference: request.reference, kind: 'given' };
  }
  const kind: ReferenceKind = dependencies.learned.size > 0 ? 'learned' : 'hour-before';
  const before: TimeRange = {
    fromUs: request.window.fromUs - REFERENCE_US,
    toUs: request.window.fromUs,
  };
  const onsetUs = findOnsetIn(request, dependencies.telemetry);
  if (onsetUs === undefined) return { window: request.window, reference: before, kind };
  return {
    window: { fromUs: onsetUs, toUs: request.window.toUs },
    reference: { fromUs: before.fromUs, toUs: onsetUs },
    kind,
  };
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
    readonly range: TimeRange;
    readonly strings: StringDictionary;
    readonly request: InvestigationRequest;
  },
): WindowData {
  const { range, strings } = options;
  const spans = buildSpanTable(telemetry, {
    range,
    strings,
    spansMax: LIMITS.analysisSpansMax,
    ...leftOut(options.request),
  });
  const logs = buildLogTable(telemetry, { range, strings, logsMax: LIMITS.analysisLogsMax });
  const metrics = buildSeriesWindows(telemetry, { range, seriesMax: SERIES_MAX });
  return {
    range,
    spans: spans.table,
    logs: logs.table,
    series: metrics.series,
    isSampled: spans.isSampled || logs.isCut || metrics.isCut,
  };
}

/** Our own spans are no part of somebody else's incident. */
function leftOut({ scope }: InvestigationRequest): { readonly withoutService?: string } {
  return scope.service === SELF_SERVICE ? {} : { withoutService: SELF_SERVICE };
}

function rowCountOf(data: WindowData): number {
  return data.spans.count + data.logs.count + data.series.length;
}

/** Learned bands where they stand on more than the reference does, else bands of the reference itself. */
function baselinesOf(
  reference: WindowData | undefined,
  kind: ReferenceKind,
  learned: ReadonlyMap<string, EndpointBaseline>,
): ReadonlyMap<string, EndpointBaseline> {
  if (kind === 'learned' && reference === undefined) return learned;
  if (reference === undefined) return new Map();
  const source: BaselineSource = kind === 'given' ? 'given' : 'hour-before';
  const own = learnBaselines(tallyWindow(reference), {
    source,
    minutes: minutesOf(reference.range),
  });
  if (kind !== 'learned') return own;
  const merged = new Map(own);
  for (const [endpointId, band] of learned) {
    const here = own.get(endpointId);
    if (!here || band.requests > here.requests) merged.set(endpointId, band);
  }
  return merged;
}

function minutesOf(range: TimeRange): number {
  return (range.toUs - range.fromUs) / US_PER_MINUTE;
}

function anomaliesOf(input: {
  readonly window: WindowData;
  readonly reference: WindowData | undefined;
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
  readonly templates: ReadonlyMap<string, LogTemplate>;
}): readonly Anomaly[] {
  const { window, reference } = input;
  return detectAnomalies({
    range: window.range,
    tallies: tallyWindow(window),
    baselines: input.baselines,
    templateTallies: tallyTemplates(window),
    referenceTemplateTallies: reference ? tallyTemplates(reference) : [],
    referenceMinutes: reference ? minutesOf(reference.range) : 0,
    templates: input.templates,
    series: window.series,
    referenceSeries: reference?.series ?? [],
  });
}
