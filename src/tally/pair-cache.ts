/**
 * Two numbers → what they stand for, for as long as one dictionary numbers them: open addressing, because a Map of
 * numbers beyond 2^31 costs five times as much.
 */
export class PairCache<T> {
  #firsts: Int32Array;
  #seconds: Int32Array;
  #items: (T | undefined)[];
  #count = 0;

  /** Slots: a power of two; there will be more when they are needed. */
  constructor(capacity: number) {
    this.#firsts = new Int32Array(capacity).fill(-1);
    this.#seconds = new Int32Array(capacity);
    this.#items = new Array(capacity).fill(undefined);
  }

  find(first: number, second: number): T | undefined {
    const slot = this.#slotOf(first, second);
    return this.#firsts[slot] === -1 ? undefined : this.#items[slot];
  }

  set(entry: { readonly first: number; readonly second: number; readonly item: T }): void {
    if (2 * this.#count >= this.#firsts.length) this.#grow();
    this.#count++;
    this.#place(entry.first, entry.second, entry.item);
  }

  #slotOf(first: number, second: number): number {
    const mask = this.#firsts.length - 1;
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    while (
      this.#firsts[slot] !== -1 &&
      (this.#firsts[slot] !== first || this.#seconds[slot] !== second)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #place(first: number, second: number, item: T | undefined): void {
    const slot = this.#slotOf(first, second);
    this.#firsts[slot] = first;
    this.#seconds[slot] = second;
    this.#items[slot] = item;
  }

  #grow(): void {
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    const items = this.#items;
    const capacity = 2 * firsts.length;
    this.#firsts = new Int32Array(capacity).fill(-1);
    this.#seconds = new Int32Array(capacity);
    this.#items = new Array(capacity).fill(undefined);
    for (let slot = 0; slot < firsts.length; slot++) {
      if (firsts[slot] !== -1) this.#place(firsts[slot]!, seconds[slot]!, items[slot]);
    }
  }
}
