/**
 * Load on a schedule that does not wait for replies (open loop), over one transport: what the service takes and what it
 * refuses when more is offered than it can store, how long those wait that it takes, its memory, and whether all of them are stored.
 */
import { Agent, type Agent as HttpAgent, request as requestHttp } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { BodyRing } from '../../src/bench/bench.ts';
import { LatencyHistogram } from '../../src/cli/bench-load.ts';
import { openTelemetryReader } from '../../src/store/open.ts';
import { residentBytes } from './fault-scene.ts';
import { type Service, startService } from './service.ts';

export type OverloadTransport = 'http' | 'grpc';

export interface OverloadResult {
  /** What a closed loop got stored before, spans a second. */
  readonly sustainableRate: number;
  readonly offeredRate: number;
  readonly acceptedRate: number;
  readonly refusedRate: number;
  readonly acceptedRequests: number;
  readonly refusedRequests: number;
  /** Due, and no connection was free: they were never sent. */
  readonly unsentRequests: number;
  /** Neither acknowledged nor refused, with why. */
  readonly failures: readonly string[];
  /** Refusals that did not tell to wait, as they came. */
  readonly oddRefusals: readonly string[];
  readonly acceptedMsP50: number;
  readonly acceptedMsP99: number;
  readonly refusedMsP50: number;
  readonly warmMemoryBytes: number;
  readonly memoryBytesMax: number;
  readonly acceptedSpans: number;
  readonly storedSpans: number;
}

export interface OverloadOptions {
  readonly transport: OverloadTransport;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

const SPANS_PER_REQUEST = 512;
/** Connections of the closed loop: enough to keep the store busy, too few to be refused. */
const WARM_CONNECTIONS = 24;
/** Three times what the service lets wait for the store before it refuses. */
const CONNECTIONS = 240;
const OVERLOAD = 2;
const MEMORY_EVERY_MS = 100;
const REPLY_TIMEOUT_MS = 40_000;

type Answer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly isToldToWait: boolean; readonly text: string };

interface Connection {
  /** Rejects when nobody answers. */
  send(body: Buffer): Promise<Answer>;
  close(): void;
}

export async function measureOverload(options: OverloadOptions): Promise<OverloadResult> {
  const service = await startService({
    config: { detection: false, selfTracing: false, logLevel: 'warn' },
  });
  try {
    return await load(service, options);
  } finally {
    await service.stop();
  }
}

async function load(
  service: Service,
  { transport, warmUpMs, durationMs }: OverloadOptions,
): Promise<OverloadResult> {
  const ring = new BodyRing({
    workload: 'a',
    encoding: 'protobuf',
    batchCount: SPANS_PER_REQUEST,
    seed: 1,
    idSeed: Date.now(),
    bodyCount: CONNECTIONS,
    isGzip: false,
    nowUs: () => Date.now() * 1000,
  });
  const url = transport === 'http' ? service.otlpHttpUrl : service.otlpGrpcUrl;
  const open = transport === 'http' ? openHttp : openGrpc;
  const connections = Array.from({ length: CONNECTIONS }, () => open(url));
  try {
    const closed = { connections: connections.slice(0, WARM_CONNECTIONS), ring };
    const cold = new Tally();
    await runClosed({ ...closed, tally: cold, durationMs: warmUpMs / 2 });
    const warm = new Tally();
    const warmMs = await runClosed({ ...closed, tally: warm, durationMs: warmUpMs / 2 });
    const sustainableRate = (1000 * warm.acceptedSpans) / warmMs;
    const warmMemoryBytes = residentBytes(service.child.pid);
    let memoryBytesMax = 0;
    const memory = setInterval(() => {
      memoryBytesMax = Math.max(memoryBytesMax, residentBytes(service.child.pid));
    }, MEMORY_EVERY_MS);
    const tally = new Tally();
    const offeredRate = OVERLOAD * sustainableRate;
    await runOpen({ connections, ring, tally, durationMs, ratePerSecond: offeredRate }).finally(
      () => clearInterval(memory),
    );
    const perSecond = (requests: number) => (1000 * SPANS_PER_REQUEST * requests) / durationMs;
    const tallies = [cold, warm, tally];
    return {
      sustainableRate,
      offeredRate,
      acceptedRate: perSecond(tally.accepted),
      refusedRate: perSecond(tally.refused),
      acceptedRequests: tally.accepted,
      refusedRequests: tally.refused,
      unsentRequests: tally.unsent,
      failures: tallies.flatMap(({ failures }) => failures),
      oddRefusals: tallies.flatMap(({ oddRefusals }) => oddRefusals),
      acceptedMsP50: tally.acceptedMs.quantileMs(0.5),
      acceptedMsP99: tally.acceptedMs.quantileMs(0.99),
      refusedMsP50: tally.refusedMs.quantileMs(0.5),
      warmMemoryBytes,
      memoryBytesMax,
      acceptedSpans: tallies.reduce((sum, { acceptedSpans }) => sum + acceptedSpans, 0),
      storedSpans: countStored(service),
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Fates of requests. */
class Tally {
  accepted = 0;
  acceptedSpans = 0;
  refused = 0;
  unsent = 0;
  readonly failures: string[] = [];
  readonly oddRefusals: string[] = [];
  readonly acceptedMs = new LatencyHistogram();
  readonly refusedMs = new LatencyHistogram();

  async send(connection: Connection, ring: BodyRing): Promise<void> {
    const body = ring.take();
    const startedMs = performance.now();
    try {
      const answer = await connection.send(body.bytes);
      const elapsedMs = performance.now() - startedMs;
      if (answer.kind === 'accepted') {
        this.accepted++;
        this.acceptedSpans += body.itemCount;
        this.acceptedMs.add(elapsedMs);
      } else {
        this.refused++;
        this.refusedMs.add(elapsedMs);
        if (!answer.isToldToWait) this.oddRefusals.push(answer.text);
      }
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
    } finally {
      ring.giveBack(body);
    }
  }
}

/** Each connection sends again once it is answered; gives how long it took. */
async function runClosed(options: {
  readonly connections: readonly Connection[];
  readonly ring: BodyRing;
  readonly tally: Tally;
  readonly durationMs: number;
}): Promise<number> {
  const { connections, ring, tally, durationMs } = options;
  const startedMs = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() - startedMs < durationMs) await tally.send(connection, ring);
    }),
  );
  return performance.now() - startedMs;
}

/** A request whenever one is due; waits for the answers under way at the end. */
async function runOpen(options: {
  readonly connections: readonly Connection[];
  readonly ring: BodyRing;
  readonly tally: Tally;
  readonly durationMs: number;
  readonly ratePerSecond: number;
}): Promise<void> {
  const { connections, ring, tally, durationMs, ratePerSecond } = options;
  const free = [...connections];
  const underWay = new Set<Promise<void>>();
  const startedMs = performance.now();
  for (let due = 0; ; ) {
    const elapsedMs = Math.min(durationMs, performance.now() - startedMs);
    const wanted = Math.floor((elapsedMs * ratePerSecond) / 1000 / SPANS_PER_REQUEST);
    for (; due < wanted; due++) {
      const connection = free.pop();
      if (!connection) {
        tally.unsent++;
        continue;
      }
      const sending = tally.send(connection, ring).then(() => {
        free.push(connection);
        underWay.delete(sending);
      });
      underWay.add(sending);
    }
    if (elapsedMs >= durationMs) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(underWay);
}

function openHttp(url: string): Connection {
  const agent: HttpAgent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { 'content-type': 'application/x-protobuf' };
  return {
    send: (body) =>
      new Promise((resolve, reject) => {
        const request = requestHttp(`${url}/v1/traces`, {
          method: 'POST',
          agent,
          timeout: REPLY_TIMEOUT_MS,
          headers: { ...headers, 'content-length': body.length },
        });
        request.on('error', reject);
        request.on('timeout', () => request.destroy(new Error('no reply in time')));
        request.on('response', (response) => {
          const status = response.statusCode ?? 0;
          const retryAfter = response.headers['retry-after'];
          response.on('error', reject);
          response.on('end', () => {
            const isToldToWait = (status === 429 || status === 503) && Number(retryAfter) > 0;
            if (status === 200) resolve({ kind: 'accepted' });
            else resolve({ kind: 'refused', isToldToWait, text: `${status} ${retryAfter}` });
          });
          response.resume();
        });
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

const GRPC_EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const GRPC_UNAVAILABLE = 14;

function openGrpc(url: string): Connection {
  const session: ClientHttp2Session = connect(url);
  session.on('error', () => {}); // each call has its own failure
  return {
    send: (body) =>
      new Promise((resolve, reject) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': GRPC_EXPORT,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        const answer: Record<string, unknown> = {};
        stream.setTimeout(REPLY_TIMEOUT_MS, () => stream.destroy(new Error('no reply in time')));
        let failure = 'the call ended without a status';
        stream.on('error', (error) => {
          failure = error.message;
        });
        stream.on('response', (sent) => Object.assign(answer, sent));
        stream.on('trailers', (sent) => Object.assign(answer, sent));
        stream.on('close', () => {
          if (answer['grpc-status'] === undefined) reject(new Error(failure));
          else resolve(grpcAnswer(answer));
        });
        stream.resume();
        const head = Buffer.alloc(5);
        head.writeUInt32BE(body.length, 1);
        stream.write(head);
        stream.end(body);
      }),
    close: () => session.destroy(),
  };
}

function grpcAnswer(answer: Readonly<Record<string, unknown>>): Answer {
  const status = Number(answer['grpc-status']);
  if (status === 0) return { kind: 'accepted' };
  const details = Buffer.from(String(answer['grpc-status-details-bin'] ?? ''), 'base64');
  const isToldToWait =
    status === GRPC_UNAVAILABLE && details.includes('google.rpc.RetryInfo', 0, 'latin1');
  return { kind: 'refused', isToldToWait, text: `${status} ${String(answer['grpc-message'])}` };
}

function countStored({ dir }: Service): number {
  const reader = openTelemetryReader({ dataDir: join(dir, 'data') });
  try {
    return reader.stats().spanCount;
  } finally {
    reader.close();
  }
}
