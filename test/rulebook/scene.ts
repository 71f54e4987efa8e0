/** Builds investigations from a few words: traces as nested calls, logs, series, changes. For tests only. */
import type { ChangeEvent } from '../../src/model/anomaly.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { Clustered } from '../../src/model/investigation.ts';
import {
  INFRA_KINDS,
  type InfraKind,
  SPAN_KIND,
  type SpanKind,
  STAGES,
  type Stage,
} from '../../src/model/vocabulary.ts';
import {
  LogTable,
  NO_ROW,
  type SeriesWindow,
  SpanTable,
  type WindowData,
} from '../../src/model/window.ts';

export interface Call {
  readonly name: string;
  readonly service: string;
  readonly kind?: SpanKind;
  readonly stage?: Stage;
  readonly infra?: InfraKind;
  readonly target?: string;
  /** After the parent's start, ms. */
  readonly at?: number;
  readonly ms: number;
  readonly error?: string;
  readonly message?: string;
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** What the clustering says of it. */
  readonly anomalous?: boolean;
  readonly calls?: readonly Call[];
}

export interface Line {
  readonly service: string;
  readonly body: string;
  readonly severity?: number;
  readonly template?: string;
}

export interface Series {
  readonly name: string;
  readonly service: string;
  readonly unit?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

export interface Period {
  readonly traces: readonly Call[];
  readonly logs?: readonly Line[];
  readonly series?: readonly Series[];
}

const MINUTE_US = 60_000_000;
export const WINDOW = {
  fromUs: 1_760_000_400_000_000,
  toUs: 1_760_000_400_000_000 + 5 * MINUTE_US,
};
const REFERENCE = { fromUs: WINDOW.fromUs - 30 * MINUTE_US, toUs: WINDOW.fromUs - 5 * MINUTE_US };

export function sceneOf(scene: {
  readonly window: Period;
  readonly reference?: Period;
  readonly changes?: readonly ChangeEvent[];
  readonly templates?: Readonly<Record<string, string>>;
}): Clustered {
  const strings = new StringDictionary();
  const { data, anomalousRows, anomalousTraces } = periodOf(scene.window, WINDOW, strings);
  const templates = Object.entries(scene.templates ?? {}).map(
    ([templateId, text]) =>
      [templateId, { templateId, service: 'bot', text, firstSeenUs: 0 }] as const,
  );
  return {
    request: { trigger: { kind: 'manual', alerts: [] }, window: WINDOW, scope: {} },
    window: data,
    reference: scene.reference && periodOf(scene.reference, REFERENCE, strings).data,
    referenceKind: scene.reference ? 'given' : 'none',
    baselines: new Map(),
    anomalies: [],
    changes: scene.changes ?? [],
    templates: new Map(templates),
    overflow: { spans: 0, lines: 0, ofServices: 0 },
    unreadablePlaces: 0,
    topology: [],
    clustering: {
      clusters: [],
      classes: [],
      coverage: 1,
      anomalousCount: anomalousRows.length,
      anomalousRows,
      anomalousTraces,
    },
  };
}

function periodOf(
  period: Period,
  range: typeof WINDOW,
  strings: StringDictionary,
): {
  readonly data: WindowData;
  readonly anomalousRows: Uint32Array;
  readonly anomalousTraces: Uint32Array;
} {
  const table = new SpanTable(strings);
  const anomalous: number[] = [];
  const starts = [0];
  const stepUs = (range.toUs - range.fromUs) / Math.max(1, period.traces.length);
  period.traces.forEach((root, trace) => {
    table.traceIds.push(trace.toString(16).padStart(32, '0'));
    addCall(root, {
      table,
      trace,
      parent: NO_ROW,
      startUs: range.fromUs + trace * stepUs,
      anomalous,
    });
    starts.push(table.count);
  });
  table.traceStart = Uint32Array.from(starts);
  table.traceRows = Uint32Array.from({ length: table.count }, (_, row) => row).sort(
    (a, b) => table.trace[a]! - table.trace[b]! || table.startUs[a]! - table.startUs[b]! || a - b,
  );
  const data = {
    range,
    spans: table,
    logs: logsOf(period.logs ?? [], range, strings),
    series: (period.series ?? []).map((series, index) => seriesOf(series, index, range)),
    isSampled: false,
    isSeriesCut: false,
  };
  return {
    data,
    anomalousRows: Uint32Array.from(anomalous).sort(),
    anomalousTraces: Uint32Array.from(new Set(anomalous.map((row) => table.trace[row]!))).sort(),
  };
}

interface Place {
  readonly table: SpanTable;
  readonly trace: number;
  readonly parent: number;
  readonly startUs: number;
  readonly anomalous: number[];
}

function addCall(call: Call, place: Place): void {
  const { table, parent } = place;
  const { strings } = table;
  const row = table.count++;
  const attributes = Object.entries(call.attributes ?? {});
  table.reserve(256 * Math.ceil(table.count / 256), 4096 * Math.ceil((row + 1) / 128));
  const startUs = place.startUs + 1000 * (call.at ?? 0);
  table.trace[row] = place.trace;
  table.parent[row] = parent;
  table.startUs[row] = startUs;
  table.durationUs[row] = 1000 * call.ms;
  table.selfUs[row] = 1000 * Math.max(0, call.ms - coveredMs(call));
  table.kind[row] = SPAN_KIND[call.kind ?? 'internal'];
  table.stage[row] = STAGES.indexOf(call.stage ?? 'other');
  table.infra[row] = INFRA_KINDS.indexOf(call.infra ?? 'none');
  table.isError[row] = call.error === undefined ? 0 : 1;
  table.service[row] = strings.idOfString(call.service);
  table.operation[row] = strings.idOfString(call.name);
  table.errorType[row] = strings.idOfString(call.error ?? '');
  table.errorMessage[row] = strings.idOfString(call.message ?? '');
  table.target[row] = strings.idOfString(call.target ?? '');
  const from = table.attributesStart(row);
  attributes.forEach(([key, value], index) => {
    table.attributeKey[from + index] = strings.idOfString(key);
    table.attributeText[from + index] = strings.idOfString(String(value));
    table.attributeNumber[from + index] = typeof value === 'number' ? value : Number.NaN;
  });
  table.attributesEnd[row] = from + attributes.length;
  if (call.anomalous) place.anomalous.push(row);
  for (const child of call.calls ?? []) addCall(child, { ...place, parent: row, startUs });
}

/** Union of the children's times, clipped to the call. */
function coveredMs(call: Call): number {
  const spans = (call.calls ?? [])
    .map(({ at = 0, ms }) => [at, Math.min(call.ms, at + ms)] as const)
    .sort(([a], [b]) => a - b);
  let covered = 0;
  let until = 0;
  for (const [from, to] of spans) {
    covered += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return covered;
}

function logsOf(lines: readonly Line[], range: typeof WINDOW, strings: StringDictionary): LogTable {
  const table = new LogTable(strings);
  table.reserve(lines.length);
  lines.forEach(({ service, body, severity, template }, row) => {
    table.timeUs[row] = range.fromUs + row;
    table.severity[row] = severity ?? 9;
    table.service[row] = strings.idOfString(service);
    table.body[row] = strings.idOfString(body);
    table.template[row] = strings.idOfString(template ?? '');
    table.count++;
  });
  return table;
}

function seriesOf(
  { name, service, unit, attributes, values }: Series,
  index: number,
  range: typeof WINDOW,
): SeriesWindow {
  return {
    seriesId: String(index),
    name,
    unit: unit ?? '',
    kind: 'gauge',
    isMonotonic: false,
    temporality: 'unspecified',
    service,
    attributes: attributes ?? {},
    resource: {},
    timesUs: Float64Array.from(values, (_, at) => range.fromUs + at),
    values: Float64Array.from(values),
    exemplars: [],
  };
}
