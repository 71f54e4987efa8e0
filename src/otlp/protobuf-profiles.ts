/**
 * Profiles from protobuf. The message is in development: of Sample there are two layouts in use, with the values in
 * field 2 (OTLP 1.8 and before) and in field 4 (later), which differ by what else stands where.
 */
import { VALUE_TYPE } from '../model/columns.ts';
import { StringDictionary } from '../model/dictionary.ts';
import { DecodeContext } from './decode-context.ts';
import { type EntryOwner, entryIndexOf } from './entry-index.ts';
import { emptyTables, type ProfileDraft, type ProfileTables } from './profile-tables.ts';
import { readEnvelopes } from './protobuf-envelopes.ts';
import { type MessageFields, ProtobufReader, WIRE } from './protobuf-reader.ts';

const PROFILE: MessageFields = { name: 'profile', fields: {} };
const SAMPLE: MessageFields = { name: 'sample', fields: {} };
const VALUE_TYPE_FIELDS: MessageFields = { name: 'value_type', fields: {} };
const DICTIONARY: MessageFields = { name: 'dictionary', fields: {} };
const TABLE_ENTRY: MessageFields = { name: 'dictionary entry', fields: {} };

const decoder = new TextDecoder();

export function readProtobufProfiles(body: Uint8Array): ProfileTables {
  const owner: EntryOwner = { resources: [], scopes: [] };
  const strings = new StringDictionary();
  const context = new DecodeContext({
    signal: 'profiles',
    strings,
    entries: entryIndexOf(owner),
    nowUs: 0,
    repairedBefore: 0,
  });
  const reader = new ProtobufReader(body, { context, signal: 'profiles' });
  const tables = emptyTables();
  readEnvelopes(reader, {
    signal: 'profiles',
    readItem: () => tables.profiles.push(readProfile(reader, serviceOf(owner, context))),
    readDictionary: () => readDictionary(reader, tables),
  });
  return tables;
}

function serviceOf({ resources }: EntryOwner, { strings, resource }: DecodeContext): string {
  const key = strings.find('service.name');
  const named = resources[resource]?.attributes.find(
    (attribute) => attribute.key === key && attribute.type === VALUE_TYPE.string,
  );
  return named === undefined ? '' : strings.text(named.value);
}

function readProfile(reader: ProtobufReader, service: string): ProfileDraft {
  const draft: ProfileDraft = {
    ...{ service, type: 0, unit: 0, periodType: 0, periodUnit: 0, period: 0 },
    ...{ timeUs: 0, durationUs: 0, samples: [] },
  };
  readFields(reader, PROFILE, (tag) => {
    if (tag === 0x0a) [draft.type, draft.unit] = readValueType(reader);
    else if (tag === 0x12) draft.samples.push(readSample(reader));
    else if (tag === 0x19) {
      reader.time();
      draft.timeUs = reader.timeUs;
    } else if (tag === 0x20) draft.durationUs = reader.uint64() / 1000;
    else if (tag === 0x2a) [draft.periodType, draft.periodUnit] = readValueType(reader);
    else if (tag === 0x30) draft.period = reader.uint64();
    else return false;
    return true;
  });
  return draft;
}

/** Signed numbers of a packed field in front of which the reader stands. */
function readPacked(reader: ProtobufReader, visit: (value: number) => void): void {
  const end = reader.fieldEnd();
  while (reader.position < end) {
    reader.varint64();
    visit(reader.high * 0x1_0000_0000 + (reader.low >>> 0));
  }
}

/**
 * Field 4 is packed where it holds the values, and a single number, the link, where they stand in field 2. A sample
 * without values was met once at each of its times, eight bytes each.
 */
function readSample(reader: ProtobufReader): ProfileDraft['samples'][number] {
  let stack = 0;
  let times = 0;
  const sums: (number | undefined)[] = [];
  readFields(reader, SAMPLE, (tag) => {
    const [field, wire] = [tag >>> 3, tag & 7];
    if (tag === 0x08) stack = reader.uint32();
    else if (wire === WIRE.bytes && (field === 2 || field === 4)) {
      readPacked(reader, (value) => {
        sums[field] = (sums[field] ?? 0) + value;
      });
    } else if (tag === 0x10) {
      sums[2] = (sums[2] ?? 0) + reader.uint64();
    } else if (tag === 0x2a) {
      const end = reader.fieldEnd();
      times = (end - reader.position) / 8;
      reader.position = end;
    } else return false;
    return true;
  });
  const value = sums[4] ?? (times > 0 ? times : (sums[2] ?? 0));
  return { stack, value, times };
}

function readValueType(reader: ProtobufReader): [type: number, unit: number] {
  const { 1: type = 0, 2: unit = 0 } = readNumbers(reader, VALUE_TYPE_FIELDS);
  return [type, unit];
}

function readDictionary(reader: ProtobufReader, tables: ProfileTables): void {
  readFields(reader, DICTIONARY, (tag) => {
    switch (tag) {
      case 0x12:
        tables.locations.push(readLocation(reader));
        return true;
      case 0x1a: {
        const { 1: name = 0, 3: file = 0 } = readNumbers(reader, TABLE_ENTRY);
        tables.functions.push({ name, file });
        return true;
      }
      case 0x2a: {
        const end = reader.fieldEnd();
        tables.strings.push(decoder.decode(reader.bytes.subarray(reader.position, end)));
        reader.position = end;
        return true;
      }
      case 0x3a:
        tables.stacks.push(readStack(reader));
        return true;
      default:
        return false;
    }
  });
}

/** The first line is the innermost: the others are those it was inlined into. */
function readLocation(reader: ProtobufReader): ProfileTables['locations'][number] {
  let top: ProfileTables['locations'][number] | undefined;
  readFields(reader, TABLE_ENTRY, (tag) => {
    if (tag !== 0x1a || top !== undefined) return false;
    const { 1: place = 0, 2: line = 0 } = readNumbers(reader, TABLE_ENTRY);
    top = { function: place, line };
    return true;
  });
  return top ?? { function: -1, line: 0 };
}

/** The first location is the top of the stack; −1 for an empty one. */
function readStack(reader: ProtobufReader): number {
  let top: number | undefined;
  readFields(reader, TABLE_ENTRY, (tag) => {
    if (tag === 0x0a) {
      readPacked(reader, (location) => {
        top ??= location;
      });
    } else if (tag === 0x08) {
      const location = reader.uint32();
      top ??= location;
    } else return false;
    return true;
  });
  return top ?? -1;
}

/** The varints of a message by field; of one that stands more than once the last. */
function readNumbers(
  reader: ProtobufReader,
  message: MessageFields,
): Readonly<Record<number, number>> {
  const numbers: Record<number, number> = {};
  readFields(reader, message, (tag) => {
    if ((tag & 7) !== WIRE.varint) return false;
    numbers[tag >>> 3] = reader.uint64();
    return true;
  });
  return numbers;
}

/** Reads an embedded message; `read` answers whether it took the field. */
function readFields(
  reader: ProtobufReader,
  message: MessageFields,
  read: (tag: number) => boolean,
): void {
  const outerEnd = reader.enter();
  while (reader.position < reader.end) {
    const tag = reader.tag(message);
    if (!read(tag)) reader.skipField(tag);
  }
  reader.end = outerEnd;
}
