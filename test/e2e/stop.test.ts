/** Ends the whole service under load, politely and not: what it acknowledged over HTTP is there afterwards. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from './child.ts';
import { expectNothingLost, type Load, startLoad } from './load.ts';
import { type Service, startService } from './service.ts';

let service: Service | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await service?.stop();
  service = undefined;
});

async function startUnderLoad(): Promise<{ readonly running: Service; readonly load: Load }> {
  const running = await startService({ config: { selfTracing: false } });
  service = running;
  const load = startLoad(running.otlpHttpUrl, { senders: 8, spansPerRequest: 20 });
  await waitFor('some acknowledgements', {
    timeoutMs: 20_000,
    children: [running.child],
    check: async () => (load.acknowledged.size >= 100 ? true : undefined),
  });
  return { running, load };
}

function hasEnded(running: Service): () => Promise<true | undefined> {
  return async () => (running.child.isAlive() ? undefined : true);
}

describe('the service under load', () => {
  it('SIGKILL loses nothing that was acknowledged and leaves nothing in halves', async () => {
    const { running, load } = await startUnderLoad();
    process.kill(running.child.pid, 'SIGKILL');
    await load.stop();
    expect(load.acknowledged.size).toBeGreaterThanOrEqual(100);
    expectNothingLost(load, join(running.dir, 'data'));
  });

  it('SIGTERM drains: everything acknowledged is stored, and the process ends by itself', async () => {
    const { running, load } = await startUnderLoad();
    process.kill(running.child.pid, 'SIGTERM');
    await waitFor('the service to end', { timeoutMs: 30_000, check: hasEnded(running) });
    await load.stop();
    expect(running.child.readOutput()).toContain('"msg":"stopped"');
    expect(load.refusals.every(({ status }) => status === 503)).toBe(true);
    expectNothingLost(load, join(running.dir, 'data'));
  });

  it('a second signal ends at once what the first would wait for', async () => {
    const running = await startService();
    service = running;
    const { hostname, port } = new URL(running.otlpHttpUrl);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => undefined);
    // An upload that never ends keeps the first signal waiting.
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
    );
    await waitFor('the upload to be seen', {
      timeoutMs: 10_000,
      children: [running.child],
      check: async () => {
        const metrics = await (await fetch(`${running.apiUrl}/metrics`)).text();
        return /^taproot_receive_inflight_requests [1-9]/m.test(metrics) ? true : undefined;
      },
    });
    process.kill(running.child.pid, 'SIGTERM');
    await waitFor('the service to stop accepting', {
      timeoutMs: 10_000,
      check: async () => (running.child.readOutput().includes('stopping') ? true : undefined),
    });
    expect(running.child.isAlive()).toBe(true);
    const secondMs = performance.now();
    process.kill(running.child.pid, 'SIGTERM');
    await waitFor('the process to be gone', { timeoutMs: 5000, check: hasEnded(running) });
    expect(performance.now() - secondMs).toBeLessThan(5000);
    expect(running.child.readOutput()).not.toContain('"msg":"stopped"');
  });
});
