/**
 * Hostile requests against the running product: each gets its status and an answer that names the fault, the service
 * stays up and serves the next sender, and its memory stays bounded.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../../examples/node-bot/src/random.ts';
import { waitFor } from './child.ts';
import {
  BODY_BYTES_MAX,
  type HostileRequest,
  hostileRequests,
  LOOP_TRACE_ID,
  SELF_TRACE_ID,
  validTraces,
} from './hostile-requests.ts';
import { getJson, type Service, startService } from './service.ts';

const REQUEST_TIMEOUT_MS = 20_000;
const REQUESTS = hostileRequests(Date.now());
/** Growth over many rounds that caches, dictionaries and the garbage collector may take. */
const GROWTH_MIB_MAX = 200;
const ROUNDS = 8;
const SEED = 20_260_401;
const MUTATIONS = 400;

describe('hostile requests', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ config: { detection: false, bodyBytesMax: BODY_BYTES_MAX } });
  });
  afterAll(async () => {
    await service?.stop();
  });

  test('there are at least 60 of them', () => {
    expect(REQUESTS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(REQUESTS.map(({ caption }) => caption)).size).toBe(REQUESTS.length);
  });

  test.each(REQUESTS)('OTLP/HTTP: $caption → $status', async (request) => {
    const answer = await send(service, request);
    expect(answer.status, answer.text).toBe(request.status);
    expect(answer.text).toMatch(request.says);
  });

  test(`${MUTATIONS} mutations of a valid request get 200 or a 400 that names the place`, async () => {
    const random = createRandom(SEED);
    const whole = validTraces(Date.now());
    for (let number = 0; number < MUTATIONS; number += 1) {
      const body = Uint8Array.from(whole);
      for (let change = 0; change <= random.below(4); change += 1) {
        body[random.below(body.length)] = random.below(256);
      }
      const headers = { 'content-type': 'application/x-protobuf' };
      const answer = await send(service, { headers, body });
      const shown = `seed ${SEED}, mutation ${number}: ${answer.status} ${answer.text}`;
      expect([200, 400], shown).toContain(answer.status);
      if (answer.status === 400) expect(answer.text, shown).toMatch(/Cannot decode traces: \S+/);
    }
  });

  const GRPC: readonly (readonly [string, string, Uint8Array, number, RegExp])[] = [
    ['text', 'Export', Buffer.from('hello'), 3, /Cannot decode traces/],
    ['half a request', 'Export', validTraces(Date.now()).slice(0, 40), 3, /Cannot decode traces/],
    ['a body over the limit', 'Export', new Uint8Array(BODY_BYTES_MAX + 1), 8, /8388608/],
    ['an unknown method', 'Import', new Uint8Array(0), 12, /Import|implement|method/i],
  ];
  test.each(GRPC)('OTLP/gRPC: %s', async (_, method, body, code, says) => {
    const error = await callGrpc(service, { method, body });
    expect(error?.code, error?.details).toBe(code);
    expect(error?.details).toMatch(says);
  });

  test('senders that hang up in the middle of a body cost nothing', async () => {
    const port = Number(new URL(service.otlpHttpUrl).port);
    const head =
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 5000000\r\n\r\n';
    await Promise.all(
      Array.from(
        { length: 50 },
        () =>
          new Promise<void>((resolve, reject) => {
            const socket = connect(port, '127.0.0.1', () => {
              socket.write(head + 'x'.repeat(1000), () => socket.destroy());
            });
            socket.on('close', () => resolve());
            socket.on('error', reject);
          }),
      ),
    );
    await expectAlive(service);
  });

  test.each([LOOP_TRACE_ID, SELF_TRACE_ID])('a trace with a loop can be read: %s', async (id) => {
    const trace = await getJson(service, `/traces/${id}`, 'trace');
    expect(trace.spans.length).toBeGreaterThan(0);
  });

  test('a diagnosis over all of it ends', async () => {
    const response = await fetch(`${service.apiUrl}/api/v1/diagnoses?wait=30s`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ window: { from: Date.now() - 600_000, to: Date.now() } }),
    });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    expect(text).not.toContain('<script>');
  });

  const WEBHOOKS: readonly (readonly [string, string, number, RegExp])[] = [
    ['no JSON', '{"alerts":', 400, /JSON/i],
    ['a list', '[]', 400, /./],
    ['no alerts', '{"version":"4","groupKey":"g"}', 400, /Cannot read body/],
    [
      'alerts as text',
      '{"version":"4","groupKey":"g","status":"firing","alerts":"all"}',
      400,
      /"alerts/,
    ],
    ['5 MiB', `{"alerts":"${'x'.repeat(5 * 1024 * 1024)}"}`, 413, /./],
  ];
  test.each(WEBHOOKS)('alert webhook: %s → a problem', async (_, body, status, says) => {
    const response = await fetch(`${service.apiUrl}/api/v1/webhooks/alertmanager`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const text = (await response.text()).replaceAll('\\"', '"');
    expect(response.status, text).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(text).toMatch(says);
  });

  test.skipIf(process.platform !== 'linux')('memory stays bounded', async () => {
    const runAll = async (): Promise<void> => {
      for (const request of REQUESTS) {
        // A sender that pushes on after its refusal may find the connection cut: no answer, but no harm.
        await send(service, request).catch(() => undefined);
      }
    };
    await runAll();
    const before = residentMib(service.child.pid);
    for (let round = 0; round < ROUNDS; round += 1) await runAll();
    // The collector may lag behind the last bomb: what counts is where it settles.
    const after = await waitFor('memory to settle', {
      timeoutMs: 30_000,
      children: [service.child],
      check: async () => {
        const now = residentMib(service.child.pid);
        if (now - before > GROWTH_MIB_MAX) throw new Error(`${before} MiB before, ${now} MiB now`);
        return now;
      },
    });
    expect(after).toBeLessThan(1024);
  });

  test('the service is up and takes the next good request', async () => {
    await expectAlive(service);
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await send(service, { headers, body: validTraces(Date.now()) });
    expect(answer).toEqual({ status: 200, text: '' });
  });
});

async function send(
  service: Service,
  request: Pick<HostileRequest, 'method' | 'path' | 'headers' | 'body'>,
): Promise<{ readonly status: number; readonly text: string }> {
  const method = request.method ?? 'POST';
  const response = await fetch(`${service.otlpHttpUrl}${request.path ?? '/v1/traces'}`, {
    method,
    headers: { ...request.headers },
    ...(method === 'GET' ? {} : { body: Buffer.from(request.body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  // Quotes are escaped in JSON and plain in protobuf; the table writes them plain.
  const text = (await response.text()).replaceAll('\\"', '"');
  return { status: response.status, text };
}

/** The error of one unary call of TraceService with raw bytes; undefined when it succeeded. */
function callGrpc(
  service: Service,
  call: { readonly method: string; readonly body: Uint8Array },
): Promise<ServiceError | undefined> {
  const client = new Client(new URL(service.otlpGrpcUrl).host, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
  });
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      `/opentelemetry.proto.collector.trace.v1.TraceService/${call.method}`,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      call.body,
      { deadline: Date.now() + REQUEST_TIMEOUT_MS },
      (error) => {
        client.close();
        resolve(error ?? undefined);
      },
    );
  });
}

async function expectAlive(service: Service): Promise<void> {
  expect(service.child.isAlive(), service.child.readOutput().slice(-2000)).toBe(true);
  expect((await fetch(`${service.apiUrl}/healthz`)).status).toBe(200);
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
