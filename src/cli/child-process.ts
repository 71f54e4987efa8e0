/** Processes of the demo: started with a folder for their output, waited for, and ended with us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { AppError } from '../base/errors.ts';

export interface Child {
  readonly name: string;
  /** -1 when it could not be started. */
  readonly pid: number;
  /** Rejects when the process ends by itself. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

const STOP_TIMEOUT_MS = 8000;
const POLL_EVERY_MS = 100;
const ANSWER_TIMEOUT_MS = 5000;

export function startChild(options: {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error go here. */
  readonly logFile: string;
}): Child {
  const output = openSync(options.logFile, 'a');
  const child = spawn(options.command, [...options.args], {
    env: { ...options.env },
    stdio: ['ignore', output, output],
  });
  let isStopping = false;
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (cause) =>
      reject(new AppError('internal', `Cannot start ${options.name}: ${cause.message}`, { cause })),
    );
    child.once('exit', (code, signal) => {
      if (isStopping) return;
      const how = signal ?? `code ${code}`;
      reject(
        new AppError(
          'internal',
          `${options.name} ended with ${how}; its output is in ${options.logFile}`,
        ),
      );
    });
  });
  // Whoever waits for the child sees the failure; until then it must not end us.
  ended.catch(() => undefined);
  return {
    name: options.name,
    pid: child.pid ?? -1,
    ended,
    stop: () => {
      isStopping = true;
      return endProcess(child, 'SIGTERM');
    },
    kill: () => {
      isStopping = true;
      return endProcess(child, 'SIGKILL');
    },
  };
}

function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill(signal);
  });
}

/** Polls until the check yields a value; throws with what was waited for, or what a child failed with. */
export async function waitFor<Result>(
  what: string,
  options: {
    readonly timeoutMs: number;
    readonly children: readonly Child[];
    readonly check: () => Promise<Result | undefined>;
  },
): Promise<Result> {
  const deadlineMs = performance.now() + options.timeoutMs;
  const failed = Promise.race(options.children.map(({ ended }) => ended));
  while (performance.now() < deadlineMs) {
    const attempt = options.check().catch(() => undefined);
    const result = await (options.children.length === 0
      ? attempt
      : Promise.race([attempt, failed]));
    if (result !== undefined) return result;
    await Promise.race([pause(POLL_EVERY_MS), ...(options.children.length === 0 ? [] : [failed])]);
  }
  throw new AppError(
    'analysis.timeout',
    `Waited ${options.timeoutMs / 1000} s in vain for ${what}`,
  );
}

/** A call to a process of this machine that must answer soon. */
export function fetchSoon(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The port itself when it is free, else one that the system picks. */
export function findPort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', () => {
      if (wanted === 0) reject(new AppError('internal', 'Cannot find a free port'));
      else findPort(0).then(resolve, reject);
    });
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : wanted;
      server.close(() => resolve(port));
    });
  });
}
