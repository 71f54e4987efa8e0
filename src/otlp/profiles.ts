/**
 * Looks over an ExportProfilesServiceRequest without reading what the profiles say: the message is still in
 * development, so it is kept as it came. Checks the wire format down to the fields of each profile and of each
 * entry of the dictionary, counts the profiles, and finds the services they are of.
 */
import { VALUE_TYPE } from '../model/columns.ts';
import { StringDictionary } from '../model/dictionary.ts';
import { DecodeContext } from './decode-context.ts';
import type { DecodeOutcome } from './decode-report.ts';
import { type EntryOwner, entryIndexOf } from './entry-index.ts';
import { readJsonEnvelopes } from './json-common.ts';
import { FIELD } from './json-names.ts';
import { JsonReader } from './json-reader.ts';
import { readEnvelopes } from './protobuf-envelopes.ts';
import { type MessageFields, ProtobufReader, WIRE } from './protobuf-reader.ts';
import type { Encoding } from './reply.ts';

const JSON_FIELDS = {
  groups: FIELD.resourceProfiles,
  scopeGroups: FIELD.scopeProfiles,
  items: FIELD.profiles,
};
const PROFILE: MessageFields = { name: 'profile', fields: {} };
const DICTIONARY: MessageFields = { name: 'dictionary', fields: {} };
const TABLE_ENTRY: MessageFields = { name: 'dictionary entry', fields: {} };
/** Tables of the dictionary that hold messages: not that of strings, 5, nor any of the future. */
const MESSAGE_TABLES: readonly number[] = [1, 2, 3, 4, 6, 7];

export interface DecodedProfiles {
  readonly outcome: DecodeOutcome;
  /** See RawProfiles. */
  readonly services: readonly string[];
}

/** Throws `otlp.malformed`, naming the fault and its place. No profile is refused alone: the body is one piece. */
export function decodeProfiles(
  body: Uint8Array,
  options: { readonly encoding: Encoding; readonly nowUs: number },
): DecodedProfiles {
  const strings = new StringDictionary();
  const owner: EntryOwner = { resources: [], scopes: [] };
  const entries = entryIndexOf(owner);
  const signal = 'profiles';
  const { nowUs } = options;
  const context = new DecodeContext({ signal, strings, entries, nowUs, repairedBefore: 0 });
  if (body.length === 0) return { outcome: context.report.outcome(), services: [] };
  if (options.encoding === 'protobuf') {
    lookOverProtobuf(new ProtobufReader(body, { context, signal }));
  } else {
    lookOverJson(new JsonReader(body, { context, signal }));
  }
  // Text is kept as sent: no warning says that it was repaired.
  return { outcome: context.report.outcome(), services: servicesOf(owner, strings) };
}

function lookOverProtobuf(reader: ProtobufReader): void {
  readEnvelopes(reader, {
    signal: 'profiles',
    readItem: () => {
      countProfile(reader.context);
      lookOverFields(reader, PROFILE);
    },
    readDictionary: () => lookOverDictionary(reader),
  });
}

function lookOverDictionary(reader: ProtobufReader): void {
  const outerEnd = reader.enter();
  while (reader.position < reader.end) {
    const tag = reader.tag(DICTIONARY);
    const isMessage = (tag & 7) === WIRE.bytes && MESSAGE_TABLES.includes(tag >>> 3);
    if (isMessage) lookOverFields(reader, TABLE_ENTRY);
    else reader.skipField(tag);
  }
  reader.end = outerEnd;
}

/** The reader stands at the length of a message. */
function lookOverFields(reader: ProtobufReader, message: MessageFields): void {
  const outerEnd = reader.enter();
  while (reader.position < reader.end) reader.skipField(reader.tag(message));
  reader.end = outerEnd;
}

function lookOverJson(reader: JsonReader): void {
  readJsonEnvelopes(reader, {
    fields: JSON_FIELDS,
    readItem: (profile) => {
      countProfile(reader.context);
      reader.endOfObject(profile);
    },
  });
  const request = reader.request();
  const end = reader.endOfObject(request);
  for (let member = reader.first(request); member < end; member = reader.next(member)) {
    if (reader.field(member) === FIELD.dictionary) reader.endOfObject(member);
  }
}

function countProfile(context: DecodeContext): void {
  context.beginItem();
  context.itemIndex++;
  context.report.acceptedCount++;
}

/** A name that stands in the dictionary of strings only, as newer senders may write it, is not looked up. */
function servicesOf({ resources }: EntryOwner, strings: StringDictionary): readonly string[] {
  const key = strings.find('service.name');
  const services = new Set<string>();
  for (const { attributes } of resources) {
    for (const attribute of attributes) {
      if (attribute.key === key && attribute.type === VALUE_TYPE.string) {
        services.add(strings.text(attribute.value));
      }
    }
  }
  services.delete('');
  return [...services];
}
