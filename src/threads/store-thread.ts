/** Worker: normalises, tallies and stores decoded groups. The only thread that writes telemetry. */
import { parentPort, workerData } from 'node:worker_threads';
import { ProxyTracerProvider, type Tracer } from '@opentelemetry/api';
import { createCounters } from '../base/counters.ts';
import { createLog } from '../base/log.ts';
import { systemClock } from '../base/time.ts';
import { createNormaliser } from '../coze/coze.ts';
import { loadDataKey } from '../pipeline/data-key.ts';
import { createDeadLetters } from '../pipeline/dead-letter.ts';
import {
  buffersOfMemory,
  columnsOf,
  type GroupColumns,
  takeGroupMemory,
} from '../pipeline/group.ts';
import { createStoreStage } from '../pipeline/store-stage.ts';
import { openTelemetryWriter } from '../store/open.ts';
import type { GroupAnswer, GroupMessage, PathSettings } from './messages.ts';
import { createRpc, Moved } from './rpc.ts';
import type { SelfTracing } from './self-tracing.ts';
import { collectAfterStart, createYoungCollector } from './young-garbage.ts';

/** Small blocks, index segments and tallies are merged this often, some milliseconds each time. */
const UPKEEP_EVERY_MS = 1000;
/** Days end once a day; a bound on bytes may be passed sooner. */
const RETENTION_EVERY_MS = 10 * 60_000;

const { config, version, isPretty, groups } = workerData as PathSettings; // made by service.ts
const log = createLog({ level: config.logLevel, isPretty }).child({ thread: 'store' });
const counters = createCounters();
const writer = openTelemetryWriter({ dataDir: config.dataDir, durability: config.durability });

// Tracing starts once the receiver has its port; until then spans go nowhere.
const provider = new ProxyTracerProvider();
let tracing: SelfTracing | undefined;
const tracer: Tracer = {
  startSpan: (...args) => (tracing?.tracer ?? provider.getTracer('taproot')).startSpan(...args),
  startActiveSpan: (...args: Parameters<Tracer['startActiveSpan']>) =>
    (tracing?.tracer ?? provider.getTracer('taproot')).startActiveSpan(...args),
} as Tracer; // startActiveSpan is overloaded: the arguments are passed on as they come

const storeGroup = createStoreStage({
  writer,
  normaliser: createNormaliser({
    userIds: config.userIds,
    userIdKey: loadDataKey(config.dataDir, 'user-id'),
  }),
  clock: systemClock,
  counters,
  log,
  tracer,
  deadLetters: createDeadLetters({ dataDir: config.dataDir, clock: systemClock, counters, log }),
});

const unreadable = writer.unreadableDays();
counters.set('taproot_store_unreadable_days', unreadable.length);
for (const { day, message } of unreadable) {
  log.error({ day, reason: message }, 'a day cannot be read: run "taproot doctor"');
}

const upkeep = setInterval(() => {
  try {
    writer.checkpoint();
  } catch (thrown) {
    counters.add('taproot_store_checkpoint_failed_total', 1);
    log.warn({ err: thrown }, 'checkpoint failed, tried again later');
  }
}, UPKEEP_EVERY_MS);

function retain(): void {
  const { retentionDays: days, retentionBytesMax: bytesMax } = config;
  try {
    const retained = writer.retain({ nowUs: systemClock.nowUs(), days, bytesMax });
    if (retained.removedDays.length === 0) return;
    counters.add('taproot_store_removed_days_total', retained.removedDays.length);
    counters.add('taproot_store_removed_bytes_total', retained.freedBytes);
    log.info(retained, 'retention removed days');
  } catch (thrown) {
    counters.add('taproot_store_retention_failed_total', 1);
    log.warn({ err: thrown }, 'retention failed, tried again later');
  }
}
retain();
const retention = setInterval(retain, RETENTION_EVERY_MS);

/** Columns of a block before they are packed, their packed form, and scratch. */
const ENCODING_BYTES_PER_ROW = 1024;

const collectYoung = createYoungCollector();
collectAfterStart();

createRpc(groups, {
  store: (message: GroupMessage) => {
    const columns = columnsOf(message.columns);
    collectYoung(ENCODING_BYTES_PER_ROW * rowsOf(columns));
    const replies = storeGroup({ columns, requests: message.requests });
    const memory = takeGroupMemory(columns);
    return new Moved(
      { replies, memory } satisfies GroupAnswer,
      memory ? buffersOfMemory(memory) : [],
    );
  },
});

if (!parentPort) throw new Error('store-thread runs as a worker only');
createRpc(parentPort, {
  /** Answers once the store is open. */
  ready: () => true,
  /** The SDK is loaded here and not at the start, which is 140 ms of CPU shorter without. */
  startTracing: async ({ endpoint }: { readonly endpoint: string }) => {
    const { startSelfTracing } = await import('./self-tracing.ts');
    tracing = startSelfTracing({ endpoint, version, thread: 'store' });
  },
  counters: () => counters.snapshot(),
  stopTracing: () => tracing?.stop(),
  stop: () => {
    clearInterval(upkeep);
    clearInterval(retention);
    writer.close();
  },
});

function rowsOf({ spans, logs, points }: GroupColumns): number {
  return spans.count + logs.count + points.count;
}
