/**
 * Which metric is bounded by which: pairs of OpenTelemetry's semantic conventions and what exporters make of them. The
 * limit is of the same service and resource; where both carry one of the `join` attributes, its values are equal.
 */
import { canonicalMetricName } from '../model/metric-names.ts';
import type { MetricSeries } from '../model/span.ts';

interface LimitPair {
  readonly used: string;
  readonly limit: string;
  /** Attributes that tell pools, disks or memory areas apart. */
  readonly join: readonly string[];
  /** Only series with this value count as used, when they carry the attribute. */
  readonly state?: { readonly key: string; readonly value: string };
}

const POOL = ['db.client.connection.pool.name', 'pool.name', 'pool'];
const DISK = ['system.device', 'device', 'system.filesystem.mountpoint', 'mountpoint'];
const AREA = ['jvm.memory.pool.name', 'jvm.memory.type', 'area', 'id', 'pool'];
const HEAP_SPACE = ['v8js.heap.space.name'];
const VOLUME = ['k8s.volume.name', 'k8s.persistentvolumeclaim.name'];
const IN_USE = { key: 'state', value: 'used' };
const POOL_IN_USE = { key: 'db.client.connection.state', value: 'used' };

/** Names are canonical: see model/metric-names.ts. */
const LIMIT_PAIRS: readonly LimitPair[] = [
  {
    used: 'db.client.connection.count',
    limit: 'db.client.connection.max',
    join: POOL,
    state: POOL_IN_USE,
  },
  {
    used: 'process.open_file_descriptor.count',
    limit: 'process.max_file_descriptor.count',
    join: [],
  },
  {
    used: 'process.unix.file_descriptor.count',
    limit: 'process.max_file_descriptor.count',
    join: [],
  },
  { used: 'jvm.memory.used', limit: 'jvm.memory.limit', join: AREA },
  { used: 'jvm.memory.used_after_last_gc', limit: 'jvm.memory.limit', join: AREA },
  { used: 'jvm_memory_used_bytes', limit: 'jvm_memory_max_bytes', join: AREA },
  { used: 'go.memory.used', limit: 'go.memory.limit', join: [] },
  { used: 'v8js.memory.heap.used', limit: 'v8js.memory.heap.limit', join: HEAP_SPACE },
  { used: 'container.memory.usage', limit: 'container.memory.limit', join: [] },
  { used: 'container.memory.usage', limit: 'k8s.container.memory_limit', join: [] },
  { used: 'container.memory.usage.total', limit: 'container.memory.usage.limit', join: [] },
  {
    used: 'container_memory_working_set_bytes',
    limit: 'container_spec_memory_limit_bytes',
    join: [],
  },
  { used: 'system.memory.usage', limit: 'system.memory.limit', join: [], state: IN_USE },
  { used: 'system.filesystem.usage', limit: 'system.filesystem.limit', join: DISK, state: IN_USE },
  { used: 'k8s.volume.used', limit: 'k8s.volume.capacity', join: VOLUME },
  { used: 'k8s.pod.volume.usage', limit: 'k8s.volume.capacity', join: VOLUME },
  { used: 'redis.memory.used', limit: 'redis.maxmemory', join: [] },
  { used: 'redis.clients.connected', limit: 'redis.clients.max', join: [] },
  { used: 'postgresql.backends', limit: 'postgresql.connection.max', join: [] },
  { used: 'kafka.consumer.queue.size', limit: 'kafka.consumer.queue.max', join: [] },
];

const USED = groupedBy(LIMIT_PAIRS, ({ used }) => used);
const LIMITED = groupedBy(LIMIT_PAIRS, ({ limit }) => limit);

/** What a share is of is no part of its unit: utilization ends at 1, or at 100 %. */
const SHARE_NAME = /utili[sz]ation|usage_ratio|used_percent|percent_used/;

/** Limits beyond this stand for "none": Go says 2^63 − 1. */
const LIMIT_MAX = 2 ** 60;

/** Keys under which a limit is asked for, the surest first. */
export function limitKeysOf(series: MetricSeries): readonly string[] {
  const pairs = USED.get(canonicalMetricName(series.name)) ?? [];
  return pairs
    .filter(({ state }) => {
      const held = state && (series.attributes[state.key] ?? series.attributes['state']);
      return held === undefined || held === state?.value;
    })
    .flatMap((pair) => [keyOf(series, pair, true), keyOf(series, pair, false)]);
}

/** Keys under which a limit is found; empty for a metric that is none. */
export function keysOfLimit(series: MetricSeries): readonly string[] {
  const pairs = LIMITED.get(canonicalMetricName(series.name)) ?? [];
  return pairs.flatMap((pair) => [keyOf(series, pair, true)]);
}

export function isLimit(series: MetricSeries): boolean {
  return LIMITED.has(canonicalMetricName(series.name));
}

/** A limit that needs no metric. */
export function naturalLimit({ name, unit }: MetricSeries): number | undefined {
  if (!SHARE_NAME.test(name)) return undefined;
  return unit === '1' ? 1 : unit === '%' ? 100 : undefined;
}

/** 0 and the largest integers mean that there is none. */
export function isRealLimit(limit: number): boolean {
  return limit > 0 && limit < LIMIT_MAX;
}

/** A limit without the attributes that tell pools apart holds for all of them. */
function keyOf(series: MetricSeries, pair: LimitPair, isJoined: boolean): string {
  const joined = isJoined ? pair.join.map((key) => series.attributes[key] ?? '') : [];
  const resource = Object.entries(series.resource)
    .filter(([key]) => !key.startsWith('telemetry.'))
    .sort(([left], [right]) => (left < right ? -1 : 1));
  const filled = joined.every((value) => value === '') ? [] : joined;
  return JSON.stringify([pair.limit, series.service, resource, filled]);
}

function groupedBy(
  pairs: readonly LimitPair[],
  nameOf: (pair: LimitPair) => string,
): ReadonlyMap<string, readonly LimitPair[]> {
  const groups = new Map<string, LimitPair[]>();
  for (const pair of pairs) {
    const group = groups.get(nameOf(pair));
    if (group) group.push(pair);
    else groups.set(nameOf(pair), [pair]);
  }
  return groups;
}
