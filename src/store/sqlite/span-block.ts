/**
 * Span rows ↔ the sections of a block. The encoder takes rows of a group in the block's order; the decoder
 * appends to columns, so that several blocks may be read into one.
 */
import type { SpanColumns } from '../../model/columns.ts';
import type { SpanSection } from '../api/telemetry.ts';
import { readAttributes, stringIdAt, writeAttributes } from './attribute-codec.ts';
import {
  type EncodedBlock,
  openSection,
  type RawSection,
  rawSection,
  SECTION,
  type SectionSource,
  SIGNAL,
} from './block.ts';
import { ByteWriter } from './byte-stream.ts';
import { readNumbers, readUints, writeNumbers, writeUints } from './column-codec.ts';
import {
  LocalEntries,
  readResources,
  readScopes,
  writeResources,
  writeScopes,
} from './entry-codec.ts';
import {
  findRuns,
  readReferences,
  readSpanIds,
  readTraceIds,
  traceHashes,
  writeReferences,
  writeSpanIds,
  writeTraceIds,
} from './id-codec.ts';
import { LocalDictionary, SectionTexts } from './local-dictionary.ts';
import { distinctTexts, entryAt, fillEnds, pickNumbers, pickUints, timeBounds } from './rows.ts';
import { appendEvents, appendLinks, writeEvents, writeLinks } from './span-parts.ts';
import { readVariants, scatterVariants, type VariantField, writeVariants } from './variants.ts';

export function encodeSpanBlock(columns: SpanColumns, rows: Uint32Array): EncodedBlock {
  const textOf = (id: number) => columns.strings.text(id);
  const runs = findRuns(columns.traceId, rows);
  return {
    signal: SIGNAL.spans,
    rowCount: rows.length,
    ...timeBounds(columns.startUs, rows),
    services: distinctTexts(columns.service, rows, textOf),
    names: distinctTexts(columns.name, rows, textOf),
    traceHashes: traceHashes(columns.traceId, rows, runs),
    sections: [
      ...encodeCore(columns, rows, runs),
      ...encodeAttributes(columns, rows),
      ...encodeEvents(columns, rows),
      ...encodeLinks(columns, rows),
    ],
  };
}

/** Appends the block's rows to `columns`; sections that are not named stay empty. */
export function decodeSpanBlock(
  columns: SpanColumns,
  options: {
    readonly rowCount: number;
    readonly source: SectionSource;
    readonly sections: readonly SpanSection[];
  },
): void {
  const { rowCount, source, sections } = options;
  const base = columns.count;
  columns.reserve(base + rowCount);
  columns.count = base + rowCount;
  decodeCore(columns, { base, rowCount, source });
  if (sections.includes('attributes')) decodeAttributes(columns, { base, rowCount, source });
  else fillEnds(columns.attributesEnd, columns.attributes.count, base, rowCount);
  if (!sections.includes('attributes')) {
    fillEnds(columns.derivedEnd, columns.derived.count, base, rowCount);
  }
  if (!sections.includes('events') || !appendEvents(columns, { base, rowCount, source })) {
    fillEnds(columns.eventsEnd, columns.events.count, base, rowCount);
  }
  if (!sections.includes('links') || !appendLinks(columns, { base, rowCount, source })) {
    fillEnds(columns.linksEnd, columns.links.count, base, rowCount);
  }
}

/** Fields of a span's variant in file order, and how their ids become local. Append only. */
function variantFields(
  columns: SpanColumns,
  local: {
    readonly text: (id: number) => number;
    readonly resource: (index: number) => number;
    readonly scope: (index: number) => number;
  },
): readonly VariantField[] {
  return [
    { values: columns.name, localOf: local.text },
    { values: columns.kind },
    { values: columns.statusCode },
    { values: columns.flags },
    { values: columns.statusMessage, localOf: local.text },
    { values: columns.traceState, localOf: local.text },
    { values: columns.resource, localOf: local.resource },
    { values: columns.scope, localOf: local.scope },
    { values: columns.droppedAttributesCount },
    { values: columns.droppedEventsCount },
    { values: columns.droppedLinksCount },
    { values: columns.stage },
    { values: columns.infra },
    { values: columns.isError },
    { values: columns.service, localOf: local.text },
    { values: columns.errorType, localOf: local.text },
    { values: columns.target, localOf: local.text },
  ];
}

function encodeCore(
  columns: SpanColumns,
  rows: Uint32Array,
  runs: Uint32Array,
): readonly RawSection[] {
  const dictionary = new LocalDictionary(columns.strings);
  const resources = new LocalEntries(columns.resources);
  const scopes = new LocalEntries(columns.scopes);
  const core = new ByteWriter(16 * rows.length + 256);
  const ids = new ByteWriter(16 * rows.length + 256);
  const { traceId, spanId, parentSpanId } = columns;
  writeTraceIds({ core, ids }, { traceId, rows, runs });
  writeSpanIds(ids, spanId, rows);
  writeReferences({ core, ids }, { refId: parentSpanId, spanId, rows, runs });
  const fields = variantFields(columns, {
    text: (id) => dictionary.idOf(id),
    resource: resources.indexOf,
    scope: scopes.indexOf,
  });
  writeVariants(core, { fields, rows });
  writeNumbers(core, pickNumbers(columns.startUs, rows));
  writeUints(core, pickUints(columns.startNs, rows));
  writeNumbers(core, pickNumbers(columns.durationNs, rows));

  const entries = new ByteWriter();
  writeResources(entries, resources.used, dictionary);
  writeScopes(entries, scopes.used, dictionary);
  const head = new ByteWriter();
  dictionary.write(head);
  head.raw(entries.bytes());
  return [
    rawSection(SECTION.dictionary, head),
    rawSection(SECTION.ids, ids, { isCompressible: false }),
    rawSection(SECTION.core, core),
  ];
}

interface Target {
  readonly base: number;
  readonly rowCount: number;
  readonly source: SectionSource;
}

function decodeCore(columns: SpanColumns, { base, rowCount, source }: Target): void {
  const head = openSection(source, SECTION.dictionary);
  const stringIds = new SectionTexts(head).internInto(columns.strings);
  const resourceBase = columns.resources.length;
  const scopeBase = columns.scopes.length;
  columns.resources.push(...readResources(head, stringIds));
  columns.scopes.push(...readScopes(head, stringIds));

  const core = openSection(source, SECTION.core);
  const ids = openSection(source, SECTION.ids);
  const { traceId, spanId, parentSpanId } = columns;
  const runs = readTraceIds({ core, ids }, { traceId, base, rowCount });
  readSpanIds(ids, { spanId, base, rowCount });
  readReferences({ core, ids }, { refId: parentSpanId, spanId, base, runs });
  const fields = variantFields(columns, {
    text: (local) => stringIdAt(stringIds, local),
    resource: (local) => entryAt(columns.resources.length, resourceBase + local),
    scope: (local) => entryAt(columns.scopes.length, scopeBase + local),
  });
  scatterVariants(fields, {
    ...readVariants(core, { fieldCount: fields.length, rowCount }),
    base,
  });
  columns.startUs.set(readNumbers(core, rowCount), base);
  columns.startNs.set(readUints(core, rowCount), base);
  columns.durationNs.set(readNumbers(core, rowCount), base);
}

function encodeAttributes(columns: SpanColumns, rows: Uint32Array): readonly RawSection[] {
  const dictionary = new LocalDictionary(columns.strings);
  const body = new ByteWriter(16 * rows.length + 256);
  const { attributes, attributesEnd, derived, derivedEnd } = columns;
  writeAttributes(body, { list: attributes, ends: attributesEnd }, { rows, dictionary });
  writeAttributes(body, { list: derived, ends: derivedEnd }, { rows, dictionary });
  const texts = new ByteWriter();
  dictionary.write(texts);
  return [rawSection(SECTION.attributeTexts, texts), rawSection(SECTION.attributes, body)];
}

function decodeAttributes(columns: SpanColumns, { base, rowCount, source }: Target): void {
  const texts = new SectionTexts(openSection(source, SECTION.attributeTexts));
  const stringIds = texts.internInto(columns.strings);
  const reader = openSection(source, SECTION.attributes);
  const options = { rowCount, stringIds };
  columns.attributesEnd.set(readAttributes(reader, columns.attributes, options), base);
  columns.derivedEnd.set(readAttributes(reader, columns.derived, options), base);
}

function encodeEvents(columns: SpanColumns, rows: Uint32Array): readonly RawSection[] {
  const events = writeEvents(columns, rows);
  return events ? [rawSection(SECTION.events, events)] : [];
}

function encodeLinks(columns: SpanColumns, rows: Uint32Array): readonly RawSection[] {
  const links = writeLinks(columns, rows);
  return links ? [rawSection(SECTION.links, links)] : [];
}
