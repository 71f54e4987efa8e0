/** Attribute values out of columns: as plain JSON for people, and as OTLP/JSON for export. */
import { type AttributeEntry, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { AttributeJson, AttributeMap } from '../model/span.ts';

/**
 * A column's value as plain JSON. Empty is null; int64 beyond ±2^53, bytes (base64), NaN and the
 * infinities are strings. Maps have no prototype, so that a key `__proto__` is a key like any other.
 */
export function attributeJsonOf(
  type: number,
  value: number,
  strings: Pick<StringDictionary, 'text'>,
): AttributeJson {
  switch (type) {
    case VALUE_TYPE.string:
    case VALUE_TYPE.wideInt:
      return strings.text(value);
    case VALUE_TYPE.bool:
      return value === 1;
    case VALUE_TYPE.int:
      return value;
    case VALUE_TYPE.double:
      return doubleJson(value);
    case VALUE_TYPE.json:
      return plainOf(JSON.parse(strings.text(value)));
    default:
      return null;
  }
}

/** A value as the text that filters compare with; JSON for arrays and maps. */
export function textOfValue(
  type: number,
  value: number,
  strings: Pick<StringDictionary, 'text'>,
): string {
  if (type === VALUE_TYPE.string || type === VALUE_TYPE.wideInt) return strings.text(value);
  return textOfJson(attributeJsonOf(type, value, strings));
}

export function textOfJson(value: AttributeJson): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The first of equal keys wins, as everywhere in OTLP where keys ought to be unique. */
export function entryMapOf(
  entries: readonly AttributeEntry[],
  strings: StringDictionary,
): AttributeMap {
  const map: Record<string, AttributeJson> = Object.create(null);
  for (const { key, type, value } of entries) {
    const name = strings.text(key);
    if (!(name in map)) map[name] = attributeJsonOf(type, value, strings);
  }
  return map;
}

/** A column's value as the OTLP/JSON text of an AnyValue: `{"stringValue":"a"}`. */
export function formatAnyValue(type: number, value: number, strings: StringDictionary): string {
  switch (type) {
    case VALUE_TYPE.string:
      return `{"stringValue":${JSON.stringify(strings.text(value))}}`;
    case VALUE_TYPE.bool:
      return `{"boolValue":${value === 1}}`;
    case VALUE_TYPE.int:
      return `{"intValue":"${value}"}`;
    case VALUE_TYPE.wideInt:
      return `{"intValue":"${strings.text(value)}"}`;
    case VALUE_TYPE.double:
      return `{"doubleValue":${formatDouble(value)}}`;
    case VALUE_TYPE.json:
      return strings.text(value);
    default:
      return '{}';
  }
}

/** A double in JSON: NaN and the infinities are strings, -0 keeps its sign. */
export function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : String(value);
}

/** An AnyValue as the decoders write it. */
interface AnyValueJson {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number | string;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values: readonly AnyValueJson[] };
  readonly kvlistValue?: {
    readonly values: readonly { readonly key: string; readonly value: AnyValueJson }[];
  };
}

/** Depth is bounded by the decoder that wrote the text. */
function plainOf(any: AnyValueJson): AttributeJson {
  if (any.stringValue !== undefined) return any.stringValue;
  if (any.boolValue !== undefined) return any.boolValue;
  if (any.intValue !== undefined) {
    const number = Number(any.intValue);
    return Number.isSafeInteger(number) ? number : any.intValue;
  }
  if (any.doubleValue !== undefined) return any.doubleValue;
  if (any.bytesValue !== undefined) return any.bytesValue;
  if (any.arrayValue) return any.arrayValue.values.map(plainOf);
  if (any.kvlistValue) {
    const map: Record<string, AttributeJson> = Object.create(null);
    for (const { key, value } of any.kvlistValue.values) map[key] = plainOf(value);
    return map;
  }
  return null;
}

function doubleJson(value: number): AttributeJson {
  return Number.isFinite(value) ? value : String(value);
}
