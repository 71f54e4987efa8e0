/**
 * A disk that fills up: senders are told to try again, nothing acknowledged is lost, and the service goes on
 * without a restart once there is room. Needs a small file system of its own, which only root can mount.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type TemporaryFolder, temporaryFolder, waitFor } from './child.ts';
import { expectNothingLost, startLoad } from './load.ts';
import { type Service, startService } from './service.ts';

const MIB = 1024 * 1024;

let folder: TemporaryFolder | undefined;
let mountPoint: string | undefined;
let service: Service | undefined;

afterEach(async () => {
  await service?.stop();
  if (mountPoint !== undefined) execFileSync('umount', [mountPoint]);
  folder?.remove();
  [service, mountPoint, folder] = [undefined, undefined, undefined];
});

/** A file system of 24 MiB, or the reason why there is none. */
function mountSmallDisk(): { readonly path: string } | { readonly reason: string } {
  if (process.getuid?.() !== 0) return { reason: 'mounting needs root' };
  folder = temporaryFolder('disk');
  const path = join(folder.path, 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    return { reason: `cannot mount a tmpfs: ${String(error)}` };
  }
  mountPoint = path;
  return { path };
}

describe('a disk that fills up', () => {
  it('answers 503 with Retry-After, keeps what it acknowledged and recovers', async ({ skip }) => {
    const disk = mountSmallDisk();
    if ('reason' in disk) return skip(disk.reason);
    const dataDir = join(disk.path, 'data');
    const running = await startService({ config: { dataDir, selfTracing: false } });
    service = running;
    const children = [running.child];
    const load = startLoad(running.otlpHttpUrl, { senders: 4, spansPerRequest: 20 });
    await waitFor('some acknowledgements', {
      timeoutMs: 20_000,
      children,
      check: async () => (load.acknowledged.size >= 50 ? true : undefined),
    });

    const ballast = join(disk.path, 'ballast');
    const { bavail, bsize } = statfsSync(disk.path);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - MIB));
    await waitFor('refusals', {
      timeoutMs: 60_000,
      children,
      check: async () => (load.refusals.length >= 20 ? true : undefined),
    });
    expect((await fetch(`${running.apiUrl}/healthz`)).status).toBe(200);

    rmSync(ballast);
    const before = load.acknowledged.size;
    await waitFor('acknowledgements again', {
      timeoutMs: 20_000,
      children,
      check: async () => (load.acknowledged.size >= before + 50 ? true : undefined),
    });
    await load.stop();
    const kinds = new Set(load.refusals.map((refusal) => JSON.stringify(refusal)));
    expect([...kinds]).toEqual([JSON.stringify({ status: 503, retryAfter: '1' })]);
    expect(load.acknowledged.size + load.refusals.length).toBe(load.sent.size);
    expectNothingLost(load, dataDir);
  });
});
