/** What an endpoint's model expects of a minute, and what the minute then was: between baseline and detection. */

/** Requests of a minute: negative binomial around a mean that is itself known only so well. */
export interface RateForecast {
  /** Requests a minute. */
  expected: number;
  /** Extra variance of a minute, as a share of the squared mean: variance = mean + dispersion × mean². */
  dispersion: number;
  /** Standard deviation of ln mean: slow wander and few observations. */
  wander: number;
  /**
   * What may come at this time as well, as factors: the neighbouring quarter hours, jobs that came before at this minute,
   * or what nobody can know of a time of day that was never seen.
   */
  highFactor: number;
  lowFactor: number;
  /** By predictor: what it says of this minute before and after its level; NaN: it has not seen such a time. */
  readonly shapes: Float64Array;
  readonly means: Float64Array;
}

/** Failed requests of a minute: binomial, over-dispersed. */
export interface ErrorForecast {
  ratio: number;
  /** The highest ratio that is still usual. */
  ratioMax: number;
  /** Variance of a minute's errors over the binomial one, for each further request. */
  correlation: number;
}

/** What a minute says against the usual distribution of latencies. */
export interface LatencyMinute {
  requests: number;
  /** By change: sum over requests of ln likelihood ratio, already divided by the minute's over-dispersion. */
  readonly llr: Float64Array;
  /** By change: the same sum, plain, less what usual requests give. */
  readonly excess: Float64Array;
  /** Mean of the requests' distances from the level in sketch buckets, each cut at ± 1.5 octaves. */
  shift: number;
  /** Their variance about the level. */
  spread: number;
  /** NaN: no requests. */
  p50Us: number;
  p95Us: number;
  p99Us: number;
}
