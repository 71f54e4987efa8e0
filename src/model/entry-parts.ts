/**
 * Resources, scopes and series as plain numbers, to hand them to another thread: cloning 2000 series as objects
 * would take 10 ms, as numbers it takes 0.3 ms.
 */
import {
  type AttributeEntry,
  METRIC_KINDS,
  type ResourceEntry,
  type ScopeEntry,
  type SeriesEntry,
} from './columns.ts';

/** Entries one after another, each a fixed number of fields, then its attributes with their count first. */
export type EntryParts = Float64Array;

const ATTRIBUTE_FIELDS = 3;

export function packResources(entries: readonly ResourceEntry[]): EntryParts {
  return pack(entries, ({ droppedAttributesCount, schemaUrl }) => [
    droppedAttributesCount,
    schemaUrl,
  ]);
}

export function unpackResources(parts: EntryParts): ResourceEntry[] {
  return unpack(parts, 2, ([droppedAttributesCount, schemaUrl], attributes) => ({
    attributes,
    droppedAttributesCount: droppedAttributesCount!,
    schemaUrl: schemaUrl!,
  }));
}

export function packScopes(entries: readonly ScopeEntry[]): EntryParts {
  return pack(entries, ({ droppedAttributesCount, schemaUrl, name, version }) => [
    droppedAttributesCount,
    schemaUrl,
    name,
    version,
  ]);
}

export function unpackScopes(parts: EntryParts): ScopeEntry[] {
  return unpack(parts, 4, ([droppedAttributesCount, schemaUrl, name, version], attributes) => ({
    attributes,
    droppedAttributesCount: droppedAttributesCount!,
    schemaUrl: schemaUrl!,
    name: name!,
    version: version!,
  }));
}

export function packSeries(entries: readonly SeriesEntry[]): EntryParts {
  return pack(entries, (entry) => [
    entry.name,
    entry.unit,
    entry.description,
    METRIC_KINDS.indexOf(entry.kind),
    entry.temporality,
    entry.isMonotonic ? 1 : 0,
    entry.resource,
    entry.scope,
    entry.service,
  ]);
}

export function unpackSeries(parts: EntryParts): SeriesEntry[] {
  return unpack(parts, 9, (fields, attributes) => ({
    name: fields[0]!,
    unit: fields[1]!,
    description: fields[2]!,
    kind: METRIC_KINDS[fields[3]!]!,
    temporality: fields[4]!,
    isMonotonic: fields[5] === 1,
    attributes,
    resource: fields[6]!,
    scope: fields[7]!,
    service: fields[8]!,
  }));
}

function pack<Entry extends { readonly attributes: readonly AttributeEntry[] }>(
  entries: readonly Entry[],
  fieldsOf: (entry: Entry) => readonly number[],
): EntryParts {
  const numbers: number[] = [];
  for (const entry of entries) {
    numbers.push(...fieldsOf(entry), entry.attributes.length);
    for (const { key, type, value } of entry.attributes) numbers.push(key, type, value);
  }
  return Float64Array.from(numbers);
}

function unpack<Entry>(
  parts: EntryParts,
  fieldCount: number,
  entryOf: (fields: Float64Array, attributes: readonly AttributeEntry[]) => Entry,
): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < parts.length; ) {
    const fields = parts.subarray(at, at + fieldCount);
    at += fieldCount;
    const attributes: AttributeEntry[] = [];
    for (let left = parts[at++]!; left > 0; left--, at += ATTRIBUTE_FIELDS) {
      attributes.push({ key: parts[at]!, type: parts[at + 1]!, value: parts[at + 2]! });
    }
    entries.push(entryOf(fields, attributes));
  }
  return entries;
}
