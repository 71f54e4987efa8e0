/** What the OTLP/JSON encoders of all signals share: times, ids, attributes, resources, scopes. */
import { hexOf } from '../base/bytes.ts';
import {
  type AttributeColumns,
  type AttributeEntry,
  type ResourceEntry,
  type ScopeEntry,
  VALUE_TYPE,
} from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { formatAnyValue } from './value.ts';

/** Texts of one dictionary as JSON strings, each quoted once. */
export class QuotedTexts {
  readonly strings: StringDictionary;
  readonly #quoted: string[] = [];

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  of(id: number): string {
    let quoted = this.#quoted[id];
    if (quoted === undefined) {
      quoted = JSON.stringify(this.strings.text(id));
      this.#quoted[id] = quoted;
    }
    return quoted;
  }
}

/** Fields of one JSON object; what has its default value is left out, as proto3 JSON does. */
export class FieldsText {
  #text = '';

  get text(): string {
    return this.#text;
  }

  /** `value` is JSON. */
  add(name: string, value: string): void {
    this.#text += `${this.#text === '' ? '' : ','}"${name}":${value}`;
  }

  addString(name: string, id: number, texts: QuotedTexts): void {
    if (id !== 0) this.add(name, texts.of(id));
  }

  addInteger(name: string, value: number): void {
    if (value !== 0) this.add(name, String(value));
  }

  /** Nanoseconds since the epoch, exact: 64-bit integers are strings in OTLP/JSON. */
  addTime(name: string, timeUs: number, timeNs: number): void {
    if (timeUs !== 0 || timeNs !== 0) this.add(name, `"${timeText(timeUs, timeNs)}"`);
  }

  /** The id in row `row` of a column; all zero is no id. */
  addId(name: string, bytes: Uint8Array, place: { row: number; sizeBytes: number }): void {
    const start = place.row * place.sizeBytes;
    const hex = hexOf(bytes, start, start + place.sizeBytes);
    if (!/^0*$/.test(hex)) this.add(name, `"${hex}"`);
  }

  /** A list whose items are JSON. */
  addList(name: string, items: readonly string[]): void {
    if (items.length > 0) this.add(name, `[${items.join(',')}]`);
  }
}

/** `timeNs` is 0–999, so its three digits follow those of the microseconds. */
export function timeText(timeUs: number, timeNs: number): string {
  if (timeUs <= 0) return String(timeNs);
  return `${timeUs}${String(timeNs).padStart(3, '0')}`;
}

/** Attributes of row `row` of a list, each as a KeyValue. */
export function attributeTexts(
  list: { readonly attributes: AttributeColumns; readonly ends: Uint32Array },
  row: number,
  texts: QuotedTexts,
): readonly string[] {
  const { keys, types, values } = list.attributes;
  const items: string[] = [];
  const end = list.ends[row]!;
  for (let at = startOf(list.ends, row); at < end; at++) {
    items.push(keyValueText({ key: keys[at]!, type: types[at]!, value: values[at]! }, texts));
  }
  return items;
}

export function entryTexts(
  entries: readonly AttributeEntry[],
  texts: QuotedTexts,
): readonly string[] {
  return entries.map((entry) => keyValueText(entry, texts));
}

export function valueText(type: number, value: number, texts: QuotedTexts): string {
  return type === VALUE_TYPE.string
    ? `{"stringValue":${texts.of(value)}}`
    : formatAnyValue(type, value, texts.strings);
}

/** Where the list of a row begins. */
export function startOf(ends: Uint32Array, row: number): number {
  return row === 0 ? 0 : ends[row - 1]!;
}

/** Fields of a ResourceSpans and the like, but for its scopes. */
export function resourceText(entry: ResourceEntry | undefined, texts: QuotedTexts): string {
  const fields = new FieldsText();
  if (entry) {
    const resource = new FieldsText();
    resource.addList('attributes', entryTexts(entry.attributes, texts));
    resource.addInteger('droppedAttributesCount', entry.droppedAttributesCount);
    fields.add('resource', `{${resource.text}}`);
    fields.addString('schemaUrl', entry.schemaUrl, texts);
  }
  return fields.text;
}

/** Fields of a ScopeSpans and the like, but for its items. */
export function scopeText(entry: ScopeEntry | undefined, texts: QuotedTexts): string {
  const fields = new FieldsText();
  if (entry) {
    const scope = new FieldsText();
    scope.addString('name', entry.name, texts);
    scope.addString('version', entry.version, texts);
    scope.addList('attributes', entryTexts(entry.attributes, texts));
    scope.addInteger('droppedAttributesCount', entry.droppedAttributesCount);
    fields.add('scope', `{${scope.text}}`);
    fields.addString('schemaUrl', entry.schemaUrl, texts);
  }
  return fields.text;
}

function keyValueText({ key, type, value }: AttributeEntry, texts: QuotedTexts): string {
  return `{"key":${texts.of(key)},"value":${valueText(type, value, texts)}}`;
}
