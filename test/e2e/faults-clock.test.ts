/**
 * A wall clock that jumps an hour forward and back under load: nothing is lost or counted twice, no day goes, a request that is sent
 * again is known, timers go on.
 */
import { afterEach, expect, test } from 'vitest';
import { waitFor } from './child.ts';
import {
  expectReadable,
  type FaultScene,
  openFaultScene,
  postTrace,
  probeBody,
  readCounter,
} from './fault-scene.ts';
import type { Service } from './service.ts';

const HOUR_S = 3600;
/** Where the clock is at; from one to the next it jumps by up to two hours. */
const JUMPS_S = [HOUR_S, 0, -HOUR_S, HOUR_S, 2 * HOUR_S];
const PROGRESS = 60;

let scene: FaultScene | undefined;

afterEach(async () => {
  await scene?.remove();
  scene = undefined;
});

test('a clock that jumps loses nothing, removes nothing and forgets no request', async ({
  skip,
}) => {
  // What the senders date a month back lies on days that only their fresh files keep.
  scene = await openFaultScene({ config: { retentionDays: 1 } });
  if (!scene) return skip('gcc is missing: it builds what moves the clock');
  const { control, progress, service, restart, finish } = scene;
  const repeated = probeBody();
  expect((await postTrace(service(), repeated)).status).toBe(200);
  await progress(PROGRESS);
  for (const offsetS of JUMPS_S) {
    control.setClock(offsetS);
    await progress(PROGRESS);
    await expectKnown(service(), repeated);
    await expectUpkeep(service());
    await expectReadable(service());
  }
  expect(await readCounter(service(), 'taproot_store_removed_days_total')).toBe(0);
  // The process before wrote two hours from here.
  await restart({ beforeStart: () => control.setClock(0) });
  await expectKnown(service(), repeated);
  await progress(PROGRESS);
  await finish();
});

async function expectKnown(service: Service, body: Uint8Array): Promise<void> {
  const name = 'taproot_ingest_resent_total';
  const before = await readCounter(service, name);
  expect((await postTrace(service, body)).status).toBe(200);
  expect(await readCounter(service, name)).toBeGreaterThan(before);
}

/** The intervals that move the log and merge what is small come as before. */
async function expectUpkeep(service: Service): Promise<void> {
  const pages = () => readCounter(service, 'taproot_store_checkpoint_pages_total');
  const before = await pages();
  await waitFor('a checkpoint', {
    timeoutMs: 20_000,
    children: [service.child],
    check: async () => ((await pages()) > before ? true : undefined),
  });
}
