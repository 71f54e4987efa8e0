/**
 * Span rows ↔ the sections of a block. The encoder takes rows of a group in the block's order; the decoder
 * appends to columns, so that several blocks may be read into one.
 */
import type { SpanColumns } from '../../model/columns.ts';
import type { SpanSection } from '../api/telemetry.ts';
import {
  type EncodedBlock,
  openSection,
  openTail,
  type RawSection,
  rawSection,
  SECTION,
  type SectionSource,
  SIGNAL,
  tailSection,
} from './block.ts';
import { ByteWriter } from './byte-stream.ts';
import { readNumbers, readUints, writeNumbers, writeUints } from './column-codec.ts';
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
import { distinctTexts, fillEnds, maskOf, pickNumbers, pickUints, timeBounds } from './rows.ts';
import {
  beginTables,
  decodeAttributes,
  encodeAttributes,
  type IdMaps,
  readTables,
  type Target,
} from './shared-sections.ts';
import { appendEvents, appendLinks, writeEvents, writeLinks } from './span-parts.ts';
import { readVariants, scatterVariants, type VariantField, writeVariants } from './variants.ts';

export function encodeSpanBlock(columns: SpanColumns, rows: Uint32Array): EncodedBlock {
  const { strings } = columns;
  const runs = findRuns(columns.traceId, rows);
  return {
    signal: SIGNAL.spans,
    rowCount: rows.length,
    ...timeBounds(columns.startUs, rows),
    services: distinctTexts(columns.service, rows, strings),
    names: distinctTexts(columns.name, rows, strings),
    traceHashes: traceHashes(columns.traceId, rows, runs),
    sections: [
      ...encodeCore(columns, rows, runs),
      ...encodeAttributes(columns, rows),
      ...encodeEvents(columns, rows),
      ...encodeLinks(columns, rows),
    ],
  };
}

/**
 * Appends the block's rows to `columns`; sections that are not named stay empty. Where rows are chosen, from the core,
 * the others get no attributes; answers the chosen rows.
 */
export function decodeSpanBlock(
  columns: SpanColumns,
  options: {
    readonly rowCount: number;
    readonly source: SectionSource;
    readonly sections: readonly SpanSection[];
    /** Asked when the core is read; only for columns that were empty. */
    readonly choose?: () => Uint32Array;
  },
): Uint32Array | undefined {
  const { rowCount, source, sections } = options;
  const base = columns.count;
  columns.reserve(base + rowCount);
  columns.count = base + rowCount;
  decodeCore(columns, { base, rowCount, source });
  const chosen = options.choose?.();
  if (sections.includes('attributes') && chosen?.length !== 0) {
    decodeAttributes(columns, { base, rowCount, source }, maskOf(chosen, rowCount));
  } else {
    fillEnds(columns.attributesEnd, columns.attributes.count, { base, rowCount });
    fillEnds(columns.derivedEnd, columns.derived.count, { base, rowCount });
  }
  if (!sections.includes('events') || !appendEvents(columns, { base, rowCount, source })) {
    fillEnds(columns.eventsEnd, columns.events.count, { base, rowCount });
  }
  if (!sections.includes('links') || !appendLinks(columns, { base, rowCount, source })) {
    fillEnds(columns.linksEnd, columns.links.count, { base, rowCount });
  }
  return chosen;
}

/** Fields of a span's variant in file order, and how their ids become local. Append only. */
function variantFields(columns: SpanColumns, local: IdMaps): readonly VariantField[] {
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
  const tables = beginTables(columns);
  const core = new ByteWriter(16 * rows.length + 256);
  const ids = new ByteWriter(12 * rows.length + 256);
  const { traceId, spanId, parentSpanId } = columns;
  writeTraceIds({ core, ids }, { traceId, rows, runs });
  writeSpanIds(ids, spanId, rows);
  writeReferences({ core, ids }, { refId: parentSpanId, spanId, rows, runs });
  writeVariants(core, { fields: variantFields(columns, tables.maps), rows });
  writeNumbers(core, pickNumbers(columns.startUs, rows));
  writeUints(core, pickUints(columns.startNs, rows));
  writeNumbers(core, pickNumbers(columns.durationNs, rows));
  return [tables.finish(), tailSection(SECTION.ids, ids), rawSection(SECTION.core, core)];
}

function decodeCore(columns: SpanColumns, { base, rowCount, source }: Target): void {
  const fields = variantFields(columns, readTables(columns, source));
  const core = openSection(source, SECTION.core);
  const ids = openTail(source, SECTION.ids);
  const { traceId, spanId, parentSpanId } = columns;
  const runs = readTraceIds({ core, ids }, { traceId, base, rowCount });
  readSpanIds(ids, { spanId, base, rowCount });
  readReferences({ core, ids }, { refId: parentSpanId, spanId, base, runs });
  scatterVariants(fields, {
    ...readVariants(core, { fieldCount: fields.length, rowCount }),
    base,
  });
  columns.startUs.set(readNumbers(core, rowCount), base);
  columns.startNs.set(readUints(core, rowCount), base);
  columns.durationNs.set(readNumbers(core, rowCount), base);
}

function encodeEvents(columns: SpanColumns, rows: Uint32Array): readonly RawSection[] {
  const events = writeEvents(columns, rows);
  return events ? [rawSection(SECTION.events, events)] : [];
}

function encodeLinks(columns: SpanColumns, rows: Uint32Array): readonly RawSection[] {
  const links = writeLinks(columns, rows);
  return links ? [rawSection(SECTION.links, links)] : [];
}
