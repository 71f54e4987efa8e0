/**
 * Memory for request bodies on their way to the store thread: shared, so that nothing is moved or copied
 * between threads, and used again. Fresh buffers cost both threads a garbage collection every 64 MB, which V8
 * counts as memory outside its heap: half of the receiving thread's time at 200 000 spans a second.
 */
import { LIMITS } from '../base/limits.ts';

/** Capacities are powers of two from here: few kinds, so that a free one mostly fits. */
const CAPACITY_MIN = 16 * 1024;

export class BodyPool {
  readonly #free = new Map<number, Uint8Array[]>();
  #freeBytes = 0;

  /** Bytes of unused memory that are kept. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Memory of at least that size, with what was in it before. */
  take(sizeBytes: number): Uint8Array {
    const capacity = capacityFor(sizeBytes);
    const known = this.#free.get(capacity)?.pop();
    if (!known) return new Uint8Array(new SharedArrayBuffer(capacity));
    this.#freeBytes -= capacity;
    return known;
  }

  /** The caller uses it no more. Beyond the bound it is left to the garbage collector. */
  giveBack(memory: Uint8Array): void {
    const capacity = memory.length;
    if (this.#freeBytes + capacity > LIMITS.bodyPoolBytesMax) return;
    this.#freeBytes += capacity;
    const list = this.#free.get(capacity);
    if (list) list.push(memory);
    else this.#free.set(capacity, [memory]);
  }
}

function capacityFor(sizeBytes: number): number {
  let capacity = CAPACITY_MIN;
  while (capacity < sizeBytes) capacity *= 2;
  return capacity;
}
