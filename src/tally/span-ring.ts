/**
 * The last so many spans of a sample of traces, in order of arrival, and the children of each: fixed memory, no object a
 * span. Children form chains over the ring as in zlib's window: a chain runs from newer to older spans, and ends where
 * it meets one that is overwritten, so nothing is ever taken out of it.
 */
import type { SpanColumns } from '../model/columns.ts';

export class SpanRing<T> {
  readonly capacity: number;
  /** Sequence number of the next span; those from `oldest` on are there. */
  next = 0;
  /** When the last span that was overwritten had come. */
  lostUs = Number.NEGATIVE_INFINITY;
  // by sequence number % capacity
  readonly startUs: Float64Array;
  readonly endUs: Float64Array;
  readonly arrivalUs: Float64Array;
  /** Of the trace id. */
  readonly hash: Uint32Array;
  readonly items: T[] = [];
  readonly #ids: Int32Array;
  readonly #parentIds: Int32Array;
  /** Sequence number + 1 of the span before in the chain; 0: none. */
  readonly #previous: Float64Array;
  /** Sequence number + 1 of the newest of each chain. */
  readonly #heads: Float64Array;
  readonly #found: Uint32Array;

  /** `capacity`: a power of two. Memory is touched as spans come: 68 bytes each. */
  constructor(options: { readonly capacity: number; readonly childrenMax: number }) {
    const { capacity } = options;
    this.capacity = capacity;
    this.startUs = new Float64Array(capacity);
    this.endUs = new Float64Array(capacity);
    this.arrivalUs = new Float64Array(capacity);
    this.hash = new Uint32Array(capacity);
    this.#ids = new Int32Array(2 * capacity);
    this.#parentIds = new Int32Array(2 * capacity);
    this.#previous = new Float64Array(capacity);
    this.#heads = new Float64Array(capacity);
    this.#found = new Uint32Array(options.childrenMax);
  }

  get oldest(): number {
    return Math.max(0, this.next - this.capacity);
  }

  slotOf(sequence: number): number {
    return sequence & (this.capacity - 1);
  }

  add(
    columns: SpanColumns,
    row: number,
    of: { readonly hash: number; readonly arrivalUs: number; readonly item: T },
  ): void {
    const sequence = this.next++;
    const slot = this.slotOf(sequence);
    if (sequence >= this.capacity) this.lostUs = this.arrivalUs[slot]!;
    const startUs = columns.startUs[row]! + columns.startNs[row]! / 1000;
    this.startUs[slot] = startUs;
    this.endUs[slot] = startUs + Math.max(0, columns.durationNs[row]! / 1000);
    this.arrivalUs[slot] = of.arrivalUs;
    this.hash[slot] = of.hash;
    this.items[slot] = of.item;
    this.#ids[2 * slot] = int32At(columns.spanId, 8 * row);
    this.#ids[2 * slot + 1] = int32At(columns.spanId, 8 * row + 4);
    const low = int32At(columns.parentSpanId, 8 * row);
    const high = int32At(columns.parentSpanId, 8 * row + 4);
    this.#parentIds[2 * slot] = low;
    this.#parentIds[2 * slot + 1] = high;
    this.#previous[slot] = 0;
    if (low === 0 && high === 0) return;
    const chain = this.#chainOf(of.hash, low, high);
    this.#previous[slot] = this.#heads[chain]!;
    this.#heads[chain] = sequence + 1;
  }

  /**
   * Slots of a span's children by start, copies left out; good until the next call. Undefined when there are too many,
   * or too many others in their chain.
   */
  childrenOf(slot: number): Uint32Array | undefined {
    const found = this.#found;
    const hash = this.hash[slot]!;
    const low = this.#ids[2 * slot]!;
    const high = this.#ids[2 * slot + 1]!;
    let count = 0;
    let steps = 0;
    let link = this.#heads[this.#chainOf(hash, low, high)]!;
    while (link > this.oldest) {
      if (steps++ === found.length) return undefined;
      const child = this.slotOf(link - 1);
      const isChild =
        this.#parentIds[2 * child] === low &&
        this.#parentIds[2 * child + 1] === high &&
        this.hash[child] === hash &&
        child !== slot;
      if (isChild) found[count++] = child;
      link = this.#previous[child]!;
    }
    if (count < 2) return found.subarray(0, count);
    found.subarray(0, count).sort((a, b) => this.startUs[a]! - this.startUs[b]!);
    return found.subarray(0, this.#withoutCopies(count));
  }

  /** Of copies, which begin at the same time, the first stays. */
  #withoutCopies(count: number): number {
    const found = this.#found;
    let kept = 1;
    for (let index = 1; index < count; index++) {
      if (!this.#areCopies(found[kept - 1]!, found[index]!)) found[kept++] = found[index]!;
    }
    return kept;
  }

  #areCopies(a: number, b: number): boolean {
    return this.#ids[2 * a] === this.#ids[2 * b] && this.#ids[2 * a + 1] === this.#ids[2 * b + 1];
  }

  #chainOf(hash: number, low: number, high: number): number {
    let mixed = hash ^ Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
    mixed ^= mixed >>> 15;
    return mixed & (this.#heads.length - 1);
  }
}

/** 32 bits of a trace id: of its last four bytes, which are random, or count up, in all formats that senders use. */
export function traceHashOf(traceId: Uint8Array, row: number): number {
  const mixed = Math.imul(int32At(traceId, 16 * row + 12), 0x2c1b3c6d);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 0;
}

function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
