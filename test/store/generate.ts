/** Seeded telemetry for store tests: random columns that use every field, and plain traces with known content. */
import {
  type AttributeColumns,
  LogColumns,
  METRIC_KINDS,
  PointColumns,
  SpanColumns,
  VALUE_TYPE,
} from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import type { GroupRequest, IngestGroup } from '../../src/store/api/telemetry.ts';

/** mulberry32: small, seeded, good enough to vary tests. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Integer in [0, max). */
  below(max: number): number {
    return Math.floor(this.next() * max);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(target: Uint8Array, offset: number, size: number): void {
    for (let index = 0; index < size; index++) target[offset + index] = this.below(256);
  }
}

/** 2026-01-02T00:00:00Z */
export const DAY_START_US = Date.UTC(2026, 0, 2) * 1000;
export const NOON_US = DAY_START_US + 12 * 3600 * 1_000_000;

export function emptyGroup(): IngestGroup {
  return {
    spans: new SpanColumns(new StringDictionary()),
    logs: new LogColumns(new StringDictionary()),
    points: new PointColumns(new StringDictionary()),
    requests: [],
    tallies: [],
    templateTallies: [],
    newTemplates: [],
  };
}

/** One request that owns all rows of the group. */
export function withRequest(group: IngestGroup, hashSeed: number): IngestGroup {
  const request: GroupRequest = {
    hash: hashOf(hashSeed),
    spans: [0, group.spans.count],
    logs: [0, group.logs.count],
    points: [0, group.points.count],
  };
  return { ...group, requests: [request] };
}

export function hashOf(seed: number): Uint8Array {
  const hash = new Uint8Array(16);
  new DataView(hash.buffer).setUint32(0, seed);
  return hash;
}

const TEXTS = [
  '',
  'GET /chat',
  '支付超时:订单 42 失败',
  'emoji 😀 and \ufeff marks \ufffd',
  'line\nbreak\0nul',
  'x'.repeat(3000),
] as const;

const JSON_VALUES = [
  '{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"9007199254740993"}]}}',
  '{"kvlistValue":{"values":[{"key":"__proto__","value":{"doubleValue":0.5}}]}}',
  '{"bytesValue":"AAEC"}',
] as const;

function pushAttributes(list: AttributeColumns, strings: StringDictionary, random: Random): void {
  const count = random.below(5);
  for (let index = 0; index < count; index++) {
    const key = strings.idOfString(`key.${random.below(12)}`);
    pushValue(list, key, strings, random);
  }
}

function pushValue(
  list: AttributeColumns,
  key: number,
  strings: StringDictionary,
  random: Random,
): void {
  const [type, value] = randomValue(strings, random);
  list.push(key, type, value);
}

/** Every type of value, edges included. */
function randomValue(strings: StringDictionary, random: Random): readonly [number, number] {
  const text = (choice: string) => strings.idOfString(choice);
  switch (random.below(9)) {
    case 0:
      return [VALUE_TYPE.empty, 0];
    case 1:
      return [VALUE_TYPE.bool, random.below(2)];
    case 2:
      return [
        VALUE_TYPE.int,
        random.pick([0, -1, 7, 2 ** 53, -(2 ** 53), 2 ** 51, 1_767_312_000_000_000]),
      ];
    case 3:
      return [
        VALUE_TYPE.double,
        random.pick([0.1, -0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, -1.5, 3]),
      ];
    case 4:
      return [VALUE_TYPE.json, text(random.pick(JSON_VALUES))];
    case 5:
      return [VALUE_TYPE.wideInt, text('-9223372036854775808')];
    case 6:
      return [VALUE_TYPE.string, text(`unique ${random.next()}`)];
    default:
      return [VALUE_TYPE.string, text(random.pick(TEXTS))];
  }
}

/** Gives each span eight keys of its own choice, each once. */
export function mixKeys(spans: SpanColumns, random: Random): void {
  spans.attributes.count = 0;
  for (let row = 0; row < spans.count; row++) {
    const keys = new Set(Array.from({ length: 8 }, () => random.below(60)));
    for (const key of keys) {
      const isText = key % 3 > 0;
      const value = isText
        ? spans.strings.idOfString(`value ${random.below(900)}`)
        : random.below(2 ** 40);
      const type = isText ? VALUE_TYPE.string : key % 2 ? VALUE_TYPE.int : VALUE_TYPE.double;
      spans.attributes.push(spans.strings.idOfString(`key ${key}`), type, value);
    }
    spans.attributesEnd[row] = spans.attributes.count;
  }
}

/** Resources and scopes, some of them used by no row. */
function addEntries(columns: SpanColumns | LogColumns | PointColumns, random: Random): void {
  const { strings, resources, scopes } = columns;
  for (let index = 0; index < 4; index++) {
    const attributes = [
      {
        key: strings.idOfString('service.name'),
        type: VALUE_TYPE.string,
        value: strings.idOfString(`svc-${index}`),
      },
      { key: strings.idOfString('process.pid'), type: VALUE_TYPE.int, value: 100 + index },
      { key: strings.idOfString('load'), type: VALUE_TYPE.double, value: random.next() },
    ];
    const schemaUrl = strings.idOfString(random.pick(['', 'https://opentelemetry.io/schemas/1']));
    resources.push({ attributes, droppedAttributesCount: random.below(3), schemaUrl });
    scopes.push({
      attributes: index === 0 ? attributes : [],
      droppedAttributesCount: random.below(2),
      schemaUrl,
      name: strings.idOfString(`scope-${index}`),
      version: strings.idOfString('1.0'),
    });
  }
}

/** Spans that use every column, in no order, some traces long and some parents missing. */
export function randomSpans(count: number, random: Random): SpanColumns {
  const columns = new SpanColumns(new StringDictionary());
  const { strings } = columns;
  addEntries(columns, random);
  const text = () => strings.idOfString(random.pick(TEXTS));
  const traceCount = Math.ceil(count / 6);
  for (let index = 0; index < count; index++) {
    const row = columns.addRow();
    new Random(1000 + random.below(traceCount)).bytes(columns.traceId, 16 * row, 16);
    random.bytes(columns.spanId, 8 * row, 8);
    const parent = random.below(4);
    if (parent === 1) random.bytes(columns.parentSpanId, 8 * row, 8);
    if (parent > 1 && row > 0) {
      const other = random.below(row);
      columns.parentSpanId.set(columns.spanId.subarray(8 * other, 8 * other + 8), 8 * row);
    }
    columns.startUs[row] = NOON_US + random.below(60_000_000);
    columns.startNs[row] = random.below(1000);
    columns.durationNs[row] = random.pick([0, -5, 999, 1e9 + 1, random.below(2 ** 40)]);
    columns.kind[row] = random.below(6);
    columns.statusCode[row] = random.below(3);
    columns.flags[row] = random.pick([0, 1, 0xffff_ffff]);
    columns.name[row] = text();
    columns.statusMessage[row] = text();
    columns.traceState[row] = text();
    columns.resource[row] = random.below(3);
    columns.scope[row] = random.below(3);
    columns.droppedAttributesCount[row] = random.below(3);
    columns.droppedEventsCount[row] = random.below(3);
    columns.droppedLinksCount[row] = random.below(3);
    columns.stage[row] = random.below(9);
    columns.infra[row] = random.below(8);
    columns.isError[row] = random.below(2);
    columns.service[row] = strings.idOfString(`svc-${columns.resource[row]}`);
    columns.errorType[row] = text();
    columns.target[row] = text();
    pushAttributes(columns.attributes, strings, random);
    for (let left = random.below(3); left > 0; left--) addEvent(columns, random);
    for (let left = random.below(2); left > 0; left--) addLink(columns, random);
    columns.endRow(row);
    if (random.below(2) === 1) pushAttributes(columns.derived, strings, random);
    columns.derivedEnd[row] = columns.derived.count;
  }
  return columns;
}

function addEvent(columns: SpanColumns, random: Random): void {
  const { events, strings } = columns;
  const row = events.addRow();
  events.timeUs[row] = random.pick([0, NOON_US, NOON_US + random.below(1e6)]);
  events.timeNs[row] = random.below(1000);
  events.name[row] = strings.idOfString(random.pick(['exception', 'retry']));
  events.droppedAttributesCount[row] = random.below(2);
  pushAttributes(events.attributes, strings, random);
  events.endRow(row);
}

function addLink(columns: SpanColumns, random: Random): void {
  const { links, strings } = columns;
  const row = links.addRow();
  random.bytes(links.traceId, 16 * row, 16);
  random.bytes(links.spanId, 8 * row, 8);
  links.traceState[row] = strings.idOfString(random.pick(TEXTS));
  links.flags[row] = random.below(512);
  links.droppedAttributesCount[row] = random.below(2);
  pushAttributes(links.attributes, strings, random);
  links.endRow(row);
}

export function randomLogs(count: number, random: Random): LogColumns {
  const columns = new LogColumns(new StringDictionary());
  const { strings } = columns;
  addEntries(columns, random);
  const text = () => strings.idOfString(random.pick(TEXTS));
  for (let index = 0; index < count; index++) {
    const row = columns.addRow();
    columns.timeUs[row] = NOON_US + random.below(60_000_000);
    columns.timeNs[row] = random.below(1000);
    columns.observedUs[row] = random.pick([0, columns.timeUs[row]! + random.below(5000)]);
    columns.observedNs[row] = random.below(1000);
    columns.severity[row] = random.below(25);
    columns.severityText[row] = text();
    const body = new LogColumns(strings).attributes;
    pushValue(body, 0, strings, random);
    columns.bodyType[row] = body.types[0]!;
    columns.bodyValue[row] = body.values[0]!;
    if (random.below(3) > 0) {
      const trace = random.below(10);
      new Random(1000 + trace).bytes(columns.traceId, 16 * row, 16);
      new Random(trace * 3 + random.below(3)).bytes(columns.spanId, 8 * row, 8);
    }
    columns.flags[row] = random.below(2);
    columns.eventName[row] = text();
    columns.resource[row] = random.below(3);
    columns.scope[row] = random.below(3);
    columns.droppedAttributesCount[row] = random.below(2);
    columns.service[row] = strings.idOfString(`svc-${columns.resource[row]}`);
    columns.template[row] = strings.idOfString(`00000000000000a${random.below(4)}`);
    pushAttributes(columns.attributes, strings, random);
    columns.endRow(row);
    pushAttributes(columns.derived, strings, random);
    columns.derivedEnd[row] = columns.derived.count;
  }
  return columns;
}

export function randomPoints(count: number, random: Random): PointColumns {
  const columns = new PointColumns(new StringDictionary());
  const { strings } = columns;
  addEntries(columns, random);
  for (let index = 0; index < 10; index++) {
    columns.seriesEntries.push({
      name: strings.idOfString(`metric.${index % 5}`),
      unit: strings.idOfString('ms'),
      description: strings.idOfString(random.pick(TEXTS)),
      kind: METRIC_KINDS[index % METRIC_KINDS.length]!,
      temporality: index % 3,
      isMonotonic: index % 2 === 0,
      attributes: [
        { key: strings.idOfString('index'), type: VALUE_TYPE.int, value: index },
        {
          key: strings.idOfString('route'),
          type: VALUE_TYPE.string,
          value: strings.idOfString(random.pick(TEXTS)),
        },
      ],
      resource: index % 3,
      scope: index % 3,
      service: strings.idOfString(`svc-${index % 3}`),
    });
  }
  for (let index = 0; index < count; index++) {
    const row = columns.addRow();
    columns.series[row] = random.below(10);
    columns.timeUs[row] = NOON_US + random.below(60_000_000);
    columns.timeNs[row] = random.below(1000);
    columns.startUs[row] = random.pick([0, NOON_US]);
    columns.startNs[row] = random.below(1000);
    columns.flags[row] = random.below(2);
    columns.has[row] = random.below(16);
    columns.value[row] = random.pick([0, -0, 1, -17, 2.5, Number.NaN, 1e300, random.next()]);
    columns.observationCount[row] = random.below(1000);
    columns.min[row] = random.next();
    columns.max[row] = random.next() * 100;
    for (let left = random.below(6); left > 0; left--) columns.pushBucket(random.below(50) / 2);
    for (let left = random.below(3); left > 0; left--) addExemplar(columns, random);
    columns.endRow(row);
  }
  return columns;
}

function addExemplar(columns: PointColumns, random: Random): void {
  const { exemplars, strings } = columns;
  const row = exemplars.addRow();
  exemplars.timeUs[row] = NOON_US + random.below(60_000_000);
  exemplars.timeNs[row] = random.below(1000);
  exemplars.value[row] = random.pick([1, 0.25, -3]);
  exemplars.isInt[row] = random.below(2);
  if (random.below(2) === 1) {
    random.bytes(exemplars.traceId, 16 * row, 16);
    random.bytes(exemplars.spanId, 8 * row, 8);
  }
  pushAttributes(exemplars.attributes, strings, random);
  exemplars.endRow(row);
}

/** A span in plain words. */
export interface PlainSpan {
  /** 1, 2 …: becomes the id. */
  readonly trace: number;
  readonly span: number;
  readonly parent?: number;
  readonly startUs: number;
  readonly durationUs?: number;
  readonly service?: string;
  readonly name?: string;
  readonly stage?: number;
  readonly isError?: boolean;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  readonly derived?: Readonly<Record<string, string>>;
  readonly resource?: Readonly<Record<string, string>>;
}

export function traceIdOf(trace: number): string {
  return trace.toString(16).padStart(32, '0');
}

export function spanIdOf(span: number): string {
  return span.toString(16).padStart(16, '0');
}

export function plainSpans(spans: readonly PlainSpan[]): SpanColumns {
  const columns = new SpanColumns(new StringDictionary());
  for (const span of spans) addPlainSpan(columns, span);
  return columns;
}

function addPlainSpan(columns: SpanColumns, span: PlainSpan): void {
  const { strings } = columns;
  const row = columns.addRow();
  columns.traceId.set(Buffer.from(traceIdOf(span.trace), 'hex'), 16 * row);
  columns.spanId.set(Buffer.from(spanIdOf(span.span), 'hex'), 8 * row);
  columns.parentSpanId.set(Buffer.from(spanIdOf(span.parent ?? 0), 'hex'), 8 * row);
  columns.startUs[row] = span.startUs;
  columns.durationNs[row] = (span.durationUs ?? 1000) * 1000;
  columns.name[row] = strings.idOfString(span.name ?? 'work');
  columns.service[row] = strings.idOfString(span.service ?? 'bot');
  columns.stage[row] = span.stage ?? 0;
  columns.isError[row] = span.isError ? 1 : 0;
  columns.resource[row] =
    columns.resources.push({
      attributes: entriesOf(strings, span.resource ?? {}),
      droppedAttributesCount: 0,
      schemaUrl: 0,
    }) - 1;
  if (columns.scopes.length === 0) {
    columns.scopes.push({
      attributes: [],
      droppedAttributesCount: 0,
      schemaUrl: 0,
      name: 0,
      version: 0,
    });
  }
  for (const { key, type, value } of entriesOf(strings, span.attributes ?? {})) {
    columns.attributes.push(key, type, value);
  }
  columns.endRow(row);
  for (const { key, type, value } of entriesOf(strings, span.derived ?? {})) {
    columns.derived.push(key, type, value);
  }
  columns.derivedEnd[row] = columns.derived.count;
}

function entriesOf(
  strings: StringDictionary,
  attributes: Readonly<Record<string, string | number | boolean>>,
) {
  return Object.entries(attributes).map(([name, value]) => {
    const key = strings.idOfString(name);
    if (typeof value === 'string') {
      return { key, type: VALUE_TYPE.string, value: strings.idOfString(value) };
    }
    if (typeof value === 'boolean') return { key, type: VALUE_TYPE.bool, value: Number(value) };
    return { key, type: Number.isInteger(value) ? VALUE_TYPE.int : VALUE_TYPE.double, value };
  });
}

export interface PlainLog {
  readonly timeUs: number;
  readonly body: string;
  readonly service?: string;
  readonly template?: string;
  readonly severity?: number;
  readonly trace?: number;
}

export function plainLogs(logs: readonly PlainLog[]): LogColumns {
  const columns = new LogColumns(new StringDictionary());
  const { strings } = columns;
  columns.resources.push({ attributes: [], droppedAttributesCount: 0, schemaUrl: 0 });
  columns.scopes.push({
    attributes: [],
    droppedAttributesCount: 0,
    schemaUrl: 0,
    name: 0,
    version: 0,
  });
  for (const log of logs) {
    const row = columns.addRow();
    columns.timeUs[row] = log.timeUs;
    columns.observedUs[row] = log.timeUs;
    columns.severity[row] = log.severity ?? 9;
    columns.bodyType[row] = VALUE_TYPE.string;
    columns.bodyValue[row] = strings.idOfString(log.body);
    columns.service[row] = strings.idOfString(log.service ?? 'bot');
    columns.template[row] = strings.idOfString(log.template ?? '');
    if (log.trace !== undefined) {
      columns.traceId.set(Buffer.from(traceIdOf(log.trace), 'hex'), 16 * row);
    }
    columns.endRow(row);
    columns.derivedEnd[row] = 0;
  }
  return columns;
}
