/** Seeded randomness: the same seed gives the same latencies, users and messages. */

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole number in [0, countMax). */
  below(countMax: number): number;
  pick<T>(items: readonly T[]): T;
  /** Log-normal around a median: most calls near it, a long tail to the right. */
  latencyMs(medianMs: number, sigma?: number): number;
  /** Gap to the next event of a Poisson process. */
  gapMs(ratePerSecond: number): number;
}

/** mulberry32: 32 bits of state, good enough for load and latencies, and short. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    below: (countMax) => Math.floor(next() * countMax),
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new Error('Cannot pick from an empty list');
      return item;
    },
    latencyMs: (medianMs, sigma = 0.25) => medianMs * Math.exp(sigma * normal()),
    gapMs: (ratePerSecond) => (-Math.log(1 - next()) / ratePerSecond) * 1000,
  };
}

/** FNV-1a over UTF-16 code units: stable shares, such as which conversations see the canary. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}
