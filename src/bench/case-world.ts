/**
 * The system of a simulated case, drawn from one seed: services that call each other, databases, caches, topics and
 * platforms outside. It says how things are when all is well; what breaks stands in case-fault.ts.
 */
import { namesOf, type WorldNames } from './case-names.ts';
import type { Variates } from './variates.ts';

export type Language = 'go' | 'nodejs' | 'java';

export interface CaseWorld {
  readonly services: readonly CaseService[];
  /** All endpoints; `id` is the place here. */
  readonly endpoints: readonly CaseEndpoint[];
  /** Endpoints that users ask, with their share of the traffic. */
  readonly entries: readonly { readonly endpoint: CaseEndpoint; readonly weight: number }[];
  readonly stores: readonly CaseStore[];
  readonly caches: readonly string[];
  readonly topics: readonly string[];
  readonly platforms: readonly Platform[];
}

/** A database server, and the share of its time that is in use. */
export interface CaseStore {
  readonly name: string;
  readonly utilisation: number;
}

/** What others run and this system calls over the internet. */
export interface Platform {
  readonly host: string;
  readonly medianMs: number;
  /** Carries messages to people, as a chat channel does. */
  readonly isChannel: boolean;
}

export interface CaseService {
  readonly index: number;
  readonly name: string;
  readonly language: Language;
  readonly machine: string;
  readonly pods: readonly string[];
  readonly version: string;
  /** Share of its processors in use. */
  readonly utilisation: number;
  readonly memoryShare: number;
  readonly memoryLimitBytes: number;
  readonly cores: number;
  /** Connections to its database, and the share of them in use. */
  readonly pool: { readonly size: number; readonly utilisation: number };
  /** Some instrumentations leave failed spans unmarked. */
  readonly marksErrors: boolean;
  /** Logs say which line of code wrote them. */
  readonly namesSources: boolean;
  /** Spans carry what is known of the user. */
  readonly carriesBaggage: boolean;
  /** Sigma of its slow drift in speed; of noisy neighbours it is large. */
  readonly drift: number;
  /** Its clock is ahead by so much. */
  readonly skewMs: number;
}

export interface CaseEndpoint {
  readonly id: number;
  readonly service: CaseService;
  readonly name: string;
  readonly steps: readonly Step[];
  /** Share of requests that fail for reasons nobody minds: a wrong id, a cart that is gone. */
  readonly innocentErrorRatio: number;
  /** … and whether the service takes the blame (500) or gives it to the user (404). */
  readonly blamesItself: boolean;
}

/** What a handler does, one after the other. */
export type Step =
  | WorkStep
  | { readonly kind: 'log'; readonly text: string; readonly line: number }
  | { readonly kind: 'calls'; readonly calls: readonly CallStep[] }
  | QueryStep
  | {
      readonly kind: 'lookup';
      readonly cache: number;
      readonly hitRatio: number;
      readonly miss: QueryStep;
    }
  | { readonly kind: 'publish'; readonly topic: number; readonly consumer: number }
  | PlatformStep;

export interface WorkStep {
  readonly kind: 'work';
  readonly medianMs: number;
  readonly sigma: number;
  /** A function that has a span of its own. */
  readonly spanName: string | undefined;
}

/** A call of another service; several in one step run side by side. */
export interface CallStep extends CallPolicy {
  /** Endpoint id. */
  readonly target: number;
  /** Not every request needs it. */
  readonly share: number;
}

export interface CallPolicy {
  readonly timeoutMs: number;
  readonly onFailure: 'fail' | 'fallback' | 'retry';
}

export interface QueryStep {
  readonly kind: 'query';
  readonly store: number;
  readonly statement: string;
  readonly medianMs: number;
}

export interface PlatformStep extends CallPolicy {
  readonly kind: 'platform';
  readonly platform: number;
  readonly share: number;
}

const LAYERS_MAX = 5;

export function drawCaseWorld(variates: Variates): CaseWorld {
  const { random } = variates;
  const count = Math.round(variates.logUniform(5, 40));
  const names = namesOf(variates, count);
  const services = drawServices(variates, names, count);
  const plan = planCalls(variates, services);
  const platforms = names.platforms.map((host, index) => ({
    host,
    medianMs: variates.logUniform(30, 250),
    isChannel: index === 0,
  }));
  const draft = draftStores(variates, names, services.length);
  const topics: string[] = [];
  const endpoints = plan.map(({ service, calls }, id): CaseEndpoint => {
    const actions = calls.map((call) => actionOf(variates, call, topics));
    const own = draft.ofService[service.index];
    if (own) actions.push(drawStoreUse(variates, own, service.name));
    if (random.chance(service.index === 0 ? 0.4 : 0.25)) {
      actions.push(drawPlatformUse(variates, platforms.length));
    }
    return {
      id,
      service,
      name: names.operation(id),
      steps: drawSteps(variates, mergeParallel(variates, actions), names),
      innocentErrorRatio: random.chance(0.2) ? variates.logUniform(0.005, 0.08) : 0,
      blamesItself: random.chance(0.4),
    };
  });
  const entries = endpoints
    .filter(({ service }) => service.index < entryCountOf(count))
    .map((endpoint) => ({ endpoint, weight: variates.logUniform(0.2, 1) }));
  const { stores, caches } = draft;
  return { services, endpoints, entries, stores, caches, topics, platforms };
}

function entryCountOf(serviceCount: number): number {
  return serviceCount > 15 ? 2 : 1;
}

const LANGUAGES: readonly Language[] = ['go', 'nodejs', 'java'];

function drawServices(
  variates: Variates,
  names: WorldNames,
  count: number,
): readonly CaseService[] {
  const { random } = variates;
  const machineCount = Math.max(3, Math.ceil(count / 4));
  const skewMaxMs = random.chance(0.4) ? 200 : 2;
  const noisy = new Set([random.below(count), random.below(count)]);
  return Array.from({ length: count }, (_, index) => {
    const name = names.services[index]!; // as many as are needed
    return {
      index,
      name,
      language: random.pick(LANGUAGES),
      machine: `node-${1 + random.below(machineCount)}`,
      pods: names.pods(name, random.between(1, 3)),
      version: `${random.between(1, 4)}.${random.below(20)}.${random.below(10)}`,
      utilisation: variates.uniform(0.1, 0.5),
      memoryShare: variates.uniform(0.25, 0.75),
      memoryLimitBytes: 2 ** random.between(28, 31),
      cores: random.between(1, 4),
      pool: { size: random.pick([5, 10, 20, 50]), utilisation: variates.uniform(0.1, 0.4) },
      marksErrors: random.chance(0.85),
      namesSources: random.chance(0.4),
      carriesBaggage: random.chance(0.4),
      drift: noisy.has(index) ? variates.uniform(0.2, 0.4) : variates.uniform(0.01, 0.06),
      skewMs: variates.uniform(-skewMaxMs, skewMaxMs),
    };
  });
}

interface PlannedEndpoint {
  readonly service: CaseService;
  /** Endpoint ids. */
  readonly calls: number[];
}

/** A graph without circles in which every service is called by an earlier one, and some by several. */
function planCalls(variates: Variates, services: readonly CaseService[]): PlannedEndpoint[] {
  const { random } = variates;
  const entryCount = entryCountOf(services.length);
  const plan: PlannedEndpoint[] = [];
  const depths: number[] = [];
  const idsOf = services.map((service) => {
    const isEntry = service.index < entryCount;
    depths.push(isEntry ? 0 : LAYERS_MAX);
    const endpointCount = isEntry ? random.between(2, 4) : random.between(1, 2);
    return Array.from({ length: endpointCount }, () => plan.push({ service, calls: [] }) - 1);
  });
  const connect = (target: number): void => {
    const callers = services
      .slice(0, target)
      .filter(({ index }) => depths[index]! < LAYERS_MAX - 1);
    const caller = random.pick(callers);
    for (const id of idsOf[target]!) {
      const { calls } = plan[random.pick(idsOf[caller.index]!)]!;
      if (!calls.includes(id)) calls.push(id);
    }
    depths[target] = Math.min(depths[target]!, depths[caller.index]! + 1);
  };
  for (let target = entryCount; target < services.length; target++) connect(target);
  const extraCount = Math.floor(services.length * variates.uniform(0.1, 0.5));
  for (let extra = 0; extra < extraCount; extra++) {
    connect(random.between(entryCount, services.length - 1));
  }
  return plan;
}

type Action = Exclude<Step, WorkStep | { readonly kind: 'log' }>;

const ASYNC_SHARE = 0.15;

function actionOf(variates: Variates, target: number, topics: string[]): Action {
  const { random } = variates;
  if (random.chance(ASYNC_SHARE)) {
    const topic = topics.push(`topic-${topics.length + 1}`) - 1;
    return { kind: 'publish', topic, consumer: target };
  }
  const share = random.chance(0.6) ? 1 : variates.uniform(0.3, 0.9);
  return { kind: 'calls', calls: [{ target, share, ...drawPolicy(variates) }] };
}

function drawPolicy({ random }: Variates): CallPolicy {
  return {
    timeoutMs: random.pick([500, 1000, 2000, 5000]),
    onFailure: random.pick(['fail', 'fail', 'fallback', 'retry'] as const),
  };
}

interface StoreUse {
  readonly store: number;
  readonly cache: number | undefined;
}

interface StoreDraft {
  readonly stores: CaseStore[];
  readonly caches: string[];
  /** By service. */
  readonly ofService: readonly (StoreUse | undefined)[];
}

/** Databases have one owner mostly; a few are shared, which nobody is proud of. */
function draftStores(variates: Variates, names: WorldNames, serviceCount: number): StoreDraft {
  const { random } = variates;
  const stores: CaseStore[] = [];
  const caches: string[] = [];
  const ofService = Array.from({ length: serviceCount }, (_, service) => {
    if (service < entryCountOf(serviceCount) || !random.chance(0.5)) return undefined;
    const name = names.services[service]!; // one for each service
    const isShared = stores.length > 0 && random.chance(0.12);
    const fresh = { name: `${name}-db`, utilisation: variates.uniform(0.1, 0.4) };
    const store = isShared ? random.below(stores.length) : stores.push(fresh) - 1;
    return { store, cache: random.chance(0.4) ? caches.push(`${name}-cache`) - 1 : undefined };
  });
  return { stores, caches, ofService };
}

function drawStoreUse(variates: Variates, { store, cache }: StoreUse, owner: string): Action {
  const verb = variates.random.pick(['SELECT', 'SELECT', 'UPDATE', 'INSERT']);
  const query: QueryStep = {
    kind: 'query',
    store,
    statement: `${verb} ${owner.replaceAll('-', '_')}`,
    medianMs: variates.logUniform(1, 15),
  };
  if (cache === undefined) return query;
  return { kind: 'lookup', cache, hitRatio: variates.uniform(0.7, 0.97), miss: query };
}

function drawPlatformUse(variates: Variates, count: number): PlatformStep {
  const { random } = variates;
  return {
    kind: 'platform',
    platform: random.below(count),
    share: variates.uniform(0.4, 1),
    ...drawPolicy(variates),
    timeoutMs: random.pick([3000, 5000, 10_000]),
  };
}

/** Calls that do not wait for each other become one step. */
function mergeParallel({ random }: Variates, actions: readonly Action[]): readonly Action[] {
  const merged: Action[] = [];
  for (const action of actions) {
    const last = merged.at(-1);
    if (action.kind === 'calls' && last?.kind === 'calls' && random.chance(0.35)) {
      merged[merged.length - 1] = { kind: 'calls', calls: [...last.calls, ...action.calls] };
    } else {
      merged.push(action);
    }
  }
  return merged;
}

/** Work stands before, between and behind the calls, most of it between two log lines. */
function drawSteps(
  variates: Variates,
  actions: readonly Action[],
  names: WorldNames,
): readonly Step[] {
  const { random } = variates;
  const isTalkative = random.chance(0.75);
  let line = random.between(20, 60);
  const log = (): readonly Step[] => {
    line += random.between(3, 15);
    return isTalkative ? [{ kind: 'log', text: names.logText(), line }] : [];
  };
  const work = (): Step => ({
    kind: 'work',
    medianMs: variates.logUniform(0.5, 12),
    sigma: variates.uniform(0.3, 0.8),
    spanName: random.chance(0.15) ? names.functionName() : undefined,
  });
  return [
    ...[...log(), work(), ...log()],
    ...actions.flatMap((action) => [
      action,
      ...(random.chance(0.5) ? log() : []),
      work(),
      ...log(),
    ]),
  ];
}
