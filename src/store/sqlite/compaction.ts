/**
 * Small things become large ones, off the reply path: blocks of quiet times, segments of the trace index, and
 * tallies of one minute. A call takes small steps until its time is up, in one transaction and so with one flush:
 * readers see either the old rows or the new.
 */
import { isAppError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { markStage } from '../../base/stages.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import { decodeAt, type EncodedBlock, SIGNAL } from './block.ts';
import { type BlobRow, type BlockHeader, DayReader, type TallyTable } from './day-reader.ts';
import { type DayWriter, packBlock } from './day-writer.ts';
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
import { orderByTrace, TRACE_BUCKET_COUNT } from './trace-order.ts';
import { ALL_BUCKETS, type MergedSegments, mergeSegments, SegmentList } from './trace-segment.ts';

/** Blocks below this are worth merging; larger ones already pay for their header. */
const SMALL_BLOCK_ROWS = LIMITS.blockRowsMax / 4;
/** Fewer small blocks than this are left alone. */
const SMALL_BLOCKS_MIN = 16;
/** Rows merged in one step: about 25 ms of work. */
const ROWS_PER_STEP_MAX = LIMITS.blockRowsMax / 2;
const SEGMENTS_MIN = 32;
/** Merged in one step: at eight spans a trace about 60 000 entries, 10 ms of work. */
const SEGMENTS_PER_STEP_MAX = 64;
/** From here on a merged segment is split into buckets: 64 entries each, half a kilobyte. */
const BUCKETED_ENTRIES_MIN = TRACE_BUCKET_COUNT * 64;
/** A bucket with so many segments gets its smallest merged; large ones are left alone as long as that suffices. */
const BUCKET_SEGMENTS_MAX = 32;
const BUCKET_SEGMENTS_KEPT = 8;
const TALLY_BLOBS_MIN = 16;
/** Merged in one step: of a hundred endpoints about 5 ms of work. */
const TALLY_BLOBS_PER_STEP_MAX = 64;

/** A step: false when there is nothing for it to do. */
type Step = (writer: DayWriter, reader: DayReader) => boolean;

/** Blocks of profiles stay as they are: each is one request. */
const MERGED_SIGNALS = [SIGNAL.spans, SIGNAL.logs, SIGNAL.points] as const;
type MergedSignal = (typeof MERGED_SIGNALS)[number];

const STEPS: readonly Step[] = [
  mergeNewSegments,
  mergeBucket,
  (writer, reader) => mergeTallies(writer, reader, { table: 'tallies', merge: mergeTallyBlobs }),
  (writer, reader) =>
    mergeTallies(writer, reader, { table: 'template_tallies', merge: mergeTemplateTallyBlobs }),
  ...MERGED_SIGNALS.map(
    (signal): Step =>
      (writer, reader) =>
        mergeBlocks(writer, reader, signal),
  ),
];

/**
 * Works on one day until nothing is left to do or LIMITS.compactionMs have passed, and then to the end of the step
 * under way; call again for the rest. Returns false when the file has damage in the way: it is left as it is, for
 * readers to report and for whoever repairs it.
 */
export function tryCompactDay(writer: DayWriter): boolean {
  const reader = DayReader.over(writer.connection, writer.day, writer.file);
  const untilMs = performance.now() + LIMITS.compactionMs;
  try {
    inTransaction(writer.connection, `compact ${writer.file}`, () => {
      for (const step of STEPS) {
        while (performance.now() < untilMs && step(writer, reader)) markStage('compaction');
      }
    });
    return true;
  } catch (error) {
    if (isAppError(error, 'store.corrupt')) return false;
    throw error;
  }
}

/** Merges the oldest small blocks of a signal into one. */
function mergeBlocks(writer: DayWriter, reader: DayReader, signal: MergedSignal): boolean {
  const small = reader.smallBlocks(signal, {
    rowsMax: SMALL_BLOCK_ROWS,
    limit: ROWS_PER_STEP_MAX,
  });
  if (small.length < SMALL_BLOCKS_MIN) return false;
  const chosen: BlockHeader[] = [];
  let rowCount = 0;
  for (const header of small) {
    if (rowCount + header.rowCount > ROWS_PER_STEP_MAX) break;
    chosen.push(header);
    rowCount += header.rowCount;
  }
  const merged = packBlock(MERGERS[signal](reader, chosen));
  const entries = new SegmentList();
  writer.insertBlock(merged, entries);
  for (const { blockId } of chosen) writer.deleteBlock(blockId);
  // Entries of the old blocks stay until their segments are merged; readers skip blocks that are gone.
  if (entries.count > 0) writer.insertSegment(ALL_BUCKETS, entries.sorted());
  return true;
}

type Merger = (reader: DayReader, headers: readonly BlockHeader[]) => EncodedBlock;

const MERGERS: Readonly<Record<MergedSignal, Merger>> = {
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

/** Segments of commits become one, or one per bucket when they are large; entries of blocks that are gone fall out. */
function mergeNewSegments(writer: DayWriter, reader: DayReader): boolean {
  if (reader.countSegments(ALL_BUCKETS) < SEGMENTS_MIN) return false;
  const segments = reader.segmentsOf(ALL_BUCKETS, SEGMENTS_PER_STEP_MAX);
  const { starts, ...entries } = merged(writer, reader, segments);
  const entryCount = entries.hashes.length;
  writer.deleteSegments(segments.map((segment) => segment.id));
  if (entryCount > 0 && entryCount < BUCKETED_ENTRIES_MIN) {
    writer.insertSegment(ALL_BUCKETS, entries);
  } else {
    for (let bucket = 0; bucket < TRACE_BUCKET_COUNT; bucket++) {
      insertBucket(writer, bucket, { starts, ...entries });
    }
  }
  markStage('index-seal');
  return true;
}

/** So that a look-up reads at most BUCKET_SEGMENTS_MAX segments of its bucket, however many commits there were. */
function mergeBucket(writer: DayWriter, reader: DayReader): boolean {
  const bucket = reader.findCrowdedBucket(BUCKET_SEGMENTS_MAX);
  if (bucket === undefined) return false;
  const bySize = [...reader.segmentsOf(bucket)].sort((a, b) => a.bytes.length - b.bytes.length);
  const segments = bySize.slice(0, bySize.length - BUCKET_SEGMENTS_KEPT + 1);
  const entries = merged(writer, reader, segments);
  writer.deleteSegments(segments.map((segment) => segment.id));
  insertBucket(writer, bucket, entries);
  markStage('index-seal');
  return true;
}

function insertBucket(
  writer: DayWriter,
  bucket: number,
  { hashes, blockIds, starts }: MergedSegments,
): void {
  const from = starts[bucket]!;
  const to = starts[bucket + 1]!;
  if (from === to) return;
  writer.insertSegment(bucket, {
    hashes: hashes.subarray(from, to),
    blockIds: blockIds.subarray(from, to),
  });
}

function merged(
  writer: DayWriter,
  reader: DayReader,
  segments: readonly BlobRow[],
): MergedSegments {
  return decodeAt(`trace segments of ${writer.file}`, () =>
    mergeSegments(
      segments.map(({ bytes }) => bytes),
      (blockId) => reader.hasBlock(blockId),
    ),
  );
}

/** Blobs of one minute become one, in a minute that has many. */
function mergeTallies(
  writer: DayWriter,
  reader: DayReader,
  { table, merge }: { readonly table: TallyTable; readonly merge: MergeBlobs },
): boolean {
  const minuteUs = reader.findCrowdedMinute(table, TALLY_BLOBS_MIN);
  if (minuteUs === undefined) return false;
  const blobs = reader.tallyBlobs(table, minuteUs, TALLY_BLOBS_PER_STEP_MAX);
  const bytes = decodeAt(`${table} of ${writer.file}`, () =>
    merge(blobs.map((blob) => blob.bytes)),
  );
  writer.deleteTallyBlobs(
    table,
    blobs.map((blob) => blob.id),
  );
  writer.insertTallyBlob(table, minuteUs, bytes);
  return true;
}

type MergeBlobs = (blobs: readonly Uint8Array[]) => Uint8Array;

function mergeTallyBlobs(blobs: readonly Uint8Array[]): Uint8Array {
  const minutes = blobs.map((bytes) => decodeTallies(bytes, { slices: true }));
  return encodeTallies({
    whole: mergeByKey(minutes.flatMap(({ whole }) => whole)),
    slices: mergeByKey(minutes.flatMap(({ slices }) => slices)),
  });
}

function mergeByKey(tallies: readonly KeyedTally[]): readonly KeyedTally[] {
  const merged = new Map<number, KeyedTally>();
  for (const tally of tallies) {
    const known = merged.get(tally.endpointKey);
    merged.set(tally.endpointKey, {
      endpointKey: tally.endpointKey,
      count: tally.count + (known?.count ?? 0),
      errorCount: tally.errorCount + (known?.errorCount ?? 0),
      ...(known ? mergeSketches(known, tally) : { buckets: tally.buckets, counts: tally.counts }),
    });
  }
  return [...merged.values()];
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
