/** A service that cannot start says why, ends by itself with exit code 1 and gives its ports back. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  freePorts,
  ROOT,
  type RunningChild,
  startChild,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from './child.ts';
import { type Service, startService } from './service.ts';

let folder: TemporaryFolder | undefined;
let child: RunningChild | undefined;
let service: Service | undefined;
let other: Server | undefined;

afterEach(async () => {
  await child?.stop();
  await service?.stop();
  other?.close();
  folder?.remove();
  [child, service, other, folder] = [undefined, undefined, undefined, undefined];
});

interface Ending {
  readonly output: string;
  readonly exitCode: number | null | undefined;
}

async function startAndWaitForEnd(
  dataDir: string,
  flags: Readonly<Record<string, number>> = {},
): Promise<Ending> {
  folder ??= temporaryFolder('start');
  const [httpPort = 0, grpcPort = 0, apiPort = 0] = await freePorts(3);
  const all = {
    'otlp-http-port': httpPort,
    'otlp-grpc-port': grpcPort,
    'api-port': apiPort,
    ...flags,
  };
  const started = startChild({
    name: 'taproot',
    command: process.execPath,
    args: [
      join(ROOT, 'dist/src/main.js'),
      'serve',
      '--data',
      dataDir,
      ...Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    ],
    dir: folder.path,
  });
  child = started;
  await waitFor('the service to end by itself', {
    timeoutMs: 20_000,
    check: async () => (started.isAlive() ? undefined : true),
  });
  return { output: started.readOutput(), exitCode: started.exitCode() };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function takePort(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

describe('a service that cannot start', () => {
  it('names the process that writes to the same data folder', async () => {
    service = await startService();
    const { output, exitCode } = await startAndWaitForEnd(join(service.dir, 'data'));
    expect(exitCode).toBe(1);
    expect(output).toContain(`process ${service.child.pid} already does`);
    // No port was open before the store was.
    expect(output).not.toContain('receiver ready');
  });

  it('says that the data folder is a file', async () => {
    folder = temporaryFolder('start');
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    const { output, exitCode } = await startAndWaitForEnd(file);
    expect(exitCode).toBe(1);
    expect(output).toContain(`Cannot write to data directory ${file}`);
  });

  it('names a state file that is damaged', async () => {
    folder = temporaryFolder('start');
    const dataDir = join(folder.path, 'data');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'state.db'), Buffer.alloc(20_000, 7));
    const { output, exitCode } = await startAndWaitForEnd(dataDir);
    expect(exitCode).toBe(1);
    expect(output).toContain('state.db: file is not a database');
  });

  it.each(['otlp-http-port', 'otlp-grpc-port', 'api-port'])(
    'names the port taken: %s',
    async (flag) => {
      folder = temporaryFolder('start');
      other = await takePort();
      const port = portOf(other);
      const { output, exitCode } = await startAndWaitForEnd(join(folder.path, 'data'), {
        [flag]: port,
      });
      expect(exitCode).toBe(1);
      expect(output).toContain(`Cannot listen on 127.0.0.1:${port}`);
      expect(output).toContain('the port is taken');
    },
  );
});
