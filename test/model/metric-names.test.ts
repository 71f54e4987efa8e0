import { describe, expect, test } from 'vitest';
import { canonicalMetricName } from '../../src/model/metric-names.ts';

describe('canonicalMetricName()', () => {
  test.each([
    ['go_goroutines', 'go.goroutine.count'],
    ['nodejs_eventloop_lag_p99_seconds', 'nodejs.eventloop.delay.p99'],
    ['hikaricp_connections_active', 'db.client.connection.count'],
    ['hikaricp_connections_pending', 'db.client.connection.pending_requests'],
    ['http_client_request_duration_seconds', 'http.client.request.duration'],
    ['http_client_request_duration_seconds_bucket', 'http.client.request.duration'],
    ['process_open_fds', 'process.open_file_descriptor.count'],
    ['jvm_gc_pause_seconds', 'jvm.gc.duration'],
    ['bot_message_processed_total', 'coze.bot.message.processed'],
    ['bot_request_duration_seconds', 'coze.bot.request.duration'],
    ['plugin_duration_seconds', 'gen_ai.execute_tool.duration'],
    ['coze_plugin_calls', 'coze.plugin.calls'],
    ['my_own_metric', 'my_own_metric'],
    ['my_own_metric_count', 'my_own_metric_count'],
    ['__proto__', '__proto__'],
  ])('%s is %s', (name, canonical) => {
    expect(canonicalMetricName(name)).toBe(canonical);
  });
});
