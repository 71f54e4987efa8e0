/**
 * Evidence against what is usual of an endpoint, added up over minutes: for each way to deviate a CUSUM of log-likelihood
 * ratios (Page 1954, optimal for a change at an unknown time: Lorden 1971). How much is enough follows from how many
 * false alarms are wanted; there is no threshold to set.
 */
import type { ErrorForecast, LatencyMinute, RateForecast } from '../model/endpoint-forecast.ts';
import {
  CHANNELS,
  type Detector,
  ERROR_CHANNELS,
  LATENCY_CHANGES,
  ROW,
  TRAFFIC_DOWN_CHANNELS,
  TRAFFIC_UP_CHANNELS,
} from '../model/endpoint-row.ts';

const MINUTES_PER_WEEK = 10_080;
/** A tenth of the 0.02 that an endpoint may have: models are never quite right. */
const FALSE_ALARMS_PER_WEEK = 0.002;
/**
 * Nats. A CUSUM of log-likelihood ratios crosses h by chance at most every e^h minutes (Lorden 1971), so that 13 of them
 * over a week give 0.002 false alarms at ln(10 080 × 13 / 0.002) = 18.0.
 */
export const EVIDENCE_NEEDED = Math.log((MINUTES_PER_WEEK * CHANNELS) / FALSE_ALARMS_PER_WEEK);
/** What one minute may add: a blip alone is never enough, two clear minutes are. */
const MINUTE_MAX = 0.55 * EVIDENCE_NEEDED;
/** Jobs of two minutes come every hour somewhere: for a surge three clear minutes are needed. */
const SURGE_MINUTE_MAX = 0.38 * EVIDENCE_NEEDED;
/** Evidence fades over two hours: what needs longer to be seen is a slow change, to be learned and not told of … */
const FADE_MINUTES = 120;
/** … but that nothing comes is seen by so many expected requests only, however long these take. */
const FADE_REQUESTS = 60;
/** Evidence is kept up to here, so that it does not take hours to wear off. */
const EVIDENCE_MAX = 1.2 * EVIDENCE_NEEDED;
/** A wander of the mean by two of its standard deviations is no evidence. */
const WANDER_SIGMAS = 2;
/** Changes of the rate that are looked for: factors over what is usual at most, under what is usual at least. */
const UP_FACTORS = [1.35, 2, 5] as const;
const DOWN_FACTORS = [0.74, 0.4, 0.1] as const;
const LN_UP = UP_FACTORS.map(Math.log);
const LN_DOWN = DOWN_FACTORS.map(Math.log);
/** Ratios of failures that are looked for: a multiple of the highest usual one, and at least so many more. */
const ERROR_CHANGES = [
  { factor: 3, excess: 0.03 },
  { factor: 10, excess: 0.3 },
] as const;
const ERROR_RATIO_MAX = 0.97;
/** Nats of a minute outside and of one inside for a change: 80 % of the minutes are outside then, usually 25 %. */
const OUTSIDE_NATS = Math.log(0.8 / 0.25);
const INSIDE_NATS = Math.log(0.75 / 0.2);

/** First channel and number of channels of each detector. */
export const CHANNELS_OF: Readonly<
  Record<Detector, { readonly at: number; readonly count: number }>
> = {
  trafficUp: { at: 0, count: TRAFFIC_UP_CHANNELS },
  trafficDown: { at: TRAFFIC_UP_CHANNELS, count: TRAFFIC_DOWN_CHANNELS },
  errorUp: { at: TRAFFIC_UP_CHANNELS + TRAFFIC_DOWN_CHANNELS, count: ERROR_CHANNELS },
  latencyUp: { at: CHANNELS - LATENCY_CHANGES, count: LATENCY_CHANGES - 1 },
  latencyDown: { at: CHANNELS - 1, count: 1 },
};

/** Quasi-likelihood (Wedderburn 1974): the Poisson ratio over the minute's over-dispersion. */
export function addTraffic(
  out: Float64Array,
  { count, forecast }: { readonly count: number; readonly forecast: RateForecast },
): void {
  const { expected, dispersion, wander } = forecast;
  const usualMax = expected * forecast.highFactor * Math.exp(WANDER_SIGMAS * wander);
  const usualMin = expected * forecast.lowFactor * Math.exp(-WANDER_SIGMAS * wander);
  const { trafficUp, trafficDown } = CHANNELS_OF;
  for (let index = 0; index < UP_FACTORS.length; index++) {
    const llr = count * LN_UP[index]! - usualMax * (UP_FACTORS[index]! - 1);
    out[trafficUp.at + index] = llr / (1 + dispersion * usualMax);
  }
  for (let index = 0; index < DOWN_FACTORS.length; index++) {
    const llr = count * LN_DOWN[index]! + usualMin * (1 - DOWN_FACTORS[index]!);
    out[trafficDown.at + index] = llr / (1 + dispersion * usualMin);
  }
}

/** Binomial ratio over the variance that errors have when they come together: 1 + (n − 1) ρ. */
export function addErrors(
  out: Float64Array,
  minute: { readonly count: number; readonly errors: number; readonly forecast: ErrorForecast },
): void {
  const { count, errors, forecast } = minute;
  const { ratioMax, correlation } = forecast;
  const { at } = CHANNELS_OF.errorUp;
  const dispersion = 1 + Math.max(count - 1, 0) * correlation;
  for (let index = 0; index < ERROR_CHANGES.length; index++) {
    const { factor, excess } = ERROR_CHANGES[index]!;
    const changed = Math.min(Math.max(factor * ratioMax, ratioMax + excess), ERROR_RATIO_MAX);
    const llr =
      errors * Math.log(changed / ratioMax) +
      (count - errors) * Math.log((1 - changed) / (1 - ratioMax));
    out[at + index] = changed > ratioMax ? llr / dispersion : 0;
  }
}

/**
 * The reference is a sample too: of two samples of n and N requests no more can be told than of n N / (n + N) against a
 * known distribution. Here n is what came since the evidence began.
 */
export function addLatency(
  out: Float64Array,
  context: {
    readonly row: Float32Array;
    readonly minute: number;
    readonly latency: LatencyMinute;
  },
): void {
  const { row, minute, latency } = context;
  const known = row[ROW.latencySeen]!;
  for (let change = 0; change < LATENCY_CHANGES; change++) {
    const channel = CHANNELS_OF.latencyUp.at + change;
    const since = row[ROW.evidence + channel]! > 0 ? row[ROW.evidenceSince + channel]! : minute;
    const requests = latency.requests * (minute - since + 1);
    out[channel] = (latency.llr[change]! * known) / (known + requests);
  }
}

/** Page's recursion: S ← max(0, k S + min(llr, cap)); a channel's change began after its last zero. */
export function stepEvidence(
  row: Float32Array,
  step: { readonly llr: Float64Array; readonly minute: number; readonly requestsExpected: number },
): void {
  const { llr, minute, requestsExpected } = step;
  const fade = 1 / FADE_MINUTES;
  const missingFade = Math.min(fade, requestsExpected / FADE_REQUESTS);
  for (let channel = 0; channel < CHANNELS; channel++) {
    const before = row[ROW.evidence + channel]!;
    const isUp = channel < TRAFFIC_UP_CHANNELS;
    const isDown = !isUp && channel < TRAFFIC_UP_CHANNELS + TRAFFIC_DOWN_CHANNELS;
    const kept = before * (1 - (isDown ? missingFade : fade));
    const after = kept + Math.min(llr[channel]!, isUp ? SURGE_MINUTE_MAX : MINUTE_MAX);
    if (after <= 0) {
      row[ROW.evidence + channel] = 0;
      continue;
    }
    if (before === 0) dateAnew(row, channel);
    dateEvidence(row, channel, { added: llr[channel]!, minute });
    row[ROW.evidence + channel] = Math.min(after, EVIDENCE_MAX);
  }
}

/**
 * When a change began. Page's sum tells best whether there is one; as it looks for the smallest change that matters, few
 * good requests take hours to take back what one odd request has brought, and a change that comes then would be dated
 * there. So the date has a test of its own, by minutes inside and outside, that begins anew once those inside outweigh.
 */
function dateEvidence(
  row: Float32Array,
  channel: number,
  { added, minute }: { readonly added: number; readonly minute: number },
): void {
  if (added === 0) return;
  const outside = ROW.evidenceOutside + channel;
  const judged = ROW.evidenceJudged + channel;
  row[judged]! += 1;
  if (added > 0) {
    if (row[outside] === 0) row[ROW.evidenceSince + channel] = minute;
    row[outside]! += 1;
  }
  const inside = row[judged]! - row[outside]!;
  if (row[outside]! * OUTSIDE_NATS <= inside * INSIDE_NATS) dateAnew(row, channel);
}

function dateAnew(row: Float32Array, channel: number): void {
  row[ROW.evidenceJudged + channel] = 0;
  row[ROW.evidenceOutside + channel] = 0;
}

/** The channel of a detector with most evidence. */
export function strongestOf(row: Float32Array, detector: Detector): number {
  const { at, count } = CHANNELS_OF[detector];
  let best = at;
  for (let channel = at + 1; channel < at + count; channel++) {
    if (row[ROW.evidence + channel]! > row[ROW.evidence + best]!) best = channel;
  }
  return best;
}

/** The quantile that a change of latency shows in. */
export function quantileOfChannel(channel: number): 'p50' | 'p95' | 'p99' {
  const change = channel - CHANNELS_OF.latencyUp.at;
  return change === 2 ? 'p95' : change === 3 ? 'p99' : 'p50';
}

/** How far a minute is to be believed when learning: not at all from half of the evidence needed on. */
export function trustOf(row: Float32Array, detectors: readonly Detector[]): number {
  let most = 0;
  for (const detector of detectors) {
    most = Math.max(most, row[ROW.evidence + strongestOf(row, detector)]!);
  }
  return Math.max(0.02, 1 - (2 * most) / EVIDENCE_NEEDED);
}

export function forgetEvidence(row: Float32Array, detector: Detector): void {
  const { at, count } = CHANNELS_OF[detector];
  row.fill(0, ROW.evidence + at, ROW.evidence + at + count);
}
