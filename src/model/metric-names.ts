/** Metric names that mean the same: what Prometheus exporters and older conventions call it → OTel's name. */

/** Twin → canonical. Units are the twin's own; a rule that compares must convert. */
export const METRIC_TWINS: ReadonlyMap<string, string> = new Map([
  // Go runtime
  ['go_goroutines', 'go.goroutine.count'],
  ['go_goroutine_count', 'go.goroutine.count'],
  ['process.runtime.go.goroutines', 'go.goroutine.count'],
  ['go_gc_duration_seconds', 'go.memory.gc.pause.duration'],
  ['go_sched_latencies_seconds', 'go.schedule.duration'],
  ['go_memstats_heap_inuse_bytes', 'go.memory.used'],
  ['go_memory_used_bytes', 'go.memory.used'],
  ['go_memory_limit_bytes', 'go.memory.limit'],
  ['go_memstats_alloc_bytes_total', 'go.memory.allocated'],
  ['go_memory_allocated_bytes_total', 'go.memory.allocated'],
  ['go_processor_limit', 'go.processor.limit'],
  ['go_config_gogc_percent', 'go.config.gogc'],
  // Node.js runtime
  ['nodejs_eventloop_lag_p50_seconds', 'nodejs.eventloop.delay.p50'],
  ['nodejs_eventloop_lag_p90_seconds', 'nodejs.eventloop.delay.p90'],
  ['nodejs_eventloop_lag_p99_seconds', 'nodejs.eventloop.delay.p99'],
  ['nodejs_eventloop_lag_max_seconds', 'nodejs.eventloop.delay.max'],
  ['nodejs_eventloop_lag_mean_seconds', 'nodejs.eventloop.delay.mean'],
  ['nodejs_eventloop_delay_p99_seconds', 'nodejs.eventloop.delay.p99'],
  ['nodejs_eventloop_utilization_ratio', 'nodejs.eventloop.utilization'],
  ['nodejs_gc_duration_seconds', 'v8js.gc.duration'],
  ['v8js_gc_duration_seconds', 'v8js.gc.duration'],
  ['nodejs_heap_size_used_bytes', 'v8js.memory.heap.used'],
  ['v8js_memory_heap_used_bytes', 'v8js.memory.heap.used'],
  // JVM
  ['jvm_gc_pause_seconds', 'jvm.gc.duration'],
  ['jvm_gc_duration_seconds', 'jvm.gc.duration'],
  // connection pools
  ['hikaricp_connections_active', 'db.client.connection.count'],
  ['hikaricp.connections.active', 'db.client.connection.count'],
  ['db.client.connections.usage', 'db.client.connection.count'],
  ['go_sql_in_use', 'db.client.connection.count'],
  ['go_sql_in_use_connections', 'db.client.connection.count'],
  ['hikaricp_connections_max', 'db.client.connection.max'],
  ['hikaricp.connections.max', 'db.client.connection.max'],
  ['db.client.connections.max', 'db.client.connection.max'],
  ['go_sql_max_open_connections', 'db.client.connection.max'],
  ['hikaricp_connections_pending', 'db.client.connection.pending_requests'],
  ['hikaricp.connections.pending', 'db.client.connection.pending_requests'],
  ['db.client.connections.pending_requests', 'db.client.connection.pending_requests'],
  ['go_sql_wait_count', 'db.client.connection.pending_requests'],
  ['hikaricp_connections_timeout_total', 'db.client.connection.timeouts'],
  ['hikaricp.connections.timeout', 'db.client.connection.timeouts'],
  ['db.client.connections.timeouts', 'db.client.connection.timeouts'],
  ['hikaricp_connections_acquire_seconds', 'db.client.connection.wait_time'],
  ['db.client.connections.wait_time', 'db.client.connection.wait_time'],
  ['go_sql_wait_duration', 'db.client.connection.wait_time'],
  ['go_sql_wait_duration_seconds', 'db.client.connection.wait_time'],
  ['hikaricp_connections_usage_seconds', 'db.client.connection.use_time'],
  ['db.client.connections.use_time', 'db.client.connection.use_time'],
  ['hikaricp_connections_creation_seconds', 'db.client.connection.create_time'],
  ['db.client.connections.create_time', 'db.client.connection.create_time'],
  // HTTP
  ['http_client_request_duration_seconds', 'http.client.request.duration'],
  ['http.client.duration', 'http.client.request.duration'],
  ['http_server_request_duration_seconds', 'http.server.request.duration'],
  ['http.server.duration', 'http.server.request.duration'],
  ['http_requests_total', 'http.server.request.count'],
  ['http_client_open_connections', 'http.client.open_connections'],
  ['http_client_active_requests', 'http.client.active_requests'],
  // process and machine
  ['process_open_fds', 'process.open_file_descriptor.count'],
  ['process.open_file_descriptors', 'process.open_file_descriptor.count'],
  ['process_max_fds', 'process.max_file_descriptor.count'],
  ['process_cpu_seconds_total', 'process.cpu.time'],
  ['process_resident_memory_bytes', 'process.memory.usage'],
  ['node_cpu_seconds_total', 'system.cpu.time'],
  ['kube_pod_container_status_restarts_total', 'k8s.container.restart.count'],
  ['kube_pod_status_phase', 'k8s.pod.status.phase'],
  ['kube_pod_status_reason', 'k8s.pod.status.reason'],
  // generative AI, older generations and Prometheus form
  ['gen_ai_client_operation_duration_seconds', 'gen_ai.client.operation.duration'],
  ['gen_ai.client.inference.duration', 'gen_ai.client.operation.duration'],
  ['gen_ai_client_token_usage', 'gen_ai.client.token.usage'],
  ['llm.usage.tokens', 'gen_ai.client.token.usage'],
  ['gen_ai.client.inference.time_to_first_chunk', 'gen_ai.client.operation.time_to_first_chunk'],
  [
    'gen_ai.client.inference.time_per_output_chunk',
    'gen_ai.client.operation.time_per_output_chunk',
  ],
  // the bot's own
  ['bot_message_processed_total', 'coze.bot.message.processed'],
  ['bot_request_duration_seconds', 'coze.bot.request.duration'],
  ['plugin_duration_seconds', 'gen_ai.execute_tool.duration'],
  ['coze_plugin_calls', 'coze.plugin.calls'],
  ['coze_plugin_calls_total', 'coze.plugin.calls'],
]);

/** Suffixes of Prometheus series that belong to one metric. */
const SERIES_SUFFIX = /_(?:bucket|sum|count)$/;

/** The canonical name of a metric; the name itself when it has no twin. */
export function canonicalMetricName(name: string): string {
  const twin = METRIC_TWINS.get(name);
  if (twin !== undefined) return twin;
  return METRIC_TWINS.get(name.replace(SERIES_SUFFIX, '')) ?? name;
}
