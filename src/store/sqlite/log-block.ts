/** Log rows ↔ the sections of a block; bodies have their own texts so that a search can skip the block. */
import { type LogColumns, VALUE_TYPE } from '../../model/columns.ts';
import { writeTypedValues } from './attribute-codec.ts';
import { isText, readTypedValues } from './attribute-list.ts';
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
import { type ByteReader, ByteWriter } from './byte-stream.ts';
import { readNumbers, readUints, writeNumbers, writeUints } from './column-codec.ts';
import {
  findRuns,
  readReferences,
  readTraceIds,
  traceHashes,
  writeReferences,
  writeTraceIds,
} from './id-codec.ts';
import { LocalDictionary, SectionTexts, TextIds } from './local-dictionary.ts';
import { distinctTexts, fillEnds, maskOf, pickNumbers, pickUints, timeBounds } from './rows.ts';
import {
  beginTables,
  decodeAttributes,
  encodeAttributes,
  type IdMaps,
  readTables,
  type Target,
} from './shared-sections.ts';
import { readVariants, scatterVariants, type VariantField, writeVariants } from './variants.ts';

export type LogSection = 'bodies' | 'attributes';

export function encodeLogBlock(columns: LogColumns, rows: Uint32Array): EncodedBlock {
  const runs = findRuns(columns.traceId, rows);
  return {
    signal: SIGNAL.logs,
    rowCount: rows.length,
    ...timeBounds(columns.timeUs, rows),
    services: distinctTexts(columns.service, rows, columns.strings),
    names: [],
    traceHashes: traceHashes(columns.traceId, rows, runs),
    sections: [
      ...encodeCore(columns, rows, runs),
      ...encodeBodies(columns, rows),
      ...encodeAttributes(columns, rows),
    ],
  };
}

/**
 * Appends the block's rows to `columns`; sections that are not named stay empty. Where rows are chosen, from the core,
 * the others get no body and no attributes; answers the chosen rows.
 */
export function decodeLogBlock(
  columns: LogColumns,
  options: {
    readonly rowCount: number;
    readonly source: SectionSource;
    readonly sections: readonly LogSection[];
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
  const isWanted = maskOf(chosen, rowCount);
  if (sections.includes('bodies') && chosen?.length !== 0) {
    decodeBodies(columns, { base, rowCount, source }, isWanted);
  }
  if (sections.includes('attributes') && chosen?.length !== 0) {
    decodeAttributes(columns, { base, rowCount, source }, isWanted);
  } else {
    fillEnds(columns.attributesEnd, columns.attributes.count, { base, rowCount });
    fillEnds(columns.derivedEnd, columns.derived.count, { base, rowCount });
  }
  return chosen;
}

/** Fields of a log record's variant in file order. Append only. */
function variantFields(columns: LogColumns, local: IdMaps): readonly VariantField[] {
  return [
    { values: columns.severity },
    { values: columns.severityText, localOf: local.text },
    { values: columns.flags },
    { values: columns.eventName, localOf: local.text },
    { values: columns.resource, localOf: local.resource },
    { values: columns.scope, localOf: local.scope },
    { values: columns.droppedAttributesCount },
    { values: columns.service, localOf: local.text },
    { values: columns.template, localOf: local.text },
  ];
}

function encodeCore(
  columns: LogColumns,
  rows: Uint32Array,
  runs: Uint32Array,
): readonly RawSection[] {
  const tables = beginTables(columns);
  const core = new ByteWriter(16 * rows.length + 256);
  const ids = new ByteWriter(12 * rows.length + 256);
  const { traceId, spanId } = columns;
  writeTraceIds({ core, ids }, { traceId, rows, runs });
  writeReferences({ core, ids }, { refId: spanId, spanId, rows, runs });
  writeVariants(core, { fields: variantFields(columns, tables.maps), rows });
  const timeUs = pickNumbers(columns.timeUs, rows);
  writeNumbers(core, timeUs);
  writeUints(core, pickUints(columns.timeNs, rows));
  const delays = pickNumbers(columns.observedUs, rows);
  for (let row = 0; row < delays.length; row++) delays[row]! -= timeUs[row]!;
  writeNumbers(core, delays);
  writeUints(core, pickUints(columns.observedNs, rows));
  return [tables.finish(), tailSection(SECTION.ids, ids), rawSection(SECTION.core, core)];
}

function decodeCore(columns: LogColumns, { base, rowCount, source }: Target): void {
  const fields = variantFields(columns, readTables(columns, source));
  const core = openSection(source, SECTION.core);
  const ids = openTail(source, SECTION.ids);
  const { traceId, spanId, timeUs } = columns;
  const runs = readTraceIds({ core, ids }, { traceId, base, rowCount });
  readReferences({ core, ids }, { refId: spanId, spanId, base, runs });
  scatterVariants(fields, {
    ...readVariants(core, { fieldCount: fields.length, rowCount }),
    base,
  });
  timeUs.set(readNumbers(core, rowCount), base);
  columns.timeNs.set(readUints(core, rowCount), base);
  const delays = readNumbers(core, rowCount);
  for (let row = 0; row < rowCount; row++) {
    columns.observedUs[base + row] = timeUs[base + row]! + delays[row]!;
  }
  columns.observedNs.set(readUints(core, rowCount), base);
}

function encodeBodies(columns: LogColumns, rows: Uint32Array): readonly RawSection[] {
  const dictionary = new LocalDictionary(columns.strings);
  const body = new ByteWriter(4 * rows.length + 256);
  const types = pickUints(columns.bodyType, rows);
  const values = pickNumbers(columns.bodyValue, rows);
  const present = Object.values(VALUE_TYPE).filter((type) => types.includes(type));
  body.varint(present.length);
  for (const type of present) body.u8(type);
  writeUints(body, types);
  for (const type of present) {
    const column = present.length === 1 ? values : values.filter((_, row) => types[row] === type);
    writeTypedValues(body, { type, column, dictionary });
  }
  const texts = new ByteWriter(64 * rows.length);
  dictionary.write(texts);
  return [rawSection(SECTION.bodyTexts, texts), rawSection(SECTION.bodies, body)];
}

function decodeBodies(
  columns: LogColumns,
  { base, rowCount, source }: Target,
  isWanted: Uint8Array | undefined,
): void {
  const texts = new SectionTexts(openSection(source, SECTION.bodyTexts));
  const textIds = new TextIds(texts, columns.strings);
  const reader = openSection(source, SECTION.bodies);
  const present = readBodyTypes(reader);
  const types = readUints(reader, rowCount);
  columns.bodyType.set(types, base);
  let readCount = 0;
  for (const type of present) {
    const count = types.reduce((sum, candidate) => sum + (candidate === type ? 1 : 0), 0);
    const values = readTypedValues(reader, { type, count });
    let at = 0;
    for (let row = 0; row < rowCount; row++) {
      if (types[row] !== type) continue;
      const value = values[at++]!;
      if (isWanted !== undefined && isWanted[row] === 0) continue;
      columns.bodyValue[base + row] = isText(type) ? textIds.idAt(value) : value;
    }
    readCount += count;
  }
  if (readCount !== rowCount) throw new RangeError('there is not one body for each row');
}

/** Types of value that the block's bodies have; leaves the reader at their column. */
export function readBodyTypes(reader: ByteReader): readonly number[] {
  return Array.from({ length: reader.count() }, () => reader.u8());
}
