/** A data folder that cannot be written: the service says so and ends, before it opens a port. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import {
  freePorts,
  ROOT,
  startChild,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from './child.ts';
import type { FaultControl } from './fault-control.ts';
import { openFaults } from './shim.ts';

let folder: TemporaryFolder | undefined;
let control: FaultControl | undefined;

afterEach(() => {
  control?.close();
  folder?.remove();
  [control, folder] = [undefined, undefined];
});

test.for([
  { what: 'that is there', isThere: true },
  { what: 'that has to be made', isThere: false },
])('a read-only data folder $what is told at start', async ({ isThere }, { skip }) => {
  folder = temporaryFolder('read-only');
  const faults = openFaults(folder.path);
  if (!faults) return skip('gcc is missing: it builds what makes the folder read-only');
  control = faults.control;
  const dataDir = join(folder.path, 'data');
  if (isThere) mkdirSync(dataDir);
  const calls = ['write', 'sync', 'truncate', 'open'] as const;
  control.setFault({ calls, pattern: `${dataDir}*`, error: 'EROFS' });
  const [otlpHttpPort = 0, otlpGrpcPort = 0, apiPort = 0] = await freePorts(3);
  const configFile = join(folder.path, 'taproot.yaml');
  writeFileSync(configFile, stringify({ dataDir, otlpHttpPort, otlpGrpcPort, apiPort }));
  const child = startChild({
    name: 'taproot',
    command: process.execPath,
    args: [join(ROOT, 'dist/src/main.js'), 'serve', '--config', configFile],
    env: faults.env,
    dir: folder.path,
  });
  await waitFor('the end of the process', {
    timeoutMs: 30_000,
    check: async () => (child.isAlive() ? undefined : true),
  }).finally(() => child.stop());
  expect(child.readOutput()).toContain(
    `Cannot write to data directory ${dataDir}: EROFS: read-only file system`,
  );
  expect(child.exitCode()).toBe(1);
});
