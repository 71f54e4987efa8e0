/**
 * The world of the simulated month: services and their endpoints with what is usual for each, drawn from one seed.
 * Nothing here knows of the incidents that are put in, nor of any detector.
 */
import { type Endpoint, endpointIdOf } from '../model/tally.ts';
import { buildLatencyShape, type LatencyShape } from './month-latency.ts';
import { Random } from './random.ts';
import { Variates } from './variates.ts';

const MINUTES_PER_HOUR = 60;
export const MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR;
export const MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY;
const ENDPOINTS_PER_SERVICE = 8;

export interface World {
  readonly services: readonly ServiceWorld[];
  readonly endpoints: readonly EndpointWorld[];
}

export interface NoiseWorld {
  /** Of the logarithm. */
  readonly sigma: number;
  /** After which it is down to a third. */
  readonly minutes: number;
}

export interface ServiceWorld {
  readonly name: string;
  /** Natural logarithm of the traffic by minute of the week from Monday 00:00 UTC; the mean of its exponential is 1. */
  readonly shape: Float32Array;
  readonly noise: NoiseWorld;
  /** Minutes of the month, ascending. */
  readonly deploys: readonly number[];
}

export interface EndpointWorld {
  readonly endpoint: Endpoint;
  readonly service: ServiceWorld;
  /** Mean of the first week. */
  readonly requestsPerMinute: number;
  /** The service's shape, more or less of it. */
  readonly shapeFactor: number;
  /** Natural logarithm a day. */
  readonly growth: number;
  readonly trafficNoise: NoiseWorld;
  /** Of each minute alone. */
  readonly trafficSigma: number;
  /** Shape of the gamma distribution that a minute's rate is drawn from. */
  readonly dispersion: number;
  readonly latency: LatencyShape;
  /** How much of the traffic's shape the latency follows. */
  readonly load: number;
  readonly latencyNoise: NoiseWorld;
  /** Of each minute alone: of all latencies, and of how many are slow. */
  readonly latencySigma: number;
  readonly upperSigma: number;
  readonly errorRatio: number;
  readonly batch: Batch | undefined;
  readonly blips: ReadonlyMap<number, Blip>;
  /** Errors times this, by minute: bursts of 1–3 minutes, below what an incident is. */
  readonly errorBursts: ReadonlyMap<number, number>;
  /** What deploys change, of each for good. */
  readonly steps: readonly LevelStep[];
}

/** A job that comes at the same minute of each day or hour. */
export interface Batch {
  readonly every: 'day' | 'hour';
  /** Of the day or hour. */
  readonly fromMinute: number;
  readonly minutes: number;
  readonly trafficFactor: number;
  readonly latencyFactor: number;
}

/** One odd minute. */
export interface Blip {
  readonly trafficFactor: number;
  readonly latencyFactor: number;
  readonly addedErrorRatio: number;
}

export interface LevelStep {
  readonly minute: number;
  /** Natural logarithms. */
  readonly latency: number;
  readonly traffic: number;
}

export interface WorldOptions {
  readonly seed: number;
  readonly endpointCount: number;
  readonly minuteCount: number;
}

export function drawWorld({ seed, endpointCount, minuteCount }: WorldOptions): World {
  const variates = new Variates(new Random(seed));
  const services = Array.from(
    { length: Math.ceil(endpointCount / ENDPOINTS_PER_SERVICE) },
    (_, index) => drawService(variates, { name: `service-${index + 1}`, minuteCount }),
  );
  const endpoints = Array.from({ length: endpointCount }, (_, index) => {
    const service = services[Math.floor(index / ENDPOINTS_PER_SERVICE)]!; // as many as are needed
    return drawEndpoint(variates, { service, index, minuteCount });
  });
  return { services, endpoints };
}

/** Natural logarithm of the traffic that is usual, noise apart, without what deploys and batches change. */
export function usualTraffic(
  endpoint: EndpointWorld,
  at: { readonly minute: number; readonly weekMinute: number },
): number {
  const shape = endpoint.service.shape[at.weekMinute]!; // one for each minute of a week
  const days = at.minute / MINUTES_PER_DAY;
  return (
    Math.log(endpoint.requestsPerMinute) + endpoint.shapeFactor * shape + endpoint.growth * days
  );
}

export function isBatchTime(batch: Batch, minute: number): boolean {
  const period = batch.every === 'day' ? MINUTES_PER_DAY : MINUTES_PER_HOUR;
  return (minute - batch.fromMinute + period) % period < batch.minutes;
}

function drawService(
  variates: Variates,
  { name, minuteCount }: { readonly name: string; readonly minuteCount: number },
): ServiceWorld {
  const deploys: number[] = [];
  const nextDeploy = () => Math.round(variates.uniform(2, 12) * MINUTES_PER_DAY);
  for (let minute = nextDeploy(); minute < minuteCount; minute += nextDeploy()) {
    deploys.push(minute);
  }
  return { name, shape: drawShape(variates), noise: drawNoise(variates, 60), deploys };
}

function drawNoise(variates: Variates, minutesMax: number): NoiseWorld {
  return { sigma: variates.uniform(0.01, 0.06), minutes: variates.uniform(5, minutesMax) };
}

const FLAT_SHARE = 0.12;
const LUNCH_SHARE = 0.4;

/** Two waves a day at local time, less at lunch, less (or a little more) at weekends; some services are flat. */
function drawShape(variates: Variates): Float32Array {
  const isFlat = variates.random.chance(FLAT_SHARE);
  const offset = variates.random.between(-8, 9);
  const peak = variates.uniform(10, 22);
  const secondPeak = variates.uniform(0, 12);
  const wave = isFlat ? 0 : Math.log(variates.logUniform(1.5, 12)) / 2;
  const secondWave = wave * variates.uniform(0, 0.4);
  const weekend = isFlat ? 0 : Math.log(variates.logUniform(0.3, 1.2));
  const hasLunch = !isFlat && variates.random.chance(LUNCH_SHARE);
  const lunch = hasLunch ? Math.log(variates.uniform(0.6, 0.9)) : 0;
  const shape = new Float32Array(MINUTES_PER_WEEK);
  let total = 0;
  for (let minute = 0; minute < MINUTES_PER_WEEK; minute++) {
    const local = (minute + offset * MINUTES_PER_HOUR + MINUTES_PER_WEEK) % MINUTES_PER_WEEK;
    const hour = (local % MINUTES_PER_DAY) / MINUTES_PER_HOUR;
    const free = weekendness(local / MINUTES_PER_DAY);
    const daily =
      wave * Math.cos(((hour - peak) / 24) * 2 * Math.PI) +
      secondWave * Math.cos(((hour - secondPeak) / 12) * 2 * Math.PI);
    const noon = lunch * Math.exp(-(((hour - 12.5) / 0.6) ** 2));
    shape[minute] = daily * (1 - 0.3 * free) + noon * (1 - free) + weekend * free;
    total += Math.exp(shape[minute]!);
  }
  const mean = Math.log(total / MINUTES_PER_WEEK);
  return shape.map((value) => value - mean);
}

/** 0 from Monday to Friday, 1 on Saturday and Sunday, with four hours between them around midnight. */
function weekendness(day: number): number {
  return nightStep(day - 5) - nightStep(day - 7) + 1 - nightStep(day);
}

/** From 0 to 1 between 22:00 and 02:00 around day 0. */
function nightStep(day: number): number {
  return smoothStep((day + 1 / 12) * 6);
}

function smoothStep(x: number): number {
  const t = Math.min(Math.max(x, 0), 1);
  return t * t * (3 - 2 * t);
}

function drawEndpoint(
  variates: Variates,
  context: { readonly service: ServiceWorld; readonly index: number; readonly minuteCount: number },
): EndpointWorld {
  const { service, index, minuteCount } = context;
  const operation = `GET /resource-${(index % ENDPOINTS_PER_SERVICE) + 1}`;
  const endpointId = endpointIdOf(service.name, operation);
  return {
    endpoint: { endpointId, service: service.name, operation, stage: 'other' },
    service,
    requestsPerMinute: variates.logUniform(0.05, 5000),
    shapeFactor: variates.uniform(0.7, 1.3),
    growth: variates.uniform(-0.002, 0.012),
    trafficNoise: drawNoise(variates, 40),
    trafficSigma: variates.uniform(0.01, 0.05),
    dispersion: variates.logUniform(0.02, 0.15) ** -2,
    latency: drawLatency(variates),
    load: variates.uniform(0, 0.15),
    latencyNoise: drawNoise(variates, 40),
    latencySigma: variates.uniform(0.01, 0.06),
    upperSigma: variates.uniform(0.05, 0.25),
    errorRatio: variates.random.chance(0.3) ? 0 : variates.logUniform(0.0001, 0.02),
    batch: drawBatch(variates),
    blips: drawBlips(variates, minuteCount),
    errorBursts: drawErrorBursts(variates, minuteCount),
    steps: service.deploys.map((minute) => drawStep(variates, minute)),
  };
}

function drawLatency(variates: Variates): LatencyShape {
  return buildLatencyShape({
    medianUs: variates.logUniform(2000, 3_000_000),
    sigma: variates.uniform(0.25, 0.6),
    otherShare: variates.uniform(0.05, 0.4),
    otherFactor: variates.random.chance(0.5)
      ? variates.uniform(0.1, 0.5)
      : variates.uniform(1.5, 4),
    otherSigma: variates.uniform(0.2, 0.4),
    tailShare: variates.logUniform(0.003, 0.03),
    tailAlpha: variates.uniform(1.3, 2.5),
  });
}

const DAILY_BATCH_SHARE = 0.08;
const HOURLY_BATCH_SHARE = 0.08;

function drawBatch(variates: Variates): Batch | undefined {
  const draw = variates.unit();
  if (draw < DAILY_BATCH_SHARE) {
    return {
      every: 'day',
      fromMinute: variates.random.below(MINUTES_PER_DAY),
      minutes: variates.random.between(10, 40),
      trafficFactor: variates.uniform(1.2, 1.8),
      latencyFactor: variates.uniform(1, 1.25),
    };
  }
  if (draw > DAILY_BATCH_SHARE + HOURLY_BATCH_SHARE) return undefined;
  return {
    every: 'hour',
    fromMinute: variates.random.below(MINUTES_PER_HOUR),
    minutes: variates.random.between(1, 2),
    trafficFactor: variates.uniform(1.3, 2.5),
    latencyFactor: variates.uniform(1, 1.2),
  };
}

const DAYS_BETWEEN_BLIPS = 7;

function drawBlips(variates: Variates, minuteCount: number): Map<number, Blip> {
  const blips = new Map<number, Blip>();
  const count = variates.poisson(minuteCount / MINUTES_PER_DAY / DAYS_BETWEEN_BLIPS);
  for (let drawn = 0; drawn < count; drawn++) {
    blips.set(variates.random.below(minuteCount), drawBlip(variates));
  }
  return blips;
}

function drawBlip(variates: Variates): Blip {
  const usual: Blip = { trafficFactor: 1, latencyFactor: 1, addedErrorRatio: 0 };
  switch (variates.random.below(4)) {
    case 0:
      return { ...usual, latencyFactor: variates.logUniform(2, 8) };
    case 1:
      return { ...usual, addedErrorRatio: variates.uniform(0.1, 0.5) };
    case 2:
      return { ...usual, trafficFactor: variates.logUniform(2, 5) };
    default:
      return { ...usual, trafficFactor: variates.uniform(0, 0.3) };
  }
}

const DAYS_BETWEEN_ERROR_BURSTS = 3;

function drawErrorBursts(variates: Variates, minuteCount: number): Map<number, number> {
  const factors = new Map<number, number>();
  const count = variates.poisson(minuteCount / MINUTES_PER_DAY / DAYS_BETWEEN_ERROR_BURSTS);
  for (let drawn = 0; drawn < count; drawn++) {
    const from = variates.random.below(minuteCount);
    const minutes = variates.random.between(1, 3);
    const factor = variates.uniform(1.5, 4);
    for (let minute = from; minute < from + minutes; minute++) factors.set(minute, factor);
  }
  return factors;
}

const TRAFFIC_STEP_SHARE = 0.3;

/** 5–15 % up or down; the traffic of some endpoints, too. */
function drawStep(variates: Variates, minute: number): LevelStep {
  const draw = () =>
    Math.log1p(variates.uniform(0.05, 0.15)) * (variates.random.chance(0.5) ? 1 : -1);
  const latency = draw();
  return { minute, latency, traffic: variates.random.chance(TRAFFIC_STEP_SHARE) ? draw() : 0 };
}
