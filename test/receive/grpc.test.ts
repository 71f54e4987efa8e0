/** OTLP/gRPC over real sockets: methods, limits, overload, senders that drip or go away. */
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Client } from '@grpc/grpc-js';
import { Metadata, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { ERROR_CATALOGUE, type ErrorCode } from '../../src/base/errors.ts';
import { buildExportResponse, buildStatus } from '../../src/otlp/otlp.ts';
import { DEFAULT_TIMEOUTS } from '../../src/receive/ingestor.ts';
import type { ReceiverOptions } from '../../src/receive/receive.ts';
import {
  exportOver,
  GRPC_PATHS,
  openClient,
  STORED,
  startTestReceiver,
  type TestReceiver,
} from './support.ts';

let open: TestReceiver | undefined;
const clients: Client[] = [];
const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const session of sessions.splice(0)) session.destroy();
  open?.ingestor.letGo();
  await open?.receiver.stop({ timeoutMs: 1000 });
  open = undefined;
});

async function start(options: Partial<ReceiverOptions> = {}): Promise<TestReceiver> {
  open = await startTestReceiver(options);
  return open;
}

function clientOf({ receiver }: TestReceiver, options: Record<string, unknown> = {}): Client {
  const client = openClient(receiver.grpcPort, options);
  clients.push(client);
  return client;
}

const GZIP = { 'grpc.default_compression_algorithm': 2 };

describe('an export that is stored', () => {
  const body = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);

  test.each(['traces', 'logs', 'metrics', 'profiles'] as const)('%s', async (signal) => {
    const started = await start();
    const answer = await exportOver(clientOf(started), { path: GRPC_PATHS[signal], body });
    expect(answer.code).toBe(status.OK);
    expect(answer.reply).toHaveLength(0);
    const [stored] = started.ingestor.requests;
    expect(stored).toMatchObject({ signal, encoding: 'protobuf', compression: '' });
    expect(Buffer.compare(stored!.body, body)).toBe(0);
    const labels = { signal, transport: 'grpc' };
    expect(started.count('requests_total', { ...labels, code: '0' })).toBe(1);
    expect(started.count('bytes_total', labels)).toBe(body.length);
    expect(started.count('inflight_bytes') + started.count('inflight_requests')).toBe(0);
  });

  test.each([
    ['gzip', GZIP],
    ['deflate', { 'grpc.default_compression_algorithm': 1 }],
  ])('%s is inflated by grpc-js', async (_, options) => {
    const started = await start();
    expect((await exportOver(clientOf(started, options), { body })).code).toBe(status.OK);
    expect(Buffer.compare(started.ingestor.requests[0]!.body, body)).toBe(0);
  });

  test('an empty message', async () => {
    const started = await start();
    expect((await exportOver(clientOf(started))).code).toBe(status.OK);
    expect(started.ingestor.requests[0]?.body.length).toBe(0);
  });

  test('in part says so in the message', async () => {
    const started = await start();
    const outcome = { acceptedCount: 0, rejectedCount: 7, message: 'zero ids' };
    started.ingestor.answer = () => Promise.resolve({ kind: 'stored', ...outcome });
    const { reply } = await exportOver(clientOf(started), { path: GRPC_PATHS.metrics });
    const wanted = buildExportResponse({ encoding: 'protobuf', signal: 'metrics', outcome });
    expect(Buffer.compare(reply!, wanted)).toBe(0);
  });

  test('many at once, each with its own verdict', async () => {
    const started = await start();
    const client = clientOf(started, GZIP);
    started.ingestor.answer = ({ body: { length } }) =>
      Promise.resolve({ kind: 'stored', rejectedCount: length, message: '' });
    const lengths = Array.from({ length: 60 }, (_, index) => 1 + index);
    const answers = await Promise.all(
      lengths.map((length) => exportOver(client, { body: new Uint8Array(length) })),
    );
    // ExportTracePartialSuccess: field 1 is the count, below 128 one byte.
    expect(answers.map(({ reply }) => reply?.at(3))).toEqual(lengths);
    expect(started.count('inflight_requests')).toBe(0);
  });
});

describe('a message over the limit', () => {
  const bodyBytesMax = 10_000;
  test.each([
    ['just inside', 10_000, {}, status.OK],
    ['one byte more', 10_001, {}, status.RESOURCE_EXHAUSTED],
    ['inside after inflating', 10_000, GZIP, status.OK],
    ['a bomb', 9_000_000, GZIP, status.RESOURCE_EXHAUSTED],
  ])('%s', async (_, size, options, code) => {
    const started = await start({ bodyBytesMax });
    const client = clientOf(started, options);
    const answer = await exportOver(client, { body: new Uint8Array(size) });
    expect(answer.code).toBe(code);
    expect(answer.statusDetails, 'no RetryInfo').toBeUndefined();
    await whenTrue(() => started.count('inflight_requests') === 0);
    expect(started.ingestor.requests).toHaveLength(code === status.OK ? 1 : 0);
    const counted = code === status.OK ? '0' : 'aborted';
    expect(started.count('requests_total', { code: counted })).toBe(1);
    expect((await exportOver(client)).code, 'the next call').toBe(status.OK);
  });
});

describe('a verdict of the ingestor becomes its status', () => {
  test.each<ErrorCode>([
    'otlp.malformed',
    'otlp.too_large',
    'ingest.overloaded',
    'store.unavailable',
    'store.rejected',
  ])('%s', async (code) => {
    const started = await start();
    started.ingestor.answer = () => Promise.resolve({ kind: 'refused', code, message: 'because' });
    const answer = await exportOver(clientOf(started));
    const { grpc: grpcCode, isRetryable } = ERROR_CATALOGUE[code];
    expect(answer).toMatchObject({ code: grpcCode, details: 'because' });
    const violation = { field: 'body', description: 'because' };
    const wanted = buildStatus({
      encoding: 'protobuf',
      grpcCode,
      message: 'because',
      ...(isRetryable ? { retryAfterSeconds: 1 } : {}),
      ...(code === 'otlp.malformed' ? { violation } : {}),
    });
    expect(Buffer.compare(answer.statusDetails!, wanted)).toBe(0);
  });

  test('whatever the text holds', async () => {
    const started = await start();
    const message = 'bad name "花" at\n50 % \ud83d\ude00';
    started.ingestor.answer = () =>
      Promise.resolve({ kind: 'refused', code: 'otlp.malformed', message });
    expect(await exportOver(clientOf(started))).toMatchObject({ code: 3, details: message });
  });
});

describe('overload', () => {
  test('is UNAVAILABLE with RetryInfo, and passes', async () => {
    const started = await start({ bodyBytesMax: 1000, inflightBytesMax: 1500 });
    started.ingestor.hold();
    const client = clientOf(started);
    const first = exportOver(client, { body: new Uint8Array(1000) });
    await started.ingestor.arrived(1);
    const second = await exportOver(client, { body: new Uint8Array(501) });
    expect(second.code).toBe(status.UNAVAILABLE);
    expect(second.statusDetails?.toString('latin1')).toContain('google.rpc.RetryInfo');
    started.ingestor.letGo();
    expect((await first).code).toBe(status.OK);
    started.ingestor.answer = () => Promise.resolve(STORED);
    expect((await exportOver(client, { body: new Uint8Array(501) })).code).toBe(status.OK);
    expect(started.count('requests_total', { code: '14' })).toBe(1);
  });
});

describe('senders that behave badly', () => {
  /** A call by hand: head now, message when the test likes. */
  function call(started: TestReceiver, path: string = GRPC_PATHS.traces) {
    const session = connect(`http://127.0.0.1:${started.receiver.grpcPort}`);
    session.on('error', () => {});
    sessions.push(session);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    const ended = new Promise<string>((resolve) => {
      const note = (headers: Record<string, unknown>) => {
        if (headers['grpc-status'] !== undefined) resolve(String(headers['grpc-status']));
      };
      stream.on('response', note);
      stream.on('trailers', note);
    });
    stream.resume();
    return { stream, ended, session };
  }

  const drip = { ...DEFAULT_TIMEOUTS, grpcReadMs: 60 };

  test('a message that does not come in time is DEADLINE_EXCEEDED', async () => {
    const started = await start({ timeouts: drip });
    const { stream, ended } = call(started);
    stream.write(Buffer.from([0, 0, 0, 0, 10, 1]));
    expect(await ended).toBe(String(status.DEADLINE_EXCEEDED));
    await whenTrue(() => started.count('inflight_requests') === 0);
    expect(started.ingestor.requests).toHaveLength(0);
  });

  test('a call that never ends after its message is DEADLINE_EXCEEDED', async () => {
    const started = await start({ timeouts: drip });
    const { stream, ended } = call(started);
    stream.write(Buffer.from([0, 0, 0, 0, 1, 7]));
    expect(await ended).toBe(String(status.DEADLINE_EXCEEDED));
    await whenTrue(() => started.count('inflight_bytes') === 0);
  });

  test('those who drip in every turn cannot hold more; others wait and are told', async () => {
    const started = await start({ bodyBytesMax: 1024, inflightBytesMax: 2048, timeouts: drip });
    const calls = Array.from({ length: 3 }, () => call(started));
    for (const { stream } of calls) stream.write(Buffer.from([0, 0, 0, 0, 10, 1]));
    const codes = await Promise.all(calls.map(({ ended }) => ended));
    const slow = String(status.DEADLINE_EXCEEDED);
    // The third gets its turn when the first two are cut, or has waited as long by then.
    expect(codes.slice(0, 2)).toEqual([slow, slow]);
    expect([slow, String(status.UNAVAILABLE)]).toContain(codes[2]);
    expect((await exportOver(clientOf(started))).code).toBe(status.OK);
  });

  test('a sender that goes away while it is read frees its budget and its turn', async () => {
    const started = await start({ bodyBytesMax: 1024, inflightBytesMax: 1024 });
    const { stream, session } = call(started);
    stream.write(Buffer.from([0, 0, 0, 0, 10, 1]));
    await whenTrue(() => started.count('inflight_requests') === 1);
    session.destroy();
    await whenTrue(() => started.count('inflight_requests') === 0);
    expect(started.count('requests_total')).toBe(1);
    expect(started.ingestor.requests).toHaveLength(0);
    expect((await exportOver(clientOf(started))).code).toBe(status.OK);
  });

  test('a sender that goes away while it is stored leaves the request with the ingestor', async () => {
    const started = await start();
    started.ingestor.hold();
    const { stream, session } = call(started);
    stream.end(Buffer.from([0, 0, 0, 0, 1, 7]));
    await started.ingestor.arrived(1);
    session.destroy();
    await whenTrue(() => started.count('requests_total', { code: 'aborted' }) === 1);
    expect(started.count('inflight_bytes')).toBe(1);
    started.ingestor.letGo();
    await whenTrue(() => started.count('inflight_bytes') === 0);
  });

  test.each([
    ['no message', Buffer.alloc(0), status.UNIMPLEMENTED],
    ['two messages', Buffer.from([0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 8]), status.UNIMPLEMENTED],
    ['a length over the limit', Buffer.from([0, 255, 255, 255, 255]), status.RESOURCE_EXHAUSTED],
  ])('%s', async (_, bytes, code) => {
    const started = await start();
    const { stream, ended } = call(started);
    stream.end(bytes);
    expect(await ended).toBe(String(code));
    await whenTrue(() => started.count('inflight_requests') === 0);
    expect(started.ingestor.requests).toHaveLength(0);
  });

  test('an unknown method', async () => {
    const started = await start();
    const { stream, ended } = call(
      started,
      '/opentelemetry.proto.collector.trace.v1.TraceService/Delete',
    );
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    expect(await ended).toBe(String(status.UNIMPLEMENTED));
  });
});

test.each([
  ['broken gzip', 'gzip', status.INTERNAL],
  ['an unknown codec', 'zstd', status.UNIMPLEMENTED],
])('%s is refused by grpc-js', async (_, encoding, code) => {
  const started = await start();
  const session = connect(`http://127.0.0.1:${started.receiver.grpcPort}`);
  sessions.push(session);
  const stream = session.request({
    ':method': 'POST',
    ':path': GRPC_PATHS.traces,
    'content-type': 'application/grpc',
    'grpc-encoding': encoding,
    te: 'trailers',
  });
  const ended = new Promise((resolve) => {
    stream.on('response', (headers) => resolve(headers['grpc-status']));
  });
  stream.end(Buffer.from([1, 0, 0, 0, 3, 1, 2, 3]));
  expect(Number(await ended)).toBe(code);
  await whenTrue(() => started.count('inflight_requests') === 0);
});

test('metadata of senders is accepted and ignored', async () => {
  const started = await start();
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer x');
  const client = clientOf(started);
  const code = await new Promise((resolve) =>
    client.makeUnaryRequest(
      GRPC_PATHS.logs,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      new Uint8Array(1),
      metadata,
      (error) => resolve(error?.code ?? status.OK),
    ),
  );
  expect(code).toBe(status.OK);
});

/** Polls between turns of the event loop; the test's own time limit ends it. */
async function whenTrue(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}
