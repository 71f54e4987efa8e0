/**
 * A month in minutes: what a receiver would have counted for some hundred endpoints, minute by minute, with incidents
 * that are known. Seeded; a minute at a time, so that a month needs no memory.
 */
import { US_PER_DAY, US_PER_MINUTE } from '../base/time.ts';
import type { ChangeEvent } from '../model/anomaly.ts';
import type { Tally } from '../model/tally.ts';
import type { EndpointMinute } from '../model/watch.ts';
import { drawIncidents, type InjectedIncident } from './month-incidents.ts';
import { type LatencyShift, SketchDrawer, UPPER_SHARE } from './month-latency.ts';
import {
  drawWorld,
  type EndpointWorld,
  isBatchTime,
  type LevelStep,
  MINUTES_PER_DAY,
  MINUTES_PER_WEEK,
  type ServiceWorld,
  usualTraffic,
  type World,
} from './month-world.ts';
import { Random } from './random.ts';
import { SlowNoise, Variates } from './variates.ts';

export interface MonthOptions {
  readonly seed: number;
  readonly endpointCount: number;
  readonly dayCount: number;
  /** In 28 days, however many of them are simulated. */
  readonly incidentCount: number;
}

export interface Month {
  readonly startUs: number;
  readonly dayCount: number;
  readonly world: World;
  /** The truth: for the scorer only. */
  readonly incidents: readonly InjectedIncident[];
  /** Each call makes the same minutes again. */
  minutes(): Generator<EndpointMinute>;
}

/** A Monday, 00:00 UTC. */
const MONDAY_US = Date.UTC(2026, 0, 5) * 1000;

export function simulateMonth(options: MonthOptions): Month {
  const { seed, endpointCount, dayCount, incidentCount } = options;
  // The streams of world, incidents, and noise must not be one: seeds far apart.
  const world = drawWorld({
    seed: 3 * seed,
    endpointCount,
    minuteCount: dayCount * MINUTES_PER_DAY,
  });
  const startUs = MONDAY_US + (seed % 7) * US_PER_DAY;
  const startWeekMinute = (startUs - MONDAY_US) / US_PER_MINUTE;
  const incidents = drawIncidents(world, {
    seed: 3 * seed + 1,
    incidentCount,
    dayCount,
    startWeekMinute,
  });
  return {
    startUs,
    dayCount,
    world,
    incidents,
    *minutes() {
      const simulation = new Simulation({ world, incidents, seed: 3 * seed + 2 });
      for (let minute = 0; minute < dayCount * MINUTES_PER_DAY; minute++) {
        const weekMinute = (startWeekMinute + minute) % MINUTES_PER_WEEK;
        const minuteUs = startUs + minute * US_PER_MINUTE;
        yield simulation.next({ minute, weekMinute, minuteUs });
      }
    },
  };
}

/** Noise of single minutes has heavy tails: Student's t with so many degrees of freedom. */
const MINUTE_FREEDOM = 4;

interface MinuteAt {
  /** Of the month. */
  readonly minute: number;
  readonly weekMinute: number;
  readonly minuteUs: number;
}

/** What of an endpoint or service goes on from minute to minute. */
class Simulation {
  readonly #services: Map<ServiceWorld, ServiceState>;
  readonly #endpoints: readonly EndpointState[];
  readonly #drawer = new SketchDrawer();

  constructor(options: {
    readonly world: World;
    readonly incidents: readonly InjectedIncident[];
    readonly seed: number;
  }) {
    const { world, incidents, seed } = options;
    const seeds = new Random(seed);
    this.#services = new Map(
      world.services.map((service) => {
        const variates = new Variates(new Random(seeds.uint32()));
        return [service, { variates, noise: new SlowNoise(service.noise, variates), noiseNow: 0 }];
      }),
    );
    this.#endpoints = world.endpoints.map((endpoint) => {
      const variates = new Variates(new Random(seeds.uint32()));
      return {
        world: endpoint,
        variates,
        traffic: new SlowNoise(endpoint.trafficNoise, variates),
        latency: new SlowNoise(endpoint.latencyNoise, variates),
        level: { minute: 0, latency: 0, traffic: 0 },
        incidents: incidents.filter(({ endpointIds }) =>
          endpointIds.includes(endpoint.endpoint.endpointId),
        ),
      };
    });
  }

  next(at: MinuteAt): EndpointMinute {
    const changes: ChangeEvent[] = [];
    for (const [service, state] of this.#services) {
      state.noiseNow = state.noise.next(state.variates);
      if (service.deploys.includes(at.minute)) changes.push(deployOf(service, at));
    }
    const tallies: Tally[] = [];
    for (const state of this.#endpoints) {
      const serviceNoise = this.#services.get(state.world.service)!.noiseNow; // all are in the map
      const tally = this.#tallyOf(state, { at, serviceNoise });
      if (tally) tallies.push(tally);
    }
    return { minuteUs: at.minuteUs, tallies, changes };
  }

  #tallyOf(
    state: EndpointState,
    { at, serviceNoise }: { readonly at: MinuteAt; readonly serviceNoise: number },
  ): Tally | undefined {
    const { world, variates } = state;
    const step = world.steps.find(({ minute }) => minute === at.minute);
    if (step) state.level = sumOf(state.level, step);
    const odd = oddOf(state, at.minute);
    const ownNoise = state.traffic.next(variates);
    const slowLatency = state.latency.next(variates);
    const minuteNoise = world.trafficSigma * variates.heavy(MINUTE_FREEDOM);
    const usual =
      usualTraffic(world, at) + state.level.traffic + serviceNoise + ownNoise + minuteNoise;
    const rate = Math.exp(usual) * variates.gamma(world.dispersion) * odd.traffic;
    const count = variates.poisson(rate);
    if (count === 0) return undefined;
    const shift: LatencyShift = {
      all:
        world.load * world.service.shape[at.weekMinute]! + // one for each minute of a week
        state.level.latency +
        slowLatency +
        world.latencySigma * variates.heavy(MINUTE_FREEDOM) +
        odd.latency,
      upper: odd.tail,
      upperShare: UPPER_SHARE * Math.exp(world.upperSigma * variates.heavy(MINUTE_FREEDOM)),
    };
    return {
      endpoint: world.endpoint,
      minuteUs: at.minuteUs,
      count,
      errorCount: variates.binomial(count, errorRatioOf(state, { minute: at.minute, odd })),
      sketch: this.#drawer.draw(world.latency, { count, shift, variates }),
    };
  }
}

interface ServiceState {
  readonly variates: Variates;
  readonly noise: SlowNoise;
  noiseNow: number;
}

interface EndpointState {
  readonly world: EndpointWorld;
  readonly variates: Variates;
  readonly traffic: SlowNoise;
  readonly latency: SlowNoise;
  /** What deploys have changed so far. */
  level: LevelStep;
  readonly incidents: readonly InjectedIncident[];
}

/** What batches, blips and incidents make of a minute. */
interface Odd {
  /** Factor. */
  traffic: number;
  /** Natural logarithms: of all requests, and of the slowest on top of it. */
  latency: number;
  tail: number;
  /** Added ratio. */
  errors: number;
}

function oddOf({ world, incidents }: EndpointState, minute: number): Odd {
  const odd: Odd = { traffic: 1, latency: 0, tail: 0, errors: 0 };
  if (world.batch && isBatchTime(world.batch, minute)) {
    odd.traffic *= world.batch.trafficFactor;
    odd.latency += Math.log(world.batch.latencyFactor);
  }
  const blip = world.blips.get(minute);
  if (blip) {
    odd.traffic *= blip.trafficFactor;
    odd.latency += Math.log(blip.latencyFactor);
    odd.errors += blip.addedErrorRatio;
  }
  for (const incident of incidents) {
    if (incident.fromMinute <= minute && minute < incident.toMinute) {
      applyIncident(odd, { incident, minute });
    }
  }
  return odd;
}

const RAMP_SHARE = 2 / 3;

function applyIncident(
  odd: Odd,
  { incident, minute }: { readonly incident: InjectedIncident; readonly minute: number },
): void {
  const { kind, size, fromMinute, toMinute } = incident;
  switch (kind) {
    case 'latency':
      odd.latency += Math.log(size);
      break;
    case 'ramp': {
      const climbed = (minute + 1 - fromMinute) / ((toMinute - fromMinute) * RAMP_SHARE);
      odd.latency += Math.log(size) * Math.min(1, climbed);
      break;
    }
    case 'tail':
      odd.tail += Math.log(size);
      break;
    case 'error':
      odd.errors += size;
      break;
    case 'surge':
    case 'drop':
    case 'silence':
      odd.traffic *= size;
      break;
  }
}

/** Shape of the gamma distribution of a minute's error ratio: it scatters by a third. */
const ERROR_DISPERSION = 10;
/** Where an endpoint has no errors of its own, a small burst is a multiple of this. */
const BURST_ERROR_RATIO = 0.001;
/** A burst stays below this: more is an incident. */
const BURST_ERROR_RATIO_MAX = 0.03;

function errorRatioOf(
  { world, variates }: EndpointState,
  { minute, odd }: { readonly minute: number; readonly odd: Odd },
): number {
  const burst = world.errorBursts.get(minute);
  const usual =
    burst === undefined
      ? world.errorRatio
      : Math.min(BURST_ERROR_RATIO_MAX, burst * Math.max(world.errorRatio, BURST_ERROR_RATIO));
  const noisy = usual === 0 ? 0 : usual * variates.gamma(ERROR_DISPERSION);
  return Math.min(1, noisy + odd.errors);
}

function sumOf(level: LevelStep, step: LevelStep): LevelStep {
  return {
    minute: step.minute,
    latency: level.latency + step.latency,
    traffic: level.traffic + step.traffic,
  };
}

function deployOf(service: ServiceWorld, { minute, minuteUs }: MinuteAt): ChangeEvent {
  const version = `1.${service.deploys.indexOf(minute) + 1}.0`;
  return {
    changeId: `${service.name}-${version}`,
    timeUs: minuteUs,
    kind: 'deploy',
    service: service.name,
    version,
    description: `${service.name} ${version}`,
    attributes: {},
  };
}
