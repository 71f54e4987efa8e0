/** Reads the OTLP/JSON text of an AnyValue (as columns keep arrays and maps) and plain JSON text. */
import { LIMITS } from '../base/limits.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Longer text is not parsed for the sake of one field. */
const JSON_TEXT_MAX = 64 * 1024;

export function jsonOfText(text: string): JsonValue | undefined {
  if (text.length > JSON_TEXT_MAX) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // text that is not JSON is an answer here, not a failure
  }
}

/** A scalar of an AnyValue in OTLP/JSON, as text; undefined for lists, maps and nothing. */
export function textOfAnyValue(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as { readonly [key: string]: JsonValue };
  const scalar =
    fields['stringValue'] ?? fields['intValue'] ?? fields['doubleValue'] ?? fields['boolValue'];
  return scalar === undefined || typeof scalar === 'object' ? undefined : String(scalar);
}

/** The texts of an AnyValue list, or of a plain JSON list. */
export function textsOfValue(value: JsonValue | undefined): readonly string[] | undefined {
  return listOf(value)?.map((item) => textOfAnyValue(item) ?? String(item));
}

/** Items of an AnyValue list or of a plain JSON list. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Array.isArray(value) ? value : itemsOf(value as { readonly [key: string]: JsonValue });
}

function itemsOf(value: { readonly [key: string]: JsonValue }): readonly JsonValue[] | undefined {
  const list = value['arrayValue'];
  if (typeof list !== 'object' || list === null || Array.isArray(list)) return undefined;
  const values = (list as { readonly [key: string]: JsonValue })['values'];
  return Array.isArray(values) ? values : undefined;
}

/** Top-level members of an AnyValue map or of a plain JSON object, scalars as text. */
export function membersOf(value: JsonValue | undefined): ReadonlyMap<string, string | undefined> {
  const members = new Map<string, string | undefined>();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return members;
  const fields = value as { readonly [key: string]: JsonValue };
  const list = fields['kvlistValue'];
  if (typeof list === 'object' && list !== null && !Array.isArray(list)) {
    const values = (list as { readonly [key: string]: JsonValue })['values'];
    for (const entry of Array.isArray(values) ? values : []) addEntry(members, entry);
    return members;
  }
  for (const [key, item] of Object.entries(fields)) {
    if (members.size >= LIMITS.attributesPerItemMax) break;
    members.set(key, typeof item === 'object' ? undefined : String(item));
  }
  return members;
}

function addEntry(members: Map<string, string | undefined>, entry: JsonValue): void {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return;
  const { key, value } = entry as { readonly [key: string]: JsonValue };
  if (typeof key === 'string') members.set(key, textOfAnyValue(value));
}
