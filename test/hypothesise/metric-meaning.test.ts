/** Which part of a service a metric measures, by the names of usual exporters. */
import { describe, expect, it } from 'vitest';
import { namedMeaning } from '../../src/hypothesise/metric-meaning.ts';
import type { CauseKind } from '../../src/model/hypothesis.ts';

describe('namedMeaning()', () => {
  it.each<readonly [name: string, kind: CauseKind | undefined]>([
    ['k8s.pod.cpu_limit_utilization', 'cpu'],
    ['container_cpu_cfs_throttled_seconds_total', 'cpu'],
    ['nodejs.eventloop.delay.p99', 'event-loop'],
    ['nodejs.eventloop.utilization', 'event-loop'],
    ['jvm.gc.duration', 'gc'],
    ['go.memory.gc.pause.duration', 'gc'],
    ['go_sync_mutex_wait_total_seconds_total', 'lock'],
    ['go.goroutine.count', 'leak'],
    ['process_open_fds', 'leak'],
    ['process_resident_memory_bytes', 'memory'],
    ['container_oom_events_total', 'memory'],
    ['db.client.connection.pending_requests', 'pool'],
    ['hikaricp_connections_acquire_seconds', 'pool'],
    ['system.disk.io_time', 'disk'],
    ['redis_cache_misses', 'cache'],
    ['kafka.consumer.lag', 'queue'],
    ['api.rate_limit.hits', 'quota'],
    ['http.server.request.duration', 'latency'],
    ['availability.average', 'error'],
    ['rpc.server.requests', 'traffic'],
    ['build_info', undefined],
  ])('%s: %s', (name, kind) => {
    expect(namedMeaning(name)?.kind).toBe(kind);
  });
});
