/** The service over a day that cannot be read: it starts, stays ready, stores the rest, and is whole after a repair. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { fillStore, readRows, rootPageOf, zeroPage } from '../store/sqlite/damage.ts';
import { ROOT, type TemporaryFolder, temporaryFolder } from './child.ts';
import { type Service, startService } from './service.ts';

let folder: TemporaryFolder | undefined;
let service: Service | undefined;

afterEach(async () => {
  await service?.stop();
  folder?.remove();
  [service, folder] = [undefined, undefined];
});

function doctor(...args: readonly string[]): {
  readonly code: number | null;
  readonly output: string;
} {
  const { status, stdout, stderr } = spawnSync(process.execPath, [
    join(ROOT, 'dist/src/main.js'),
    'doctor',
    ...args,
  ]);
  return { code: status, output: `${stdout}${stderr}` };
}

async function sendSpan(to: Service, startMs: number): Promise<number> {
  const span = {
    traceId: '5'.repeat(32),
    spanId: '6'.repeat(16),
    name: 'work',
    startTimeUnixNano: `${startMs}000000`,
    endTimeUnixNano: `${startMs + 1}000000`,
  };
  const response = await fetch(`${to.otlpHttpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
  });
  await response.text();
  return response.status;
}

it('starts, says so, stores other days, and serves everything after a repair', async () => {
  folder = temporaryFolder('doctor');
  const dataDir = join(folder.path, 'data');
  mkdirSync(dataDir);
  fillStore(dataDir, { groups: 4, seed: 1 });
  const before = readRows(dataDir);
  const sectionsRoot = rootPageOf(dataDir, 'sections');
  zeroPage(dataDir, 1);
  zeroPage(dataDir, sectionsRoot);

  service = await startService({ config: { dataDir, selfTracing: false } });
  expect((await fetch(`${service.apiUrl}/readyz`)).status).toBe(200);
  expect(service.child.readOutput()).toMatch(/20260102.*a day cannot be read/s);
  expect(await (await fetch(`${service.apiUrl}/metrics`)).text()).toContain(
    'taproot_store_unreadable_days 1',
  );
  expect(await sendSpan(service, Date.now())).toBe(200);
  expect(await sendSpan(service, Date.UTC(2026, 0, 2, 12))).toBe(503);
  const shown = doctor('--data', dataDir);
  expect(shown).toMatchObject({ code: 1, output: expect.stringContaining('day 20260102') });
  const refused = doctor('--data', dataDir, '--repair');
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('stop it') });
  expect((await fetch(`${service.apiUrl}/readyz`)).status).toBe(200);
  await service.stop();

  expect(doctor('--data', dataDir, '--repair')).toMatchObject({
    code: 0,
    output: expect.stringContaining('day 20260102 is repaired'),
  });
  service = await startService({ config: { dataDir, selfTracing: false } });
  expect(await sendSpan(service, Date.UTC(2026, 0, 2, 12))).toBe(200);
  await service.stop();
  service = undefined;
  const after = readRows(dataDir);
  expect(after.logs).toEqual(before.logs);
  expect(after.metrics).toEqual(before.metrics);
  expect(after.traces).toHaveLength(before.traces.length + 2);
});
