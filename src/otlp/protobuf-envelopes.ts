/**
 * The walk through a protobuf request, the same for all signals: resources, scopes, then each item. Of a
 * singular field that stands more than once the last one counts.
 */
import type { Signal } from '../model/vocabulary.ts';
import { entriesOf } from './entry-index.ts';
import type { MessageFields, ProtobufReader } from './protobuf-reader.ts';
import { readAttribute } from './protobuf-value.ts';

const SIGNAL_ITEMS: Readonly<Record<Signal, readonly [group: string, items: string]>> = {
  traces: ['Spans', 'spans'],
  logs: ['Logs', 'log_records'],
  metrics: ['Metrics', 'metrics'],
  profiles: ['Profiles', 'profiles'],
};

const RESOURCE: MessageFields = {
  name: 'resource',
  fields: { 1: 'attributes', 2: 'dropped_attributes_count' },
};
const SCOPE: MessageFields = {
  name: 'scope',
  fields: { 1: 'name', 2: 'version', 3: 'attributes', 4: 'dropped_attributes_count' },
};
interface EnvelopeFields {
  readonly request: MessageFields;
  readonly group: MessageFields;
  readonly scopeGroup: MessageFields;
}

/**
 * Walks a request: resources, scopes, and `readItem` for each span, log record, metric or profile (the reader
 * stands at the item's length). The same field numbers serve all signals. `takeItems` may read items ahead: it is
 * called in front of a tag and leaves the reader in front of another one, or at the end. `readDictionary` is for
 * the field that only profiles have.
 */
export function readEnvelopes(
  reader: ProtobufReader,
  options: { readonly signal: Signal; readonly readDictionary?: () => void } & ItemReaders,
): void {
  const { signal, readDictionary, ...itemReaders } = options;
  const [group, items] = SIGNAL_ITEMS[signal];
  const lower = group.toLowerCase();
  const fields: EnvelopeFields = {
    request: {
      name: 'request',
      fields: { 1: `resource_${lower}`, ...(readDictionary ? { 2: 'dictionary' } : {}) },
    },
    group: {
      name: `resource_${lower}`,
      fields: { 1: 'resource', 2: `scope_${lower}`, 3: 'schema_url' },
    },
    scopeGroup: { name: `scope_${lower}`, fields: { 1: 'scope', 2: items, 3: 'schema_url' } },
  };
  while (reader.position < reader.end) {
    const tag = reader.tag(fields.request);
    if (tag === 0x0a) readResourceGroup(reader, { fields, ...itemReaders });
    else if (tag === 0x12 && readDictionary) readDictionary();
    else reader.skipUnknown(tag);
  }
}

interface ItemReaders {
  readonly readItem: () => void;
  readonly takeItems?: (() => void) | undefined;
}

interface Walk extends ItemReaders {
  readonly fields: EnvelopeFields;
}

/** The resource and its schema may stand behind the items, so the envelope is looked over first. */
function readResourceGroup(reader: ProtobufReader, walk: Walk): void {
  const { context } = reader;
  const outerEnd = reader.enter();
  const envelope = lookOver(reader, walk.fields.group);
  const resource = readResource(reader, envelope);
  // Registered with the first item, so that empty envelopes leave nothing behind.
  let isRegistered = false;
  for (reader.position = envelope.start; reader.position < reader.end; ) {
    const tag = reader.tag(walk.fields.group);
    if (tag !== 0x12) {
      reader.skipField(tag);
      continue;
    }
    const groupEnd = reader.enter();
    const inner = lookOver(reader, walk.fields.scopeGroup);
    const scope = readScope(reader, inner);
    if (inner.hasItems) {
      if (!isRegistered) context.resource = context.entries.addResource(resource);
      isRegistered = true;
      context.scope = context.entries.addScope(scope);
      readItems(reader, { walk, start: inner.start });
    }
    reader.position = reader.end;
    reader.end = groupEnd;
  }
  reader.end = outerEnd;
}

function readItems(reader: ProtobufReader, { walk, start }: { walk: Walk; start: number }): void {
  for (reader.position = start; reader.position < reader.end; ) {
    walk.takeItems?.();
    if (reader.position === reader.end) return;
    const tag = reader.tag(walk.fields.scopeGroup);
    if (tag === 0x12) walk.readItem();
    else reader.skipField(tag);
  }
}

interface Envelope {
  /** Where its fields begin. */
  readonly start: number;
  /** Where the length of the resource or scope stands; -1 without one. */
  readonly ownerPosition: number;
  readonly schemaUrl: number;
  readonly hasItems: boolean;
}

function lookOver(reader: ProtobufReader, fields: MessageFields): Envelope {
  const start = reader.position;
  let ownerPosition = -1;
  let schemaUrl = 0;
  let hasItems = false;
  while (reader.position < reader.end) {
    const tag = reader.tag(fields);
    if (tag === 0x0a) {
      ownerPosition = reader.position;
      reader.skipField(tag);
    } else if (tag === 0x12) {
      hasItems = true;
      reader.skipRun(tag);
    } else if (tag === 0x1a) {
      schemaUrl = reader.text();
    } else {
      reader.skipUnknown(tag);
    }
  }
  return { start, ownerPosition, schemaUrl, hasItems };
}

function readResource(reader: ProtobufReader, { ownerPosition, schemaUrl }: Envelope) {
  const { context } = reader;
  const { scratch } = context;
  scratch.count = 0;
  let droppedCount = 0;
  if (ownerPosition >= 0) {
    reader.position = ownerPosition;
    const outerEnd = reader.enter();
    while (reader.position < reader.end) {
      const tag = reader.tag(RESOURCE);
      if (tag === 0x0a) readAttribute(reader, scratch, 0);
      else if (tag === 0x10) droppedCount = reader.uint32();
      else reader.skipUnknown(tag);
    }
    reader.end = outerEnd;
  }
  return {
    attributes: entriesOf(scratch),
    droppedAttributesCount: context.takeDropped(droppedCount),
    schemaUrl,
  };
}

function readScope(reader: ProtobufReader, { ownerPosition, schemaUrl }: Envelope) {
  const { context } = reader;
  const { scratch } = context;
  scratch.count = 0;
  let name = 0;
  let version = 0;
  let droppedCount = 0;
  if (ownerPosition >= 0) {
    reader.position = ownerPosition;
    const outerEnd = reader.enter();
    while (reader.position < reader.end) {
      const tag = reader.tag(SCOPE);
      if (tag === 0x0a) name = reader.text();
      else if (tag === 0x12) version = reader.text();
      else if (tag === 0x1a) readAttribute(reader, scratch, 0);
      else if (tag === 0x20) droppedCount = reader.uint32();
      else reader.skipUnknown(tag);
    }
    reader.end = outerEnd;
  }
  return {
    name,
    version,
    attributes: entriesOf(scratch),
    droppedAttributesCount: context.takeDropped(droppedCount),
    schemaUrl,
  };
}
