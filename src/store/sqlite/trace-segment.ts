/**
 * Segments of the trace index: sorted hashes of trace ids and the blocks that hold rows of them. A commit adds
 * one segment; merging turns many small ones into few, split into buckets (see compaction.ts).
 */
import { ByteReader, ByteWriter } from './byte-stream.ts';

/** Bucket number of a segment that holds hashes of every bucket. */
export const ALL_BUCKETS = -1;

export interface SegmentEntry {
  readonly hash: number;
  readonly blockId: number;
}

/** `entries` sorted by hash. */
export function encodeSegment(entries: readonly SegmentEntry[]): Uint8Array {
  const writer = new ByteWriter(6 * entries.length + 64);
  const blockIds = [...new Set(entries.map((entry) => entry.blockId))].sort((a, b) => a - b);
  const placeOf = new Map(blockIds.map((blockId, place) => [blockId, place]));
  writer.varint(blockIds.length);
  let previous = 0;
  for (const blockId of blockIds) {
    writer.varint(blockId - previous);
    previous = blockId;
  }
  writer.varint(entries.length);
  previous = 0;
  for (const { hash, blockId } of entries) {
    writer.varint(hash - previous);
    previous = hash;
    if (blockIds.length > 1) writer.varint(placeOf.get(blockId)!);
  }
  return writer.bytes();
}

export function decodeSegment(bytes: Uint8Array): readonly SegmentEntry[] {
  const entries: SegmentEntry[] = [];
  visitSegment(bytes, (hash, blockId) => {
    entries.push({ hash, blockId });
    return true;
  });
  return entries;
}

/** Blocks of one trace hash. */
export function findInSegment(bytes: Uint8Array, wanted: number): readonly number[] {
  const found: number[] = [];
  visitSegment(bytes, (hash, blockId) => {
    if (hash === wanted) found.push(blockId);
    return hash <= wanted;
  });
  return found;
}

/** Calls `visit` per entry by ascending hash until it returns false. */
function visitSegment(bytes: Uint8Array, visit: (hash: number, blockId: number) => boolean): void {
  const reader = new ByteReader(bytes);
  const blockIds: number[] = [];
  let previous = 0;
  for (let left = reader.count(); left > 0; left--) {
    previous += reader.varint();
    blockIds.push(previous);
  }
  let hash = 0;
  for (let left = reader.count(); left > 0; left--) {
    hash += reader.varint();
    const place = blockIds.length > 1 ? reader.varint() : 0;
    const blockId = blockIds[place];
    if (blockId === undefined) throw new RangeError(`a segment has no block ${place}`);
    if (!visit(hash, blockId)) return;
  }
}
