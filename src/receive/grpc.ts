/**
 * OTLP/gRPC on @grpc/grpc-js: the four Export methods with a codec that passes bytes through. The gate
 * (grpc-gate.ts) admits; this file wires methods to the ingestor.
 *
 * What grpc-js does by itself: it inflates `gzip` and `deflate` (grpc-encoding) on zlib's threads and refuses
 * other codecs with UNIMPLEMENTED; a message over `grpc.max_receive_message_length`, on the wire or while it
 * is inflated, ends in RESOURCE_EXHAUSTED without RetryInfo, which OTLP 1.11 asks for; broken gzip ends in
 * INTERNAL, which senders do not retry; unknown methods end in UNIMPLEMENTED.
 */
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';
import { buildExportResponse } from '../otlp/reply.ts';
import { buildGrpcStatus, createGate, type GrpcMessage } from './grpc-gate.ts';
import { type Reception, submitRequest } from './ingestor.ts';
import { listenFailed } from './listen.ts';

export interface GrpcTransport {
  readonly port: number;
  /** Ends sessions politely, then, after the time given, by force. */
  close(options: { readonly timeoutMs: number }): Promise<void>;
}

const PATH_OF_SIGNAL: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  profiles: '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
};

const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

export async function startGrpc(
  reception: Reception,
  options: { readonly host: string; readonly port: number; readonly readsMax: number },
): Promise<GrpcTransport> {
  const { host, port, readsMax } = options;
  // Failures to bind come back to us; grpc-js would print them as well.
  setLogVerbosity(logVerbosity.NONE);
  const signals = Object.keys(PATH_OF_SIGNAL) as Signal[];
  const signalOfPath = new Map(signals.map((signal) => [PATH_OF_SIGNAL[signal], signal]));
  const server = new Server({
    'grpc.max_receive_message_length': reception.bodyBytesMax,
    'grpc.max_send_message_length': LIMITS.responseBytesMax,
    'grpc.max_concurrent_streams': LIMITS.grpcStreamsMax,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.enable_channelz': 0,
    interceptors: [createGate(reception, { signalOfPath, readsMax })],
  });
  for (const signal of signals) {
    server.addService(exportService(PATH_OF_SIGNAL[signal]), {
      Export: (
        call: ServerUnaryCall<GrpcMessage, Uint8Array>,
        callback: sendUnaryData<Uint8Array>,
      ) => {
        answerExport(reception, { signal, message: call.request, callback }).catch(
          (error: unknown) => {
            // A fault of ours must not stop the receiver.
            reception.log.error({ err: error }, 'cannot answer an OTLP/gRPC call');
            callback(
              buildGrpcStatus({ code: 'internal', message: 'Cannot answer: internal error' }),
            );
          },
        );
      },
    });
  }
  const boundPort = await bind(server, { host, port });
  return { port: boundPort, close: ({ timeoutMs }) => close(server, timeoutMs) };
}

async function answerExport(
  reception: Reception,
  exchange: {
    readonly signal: Signal;
    readonly message: GrpcMessage;
    readonly callback: sendUnaryData<Uint8Array>;
  },
): Promise<void> {
  const { signal, message, callback } = exchange;
  const { body, lease } = message;
  const reply = await submitRequest(reception, {
    request: {
      signal,
      encoding: 'protobuf',
      compression: '',
      pieces: [body],
      sizeBytes: body.length,
    },
    lease,
  });
  if (reply.kind === 'refused') {
    callback(buildGrpcStatus(reply));
    return;
  }
  // Replies do not say how much was accepted.
  const outcome = { acceptedCount: 0, rejectedCount: reply.rejectedCount, message: reply.message };
  callback(null, buildExportResponse({ encoding: 'protobuf', signal, outcome }));
}

/** One unary method whose request and reply are bytes. */
function exportService(path: string): ServiceDefinition {
  return {
    Export: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: GrpcMessage) => Buffer.from(message.body),
      requestDeserialize: (bytes: Buffer): GrpcMessage => ({
        body: bytes,
        lease: undefined,
      }),
      responseSerialize: (reply: Uint8Array) => Buffer.from(reply),
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  };
}

function bind(
  server: Server,
  at: { readonly host: string; readonly port: number },
): Promise<number> {
  const { host, port } = at;
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(authority, ServerCredentials.createInsecure(), (error, boundPort) => {
      if (error) reject(listenFailed({ what: 'OTLP/gRPC', host, port, error }));
      else resolve(boundPort);
    });
  });
}

function close(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, timeoutMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
