/** startReceiver: ports, stop under load, what happens to requests that do not end. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { exportOver, openClient, openSocket, post, startTestReceiver } from './support.ts';

describe('startReceiver() says which port it cannot have', () => {
  test.each(['httpPort', 'grpcPort'] as const)('%s', async (name) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(startTestReceiver({ [name]: port })).rejects.toMatchObject({
      code: 'listen.failed',
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port}.*the port is taken`)),
    });
    other.close();
  });

  test('an address that is not here', async () => {
    await expect(startTestReceiver({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'listen.failed',
      message: expect.stringContaining('192.0.2.1:0'),
    });
  });

  test('refuses a budget that no body fits', async () => {
    await expect(
      startTestReceiver({ bodyBytesMax: 2000, inflightBytesMax: 1999 }),
    ).rejects.toMatchObject({ code: 'config.invalid' });
  });

  test('listens on IPv6, too', async () => {
    const { receiver } = await startTestReceiver({ host: '::1' });
    expect(receiver.httpPort).toBeGreaterThan(0);
    expect(receiver.grpcPort).toBeGreaterThan(0);
    await receiver.stop({ timeoutMs: 100 });
  });
});

describe('Receiver.stop()', () => {
  test('refuses new work, answers what it accepted, closes', async () => {
    const started = await startTestReceiver();
    const { receiver, ingestor } = started;
    const client = openClient(receiver.grpcPort);
    ingestor.hold();
    const overHttp = post(receiver.httpPort, { body: 'a' });
    const overGrpc = exportOver(client, { body: new Uint8Array(1) });
    await ingestor.arrived(2);

    const stopped = receiver.stop({ timeoutMs: 10_000 });
    const late = await post(receiver.httpPort, { headers: { 'content-type': 'application/json' } });
    expect(late.status).toBe(503);
    expect(late.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
    const lateGrpc = await exportOver(client);
    expect(lateGrpc.code).toBe(status.UNAVAILABLE);
    expect(lateGrpc.statusDetails?.toString('latin1')).toContain('RetryInfo');

    ingestor.letGo();
    expect((await overHttp).status).toBe(200);
    expect((await overGrpc).code).toBe(status.OK);
    await stopped;
    client.close();
    expect(ingestor.requests).toHaveLength(2);
    await expect(openSocket(receiver.httpPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(openSocket(receiver.grpcPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('under load loses nothing that was acknowledged and acknowledges nothing that was lost', async () => {
    const { receiver, ingestor } = await startTestReceiver();
    const stored = new Set<string>();
    ingestor.answer = async ({ body }) => {
      await new Promise(setImmediate);
      stored.add(Buffer.from(body).toString());
      return { kind: 'stored', rejectedCount: 0, message: '' };
    };
    const acknowledged: string[] = [];
    const sender = async (name: string) => {
      for (let round = 0; round < 200; round++) {
        const body = `${name}-${round}`;
        const answer = await post(receiver.httpPort, { body }).catch(() => undefined);
        if (answer?.status === 200) acknowledged.push(body);
        else if (answer?.status !== 503) return; // the port is closed
      }
    };
    const senders = ['a', 'b', 'c', 'd'].map(sender);
    await ingestor.arrived(20);
    await receiver.stop({ timeoutMs: 5000 });
    await Promise.all(senders);
    expect(acknowledged.length).toBeGreaterThan(15);
    expect(acknowledged.filter((body) => !stored.has(body))).toEqual([]);
    expect([...stored].filter((body) => !acknowledged.includes(body))).toEqual([]);
  });

  test('gives up on requests that do not end in time, and counts them', async () => {
    const { receiver, ingestor, count } = await startTestReceiver();
    ingestor.hold();
    const unanswered = post(receiver.httpPort, { body: 'a' }).then(
      ({ status: code }) => code,
      () => 'cut',
    );
    await ingestor.arrived(1);
    await receiver.stop({ timeoutMs: 30 });
    expect(await unanswered).toBe('cut');
    expect(count('abandoned_total')).toBe(1);
    ingestor.letGo();
  });

  test('called twice waits for the same stop', async () => {
    const { receiver } = await startTestReceiver();
    await Promise.all([receiver.stop({ timeoutMs: 100 }), receiver.stop({ timeoutMs: 100 })]);
  });

  test('closes idle connections at once', async () => {
    const { receiver } = await startTestReceiver();
    const socket = await openSocket(receiver.httpPort);
    const closed = once(socket, 'close');
    await receiver.stop({ timeoutMs: 60_000 });
    await closed;
  });
});
