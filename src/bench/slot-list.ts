/** Collects the slots of a body while it is encoded; nested messages move what was noted inside them. */
import type { Slots } from './body.ts';

export class SlotList {
  readonly #kinds: number[] = [];
  readonly #places: number[] = [];
  readonly #indexes: number[] = [];
  readonly #offsetsNs: number[] = [];

  get count(): number {
    return this.#kinds.length;
  }

  add(slot: {
    readonly kind: number;
    readonly at: number;
    readonly index?: number;
    readonly offsetNs?: number;
  }): void {
    this.#kinds.push(slot.kind);
    this.#places.push(slot.at);
    this.#indexes.push(slot.index ?? 0);
    this.#offsetsNs.push(slot.offsetNs ?? 0);
  }

  /** Moves the slots that were noted since there were `from` of them. */
  move(from: number, distance: number): void {
    for (let slot = from; slot < this.#places.length; slot++) {
      this.#places[slot] = this.#places[slot]! + distance;
    }
  }

  finish(): Slots {
    return {
      kinds: Uint8Array.from(this.#kinds),
      places: Uint32Array.from(this.#places),
      indexes: Uint32Array.from(this.#indexes),
      offsetsNs: Float64Array.from(this.#offsetsNs),
    };
  }
}
