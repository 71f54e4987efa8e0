/**
 * What an endpoint's watch remembers: one row of numbers, here with their names and units. A service has a row too: it
 * is the prior of its endpoints, and its total count tells silence.
 */
import { ROW_ORIGIN_US } from '../base/row-slab.ts';
import { US_PER_MINUTE } from '../base/time.ts';

/** Of the layout: raise it with every change of what a number means. */
export const ENDPOINT_ROW_VERSION = 2;

export function minuteNumberOf(timeUs: number): number {
  return Math.floor((timeUs - ROW_ORIGIN_US) / US_PER_MINUTE);
}

export function minuteUsOf(minute: number): number {
  return ROW_ORIGIN_US + minute * US_PER_MINUTE;
}

/** Quarter hours of a day. */
export const DAY_BINS = 96;
export const DAY_BIN_MINUTES = 15;
/** Hours of a week. */
export const WEEK_BINS = 168;
export const WEEK_BIN_MINUTES = 60;
/** Surges that are remembered, and the numbers of each. */
export const SURGES = 3;
export const SURGE_WIDTH = 3;
/** Predictors of the rate: the recent level alone, with the time of day, with the hour of the week. */
export const RATE_EXPERTS = 3;
/** Of latency around its level, a quarter octave each: from an eighth to 128 times the level. */
export const LATENCY_BINS = 40;
/** Bins below the level. */
export const LATENCY_BINS_BELOW = 12;
/** Sketch buckets, 16 an octave, of a bin. */
export const BUCKETS_PER_BIN = 4;
/** Ways in which latency may change; see baseline/endpoint-latency.ts. */
export const LATENCY_CHANGES = 5;
/** Minutes kept for pictures. */
export const PICTURE_MINUTES = 60;

/** Sequential tests; see detect/endpoint-evidence.ts. Each has evidence (nats) and a first minute of it. */
export const TRAFFIC_UP_CHANNELS = 3;
export const TRAFFIC_DOWN_CHANNELS = 3;
export const ERROR_CHANNELS = 2;
export const CHANNELS =
  TRAFFIC_UP_CHANNELS + TRAFFIC_DOWN_CHANNELS + ERROR_CHANNELS + LATENCY_CHANGES;

/** What may be open at the same time, in the order of EPISODE_FIELDS' blocks. */
export const DETECTORS = [
  'trafficUp',
  'trafficDown',
  'errorUp',
  'latencyUp',
  'latencyDown',
] as const;
export type Detector = (typeof DETECTORS)[number];

/** An episode's part of the row. */
export const EPISODE = {
  /** Minute in which the evidence was enough; 0: none is open. */
  detected: 0,
  onset: 1,
  /** Last minute outside. */
  lastOutside: 2,
  /** Channel that opened it. */
  channel: 3,
  /** Evidence for recovery, nats. */
  recovery: 4,
  /** Of the worst minute: in the unit of the kind. */
  value: 5,
  expected: 6,
  low: 7,
  high: 8,
  n: 9,
  /** Evidence so far, nats. */
  score: 10,
  /** Contribution of the worst minute, nats. */
  worst: 11,
  /** Score when it last opened or changed, nats. */
  toldScore: 12,
  /** Minute in which it was told of first; 0: not yet, because its whole endpoint explains it. */
  toldMinute: 13,
  /** Minutes that were judged, from the onset to the last one outside; how many of them were outside. */
  judged: 14,
  outside: 15,
  /** Minutes judged since the last one outside. */
  quiet: 16,
  /** 1: since it began an open episode of its whole endpoint has explained it. */
  explained: 17,
} as const;
export const EPISODE_WIDTH = 18;

/** Sketch buckets of three quantiles. */
export interface QuantileBuckets {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Steps between quantiles of at most 127 buckets, a factor of 245, so that all fit a Float32's 24 bits. */
const STEP = 128;

export function packQuantiles({ p50, p95, p99 }: QuantileBuckets): number {
  const toP95 = Math.min(p95 - p50, STEP - 1);
  const toP99 = Math.min(p99 - p95, STEP - 1);
  return (p50 * STEP + toP95) * STEP + toP99;
}

export function unpackQuantiles(packed: number): QuantileBuckets {
  const p50 = Math.floor(packed / (STEP * STEP));
  const p95 = p50 + (Math.floor(packed / STEP) % STEP);
  return { p50, p95, p99: p95 + (packed % STEP) };
}

let width = 0;
/** Hands out the next numbers of the row. */
function take(count: number): number {
  const start = width;
  width += count;
  return start;
}

export const ROW = {
  /** Last minute taken in; 0: new row. */
  lastMinute: take(1),
  firstMinute: take(1),
  /** Last minute with traffic. */
  lastTrafficMinute: take(1),
  /** Minutes with traffic that were learned. */
  learnedMinutes: take(1),

  /** Minute from which its traffic is known: of its first request, or of a lasting change; Infinity: none is expected. */
  rateSince: take(1),

  /** Requests a minute, mean of about a day. */
  rateMean: take(1),
  /** By predictor: observed and predicted requests, discounted; mean square of ln(observed / predicted). */
  rateObserved: take(RATE_EXPERTS),
  rateShape: take(RATE_EXPERTS),
  rateSquare: take(RATE_EXPERTS),
  /** The recent level of thrice the horizon, for the trend: requests and minutes, discounted. */
  rateSlowObserved: take(1),
  rateSlowMinutes: take(1),
  /** Requests a minute by quarter hour of the day; −1: not seen. */
  rateDay: take(DAY_BINS),
  /** Factor of the hours of the week over the days' shape; −1: not seen. */
  rateWeek: take(WEEK_BINS),
  /** Requests and minutes of the bin under way (of the week's: what the days' shape gives, too), and its number since 2020. */
  rateDaySum: take(1),
  rateDayMinutes: take(1),
  rateDayBin: take(1),
  rateWeekSum: take(1),
  rateWeekShape: take(1),
  rateWeekMinutes: take(1),
  rateWeekBin: take(1),
  /** By minute of the hour: ln of what came beyond the usual. */
  rateJobs: take(60),
  /** Surges that ended by themselves, each with its first minute, its minutes and ln of its factor; 0: none. */
  rateSurges: take(SURGES * SURGE_WIDTH),
  /** Blocks of 1, 4, 16 minutes: excess squares and their weights, discounted. */
  rateExcess: take(3),
  rateWeight: take(3),
  /** Blocks under way: observed and predicted requests of 4 and of 16 minutes; predicted by each predictor. */
  rateBlockObserved: take(2),
  rateBlockExpected: take(2),
  rateBlockExperts: take(RATE_EXPERTS),
  /** Minutes of the blocks under way. */
  rateBlockMinutes: take(2),

  /** Failed requests, and all, discounted. */
  errorHits: take(1),
  errorTotal: take(1),
  /** Blocks of 1 and 4 minutes: excess squares and their weights; the block of 4 under way. */
  errorExcess: take(2),
  errorWeight: take(2),
  errorBlock: take(1),
  errorBlockTotal: take(1),
  errorBlockMinutes: take(1),

  /** Level of latency in sketch buckets, its variance (buckets²), and the mean of about a day. */
  latencyLevel: take(1),
  latencyVariance: take(1),
  /** Variance of single requests about the level, buckets², cut at ± 1.5 octaves. */
  latencySpread: take(1),
  latencyDayMean: take(1),
  /** Requests with a latency since the level was new, and the minute in which it was. */
  latencySeen: take(1),
  latencySince: take(1),
  /** Buckets above the mean of the day, by hour; NaN: not seen. Sum and weight of the hour under way. */
  latencyHour: take(24),
  latencyHourSum: take(1),
  latencyHourMinutes: take(1),
  latencyHourBin: take(1),
  /** Requests by bin around the level, discounted. */
  latencyReference: take(LATENCY_BINS),
  /** ln likelihood ratio of each change, by bin; what a usual request gives of it on average, and its variance. */
  latencyLlr: take(LATENCY_CHANGES * LATENCY_BINS),
  latencyLlrMean: take(LATENCY_CHANGES),
  latencyLlrVariance: take(LATENCY_CHANGES),
  /** Minute in which the ratios were made; they are made anew from time to time. */
  latencyLlrMinute: take(1),
  /** By change, of blocks of 1 and 4 minutes: excess squares and weights; the block under way. */
  latencyExcess: take(2 * LATENCY_CHANGES),
  latencyWeight: take(2 * LATENCY_CHANGES),
  latencyBlock: take(LATENCY_CHANGES),
  latencyBlockRequests: take(1),
  latencyBlockMinutes: take(1),
  /** Slow wander of the level: squares of 16-minute means (buckets²), its weight, the block under way. */
  latencyWander: take(1),
  latencyWanderWeight: take(1),
  latencyWanderSum: take(1),
  latencyWanderRequests: take(1),
  latencyWanderMinutes: take(1),

  evidence: take(CHANNELS),
  evidenceSince: take(CHANNELS),
  /** Since then, 0 when the date is open: minutes that were judged, and those of them that added evidence. */
  evidenceJudged: take(CHANNELS),
  evidenceOutside: take(CHANNELS),
  episodes: take(DETECTORS.length * EPISODE_WIDTH),

  /** By minute modulo 60: requests, failed ones, and quantiles of latency as packQuantiles() makes one number of them. */
  ringCount: take(PICTURE_MINUTES),
  ringErrors: take(PICTURE_MINUTES),
  ringQuantiles: take(PICTURE_MINUTES),
} as const;

export const ENDPOINT_ROW_WIDTH = width;
