/** Encodes a draft as OTLP/JSON and notes where its ids and times stand. Runs before the load only. */
import { type EncodedBody, FRESH_DIGITS, SLOT, TIME_DIGITS } from './body.ts';
import type {
  Attribute,
  LogDraft,
  MetricDraft,
  PointDraft,
  RequestDraft,
  SpanDraft,
} from './draft.ts';
import { SlotList } from './slot-list.ts';

/** A value that is filled in later: encoded as a string of this many characters. */
class Hole {
  readonly kind: number;
  readonly size: number;
  readonly index: number;
  readonly offsetNs: number;

  constructor(
    kind: number,
    options: { readonly size: number; readonly index?: number; readonly offsetNs?: number },
  ) {
    this.kind = kind;
    this.size = options.size;
    this.index = options.index ?? 0;
    this.offsetNs = options.offsetNs ?? 0;
  }
}

export function encodeJson(draft: RequestDraft): EncodedBody {
  const writer = new JsonWriter();
  writer.value(requestOf(draft));
  const { itemCount, traceCount, spanCount } = draft;
  return { ...writer.finish(), itemCount, traceCount, spanCount };
}

function requestOf(draft: RequestDraft): object {
  switch (draft.signal) {
    case 'traces':
      return {
        resourceSpans: draft.groups.map(({ resource, scopeName, items }) => ({
          resource: { attributes: resource.map(attributeOf) },
          scopeSpans: [{ scope: { name: scopeName }, spans: items.map(spanOf) }],
        })),
      };
    case 'logs':
      return {
        resourceLogs: draft.groups.map(({ resource, scopeName, items }) => ({
          resource: { attributes: resource.map(attributeOf) },
          scopeLogs: [{ scope: { name: scopeName }, logRecords: items.map(logOf) }],
        })),
      };
    default:
      return {
        resourceMetrics: draft.groups.map(({ resource, scopeName, items }) => ({
          resource: { attributes: resource.map(attributeOf) },
          scopeMetrics: [{ scope: { name: scopeName }, metrics: items.map(metricOf) }],
        })),
      };
  }
}

function spanOf(span: SpanDraft): object {
  return {
    traceId: traceIdOf(span.traceIndex),
    spanId: spanIdOf(span.spanIndex),
    ...(span.parentIndex === undefined ? {} : { parentSpanId: spanIdOf(span.parentIndex) }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: timeOf(span.startOffsetNs),
    endTimeUnixNano: timeOf(span.endOffsetNs),
    attributes: span.attributes.map(attributeOf),
    status: span.isError ? { code: 2 } : {},
  };
}

function logOf(log: LogDraft): object {
  return {
    timeUnixNano: timeOf(log.timeOffsetNs),
    observedTimeUnixNano: timeOf(log.timeOffsetNs),
    severityNumber: log.severity,
    severityText: log.severityText,
    body: { stringValue: log.body },
    attributes: log.attributes.map(attributeOf),
    ...(log.trace
      ? { traceId: traceIdOf(log.trace.traceIndex), spanId: spanIdOf(log.trace.spanIndex) }
      : {}),
  };
}

function metricOf(metric: MetricDraft): object {
  const dataPoints = metric.points.map(pointOf);
  const sum = { dataPoints, aggregationTemporality: 2 };
  return {
    name: metric.name,
    unit: metric.unit,
    ...(metric.kind === 'gauge' ? { gauge: { dataPoints } } : {}),
    ...(metric.kind === 'sum' ? { sum: { ...sum, isMonotonic: true } } : {}),
    ...(metric.kind === 'histogram' ? { histogram: sum } : {}),
  };
}

function pointOf(point: PointDraft): object {
  const { value } = point;
  const common = {
    startTimeUnixNano: timeOf(point.startOffsetNs),
    timeUnixNano: timeOf(point.timeOffsetNs),
    attributes: point.attributes.map(attributeOf),
  };
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? { ...common, asInt: String(value) }
      : { ...common, asDouble: value };
  }
  return {
    ...common,
    count: String(value.count),
    sum: value.sum,
    bucketCounts: value.bucketCounts.map(String),
    explicitBounds: value.bounds,
  };
}

function attributeOf({ key, value }: Attribute): object {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  if (typeof value === 'object') {
    const hole = new Hole(SLOT.fresh, { size: FRESH_DIGITS, index: value.traceIndex });
    return { key, value: { stringValue: hole } };
  }
  if (Number.isInteger(value)) return { key, value: { intValue: String(value) } };
  return { key, value: { doubleValue: value } };
}

const traceIdOf = (index: number): Hole => new Hole(SLOT.traceId, { size: 32, index });
const spanIdOf = (index: number): Hole => new Hole(SLOT.spanId, { size: 16, index });
const timeOf = (offsetNs: number): Hole => new Hole(SLOT.time, { size: TIME_DIGITS, offsetNs });

class JsonWriter {
  readonly #parts: Buffer[] = [];
  readonly #slots = new SlotList();
  #sizeBytes = 0;

  finish(): Pick<EncodedBody, 'bytes' | 'slots'> {
    return { bytes: Buffer.concat(this.#parts), slots: this.#slots.finish() };
  }

  value(value: unknown): void {
    if (value instanceof Hole) this.#hole(value);
    else if (Array.isArray(value)) this.#list(value);
    else if (typeof value === 'object' && value !== null) this.#object(value);
    else this.#text(JSON.stringify(value));
  }

  #list(list: readonly unknown[]): void {
    this.#text('[');
    list.forEach((item, index) => {
      if (index > 0) this.#text(',');
      this.value(item);
    });
    this.#text(']');
  }

  #object(object: object): void {
    this.#text('{');
    Object.entries(object).forEach(([key, item], index) => {
      this.#text(`${index > 0 ? ',' : ''}${JSON.stringify(key)}:`);
      this.value(item);
    });
    this.#text('}');
  }

  #hole({ kind, size, index, offsetNs }: Hole): void {
    this.#slots.add({ kind, at: this.#sizeBytes + 1, index, offsetNs });
    this.#text(`"${'0'.repeat(size)}"`);
  }

  #text(text: string): void {
    const bytes = Buffer.from(text);
    this.#parts.push(bytes);
    this.#sizeBytes += bytes.length;
  }
}
