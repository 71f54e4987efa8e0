/**
 * The whole service: receiver on this thread (it never decodes), store and analysis on theirs. Stops in the
 * order of the path: refuse, drain, flush, close.
 */
import { Worker } from 'node:worker_threads';
import type { CounterSample, Counters } from '../base/counters.ts';
import { createCounters } from '../base/counters.ts';
import { AppError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { type IngestReply, type IngestRequest, startReceiver } from '../receive/receive.ts';
import { localUrl } from './local-url.ts';
import type { AnalysisSettings, WorkerSettings } from './messages.ts';
import { createRpc, type Rpc } from './rpc.ts';

export interface Service {
  readonly otlpHttpPort: number;
  readonly otlpGrpcPort: number;
  readonly apiPort: number;
  /** Drains, flushes and closes. */
  stop(): Promise<void>;
  /** Rejects when a thread dies: the process cannot go on. */
  readonly failed: Promise<never>;
}

/** Time for accepted requests and for a running analysis to end. */
const DRAIN_TIMEOUT_MS = 10_000;

interface Thread {
  readonly worker: Worker;
  readonly rpc: Rpc;
}

export async function startService(
  settings: WorkerSettings,
  options: { readonly log: Log },
): Promise<Service> {
  const { config } = settings;
  const { log } = options;
  const counters = createCounters();
  let die: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    die = reject;
  });
  failed.catch(() => undefined);

  const store = startThread('./store-thread.js', settings, {}, die);
  const receiver = await startReceiver({
    host: config.listenHost,
    httpPort: config.otlpHttpPort,
    grpcPort: config.otlpGrpcPort,
    bodyBytesMax: config.bodyBytesMax,
    inflightBytesMax: config.inflightBytesMax,
    corsOrigins: config.corsOrigins,
    ingestor: { submit: (request) => submitTo(store.rpc, request) },
    counters,
    log,
  }).catch(async (thrown: unknown) => {
    await store.worker.terminate();
    throw thrown;
  });
  const endpoint = localUrl(config.listenHost, receiver.httpPort);
  if (config.selfTracing) await store.rpc.call('startTracing', { endpoint });

  const analysis = startThread(
    './analysis-thread.js',
    { ...settings, otlpHttpPort: receiver.httpPort } satisfies AnalysisSettings,
    { counters: () => countersOfAll(counters, store.rpc) },
    die,
  );
  const stopAll = () => stopService({ config, receiver, store, analysis });
  const started = await Promise.race([
    analysis.rpc.call<{ readonly apiPort: number }>('start', undefined),
    failed,
  ]).catch(async (thrown: unknown) => {
    await stopAll();
    throw thrown;
  });
  return {
    otlpHttpPort: receiver.httpPort,
    otlpGrpcPort: receiver.grpcPort,
    apiPort: started.apiPort,
    stop: stopAll,
    failed,
  };
}

async function stopService(parts: {
  readonly config: Config;
  readonly receiver: Awaited<ReturnType<typeof startReceiver>>;
  readonly store: Thread;
  readonly analysis: Thread;
}): Promise<void> {
  // Own spans first: their export needs the receiver.
  await parts.analysis.rpc.call('stop', { timeoutMs: DRAIN_TIMEOUT_MS });
  if (parts.config.selfTracing) await parts.store.rpc.call('stopTracing', undefined);
  await parts.receiver.stop({ timeoutMs: DRAIN_TIMEOUT_MS });
  await parts.store.rpc.call('stop', undefined);
  await Promise.all([parts.analysis.worker.terminate(), parts.store.worker.terminate()]);
}

function startThread(
  file: string,
  settings: WorkerSettings | AnalysisSettings,
  handlers: Parameters<typeof createRpc>[1],
  die: (error: Error) => void,
): Thread {
  const worker = new Worker(new URL(file, import.meta.url), { workerData: settings });
  const rpc = createRpc(worker, handlers);
  worker.on('error', (cause) => {
    const error =
      cause instanceof AppError
        ? cause
        : new AppError('internal', `Cannot go on: thread ${file} died: ${cause.message}`, {
            cause,
          });
    rpc.fail(error);
    die(error);
  });
  return { worker, rpc };
}

/** The body's memory moves to the store thread: the receiver hands over a body that has its own buffer. */
function submitTo(store: Rpc, request: IngestRequest): Promise<IngestReply> {
  const buffer = request.body.buffer as ArrayBuffer; // by the contract of IngestRequest
  return store.call<IngestReply>('ingest', request, [buffer]);
}

async function countersOfAll(own: Counters, store: Rpc): Promise<readonly CounterSample[]> {
  return [
    ...own.snapshot(),
    ...(await store.call<readonly CounterSample[]>('counters', undefined)),
  ];
}
