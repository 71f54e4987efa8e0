/** The messages that all signals share, from JSON: envelopes, resources, scopes, attributes, AnyValue. */
import { LIMITS } from '../base/limits.ts';
import { type AttributeColumns, VALUE_TYPE } from '../model/columns.ts';
import { entriesOf } from './entry-index.ts';
import type { JsonObject, JsonReader } from './json-reader.ts';

/** Names of the lists in an envelope. */
export interface EnvelopeNames {
  readonly groups: string;
  readonly scopeGroups: string;
  readonly items: string;
}

/** Walks a request: resources, scopes, and `readItem` for each span, log record or metric. */
export function readJsonEnvelopes(
  reader: JsonReader,
  request: JsonObject,
  options: { readonly names: EnvelopeNames; readonly readItem: (item: JsonObject) => void },
): void {
  const { names, readItem } = options;
  const { context } = reader;
  reader.each(request, names.groups, (group) => {
    const resource = readResource(reader, group);
    // Registered with the first item, so that empty envelopes leave nothing behind.
    let isRegistered = false;
    reader.each(group, names.scopeGroups, (scopeGroup) => {
      const scope = readScope(reader, scopeGroup);
      if (reader.list(scopeGroup, names.items).length === 0) return;
      if (!isRegistered) context.resource = context.entries.addResource(resource);
      isRegistered = true;
      context.scope = context.entries.addScope(scope);
      reader.each(scopeGroup, names.items, readItem);
    });
  });
}

function readResource(reader: JsonReader, group: JsonObject) {
  const { context } = reader;
  context.scratch.count = 0;
  let droppedCount = 0;
  reader.within(group, 'resource', (resource) => {
    readJsonAttributes(reader, resource, { into: context.scratch });
    droppedCount = reader.uint32(resource, 'droppedAttributesCount');
  });
  return {
    attributes: entriesOf(context.scratch),
    droppedAttributesCount: context.takeDropped(droppedCount),
    schemaUrl: reader.text(group, 'schemaUrl'),
  };
}

function readScope(reader: JsonReader, group: JsonObject) {
  const { context } = reader;
  context.scratch.count = 0;
  let name = 0;
  let version = 0;
  let droppedCount = 0;
  reader.within(group, 'scope', (scope) => {
    name = reader.text(scope, 'name');
    version = reader.text(scope, 'version');
    readJsonAttributes(reader, scope, { into: context.scratch });
    droppedCount = reader.uint32(scope, 'droppedAttributesCount');
  });
  return {
    name,
    version,
    attributes: entriesOf(context.scratch),
    droppedAttributesCount: context.takeDropped(droppedCount),
    schemaUrl: reader.text(group, 'schemaUrl'),
  };
}

/** Appends the attributes of an item, under `name` (default `attributes`). */
export function readJsonAttributes(
  reader: JsonReader,
  item: JsonObject,
  options: { readonly into: AttributeColumns; readonly name?: string },
): void {
  const { context } = reader;
  const { into, name = 'attributes' } = options;
  const firstIndex = into.count;
  reader.each(item, name, (pair) => {
    const key = reader.text(pair, 'key');
    readJsonAnyValue(reader, pair, 'value');
    context.pushAttribute(into, key, firstIndex);
  });
}

/** Reads the AnyValue `owner[name]` into the context's valueType and value. */
export function readJsonAnyValue(reader: JsonReader, owner: JsonObject, name: string): void {
  const { context } = reader;
  context.valueType = VALUE_TYPE.empty;
  context.value = 0;
  reader.within(owner, name, (any) => {
    const field = fieldOf(reader, any);
    switch (field) {
      case undefined:
        break;
      case 'stringValue':
        context.valueType = VALUE_TYPE.string;
        context.value = reader.text(any, field);
        break;
      case 'boolValue':
        context.valueType = VALUE_TYPE.bool;
        context.value = reader.bool(any, field) ? 1 : 0;
        break;
      case 'intValue':
        context.setBigInt(reader.int64(any, field));
        break;
      case 'doubleValue':
        context.valueType = VALUE_TYPE.double;
        context.value = reader.double(any, field);
        break;
      default:
        context.json.begin();
        writeAnyValue(reader, any, 1);
        context.takeJsonValue();
    }
  });
}

const VALUE_FIELDS = [
  'stringValue',
  'boolValue',
  'intValue',
  'doubleValue',
  'arrayValue',
  'kvlistValue',
  'bytesValue',
] as const;
type ValueField = (typeof VALUE_FIELDS)[number];

function fieldOf(reader: JsonReader, any: JsonObject): ValueField | undefined {
  let found: ValueField | undefined;
  for (const field of VALUE_FIELDS) {
    if (!reader.has(any, field)) continue;
    if (found !== undefined)
      throw reader.fault(field, `stands beside ${found}; a value has one type`);
    found = field;
  }
  return found;
}

/** Writes the canonical text of an AnyValue. */
function writeAnyValue(reader: JsonReader, any: JsonObject, depth: number): void {
  if (depth > LIMITS.valueDepthMax) {
    throw reader.fault(undefined, `nests values deeper than ${LIMITS.valueDepthMax}`);
  }
  const { json } = reader.context;
  const field = fieldOf(reader, any);
  if (field === undefined) {
    json.add('{}');
    return;
  }
  json.add(`{"${field}":`);
  switch (field) {
    case 'stringValue':
      json.addString(reader.string(any, field));
      break;
    case 'boolValue':
      json.add(String(reader.bool(any, field)));
      break;
    case 'intValue':
      json.add(`"${reader.int64(any, field)}"`);
      break;
    case 'doubleValue':
      json.addDouble(reader.double(any, field));
      break;
    case 'bytesValue':
      json.addBase64(reader.base64(any, field));
      break;
    case 'arrayValue':
    case 'kvlistValue':
      writeValues(reader, any, { field, depth });
  }
  json.add('}');
}

function writeValues(
  reader: JsonReader,
  any: JsonObject,
  { field, depth }: { readonly field: 'arrayValue' | 'kvlistValue'; readonly depth: number },
): void {
  const { json } = reader.context;
  json.add('{"values":[');
  let isFirst = true;
  reader.within(any, field, (list) => {
    reader.each(list, 'values', (item) => {
      if (!isFirst) json.add(',');
      isFirst = false;
      if (field === 'arrayValue') {
        writeAnyValue(reader, item, depth + 1);
        return;
      }
      json.add('{"key":');
      json.addString(reader.string(item, 'key'));
      json.add(',"value":');
      const hasValue = reader.within(item, 'value', (value) => {
        writeAnyValue(reader, value, depth + 1);
      });
      json.add(hasValue ? '}' : '{}}');
    });
  });
  json.add(']}');
}
