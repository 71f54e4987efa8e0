/** Metric points ↔ the sections of a block, by series, then time. */
import {
  METRIC_KINDS,
  type PointColumns,
  type ResourceEntry,
  type ScopeEntry,
  type SeriesEntry,
} from '../../model/columns.ts';
import { readAttributes, writeAttributes } from './attribute-codec.ts';
import { stringIdAt } from './attribute-list.ts';
import {
  type EncodedBlock,
  openSection,
  type RawSection,
  rawSection,
  SECTION,
  type SectionSource,
  SIGNAL,
} from './block.ts';
import { appendBuckets, encodeBuckets } from './buckets.ts';
import { ByteReader, ByteWriter } from './byte-stream.ts';
import { readNumbers, readUints, writeNumbers, writeUints } from './column-codec.ts';
import {
  LocalEntries,
  readEntries,
  readResources,
  readScopes,
  writeEntries,
  writeResources,
  writeScopes,
} from './entry-codec.ts';
import { SPAN_ID_BYTES } from './id-codec.ts';
import { LocalDictionary, SectionTexts, TextIds } from './local-dictionary.ts';
import { entryAt, fillEnds, pickNumbers, pickUints, timeBounds } from './rows.ts';
import { type Target, withDictionary } from './shared-sections.ts';
import { flattenLists, setEnds } from './span-parts.ts';
import { TRACE_ID_BYTES } from './trace-order.ts';
import { readVariants, scatterVariants, type VariantField, writeVariants } from './variants.ts';

export type PointSection = 'points' | 'buckets' | 'exemplars';

/** `rows` by series, then time, then as they came. */
export function orderBySeries(columns: PointColumns, rows: Uint32Array): Uint32Array {
  const { series, timeUs } = columns;
  return rows.slice().sort((a, b) => series[a]! - series[b]! || timeUs[a]! - timeUs[b]! || a - b);
}

export function encodePointBlock(columns: PointColumns, rows: Uint32Array): EncodedBlock {
  const series = new LocalEntries(columns.seriesEntries);
  const points = encodePoints(columns, rows, series);
  const textOf = (id: number) => columns.strings.text(id);
  const textsOf = (ids: readonly number[]) => [...new Set(ids)].map(textOf).sort();
  return {
    signal: SIGNAL.points,
    rowCount: rows.length,
    ...timeBounds(columns.timeUs, rows),
    services: textsOf(series.used.map((entry) => entry.service)),
    names: textsOf(series.used.map((entry) => entry.name)),
    traceHashes: new Float64Array(0),
    sections: [
      encodeSeries(columns, series.used),
      points,
      ...encodeBuckets(columns, rows),
      ...encodeExemplars(columns, rows),
    ],
  };
}

/**
 * The series of the block before, for blocks that are read one after the other into columns of one dictionary: what is
 * sent every minute is named in the same order, byte by byte. To read 5000 series over 75 minutes takes 0.33 s
 * of CPU with it, 0.49 s without.
 */
export class SeriesMemory {
  bytes: Uint8Array = new Uint8Array(0);
  resources: readonly ResourceEntry[] = [];
  scopes: readonly ScopeEntry[] = [];
  seriesEntries: readonly SeriesEntry[] = [];
}

/** Appends the block's series and rows to `columns`; sections that are not named stay empty. */
export function decodePointBlock(
  columns: PointColumns,
  options: {
    readonly rowCount: number;
    readonly source: SectionSource;
    readonly sections: readonly PointSection[];
    readonly memory?: SeriesMemory;
  },
): void {
  const { rowCount, source, sections, memory } = options;
  const base = columns.count;
  const seriesBase = columns.seriesEntries.length;
  if (memory) recallSeries(columns, source, memory);
  else decodeSeries(columns, source);
  if (!sections.includes('points')) return;
  columns.reserve(base + rowCount);
  columns.count = base + rowCount;
  decodePoints(columns, { base, rowCount, source, seriesBase });
  if (!sections.includes('buckets') || !appendBuckets(columns, { base, rowCount, source })) {
    fillEnds(columns.bucketsEnd, columns.bucketsCount, { base, rowCount });
  }
  if (!sections.includes('exemplars') || !appendExemplars(columns, { base, rowCount, source })) {
    fillEnds(columns.exemplarsEnd, columns.exemplars.count, { base, rowCount });
  }
}

function encodeSeries(columns: PointColumns, entries: readonly SeriesEntry[]): RawSection {
  const dictionary = new LocalDictionary(columns.strings);
  const resources = new LocalEntries<ResourceEntry>(columns.resources);
  const scopes = new LocalEntries<ScopeEntry>(columns.scopes);
  const body = new ByteWriter(16 * entries.length + 256);
  body.varint(entries.length);
  for (const entry of entries) {
    body.varint(dictionary.idOf(entry.name));
    body.varint(dictionary.idOf(entry.unit));
    body.varint(dictionary.idOf(entry.description));
    body.u8(METRIC_KINDS.indexOf(entry.kind));
    body.u8(2 * entry.temporality + (entry.isMonotonic ? 1 : 0));
    body.varint(resources.indexOf(entry.resource));
    body.varint(scopes.indexOf(entry.scope));
    body.varint(dictionary.idOf(entry.service));
    writeEntries(body, entry.attributes, dictionary);
  }
  const tables = new ByteWriter();
  writeResources(tables, resources.used, dictionary);
  writeScopes(tables, scopes.used, dictionary);
  const writer = withDictionary(dictionary, tables);
  writer.append(body);
  return rawSection(SECTION.series, writer);
}

/** Into columns that were empty: indexes count from their first entry. */
function recallSeries(columns: PointColumns, source: SectionSource, memory: SeriesMemory): void {
  const bytes = source(SECTION.series);
  if (bytes === undefined || Buffer.compare(bytes, memory.bytes) !== 0) {
    decodeSeries(columns, source);
    memory.bytes = bytes ?? memory.bytes;
    memory.resources = columns.resources;
    memory.scopes = columns.scopes;
    memory.seriesEntries = columns.seriesEntries;
    return;
  }
  columns.resources.push(...memory.resources);
  columns.scopes.push(...memory.scopes);
  for (const entry of memory.seriesEntries) columns.seriesEntries.push(entry);
}

function decodeSeries(columns: PointColumns, source: SectionSource): void {
  const reader = openSection(source, SECTION.series);
  const stringIds = new SectionTexts(reader).internInto(columns.strings);
  const resourceBase = columns.resources.length;
  const scopeBase = columns.scopes.length;
  columns.resources.push(...readResources(reader, stringIds));
  columns.scopes.push(...readScopes(reader, stringIds));
  const text = () => stringIdAt(stringIds, reader.varint());
  for (let left = reader.count(); left > 0; left--) {
    const name = text();
    const unit = text();
    const description = text();
    const kind = METRIC_KINDS[reader.u8()];
    if (!kind) throw new RangeError('a series has an unknown kind');
    const bits = reader.u8();
    columns.seriesEntries.push({
      name,
      unit,
      description,
      kind,
      temporality: bits >> 1,
      isMonotonic: bits % 2 === 1,
      resource: entryAt(columns.resources.length, resourceBase + reader.varint()),
      scope: entryAt(columns.scopes.length, scopeBase + reader.varint()),
      service: text(),
      attributes: readEntries(reader, stringIds),
    });
  }
}

/** Fields of a point's variant in file order. Append only. */
function variantFields(columns: PointColumns): readonly VariantField[] {
  return [{ values: columns.flags }, { values: columns.has }];
}

function encodePoints(
  columns: PointColumns,
  rows: Uint32Array,
  series: LocalEntries<SeriesEntry>,
): RawSection {
  const core = new ByteWriter(24 * rows.length + 256);
  const indexes = pickUints(columns.series, rows);
  for (let row = 0; row < rows.length; row++) indexes[row] = series.indexOf(indexes[row]!);
  writeUints(core, indexes);
  writeVariants(core, { fields: variantFields(columns), rows });
  writeNumbers(core, pickNumbers(columns.timeUs, rows));
  writeUints(core, pickUints(columns.timeNs, rows));
  writeNumbers(core, pickNumbers(columns.startUs, rows));
  writeUints(core, pickUints(columns.startNs, rows));
  writeNumbers(core, pickNumbers(columns.value, rows));
  writeNumbers(core, pickNumbers(columns.observationCount, rows));
  writeNumbers(core, pickNumbers(columns.min, rows));
  writeNumbers(core, pickNumbers(columns.max, rows));
  return rawSection(SECTION.core, core);
}

function decodePoints(
  columns: PointColumns,
  { base, rowCount, source, seriesBase }: Target & { readonly seriesBase: number },
): void {
  const core = openSection(source, SECTION.core);
  const indexes = readUints(core, rowCount);
  for (let row = 0; row < rowCount; row++) {
    columns.series[base + row] = entryAt(columns.seriesEntries.length, seriesBase + indexes[row]!);
  }
  const fields = variantFields(columns);
  scatterVariants(fields, { ...readVariants(core, { fieldCount: fields.length, rowCount }), base });
  columns.timeUs.set(readNumbers(core, rowCount), base);
  columns.timeNs.set(readUints(core, rowCount), base);
  columns.startUs.set(readNumbers(core, rowCount), base);
  columns.startNs.set(readUints(core, rowCount), base);
  columns.value.set(readNumbers(core, rowCount), base);
  columns.observationCount.set(readNumbers(core, rowCount), base);
  columns.min.set(readNumbers(core, rowCount), base);
  columns.max.set(readNumbers(core, rowCount), base);
}

function encodeExemplars(columns: PointColumns, rows: Uint32Array): readonly RawSection[] {
  const { exemplars, exemplarsEnd, strings, timeUs } = columns;
  const { counts, items } = flattenLists(exemplarsEnd, rows);
  if (items.length === 0) return [];
  const dictionary = new LocalDictionary(strings);
  const body = new ByteWriter(40 * items.length + 256);
  writeUints(body, counts);
  for (const item of items) {
    body.raw(exemplars.traceId.subarray(TRACE_ID_BYTES * item, TRACE_ID_BYTES * (item + 1)));
    body.raw(exemplars.spanId.subarray(SPAN_ID_BYTES * item, SPAN_ID_BYTES * (item + 1)));
  }
  const offsets = new Float64Array(items.length);
  let at = 0;
  for (let index = 0; index < rows.length; index++) {
    const time = timeUs[rows[index]!]!;
    for (let end = at + counts[index]!; at < end; at++) {
      offsets[at] = exemplars.timeUs[items[at]!]! - time;
    }
  }
  writeNumbers(body, offsets);
  writeUints(body, pickUints(exemplars.timeNs, items));
  writeNumbers(body, pickNumbers(exemplars.value, items));
  writeUints(body, pickUints(exemplars.isInt, items));
  writeAttributes(
    body,
    { list: exemplars.attributes, ends: exemplars.attributesEnd },
    { rows: items, dictionary },
  );
  return [rawSection(SECTION.exemplars, withDictionary(dictionary, body))];
}

function appendExemplars(columns: PointColumns, { base, rowCount, source }: Target): boolean {
  const bytes = source(SECTION.exemplars);
  if (!bytes) return false;
  const reader = ByteReader.ofSection(bytes);
  const textIds = new TextIds(new SectionTexts(reader), columns.strings);
  const { exemplars, exemplarsEnd, timeUs } = columns;
  const counts = readUints(reader, rowCount);
  const first = exemplars.count;
  const count = setEnds(exemplarsEnd, counts, { base, start: first });
  reader.assertCount(count);
  for (let item = 0; item < count; item++) {
    const row = exemplars.addRow();
    exemplars.traceId.set(reader.raw(TRACE_ID_BYTES), TRACE_ID_BYTES * row);
    exemplars.spanId.set(reader.raw(SPAN_ID_BYTES), SPAN_ID_BYTES * row);
  }
  const offsets = readNumbers(reader, count);
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    const time = timeUs[base + row]!;
    for (let end = at + counts[row]!; at < end; at++) {
      exemplars.timeUs[first + at] = time + offsets[at]!;
    }
  }
  exemplars.timeNs.set(readUints(reader, count), first);
  exemplars.value.set(readNumbers(reader, count), first);
  exemplars.isInt.set(readUints(reader, count), first);
  const ends = readAttributes(reader, exemplars.attributes, { rowCount: count, textIds });
  exemplars.attributesEnd.set(ends, first);
  return true;
}
