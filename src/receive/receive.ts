/**
 * The receiver: OTLP over HTTP and gRPC in, whole bodies out to the ingestor, its verdict back to the sender.
 * It moves bytes and never decodes or inflates them; see docs/architecture.md for the status of every branch.
 */
import type { Counters } from '../base/counters.ts';
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { InflightBudget } from './budget.ts';
import { startGrpc } from './grpc.ts';
import { startHttp } from './http.ts';
import {
  DEFAULT_TIMEOUTS,
  type Ingestor,
  type ReceiverTimeouts,
  type Reception,
} from './ingestor.ts';

export type {
  Ingestor,
  IngestReply,
  IngestRequest,
  ReceivedRequest,
  RequestHead,
} from './ingestor.ts';
export { joinPieces } from './ingestor.ts';

export interface ReceiverOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly httpPort: number;
  readonly grpcPort: number;
  /** One body, as sent and as inflated. */
  readonly bodyBytesMax: number;
  /** Bodies accepted and not yet stored; at least one body must fit. */
  readonly inflightBytesMax: number;
  /** Browser origins that may push; empty: CORS is off; `*`: any. */
  readonly corsOrigins: readonly string[];
  /** Other than the bounds of base/limits.ts only in tests. */
  readonly timeouts?: ReceiverTimeouts;
  readonly ingestor: Ingestor;
  readonly counters: Counters;
  readonly log: Log;
}

export interface Receiver {
  readonly httpPort: number;
  readonly grpcPort: number;
  /**
   * Refuses new work with 503 / UNAVAILABLE, waits for accepted requests up to the timeout, closes.
   * Calling it again waits for the same stop.
   */
  stop(options: { readonly timeoutMs: number }): Promise<void>;
}

export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { host, httpPort, grpcPort, corsOrigins, bodyBytesMax, inflightBytesMax } = options;
  const { ingestor, counters, log } = options;
  if (inflightBytesMax < bodyBytesMax) {
    throw new AppError(
      'config.invalid',
      `Cannot use inflightBytesMax ${inflightBytesMax}: one body of bodyBytesMax ${bodyBytesMax} must fit`,
    );
  }
  let isStopping = false;
  const budget = new InflightBudget(
    {
      bytesMax: inflightBytesMax,
      requestsMax: LIMITS.inflightRequestsMax,
      queueBytesFree: LIMITS.queueBytesFree,
      queueAgeMsMax: LIMITS.queueAgeMsMax,
    },
    { counters, nowMs: () => performance.now() },
  );
  const reception: Reception = {
    ingestor,
    budget,
    bodyBytesMax,
    timeouts: options.timeouts ?? DEFAULT_TIMEOUTS,
    counters,
    log,
    isStopping: () => isStopping,
  };
  const http = await startHttp(reception, { host, port: httpPort, corsOrigins });
  // Calls being read hold at most the budget's worth, too: see grpc-gate.ts.
  const readsMax = Math.max(1, Math.floor(inflightBytesMax / bodyBytesMax));
  const grpc = await startGrpc(reception, { host, port: grpcPort, readsMax }).catch(
    async (error: unknown) => {
      await http.close({ timeoutMs: 0 });
      throw error;
    },
  );
  log.info({ host, httpPort: http.port, grpcPort: grpc.port }, 'receiver ready');

  let stopped: Promise<void> | undefined;
  const stop = async (timeoutMs: number) => {
    isStopping = true;
    const isDrained = await resolvesWithin(budget.whenIdle(), timeoutMs);
    if (!isDrained) {
      log.warn({ requests: budget.requests, timeoutMs }, 'receiver stops with requests unanswered');
      counters.add('taproot_receive_abandoned_total', budget.requests);
    }
    const rest = { timeoutMs: isDrained ? CLOSE_GRACE_MS : 0 };
    await Promise.all([http.close(rest), grpc.close(rest)]);
  };
  return {
    httpPort: http.port,
    grpcPort: grpc.port,
    stop: ({ timeoutMs }) => {
      stopped ??= stop(timeoutMs);
      return stopped;
    },
  };
}

/** Time for replies under way to leave. */
const CLOSE_GRACE_MS = 1000;

async function resolvesWithin(awaited: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const isInTime = await Promise.race([awaited.then(() => true), timeout]);
  clearTimeout(timer);
  return isInTime;
}
