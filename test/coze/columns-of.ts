/** Builds columns from short descriptions and reads back what normalisation made of them. */
import { createNormaliser, type NormaliseOptions } from '../../src/coze/coze.ts';
import {
  type AttributeColumns,
  type AttributeEntry,
  LogColumns,
  SpanColumns,
  VALUE_TYPE,
} from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import {
  INFRA_KINDS,
  type InfraKind,
  SPAN_KIND,
  type SpanKind,
  STAGES,
  type Stage,
} from '../../src/model/vocabulary.ts';

/** A number is an int when whole; `double` and `json` say otherwise. */
export type Value =
  | string
  | number
  | boolean
  | { readonly double: number }
  | { readonly json: unknown }
  | { readonly wideInt: string };
export type Attributes = Readonly<Record<string, Value>> | readonly (readonly [string, Value])[];

export interface SpanSpec {
  readonly name?: string;
  readonly kind?: SpanKind;
  readonly id?: number;
  readonly parent?: number;
  readonly trace?: number;
  readonly startUs?: number;
  readonly status?: 0 | 1 | 2;
  readonly message?: string;
  readonly attributes?: Attributes;
  readonly resource?: Attributes;
  readonly scope?: Attributes;
  readonly events?: readonly { readonly name: string; readonly attributes?: Attributes }[];
}

export interface NormalisedSpan {
  readonly service: string;
  readonly stage: Stage;
  readonly infra: InfraKind;
  readonly isError: boolean;
  readonly errorType: string;
  readonly target: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly derived: Readonly<Record<string, unknown>>;
}

export const T0 = 1_800_000_000_000_000;
const KEEP: NormaliseOptions = { userIds: 'keep', userIdKey: 'k' };

/** An OTLP/JSON list of text, as captured headers are. */
export function headerValue(...texts: readonly string[]): Value {
  return { json: { arrayValue: { values: texts.map((stringValue) => ({ stringValue })) } } };
}

export function normalise(
  specs: readonly SpanSpec[],
  options: NormaliseOptions = KEEP,
): readonly NormalisedSpan[] {
  const columns = spansOf(specs);
  createNormaliser(options).normaliseSpans(columns, 0, columns.count);
  return readSpans(columns);
}

/** Normalises one span. */
export function normaliseOne(spec: SpanSpec, options: NormaliseOptions = KEEP): NormalisedSpan {
  return normalise([spec], options)[0]!;
}

export function spansOf(
  specs: readonly SpanSpec[],
  strings: StringDictionary = new StringDictionary(),
): SpanColumns {
  const columns = new SpanColumns(strings);
  for (const spec of specs) addSpan(columns, spec);
  return columns;
}

function addSpan(columns: SpanColumns, spec: SpanSpec): void {
  const { strings } = columns;
  const row = columns.addRow();
  writeId(columns.traceId, 16 * row + 12, spec.trace ?? 1);
  writeId(columns.spanId, 8 * row + 4, spec.id ?? row + 1);
  writeId(columns.parentSpanId, 8 * row + 4, spec.parent ?? 0);
  columns.name[row] = strings.idOfString(spec.name ?? 'op');
  columns.kind[row] = SPAN_KIND[spec.kind ?? 'internal'];
  columns.startUs[row] = spec.startUs ?? T0;
  columns.durationNs[row] = 1_000_000;
  columns.statusCode[row] = spec.status ?? 0;
  columns.statusMessage[row] = strings.idOfString(spec.message ?? '');
  columns.resource[row] = columns.resources.push(resourceEntry(strings, spec.resource)) - 1;
  columns.scope[row] =
    columns.scopes.push({ ...resourceEntry(strings, spec.scope), name: 0, version: 0 }) - 1;
  push(columns.attributes, strings, spec.attributes);
  for (const { name, attributes } of spec.events ?? []) {
    const event = columns.events.addRow();
    columns.events.name[event] = strings.idOfString(name);
    push(columns.events.attributes, strings, attributes);
    columns.events.endRow(event);
  }
  columns.endRow(row);
}

export interface LogSpec {
  readonly body?: Value;
  readonly attributes?: Attributes;
  readonly resource?: Attributes;
}

export function logsOf(specs: readonly LogSpec[]): LogColumns {
  const strings = new StringDictionary();
  const columns = new LogColumns(strings);
  for (const spec of specs) {
    const row = columns.addRow();
    columns.timeUs[row] = T0;
    columns.resource[row] = columns.resources.push(resourceEntry(strings, spec.resource)) - 1;
    columns.scope[row] =
      columns.scopes.push({ ...resourceEntry(strings, undefined), name: 0, version: 0 }) - 1;
    if (spec.body !== undefined) {
      const [type, value] = encode(strings, spec.body);
      columns.bodyType[row] = type;
      columns.bodyValue[row] = value;
    }
    push(columns.attributes, strings, spec.attributes);
    columns.endRow(row);
  }
  return columns;
}

export function readSpans(columns: SpanColumns): readonly NormalisedSpan[] {
  const { strings } = columns;
  return Array.from({ length: columns.count }, (_, row) => ({
    service: strings.text(columns.service[row]!),
    stage: STAGES[columns.stage[row]!]!,
    infra: INFRA_KINDS[columns.infra[row]!]!,
    isError: columns.isError[row] === 1,
    errorType: strings.text(columns.errorType[row]!),
    target: strings.text(columns.target[row]!),
    attributes: readRow(columns.attributes, strings, columns.attributesEnd, row, false),
    resource: Object.fromEntries(
      columns.resources[columns.resource[row]!]!.attributes.map(({ key, type, value }) => [
        strings.text(key),
        decode(strings, type, value),
      ]),
    ),
    derived: readRow(columns.derived, strings, columns.derivedEnd, row),
  }));
}

/** Attributes of a row; a key that was derived twice fails, a sender may do as it likes. */
export function readRow(
  attributes: AttributeColumns,
  strings: StringDictionary,
  ends: Uint32Array,
  row: number,
  isDerived = true,
): Record<string, unknown> {
  const map = new Map<string, unknown>();
  for (let at = row === 0 ? 0 : ends[row - 1]!; at < ends[row]!; at++) {
    const key = strings.text(attributes.keys[at]!);
    if (isDerived && map.has(key)) throw new Error(`Key "${key}" stands twice`);
    map.set(key, decode(strings, attributes.types[at]!, attributes.values[at]!));
  }
  return Object.fromEntries(map);
}

function resourceEntry(strings: StringDictionary, attributes: Attributes | undefined) {
  const list: AttributeEntry[] = entriesOf(attributes).map(([key, value]) => {
    const [type, number] = encode(strings, value);
    return { key: strings.idOfString(key), type, value: number };
  });
  return { attributes: list, droppedAttributesCount: 0, schemaUrl: 0 };
}

function push(
  columns: AttributeColumns,
  strings: StringDictionary,
  attributes: Attributes | undefined,
): void {
  for (const [key, value] of entriesOf(attributes)) {
    const [type, number] = encode(strings, value);
    columns.push(strings.idOfString(key), type, number);
  }
}

function entriesOf(attributes: Attributes | undefined): readonly (readonly [string, Value])[] {
  if (attributes === undefined) return [];
  return isList(attributes) ? attributes : Object.entries(attributes);
}

function isList(attributes: Attributes): attributes is readonly (readonly [string, Value])[] {
  return Array.isArray(attributes);
}

function encode(strings: StringDictionary, value: Value): readonly [type: number, value: number] {
  if (typeof value === 'string') return [VALUE_TYPE.string, strings.idOfString(value)];
  if (typeof value === 'boolean') return [VALUE_TYPE.bool, value ? 1 : 0];
  if (typeof value === 'number') {
    return [Number.isInteger(value) ? VALUE_TYPE.int : VALUE_TYPE.double, value];
  }
  if ('double' in value) return [VALUE_TYPE.double, value.double];
  if ('wideInt' in value) return [VALUE_TYPE.wideInt, strings.idOfString(value.wideInt)];
  return [VALUE_TYPE.json, strings.idOfString(JSON.stringify(value.json))];
}

function decode(strings: StringDictionary, type: number, value: number): unknown {
  switch (type) {
    case VALUE_TYPE.string:
    case VALUE_TYPE.wideInt:
      return strings.text(value);
    case VALUE_TYPE.bool:
      return value === 1;
    case VALUE_TYPE.json:
      return { json: JSON.parse(strings.text(value)) };
    default:
      return value;
  }
}

function writeId(bytes: Uint8Array, at: number, id: number): void {
  new DataView(bytes.buffer).setUint32(at, id);
}
