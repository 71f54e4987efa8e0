/**
 * The whole service: receiver on this thread (it never decodes), decoding, store and analysis on theirs. Stops in
 * the order of the path: refuse, drain, flush, close.
 */
import { MessageChannel, type ResourceLimits, Worker } from 'node:worker_threads';
import type { Counters } from '../base/counters.ts';
import { createCounters } from '../base/counters.ts';
import { AppError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import {
  type IngestReply,
  type IngestRequest,
  joinPieces,
  type ReceivedRequest,
} from '../receive/ingestor.ts';
import type { Receiver } from '../receive/receive.ts';
import { BodyPool } from './body-pool.ts';
import { localUrl } from './local-url.ts';
import type { AnalysisStart, PathSettings, WorkerSettings } from './messages.ts';
import { createRpc, type Rpc, type RpcHandlers } from './rpc.ts';
import { createThreadCounters } from './thread-counters.ts';
import { collectAfterStart, createYoungCollector, YOUNG_MB_OF_DETECTION } from './young-garbage.ts';

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
/** Time for a thread to open its stores and rules: days of telemetry are looked at for log templates. */
const START_TIMEOUT_MS = 60_000;
/** Time for a thread to close, beyond what it drains. */
const CLOSE_TIMEOUT_MS = 5000;

interface Thread {
  readonly worker: Worker;
  readonly rpc: Rpc;
}

/** What runs so far: a start that fails half way stops as much as there is. */
interface Parts {
  readonly log: Log;
  readonly counters: Counters;
  readonly store: Thread;
  readonly decode: Thread;
  readonly analysis: Thread;
  receiver?: Receiver;
}

export async function startService(
  settings: WorkerSettings,
  options: { readonly log: Log },
): Promise<Service> {
  let die: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    die = reject;
  });
  failed.catch(() => undefined);
  const parts = startThreads(settings, { log: options.log, die });
  try {
    const ports = await startParts(parts, settings);
    return { ...ports, stop: () => stopParts(parts), failed };
  } catch (thrown) {
    await stopParts(parts);
    throw thrown;
  }
}

/** All at once, since most of a start is loading code; none opens anything of the store but the store thread. */
function startThreads(
  settings: WorkerSettings,
  { log, die }: { readonly log: Log; readonly die: (error: Error) => void },
): Parts {
  const counters = createCounters();
  const { port1, port2 } = new MessageChannel();
  const store = startThread('./store-thread.js', { ...settings, groups: port2 }, { die });
  const decode = startThread('./decode-thread.js', { ...settings, groups: port1 }, { die });
  const handlers = {
    counters: createThreadCounters(counters, { decode: decode.rpc, store: store.rpc }),
  };
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB_OF_DETECTION };
  const analysis = startThread('./analysis-thread.js', settings, { die, handlers, resourceLimits });
  return { log, counters, store, decode, analysis };
}

/** Store, decoding, then receiver, then analysis: a port is open only when what stands behind it is ready. */
async function startParts(
  parts: Parts,
  { config }: WorkerSettings,
): Promise<Pick<Service, 'otlpHttpPort' | 'otlpGrpcPort' | 'apiPort'>> {
  const { store, decode, analysis, counters, log } = parts;
  const bodies = new BodyPool();
  const collectYoung = createYoungCollector();
  const timeoutMs = START_TIMEOUT_MS;
  // Loaded while the threads start.
  const { startReceiver } = await import('../receive/receive.ts');
  await store.rpc.call('ready', undefined, { timeoutMs });
  await decode.rpc.call('open', undefined, { timeoutMs });
  const receiver = await startReceiver({
    host: config.listenHost,
    httpPort: config.otlpHttpPort,
    grpcPort: config.otlpGrpcPort,
    bodyBytesMax: config.bodyBytesMax,
    inflightBytesMax: config.inflightBytesMax,
    corsOrigins: config.corsOrigins,
    ingestor: {
      submit: (request) => {
        collectYoung(request.sizeBytes);
        return submitTo(decode.rpc, bodies, request);
      },
    },
    counters,
    log,
  });
  parts.receiver = receiver;
  const start: AnalysisStart = { otlpHttpPort: receiver.httpPort };
  const endpoint = localUrl(config.listenHost, receiver.httpPort);
  const [{ apiPort }] = await Promise.all([
    analysis.rpc.call<{ readonly apiPort: number }>('start', start, { timeoutMs }),
    config.selfTracing ? store.rpc.call('startTracing', { endpoint }, { timeoutMs }) : undefined,
  ]);
  collectAfterStart();
  return { otlpHttpPort: receiver.httpPort, otlpGrpcPort: receiver.grpcPort, apiPort };
}

/** Drains in the order of the path. A part that is gone or stuck is passed over: the rest still drains. */
async function stopParts({ log, receiver, decode, store, analysis }: Parts): Promise<void> {
  const call = (thread: Thread, method: string, payload?: unknown) =>
    thread.rpc
      .call(method, payload, { timeoutMs: DRAIN_TIMEOUT_MS + CLOSE_TIMEOUT_MS })
      .catch((thrown: unknown) =>
        log.warn({ error: messageOf(thrown), method }, 'a part did not stop by itself'),
      );
  // Own spans first: their export needs the receiver.
  await call(analysis, 'stop', { timeoutMs: DRAIN_TIMEOUT_MS });
  await call(store, 'stopTracing');
  await receiver?.stop({ timeoutMs: DRAIN_TIMEOUT_MS });
  await call(decode, 'stop');
  await call(store, 'stop');
  await Promise.all([analysis, decode, store].map(({ worker }) => worker.terminate()));
}

function startThread(
  file: string,
  settings: WorkerSettings | PathSettings,
  options: {
    readonly die: (error: Error) => void;
    readonly handlers?: RpcHandlers;
    readonly resourceLimits?: ResourceLimits;
  },
): Thread {
  const { die, handlers = {}, resourceLimits = {} } = options;
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: settings,
    resourceLimits,
    transferList: 'groups' in settings ? [settings.groups] : [],
  });
  const rpc = createRpc(worker, handlers);
  const fail = (reason: string, cause?: Error) => {
    const error = new AppError('internal', `Cannot go on: thread ${file} died: ${reason}`, {
      cause,
    });
    rpc.fail(error);
    die(error);
  };
  worker.on('error', (cause) => fail(cause.message, cause));
  // After an error this comes too late to be heard, and after stop() nobody listens.
  worker.on('exit', (code) => fail(`exit code ${code}`));
  return { worker, rpc };
}

/** The other threads read the body where it stands, until there is a reply. */
async function submitTo(
  decode: Rpc,
  bodies: BodyPool,
  { pieces, sizeBytes, signal, encoding, compression }: ReceivedRequest,
): Promise<IngestReply> {
  const memory = bodies.take(sizeBytes);
  const body = joinPieces(pieces, memory.subarray(0, sizeBytes));
  const request: IngestRequest = { signal, encoding, compression, body };
  try {
    return await decode.call<IngestReply>('ingest', request);
  } finally {
    bodies.giveBack(memory);
  }
}
