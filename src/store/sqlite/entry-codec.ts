/** Resources and scopes of a block: only those its rows use, each with its attributes. */
import type { AttributeEntry, ResourceEntry, ScopeEntry } from '../../model/columns.ts';
import { isText, stringIdAt } from './attribute-list.ts';
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import type { LocalDictionary } from './local-dictionary.ts';

/** Renumbers the entries that are used, from 0 in order of first use. */
export class LocalEntries<T> {
  readonly used: T[] = [];
  readonly #entries: readonly T[];
  /** Local index + 1 by index. */
  readonly #locals: Uint32Array;

  constructor(entries: readonly T[]) {
    this.#entries = entries;
    this.#locals = new Uint32Array(entries.length);
  }

  readonly indexOf = (index: number): number => {
    const known = this.#locals[index];
    if (known === undefined) throw new RangeError(`there is no resource or scope ${index}`);
    if (known !== 0) return known - 1;
    this.#locals[index] = this.used.push(this.#entries[index]!); // as long as #locals
    return this.used.length - 1;
  };
}

export function writeResources(
  writer: ByteWriter,
  resources: readonly ResourceEntry[],
  dictionary: LocalDictionary,
): void {
  writer.varint(resources.length);
  for (const resource of resources) writeResource(writer, resource, dictionary);
}

export function readResources(reader: ByteReader, stringIds: Uint32Array): ResourceEntry[] {
  return Array.from({ length: reader.count() }, () => readResource(reader, stringIds));
}

export function writeScopes(
  writer: ByteWriter,
  scopes: readonly ScopeEntry[],
  dictionary: LocalDictionary,
): void {
  writer.varint(scopes.length);
  for (const scope of scopes) {
    writer.varint(dictionary.idOf(scope.name));
    writer.varint(dictionary.idOf(scope.version));
    writeResource(writer, scope, dictionary);
  }
}

export function readScopes(reader: ByteReader, stringIds: Uint32Array): ScopeEntry[] {
  return Array.from({ length: reader.count() }, () => ({
    name: stringIdAt(stringIds, reader.varint()),
    version: stringIdAt(stringIds, reader.varint()),
    ...readResource(reader, stringIds),
  }));
}

export function writeEntries(
  writer: ByteWriter,
  entries: readonly AttributeEntry[],
  dictionary: LocalDictionary,
): void {
  writer.varint(entries.length);
  for (const { key, type, value } of entries) {
    writer.varint(dictionary.idOf(key));
    writer.u8(type);
    if (isText(type)) writer.varint(dictionary.idOf(value));
    else writer.f64(value);
  }
}

export function readEntries(reader: ByteReader, stringIds: Uint32Array): AttributeEntry[] {
  return Array.from({ length: reader.count() }, () => {
    const key = stringIdAt(stringIds, reader.varint());
    const type = reader.u8();
    const value = isText(type) ? stringIdAt(stringIds, reader.varint()) : reader.f64();
    return { key, type, value };
  });
}

function writeResource(
  writer: ByteWriter,
  resource: ResourceEntry,
  dictionary: LocalDictionary,
): void {
  writer.varint(resource.droppedAttributesCount);
  writer.varint(dictionary.idOf(resource.schemaUrl));
  writeEntries(writer, resource.attributes, dictionary);
}

function readResource(reader: ByteReader, stringIds: Uint32Array): ResourceEntry {
  const droppedAttributesCount = reader.varint();
  const schemaUrl = stringIdAt(stringIds, reader.varint());
  return { attributes: readEntries(reader, stringIds), droppedAttributesCount, schemaUrl };
}
