/** Ends the whole service under load, politely and not: what it acknowledged over HTTP is there afterwards. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openTelemetryReader } from '../../src/store/open.ts';
import { waitFor } from './child.ts';
import { type Service, startService } from './service.ts';

const SPANS_PER_REQUEST = 20;
const SENDERS = 8;

let service: Service | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await service?.stop();
  service = undefined;
});

interface Load {
  readonly acknowledged: Set<string>;
  readonly sent: Set<string>;
  /** Statuses other than 200. */
  readonly refusals: number[];
  stop(): Promise<void>;
}

/** Senders that post one trace after the other and note which were acknowledged. */
function startLoad(url: string): Load {
  const acknowledged = new Set<string>();
  const sent = new Set<string>();
  const refusals: number[] = [];
  let isOver = false;
  let next = 1;
  const sendOn = async () => {
    while (!isOver) {
      const traceId = (next++).toString(16).padStart(32, '0');
      sent.add(traceId);
      try {
        const response = await fetch(`${url}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: traceBody(traceId),
          signal: AbortSignal.timeout(15_000),
        });
        await response.arrayBuffer();
        if (response.status === 200) acknowledged.add(traceId);
        else refusals.push(response.status);
      } catch {
        // The service is gone: nothing was acknowledged.
        return;
      }
    }
  };
  const senders = Promise.all(Array.from({ length: SENDERS }, sendOn));
  return {
    acknowledged,
    sent,
    refusals,
    stop: async () => {
      isOver = true;
      await senders;
    },
  };
}

function traceBody(traceId: string): string {
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  const spans = Array.from({ length: SPANS_PER_REQUEST }, (_, index) => ({
    traceId,
    spanId: (index + 1).toString(16).padStart(16, '0'),
    name: `step ${index}`,
    startTimeUnixNano: String(nowNs),
    endTimeUnixNano: String(nowNs + 1_000_000n),
  }));
  return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

/** Spans per trace id in a data folder. */
function countSpans(dir: string): Map<string, number> {
  const reader = openTelemetryReader({ dataDir: join(dir, 'data') });
  try {
    const counts = new Map<string, number>();
    const nowUs = Date.now() * 1000;
    const range = { fromUs: nowUs - 3_600_000_000, toUs: nowUs + 3_600_000_000 };
    reader.scanSpans({ range, sections: [] }, (columns, rows) => {
      for (const row of rows) {
        const id = Buffer.from(columns.traceId.subarray(16 * row, 16 * row + 16)).toString('hex');
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      return undefined;
    });
    return counts;
  } finally {
    reader.close();
  }
}

function expectNothingLost(load: Load, dir: string): void {
  const counts = countSpans(dir);
  const lost = [...load.acknowledged].filter((id) => counts.get(id) !== SPANS_PER_REQUEST);
  expect(lost).toEqual([]);
  for (const [id, count] of counts) {
    expect(load.sent.has(id)).toBe(true);
    expect(count).toBe(SPANS_PER_REQUEST);
  }
}

async function startUnderLoad(): Promise<{ readonly running: Service; readonly load: Load }> {
  const running = await startService({ config: { selfTracing: false } });
  service = running;
  const load = startLoad(running.otlpHttpUrl);
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
    expectNothingLost(load, running.dir);
  });

  it('SIGTERM drains: everything acknowledged is stored, and the process ends by itself', async () => {
    const { running, load } = await startUnderLoad();
    process.kill(running.child.pid, 'SIGTERM');
    await waitFor('the service to end', { timeoutMs: 30_000, check: hasEnded(running) });
    await load.stop();
    expect(running.child.readOutput()).toContain('"msg":"stopped"');
    expect(load.refusals.every((status) => status === 503)).toBe(true);
    expectNothingLost(load, running.dir);
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
