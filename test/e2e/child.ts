/** Child processes of the end-to-end tests: free ports, folders that vanish, waiting with a deadline. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPackage } from '../../src/base/package.ts';

export const ROOT = findPackage().root;

const POLL_EVERY_MS = 100;
const STOP_TIMEOUT_MS = 10_000;

export interface RunningChild {
  readonly pid: number;
  /** True until the process has ended. */
  isAlive(): boolean;
  /** undefined while it runs; null when a signal ended it. */
  exitCode(): number | null | undefined;
  /** What it wrote so far, for the message of a failing test. */
  readOutput(): string;
  stop(): Promise<void>;
  /** By SIGKILL, at once. */
  kill(): void;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Folder for its output. */
  readonly dir: string;
}

export function startChild(options: ChildOptions): RunningChild {
  const outputFile = join(options.dir, `${options.name}.log`);
  const output = openSync(outputFile, 'a');
  const child = spawn(options.command, [...options.args], {
    cwd: options.cwd ?? options.dir,
    env: { ...plainEnvironment(), ...options.env },
    stdio: ['ignore', output, output],
  });
  // A command that cannot be started is seen as one that has ended.
  child.on('error', () => {});
  const isAlive = (): boolean =>
    child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? -1,
    isAlive,
    exitCode: () => (isAlive() ? undefined : child.exitCode),
    readOutput: () => readFileSync(outputFile, 'utf8'),
    stop: () => (isAlive() ? stopChild(child) : Promise.resolve()),
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/** Ours without what would steer the product or the SDK. */
function plainEnvironment(): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(TAPROOT_|OTEL_|COZE_|BOT_|VITEST)/.test(name))
      plain[name] = value;
  }
  return plain;
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/**
 * Asks again until the check gives a value. Throws with what was waited for, the last reason and the output of a child
 * that has ended meanwhile.
 */
export async function waitFor<Result>(
  what: string,
  options: {
    readonly timeoutMs: number;
    readonly check: () => Promise<Result | undefined>;
    readonly children?: readonly RunningChild[];
  },
): Promise<Result> {
  const deadlineMs = performance.now() + options.timeoutMs;
  let reason = 'not yet';
  while (performance.now() < deadlineMs) {
    try {
      const result = await options.check();
      if (result !== undefined) return result;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    const ended = (options.children ?? []).find((child) => !child.isAlive());
    if (ended !== undefined) {
      throw new Error(`Waiting for ${what}: a process ended\n${tail(ended.readOutput())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
  }
  const outputs = (options.children ?? []).map((child) => tail(child.readOutput())).join('\n');
  throw new Error(`Waited ${options.timeoutMs} ms for ${what}: ${reason}\n${outputs}`);
}

function tail(text: string): string {
  return text.slice(-2000);
}

/** Ports that are free now. All are held until all are known, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  return Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          const address = server.address();
          server.close(() => {
            if (typeof address === 'object' && address !== null) resolve(address.port);
            else reject(new Error('The server has no port'));
          });
        }),
    ),
  );
}

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

export function temporaryFolder(name: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `taproot-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
