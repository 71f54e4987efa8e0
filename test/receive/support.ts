/** A receiver on free ports with an ingestor that records what it gets, and small clients of both transports. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type Counters, createCounters } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import {
  type Ingestor,
  type IngestReply,
  type IngestRequest,
  joinPieces,
  type ReceivedRequest,
  type Receiver,
  type ReceiverOptions,
  startReceiver,
} from '../../src/receive/receive.ts';

export const STORED: IngestReply = { kind: 'stored', rejectedCount: 0, message: '' };

/** Answers every request with the same verdict, or holds it until the test gives one. */
export class RecordingIngestor implements Ingestor {
  readonly requests: IngestRequest[] = [];
  answer: (request: IngestRequest) => Promise<IngestReply> = () => Promise.resolve(STORED);
  readonly #held: ((reply: IngestReply) => void)[] = [];
  readonly #arrivals: (() => void)[] = [];

  submit({ pieces, sizeBytes, ...head }: ReceivedRequest): Promise<IngestReply> {
    const request = { ...head, body: joinPieces(pieces, new Uint8Array(sizeBytes)) };
    this.requests.push(request);
    for (const arrived of this.#arrivals.splice(0)) arrived();
    return this.answer(request);
  }

  hold(): void {
    this.answer = () => new Promise((resolve) => this.#held.push(resolve));
  }

  letGo(reply: IngestReply = STORED): void {
    for (const resolve of this.#held.splice(0)) resolve(reply);
  }

  /** Resolves when `count` requests have arrived since the start. */
  async arrived(count: number): Promise<void> {
    while (this.requests.length < count) {
      await new Promise<void>((resolve) => this.#arrivals.push(resolve));
    }
  }
}

export interface TestReceiver {
  readonly receiver: Receiver;
  readonly ingestor: RecordingIngestor;
  readonly counters: Counters;
  /** Sum of a counter, or a gauge, over the labels that match. */
  count(name: string, labels?: Readonly<Record<string, string>>): number;
}

export async function startTestReceiver(
  options: Partial<ReceiverOptions> = {},
): Promise<TestReceiver> {
  const ingestor = new RecordingIngestor();
  const counters = createCounters();
  const receiver = await startReceiver({
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    bodyBytesMax: 1024 * 1024,
    inflightBytesMax: 4 * 1024 * 1024,
    corsOrigins: [],
    ingestor,
    counters,
    log: silentLog,
    ...options,
  });
  const count = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    counters
      .snapshot()
      .filter((sample) => sample.name === `taproot_receive_${name}`)
      .filter((sample) =>
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      )
      .reduce((sum, sample) => sum + sample.value, 0);
  return { receiver, ingestor, counters, count };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One HTTP request on a connection of its own; a list of bodies goes out as chunks. */
export async function post(
  port: number,
  options: {
    readonly path?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Uint8Array | string | readonly Uint8Array[];
  } = {},
): Promise<HttpAnswer> {
  const { path = '/v1/traces', method = 'POST', body = '' } = options;
  const headers = { 'content-type': 'application/x-protobuf', ...options.headers };
  const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false });
  if (Array.isArray(body)) for (const chunk of body) outgoing.write(chunk);
  else outgoing.write(body);
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return { status: incoming.statusCode, headers: incoming.headers, body: Buffer.concat(chunks) };
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  return socket;
}

/** All that comes on a socket until it closes, as text. */
export async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => socket.destroy());
  if (!socket.destroyed) await once(socket, 'close');
  return text;
}

/** What comes on a socket until it holds the text. */
export async function readUntil(socket: Socket, wanted: string): Promise<string> {
  let text = '';
  while (!text.includes(wanted)) text += (await once(socket, 'data'))[0];
  return text;
}

export const GRPC_PATHS = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  profiles: '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
} as const;

export interface GrpcAnswer {
  readonly code: number;
  readonly details: string;
  /** google.rpc.Status of grpc-status-details-bin, undecoded. */
  readonly statusDetails: Buffer | undefined;
  readonly reply: Buffer | undefined;
}

export function openClient(port: number, options: Record<string, unknown> = {}): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    ...options,
  });
}

export function exportOver(
  client: Client,
  options: { readonly path?: string; readonly body?: Uint8Array } = {},
): Promise<GrpcAnswer> {
  const { path = GRPC_PATHS.traces, body = new Uint8Array(0) } = options;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      body,
      new Metadata(),
      { deadline: Date.now() + 15_000 },
      (error: ServiceError | null, reply?: Buffer) => {
        const details = error?.metadata?.get('grpc-status-details-bin')[0];
        resolve({
          code: error?.code ?? status.OK,
          details: error?.details ?? '',
          statusDetails: Buffer.isBuffer(details) ? details : undefined,
          reply,
        });
      },
    );
  });
}
