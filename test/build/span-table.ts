/**
 * Builds analysis tables from plain literals, for tests of the rooms that read them. Parents are resolved and
 * own time computed the slow obvious way; children of one span are taken to run one after the other for the
 * critical path.
 */
import { tryBytesOfHex } from '../../src/base/bytes.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { Collected } from '../../src/model/investigation.ts';
import {
  INFRA_KINDS,
  type InfraKind,
  SPAN_KINDS,
  type SpanKind,
  STAGES,
  type Stage,
} from '../../src/model/vocabulary.ts';
import { LogTable, NO_ROW, type SeriesWindow, SpanTable } from '../../src/model/window.ts';

export interface SpanLiteral {
  readonly trace: string;
  /** 16 hex digits where logs refer to it. */
  readonly id: string;
  readonly parent?: string;
  readonly service: string;
  readonly operation: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly kind?: SpanKind;
  readonly stage?: Stage;
  readonly infra?: InfraKind;
  readonly target?: string;
  /** Error type; the span failed when given. */
  readonly error?: string;
  readonly errorMessage?: string;
  readonly version?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface LogLiteral {
  readonly timeUs: number;
  readonly service: string;
  readonly template: string;
  readonly body?: string;
  readonly severity?: number;
  readonly trace?: string;
  readonly span?: string;
  /** Place in the code. */
  readonly source?: string;
}

export function buildSpanTable(
  strings: StringDictionary,
  spans: readonly SpanLiteral[],
): SpanTable {
  const table = new SpanTable(strings);
  const attributes = spans.map((span) =>
    Object.entries({
      ...(span.version === undefined ? {} : { 'service.version': span.version }),
      ...span.attributes,
    }),
  );
  table.reserve(
    spans.length,
    attributes.reduce((sum, list) => sum + list.length, 0),
  );
  const traceIndex = new Map<string, number>();
  const rowOfId = new Map(spans.map((span, row) => [`${span.trace} ${span.id}`, row]));
  let attributeCount = 0;
  for (const [row, span] of spans.entries()) {
    if (!traceIndex.has(span.trace)) {
      traceIndex.set(span.trace, table.traceIds.length);
      table.traceIds.push(span.trace);
    }
    table.trace[row] = traceIndex.get(span.trace)!;
    const spanId = tryBytesOfHex(span.id, 8);
    if (spanId) table.spanId.set(spanId, 8 * row);
    const parent =
      span.parent === undefined ? undefined : rowOfId.get(`${span.trace} ${span.parent}`);
    table.parent[row] = parent ?? NO_ROW;
    table.isOrphan[row] = span.parent !== undefined && parent === undefined ? 1 : 0;
    table.startUs[row] = span.startUs;
    table.durationUs[row] = span.durationUs;
    table.kind[row] = SPAN_KINDS.indexOf(span.kind ?? 'internal');
    table.stage[row] = STAGES.indexOf(span.stage ?? 'other');
    table.infra[row] = INFRA_KINDS.indexOf(span.infra ?? 'none');
    table.isError[row] = span.error === undefined ? 0 : 1;
    table.service[row] = strings.idOfString(span.service);
    table.operation[row] = strings.idOfString(span.operation);
    table.errorType[row] = strings.idOfString(span.error ?? '');
    table.errorMessage[row] = strings.idOfString(span.errorMessage ?? '');
    table.target[row] = strings.idOfString(span.target ?? '');
    table.version[row] = strings.idOfString(span.version ?? '');
    for (const [key, value] of attributes[row]!) {
      table.attributeKey[attributeCount] = strings.idOfString(key);
      table.attributeText[attributeCount] = strings.idOfString(value);
      table.attributeNumber[attributeCount] = value === '' ? Number.NaN : Number(value);
      attributeCount++;
    }
    table.attributesEnd[row] = attributeCount;
  }
  table.count = spans.length;
  layOutTraces(table);
  computeOwnTime(table);
  return table;
}

function layOutTraces(table: SpanTable): void {
  const rows = Array.from({ length: table.count }, (_, row) => row);
  rows.sort((a, b) => table.trace[a]! - table.trace[b]! || table.startUs[a]! - table.startUs[b]!);
  table.traceRows = Uint32Array.from(rows);
  table.traceStart = new Uint32Array(table.traceIds.length + 1);
  for (const row of rows) table.traceStart[table.trace[row]! + 1]!++;
  for (let trace = 0; trace < table.traceIds.length; trace++) {
    table.traceStart[trace + 1]! += table.traceStart[trace]!;
  }
}

function computeOwnTime(table: SpanTable): void {
  const children = new Map<number, number[]>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent !== NO_ROW) children.set(parent, [...(children.get(parent) ?? []), row]);
  }
  for (let row = 0; row < table.count; row++) {
    const startUs = table.startUs[row]!;
    const endUs = startUs + table.durationUs[row]!;
    let cursorUs = startUs;
    let coveredUs = 0;
    const sorted = (children.get(row) ?? []).sort((a, b) => table.startUs[a]! - table.startUs[b]!);
    for (const child of sorted) {
      const fromUs = Math.max(cursorUs, table.startUs[child]!);
      const toUs = Math.min(endUs, table.startUs[child]! + table.durationUs[child]!);
      if (toUs <= fromUs) continue;
      coveredUs += toUs - fromUs;
      cursorUs = toUs;
    }
    table.selfUs[row] = table.durationUs[row]! - coveredUs;
    table.criticalUs[row] = table.selfUs[row]!;
  }
}

export function buildLogTable(strings: StringDictionary, logs: readonly LogLiteral[]): LogTable {
  const table = new LogTable(strings);
  table.reserve(logs.length);
  for (const [row, log] of logs.entries()) {
    table.timeUs[row] = log.timeUs;
    table.severity[row] = log.severity ?? 9;
    table.service[row] = strings.idOfString(log.service);
    table.template[row] = strings.idOfString(log.template);
    table.body[row] = strings.idOfString(log.body ?? log.template);
    table.traceId[row] = strings.idOfString(log.trace ?? '');
    table.spanId[row] = strings.idOfString(log.span ?? '');
    table.source[row] = strings.idOfString(log.source ?? '');
  }
  table.count = logs.length;
  return table;
}

export function buildSeries(
  literal: Pick<SeriesWindow, 'name' | 'service'> & {
    readonly values: readonly number[];
  } & Partial<Pick<SeriesWindow, 'unit' | 'kind'>>,
): SeriesWindow {
  const { name, service, values } = literal;
  return {
    seriesId: `${service}/${name}`,
    name,
    service,
    unit: literal.unit ?? '',
    kind: literal.kind ?? 'gauge',
    isMonotonic: false,
    temporality: 'unspecified',
    attributes: {},
    resource: {},
    timesUs: Float64Array.from(values, (_, index) => index * 60_000_000),
    values: Float64Array.from(values),
    exemplars: [],
  };
}

export interface PeriodLiteral {
  readonly spans?: readonly SpanLiteral[];
  readonly logs?: readonly LogLiteral[];
  readonly series?: readonly SeriesWindow[];
}

/** Ten minutes each, the reference right before the window. */
export const REFERENCE_RANGE = { fromUs: 1_700_000_000_000_000, toUs: 1_700_000_600_000_000 };
export const WINDOW_RANGE = { fromUs: 1_700_000_600_000_000, toUs: 1_700_001_200_000_000 };

export function buildCollected(
  periods: { readonly window: PeriodLiteral; readonly reference?: PeriodLiteral | undefined },
  more: Partial<
    Pick<
      Collected,
      | 'changes'
      | 'topology'
      | 'baselines'
      | 'anomalies'
      | 'templates'
      | 'overflow'
      | 'unreadablePlaces'
    >
  > & { readonly service?: string } = {},
): Collected {
  const strings = new StringDictionary();
  const period = (range: typeof WINDOW_RANGE, literal: PeriodLiteral) => ({
    range,
    spans: buildSpanTable(strings, literal.spans ?? []),
    logs: buildLogTable(strings, literal.logs ?? []),
    series: literal.series ?? [],
    isSampled: false,
    isSeriesCut: false,
  });
  return {
    request: {
      trigger: { kind: 'manual', alerts: [] },
      window: WINDOW_RANGE,
      scope: more.service === undefined ? {} : { service: more.service },
    },
    window: period(WINDOW_RANGE, periods.window),
    reference: periods.reference && period(REFERENCE_RANGE, periods.reference),
    referenceKind: periods.reference ? 'given' : 'none',
    baselines: more.baselines ?? new Map(),
    anomalies: more.anomalies ?? [],
    changes: more.changes ?? [],
    templates: more.templates ?? new Map(),
    overflow: more.overflow ?? { spans: 0, lines: 0, ofServices: 0 },
    unreadablePlaces: more.unreadablePlaces ?? 0,
    topology: more.topology ?? [],
  };
}
