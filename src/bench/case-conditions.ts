/**
 * The physics of a simulated system between two points in time at which nothing changes: how busy each part is, and
 * so how long work, queries and waiting take. Made once for the time when all is well and once for the fault.
 */
import type { CodeEffect, Effect } from './case-effect.ts';
import { demandOf, poolWaitOf, stretchOf, usageOf, workOf } from './case-load.ts';
import type { CaseService, CaseWorld } from './case-world.ts';

export interface Conditions {
  readonly effect: Effect | undefined;
  /** By service. */
  readonly services: readonly ServiceConditions[];
  /** Factor on the time of a query, by store; and the share of time in use. */
  readonly stores: readonly { readonly stretch: number; readonly utilisation: number }[];
  /** By platform. */
  readonly platformFactors: readonly number[];
  /** Of the usual traffic, by entry. */
  readonly entryFactors: readonly number[];
}

export interface ServiceConditions {
  readonly pods: readonly PodConditions[];
  /** Mean wait for a connection, and the share of requests that wait until they give up. */
  readonly pool: {
    readonly waitMs: number;
    readonly refusedShare: number;
    readonly usedShare: number;
  };
  /** Its telemetry is lost. */
  readonly isSilent: boolean;
}

export interface PodConditions {
  readonly name: string;
  readonly version: string;
  /** Factor on work. */
  readonly stretch: number;
  /** Stop-the-world pauses: their length, and the share of time spent in them. */
  readonly pauseMs: number;
  readonly pauseShare: number;
  /** Added to each message, in and out. */
  readonly delayMs: number;
  /** Shares of what the pod may use. */
  readonly cpuShare: number;
  readonly memoryShare: number;
}

/** A release during the case that changes nothing but names. */
export interface InnocentRelease {
  readonly service: number;
  readonly version: string;
}

export interface ConditionsOptions {
  readonly world: CaseWorld;
  readonly effect: Effect | undefined;
  /** Traffic of each entry, as a factor on the usual. */
  readonly entryFactors: readonly number[];
  readonly releases: readonly InnocentRelease[];
}

export const POOL_TIMEOUT_MS = 1000;

/** Beyond this a database sheds load: its clients give up. */
const STORE_BUSY_MAX = 0.9;

export function conditionsOf(options: ConditionsOptions): Conditions {
  const { world, effect } = options;
  const entryFactors = options.entryFactors.map(
    (factor, entry) =>
      factor * (effect?.kind === 'surge' && effect.entry === entry ? effect.factor : 1),
  );
  const ratios = ratiosOf(world, { effect, entryFactors });
  const stores = world.stores.map(({ utilisation }, store) => {
    const busy = Math.min(STORE_BUSY_MAX, utilisation * ratios.store[store]!); // one for each store
    return { stretch: storeFactorOf(effect, store) * stretchOf(busy), utilisation: busy };
  });
  return {
    effect,
    entryFactors,
    stores,
    platformFactors: world.platforms.map((_, platform) =>
      effect?.kind === 'platform' && effect.platform === platform ? effect.factor : 1,
    ),
    services: world.services.map((service) => {
      const workRatio = ratios.work[service.index]!; // one for each service
      const heldRatio = ratios.held[service.index]!;
      return {
        pods: podsOf(service, { ...options, workRatio }),
        pool: poolOf(service, { effect, heldRatio, holdMs: holdMsOf(world, service, stores) }),
        isSilent: effect?.kind === 'silence' && effect.service === service.index,
      };
    }),
  };
}

interface Ratios {
  readonly work: readonly number[];
  readonly store: readonly number[];
  readonly held: readonly number[];
}

/** What is asked of each part now, as a share of what is asked of it usually. */
function ratiosOf(
  world: CaseWorld,
  {
    effect,
    entryFactors,
  }: { readonly effect: Effect | undefined; readonly entryFactors: readonly number[] },
): Ratios {
  const usualWeights = world.entries.map(({ weight }) => weight);
  const weights = usualWeights.map((weight, entry) => weight * entryFactors[entry]!); // one for each
  const growth = sumOf(weights) / sumOf(usualWeights);
  const usual = demandOf(world, { ...USUAL, visits: usageOf(world, usualWeights).visits });
  const now = demandOf(world, {
    visits: usageOf(world, weights).visits.map((visits) => visits * growth),
    isCacheDown: (cache) => effect?.kind === 'cache' && effect.cache === cache,
    storeFactor: (store) => storeFactorOf(effect, store),
    workFactor: (endpoint) =>
      effect?.kind === 'code' && effect.endpoint === endpoint.id && effect.isWork
        ? 1 + (effect.share * shareOfPlan(effect) * effect.addedMs) / workOf(endpoint)
        : 1,
  });
  const ratio = (part: keyof Ratios) =>
    [...now[part]].map((value, index) => value / Math.max(usual[part][index]!, Number.EPSILON)); // as long
  return { work: ratio('work'), store: ratio('store'), held: ratio('held') };
}

const USUAL = {
  isCacheDown: () => false,
  storeFactor: () => 1,
  workFactor: () => 1,
} as const;

function storeFactorOf(effect: Effect | undefined, store: number): number {
  return effect?.kind === 'store' && effect.store === store ? effect.factor : 1;
}

/** Users are on three plans. */
function shareOfPlan({ plan }: CodeEffect): number {
  return plan === undefined ? 1 : 1 / 3;
}

function podsOf(
  service: CaseService,
  { effect, releases, workRatio }: ConditionsOptions & { readonly workRatio: number },
): readonly PodConditions[] {
  const innocent = releases.find((release) => release.service === service.index);
  return service.pods.map((name, pod) => {
    const isHit = isPodEffect(effect) && effect.service === service.index && pod < effect.pods;
    const hogShare = isHit && effect.kind === 'hog' ? effect.share : 0;
    const collectorShare = isHit && effect.kind === 'collector' ? effect.share : 0;
    // Half of what a collector takes it takes beside the work, half by stopping it.
    const left = 1 - hogShare - collectorShare / 2;
    const busy = (service.utilisation * workRatio) / left;
    const release = effect?.kind === 'code' ? effect.release : undefined;
    const isReleased = effect?.kind === 'code' && effect.service === service.index;
    const version =
      isReleased && release && pod < release.pods ? release.version : innocent?.version;
    return {
      name: version === undefined ? name : renamed(name, version),
      version: version ?? service.version,
      stretch: stretchOf(busy) / left,
      pauseMs: isHit && effect.kind === 'collector' ? effect.pauseMs : 0,
      pauseShare: collectorShare / 2,
      delayMs: effect?.kind === 'delay' && effect.machine === service.machine ? effect.delayMs : 0,
      cpuShare: Math.min(1, service.utilisation * workRatio + hogShare + collectorShare),
      memoryShare: collectorShare > 0 ? 0.97 : service.memoryShare,
    };
  });
}

function isPodEffect(
  effect: Effect | undefined,
): effect is Extract<Effect, { readonly kind: 'hog' | 'collector' }> {
  return effect?.kind === 'hog' || effect?.kind === 'collector';
}

/** A release replaces pods: the middle of the name is the hash of their template. */
function renamed(pod: string, version: string): string {
  const [index = '0', hash = '', ...rest] = pod.split('-').reverse();
  const mixed = (Number.parseInt(hash, 16) ^ (Number(version.split('.')[1]) * 0x9e3779b1)) >>> 0;
  return [...rest.reverse(), mixed.toString(16).padStart(8, '0'), index].join('-');
}

/** A leak takes connections away: the same queries meet fewer that are free. */
function poolOf(
  { index, pool }: CaseService,
  {
    effect,
    heldRatio,
    holdMs,
  }: {
    readonly effect: Effect | undefined;
    readonly heldRatio: number;
    readonly holdMs: number;
  },
): ServiceConditions['pool'] {
  const isLeaking = effect?.kind === 'pool' && effect.service === index;
  const needed = pool.utilisation * heldRatio;
  const busy = isLeaking ? effect.utilisation : needed;
  const free = Math.max(1, (pool.size * needed) / busy);
  return {
    waitMs: holdMs * poolWaitOf(busy, isLeaking ? free : pool.size),
    refusedShare: busy > 1 ? 1 - 1 / busy : 0,
    usedShare: isLeaking ? 1 : Math.min(1, busy),
  };
}

/** Mean time a query of the service holds a connection. */
function holdMsOf(world: CaseWorld, service: CaseService, stores: Conditions['stores']): number {
  const timesMs = world.endpoints
    .filter((endpoint) => endpoint.service === service)
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.kind === 'lookup' ? [step.miss] : step.kind === 'query' ? [step] : []))
    .map(({ store, medianMs }) => medianMs * stores[store]!.stretch); // steps name stores
  return timesMs.length === 0 ? 0 : sumOf(timesMs) / timesMs.length;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
