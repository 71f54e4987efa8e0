/** The bot's metrics, under the names of the OpenTelemetry conventions where there are some. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import type { PoolCounts } from './pool.ts';

export const POOL_NAME = 'orders-pool';

export interface Instruments {
  readonly llmDuration: Histogram;
  readonly llmTokens: Histogram;
  readonly poolWait: Histogram;
  readonly poolUse: Histogram;
  readonly poolTimeouts: Counter;
  readonly messagesProcessed: Counter;
  stop(): void;
}

/** Doubling from 10 ms as the GenAI conventions advise. */
const LLM_BOUNDS = Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power);
const TOKEN_BOUNDS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536];
const POOL_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 4, 8];
const LAG_WINDOW_MS = 5000;

export function createInstruments(meter: Meter, readPool: () => PoolCounts): Instruments {
  observePool(meter, readPool);
  const stopLag = observeEventLoop(meter);
  const seconds = (name: string, explicitBucketBoundaries: number[]): Histogram =>
    meter.createHistogram(name, { unit: 's', advice: { explicitBucketBoundaries } });
  return {
    llmDuration: seconds('gen_ai.client.operation.duration', LLM_BOUNDS),
    llmTokens: meter.createHistogram('gen_ai.client.token.usage', {
      unit: '{token}',
      advice: { explicitBucketBoundaries: TOKEN_BOUNDS },
    }),
    poolWait: seconds('db.client.connection.wait_time', POOL_BOUNDS),
    poolUse: seconds('db.client.connection.use_time', POOL_BOUNDS),
    poolTimeouts: meter.createCounter('db.client.connection.timeouts', { unit: '{timeout}' }),
    messagesProcessed: meter.createCounter('bot_message_processed_total', { unit: '{message}' }),
    stop: stopLag,
  };
}

function observePool(meter: Meter, readPool: () => PoolCounts): void {
  const pool = { 'db.client.connection.pool.name': POOL_NAME };
  const count = meter.createObservableUpDownCounter('db.client.connection.count', {
    unit: '{connection}',
  });
  const max = meter.createObservableUpDownCounter('db.client.connection.max', {
    unit: '{connection}',
  });
  const pending = meter.createObservableUpDownCounter('db.client.connection.pending_requests', {
    unit: '{request}',
  });
  meter.addBatchObservableCallback(
    (result) => {
      const counts = readPool();
      result.observe(count, counts.active, { ...pool, 'db.client.connection.state': 'used' });
      result.observe(count, counts.idle, { ...pool, 'db.client.connection.state': 'idle' });
      result.observe(max, counts.max, pool);
      result.observe(pending, counts.pending, pool);
    },
    [count, max, pending],
  );
}

/** p99 of the last full window; both the OTLP and the Prometheus reader see the same number. */
function observeEventLoop(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let p99Seconds = 0;
  const timer = setInterval(() => {
    p99Seconds = delay.percentile(99) / 1e9;
    delay.reset();
  }, LAG_WINDOW_MS);
  timer.unref();
  const gauge = meter.createObservableGauge('nodejs.eventloop.delay.p99', { unit: 's' });
  gauge.addCallback((result) => result.observe(p99Seconds));
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
