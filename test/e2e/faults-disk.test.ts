/**
 * Disks that fail while the service runs: full, broken, read-only, slow; in a commit, in a checkpoint, in compaction. Senders
 * are told to wait, nothing acknowledged is lost or counted twice, and the service goes on once the disk does, without a restart.
 */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ROOT, waitFor } from './child.ts';
import type { Fault } from './fault-control.ts';
import {
  expectReadable,
  expectToldToWait,
  type FaultScene,
  openFaultScene,
  readCounter,
  watchMemory,
} from './fault-scene.ts';

const NO_GCC = 'gcc is missing: it builds what makes calls on files fail';
const ACKNOWLEDGED_BEFORE = 100;
const ACKNOWLEDGED_AFTER = 100;
/** Probes of both transports while the fault lasts: a commit fails for each of them. */
const PROBES = 5;

let scene: FaultScene | undefined;

afterEach(async () => {
  await scene?.remove();
  scene = undefined;
});

const FAULTS: readonly (Fault & { readonly what: string })[] = [
  { what: 'is full', calls: ['write', 'truncate'], pattern: '*/data/*', error: 'ENOSPC' },
  { what: 'fails writes', calls: ['write'], pattern: '*/data/*', error: 'EIO' },
  { what: 'fails flushes', calls: ['sync'], pattern: '*/data/*', error: 'EIO' },
  {
    what: 'turns read-only',
    calls: ['write', 'sync', 'truncate', 'open'],
    pattern: '*/data/*',
    error: 'EROFS',
  },
];

describe.each(FAULTS)('a disk that $what', ({ what: _, ...fault }) => {
  test('has senders wait, keeps what was acknowledged and is used again', async ({ skip }) => {
    scene = await openFaultScene();
    if (!scene) return skip(NO_GCC);
    const { control, progress, service, finish } = scene;
    await progress(ACKNOWLEDGED_BEFORE);
    const expectFlatMemory = watchMemory(service());
    control.setFault(fault);
    for (let probe = 0; probe < PROBES; probe++) await expectToldToWait(service());
    await expectReadable(service());
    expectFlatMemory();
    control.setFault(undefined);
    await progress(ACKNOWLEDGED_AFTER);
    await finish();
  });
});

test('a process that is killed while flushes fail keeps what it acknowledged', async ({ skip }) => {
  scene = await openFaultScene();
  if (!scene) return skip(NO_GCC);
  const { control, progress, service, restart, finish } = scene;
  await progress(ACKNOWLEDGED_BEFORE);
  control.setFault({ calls: ['sync'], pattern: '*/data/*', error: 'EIO' });
  for (let probe = 0; probe < PROBES; probe++) await expectToldToWait(service());
  await restart({ beforeStart: () => control.setFault(undefined) });
  await progress(ACKNOWLEDGED_AFTER);
  await finish();
});

test('a disk whose flushes take 2 s delays acknowledgements and nothing else', async ({ skip }) => {
  scene = await openFaultScene();
  if (!scene) return skip(NO_GCC);
  const { control, progress, service, finish } = scene;
  await progress(ACKNOWLEDGED_BEFORE);
  const expectFlatMemory = watchMemory(service());
  control.setFault({ calls: ['sync'], pattern: '*/data/*', delayMs: 2000 });
  // No sender waits for two groups.
  await progress(8);
  await expectReadable(service());
  expectFlatMemory();
  control.setFault(undefined);
  await progress(ACKNOWLEDGED_AFTER);
  await finish();
});

test('a checkpoint that finds no room in the database fails, and ingest goes on', async ({
  skip,
}) => {
  scene = await openFaultScene();
  if (!scene) return skip(NO_GCC);
  const { control, progress, service, finish } = scene;
  await progress(ACKNOWLEDGED_BEFORE);
  const failures = () => readCounter(service(), 'taproot_store_checkpoint_failed_total');
  const pages = () => readCounter(service(), 'taproot_store_checkpoint_pages_total');
  control.setFault({ calls: ['write', 'truncate'], pattern: '*/telemetry/*.db', error: 'ENOSPC' });
  await waitFor('failing checkpoints', {
    timeoutMs: 25_000,
    check: async () => ((await failures()) >= 2 ? true : undefined),
  });
  await progress(ACKNOWLEDGED_AFTER);
  await expectReadable(service());
  const pagesBefore = await pages();
  control.setFault(undefined);
  await waitFor('a checkpoint that succeeds', {
    timeoutMs: 25_000,
    check: async () => ((await pages()) > pagesBefore ? true : undefined),
  });
  await finish();
});

test('compaction that finds no room leaves what it would have merged, and ingest goes on', async ({
  skip,
}) => {
  const failedMax = 3;
  const preloads = ['kill-here.js', 'fault-here.js'].map((name) =>
    join(ROOT, 'dist/test/e2e', name),
  );
  scene = await openFaultScene({
    env: {
      NODE_OPTIONS: preloads.map((file) => `--import=${file}`).join(' '),
      FAULT_COMPACTIONS: String(failedMax),
    },
  });
  if (!scene) return skip(NO_GCC);
  const { progress, service, finish } = scene;
  const failures = () => readCounter(service(), 'taproot_store_checkpoint_failed_total');
  await waitFor('failing compactions', {
    timeoutMs: 25_000,
    check: async () => ((await failures()) >= failedMax ? true : undefined),
  });
  await expectReadable(service());
  await progress(ACKNOWLEDGED_AFTER);
  expect(await failures()).toBe(failedMax);
  await finish();
});
