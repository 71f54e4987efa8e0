/**
 * Metrics of a simulated case, sampled at a fixed step: what the platform knows of pods, what runtimes and pools
 * report of themselves, and durations of requests counted by the instrumentation.
 */
import type { Conditions, PodConditions } from './case-conditions.ts';
import { type CaseSpan, SPAN_KIND } from './case-record.ts';
import type { CaseService, CaseWorld } from './case-world.ts';
import type { Variates } from './variates.ts';

export interface CaseMetric {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly value: number | Durations;
}

/** A histogram of seconds over one step. */
export interface Durations {
  readonly count: number;
  readonly sum: number;
  /** One more than DURATION_BOUNDS. */
  readonly bucketCounts: readonly number[];
}

/** Seconds, as the semantic conventions of OpenTelemetry advise. */
export const DURATION_BOUNDS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
] as const;

/** What one resource reports at one time. */
export interface Sample {
  readonly timeMs: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly metrics: readonly CaseMetric[];
}

export interface SampleOptions {
  readonly world: CaseWorld;
  readonly conditionsAt: (timeMs: number) => Conditions;
  readonly onsetMs: number;
  readonly spans: readonly CaseSpan[];
  readonly range: { readonly fromMs: number; readonly toMs: number };
  readonly stepMs: number;
  /** Traces stand for so many requests. */
  readonly scale: number;
  readonly variates: Variates;
}

/** In order of time, then of the world. */
export function sampleMetrics(options: SampleOptions): readonly Sample[] {
  const { world, range, stepMs } = options;
  const spansOf = groupSpans(options);
  const samples: Sample[] = [];
  for (let fromMs = range.fromMs; fromMs + stepMs <= range.toMs; fromMs += stepMs) {
    const at = {
      fromMs,
      timeMs: fromMs + stepMs,
      step: Math.floor((fromMs - range.fromMs) / stepMs),
    };
    for (const service of world.services) {
      const spans = spansOf.get(`${at.step} ${service.name}`) ?? [];
      samples.push(...sampleService(service, { ...options, at, spans }));
    }
    samples.push(...sampleStores(options, at.timeMs));
  }
  return samples;
}

interface At {
  readonly fromMs: number;
  readonly timeMs: number;
}

/** By step and service, by end: a duration is known when it is over. */
function groupSpans({ spans, range, stepMs }: SampleOptions): ReadonlyMap<string, CaseSpan[]> {
  const groups = new Map<string, CaseSpan[]>();
  for (const span of spans) {
    const step = Math.floor((span.endMs - range.fromMs) / stepMs);
    const key = `${step} ${span.place.service.name}`;
    const known = groups.get(key);
    if (known) known.push(span);
    else groups.set(key, [span]);
  }
  return groups;
}

function sampleService(
  service: CaseService,
  options: SampleOptions & { readonly at: At; readonly spans: readonly CaseSpan[] },
): readonly Sample[] {
  const { at, conditionsAt, variates } = options;
  const conditions = conditionsAt((at.fromMs + at.timeMs) / 2);
  const own = conditions.services[service.index]!; // one for each service
  const samples: Sample[] = [];
  for (const pod of own.pods) {
    const resource = {
      'service.name': service.name,
      'service.version': pod.version,
      'k8s.pod.name': pod.name,
      'k8s.node.name': service.machine,
    };
    const metrics = [...podMetrics(service, pod, variates)];
    if (!own.isSilent) metrics.push(...runtimeMetrics(service, pod, options));
    samples.push({ timeMs: at.timeMs, resource, metrics });
  }
  if (own.isSilent) return samples;
  const resource = { 'service.name': service.name };
  const metrics = [
    ...durationMetrics(options.spans, options.scale),
    ...poolMetrics(service, own.pool, variates),
    ...lagMetrics(service, conditions, options),
  ];
  return metrics.length === 0 ? samples : [...samples, { timeMs: at.timeMs, resource, metrics }];
}

/** As the kubelet sees it. */
function podMetrics(
  { cores, memoryLimitBytes }: CaseService,
  { cpuShare, memoryShare }: PodConditions,
  variates: Variates,
): readonly CaseMetric[] {
  const cpu = Math.min(1, cpuShare * (1 + 0.08 * variates.heavy(5)));
  const memory = Math.min(1, memoryShare * (1 + 0.01 * variates.normal()));
  return [
    gauge('k8s.pod.cpu.usage', '{cpu}', Math.max(0, cpu) * cores),
    gauge('k8s.pod.cpu_limit_utilization', '1', Math.max(0, cpu)),
    gauge('k8s.pod.memory.usage', 'By', Math.round(memory * memoryLimitBytes)),
    gauge('k8s.pod.memory_limit_utilization', '1', memory),
  ];
}

/** As the process sees itself. */
function runtimeMetrics(
  { language, memoryLimitBytes, pods }: CaseService,
  pod: PodConditions,
  options: SampleOptions & { readonly at: At; readonly spans: readonly CaseSpan[] },
): readonly CaseMetric[] {
  const { variates, spans, scale, stepMs } = options;
  const collectMs = stepMs * (0.004 + pod.pauseShare) * variates.uniform(0.8, 1.2);
  const pauseCount = Math.max(1, Math.round(collectMs / Math.max(4, pod.pauseMs)));
  const pauses = Array.from({ length: pauseCount }, () => collectMs / pauseCount / 1000);
  const heap = gauge(
    'process.memory.usage',
    'By',
    Math.round(pod.memoryShare * 0.8 * memoryLimitBytes),
  );
  switch (language) {
    case 'go': {
      // Little's law: requests at work are their rate times their duration.
      const workMs = spans
        .filter(({ kind }) => kind === SPAN_KIND.server)
        .reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
      const atWork = (scale * workMs) / stepMs / pods.length;
      return [
        heap,
        gauge('go.goroutine.count', '{goroutine}', 12 + variates.poisson(2 * atWork + 5)),
      ];
    }
    case 'nodejs': {
      const delayS = (0.002 * pod.stretch * variates.uniform(0.8, 1.3) + pod.pauseMs / 1000) / 1;
      return [
        heap,
        gauge('nodejs.eventloop.delay.p99', 's', delayS),
        durations('v8js.gc.duration', { 'v8js.gc.type': 'major' }, { seconds: pauses, scale: 1 }),
      ];
    }
    case 'java':
      return [
        heap,
        durations('jvm.gc.duration', { 'jvm.gc.name': 'G1' }, { seconds: pauses, scale: 1 }),
      ];
  }
}

/** Requests answered and asked, by what is usual to group them by. */
function durationMetrics(spans: readonly CaseSpan[], scale: number): readonly CaseMetric[] {
  const groups = new Map<
    string,
    {
      readonly name: string;
      readonly seconds: number[];
      readonly attributes: Record<string, string>;
    }
  >();
  for (const span of spans) {
    const described = describeDuration(span);
    if (!described) continue;
    const key = JSON.stringify(described);
    const seconds = (span.endMs - span.startMs) / 1000;
    const known = groups.get(key);
    if (known) known.seconds.push(seconds);
    else groups.set(key, { ...described, seconds: [seconds] });
  }
  return [...groups.values()].map(({ name, attributes, seconds }) =>
    durations(name, attributes, { seconds, scale }),
  );
}

function describeDuration({
  kind,
  attributes,
}: CaseSpan): { readonly name: string; readonly attributes: Record<string, string> } | undefined {
  const of = (...keys: readonly string[]) =>
    Object.fromEntries(
      keys.flatMap((key) =>
        attributes[key] === undefined ? [] : [[key, String(attributes[key])]],
      ),
    );
  if (kind === SPAN_KIND.server) {
    const wanted = of('http.request.method', 'http.route', 'http.response.status_code');
    return { name: 'http.server.request.duration', attributes: wanted };
  }
  if (kind !== SPAN_KIND.client) return undefined;
  if (attributes['db.system.name'] !== undefined) {
    return {
      name: 'db.client.operation.duration',
      attributes: of('db.system.name', 'server.address'),
    };
  }
  return {
    name: 'http.client.request.duration',
    attributes: of('server.address', 'http.response.status_code'),
  };
}

function poolMetrics(
  { pool }: CaseService,
  { usedShare, waitMs, refusedShare }: Conditions['services'][number]['pool'],
  variates: Variates,
): readonly CaseMetric[] {
  // Services without a database have no connections to wait for.
  if (usedShare === 0) return [];
  const used = usedShare === 1 ? pool.size : variates.binomial(pool.size, usedShare);
  const pending = usedShare < 1 ? 0 : variates.poisson(1 + waitMs / 20 + 20 * refusedShare);
  const attributes = { 'db.client.connection.pool.name': 'main' };
  return [
    {
      ...gauge('db.client.connection.count', '{connection}', used),
      attributes: { ...attributes, 'db.client.connection.state': 'used' },
    },
    { ...gauge('db.client.connection.max', '{connection}', pool.size), attributes },
    { ...gauge('db.client.connection.pending_requests', '{request}', pending), attributes },
  ];
}

/** Messages that wait, of each topic the service reads. */
function lagMetrics(
  service: CaseService,
  { effect }: Conditions,
  {
    world,
    at,
    onsetMs,
    variates,
    spans,
    scale,
    stepMs,
  }: SampleOptions & { readonly at: At; readonly spans: readonly CaseSpan[] },
): readonly CaseMetric[] {
  return world.topics.flatMap((topic, index) => {
    if (consumerOf(world, index) !== service) return [];
    const read = spans.filter(
      ({ attributes }) => attributes['messaging.destination.name'] === topic,
    );
    const perMs = (scale * read.length) / stepMs;
    const isBehind = effect?.kind === 'backlog' && effect.topic === index;
    // What is read is a share of what is written; the rest waits.
    const behindMs = isBehind ? (at.timeMs - onsetMs) * (1 / effect.capacityShare - 1) : 10;
    const value = variates.poisson(Math.max(0, perMs * behindMs));
    return [{ ...gauge('kafka.consumer.records_lag', '{record}', value), attributes: { topic } }];
  });
}

function consumerOf(world: CaseWorld, topic: number): CaseService | undefined {
  for (const { steps } of world.endpoints) {
    for (const step of steps) {
      if (step.kind === 'publish' && step.topic === topic) {
        return world.endpoints[step.consumer]?.service;
      }
    }
  }
  return undefined;
}

/** Databases and caches have exporters of their own. */
function sampleStores(
  { world, conditionsAt, variates }: SampleOptions,
  timeMs: number,
): readonly Sample[] {
  const { stores, effect } = conditionsAt(timeMs - 1);
  const databases = world.stores.map(({ name }, index): Sample => {
    const busy = stores[index]!.utilisation * (1 + 0.06 * variates.heavy(5)); // one for each
    const metrics = [gauge('system.cpu.utilization', '1', Math.min(1, Math.max(0, busy)))];
    return { timeMs, resource: { 'service.name': name }, metrics };
  });
  const caches = world.caches.flatMap((name, index): readonly Sample[] => {
    // A cache that is down does not answer its exporter either.
    if (effect?.kind === 'cache' && effect.cache === index) return [];
    const metrics = [gauge('redis.clients.connected', '{client}', 8 + variates.poisson(4))];
    return [{ timeMs, resource: { 'service.name': name }, metrics }];
  });
  return [...databases, ...caches];
}

function gauge(name: string, unit: string, value: number): CaseMetric {
  return { name, unit, attributes: {}, value };
}

function durations(
  name: string,
  attributes: Readonly<Record<string, string>>,
  { seconds, scale }: { readonly seconds: readonly number[]; readonly scale: number },
): CaseMetric {
  const bucketCounts = new Array<number>(DURATION_BOUNDS.length + 1).fill(0);
  let sum = 0;
  for (const value of seconds) {
    const above = DURATION_BOUNDS.findIndex((bound) => value <= bound);
    const bucket = above < 0 ? DURATION_BOUNDS.length : above;
    bucketCounts[bucket] = bucketCounts[bucket]! + scale; // as many buckets
    sum += value * scale;
  }
  return {
    name,
    unit: 's',
    attributes,
    value: { count: seconds.length * scale, sum, bucketCounts },
  };
}
