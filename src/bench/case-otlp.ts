/** The telemetry of a simulated case as OTLP/JSON lines, as a Collector's file exporter writes them. */
import { type CaseMetric, DURATION_BOUNDS, type Durations, type Sample } from './case-metrics.ts';
import type { AttributeValue, CaseLog, CaseSpan, Place } from './case-record.ts';

export interface EncodeOptions {
  /** Epoch milliseconds of time 0. */
  readonly baseMs: number;
}

/** Rows in a line: about what a batch processor sends. */
const ROWS_PER_LINE = 1000;

export function encodeSpans(spans: readonly CaseSpan[], options: EncodeOptions): string {
  const ordered = [...spans].sort((a, b) => a.endMs - b.endMs);
  return linesOf(ordered, (batch) => ({
    resourceSpans: byPlace(batch).map(([resource, members]) => ({
      resource,
      scopeSpans: [{ scope: { name: 'app' }, spans: members.map((span) => spanOf(span, options)) }],
    })),
  }));
}

function spanOf(span: CaseSpan, { baseMs }: EncodeOptions): object {
  const { failure, place } = span;
  const skewedMs = baseMs + place.service.skewMs;
  const attributes = failure ? { ...span.attributes, 'error.type': failure.type } : span.attributes;
  const exception = failure && {
    'exception.type': failure.type,
    'exception.message': failure.message,
  };
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId === '' ? {} : { parentSpanId: span.parentId }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: nanosOf(skewedMs + span.startMs),
    endTimeUnixNano: nanosOf(skewedMs + Math.max(span.startMs + 0.001, span.endMs)),
    attributes: attributesOf(attributes),
    ...(exception === undefined
      ? {}
      : {
          status: { code: 2, message: failure?.message },
          events: [
            {
              timeUnixNano: nanosOf(skewedMs + span.endMs),
              name: 'exception',
              attributes: attributesOf(exception),
            },
          ],
        }),
  };
}

export function encodeLogs(logs: readonly CaseLog[], options: EncodeOptions): string {
  const ordered = [...logs].sort((a, b) => a.timeMs - b.timeMs);
  return linesOf(ordered, (batch) => ({
    resourceLogs: byPlace(batch).map(([resource, members]) => ({
      resource,
      scopeLogs: [{ scope: {}, logRecords: members.map((log) => logOf(log, options)) }],
    })),
  }));
}

const SEVERITY_NUMBERS = { INFO: 9, WARN: 13, ERROR: 17 } as const;

function logOf(log: CaseLog, { baseMs }: EncodeOptions): object {
  const { source } = log;
  const timeUnixNano = nanosOf(baseMs + log.place.service.skewMs + log.timeMs);
  return {
    timeUnixNano,
    severityNumber: SEVERITY_NUMBERS[log.severity],
    severityText: log.severity,
    body: { stringValue: log.body },
    traceId: log.traceId,
    spanId: log.spanId,
    attributes: source
      ? attributesOf({ 'code.namespace': source.name, 'code.lineno': source.line })
      : [],
  };
}

/** One line a time of sampling. */
export function encodeMetrics(
  samples: readonly Sample[],
  { baseMs, stepMs }: EncodeOptions & { readonly stepMs: number },
): string {
  const byTime = new Map<number, Sample[]>();
  for (const sample of samples) {
    const known = byTime.get(sample.timeMs);
    if (known) known.push(sample);
    else byTime.set(sample.timeMs, [sample]);
  }
  return [...byTime.values()]
    .map((members) => {
      const resourceMetrics = members.map(({ resource, timeMs, metrics }) => ({
        resource: { attributes: attributesOf(resource) },
        scopeMetrics: [
          {
            scope: {},
            metrics: metrics.map((metric) =>
              metricOf(metric, { fromMs: baseMs + timeMs - stepMs, toMs: baseMs + timeMs }),
            ),
          },
        ],
      }));
      return `${JSON.stringify({ resourceMetrics })}\n`;
    })
    .join('');
}

/** Of OTLP. */
const DELTA = 1;

function metricOf(
  { name, unit, attributes, value }: CaseMetric,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): object {
  const times = { startTimeUnixNano: nanosOf(fromMs), timeUnixNano: nanosOf(toMs) };
  const point = { ...times, attributes: attributesOf(attributes) };
  if (typeof value === 'number') {
    return { name, unit, gauge: { dataPoints: [{ ...point, asDouble: value }] } };
  }
  return {
    name,
    unit,
    histogram: { aggregationTemporality: DELTA, dataPoints: [{ ...point, ...histogramOf(value) }] },
  };
}

function histogramOf({ count, sum, bucketCounts }: Durations): object {
  return {
    count: String(count),
    sum,
    bucketCounts: bucketCounts.map(String),
    explicitBounds: DURATION_BOUNDS,
  };
}

function linesOf<Row>(rows: readonly Row[], encode: (batch: readonly Row[]) => object): string {
  let text = '';
  for (let from = 0; from < rows.length; from += ROWS_PER_LINE) {
    text += `${JSON.stringify(encode(rows.slice(from, from + ROWS_PER_LINE)))}\n`;
  }
  return text;
}

/** Resources in order of first mention, with their rows. */
function byPlace<Row extends { readonly place: Place }>(
  rows: readonly Row[],
): readonly (readonly [object, readonly Row[]])[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.place.pod} ${row.place.version}`;
    const known = groups.get(key);
    if (known) known.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].map((members) => [resourceOf(members[0]!.place), members] as const); // none is empty
}

function resourceOf({ service, pod, version }: Place): object {
  return {
    attributes: attributesOf({
      'service.name': service.name,
      'service.version': version,
      'k8s.pod.name': pod,
      'k8s.node.name': service.machine,
      'telemetry.sdk.language': service.language,
    }),
  };
}

function attributesOf(values: Readonly<Record<string, AttributeValue>>): readonly object[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}

/** Whole microseconds: a double does not hold nanoseconds since 1970. */
function nanosOf(epochMs: number): string {
  return `${Math.round(epochMs * 1000)}000`;
}
