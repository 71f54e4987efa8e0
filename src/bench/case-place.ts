/** Where in a simulated system a fault may strike: places that enough requests get to, and who else meets it there. */
import { stretchOf, type Usage } from './case-load.ts';
import type { CaseEndpoint, CaseWorld, Step } from './case-world.ts';
import type { Variates } from './variates.ts';

export interface FaultContext {
  readonly world: CaseWorld;
  readonly usage: Usage;
  readonly variates: Variates;
  /** Visits a request must pay to an endpoint so that a fault there is met often enough. */
  readonly visitsMin: number;
  readonly hasLogs: boolean;
}

/** An endpoint that requests get to often enough, and of the rest the one most visited. */
export function pickBusy(context: FaultContext): CaseEndpoint {
  const found = pickWhere(context, () => true);
  return found ?? context.world.entries[0]!.endpoint; // every world has an entry
}

export function pickWhere(
  { world, usage, variates, visitsMin }: FaultContext,
  isWanted: (endpoint: CaseEndpoint) => boolean,
): CaseEndpoint | undefined {
  const wanted = world.endpoints.filter(
    (endpoint) => usage.visits[endpoint.id]! >= visitsMin && isWanted(endpoint), // one for each
  );
  return wanted.length === 0 ? undefined : variates.random.pick(wanted);
}

/** A call that is made often enough. */
export function pickCall(
  context: FaultContext,
): { readonly caller: CaseEndpoint; readonly target: CaseEndpoint } | undefined {
  const { world, usage, variates, visitsMin } = context;
  const edges = world.endpoints.flatMap((caller) =>
    caller.steps.flatMap((step) =>
      step.kind === 'calls'
        ? step.calls
            .filter(({ share }) => usage.awaited[caller.id]! * share >= visitsMin) // one for each
            .map(({ target }) => ({ caller, target: world.endpoints[target]! })) // calls name endpoints
        : [],
    ),
  );
  return edges.length === 0 ? undefined : variates.random.pick(edges);
}

export function podsHit({ variates }: FaultContext, { pods }: CaseEndpoint['service']): number {
  return variates.random.chance(0.6) ? pods.length : 1;
}

export function isStoreStep({ kind }: Step): boolean {
  return kind === 'query' || kind === 'lookup';
}

export function usersOfStore(world: CaseWorld, store: number): readonly string[] {
  const isUser = (step: Step) =>
    (step.kind === 'query' && step.store === store) ||
    (step.kind === 'lookup' && step.miss.store === store);
  return [world.stores[store]!.name, ...namesWhere(world, isUser)]; // steps name stores
}

export function usersOfPlatform(world: CaseWorld, platform: number): readonly string[] {
  return namesWhere(world, (step) => step.kind === 'platform' && step.platform === platform);
}

function namesWhere(world: CaseWorld, isUser: (step: Step) => boolean): readonly string[] {
  return world.endpoints
    .filter(({ steps }) => steps.some(isUser))
    .map(({ service }) => service.name);
}

/** About how long a visit lasts when all is well. */
export function typicalMs(world: CaseWorld, endpoint: CaseEndpoint): number {
  const speed = stretchOf(endpoint.service.utilisation);
  return endpoint.steps.reduce((sum, step) => {
    if (step.kind === 'work') return sum + step.medianMs * speed;
    if (step.kind === 'query') return sum + step.medianMs * 1.3;
    if (step.kind === 'platform')
      return sum + world.platforms[step.platform]!.medianMs * step.share; // steps name platforms
    if (step.kind !== 'calls') return sum + 1;
    const calls = step.calls.map(({ target }) => typicalMs(world, world.endpoints[target]!)); // and endpoints
    return sum + Math.max(...calls) + 2;
  }, 0);
}
