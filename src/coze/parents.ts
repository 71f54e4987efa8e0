/** Finds the parent of a span inside a range of rows: an open-addressing table over span ids. */
import type { SpanColumns } from '../model/columns.ts';

export const NO_PARENT = -1;

export class ParentIndex {
  #slots = new Int32Array(1024);
  #columns: SpanColumns | undefined;
  #from = 0;

  /** Indexes rows [from, to). A span id that stands twice in a trace keeps its first row. */
  build(columns: SpanColumns, from: number, to: number): void {
    this.#columns = columns;
    this.#from = from;
    let capacity = this.#slots.length;
    while (capacity < 2 * (to - from)) capacity *= 2;
    if (capacity > this.#slots.length) this.#slots = new Int32Array(capacity);
    else this.#slots.fill(0);
    for (let row = from; row < to; row++) {
      const slot = this.#slotOf(columns, columns.spanId, row, row);
      if (this.#slots[slot] === 0) this.#slots[slot] = row - from + 1;
    }
  }

  /** Row of the parent, or NO_PARENT for a root and for a parent elsewhere. */
  parentOf(row: number): number {
    const columns = this.#columns;
    if (columns === undefined || isZero(columns.parentSpanId, 8 * row)) return NO_PARENT;
    const slot = this.#slotOf(columns, columns.parentSpanId, row, row);
    const parent = this.#slots[slot]! - 1 + this.#from;
    return this.#slots[slot] === 0 || parent === row ? NO_PARENT : parent;
  }

  /** Slot of the span with the id at ids[8·idRow] in the trace of traceRow, or the free slot for it. */
  #slotOf(columns: SpanColumns, ids: Uint8Array, idRow: number, traceRow: number): number {
    const mask = this.#slots.length - 1;
    const at = 8 * idRow;
    // ids are random by specification: two multiplications spread them as well as one a byte
    let hash =
      Math.imul(int32At(ids, at), 0x9e3779b1) ^ Math.imul(int32At(ids, at + 4), 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    for (;;) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return slot;
      const row = entry - 1 + this.#from;
      if (
        equals(columns.spanId, 8 * row, ids, at, 8) &&
        equals(columns.traceId, 16 * row, columns.traceId, 16 * traceRow, 16)
      ) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }
}

function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function equals(
  a: Uint8Array,
  aStart: number,
  b: Uint8Array,
  bStart: number,
  size: number,
): boolean {
  for (let index = 0; index < size; index++) {
    if (a[aStart + index] !== b[bStart + index]) return false;
  }
  return true;
}

function isZero(bytes: Uint8Array, start: number): boolean {
  for (let index = start; index < start + 8; index++) if (bytes[index] !== 0) return false;
  return true;
}
