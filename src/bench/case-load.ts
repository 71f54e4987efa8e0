/**
 * How busy a simulated system is: visits of each endpoint by a request of a user, and what follows from them for
 * processors, databases and pools. A fluid picture: mean rates, no single request.
 */
import type { CaseEndpoint, CaseWorld, QueryStep, Step } from './case-world.ts';

/** Visits of each endpoint by one request, the entries mixed by weight. */
export interface Usage {
  readonly visits: Float64Array;
  /** Those among them that the user waits for. */
  readonly awaited: Float64Array;
}

/** Weights of the entries, in their order; they need not sum to 1. */
export function usageOf(world: CaseWorld, weights: readonly number[]): Usage {
  const visits = new Float64Array(world.endpoints.length);
  const awaited = new Float64Array(world.endpoints.length);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const walk = (endpoint: CaseEndpoint, share: number, isAwaited: boolean): void => {
    visits[endpoint.id] = (visits[endpoint.id] ?? 0) + share;
    if (isAwaited) awaited[endpoint.id] = (awaited[endpoint.id] ?? 0) + share;
    for (const step of endpoint.steps) {
      for (const { target, share: part, isAwaited: isCall } of targetsOf(step)) {
        walk(world.endpoints[target]!, share * part, isAwaited && isCall); // targets are endpoints
      }
    }
  };
  world.entries.forEach(({ endpoint }, index) => {
    walk(endpoint, (weights[index] ?? 0) / total, true);
  });
  return { visits, awaited };
}

function targetsOf(
  step: Step,
): readonly { readonly target: number; readonly share: number; readonly isAwaited: boolean }[] {
  if (step.kind === 'calls') return step.calls.map((call) => ({ ...call, isAwaited: true }));
  if (step.kind === 'publish') return [{ target: step.consumer, share: 1, isAwaited: false }];
  return [];
}

/** What the visits ask of each part, in arbitrary units: only quotients are meant to be used. */
export interface Demand {
  /** Processor time by service. */
  readonly work: Float64Array;
  /** Database time by store, and by service the time that a connection is held. */
  readonly store: Float64Array;
  readonly held: Float64Array;
}

export interface DemandOptions {
  /** How much of the traffic that is usual, by endpoint. */
  readonly visits: Float64Array;
  readonly isCacheDown: (cache: number) => boolean;
  readonly storeFactor: (store: number) => number;
  /** Work of one endpoint beyond the usual, as a factor. */
  readonly workFactor: (endpoint: CaseEndpoint) => number;
}

export function demandOf(world: CaseWorld, options: DemandOptions): Demand {
  const work = new Float64Array(world.services.length);
  const store = new Float64Array(world.stores.length);
  const held = new Float64Array(world.services.length);
  for (const endpoint of world.endpoints) {
    const visits = options.visits[endpoint.id] ?? 0;
    const service = endpoint.service.index;
    work[service] = (work[service] ?? 0) + visits * workOf(endpoint) * options.workFactor(endpoint);
    for (const { query, share } of queriesOf(endpoint, options.isCacheDown)) {
      const time = visits * share * query.medianMs * options.storeFactor(query.store);
      store[query.store] = (store[query.store] ?? 0) + time;
      held[service] = (held[service] ?? 0) + time;
    }
  }
  return { work, store, held };
}

/** Of one visit. */
export function workOf({ steps }: CaseEndpoint): number {
  return steps.reduce((sum, step) => sum + (step.kind === 'work' ? step.medianMs : 0), 0);
}

function queriesOf(
  { steps }: CaseEndpoint,
  isCacheDown: (cache: number) => boolean,
): readonly { readonly query: QueryStep; readonly share: number }[] {
  return steps.flatMap((step) => {
    if (step.kind === 'query') return [{ query: step, share: 1 }];
    if (step.kind !== 'lookup') return [];
    return [{ query: step.miss, share: isCacheDown(step.cache) ? 1 : 1 - step.hitRatio }];
  });
}

/** Mean time in a system that is busy for a share of its time, per unit of work (M/M/1: 1 / (1 − ρ)). */
export function stretchOf(utilisation: number, utilisationMax = 0.95): number {
  return 1 / (1 - Math.min(utilisation, utilisationMax));
}

/**
 * Mean wait for one of several servers, in units of the time one is held (Sakasegawa 1977, an approximation of
 * M/M/c): ρ^(√(2(c+1)) − 1) / (c (1 − ρ)). Ten at 90 %: 0.67.
 */
export function poolWaitOf(utilisation: number, size: number): number {
  const busy = Math.min(utilisation, 0.98);
  return busy ** (Math.sqrt(2 * (size + 1)) - 1) / (size * (1 - busy));
}
