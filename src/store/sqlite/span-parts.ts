/** Events and links of span rows ↔ their sections; a block without any has no such section. */
import type { SpanColumns } from '../../model/columns.ts';
import { readAttributes, writeAttributes } from './attribute-codec.ts';
import { openSection, SECTION } from './block.ts';
import { ByteReader, ByteWriter } from './byte-stream.ts';
import { readNumbers, readUints, writeNumbers, writeUints } from './column-codec.ts';
import { SPAN_ID_BYTES } from './id-codec.ts';
import { LocalDictionary, SectionTexts, TextIds } from './local-dictionary.ts';
import { pickUints } from './rows.ts';
import { type Target, withDictionary } from './shared-sections.ts';
import { TRACE_ID_BYTES } from './trace-order.ts';
import { readVariants, scatterVariants, type VariantField, writeVariants } from './variants.ts';

/** Items of rows in the block's order: how many each row has, and which they are. */
export function flattenLists(
  ends: Uint32Array,
  rows: Uint32Array,
): { readonly counts: Uint32Array; readonly items: Uint32Array } {
  const counts = new Uint32Array(rows.length);
  let total = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    counts[index] = ends[row]! - (row === 0 ? 0 : ends[row - 1]!);
    total += counts[index]!;
  }
  const items = new Uint32Array(total);
  let at = 0;
  for (let index = 0; index < rows.length; index++) {
    const end = ends[rows[index]!]!;
    for (let item = end - counts[index]!; item < end; item++) items[at++] = item;
  }
  return { counts, items };
}

/** Sets where each row's list ends, counting on from `start`; returns how many items there are. */
export function setEnds(
  ends: Uint32Array,
  counts: Uint32Array,
  from: { readonly base: number; readonly start: number },
): number {
  let end = from.start;
  for (let row = 0; row < counts.length; row++) {
    end += counts[row]!;
    ends[from.base + row] = end;
  }
  return end - from.start;
}

export function writeEvents(columns: SpanColumns, rows: Uint32Array): ByteWriter | undefined {
  const { events, eventsEnd, startUs, strings } = columns;
  const { counts, items } = flattenLists(eventsEnd, rows);
  if (items.length === 0) return undefined;
  const dictionary = new LocalDictionary(strings);
  const body = new ByteWriter(16 * items.length + 256);
  writeUints(body, counts);
  const offsets = new Float64Array(items.length);
  let at = 0;
  for (let index = 0; index < rows.length; index++) {
    const start = startUs[rows[index]!]!;
    for (let end = at + counts[index]!; at < end; at++) {
      offsets[at] = events.timeUs[items[at]!]! - start;
    }
  }
  writeNumbers(body, offsets);
  writeUints(body, pickUints(events.timeNs, items));
  const fields = [
    { values: events.name, localOf: (id: number) => dictionary.idOf(id) },
    { values: events.droppedAttributesCount },
  ];
  writeVariants(body, { fields, rows: items });
  writeAttributes(
    body,
    { list: events.attributes, ends: events.attributesEnd },
    { rows: items, dictionary },
  );
  return withDictionary(dictionary, body);
}

/** Appends the events of the rows at `base`; false when the block has none. Start times are read already. */
export function appendEvents(columns: SpanColumns, { base, rowCount, source }: Target): boolean {
  const bytes = source(SECTION.events);
  if (!bytes) return false;
  const reader = ByteReader.ofSection(bytes);
  const textIds = new TextIds(new SectionTexts(reader), columns.strings);
  const { events, eventsEnd, startUs } = columns;
  const counts = readUints(reader, rowCount);
  const first = events.count;
  const count = setEnds(eventsEnd, counts, { base, start: first });
  reader.assertCount(count);
  for (let item = 0; item < count; item++) events.addRow();
  const offsets = readNumbers(reader, count);
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    const start = startUs[base + row]!;
    for (let end = at + counts[row]!; at < end; at++) {
      events.timeUs[first + at] = start + offsets[at]!;
    }
  }
  events.timeNs.set(readUints(reader, count), first);
  const fields: readonly VariantField[] = [
    { values: events.name, localOf: (local) => textIds.idAt(local) },
    { values: events.droppedAttributesCount },
  ];
  scatterVariants(fields, {
    ...readVariants(reader, { fieldCount: fields.length, rowCount: count }),
    base: first,
  });
  const ends = readAttributes(reader, events.attributes, { rowCount: count, textIds });
  events.attributesEnd.set(ends, first);
  return true;
}

export function writeLinks(columns: SpanColumns, rows: Uint32Array): ByteWriter | undefined {
  const { links, linksEnd, strings } = columns;
  const { counts, items } = flattenLists(linksEnd, rows);
  if (items.length === 0) return undefined;
  const dictionary = new LocalDictionary(strings);
  const body = new ByteWriter(32 * items.length + 256);
  writeUints(body, counts);
  for (const item of items) {
    body.raw(links.traceId.subarray(TRACE_ID_BYTES * item, TRACE_ID_BYTES * (item + 1)));
    body.raw(links.spanId.subarray(SPAN_ID_BYTES * item, SPAN_ID_BYTES * (item + 1)));
  }
  const fields = [
    { values: links.traceState, localOf: (id: number) => dictionary.idOf(id) },
    { values: links.flags },
    { values: links.droppedAttributesCount },
  ];
  writeVariants(body, { fields, rows: items });
  writeAttributes(
    body,
    { list: links.attributes, ends: links.attributesEnd },
    { rows: items, dictionary },
  );
  return withDictionary(dictionary, body);
}

/** Appends the links of the rows at `base`; false when the block has none. */
export function appendLinks(columns: SpanColumns, { base, rowCount, source }: Target): boolean {
  if (!source(SECTION.links)) return false;
  const reader = openSection(source, SECTION.links);
  const textIds = new TextIds(new SectionTexts(reader), columns.strings);
  const { links, linksEnd } = columns;
  const counts = readUints(reader, rowCount);
  const first = links.count;
  const count = setEnds(linksEnd, counts, { base, start: first });
  reader.assertCount(count);
  for (let item = 0; item < count; item++) {
    const row = links.addRow();
    links.traceId.set(reader.raw(TRACE_ID_BYTES), TRACE_ID_BYTES * row);
    links.spanId.set(reader.raw(SPAN_ID_BYTES), SPAN_ID_BYTES * row);
  }
  const fields: readonly VariantField[] = [
    { values: links.traceState, localOf: (local) => textIds.idAt(local) },
    { values: links.flags },
    { values: links.droppedAttributesCount },
  ];
  scatterVariants(fields, {
    ...readVariants(reader, { fieldCount: fields.length, rowCount: count }),
    base: first,
  });
  const ends = readAttributes(reader, links.attributes, { rowCount: count, textIds });
  links.attributesEnd.set(ends, first);
  return true;
}
