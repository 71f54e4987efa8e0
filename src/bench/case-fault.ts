/**
 * What breaks in a simulated case: one fault of a kind, at a place that the traffic reaches, and the answer that a
 * diagnosis should give. How the fault makes itself felt is the business of the physics (case-conditions.ts,
 * case-request.ts).
 */
import { type CodePlace, codePlacesOf } from './case-code.ts';
import { conditionsOf } from './case-conditions.ts';
import type { CodeEffect, Effect, Failure } from './case-effect.ts';
import {
  type FaultContext,
  isStoreStep,
  pickBusy,
  pickCall,
  pickWhere,
  podsHit,
  typicalMs,
  usersOfPlatform,
  usersOfStore,
} from './case-place.ts';
import type { CaseWorld, Step } from './case-world.ts';

export const FAULT_KINDS = [
  ...['cpu', 'memory', 'network-delay', 'packet-loss', 'exception', 'return', 'slow-code'],
  ...['pool', 'lock', 'database', 'cache', 'queue', 'deploy', 'config', 'traffic', 'quota'],
  ...['auth', 'certificate', 'platform', 'channel', 'telemetry', 'none'],
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What a diagnosis should say. */
export interface Answer {
  /** All are right; none: nothing is wrong. */
  readonly services: readonly string[];
  /** Kinds of cause, all of which are right. */
  readonly kinds: readonly string[];
  /** Events around the place in the code. */
  readonly region: { readonly from: string; readonly to: string } | undefined;
}

export interface Fault {
  readonly kind: FaultKind;
  readonly effect: Effect | undefined;
  readonly answer: Answer;
  /** What users notice. */
  readonly symptom: 'latency' | 'error' | undefined;
  /** Endpoint through which users feel it, if they do. */
  readonly felt: number | undefined;
}

/** Undefined: this world has no place for such a fault. */
export function drawFault(kind: FaultKind, context: FaultContext): Fault | undefined {
  const drawn = FAULTS[kind](context);
  return drawn && { kind, ...drawn };
}

type Drawn = Omit<Fault, 'kind'> | undefined;

const FAULTS: Readonly<Record<FaultKind, (context: FaultContext) => Drawn>> = {
  cpu: (context) => {
    const { service, id } = pickBusy(context);
    const { variates } = context;
    // What is left of the processors must be about as much as is needed, or nobody would notice.
    const share = Math.min(0.9, 1 - service.utilisation / variates.uniform(0.8, 1.1));
    const effect = { kind: 'hog', service: service.index, pods: podsHit(context, service), share };
    return faultAt([service.name], ['cpu'], {
      effect: effect as Effect,
      symptom: 'latency',
      felt: id,
    }); // literal kind
  },
  memory: (context) => {
    const { service, id } = pickBusy(context);
    const { variates } = context;
    const effect: Effect = {
      kind: 'collector',
      service: service.index,
      pods: podsHit(context, service),
      share: variates.uniform(0.25, 0.6),
      pauseMs: variates.logUniform(80, 800),
    };
    return faultAt([service.name], ['memory', 'gc'], { effect, symptom: 'latency', felt: id });
  },
  'network-delay': (context) => {
    const { service, id } = pickBusy(context);
    const { machine } = service;
    const onIt = context.world.services.filter((one) => one.machine === machine);
    const effect: Effect = {
      kind: 'delay',
      machine,
      delayMs: context.variates.logUniform(20, 300),
    };
    const names = [service, ...onIt].map(({ name }) => name);
    return faultAt(names, ['network'], { effect, symptom: 'latency', felt: id });
  },
  'packet-loss': (context) => {
    const edge = pickCall(context);
    if (!edge) return undefined;
    const { caller, target } = edge;
    const effect: Effect = {
      kind: 'loss',
      caller: caller.service.index,
      callee: target.service.index,
      share: context.variates.uniform(0.06, 0.25),
    };
    const names = [target.service.name, caller.service.name];
    return faultAt(names, ['network', 'retry'], { effect, symptom: 'latency', felt: target.id });
  },
  exception: (context) => drawCodeFault(context, 'throw', ['code']),
  return: (context) => drawCodeFault(context, 'return', ['code']),
  'slow-code': (context) => drawCodeFault(context, 'slow', ['code']),
  lock: (context) => drawCodeFault(context, 'lock', ['lock', 'code']),
  deploy: (context) => {
    const what = context.variates.random.chance(0.5) ? 'throw' : 'slow';
    return drawCodeFault(context, what, ['deploy', 'code']);
  },
  pool: (context) => {
    const endpoint = pickWhere(context, ({ steps }) => steps.some(isStoreStep));
    if (!endpoint) return undefined;
    const { service } = endpoint;
    const utilisation = context.variates.uniform(0.97, 1.5);
    const effect: Effect = { kind: 'pool', service: service.index, utilisation };
    return faultAt([service.name], ['pool'], { effect, symptom: 'latency', felt: endpoint.id });
  },
  database: (context) => {
    const endpoint = pickWhere(context, ({ steps }) => steps.some(({ kind }) => kind === 'query'));
    const step = endpoint?.steps.find((one) => one.kind === 'query');
    if (!endpoint || step?.kind !== 'query') return undefined;
    const factor = context.variates.uniform(2, 6);
    const effect: Effect = { kind: 'store', store: step.store, factor };
    const names = [endpoint.service.name, ...usersOfStore(context.world, step.store)];
    const kinds = ['database', 'dependency'];
    return faultAt(names, kinds, { effect, symptom: 'latency', felt: endpoint.id });
  },
  cache: (context) => {
    const endpoint = pickWhere(context, ({ steps }) => steps.some(({ kind }) => kind === 'lookup'));
    const step = endpoint?.steps.find((one) => one.kind === 'lookup');
    if (!endpoint || step?.kind !== 'lookup') return undefined;
    const timeoutMs = context.variates.logUniform(2, 200);
    const effect: Effect = { kind: 'cache', cache: step.cache, timeoutMs };
    const names = [endpoint.service.name, context.world.caches[step.cache]!]; // steps name caches
    return faultAt(names, ['cache', 'dependency'], {
      effect,
      symptom: 'latency',
      felt: endpoint.id,
    });
  },
  queue: (context) => {
    const endpoint = pickWhere(context, ({ steps }) =>
      steps.some(({ kind }) => kind === 'publish'),
    );
    const step = endpoint?.steps.find((one) => one.kind === 'publish');
    if (step?.kind !== 'publish') return undefined;
    const capacityShare = context.variates.uniform(0.3, 0.8);
    const effect: Effect = { kind: 'backlog', topic: step.topic, capacityShare };
    const consumer = context.world.endpoints[step.consumer]!; // steps name endpoints
    const names = [consumer.service.name, context.world.topics[step.topic]!];
    return faultAt(names, ['queue'], { effect, symptom: undefined, felt: undefined });
  },
  config: (context) => {
    const edge = pickCall(context);
    if (!edge) return undefined;
    const { caller, target } = edge;
    const effect: Effect = {
      kind: 'timeout',
      caller: caller.service.index,
      target: target.id,
      timeoutMs: Math.max(1, typicalMs(context.world, target) * context.variates.uniform(0.3, 0.8)),
    };
    const kinds = ['config', 'timeout', 'deadline'];
    return faultAt([caller.service.name], kinds, { effect, symptom: 'error', felt: caller.id });
  },
  traffic: ({ world, variates }) => {
    const entry = variates.random.below(world.entries.length);
    const { endpoint } = world.entries[entry]!; // below the length
    const effect = { kind: 'surge', entry, factor: saturatingFactor(world, entry) } as const;
    const names = [endpoint.service.name, ...saturatedBy(world, effect)];
    return faultAt(names, ['traffic'], { effect, symptom: 'latency', felt: endpoint.id });
  },
  quota: (context) =>
    drawRefusal(context, ['quota'], {
      failure: {
        type: 'TooManyRequests',
        message: 'rate limit exceeded, retry later',
        status: 429,
      },
      share: context.variates.uniform(0.4, 0.95),
      isPlatform: true,
    }),
  auth: (context) =>
    drawRefusal(context, ['auth'], {
      failure: {
        type: 'Unauthorized',
        message: 'invalid credentials: token rejected',
        status: 401,
      },
      share: 1,
      isPlatform: context.variates.random.chance(0.5),
    }),
  certificate: (context) =>
    drawRefusal(context, ['certificate'], {
      failure: {
        type: 'CertificateError',
        message: 'x509: certificate has expired or is not yet valid',
        status: 0,
      },
      share: 1,
      isPlatform: context.variates.random.chance(0.5),
    }),
  channel: (context) =>
    drawRefusal(context, ['channel', 'platform', 'dependency'], {
      failure: { type: 'BadGateway', message: 'message was not delivered', status: 502 },
      share: context.variates.uniform(0.5, 1),
      isPlatform: true,
      isChannel: true,
    }),
  platform: (context) => {
    const endpoint = pickWhere(context, ({ steps }) =>
      steps.some(({ kind }) => kind === 'platform'),
    );
    const step = endpoint?.steps.find((one) => one.kind === 'platform');
    if (!endpoint || step?.kind !== 'platform') return undefined;
    const { host } = context.world.platforms[step.platform]!; // steps name platforms
    const factor = context.variates.logUniform(4, 20);
    const effect: Effect = { kind: 'platform', platform: step.platform, factor };
    const names = [endpoint.service.name, ...usersOfPlatform(context.world, step.platform), host];
    const kinds = ['platform', 'dependency', 'channel'];
    return faultAt(names, kinds, { effect, symptom: 'latency', felt: endpoint.id });
  },
  telemetry: (context) => {
    const { service } = pickBusy(context);
    const effect: Effect = { kind: 'silence', service: service.index };
    return faultAt([service.name], ['telemetry'], { effect, symptom: undefined, felt: undefined });
  },
  none: () => ({
    effect: undefined,
    answer: { services: [], kinds: [], region: undefined },
    symptom: undefined,
    felt: undefined,
  }),
};

const SURGE_MAX = 10;

/** Traffic that is harmless is no fault: it grows until some service can no longer keep up. */
function saturatingFactor(world: CaseWorld, entry: number): number {
  let factor = 2.5;
  while (factor < SURGE_MAX && saturatedBy(world, { kind: 'surge', entry, factor }).length === 0) {
    factor *= 1.2;
  }
  return factor;
}

function saturatedBy(world: CaseWorld, effect: Effect): readonly string[] {
  const entryFactors = world.entries.map(() => 1);
  const { services } = conditionsOf({ world, effect, entryFactors, releases: [] });
  return world.services
    .filter(({ index }) => services[index]!.pods[0]!.cpuShare > 0.85) // one for each, each has a pod
    .map(({ name }) => name);
}

function faultAt(
  services: readonly string[],
  kinds: readonly string[],
  rest: Pick<Fault, 'effect' | 'symptom' | 'felt'> & { readonly region?: Answer['region'] },
): Drawn {
  const { effect, symptom, felt, region } = rest;
  return { effect, symptom, felt, answer: { services: [...new Set(services)], kinds, region } };
}

const PLANS = ['free', 'team', 'enterprise'] as const;

function drawCodeFault(
  context: FaultContext,
  what: CodeEffect['what'],
  kinds: readonly string[],
): Drawn {
  const { variates, hasLogs, world } = context;
  const { random } = variates;
  const isCut = what === 'throw' || what === 'return';
  const endpoint = pickWhere(
    context,
    (one) => codePlacesOf(one, { world, hasLogs, isCut }).length > 0,
  );
  if (!endpoint) return undefined;
  const { service } = endpoint;
  const place: CodePlace = random.pick(codePlacesOf(endpoint, { world, hasLogs, isCut }));
  const isRelease = kinds.includes('deploy');
  const isWork = what === 'slow' && random.chance(0.5);
  const effect: CodeEffect = {
    kind: 'code',
    service: service.index,
    endpoint: endpoint.id,
    step: place.step,
    what,
    share: isCut && random.chance(0.5) ? variates.uniform(0.3, 0.9) : 1,
    plan: !isRelease && what !== 'lock' && random.chance(0.3) ? random.pick(PLANS) : undefined,
    // Work that keeps a processor busy slows all other work, too: less of it does as much harm.
    addedMs: isWork ? variates.logUniform(20, 150) : variates.logUniform(60, 600),
    isWork,
    release: isRelease
      ? { pods: random.between(1, service.pods.length), version: nextVersion(service.version) }
      : undefined,
  };
  const also = isWork ? ['cpu'] : [];
  const symptom = what === 'throw' ? 'error' : what === 'return' ? undefined : 'latency';
  const rest = { effect, symptom, felt: endpoint.id, region: place.region } as const;
  return faultAt([service.name], [...kinds, ...also], rest);
}

export function nextVersion(version: string): string {
  const [major = '1', minor = '0'] = version.split('.');
  return `${major}.${Number(minor) + 1}.0`;
}

function drawRefusal(
  context: FaultContext,
  kinds: readonly string[],
  how: {
    readonly failure: Failure;
    readonly share: number;
    readonly isPlatform: boolean;
    readonly isChannel?: boolean;
  },
): Drawn {
  const { failure, share } = how;
  if (how.isPlatform) {
    const { platforms } = context.world;
    const isWanted = (step: Step) =>
      step.kind === 'platform' && (!how.isChannel || platforms[step.platform]?.isChannel === true);
    const endpoint = pickWhere(context, ({ steps }) => steps.some(isWanted));
    const step = endpoint?.steps.find(isWanted);
    if (!endpoint || step?.kind !== 'platform') return undefined;
    const { platform } = step;
    const caller = endpoint.service.index;
    const effect: Effect = { kind: 'refusal', caller, platform, callee: undefined, failure, share };
    const names = [endpoint.service.name, platforms[platform]!.host]; // steps name platforms
    return faultAt(names, kinds, { effect, symptom: 'error', felt: endpoint.id });
  }
  const edge = pickCall(context);
  if (!edge) return undefined;
  const [caller, callee] = [edge.caller.service, edge.target.service];
  const effect: Effect = {
    ...{ kind: 'refusal', caller: caller.index, platform: undefined },
    ...{ callee: callee.index, failure, share },
  };
  const names = [caller.name, callee.name];
  return faultAt(names, kinds, { effect, symptom: 'error', felt: edge.caller.id });
}
