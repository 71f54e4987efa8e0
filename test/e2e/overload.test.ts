/** More load than the budget allows: senders are told to wait, nothing acknowledged is lost, memory is bounded. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from './child.ts';
import { expectNothingLost, startLoad } from './load.ts';
import { type Service, startService } from './service.ts';

const MIB = 1024 * 1024;
/** The smallest that the configuration takes. */
const INFLIGHT_BYTES_MAX = MIB;
/** A service at rest has about 200 MiB, one under full load with the default budget below 500 MiB. */
const MEMORY_BYTES_MAX = 600 * MIB;

let service: Service | undefined;

afterEach(async () => {
  await service?.stop();
  service = undefined;
});

/** Most memory that the process ever had, where the system tells. */
function peakMemoryBytes(pid: number): number | undefined {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return undefined;
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

describe('more load than the budget allows', () => {
  it('is refused with Retry-After, and what was acknowledged is stored', async () => {
    const running = await startService({
      config: {
        selfTracing: false,
        bodyBytesMax: INFLIGHT_BYTES_MAX,
        inflightBytesMax: INFLIGHT_BYTES_MAX,
      },
    });
    service = running;
    // 48 bodies of 100 KiB want in where ten have room.
    const load = startLoad(running.otlpHttpUrl, {
      senders: 48,
      spansPerRequest: 20,
      attributeChars: 5000,
    });
    await waitFor('refusals beside acknowledgements', {
      timeoutMs: 20_000,
      children: [running.child],
      check: async () =>
        load.acknowledged.size >= 500 && load.refusals.length >= 100 ? true : undefined,
    });
    await load.stop();
    const kinds = new Set(load.refusals.map((refusal) => JSON.stringify(refusal)));
    expect([...kinds]).toEqual([JSON.stringify({ status: 429, retryAfter: '1' })]);
    expect(load.acknowledged.size + load.refusals.length).toBe(load.sent.size);

    const metrics = await (await fetch(`${running.apiUrl}/metrics`)).text();
    expect(metrics).toContain('taproot_receive_inflight_bytes 0\n');
    expect(metrics).toContain('taproot_receive_inflight_requests 0\n');
    expect(metrics).toContain(
      `taproot_receive_requests_total{code="429",signal="traces",transport="http"} ${load.refusals.length}\n`,
    );
    expect(peakMemoryBytes(running.child.pid) ?? 0).toBeLessThan(MEMORY_BYTES_MAX);
    expectNothingLost(load, join(running.dir, 'data'));
  });
});
