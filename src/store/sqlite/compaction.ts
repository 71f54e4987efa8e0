/**
 * Small things become large ones, off the reply path: blocks of quiet times, segments of the trace index, and
 * tallies of one minute. Each step is one transaction, so that readers see either the old rows or the new.
 */
import { isAppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { markStage } from '../../base/stages.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import { decodeAt, type EncodedBlock, SIGNAL, type SignalNumber } from './block.ts';
import { type BlockHeader, DayReader } from './day-reader.ts';
import { type DayWriter, type PackedBlock, packBlock } from './day-writer.ts';
import { decodeLogBlock, encodeLogBlock } from './log-block.ts';
import { decodePointBlock, encodePointBlock, orderBySeries } from './point-block.ts';
import { decodeSpanBlock, encodeSpanBlock } from './span-block.ts';
import { inTransaction } from './sqlite.ts';
import {
  decodeTallies,
  decodeTemplateTallies,
  encodeTallies,
  encodeTemplateTallies,
  type KeyedTally,
  type KeyedTemplateTally,
  mergeSketches,
} from './tally-blob.ts';
import { orderByTrace, TRACE_BUCKET_DIVISOR } from './trace-order.ts';
import { ALL_BUCKETS, decodeSegment, type SegmentEntry } from './trace-segment.ts';

/** Blocks below this are worth merging; larger ones already pay for their header. */
const SMALL_BLOCK_ROWS = LIMITS.blockRowsMax / 4;
/** Fewer small blocks than this are left alone. */
const SMALL_BLOCKS_MIN = 16;
/** Rows merged in one call: about 30 ms of work, so that ingest waits little. */
const ROWS_PER_CALL_MAX = LIMITS.blockRowsMax;
const SEGMENTS_MIN = 32;
/** From here on a merged segment is split into buckets: 64 entries each, half a kilobyte. */
const BUCKETED_ENTRIES_MIN = 256 * 64;
const TALLY_BLOBS_MIN = 16;

/**
 * One bounded step on one day; call again for the rest. Returns false when the file has damage in the way: it
 * is left as it is, for readers to report and for whoever repairs it.
 */
export function tryCompactDay(writer: DayWriter): boolean {
  try {
    compactDay(writer);
    return true;
  } catch (error) {
    if (isAppError(error, 'store.corrupt')) return false;
    throw error;
  }
}

function compactDay(writer: DayWriter): void {
  const reader = DayReader.over(writer.connection, writer.day, writer.file);
  for (const signal of Object.values(SIGNAL)) mergeBlocks(writer, reader, signal);
  mergeSegments(writer, reader);
  mergeTallies(writer, reader, 'tallies', mergeTallyBlobs);
  mergeTallies(writer, reader, 'template_tallies', mergeTemplateTallyBlobs);
}

/** Merges the oldest small blocks of a signal into one. */
function mergeBlocks(writer: DayWriter, reader: DayReader, signal: SignalNumber): void {
  const small = reader.smallBlocks(signal, {
    rowsMax: SMALL_BLOCK_ROWS,
    limit: ROWS_PER_CALL_MAX,
  });
  if (small.length < SMALL_BLOCKS_MIN) return;
  const chosen: BlockHeader[] = [];
  let rowCount = 0;
  for (const header of small) {
    if (rowCount + header.rowCount > ROWS_PER_CALL_MAX) break;
    chosen.push(header);
    rowCount += header.rowCount;
  }
  const merged = packBlock(MERGERS[signal](reader, chosen));
  replaceBlocks(writer, chosen, merged);
}

function replaceBlocks(writer: DayWriter, old: readonly BlockHeader[], merged: PackedBlock): void {
  inTransaction(writer.connection, `merge blocks of ${writer.file}`, () => {
    const entries: SegmentEntry[] = [];
    writer.insertBlock(merged, entries);
    for (const { blockId } of old) writer.deleteBlock(blockId);
    // Entries of the old blocks stay until their segments are merged; readers skip blocks that are gone.
    if (entries.length > 0) writer.insertSegment(ALL_BUCKETS, entries);
    markStage('compaction');
  });
}

type Merger = (reader: DayReader, headers: readonly BlockHeader[]) => EncodedBlock;

const MERGERS: Readonly<Record<SignalNumber, Merger>> = {
  [SIGNAL.spans]: (reader, headers) => {
    const columns = new SpanColumns(new StringDictionary());
    for (const header of headers) {
      decodeAt(reader.placeOf(header), () =>
        decodeSpanBlock(columns, {
          rowCount: header.rowCount,
          source: reader.sectionsOf(header),
          sections: ['attributes', 'events', 'links'],
        }),
      );
    }
    const { traceId, startUs: timeUs } = columns;
    return encodeSpanBlock(columns, orderByTrace({ traceId, timeUs }, allRows(columns.count)));
  },
  [SIGNAL.logs]: (reader, headers) => {
    const columns = new LogColumns(new StringDictionary());
    for (const header of headers) {
      decodeAt(reader.placeOf(header), () =>
        decodeLogBlock(columns, {
          rowCount: header.rowCount,
          source: reader.sectionsOf(header),
          sections: ['bodies', 'attributes'],
        }),
      );
    }
    return encodeLogBlock(columns, orderByTrace(columns, allRows(columns.count)));
  },
  [SIGNAL.points]: (reader, headers) => {
    const columns = new PointColumns(new StringDictionary());
    for (const header of headers) {
      decodeAt(reader.placeOf(header), () =>
        decodePointBlock(columns, {
          rowCount: header.rowCount,
          source: reader.sectionsOf(header),
          sections: ['points', 'buckets', 'exemplars'],
        }),
      );
    }
    return encodePointBlock(columns, orderBySeries(columns, allRows(columns.count)));
  },
};

function allRows(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

/** Many segments become one, or one per bucket when they are large; entries of blocks that are gone fall out. */
function mergeSegments(writer: DayWriter, reader: DayReader): void {
  const segments = reader.segmentsOf(ALL_BUCKETS);
  if (segments.length < SEGMENTS_MIN) return;
  const entries = segments
    .flatMap(({ bytes }) => decodeAt(`trace segment of ${writer.file}`, () => decodeSegment(bytes)))
    .filter(withLivingBlock(reader));
  inTransaction(writer.connection, `merge trace segments of ${writer.file}`, () => {
    writer.deleteSegments(segments.map((segment) => segment.id));
    markStage('index-seal');
    if (entries.length === 0) return;
    if (entries.length < BUCKETED_ENTRIES_MIN) {
      writer.insertSegment(ALL_BUCKETS, entries);
      return;
    }
    const buckets = new Map<number, SegmentEntry[]>();
    for (const entry of entries) {
      const bucket = Math.floor(entry.hash / TRACE_BUCKET_DIVISOR);
      const list = buckets.get(bucket);
      if (list) list.push(entry);
      else buckets.set(bucket, [entry]);
    }
    for (const [bucket, list] of buckets) writer.insertSegment(bucket, list);
  });
}

function withLivingBlock(reader: DayReader): (entry: SegmentEntry) => boolean {
  const isLiving = new Map<number, boolean>();
  return ({ blockId }) => {
    let known = isLiving.get(blockId);
    if (known === undefined) {
      known = reader.findBlock(blockId) !== undefined;
      isLiving.set(blockId, known);
    }
    return known;
  };
}

/** Blobs of a minute become one, in minutes that have many. */
function mergeTallies(
  writer: DayWriter,
  reader: DayReader,
  table: 'tallies' | 'template_tallies',
  merge: (blobs: readonly Uint8Array[]) => Uint8Array,
): void {
  for (const minuteUs of reader.crowdedMinutes(table, TALLY_BLOBS_MIN)) {
    const blobs = reader.tallyBlobs(table, minuteUs);
    const merged = decodeAt(`${table} of ${writer.file}`, () =>
      merge(blobs.map((blob) => blob.bytes)),
    );
    inTransaction(writer.connection, `merge ${table} of ${writer.file}`, () => {
      writer.deleteTallyBlobs(
        table,
        blobs.map((blob) => blob.id),
      );
      writer.insertTallyBlob(table, minuteUs, merged);
    });
  }
}

function mergeTallyBlobs(blobs: readonly Uint8Array[]): Uint8Array {
  const merged = new Map<number, KeyedTally>();
  for (const tally of blobs.flatMap((bytes) => decodeTallies(bytes))) {
    const known = merged.get(tally.endpointKey);
    merged.set(tally.endpointKey, {
      endpointKey: tally.endpointKey,
      count: tally.count + (known?.count ?? 0),
      errorCount: tally.errorCount + (known?.errorCount ?? 0),
      ...(known ? mergeSketches(known, tally) : { buckets: tally.buckets, counts: tally.counts }),
    });
  }
  return encodeTallies([...merged.values()]);
}

function mergeTemplateTallyBlobs(blobs: readonly Uint8Array[]): Uint8Array {
  const merged = new Map<number, KeyedTemplateTally>();
  for (const tally of blobs.flatMap((bytes) => decodeTemplateTallies(bytes))) {
    const known = merged.get(tally.templateKey);
    merged.set(tally.templateKey, {
      templateKey: tally.templateKey,
      count: tally.count + (known?.count ?? 0),
      severityMax: Math.max(tally.severityMax, known?.severityMax ?? 0),
    });
  }
  return encodeTemplateTallies([...merged.values()]);
}
