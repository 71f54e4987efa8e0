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

export function refreshLikelihoods(
  row: Float32Array,
  context: { readonly service: Float32Array; readonly slack: number },
): void {
  const density = densityOf(row, context.service);
  const own = ownShares(row);
  const logs = density.map(Math.log);
  const slack = context.slack / BUCKETS_PER_BIN;
  for (let change = 0; change < LATENCY_CHANGES; change++) {
    const { share, factor } = CHANGES[change]!;
    const sign = factor > 1 ? 1 : -1;
    const moved = (16 * Math.log2(factor)) / BUCKETS_PER_BIN;
    const allowed = sign * (slack + (share < 1 ? TAIL_SLACK_BINS : 0));
    const llr = density.map((_, bin) => {
      const ratio = logAt(logs, bin - allowed - moved) - logAt(logs, bin - allowed);
      const mixed = share === 1 ? ratio : Math.log(1 - share + share * Math.exp(ratio));
      return sign * Math.min(Math.max(mixed, -LLR_MAX), LLR_MAX);
    });
    makeMonotone(llr, density);
    store(row, { change, llr: llr.map((value) => sign * value), density, own });
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
 * more of the fast heap for a change to slower.
 */
export function makeMonotone(values: Float64Array, weights: Float64Array): void {
  const means: number[] = [];
  const masses: number[] = [];
  const sizes: number[] = [];
  for (let index = 0; index < values.length; index++) {
    let mean = values[index]!;
    let mass = weights[index]!;
    let size = 1;
    while (means.length > 0 && means.at(-1)! > mean) {
      const before = masses.pop()!; // all three have the same length
      mean = (mean * mass + means.pop()! * before) / (mass + before);
      mass += before;
      size += sizes.pop()!;
    }
    means.push(mean);
    masses.push(mass);
    sizes.push(size);
  }
  let index = 0;
  for (const [block, size] of sizes.entries()) {
    values.fill(means[block]!, index, index + size);
    index += size;
  }
}

/** Shares of the endpoint's own requests by bin; none: zeros. */
function ownShares(row: Float32Array): Float64Array {
  const own = Float64Array.from(
    row.subarray(ROW.latencyReference, ROW.latencyReference + LATENCY_BINS),
  );
  const total = own.reduce((sum, requests) => sum + requests, 0);
  return total > 0 ? own.map((requests) => requests / total) : own;
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
  const prior = drawn(service, { to: GENERAL, requests: GENERAL_PRIOR_REQUESTS });
  const own = drawn(row, { to: prior, requests: SERVICE_PRIOR_REQUESTS });
  return own.map(
    (share, bin) => 0.5 * share + 0.25 * ((own[bin - 1] ?? share) + (own[bin + 1] ?? share)),
  );
}

function drawn(
  row: Float32Array,
  prior: { readonly to: Float64Array; readonly requests: number },
): Float64Array {
  let total = prior.requests;
  for (let bin = 0; bin < LATENCY_BINS; bin++) total += row[ROW.latencyReference + bin]!;
  return prior.to.map(
    (share, bin) => (row[ROW.latencyReference + bin]! + prior.requests * share) / total,
  );
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
