/** OTLP/HTTP over real sockets: every branch from head to reply. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { AppError, ERROR_CATALOGUE, type ErrorCode } from '../../src/base/errors.ts';
import { buildStatus } from '../../src/otlp/otlp.ts';
import { DEFAULT_TIMEOUTS } from '../../src/receive/ingestor.ts';
import type { ReceiverOptions } from '../../src/receive/receive.ts';
import {
  openSocket,
  post,
  readToEnd,
  readUntil,
  STORED,
  startTestReceiver,
  type TestReceiver,
} from './support.ts';

let open: TestReceiver | undefined;
afterEach(async () => {
  open?.ingestor.letGo();
  await open?.receiver.stop({ timeoutMs: 1000 });
  open = undefined;
});

async function start(options: Partial<ReceiverOptions> = {}): Promise<TestReceiver> {
  open = await startTestReceiver(options);
  return open;
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a request that is stored', () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);

  test.each([
    ['one piece', bytes, {}],
    ['chunks', [bytes.subarray(0, 1), bytes.subarray(1, 3000), bytes.subarray(3000)], {}],
    ['nothing', '', {}],
  ])('arrives whole, in memory of its own: %s', async (_, body, headers) => {
    const { receiver, ingestor, count } = await start();
    const answer = await post(receiver.httpPort, { body, headers });
    expect(answer.status).toBe(200);
    const [stored] = ingestor.requests;
    const wanted = body === '' ? new Uint8Array(0) : bytes;
    expect(stored).toMatchObject({ signal: 'traces', encoding: 'protobuf', compression: '' });
    expect(Buffer.compare(stored!.body, wanted)).toBe(0);
    expect(count('bytes_total', { signal: 'traces', transport: 'http' })).toBe(wanted.length);
    expect([count('inflight_bytes'), count('inflight_requests')]).toEqual([0, 0]);
  });

  test('is not inflated: a gzip body passes as it is', async () => {
    const { receiver, ingestor } = await start();
    const body = gzipSync(bytes);
    await post(receiver.httpPort, { body, headers: { 'content-encoding': 'gzip' } });
    expect(ingestor.requests[0]).toMatchObject({ compression: 'gzip' });
    expect(Buffer.compare(ingestor.requests[0]!.body, body)).toBe(0);
  });

  test.each([
    ['protobuf', 'application/x-protobuf', ''],
    ['json', 'application/json', '{}'],
  ])('gets an empty response in %s', async (_, type, body) => {
    const { receiver } = await start();
    const answer = await post(receiver.httpPort, { headers: { 'content-type': type } });
    expect(answer.headers['content-type']).toBe(type);
    expect(answer.body.toString()).toBe(body);
  });

  test('with rejections gets a partial success with the true count', async () => {
    const { receiver, ingestor } = await start();
    ingestor.answer = () =>
      Promise.resolve({ kind: 'stored', rejectedCount: 3, message: 'zero ids' });
    const answer = await post(receiver.httpPort, { path: '/v1/logs', headers: JSON_TYPE });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({
      partialSuccess: { rejectedLogRecords: '3', errorMessage: 'zero ids' },
    });
  });

  test.each([
    ['/v1/traces', 'traces'],
    ['/v1/logs/', 'logs'],
    ['/v1/metrics', 'metrics'],
    ['/v1/loop/opentelemetry/v1/traces', 'traces'],
  ])('by path %s', async (path, signal) => {
    const { receiver, ingestor, count } = await start();
    expect((await post(receiver.httpPort, { path })).status).toBe(200);
    expect(ingestor.requests[0]?.signal).toBe(signal);
    expect(count('requests_total', { signal, transport: 'http', code: '200' })).toBe(1);
  });
});

describe('a request that is refused by its head', () => {
  test.each([
    ['path', { path: '/v2/traces' }, 'otlp.not_found'],
    ['method', { method: 'PUT' }, 'otlp.method_not_allowed'],
    ['type', { headers: { 'content-type': 'text/plain' } }, 'otlp.unsupported_media_type'],
  ] as const)('%s', async (_, options, code) => {
    const { receiver, ingestor, count } = await start();
    const answer = await post(receiver.httpPort, options);
    const { http, grpc } = ERROR_CATALOGUE[code];
    expect(answer.status).toBe(http);
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(answer.headers['allow']).toBe(http === 405 ? 'POST' : undefined);
    if (answer.headers['content-type'] === 'application/json') {
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: grpc });
    } else expect(answer.body[1]).toBe(grpc); // field 1 of google.rpc.Status
    expect(ingestor.requests).toHaveLength(0);
    expect(count('requests_total', { code: String(http) })).toBe(1);
  });

  test('HEAD gets no body', async () => {
    const { receiver } = await start();
    const answer = await post(receiver.httpPort, { method: 'HEAD' });
    expect([answer.status, answer.body.length]).toEqual([405, 0]);
  });
});

describe('a body over the limit', () => {
  const bodyBytesMax = 2000;
  test.each([
    ['just inside', new Uint8Array(2000), 200],
    ['one byte more', new Uint8Array(2001), 413],
    ['chunks just inside', [new Uint8Array(1000), new Uint8Array(1000)], 200],
    ['chunks one byte more', [new Uint8Array(1000), new Uint8Array(1001)], 413],
  ])('%s', async (_, body, status) => {
    const { receiver, ingestor, count } = await start({ bodyBytesMax });
    const answer = await post(receiver.httpPort, { body });
    expect(answer.status).toBe(status);
    expect(ingestor.requests).toHaveLength(status === 200 ? 1 : 0);
    expect(count('inflight_bytes')).toBe(0);
  });

  test('is refused by its announced length, before it is sent', async () => {
    const { receiver } = await start({ bodyBytesMax });
    const socket = await openSocket(receiver.httpPort);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n{',
    );
    const text = await readToEnd(socket);
    expect(text).toMatch(/^HTTP\/1\.1 413 .*connection: close.*9000000 bytes/is);
  });

  test('that is pushed on regardless is read to a bound only', async () => {
    const { receiver, count } = await start({ bodyBytesMax });
    const socket = await openSocket(receiver.httpPort);
    socket.on('error', () => {});
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    // once() of node:events would reject with the EPIPE that is expected here.
    const happened = (name: string) => new Promise<void>((resolve) => socket.once(name, resolve));
    const closed = happened('close');
    let pushed = 0;
    while (!socket.destroyed && pushed < 256 * 2 ** 20) {
      pushed += piece.length;
      if (!socket.write(piece)) await Promise.race([happened('drain'), closed]);
    }
    await closed;
    expect(pushed).toBeLessThan(64 * 2 ** 20);
    expect(count('requests_total', { code: '413' })).toBe(1);
    expect(count('inflight_bytes')).toBe(0);
  });
});

describe('a verdict of the ingestor becomes its status', () => {
  const cases: [ErrorCode, string | undefined][] = [
    ['otlp.malformed', undefined],
    ['otlp.unsupported_encoding', undefined],
    ['otlp.too_large', undefined],
    ['ingest.overloaded', '1'],
    ['store.unavailable', '1'],
    ['store.rejected', undefined],
  ];
  test.each(cases)('%s', async (code, retryAfter) => {
    const { receiver, ingestor } = await start();
    ingestor.answer = () => Promise.resolve({ kind: 'refused', code, message: 'because' });
    const answer = await post(receiver.httpPort, { headers: JSON_TYPE, body: '{}' });
    const { http, grpc } = ERROR_CATALOGUE[code];
    expect(answer.status).toBe(http);
    expect(answer.headers['retry-after']).toBe(retryAfter);
    const status = JSON.parse(answer.body.toString());
    expect(status).toMatchObject({ code: grpc, message: 'because' });
    const details = retryAfter ? 'RetryInfo' : code === 'otlp.malformed' ? 'BadRequest' : '';
    expect(JSON.stringify(status.details ?? '')).toContain(details);
  });

  test('a thrown AppError keeps its code', async () => {
    const { receiver, ingestor } = await start();
    ingestor.answer = () => Promise.reject(new AppError('otlp.malformed', 'bad byte'));
    expect((await post(receiver.httpPort)).status).toBe(400);
  });

  test('anything else thrown is 500 without its text', async () => {
    const { receiver, ingestor, count } = await start();
    ingestor.answer = () => Promise.reject(new Error('secret path'));
    const answer = await post(receiver.httpPort, { headers: JSON_TYPE });
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).not.toContain('secret');
    expect(count('inflight_requests')).toBe(0);
  });

  test('no verdict in time is 503, and the bytes stay charged until there is one', async () => {
    const { receiver, ingestor, count } = await start({
      timeouts: { ...DEFAULT_TIMEOUTS, ingestReplyMs: 30 },
    });
    ingestor.hold();
    const answer = await post(receiver.httpPort, { body: 'abc', headers: JSON_TYPE });
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(count('inflight_bytes')).toBe(3);
    ingestor.letGo();
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(count('inflight_bytes')).toBe(0);
  });
});

describe('overload', () => {
  test('is answered 429 with Retry-After before the body is read, and passes', async () => {
    const { receiver, ingestor, count } = await start({
      bodyBytesMax: 1000,
      inflightBytesMax: 1500,
    });
    ingestor.hold();
    const first = post(receiver.httpPort, { body: new Uint8Array(1000) });
    await ingestor.arrived(1);
    const second = await post(receiver.httpPort, { body: new Uint8Array(501), headers: JSON_TYPE });
    expect(second.status).toBe(429);
    expect(second.headers['retry-after']).toBe('1');
    expect(JSON.parse(second.body.toString())).toMatchObject({
      code: 14,
      details: [{ retryDelay: '1s' }],
    });
    ingestor.letGo();
    expect((await first).status).toBe(200);
    ingestor.answer = () => Promise.resolve(STORED);
    expect((await post(receiver.httpPort, { body: new Uint8Array(501) })).status).toBe(200);
    expect(count('requests_total', { code: '429' })).toBe(1);
  });

  test('that comes while a chunked body is read is answered 429, too', async () => {
    const { receiver, ingestor } = await start({ bodyBytesMax: 1000, inflightBytesMax: 1500 });
    ingestor.hold();
    const first = post(receiver.httpPort, { body: new Uint8Array(1000) });
    await ingestor.arrived(1);
    const chunks = [new Uint8Array(300), new Uint8Array(300)];
    expect((await post(receiver.httpPort, { body: chunks })).status).toBe(429);
    ingestor.letGo();
    await first;
  });
});

describe('Expect: 100-continue', () => {
  const head = (length: number) =>
    `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nexpect: 100-continue\r\n\r\n`;

  test('is answered before the body is sent', async () => {
    const { receiver, ingestor } = await start();
    const socket = await openSocket(receiver.httpPort);
    socket.write(head(2));
    await readUntil(socket, '100 Continue');
    expect(ingestor.requests).toHaveLength(0);
    socket.write('{}');
    await readUntil(socket, '200 OK');
    socket.destroy();
    expect(Buffer.from(ingestor.requests[0]!.body).toString()).toBe('{}');
  });

  test('too large is refused without the body, and the connection ends', async () => {
    const { receiver } = await start({ bodyBytesMax: 1024 });
    const socket = await openSocket(receiver.httpPort);
    socket.write(head(1025));
    const text = await readToEnd(socket);
    expect(text).toMatch(/^HTTP\/1\.1 413/);
    expect(text).toMatch(/connection: close/i);
    expect(text).not.toContain('100 Continue');
  });
});

describe('connections', () => {
  test('are kept alive over several requests', async () => {
    const { receiver, ingestor } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (const path of ['/v1/traces', '/nowhere', '/v1/logs', '/v1/metrics']) {
      const outgoing = request({
        host: '127.0.0.1',
        port: receiver.httpPort,
        path,
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json' },
      });
      outgoing.end('{}');
      const [incoming] = await once(outgoing, 'response');
      incoming.resume();
      await once(incoming, 'end');
      ports.add(outgoing.socket?.localPort);
    }
    agent.destroy();
    expect(ports.size).toBe(1);
    expect(ingestor.requests).toHaveLength(3);
  });

  test('pipelined requests are answered in order', async () => {
    const { receiver, ingestor } = await start();
    ingestor.answer = ({ body }) =>
      Promise.resolve({ kind: 'stored', rejectedCount: body.length, message: 'n' });
    const socket = await openSocket(receiver.httpPort);
    const one = (length: number, rest: string) =>
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${rest}\r\n${'x'.repeat(length)}`;
    socket.write(one(1, '') + one(2, '') + one(3, 'connection: close\r\n'));
    const text = await readToEnd(socket);
    const counts = [...text.matchAll(/rejectedSpans":"(\d)"/g)].map(([, count]) => count);
    expect(counts).toEqual(['1', '2', '3']);
  });

  test.each([
    [
      'a length and chunks',
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'two lengths',
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc',
      400,
    ],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a negative length', 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', 400],
    [
      'too many header bytes',
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
    ],
  ])('broken HTTP gets a Status and is cut: %s', async (_, bytes, status) => {
    const { receiver, ingestor, count } = await start();
    const socket = await openSocket(receiver.httpPort);
    socket.write(bytes);
    const text = await readToEnd(socket);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(text).toContain('"message":"Cannot read the HTTP request');
    expect(ingestor.requests).toHaveLength(0);
    expect(count('requests_total', { code: String(status) })).toBe(1);
  });

  test('a sender that goes away in the middle frees its budget', async () => {
    const { receiver, ingestor, count, counters } = await start();
    const socket = await openSocket(receiver.httpPort);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\nabc',
    );
    await whenTrue(() => count('inflight_bytes') === 3);
    socket.destroy();
    await whenTrue(() => count('requests_total', { code: 'aborted' }) === 1);
    expect(counters.snapshot().find(({ name }) => name.endsWith('inflight_bytes'))?.value).toBe(0);
    expect(ingestor.requests).toHaveLength(0);
  });

  test('a sender that drips is cut with 408 and frees its budget', async () => {
    const { receiver, count } = await start({
      timeouts: { ...DEFAULT_TIMEOUTS, requestHeadersMs: 50, requestReadMs: 100 },
    });
    const socket = await openSocket(receiver.httpPort);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\nabc',
    );
    const text = await readToEnd(socket);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    await whenTrue(() => count('inflight_requests') === 0);
  });

  test('a sender that drips its head is cut', async () => {
    const { receiver } = await start({
      timeouts: { ...DEFAULT_TIMEOUTS, requestHeadersMs: 50, requestReadMs: 100 },
    });
    const socket = await openSocket(receiver.httpPort);
    socket.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-drip: ');
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('CORS', () => {
  const corsOrigins = ['https://bots.example'];
  const preflight = {
    method: 'OPTIONS',
    headers: {
      origin: 'https://bots.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  };

  test('answers preflights of configured origins, and marks replies', async () => {
    const { receiver } = await start({ corsOrigins });
    const answer = await post(receiver.httpPort, preflight);
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe('https://bots.example');
    const stored = await post(receiver.httpPort, { headers: { origin: 'https://bots.example' } });
    expect(stored.headers['access-control-allow-origin']).toBe('https://bots.example');
  });

  test('is off by default', async () => {
    const { receiver } = await start();
    const answer = await post(receiver.httpPort, preflight);
    expect(answer.status).toBe(405);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('a preflight for an unknown path is not granted', async () => {
    const { receiver } = await start({ corsOrigins });
    expect((await post(receiver.httpPort, { ...preflight, path: '/x' })).status).toBe(404);
  });
});

test('a protobuf error body is the Status that src/otlp builds', async () => {
  const { receiver, ingestor } = await start();
  const message = 'because';
  ingestor.answer = () => Promise.resolve({ kind: 'refused', code: 'store.rejected', message });
  const answer = await post(receiver.httpPort);
  const wanted = buildStatus({ encoding: 'protobuf', grpcCode: 13, message });
  expect(Buffer.compare(answer.body, wanted)).toBe(0);
});

/** Polls between turns of the event loop; the test's own time limit ends it. */
async function whenTrue(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}
