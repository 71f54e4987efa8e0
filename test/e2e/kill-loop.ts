/**
 * The kill loop: the built service under load from senders that re-send, ended by SIGKILL at a random pass of a stage
 * or in the middle of a system call, its data compared with what the senders were told, and started again on it.
 */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { PathStage } from '../../src/base/stages.ts';
import { openTelemetryWriter } from '../../src/store/open.ts';
import { Random } from '../store/generate.ts';
import { hasVersion1, makeVersion1 } from '../store/old-day.ts';
import { freePorts, ROOT, type RunningChild, startChild, temporaryFolder } from './child.ts';
import { checkStore, type Removals } from './kill-check.ts';
import { createTraffic, dayOfBatch, type Traffic } from './kill-traffic.ts';
import { buildShim } from './shim.ts';

/** Where to kill: at a mark of a stage, or in a system call on a file. */
export interface KillPoint {
  readonly stage: PathStage;
  readonly call?: 'write' | 'fsync' | 'unlink';
  /** The end of the file's path. */
  readonly file?: string;
  /** The pass is drawn from 1 to this. */
  readonly passMax: number;
}

const MARKS: readonly KillPoint[] = [
  { stage: 'accept', passMax: 400 },
  { stage: 'group', passMax: 80 },
  { stage: 'commit', passMax: 100 },
  { stage: 'committed', passMax: 100 },
  { stage: 'checkpoint', passMax: 2 },
  { stage: 'index-seal', passMax: 2 },
  { stage: 'compaction', passMax: 4 },
  { stage: 'retention', passMax: 3 },
  { stage: 'migration', passMax: 2 },
];
const CALLS: readonly KillPoint[] = [
  { stage: 'commit', call: 'write', file: '.db-wal', passMax: 1500 },
  { stage: 'commit', call: 'fsync', file: '.db-wal', passMax: 80 },
  { stage: 'checkpoint', call: 'write', file: '.db', passMax: 200 },
  { stage: 'checkpoint', call: 'fsync', file: '.db', passMax: 2 },
  { stage: 'retention', call: 'unlink', file: '.removed', passMax: 1 },
];

export interface KillLoopOptions {
  readonly cycles: number;
  readonly seed: number;
  /** A new store after so many cycles: reading it all takes longer each time. */
  readonly cyclesPerStore: number;
  /** No further cycle begins after so long. */
  readonly timeMsMax?: number;
  readonly say: (line: string) => void;
}

export interface CycleResult {
  readonly point: KillPoint;
  readonly pass: number;
  /** False: the stage was not passed so often; the kill came at the end of the cycle's time. */
  readonly isReached: boolean;
  readonly restartMs: number;
}

export interface KillLoopResult {
  readonly cycles: readonly CycleResult[];
  readonly acknowledgedRows: number;
  readonly lostRows: number;
  readonly doubledRows: number;
  readonly faults: readonly string[];
}

/** Long enough for every stage on a busy machine; a cycle ends at its kill. */
const CYCLE_MS_MAX = 20_000;
const READY_MS_MAX = 60_000;
const UPKEEP_MS = 250;
const POLL_MS = 10;

export async function runKillLoop(options: KillLoopOptions): Promise<KillLoopResult> {
  const folder = temporaryFolder('kill-loop');
  const random = new Random(options.seed);
  const shim = buildShim('kill-shim', folder.path);
  const points = shim === undefined ? MARKS : [...MARKS, ...CALLS];
  const results: CycleResult[] = [];
  const endMs = performance.now() + (options.timeMsMax ?? Number.POSITIVE_INFINITY);
  const total = { acknowledgedRows: 0, lostRows: 0, doubledRows: 0, faults: [] as string[] };
  if (shim === undefined) options.say('no gcc: killed at marks only');
  try {
    for (let first = 0; first < options.cycles; first += options.cyclesPerStore) {
      if (performance.now() >= endMs) break;
      const store = await openStore(join(folder.path, `store-${first}`), { shim, random });
      const last = Math.min(first + options.cyclesPerStore, options.cycles);
      for (let cycle = first; cycle < last && performance.now() < endMs; cycle++) {
        // Every point in turn, so that each has its share; where in it is drawn.
        const point = points[cycle % points.length]!;
        const result = await store.runCycle(point);
        results.push(result);
        options.say(describe(cycle, result));
      }
      const balance = await store.finish();
      total.acknowledgedRows += balance.acknowledgedRows;
      total.lostRows += balance.lostRows;
      total.doubledRows += balance.doubledRows;
      total.faults.push(...balance.faults);
      const { acknowledgedRows, lostRows, doubledRows } = balance;
      options.say(`${acknowledgedRows} rows: ${lostRows} lost, ${doubledRows} doubled`);
    }
  } finally {
    folder.remove();
  }
  return { cycles: results, ...total };
}

export function nameOf({ stage, call, file }: KillPoint): string {
  if (call === undefined) return stage;
  return `${stage}: ${call === 'write' ? 'half of a write to' : `before ${call} of`} *${file}`;
}

function describe(cycle: number, result: CycleResult): string {
  const { point, pass, isReached, restartMs } = result;
  const where = isReached ? `pass ${pass}` : `pass ${pass} not reached`;
  return `cycle ${cycle + 1}: ${nameOf(point)}, ${where}; started in ${restartMs.toFixed(0)} ms`;
}

async function openStore(
  dir: string,
  { shim, random }: { readonly shim: string | undefined; readonly random: Random },
) {
  const [otlpHttpPort = 0, otlpGrpcPort = 0, apiPort = 0] = await freePorts(3);
  const dataDir = join(dir, 'data');
  const configFile = join(dir, 'taproot.yaml');
  mkdirSync(dir);
  const ports = { otlpHttpPort, otlpGrpcPort, apiPort };
  const quiet = { detection: false, selfTracing: false, logLevel: 'warn' };
  writeFileSync(configFile, stringify({ dataDir, ...ports, ...quiet, retentionDays: 20 }));
  const traffic = createTraffic(random);
  const removals: Removals = { possible: new Set(), done: new Set() };
  const lostAt = { lostRows: 0, doubledRows: 0, faults: [] as string[] };
  const urls = {
    http: new URL(`http://127.0.0.1:${otlpHttpPort}`),
    grpc: new URL(`http://127.0.0.1:${otlpGrpcPort}`),
  };

  /** Starts the service to die at the point, unless it is undefined; loads it until it is dead. */
  async function run(point?: KillPoint, pass = 1): Promise<{ died: boolean; restartMs: number }> {
    const startedMs = performance.now();
    const child = startChild({
      name: 'taproot',
      command: process.execPath,
      args: [join(ROOT, 'dist/src/main.js'), 'serve', '--config', configFile],
      env: killEnvironment(point, { pass, shim }),
      dir,
    });
    const isReady = await waitUntil(READY_MS_MAX, async () => {
      if (!child.isAlive()) return true;
      const answer = await fetch(`http://127.0.0.1:${apiPort}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    });
    if (!isReady) throw new Error(`The service does not start:\n${child.readOutput()}`);
    const restartMs = performance.now() - startedMs;
    const endMs = performance.now() + (point ? CYCLE_MS_MAX : 500);
    await traffic.run({ urls, isOver: () => performance.now() > endMs });
    const died = !(await isAliveFor(child, point ? 1000 : 0));
    if (point) child.kill();
    else await child.stop();
    await waitUntil(READY_MS_MAX, () => Promise.resolve(!child.isAlive()));
    return { died, restartMs };
  }

  function check(): void {
    const balance = checkStore(dataDir, traffic, removals);
    lostAt.lostRows = Math.max(lostAt.lostRows, balance.lostRows);
    lostAt.doubledRows = Math.max(lostAt.doubledRows, balance.doubledRows);
    lostAt.faults = [...new Set([...lostAt.faults, ...balance.faults])];
  }

  async function runCycle(point: KillPoint): Promise<CycleResult> {
    const pass = 1 + random.below(point.passMax);
    if (point.stage === 'retention') ageBatch(dataDir, traffic, removals);
    if (point.stage === 'migration') {
      makeOld(dataDir);
      traffic.forgetAnswers();
    }
    const { died, restartMs } = await run(point, pass);
    // Days that are still of the old version are for a later start to bring up, and for its check to read: this one, or
    // the next where that was killed while it did so.
    if (!hasVersion1(dataDir)) check();
    return { point, pass, isReached: died, restartMs };
  }

  /** A start that is left alone: what was never acknowledged is sent until it is. */
  async function finish() {
    await run();
    check();
    const { size } = traffic.acknowledged;
    if (size < traffic.sent.size) lostAt.faults.push(`${traffic.sent.size - size} never taken`);
    return { ...checkStore(dataDir, traffic, removals), ...lostAt };
  }

  return { runCycle, finish };
}

function killEnvironment(
  point: KillPoint | undefined,
  options: { readonly pass: number; readonly shim: string | undefined },
): Readonly<Record<string, string>> {
  const preload = join(ROOT, 'dist/test/e2e/kill-here.js');
  const always = { NODE_OPTIONS: `--import=${preload}`, KILL_UPKEEP_MS: String(UPKEEP_MS) };
  if (!point) return always;
  const { stage, call, file } = point;
  const pass = { KILL_PASS: String(options.pass) };
  if (call === undefined || file === undefined) return { ...always, ...pass, KILL_STAGE: stage };
  return { ...always, ...pass, KILL_CALL: call, KILL_FILE: file, LD_PRELOAD: options.shim ?? '' };
}

/** The batch's day was written long ago, by the clock of its files: retention removes it. */
function ageBatch(dataDir: string, traffic: Traffic, removals: Removals): void {
  const folder = join(dataDir, 'telemetry');
  const day = dayOfBatch(traffic.oldBatch);
  const longAgo = new Date(Date.now() - 60 * 86_400_000);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name.startsWith(`${day}.db`)) utimesSync(join(folder, name), longAgo, longAgo);
  }
  removals.possible.add(traffic.oldBatch);
  traffic.oldBatch++;
}

/** As if the version before had written all of it; that version knew no unfinished groups. */
function makeOld(dataDir: string): void {
  openTelemetryWriter({ dataDir, durability: 'disk' }).close();
  makeVersion1(dataDir);
}

async function isAliveFor(child: RunningChild, timeMs: number): Promise<boolean> {
  return !(await waitUntil(timeMs, () => Promise.resolve(!child.isAlive())));
}

async function waitUntil(timeMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const endMs = performance.now() + timeMs;
  for (;;) {
    if (await isSo()) return true;
    if (performance.now() >= endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The table of docs/reliability.md. */
export function formatResult(result: KillLoopResult): string {
  const names = [...new Set(result.cycles.map(({ point }) => nameOf(point)))];
  const rows = names.map((name) => {
    const cycles = result.cycles.filter(({ point }) => nameOf(point) === name);
    const reached = cycles.filter(({ isReached }) => isReached).length;
    return `| ${name} | ${cycles.length} | ${reached} |`;
  });
  const times = result.cycles.map(({ restartMs }) => restartMs).sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(0);
  return [
    '| killed at | cycles | killed there |',
    '|---|---:|---:|',
    ...rows,
    '',
    `${result.cycles.length} cycles; ${result.acknowledgedRows} rows acknowledged, ` +
      `${result.lostRows} lost, ${result.doubledRows} stored or counted twice; ` +
      `restart p50 ${at(0.5)} ms, max ${at(1)} ms.`,
  ].join('\n');
}
