/**
 * Likelihood ratios of single requests for the ways in which latency may change, from the shape of the distribution:
 * ln q(x − slack − change) − ln q(x − slack). The slack is how far the level may be off unnoticed: the least favourable
 * of the usual distributions (Huber 1965), so that a level slightly off is no evidence, however many requests say so.
 */
import {
  BUCKETS_PER_BIN,
  LATENCY_BINS,
  LATENCY_BINS_BELOW,
  LATENCY_CHANGES,
  ROW,
} from '../model/endpoint-row.ts';

/** Share of the requests that changes, and by what factor. */
const CHANGES = [
  { share: 1, factor: 1.5 },
  { share: 1, factor: 2.5 },
  { share: 0.15, factor: 3 },
  { share: 0.05, factor: 8 },
  { share: 1, factor: 0.5 },
] as const;
/** All requests slower by a quarter octave, 19 %, is no change of the slow ones. */
const TAIL_SLACK_BINS = 1;
/** The shape of endpoints like it counts as so many requests, the general shape as so many of the service's. */
const SERVICE_PRIOR_REQUESTS = 60;
const GENERAL_PRIOR_REQUESTS = 30;
const SERVICE_MINUTES = 4320;
/** Student's t with 3 degrees of freedom in bins: a factor of 1.4 wide, tails as heavy as latencies have. */
const GENERAL_SCALE = 2;
const GENERAL = buildGeneral();
/** No single request says more than that, nats. */
const LLR_MAX = 3;

/** For one row at a time: with arrays of their own it took 39 µs instead of 13, and 250 MB of garbage for 10 000. */
const SCRATCH = {
  prior: new Float64Array(LATENCY_BINS),
  drawn: new Float64Array(LATENCY_BINS),
  density: new Float64Array(LATENCY_BINS),
  own: new Float64Array(LATENCY_BINS),
  logs: new Float64Array(LATENCY_BINS),
  llr: new Float64Array(LATENCY_BINS),
  // blocks of equal values
  means: new Float64Array(LATENCY_BINS),
  masses: new Float64Array(LATENCY_BINS),
  sizes: new Float64Array(LATENCY_BINS),
};

/** 13 µs of CPU a row. */
export function refreshLikelihoods(
  row: Float32Array,
  context: { readonly service: Float32Array; readonly slack: number },
): void {
  const { density, own, logs, llr } = SCRATCH;
  fillDensity(density, row, context.service);
  fillOwnShares(own, row);
  for (let bin = 0; bin < LATENCY_BINS; bin++) logs[bin] = Math.log(density[bin]!);
  const slack = context.slack / BUCKETS_PER_BIN;
  for (let change = 0; change < LATENCY_CHANGES; change++) {
    const { share, factor } = CHANGES[change]!;
    const sign = factor > 1 ? 1 : -1;
    const moved = (16 * Math.log2(factor)) / BUCKETS_PER_BIN;
    const allowed = sign * (slack + (share < 1 ? TAIL_SLACK_BINS : 0));
    for (let bin = 0; bin < LATENCY_BINS; bin++) {
      const ratio = logAt(logs, bin - allowed - moved) - logAt(logs, bin - allowed);
      const mixed = share === 1 ? ratio : Math.log(1 - share + share * Math.exp(ratio));
      llr[bin] = sign * Math.min(Math.max(mixed, -LLR_MAX), LLR_MAX);
    }
    makeMonotone(llr, density);
    for (let bin = 0; bin < LATENCY_BINS; bin++) llr[bin] = sign * llr[bin]!;
    store(row, { change, llr, density, own });
  }
}

/**
 * A true likelihood ratio of n requests has a mean of about −v/2 each, v its variance. Slack, smoothing and priors must
 * not leave more than that, neither of the shape nor of the endpoint's own past: its past is no change.
 */
function store(
  row: Float32Array,
  made: {
    readonly change: number;
    readonly llr: Float64Array;
    readonly density: Float64Array;
    readonly own: Float64Array;
  },
): void {
  const { change, llr, density, own } = made;
  let mean = 0;
  let square = 0;
  let ownMean = 0;
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    mean += density[bin]! * llr[bin]!;
    square += density[bin]! * llr[bin]! * llr[bin]!;
    ownMean += own[bin]! * llr[bin]!;
  }
  const variance = square - mean * mean;
  const bias = Math.max(0, Math.max(mean, ownMean) + variance / 2);
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    row[ROW.latencyLlr + change * LATENCY_BINS + bin] = llr[bin]! - bias;
  }
  row[ROW.latencyLlrMean + change] = mean - bias;
  row[ROW.latencyLlrVariance + change] = variance;
}

/**
 * A slower request is never less evidence for slowness: the nearest non-decreasing values in the weighted mean square
 * (pool adjacent violators, Ayer et al. 1955). With two heaps of requests, cached and not, the plain ratio would take
 * more of the fast heap for a change to slower. At most LATENCY_BINS values.
 */
export function makeMonotone(values: Float64Array, weights: Float64Array): void {
  const { means, masses, sizes } = SCRATCH;
  let blocks = 0;
  for (let index = 0; index < values.length; index++) {
    let mean = values[index]!;
    let mass = weights[index]!;
    let size = 1;
    while (blocks > 0 && means[blocks - 1]! > mean) {
      blocks--;
      const before = masses[blocks]!;
      mean = (mean * mass + means[blocks]! * before) / (mass + before);
      mass += before;
      size += sizes[blocks]!;
    }
    means[blocks] = mean;
    masses[blocks] = mass;
    sizes[blocks] = size;
    blocks++;
  }
  let index = 0;
  for (let block = 0; block < blocks; block++) {
    values.fill(means[block]!, index, index + sizes[block]!);
    index += sizes[block]!;
  }
}

/** Shares of the endpoint's own requests by bin; none: zeros. */
function fillOwnShares(own: Float64Array, row: Float32Array): void {
  let total = 0;
  for (let bin = 0; bin < LATENCY_BINS; bin++) total += row[ROW.latencyReference + bin]!;
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    const requests = row[ROW.latencyReference + bin]!;
    own[bin] = total > 0 ? requests / total : requests;
  }
}

/** The service's part in its endpoints' priors fades like their own shapes: over three days. */
export function fadeService(service: Float32Array): void {
  const keep = 1 - 1 / SERVICE_MINUTES;
  for (let bin = 0; bin < LATENCY_BINS; bin++) service[ROW.latencyReference + bin]! *= keep;
  service[ROW.errorHits]! *= keep;
  service[ROW.errorTotal]! *= keep;
}

/** Shares by bin: own requests, drawn to the service's shape, which is drawn to the general one; then smoothed. */
export function densityOf(row: Float32Array, service: Float32Array): Float64Array {
  const density = new Float64Array(LATENCY_BINS);
  fillDensity(density, row, service);
  return density;
}

function fillDensity(density: Float64Array, row: Float32Array, service: Float32Array): void {
  const { prior, drawn } = SCRATCH;
  fillDrawn(prior, service, { to: GENERAL, requests: GENERAL_PRIOR_REQUESTS });
  fillDrawn(drawn, row, { to: prior, requests: SERVICE_PRIOR_REQUESTS });
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    const share = drawn[bin]!;
    density[bin] = 0.5 * share + 0.25 * ((drawn[bin - 1] ?? share) + (drawn[bin + 1] ?? share));
  }
}

function fillDrawn(
  shares: Float64Array,
  row: Float32Array,
  { to, requests }: { readonly to: Float64Array; readonly requests: number },
): void {
  let total = requests;
  for (let bin = 0; bin < LATENCY_BINS; bin++) total += row[ROW.latencyReference + bin]!;
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    shares[bin] = (row[ROW.latencyReference + bin]! + requests * to[bin]!) / total;
  }
}

function logAt(logs: Float64Array, position: number): number {
  const place = Math.min(Math.max(position, 0), LATENCY_BINS - 1.001);
  const below = Math.floor(place);
  return logs[below]! + (place - below) * (logs[below + 1]! - logs[below]!);
}

function buildGeneral(): Float64Array {
  const weights = Float64Array.from({ length: LATENCY_BINS }, (_, bin) => {
    const x = (bin + 0.5 - LATENCY_BINS_BELOW) / GENERAL_SCALE;
    return (1 + (x * x) / 3) ** -2;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
