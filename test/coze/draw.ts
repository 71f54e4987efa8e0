/** Draws for the tests of this folder. */
import { createRandom } from '../build/random.ts';

export interface Draw {
  /** A whole number in [0, bound). */
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
}

export function drawOf(seed: number): Draw {
  const random = createRandom(seed);
  const below = (bound: number) => Math.floor(random.next() * bound);
  return { below, pick: (items) => items[below(items.length)]! };
}
