/** Sections that spans and logs have alike: the dictionary with its tables, and attributes. */
import type { AttributeColumns, ResourceEntry, ScopeEntry } from '../../model/columns.ts';
import type { StringDictionary } from '../../model/dictionary.ts';
import { readAttributes, writeAttributes } from './attribute-codec.ts';
import { stringIdAt } from './attribute-list.ts';
import { openSection, type RawSection, rawSection, SECTION, type SectionSource } from './block.ts';
import { ByteWriter } from './byte-stream.ts';
import {
  LocalEntries,
  readResources,
  readScopes,
  writeResources,
  writeScopes,
} from './entry-codec.ts';
import { LocalDictionary, SectionTexts, TextIds } from './local-dictionary.ts';
import { entryAt } from './rows.ts';

/** Rows [base, base + rowCount) that a decoder fills. */
export interface Target {
  readonly base: number;
  readonly rowCount: number;
  readonly source: SectionSource;
}

/** How ids become those of the block (writing) or those of the columns (reading). */
export interface IdMaps {
  readonly text: (id: number) => number;
  readonly resource: (index: number) => number;
  readonly scope: (index: number) => number;
}

interface TableColumns {
  readonly strings: StringDictionary;
  readonly resources: ResourceEntry[];
  readonly scopes: ScopeEntry[];
}

/** Ids for a block's core; `finish` writes the dictionary section once all of them were asked for. */
export function beginTables(columns: TableColumns): {
  readonly maps: IdMaps;
  readonly finish: () => RawSection;
} {
  const dictionary = new LocalDictionary(columns.strings);
  const resources = new LocalEntries(columns.resources);
  const scopes = new LocalEntries(columns.scopes);
  const finish = () => {
    const tables = new ByteWriter();
    writeResources(tables, resources.used, dictionary);
    writeScopes(tables, scopes.used, dictionary);
    return rawSection(SECTION.dictionary, withDictionary(dictionary, tables));
  };
  const text = (id: number) => dictionary.idOf(id);
  return { maps: { text, resource: resources.indexOf, scope: scopes.indexOf }, finish };
}

/** Appends the block's resources and scopes and returns how its ids translate. */
export function readTables(columns: TableColumns, source: SectionSource): IdMaps {
  const reader = openSection(source, SECTION.dictionary);
  const stringIds = new SectionTexts(reader).internInto(columns.strings);
  const resourceBase = columns.resources.length;
  const scopeBase = columns.scopes.length;
  columns.resources.push(...readResources(reader, stringIds));
  columns.scopes.push(...readScopes(reader, stringIds));
  return {
    text: (local) => stringIdAt(stringIds, local),
    resource: (local) => entryAt(columns.resources.length, resourceBase + local),
    scope: (local) => entryAt(columns.scopes.length, scopeBase + local),
  };
}

interface AttributedColumns {
  readonly strings: StringDictionary;
  readonly attributes: AttributeColumns;
  readonly attributesEnd: Uint32Array;
  readonly derived: AttributeColumns;
  readonly derivedEnd: Uint32Array;
}

/** Attributes as sent and derived, and the texts of both. */
export function encodeAttributes(
  columns: AttributedColumns,
  rows: Uint32Array,
): readonly RawSection[] {
  const dictionary = new LocalDictionary(columns.strings);
  const body = new ByteWriter(16 * rows.length + 256);
  const { attributes, attributesEnd, derived, derivedEnd } = columns;
  writeAttributes(body, { list: attributes, ends: attributesEnd }, { rows, dictionary });
  writeAttributes(body, { list: derived, ends: derivedEnd }, { rows, dictionary });
  const texts = new ByteWriter();
  dictionary.write(texts);
  return [rawSection(SECTION.attributeTexts, texts), rawSection(SECTION.attributes, body)];
}

/** With a mask only the wanted rows get attributes. */
export function decodeAttributes(
  columns: AttributedColumns,
  target: Target,
  isWanted?: Uint8Array,
): void {
  const { base, rowCount, source } = target;
  const texts = new SectionTexts(openSection(source, SECTION.attributeTexts));
  const textIds = new TextIds(texts, columns.strings);
  const reader = openSection(source, SECTION.attributes);
  const options = { rowCount, textIds, ...(isWanted ? { isWanted } : {}) };
  columns.attributesEnd.set(readAttributes(reader, columns.attributes, options), base);
  columns.derivedEnd.set(readAttributes(reader, columns.derived, options), base);
}

/** A section of its own: its strings first, since the reader needs them first. */
export function withDictionary(dictionary: LocalDictionary, body: ByteWriter): ByteWriter {
  const writer = new ByteWriter(body.size + 1024);
  dictionary.write(writer);
  writer.append(body);
  return writer;
}
