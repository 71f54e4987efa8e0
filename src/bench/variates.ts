/** Random numbers of known distributions: counts, noise that remembers, over-dispersed rates. */
import type { Random } from './random.ts';

/** Up to this mean counts are drawn exactly by inversion, above it from a normal distribution with their skew. */
const EXACT_MEAN_MAX = 16;

/** Draws from one stream of random bits. */
export class Variates {
  readonly random: Random;
  #spareNormal = Number.NaN;

  constructor(random: Random) {
    this.random = random;
  }

  /** In (0, 1). */
  unit(): number {
    return (this.random.uint32() + 0.5) / 2 ** 32;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** Every decade as likely as the next one. */
  logUniform(low: number, high: number): number {
    return low * (high / low) ** this.unit();
  }

  /** Standard normal (Box and Muller 1958): two at a time, the second is kept. */
  normal(): number {
    const spare = this.#spareNormal;
    if (!Number.isNaN(spare)) {
      this.#spareNormal = Number.NaN;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(this.unit()));
    const angle = 2 * Math.PI * this.unit();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Mean 1, variance 1 / shape, shape ≥ 1 (Marsaglia and Tsang 2000). */
  gamma(shape: number): number {
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(this.unit()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return (d * v) / shape;
    }
  }

  /** Variance 1, tails of Student's t with so many degrees of freedom, > 2: of 4, one in a thousand is beyond 6. */
  heavy(freedom: number): number {
    return (
      (this.normal() / Math.sqrt(this.gamma(freedom / 2))) * Math.sqrt((freedom - 2) / freedom)
    );
  }

  poisson(mean: number): number {
    if (mean > EXACT_MEAN_MAX) {
      const sigma = Math.sqrt(mean);
      return Math.max(0, Math.round(mean + sigma * this.#skewedNormal(1 / sigma)));
    }
    let probability = Math.exp(-mean);
    let rest = this.unit() - probability;
    let count = 0;
    while (rest > 0 && probability > 0) {
      count++;
      probability *= mean / count;
      rest -= probability;
    }
    return count;
  }

  binomial(trials: number, share: number): number {
    if (trials <= 0 || share <= 0) return 0;
    if (share >= 1) return trials;
    if (share > 0.5) return trials - this.binomial(trials, 1 - share);
    const mean = trials * share;
    if (mean > EXACT_MEAN_MAX) {
      const sigma = Math.sqrt(mean * (1 - share));
      const drawn = Math.round(mean + sigma * this.#skewedNormal((1 - 2 * share) / sigma));
      return Math.min(trials, Math.max(0, drawn));
    }
    const odds = share / (1 - share);
    let probability = Math.exp(trials * Math.log1p(-share));
    let rest = this.unit() - probability;
    let count = 0;
    while (rest > 0 && count < trials) {
      count++;
      probability *= (odds * (trials - count + 1)) / count;
      rest -= probability;
    }
    return count;
  }

  /** Mean 0, variance 1, first term of Cornish and Fisher (1938): the tails of counts of 20 are not symmetric. */
  #skewedNormal(skew: number): number {
    const z = this.normal();
    return z + (skew / 6) * (z * z - 1);
  }
}

/** Noise that comes in jumps has this tail: one in a million is beyond 11. */
const JUMP_FREEDOM = 8;

/** Noise of logarithms that forgets slowly: autoregressive of order 1, of constant variance. */
export class SlowNoise {
  readonly #keep: number;
  readonly #fresh: number;
  #value: number;

  constructor(
    { sigma, minutes }: { readonly sigma: number; readonly minutes: number },
    variates: Variates,
  ) {
    this.#keep = Math.exp(-1 / minutes);
    this.#fresh = sigma * Math.sqrt(1 - this.#keep * this.#keep);
    this.#value = sigma * variates.normal();
  }

  next(variates: Variates): number {
    this.#value = this.#keep * this.#value + this.#fresh * variates.heavy(JUMP_FREEDOM);
    return this.#value;
  }
}
