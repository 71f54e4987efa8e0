/** Seeded random numbers: the same seed makes the same workload, on every machine. */

/** xorshift128 of Marsaglia (2003): a few nanoseconds a number, far from cryptographic. */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    // splitmix32 spreads small seeds over the state; an all-zero state would stay zero.
    let mixed = seed >>> 0;
    for (let index = 0; index < 4; index++) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
      this.#state[index] = (word ^ (word >>> 16)) | 1;
    }
  }

  /** 32 random bits. */
  uint32(): number {
    const state = this.#state;
    let last = state[3]!;
    last ^= last << 11;
    last ^= last >>> 8;
    const first = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = first;
    last ^= first ^ (first >>> 19);
    state[0] = last;
    return last >>> 0;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }

  /** A whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(share: number): boolean {
    return this.uint32() < share * 2 ** 32;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!; // below the length
  }

  /** Log-normal, as latencies are: half of the values below the median, a long tail above. */
  logNormal(median: number, sigma: number): number {
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / (2 ** 32 + 1)));
    const angle = 2 * Math.PI * (this.uint32() / 2 ** 32);
    return median * Math.exp(sigma * radius * Math.cos(angle));
  }
}
