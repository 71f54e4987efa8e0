/**
 * Trace and span ids ↔ bytes. Ids are random and do not compress, so each is stored once: a trace id per run
 * of rows, a span id per row, and a parent as its place in the run when it is there.
 */
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import { readUints, writeUints } from './column-codec.ts';
import { isSameTrace, TRACE_ID_BYTES, traceHash, wordsOf } from './trace-order.ts';

export const SPAN_ID_BYTES = 8;
/** A reference: no id, an id that stands in the ids section, or a row of the run + 2. */
export const REFERENCE = { none: 0, explicit: 1, firstRow: 2 } as const;
/** Runs longer than this are looked up by a map. */
const LINEAR_RUN_MAX = 16;

/** Where each run of rows with one trace id begins, and the end. */
export function findRuns(traceId: Uint8Array, rows: Uint32Array): Uint32Array {
  const words = wordsOf(traceId);
  const starts: number[] = [];
  for (let index = 0; index < rows.length; index++) {
    if (index === 0 || !isSameTrace(words, rows[index]!, rows[index - 1]!)) starts.push(index);
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
  const words = wordsOf(spanId);
  const sorted = new Uint32Array(2 * rows.length);
  for (let index = 0; index < rows.length; index++) {
    sorted[2 * index] = words[2 * rows[index]!]!;
    sorted[2 * index + 1] = words[2 * rows[index]! + 1]!;
  }
  ids.raw(new Uint8Array(sorted.buffer));
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
  const { refId, rows, runs } = source;
  const references = new Uint32Array(rows.length);
  const finder = new RunFinder(source);
  for (let run = 0; run + 1 < runs.length; run++) {
    const start = runs[run]!;
    const end = runs[run + 1]!;
    finder.enter(start, end);
    for (let index = start; index < end; index++) {
      const offset = SPAN_ID_BYTES * rows[index]!;
      if (isZero(refId, offset, SPAN_ID_BYTES)) continue;
      const found = finder.find(index);
      if (found >= 0) {
        references[index] = REFERENCE.firstRow + found - start;
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

interface References {
  readonly refId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly rows: Uint32Array;
}

/**
 * Looks up in a run the first row that has an id: a short run from its start, a long one by a hash table. Where rows
 * refer to their own ids, only earlier rows count, so that the reader has the id already.
 */
class RunFinder {
  readonly #rows: Uint32Array;
  readonly #refs: Uint32Array;
  readonly #spans: Uint32Array;
  readonly #isBackward: boolean;
  #start = 0;
  #end = 0;
  /** Open addressing: position + 1. Empty for short runs. */
  #table = new Uint32Array(0);

  constructor({ refId, spanId, rows }: References) {
    this.#rows = rows;
    this.#refs = wordsOf(refId);
    this.#spans = wordsOf(spanId);
    this.#isBackward = refId === spanId;
  }

  enter(start: number, end: number): void {
    this.#start = start;
    this.#end = end;
    const isLong = end - start > LINEAR_RUN_MAX;
    this.#table = new Uint32Array(isLong ? 2 ** Math.ceil(Math.log2(2 * (end - start))) : 0);
    if (isLong && !this.#isBackward) for (let at = start; at < end; at++) this.#insert(at);
  }

  /** Position of the row that the row at `index` refers to, or −1. */
  find(index: number): number {
    if (this.#table.length > 0) {
      if (this.#isBackward) {
        const found = this.#insert(index);
        return found === index ? -1 : found;
      }
      const at = 2 * this.#rows[index]!;
      return this.#table[this.#placeOf(this.#refs[at]!, this.#refs[at + 1]!)]! - 1;
    }
    const end = this.#isBackward ? index : this.#end;
    const low = this.#refs[2 * this.#rows[index]!]!;
    const high = this.#refs[2 * this.#rows[index]! + 1]!;
    for (let at = this.#start; at < end; at++) {
      const row = this.#rows[at]!;
      if (this.#spans[2 * row] === low && this.#spans[2 * row + 1] === high) return at;
    }
    return -1;
  }

  /** Position of the first row with the id of the one at `index`, which may be that row itself. */
  #insert(index: number): number {
    const at = 2 * this.#rows[index]!;
    const place = this.#placeOf(this.#spans[at]!, this.#spans[at + 1]!);
    if (this.#table[place] === 0) this.#table[place] = index + 1;
    return this.#table[place]! - 1;
  }

  /** Where the id stands in the table, or the free place for it. */
  #placeOf(low: number, high: number): number {
    const mask = this.#table.length - 1;
    let hash = Math.imul(low, 0x9e3779b1) ^ high;
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    let place = (hash ^ (hash >>> 16)) & mask;
    for (;;) {
      const entry = this.#table[place]!;
      if (entry === 0) return place;
      const row = this.#rows[entry - 1]!;
      if (this.#spans[2 * row] === low && this.#spans[2 * row + 1] === high) return place;
      place = (place + 1) & mask;
    }
  }
}
