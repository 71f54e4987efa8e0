/** The messages that all signals share, from JSON: envelopes, resources, scopes, attributes. */
import { type AttributeColumns, VALUE_TYPE } from '../model/columns.ts';
import { entriesOf } from './entry-index.ts';
import { FIELD } from './json-names.ts';
import type { JsonReader } from './json-reader.ts';
import { readJsonAnyValue } from './json-value.ts';

/** Fields of the lists in an envelope. */
export interface EnvelopeFields {
  readonly groups: number;
  readonly scopeGroups: number;
  readonly items: number;
}

interface Walk {
  readonly fields: EnvelopeFields;
  readonly readItem: (item: number) => void;
}

/** Walks a request: resources, scopes, and `readItem` for the entry of each span, log record or metric. */
export function readJsonEnvelopes(reader: JsonReader, walk: Walk): void {
  const request = reader.request();
  const end = reader.endOfObject(request);
  for (let member = reader.first(request); member < end; member = reader.next(member)) {
    if (reader.field(member) !== walk.fields.groups) continue;
    const endOfGroups = reader.endOfList(member);
    for (let group = reader.first(member); group < endOfGroups; group = reader.next(group)) {
      readResourceGroup(reader, group, walk);
    }
  }
}

/** The resource and its schema may stand behind the items, so the members are looked over first. */
function readResourceGroup(reader: JsonReader, group: number, walk: Walk): void {
  const { context } = reader;
  const { owner, list, schemaUrl } = lookOver(reader, group, {
    owner: FIELD.resource,
    list: walk.fields.scopeGroups,
  });
  const resource = readResource(reader, { owner, schemaUrl });
  if (list === undefined) return;
  // Registered with the first item, so that empty envelopes leave nothing behind.
  let isRegistered = false;
  const end = reader.endOfList(list);
  for (
    let scopeGroup = reader.first(list);
    scopeGroup < end;
    scopeGroup = reader.next(scopeGroup)
  ) {
    const inner = lookOver(reader, scopeGroup, { owner: FIELD.scope, list: walk.fields.items });
    const scope = readScope(reader, inner);
    if (inner.list === undefined) continue;
    const endOfItems = reader.endOfList(inner.list);
    let item = reader.first(inner.list);
    if (item === endOfItems) continue;
    if (!isRegistered) context.resource = context.entries.addResource(resource);
    isRegistered = true;
    context.scope = context.entries.addScope(scope);
    for (; item < endOfItems; item = reader.next(item)) walk.readItem(item);
  }
}

interface Envelope {
  /** Entries of the resource or scope, and of the list below it. */
  readonly owner: number | undefined;
  readonly list: number | undefined;
  readonly schemaUrl: number;
}

function lookOver(
  reader: JsonReader,
  group: number,
  fields: { readonly owner: number; readonly list: number },
): Envelope {
  let owner: number | undefined;
  let list: number | undefined;
  let schemaUrl = 0;
  const end = reader.endOfObject(group);
  for (let member = reader.first(group); member < end; member = reader.next(member)) {
    const field = reader.field(member);
    if (field === fields.owner) owner = member;
    else if (field === fields.list) list = member;
    else if (field === FIELD.schemaUrl) schemaUrl = reader.text(member);
  }
  return { owner, list, schemaUrl };
}

function readResource(reader: JsonReader, { owner, schemaUrl }: Omit<Envelope, 'list'>) {
  const { context } = reader;
  const { scratch } = context;
  scratch.count = 0;
  let droppedCount = 0;
  if (owner !== undefined) {
    const end = reader.endOfObject(owner);
    for (let member = reader.first(owner); member < end; member = reader.next(member)) {
      const field = reader.field(member);
      if (field === FIELD.attributes) readJsonAttributes(reader, member, scratch);
      else if (field === FIELD.droppedAttributesCount) droppedCount = reader.uint32(member);
    }
  }
  return {
    attributes: entriesOf(scratch),
    droppedAttributesCount: context.takeDropped(droppedCount),
    schemaUrl,
  };
}

function readScope(reader: JsonReader, { owner, schemaUrl }: Omit<Envelope, 'list'>) {
  const { context } = reader;
  const { scratch } = context;
  scratch.count = 0;
  let name = 0;
  let version = 0;
  let droppedCount = 0;
  if (owner !== undefined) {
    const end = reader.endOfObject(owner);
    for (let member = reader.first(owner); member < end; member = reader.next(member)) {
      const field = reader.field(member);
      if (field === FIELD.name) name = reader.text(member);
      else if (field === FIELD.version) version = reader.text(member);
      else if (field === FIELD.attributes) readJsonAttributes(reader, member, scratch);
      else if (field === FIELD.droppedAttributesCount) droppedCount = reader.uint32(member);
    }
  }
  return {
    name,
    version,
    attributes: entriesOf(scratch),
    droppedAttributesCount: context.takeDropped(droppedCount),
    schemaUrl,
  };
}

/** Appends the attributes of one item. Hot: ten a span. */
export function readJsonAttributes(reader: JsonReader, list: number, into: AttributeColumns): void {
  const { context } = reader;
  const firstIndex = into.count;
  const end = reader.endOfList(list);
  for (let pair = reader.first(list); pair < end; ) {
    const endOfPair = reader.endOfObject(pair);
    let key = 0;
    context.valueType = VALUE_TYPE.empty;
    context.value = 0;
    for (let member = reader.first(pair); member < endOfPair; member = reader.next(member)) {
      const field = reader.field(member);
      if (field === FIELD.key) key = reader.text(member);
      else if (field === FIELD.value) readJsonAnyValue(reader, member);
    }
    context.pushAttribute(into, key, firstIndex);
    pair = endOfPair;
  }
}
