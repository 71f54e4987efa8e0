/**
 * Simulated cases: a system of its own for each, one fault or none, and all that makes real cases hard beside it:
 * noise, innocent errors and releases, a mix that shifts, few traces, wrong clocks, missing signals.
 */
import { unreachable } from '../base/errors.ts';
import { type Conditions, conditionsOf, type InnocentRelease } from './case-conditions.ts';
import { drawFault, FAULT_KINDS, type Fault, type FaultKind, nextVersion } from './case-fault.ts';
import { usageOf } from './case-load.ts';
import { sampleMetrics } from './case-metrics.ts';
import { isNoticed } from './case-notice.ts';
import { encodeLogs, encodeMetrics, encodeSpans } from './case-otlp.ts';
import { CaseRecord } from './case-record.ts';
import { walkRequest } from './case-request.ts';
import {
  type CaseEndpoint,
  type CaseService,
  type CaseWorld,
  drawCaseWorld,
} from './case-world.ts';
import { Random } from './random.ts';
import { SlowNoise, Variates } from './variates.ts';

export type Tier = 'full' | 'no-logs' | 'no-metrics' | 'metrics-only';

export interface SimulatedCase {
  readonly caseId: string;
  /** Content of case.json. */
  readonly description: object;
  readonly normal: Telemetry;
  readonly window: Telemetry;
  /** Caller → callee, when there are no traces to say it. */
  readonly topology: readonly (readonly [string, string])[] | undefined;
  /** Entry of labels.json. */
  readonly label: object;
}

/** OTLP/JSON lines; undefined: the case goes without. */
export interface Telemetry {
  readonly traces: string | undefined;
  readonly logs: string | undefined;
  readonly metrics: string | undefined;
}

/** Without a fault there is nothing to find: as many of these as of three kinds of fault. */
const SCHEDULE: readonly FaultKind[] = [...FAULT_KINDS, 'none', 'none'];

/** Worlds that are drawn before one has a place for the fault and traffic that feels it; two do mostly. */
const ATTEMPTS_MAX = 200;

/** Kinds in turn, so that a set of any size holds all of them about as often. */
export function simulateCase(seed: number, index: number): SimulatedCase {
  const kind = SCHEDULE[index % SCHEDULE.length]!; // below the length
  const caseId = `sim-${seed}-${String(index + 1).padStart(3, '0')}`;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const variates = new Variates(new Random(seed * 100_003 + index * 211 + attempt));
    const plan = planCase({ kind, tier: tierOf(kind, index) }, variates);
    const run = plan && runPlan(plan, variates);
    if (run) return describeCase(run, { caseId, variates });
  }
  throw new Error(`No world was found for a fault of kind ${kind}`);
}

interface CasePlan {
  readonly world: CaseWorld;
  readonly fault: Fault;
  readonly tier: Tier;
  readonly normalMs: number;
  readonly windowMs: number;
  readonly onsetMs: number;
  /** Requests that are traced, in an hour of usual traffic. */
  readonly requestsPerMs: number;
  /** Each trace stands for so many requests. */
  readonly scale: number;
}

/** Requests that a fault must meet, or it is nobody's fault. */
const FAULTY_VISITS_MIN = 30;

function planCase(
  { kind, tier }: { readonly kind: FaultKind; readonly tier: Tier },
  variates: Variates,
): CasePlan | undefined {
  const { random } = variates;
  const world = drawCaseWorld(variates);
  const windowMs = 1000 * Math.round(variates.logUniform(60, 900));
  const normalMs = 1000 * Math.round((windowMs / 1000) * variates.uniform(1, 3));
  const usage = usageOf(
    world,
    world.entries.map(({ weight }) => weight),
  );
  const spansPerRequest = spansOf(world, usage.visits);
  const requestCount = Math.round(variates.logUniform(5000, 18_000) / spansPerRequest);
  const requestsPerMs = requestCount / (normalMs + windowMs);
  const isFromStart = random.chance(0.6);
  const onsetMs = normalMs + (isFromStart ? 0 : windowMs * variates.uniform(0.05, 0.35));
  const faultyRequests = requestsPerMs * (normalMs + windowMs - onsetMs);
  const fault = drawFault(kind, {
    ...{ world, usage, variates },
    visitsMin: FAULTY_VISITS_MIN / faultyRequests,
    hasLogs: tier === 'full' || tier === 'no-metrics',
  });
  if (!fault) return undefined;
  const scale = random.chance(0.2) ? 10 : 1;
  return { world, fault, tier, normalMs, windowMs, onsetMs, requestsPerMs, scale };
}

const TIERS: readonly Tier[] = [
  ...(['full', 'no-logs', 'full', 'no-metrics', 'full'] as const),
  ...(['metrics-only', 'full', 'no-logs', 'full', 'no-metrics'] as const),
];

/** Each kind meets each tier after ten rounds. What leaves no trace in metrics is not asked of metrics. */
function tierOf(kind: FaultKind, index: number): Tier {
  const round = Math.floor(index / SCHEDULE.length);
  const tier = TIERS[(7 * (index % SCHEDULE.length) + round) % TIERS.length]!; // below the length
  return tier === 'metrics-only' && kind === 'return' ? 'full' : tier;
}

/** About: server and client of each visit, and what a handler asks beside. */
function spansOf({ endpoints }: CaseWorld, visits: Float64Array): number {
  return endpoints.reduce((sum, { id, steps }) => {
    const asked = steps.filter(({ kind }) => kind !== 'log' && kind !== 'work').length;
    return sum + visits[id]! * (1 + asked); // one for each
  }, 0);
}

interface CaseRun {
  readonly plan: CasePlan;
  readonly record: CaseRecord;
  readonly conditionsAt: (timeMs: number) => Conditions;
}

/** Undefined: nobody would have noticed. */
function runPlan(plan: CasePlan, variates: Variates): CaseRun | undefined {
  const { world, fault, normalMs, windowMs, onsetMs } = plan;
  const record = new CaseRecord(new Random(variates.random.uint32()));
  const conditionsAt = planConditions(plan, variates);
  const totalMs = normalMs + windowMs;
  const driftAt = drawDrift(world, { totalMs, variates });
  const context = { world, conditionsAt, onsetMs, variates, record, driftAt };
  for (const { endpoint, startMs } of arrivals(plan, { conditionsAt, variates })) {
    walkRequest(endpoint, startMs, context);
  }
  const { endpoints } = world;
  const notice = { endpoints, onsetMs, toMs: totalMs };
  return isNoticed(fault, record.spans, notice) ? { plan, record, conditionsAt } : undefined;
}

function describeCase(
  run: CaseRun,
  { caseId, variates }: { readonly caseId: string; readonly variates: Variates },
): SimulatedCase {
  const { world, fault, tier, normalMs, windowMs } = run.plan;
  const baseMs = Date.UTC(2026, 0, 5) + variates.random.below(14 * 24 * 60) * 60_000;
  const alert = drawAlert(run.plan, variates);
  const toMs = normalMs + windowMs;
  const time = (offsetMs: number) => new Date(baseMs + offsetMs).toISOString();
  return {
    caseId,
    description: {
      id: caseId,
      system: 'simulated',
      tier,
      window: { start: time(normalMs), end: time(toMs) },
      normal_window: { start: time(0), end: time(normalMs) },
      normal: `../../normal/${caseId}`,
      ...(alert === undefined ? {} : { alert }),
    },
    normal: encodePeriod(run, { fromMs: 0, toMs: normalMs, baseMs, variates }),
    window: encodePeriod(run, { fromMs: normalMs, toMs, baseMs, variates }),
    topology: tier === 'metrics-only' ? topologyOf(world) : undefined,
    label: labelOf(fault, tier),
  };
}

/** What began in a period, of services that were heard, in the signals that the tier has. */
function encodePeriod(
  { plan, record, conditionsAt }: CaseRun,
  period: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly baseMs: number;
    readonly variates: Variates;
  },
): Telemetry {
  const { world, tier, windowMs, onsetMs, scale } = plan;
  const { fromMs, toMs, baseMs, variates } = period;
  const isHeard = (service: CaseService, timeMs: number) =>
    timeMs >= fromMs && timeMs < toMs && !conditionsAt(timeMs).services[service.index]!.isSilent; // one for each
  const spans = record.spans.filter(({ place, startMs }) => isHeard(place.service, startMs));
  const logs = record.logs.filter(({ place, timeMs }) => isHeard(place.service, timeMs));
  const stepMs = windowMs > 300_000 ? 30_000 : 15_000;
  const range = { fromMs, toMs };
  const sampling = { world, conditionsAt, onsetMs, spans, range, stepMs, scale, variates };
  return {
    traces: tier === 'metrics-only' ? undefined : encodeSpans(spans, { baseMs }),
    logs: tier === 'full' || tier === 'no-metrics' ? encodeLogs(logs, { baseMs }) : undefined,
    metrics:
      tier === 'no-metrics'
        ? undefined
        : encodeMetrics(sampleMetrics(sampling), { baseMs, stepMs }),
  };
}

/** Before the onset as usual; from then on with the fault and, by chance, with releases that do no harm. */
function planConditions(
  { world, fault, normalMs, onsetMs }: CasePlan,
  variates: Variates,
): (timeMs: number) => Conditions {
  const { random } = variates;
  const growth = variates.uniform(0.85, 1.15);
  const shifted = world.entries.map(() => growth * Math.exp(0.2 * variates.normal()));
  const releases: InnocentRelease[] = [];
  for (let count = random.below(3); count > 0; count--) {
    const service = random.pick(world.services);
    if (fault.answer.services.includes(service.name)) continue;
    releases.push({ service: service.index, version: nextVersion(service.version) });
  }
  const usual = world.entries.map(() => 1);
  const normal = conditionsOf({ world, effect: undefined, entryFactors: usual, releases: [] });
  const before = conditionsOf({ world, effect: undefined, entryFactors: shifted, releases: [] });
  const after = conditionsOf({ world, effect: fault.effect, entryFactors: shifted, releases });
  return (timeMs) => (timeMs >= onsetMs ? after : timeMs >= normalMs ? before : normal);
}

/** Requests of users come independently of each other. */
function arrivals(
  { world, normalMs, windowMs, onsetMs, requestsPerMs }: CasePlan,
  {
    conditionsAt,
    variates,
  }: {
    readonly conditionsAt: (timeMs: number) => Conditions;
    readonly variates: Variates;
  },
): readonly { readonly endpoint: CaseEndpoint; readonly startMs: number }[] {
  const weightSum = world.entries.reduce((sum, { weight }) => sum + weight, 0);
  const periods = [
    [0, normalMs],
    [normalMs, onsetMs],
    [onsetMs, normalMs + windowMs],
  ] as const;
  return periods.flatMap(([fromMs, toMs]) =>
    world.entries.flatMap(({ endpoint, weight }, entry) => {
      const factor = conditionsAt(fromMs).entryFactors[entry]!; // one for each
      const mean = ((requestsPerMs * weight) / weightSum) * factor * (toMs - fromMs);
      return Array.from({ length: variates.poisson(mean) }, () => ({
        endpoint,
        startMs: variates.uniform(fromMs, toMs),
      }));
    }),
  );
}

const DRIFT_STEP_MS = 10_000;

/** Services are a little faster or slower from one minute to the next, for no reason. */
function drawDrift(
  world: CaseWorld,
  { totalMs, variates }: { readonly totalMs: number; readonly variates: Variates },
): (service: CaseService, timeMs: number) => number {
  const count = Math.ceil(totalMs / DRIFT_STEP_MS) + 1;
  const factors = world.services.map(({ drift }) => {
    // One step of the noise is one of ours.
    const noise = new SlowNoise({ sigma: drift, minutes: 6 }, variates);
    return Array.from({ length: count }, () => Math.exp(noise.next(variates)));
  });
  return ({ index }, timeMs) => {
    const step = Math.min(count - 1, Math.max(0, Math.floor(timeMs / DRIFT_STEP_MS)));
    return factors[index]![step]!; // one for each service and step
  };
}

/** Most alerts name the service that users ask; false alarms do, too. */
function drawAlert(
  { world, fault }: CasePlan,
  { random }: Variates,
): { readonly service: string; readonly sli: string } | undefined {
  if (!random.chance(0.6)) return undefined;
  if (fault.kind === 'none') {
    const { endpoint } = random.pick(world.entries);
    return { service: endpoint.service.name, sli: random.pick(['latency_p99', 'error_rate']) };
  }
  const { felt, symptom } = fault;
  if (felt === undefined || symptom === undefined) return undefined;
  const shares = world.entries.map((_, index) => {
    const weights = world.entries.map((__, other) => Number(other === index));
    return usageOf(world, weights).awaited[felt]!; // one for each
  });
  const most = Math.max(...shares);
  if (most === 0) return undefined;
  const { endpoint } = world.entries[shares.indexOf(most)]!; // as many as shares
  return {
    service: endpoint.service.name,
    sli: symptom === 'latency' ? 'latency_p99' : 'error_rate',
  };
}

function topologyOf(world: CaseWorld): readonly (readonly [string, string])[] {
  const edges = world.endpoints.flatMap(({ service, steps }) =>
    steps.flatMap((step): readonly (readonly [string, string])[] => {
      const to = (name: string | undefined) =>
        name === undefined ? [] : [[service.name, name] as const];
      switch (step.kind) {
        case 'calls':
          return step.calls.flatMap(({ target }) => to(world.endpoints[target]?.service.name));
        case 'publish':
          return to(world.endpoints[step.consumer]?.service.name);
        case 'query':
          return to(world.stores[step.store]?.name);
        case 'lookup':
          return [...to(world.caches[step.cache]), ...to(world.stores[step.miss.store]?.name)];
        case 'platform':
          return to(world.platforms[step.platform]?.host);
        case 'work':
        case 'log':
          return [];
        default:
          return unreachable(step);
      }
    }),
  );
  return [...new Map(edges.map((edge) => [edge.join(' '), edge])).values()];
}

function labelOf({ kind, answer }: Fault, tier: Tier): object {
  const [service = null, ...also] = answer.services;
  const [cause, ...others] = answer.kinds;
  const common = { system: 'simulated', tier, fault_type: kind };
  if (cause === undefined) return { ...common, service };
  // Metrics alone say that a service fails or is slow, not where in its code.
  const seen = tier === 'metrics-only' && answer.kinds.includes('code') ? ['error', 'latency'] : [];
  const region = tier === 'metrics-only' ? undefined : answer.region;
  return {
    ...common,
    service,
    also,
    cause: { kind: cause, also: [...others, ...seen], ...region },
  };
}
