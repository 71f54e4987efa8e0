/**
 * What a decoded batch is: typed arrays and one dictionary, no object per span. The same classes hold a
 * group on its way to the disk and a block that was read back.
 *
 * Lists of a row (attributes, events, links) are stored one after the other; `…End[row]` is where the
 * row's list ends and `…End[row - 1]` (0 for row 0) where it begins.
 */
import { grown, type StringDictionary } from './dictionary.ts';

/** Types of an attribute value or log body in a column, and what `values` holds for each. */
export const VALUE_TYPE = {
  /** No value set; `values` = 0. */
  empty: 0,
  /** `values` = string id. */
  string: 1,
  /** `values` = 0 or 1. */
  bool: 2,
  /** An int64 within ±2^53; `values` = the number. */
  int: 3,
  /** `values` = the number, NaN and infinities included. */
  double: 4,
  /** `values` = string id of the OTLP/JSON text of the whole AnyValue (array, kvlist, bytes). */
  json: 5,
  /** An int64 beyond ±2^53; `values` = string id of its decimal text. */
  wideInt: 6,
} as const;

/** A list of key/value pairs in columns. */
export class AttributeColumns {
  count = 0;
  keys = new Uint32Array(64);
  types = new Uint8Array(64);
  values = new Float64Array(64);

  push(key: number, type: number, value: number): void {
    const at = this.count;
    if (at >= this.keys.length) this.reserve(at + 1);
    this.keys[at] = key;
    this.types[at] = type;
    this.values[at] = value;
    this.count = at + 1;
  }

  /** Makes room for this many in all. */
  reserve(count: number): void {
    if (count <= this.keys.length) return;
    const capacity = Math.max(count, 2 * this.keys.length, 64);
    this.keys = grown(this.keys, capacity);
    this.types = grown(this.types, capacity);
    this.values = grown(this.values, capacity);
  }
}

/** One attribute outside the hot path: resources, scopes, series. `value` is as in AttributeColumns. */
export interface AttributeEntry {
  readonly key: number;
  readonly type: number;
  readonly value: number;
}

export interface ResourceEntry {
  readonly attributes: readonly AttributeEntry[];
  readonly droppedAttributesCount: number;
  /** String id. */
  readonly schemaUrl: number;
}

export interface ScopeEntry extends ResourceEntry {
  /** String ids. */
  readonly name: number;
  readonly version: number;
}

/** Span events of many spans. */
export class EventColumns {
  count = 0;
  timeUs = new Float64Array(16);
  /** Nanoseconds below the microsecond, 0–999. */
  timeNs = new Uint16Array(16);
  name = new Uint32Array(16);
  droppedAttributesCount = new Uint32Array(16);
  attributesEnd = new Uint32Array(16);
  readonly attributes = new AttributeColumns();

  /** Adds an empty event and returns its row; the caller fills the fields and closes with endRow(). */
  addRow(): number {
    const row = this.count++;
    if (row === this.timeUs.length) {
      const capacity = 2 * row;
      this.timeUs = grown(this.timeUs, capacity);
      this.timeNs = grown(this.timeNs, capacity);
      this.name = grown(this.name, capacity);
      this.droppedAttributesCount = grown(this.droppedAttributesCount, capacity);
      this.attributesEnd = grown(this.attributesEnd, capacity);
    }
    this.timeUs[row] = 0;
    this.timeNs[row] = 0;
    this.name[row] = 0;
    this.droppedAttributesCount[row] = 0;
    return row;
  }

  endRow(row: number): void {
    this.attributesEnd[row] = this.attributes.count;
  }

  truncate(count: number): void {
    this.count = count;
    this.attributes.count = count === 0 ? 0 : this.attributesEnd[count - 1]!;
  }
}

/** Span links of many spans. */
export class LinkColumns {
  count = 0;
  traceId = new Uint8Array(16 * 16);
  spanId = new Uint8Array(16 * 8);
  traceState = new Uint32Array(16);
  flags = new Uint32Array(16);
  droppedAttributesCount = new Uint32Array(16);
  attributesEnd = new Uint32Array(16);
  readonly attributes = new AttributeColumns();

  addRow(): number {
    const row = this.count++;
    if (row === this.flags.length) {
      const capacity = 2 * row;
      this.traceId = grown(this.traceId, 16 * capacity);
      this.spanId = grown(this.spanId, 8 * capacity);
      this.traceState = grown(this.traceState, capacity);
      this.flags = grown(this.flags, capacity);
      this.droppedAttributesCount = grown(this.droppedAttributesCount, capacity);
      this.attributesEnd = grown(this.attributesEnd, capacity);
    }
    clearId(this.traceId, 16 * row, 16);
    clearId(this.spanId, 8 * row, 8);
    this.traceState[row] = 0;
    this.flags[row] = 0;
    this.droppedAttributesCount[row] = 0;
    return row;
  }

  endRow(row: number): void {
    this.attributesEnd[row] = this.attributes.count;
  }

  truncate(count: number): void {
    this.count = count;
    this.attributes.count = count === 0 ? 0 : this.attributesEnd[count - 1]!;
  }
}

export class SpanColumns {
  readonly strings: StringDictionary;
  readonly resources: ResourceEntry[] = [];
  readonly scopes: ScopeEntry[] = [];
  count = 0;
  capacity = 0;

  // as sent
  traceId = new Uint8Array(0);
  spanId = new Uint8Array(0);
  /** All zero: a root. */
  parentSpanId = new Uint8Array(0);
  startUs = new Float64Array(0);
  startNs = new Uint16Array(0);
  /** End − start, exact; negative when the sender's end lies before its start. */
  durationNs = new Float64Array(0);
  /** SpanKind 0–5 of OTLP. */
  kind = new Uint8Array(0);
  /** Status code of OTLP: 0 unset, 1 ok, 2 error. */
  statusCode = new Uint8Array(0);
  flags = new Uint32Array(0);
  name = new Uint32Array(0);
  statusMessage = new Uint32Array(0);
  traceState = new Uint32Array(0);
  /** Index into `resources` and `scopes`. */
  resource = new Uint32Array(0);
  scope = new Uint32Array(0);
  droppedAttributesCount = new Uint32Array(0);
  droppedEventsCount = new Uint32Array(0);
  droppedLinksCount = new Uint32Array(0);
  attributesEnd = new Uint32Array(0);
  eventsEnd = new Uint32Array(0);
  linksEnd = new Uint32Array(0);
  readonly attributes = new AttributeColumns();
  readonly events = new EventColumns();
  readonly links = new LinkColumns();

  // computed by normalisation (src/coze)
  /** Index into STAGES. */
  stage = new Uint8Array(0);
  /** Index into INFRA_KINDS. */
  infra = new Uint8Array(0);
  /** 1 when the span failed by any sign, not only by its status code. */
  isError = new Uint8Array(0);
  /** String ids; 0 = unknown. */
  service = new Uint32Array(0);
  errorType = new Uint32Array(0);
  /** What an outgoing call talks to: `db postgresql orders-db:5432`, `http api.weather.example`. */
  target = new Uint32Array(0);
  /** Canonical attributes that the sender wrote under other names, or that were computed. */
  readonly derived = new AttributeColumns();
  derivedEnd = new Uint32Array(0);

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  /** Adds a zeroed row and returns its index. The caller closes it with endRow(). */
  addRow(): number {
    const row = this.count;
    if (row === this.capacity) this.#grow(Math.max(256, 2 * this.capacity));
    this.count = row + 1;
    clearId(this.traceId, 16 * row, 16);
    clearId(this.spanId, 8 * row, 8);
    clearId(this.parentSpanId, 8 * row, 8);
    this.startUs[row] = 0;
    this.startNs[row] = 0;
    this.durationNs[row] = 0;
    this.kind[row] = 0;
    this.statusCode[row] = 0;
    this.flags[row] = 0;
    this.name[row] = 0;
    this.statusMessage[row] = 0;
    this.traceState[row] = 0;
    this.resource[row] = 0;
    this.scope[row] = 0;
    this.droppedAttributesCount[row] = 0;
    this.droppedEventsCount[row] = 0;
    this.droppedLinksCount[row] = 0;
    this.stage[row] = 0;
    this.infra[row] = 0;
    this.isError[row] = 0;
    this.service[row] = 0;
    this.errorType[row] = 0;
    this.target[row] = 0;
    return row;
  }

  endRow(row: number): void {
    this.attributesEnd[row] = this.attributes.count;
    this.eventsEnd[row] = this.events.count;
    this.linksEnd[row] = this.links.count;
  }

  /** Drops rows from the end, with their attributes, events and links: undoes a request that failed. */
  truncate(count: number): void {
    this.count = count;
    this.attributes.count = count === 0 ? 0 : this.attributesEnd[count - 1]!;
    this.events.truncate(count === 0 ? 0 : this.eventsEnd[count - 1]!);
    this.links.truncate(count === 0 ? 0 : this.linksEnd[count - 1]!);
  }

  /** Makes it empty for other rows; dictionary and arrays stay. */
  clear(): void {
    this.truncate(0);
    this.derived.count = 0;
    this.resources.length = 0;
    this.scopes.length = 0;
  }

  /** Makes room for this many rows in all; a decoder that knows the count fills the arrays itself. */
  reserve(rows: number): void {
    if (rows > this.capacity) this.#grow(rows);
  }

  #grow(capacity: number): void {
    this.capacity = capacity;
    this.traceId = grown(this.traceId, 16 * capacity);
    this.spanId = grown(this.spanId, 8 * capacity);
    this.parentSpanId = grown(this.parentSpanId, 8 * capacity);
    this.startUs = grown(this.startUs, capacity);
    this.startNs = grown(this.startNs, capacity);
    this.durationNs = grown(this.durationNs, capacity);
    this.kind = grown(this.kind, capacity);
    this.statusCode = grown(this.statusCode, capacity);
    this.flags = grown(this.flags, capacity);
    this.name = grown(this.name, capacity);
    this.statusMessage = grown(this.statusMessage, capacity);
    this.traceState = grown(this.traceState, capacity);
    this.resource = grown(this.resource, capacity);
    this.scope = grown(this.scope, capacity);
    this.droppedAttributesCount = grown(this.droppedAttributesCount, capacity);
    this.droppedEventsCount = grown(this.droppedEventsCount, capacity);
    this.droppedLinksCount = grown(this.droppedLinksCount, capacity);
    this.attributesEnd = grown(this.attributesEnd, capacity);
    this.eventsEnd = grown(this.eventsEnd, capacity);
    this.linksEnd = grown(this.linksEnd, capacity);
    this.stage = grown(this.stage, capacity);
    this.infra = grown(this.infra, capacity);
    this.isError = grown(this.isError, capacity);
    this.service = grown(this.service, capacity);
    this.errorType = grown(this.errorType, capacity);
    this.target = grown(this.target, capacity);
    this.derivedEnd = grown(this.derivedEnd, capacity);
  }
}

export class LogColumns {
  readonly strings: StringDictionary;
  readonly resources: ResourceEntry[] = [];
  readonly scopes: ScopeEntry[] = [];
  count = 0;
  capacity = 0;

  // as sent
  /** The record's time, or its observed time when the sender gave none. */
  timeUs = new Float64Array(0);
  timeNs = new Uint16Array(0);
  observedUs = new Float64Array(0);
  observedNs = new Uint16Array(0);
  /** SeverityNumber 0–24 of OTLP. */
  severity = new Uint8Array(0);
  severityText = new Uint32Array(0);
  /** As in AttributeColumns. */
  bodyType = new Uint8Array(0);
  bodyValue = new Float64Array(0);
  traceId = new Uint8Array(0);
  spanId = new Uint8Array(0);
  flags = new Uint32Array(0);
  eventName = new Uint32Array(0);
  resource = new Uint32Array(0);
  scope = new Uint32Array(0);
  droppedAttributesCount = new Uint32Array(0);
  attributesEnd = new Uint32Array(0);
  readonly attributes = new AttributeColumns();

  // computed at ingest
  service = new Uint32Array(0);
  /** String id of the template's stable id. */
  template = new Uint32Array(0);
  readonly derived = new AttributeColumns();
  derivedEnd = new Uint32Array(0);

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  addRow(): number {
    const row = this.count;
    if (row === this.capacity) this.#grow(Math.max(256, 2 * this.capacity));
    this.count = row + 1;
    this.timeUs[row] = 0;
    this.timeNs[row] = 0;
    this.observedUs[row] = 0;
    this.observedNs[row] = 0;
    this.severity[row] = 0;
    this.severityText[row] = 0;
    this.bodyType[row] = 0;
    this.bodyValue[row] = 0;
    clearId(this.traceId, 16 * row, 16);
    clearId(this.spanId, 8 * row, 8);
    this.flags[row] = 0;
    this.eventName[row] = 0;
    this.resource[row] = 0;
    this.scope[row] = 0;
    this.droppedAttributesCount[row] = 0;
    this.service[row] = 0;
    this.template[row] = 0;
    return row;
  }

  endRow(row: number): void {
    this.attributesEnd[row] = this.attributes.count;
  }

  truncate(count: number): void {
    this.count = count;
    this.attributes.count = count === 0 ? 0 : this.attributesEnd[count - 1]!;
  }

  /** Makes it empty for other rows; dictionary and arrays stay. */
  clear(): void {
    this.truncate(0);
    this.derived.count = 0;
    this.resources.length = 0;
    this.scopes.length = 0;
  }

  /** Makes room for this many rows in all; a decoder that knows the count fills the arrays itself. */
  reserve(rows: number): void {
    if (rows > this.capacity) this.#grow(rows);
  }

  #grow(capacity: number): void {
    this.capacity = capacity;
    this.timeUs = grown(this.timeUs, capacity);
    this.timeNs = grown(this.timeNs, capacity);
    this.observedUs = grown(this.observedUs, capacity);
    this.observedNs = grown(this.observedNs, capacity);
    this.severity = grown(this.severity, capacity);
    this.severityText = grown(this.severityText, capacity);
    this.bodyType = grown(this.bodyType, capacity);
    this.bodyValue = grown(this.bodyValue, capacity);
    this.traceId = grown(this.traceId, 16 * capacity);
    this.spanId = grown(this.spanId, 8 * capacity);
    this.flags = grown(this.flags, capacity);
    this.eventName = grown(this.eventName, capacity);
    this.resource = grown(this.resource, capacity);
    this.scope = grown(this.scope, capacity);
    this.droppedAttributesCount = grown(this.droppedAttributesCount, capacity);
    this.attributesEnd = grown(this.attributesEnd, capacity);
    this.service = grown(this.service, capacity);
    this.template = grown(this.template, capacity);
    this.derivedEnd = grown(this.derivedEnd, capacity);
  }
}

export const METRIC_KINDS = [
  'gauge',
  'sum',
  'histogram',
  'exponentialHistogram',
  'summary',
] as const;
export type MetricKind = (typeof METRIC_KINDS)[number];

/** A metric stream: name, type and identity; points refer to it by index. */
export interface SeriesEntry {
  /** String ids. */
  readonly name: number;
  readonly unit: number;
  readonly description: number;
  readonly kind: MetricKind;
  /** AggregationTemporality of OTLP: 0 unspecified, 1 delta, 2 cumulative. */
  readonly temporality: number;
  readonly isMonotonic: boolean;
  readonly attributes: readonly AttributeEntry[];
  /** Index into `resources` and `scopes`. */
  readonly resource: number;
  readonly scope: number;
  /** String id of service.name, canonical; filled by normalisation. */
  service: number;
}

/** Exemplars of many points. */
export class ExemplarColumns {
  count = 0;
  timeUs = new Float64Array(16);
  timeNs = new Uint16Array(16);
  value = new Float64Array(16);
  isInt = new Uint8Array(16);
  traceId = new Uint8Array(16 * 16);
  spanId = new Uint8Array(16 * 8);
  attributesEnd = new Uint32Array(16);
  readonly attributes = new AttributeColumns();

  addRow(): number {
    const row = this.count++;
    if (row === this.value.length) {
      const capacity = 2 * row;
      this.timeUs = grown(this.timeUs, capacity);
      this.timeNs = grown(this.timeNs, capacity);
      this.value = grown(this.value, capacity);
      this.isInt = grown(this.isInt, capacity);
      this.traceId = grown(this.traceId, 16 * capacity);
      this.spanId = grown(this.spanId, 8 * capacity);
      this.attributesEnd = grown(this.attributesEnd, capacity);
    }
    this.timeUs[row] = 0;
    this.timeNs[row] = 0;
    this.value[row] = 0;
    this.isInt[row] = 0;
    clearId(this.traceId, 16 * row, 16);
    clearId(this.spanId, 8 * row, 8);
    return row;
  }

  endRow(row: number): void {
    this.attributesEnd[row] = this.attributes.count;
  }

  truncate(count: number): void {
    this.count = count;
    this.attributes.count = count === 0 ? 0 : this.attributesEnd[count - 1]!;
  }
}

/** Flags of a point. */
export const POINT_FLAG = { noRecordedValue: 1 } as const;
/** Which optional numbers a point carries; also whether its value was sent as an integer. */
export const POINT_HAS = { sum: 1, min: 2, max: 4, isInt: 8 } as const;

export class PointColumns {
  readonly strings: StringDictionary;
  readonly resources: ResourceEntry[] = [];
  readonly scopes: ScopeEntry[] = [];
  readonly seriesEntries: SeriesEntry[] = [];
  count = 0;
  capacity = 0;

  /** Index into `seriesEntries`. */
  series = new Uint32Array(0);
  timeUs = new Float64Array(0);
  timeNs = new Uint16Array(0);
  startUs = new Float64Array(0);
  startNs = new Uint16Array(0);
  flags = new Uint32Array(0);
  /** Bits of POINT_HAS. */
  has = new Uint8Array(0);
  /** The number of a gauge or sum; the sum of a histogram or summary. */
  value = new Float64Array(0);
  /** Observations of a histogram or summary. */
  observationCount = new Float64Array(0);
  min = new Float64Array(0);
  max = new Float64Array(0);
  /**
   * Buckets: histogram = n bounds, then n + 1 counts (or nothing); exponential histogram = scale, zero count,
   * zero threshold, positive offset, positive size, counts …, negative offset, negative size, counts …;
   * summary = quantile, value, quantile, value …
   */
  buckets = new Float64Array(64);
  bucketsCount = 0;
  bucketsEnd = new Uint32Array(0);
  exemplarsEnd = new Uint32Array(0);
  readonly exemplars = new ExemplarColumns();

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  addRow(): number {
    const row = this.count;
    if (row === this.capacity) this.#grow(Math.max(256, 2 * this.capacity));
    this.count = row + 1;
    this.series[row] = 0;
    this.timeUs[row] = 0;
    this.timeNs[row] = 0;
    this.startUs[row] = 0;
    this.startNs[row] = 0;
    this.flags[row] = 0;
    this.has[row] = 0;
    this.value[row] = 0;
    this.observationCount[row] = 0;
    this.min[row] = 0;
    this.max[row] = 0;
    return row;
  }

  pushBucket(value: number): void {
    if (this.bucketsCount === this.buckets.length)
      this.buckets = grown(this.buckets, 2 * this.bucketsCount);
    this.buckets[this.bucketsCount++] = value;
  }

  endRow(row: number): void {
    this.bucketsEnd[row] = this.bucketsCount;
    this.exemplarsEnd[row] = this.exemplars.count;
  }

  truncate(count: number): void {
    this.count = count;
    this.bucketsCount = count === 0 ? 0 : this.bucketsEnd[count - 1]!;
    this.exemplars.truncate(count === 0 ? 0 : this.exemplarsEnd[count - 1]!);
  }

  /** Makes room for this many rows in all; a decoder that knows the count fills the arrays itself. */
  reserve(rows: number): void {
    if (rows > this.capacity) this.#grow(rows);
  }

  #grow(capacity: number): void {
    this.capacity = capacity;
    this.series = grown(this.series, capacity);
    this.timeUs = grown(this.timeUs, capacity);
    this.timeNs = grown(this.timeNs, capacity);
    this.startUs = grown(this.startUs, capacity);
    this.startNs = grown(this.startNs, capacity);
    this.flags = grown(this.flags, capacity);
    this.has = grown(this.has, capacity);
    this.value = grown(this.value, capacity);
    this.observationCount = grown(this.observationCount, capacity);
    this.min = grown(this.min, capacity);
    this.max = grown(this.max, capacity);
    this.bucketsEnd = grown(this.bucketsEnd, capacity);
    this.exemplarsEnd = grown(this.exemplarsEnd, capacity);
  }
}

/** Hot: a loop, as three calls of fill() a row were 4 % of decoding spans. */
function clearId(ids: Uint8Array, start: number, sizeBytes: number): void {
  for (let at = start; at < start + sizeBytes; at++) ids[at] = 0;
}
