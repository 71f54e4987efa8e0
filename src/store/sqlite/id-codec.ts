/**
 * Trace and span ids ↔ bytes. Ids are random and do not compress, so each is stored once: a trace id per run
 * of rows, a span id per row, and a parent as its place in the run when it is there.
 */
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import { readUints, writeUints } from './column-codec.ts';
import { isSameTrace, TRACE_ID_BYTES, traceHash } from './trace-order.ts';

export const SPAN_ID_BYTES = 8;
/** A reference: no id, an id that stands in the ids section, or a row of the run + 2. */
const REFERENCE = { none: 0, explicit: 1, firstRow: 2 } as const;
/** Runs longer than this are looked up by a map. */
const LINEAR_RUN_MAX = 16;

/** Where each run of rows with one trace id begins, and the end. */
export function findRuns(traceId: Uint8Array, rows: Uint32Array): Uint32Array {
  const starts: number[] = [];
  for (let index = 0; index < rows.length; index++) {
    if (index === 0 || !isSameTrace(traceId, rows[index]!, rows[index - 1]!)) starts.push(index);
  }
  starts.push(rows.length);
  return Uint32Array.from(starts);
}

/** Hashes of the block's traces, ascending; rows without a trace id have none. */
export function traceHashes(
  traceId: Uint8Array,
  rows: Uint32Array,
  runs: Uint32Array,
): Float64Array {
  const hashes: number[] = [];
  for (let run = 0; run + 1 < runs.length; run++) {
    const offset = TRACE_ID_BYTES * rows[runs[run]!]!;
    if (!isZero(traceId, offset, TRACE_ID_BYTES)) hashes.push(traceHash(traceId, offset));
  }
  return Float64Array.from(hashes).sort();
}

/** Run lengths go to `core`, the ids of the runs to `ids`. */
export function writeTraceIds(
  writers: { readonly core: ByteWriter; readonly ids: ByteWriter },
  source: {
    readonly traceId: Uint8Array;
    readonly rows: Uint32Array;
    readonly runs: Uint32Array;
  },
): void {
  const { traceId, rows, runs } = source;
  const lengths = new Uint32Array(runs.length - 1);
  for (let run = 0; run < lengths.length; run++) {
    lengths[run] = runs[run + 1]! - runs[run]!;
    const offset = TRACE_ID_BYTES * rows[runs[run]!]!;
    writers.ids.raw(traceId.subarray(offset, offset + TRACE_ID_BYTES));
  }
  writers.core.varint(lengths.length);
  writeUints(writers.core, lengths);
}

/** Fills rows [base, base + rowCount) of `traceId` and returns the runs, counted from 0. */
export function readTraceIds(
  readers: { readonly core: ByteReader; readonly ids: ByteReader },
  target: { readonly traceId: Uint8Array; readonly base: number; readonly rowCount: number },
): Uint32Array {
  const { traceId, base, rowCount } = target;
  const lengths = readUints(readers.core, readers.core.count(rowCount));
  const runs = new Uint32Array(lengths.length + 1);
  let row = 0;
  for (let run = 0; run < lengths.length; run++) {
    const id = readers.ids.raw(TRACE_ID_BYTES);
    const end = row + lengths[run]!;
    if (end > rowCount) throw new RangeError('traces have more rows than the block');
    for (; row < end; row++) traceId.set(id, TRACE_ID_BYTES * (base + row));
    runs[run + 1] = end;
  }
  if (row !== rowCount) throw new RangeError('traces have fewer rows than the block');
  return runs;
}

export function writeSpanIds(ids: ByteWriter, spanId: Uint8Array, rows: Uint32Array): void {
  const bytes = ids.take(SPAN_ID_BYTES * rows.length);
  for (let index = 0; index < rows.length; index++) {
    const from = SPAN_ID_BYTES * rows[index]!;
    const to = SPAN_ID_BYTES * index;
    for (let byte = 0; byte < SPAN_ID_BYTES; byte++) bytes[to + byte] = spanId[from + byte]!;
  }
}

export function readSpanIds(
  ids: ByteReader,
  target: { readonly spanId: Uint8Array; readonly base: number; readonly rowCount: number },
): void {
  const { spanId, base, rowCount } = target;
  spanId.set(ids.raw(SPAN_ID_BYTES * rowCount), SPAN_ID_BYTES * base);
}

/**
 * Writes for each row which row of its run has the id in `refId` as its `spanId` (a span's parent); ids that
 * are not there follow in the ids section. With `refId` and `spanId` the same array (span ids of logs), a row
 * refers to an earlier row with the same id.
 */
export function writeReferences(
  writers: { readonly core: ByteWriter; readonly ids: ByteWriter },
  source: {
    readonly refId: Uint8Array;
    readonly spanId: Uint8Array;
    readonly rows: Uint32Array;
    readonly runs: Uint32Array;
  },
): void {
  const { refId, spanId, rows, runs } = source;
  const references = new Uint32Array(rows.length);
  for (let run = 0; run + 1 < runs.length; run++) {
    const start = runs[run]!;
    const end = runs[run + 1]!;
    const find = end - start > LINEAR_RUN_MAX ? buildFinder(source, start, end) : undefined;
    for (let index = start; index < end; index++) {
      const offset = SPAN_ID_BYTES * rows[index]!;
      if (isZero(refId, offset, SPAN_ID_BYTES)) continue;
      // Among their own ids, rows refer only backwards, so that the reader has the id already.
      const limit = refId === spanId ? index : end;
      const found = find
        ? find(offset)
        : findInRun({ refId, offset, spanId, rows, start, end: limit }) - start;
      if (found >= 0 && start + found < limit) {
        references[index] = REFERENCE.firstRow + found;
      } else {
        references[index] = REFERENCE.explicit;
        writers.ids.raw(refId.subarray(offset, offset + SPAN_ID_BYTES));
      }
    }
  }
  writeUints(writers.core, references);
}

export function readReferences(
  readers: { readonly core: ByteReader; readonly ids: ByteReader },
  target: {
    readonly refId: Uint8Array;
    readonly spanId: Uint8Array;
    readonly base: number;
    readonly runs: Uint32Array;
  },
): void {
  const { refId, spanId, base, runs } = target;
  const references = readUints(readers.core, runs.at(-1) ?? 0);
  for (let run = 0; run + 1 < runs.length; run++) {
    const start = runs[run]!;
    const end = runs[run + 1]!;
    for (let row = start; row < end; row++) {
      const reference = references[row]!;
      const offset = SPAN_ID_BYTES * (base + row);
      if (reference === REFERENCE.none) {
        refId.fill(0, offset, offset + SPAN_ID_BYTES);
      } else if (reference === REFERENCE.explicit) {
        refId.set(readers.ids.raw(SPAN_ID_BYTES), offset);
      } else {
        const found = start + reference - REFERENCE.firstRow;
        if (found >= end) throw new RangeError(`a run has no row ${found - start}`);
        const from = SPAN_ID_BYTES * (base + found);
        for (let byte = 0; byte < SPAN_ID_BYTES; byte++)
          refId[offset + byte] = spanId[from + byte]!;
      }
    }
  }
}

export function isZero(bytes: Uint8Array, offset: number, size: number): boolean {
  for (let index = offset; index < offset + size; index++) if (bytes[index] !== 0) return false;
  return true;
}

/** Position in `rows` of the first row of the run that has the id, or a number below `start`. */
function findInRun(item: {
  refId: Uint8Array;
  offset: number;
  spanId: Uint8Array;
  rows: Uint32Array;
  start: number;
  end: number;
}): number {
  const { refId, offset, spanId, rows, start, end } = item;
  for (let index = start; index < end; index++) {
    const from = SPAN_ID_BYTES * rows[index]!;
    let byte = 0;
    while (byte < SPAN_ID_BYTES && spanId[from + byte] === refId[offset + byte]) byte++;
    if (byte === SPAN_ID_BYTES) return index;
  }
  return start - 1;
}

/** Looks up a long run; returns the place in the run, or −1. */
function buildFinder(
  source: { refId: Uint8Array; spanId: Uint8Array; rows: Uint32Array },
  start: number,
  end: number,
): (offset: number) => number {
  const placeById = new Map<string, number>();
  const keyOf = (bytes: Uint8Array, offset: number) =>
    String.fromCharCode(...bytes.subarray(offset, offset + SPAN_ID_BYTES));
  for (let index = end - 1; index >= start; index--) {
    placeById.set(keyOf(source.spanId, SPAN_ID_BYTES * source.rows[index]!), index - start);
  }
  return (offset) => placeById.get(keyOf(source.refId, offset)) ?? -1;
}
