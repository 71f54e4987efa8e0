/** The receiver of a measurement: Taproot as a child with a data folder of its own, and what Linux says about it. */
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findPackage } from '../base/package.ts';
import { openTelemetryReader } from '../store/open.ts';
import { fetchSoon, findPort, startChild, waitFor } from './child-process.ts';
import { childEnvironment } from './demo-alerting.ts';

export interface Usage {
  readonly rssBytes: number;
  readonly cpuMs: number;
}

export interface Stored {
  readonly traces: number;
  readonly logs: number;
  readonly metrics: number;
  readonly sizeBytes: number;
}

export interface BenchServer {
  readonly httpUrl: URL;
  readonly grpcUrl: URL;
  /** Rejects when the server ends by itself. */
  readonly ended: Promise<never>;
  /** undefined where there is no /proc. */
  tryReadUsage(): Usage | undefined;
  /** From the start of the process until it said that it is ready. */
  readonly startMs: number;
  /** Ends the server at once, as a crash would. */
  kill(): Promise<void>;
  /** Ends the server, which moves its log into the database, and counts what is on disk. */
  stopAndCount(): Promise<Stored>;
  /** Ends the server and removes its folder (not a data folder that was given); may be called at any time. */
  remove(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
/** Kernel ticks of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** All on, as by default, but our own spans: they would be counted among those that were sent. */
export async function startBenchServer(
  parentDir: string | undefined,
  options: { readonly dataDir?: string } = {},
): Promise<BenchServer> {
  const dir = mkdtempSync(join(parentDir ?? tmpdir(), 'taproot-bench-'));
  const dataDir = options.dataDir ?? join(dir, 'data');
  const configFile = join(dir, 'taproot.yaml');
  const ports = {
    otlpHttpPort: await findPort(0),
    otlpGrpcPort: await findPort(0),
    apiPort: await findPort(0),
  };
  const settings = { dataDir, ...ports, durability: 'disk', selfTracing: false, logLevel: 'warn' };
  writeFileSync(configFile, stringify(settings));
  const startedMs = performance.now();
  const child = startChild({
    name: 'Taproot',
    command: process.execPath,
    args: [join(findPackage().root, 'dist/src/main.js'), 'serve', '--config', configFile],
    env: withoutSettings(childEnvironment()),
    logFile: join(dir, 'taproot.log'),
  });
  const remove = async () => {
    await child.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await waitFor('Taproot to be ready', {
      timeoutMs: START_TIMEOUT_MS,
      children: [child],
      check: async () =>
        (await fetchSoon(`http://127.0.0.1:${ports.apiPort}/readyz`)).ok ? true : undefined,
    });
  } catch (thrown) {
    await remove();
    throw thrown;
  }
  return {
    httpUrl: new URL(`http://127.0.0.1:${ports.otlpHttpPort}`),
    grpcUrl: new URL(`http://127.0.0.1:${ports.otlpGrpcPort}`),
    ended: child.ended,
    startMs: performance.now() - startedMs,
    kill: () => child.kill(),
    tryReadUsage: () => tryReadUsage(child.pid),
    stopAndCount: async () => {
      await child.stop();
      return countStored(dataDir);
    },
    remove,
  };
}

/** Settings of the user's own service must not lead the load into its data. */
function withoutSettings(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TAPROOT_')));
}

function countStored(dataDir: string): Stored {
  const reader = openTelemetryReader({ dataDir });
  try {
    const { spanCount, logCount, pointCount, sizeBytes } = reader.stats();
    return { traces: spanCount, logs: logCount, metrics: pointCount, sizeBytes };
  } finally {
    reader.close();
  }
}

function tryReadUsage(pid: number): Usage | undefined {
  try {
    const rssKib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything; fields 14 and 15 are user and system time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      rssBytes: 1024 * Number(rssKib),
      cpuMs: TICK_MS * (Number(fields[11]) + Number(fields[12])),
    };
  } catch {
    return undefined; // not Linux, or the server has just ended, which `ended` tells
  }
}

const TMPFS_MAGIC = 0x01021994;

/** True where the data folder would lie in memory: durability costs nothing there, so nothing is measured. */
export function isInMemory(parentDir: string | undefined): boolean {
  return statfsSync(parentDir ?? tmpdir()).type === TMPFS_MAGIC;
}
