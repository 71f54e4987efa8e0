/**
 * `taproot bench ingest`: loads a receiver and measures what it acknowledges. Without --to it starts Taproot as a
 * child, durable, with a temporary data folder, and checks at the end that the store holds exactly what was
 * acknowledged.
 */
import { cpus, loadavg } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AppError } from '../base/errors.ts';
import { systemClock } from '../base/time.ts';
import {
  BodyRing,
  type Encoding,
  RING_BODIES,
  SIGNAL_OF_WORKLOAD,
  WORKLOADS,
  type Workload,
} from '../bench/bench.ts';
import { type LoadResult, lastFifthOverFirst, runLoad } from './bench-load.ts';
import { createSender, type Transport } from './bench-sender.ts';
import { type BenchServer, isInMemory, startBenchServer, type Usage } from './bench-server.ts';
import { formatResults, type Measure, summarise } from './bench-table.ts';
import { pause } from './child-process.ts';

interface IngestFlags {
  readonly spans?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly workload: Workload;
  readonly transport: Transport;
  readonly encoding: Encoding;
  readonly gzip?: boolean;
  readonly senders: number;
  readonly batch: number;
  readonly runs: number;
  readonly rate?: number;
  readonly halfLoad: boolean;
  readonly idle?: number;
  readonly seed: number;
  readonly dir?: string;
  readonly to?: string;
  readonly json?: boolean;
}

const DEFAULT_SECONDS = 20;
/** Bound of a run that is to end by its number of items. */
const SECONDS_MAX = 24 * 3600;
/** Share of the time at full speed that is spent before it, uncounted, and after it, at half load. */
const WARM_UP_SHARE = 0.2;
const HALF_LOAD_SHARE = 0.5;
const WARM_UP_MS_MAX = 5000;
const USAGE_EVERY_MS = 250;

export function addBenchIngest(bench: Command): void {
  bench
    .command('ingest')
    .description('load this machine (or another receiver) with telemetry and print what it takes')
    .addOption(
      new Option('--workload <name>', 'a: Coze traces, b: the recipe of Jaeger’s benchmark')
        .choices(WORKLOADS)
        .default('a'),
    )
    .option('--spans <n>', 'end a run after this many items', wholeNumber(1e12))
    .option('--minutes <n>', 'length of a run at full speed', wholeNumber(SECONDS_MAX / 60))
    .option('--seconds <n>', `the same in seconds (${DEFAULT_SECONDS})`, wholeNumber(SECONDS_MAX))
    .addOption(
      new Option('--transport <name>', 'how to send').choices(['http', 'grpc']).default('http'),
    )
    .addOption(
      new Option('--encoding <name>', 'of HTTP bodies')
        .choices(['protobuf', 'json'])
        .default('protobuf'),
    )
    .option('--gzip', 'compress bodies (once: only ids and times change)')
    .option('--senders <n>', 'connections, each with one request under way', wholeNumber(48), 24)
    .option('--batch <n>', 'spans, records or points of a request', wholeNumber(8192), 512)
    .option('--runs <n>', 'how often; the results are medians', wholeNumber(100), 3)
    .option('--rate <n>', 'items a second on a schedule, instead of full speed', wholeNumber(1e9))
    .option('--no-half-load', 'leave out the part at half of the speed found')
    .option(
      '--idle <seconds>',
      'wait so long before the load, and tell the memory at rest',
      wholeNumber(3600),
    )
    .option('--seed <n>', 'of the workload', wholeNumber(2 ** 31), 1)
    .option('--dir <dir>', 'folder for the temporary data, on the disk to be measured')
    .option('--to <url>', 'another receiver: base URL of OTLP/HTTP, or of gRPC')
    .option('--json', 'print an array of {name, unit, median, min, max, runs}')
    .action(benchIngest);
}

async function benchIngest(flags: IngestFlags): Promise<void> {
  if (flags.transport === 'grpc' && flags.encoding === 'json') {
    throw new AppError('request.invalid', 'Cannot send --encoding json with --transport grpc');
  }
  if (flags.to === undefined && isInMemory(flags.dir)) {
    process.stderr.write(
      'The data folder lies in memory: durability costs nothing there (--dir)\n',
    );
  }
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const loadBefore = loadavg()[0] ?? 0;
  try {
    const runs: (readonly Measure[])[] = [];
    for (let run = 1; run <= flags.runs && !interrupted.signal.aborted; run++) {
      process.stderr.write(`run ${run} of ${flags.runs} …\n`);
      runs.push(await measureOnce(flags, interrupted.signal));
    }
    if (interrupted.signal.aborted) {
      throw new AppError('internal', 'Interrupted: nothing is told of a cut run');
    }
    const results = summarise(runs);
    if (flags.json) process.stdout.write(`${JSON.stringify(results)}\n`);
    else process.stdout.write(`${formatResults(results, { machine: machineOf(loadBefore) })}\n`);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function measureOnce(flags: IngestFlags, signal: AbortSignal): Promise<readonly Measure[]> {
  if (flags.to !== undefined) return loadReceiver(flags, { url: new URL(flags.to), signal });
  const server = await startBenchServer(flags.dir);
  try {
    const url = flags.transport === 'grpc' ? server.grpcUrl : server.httpUrl;
    return await Promise.race([loadReceiver(flags, { url, signal, server }), server.ended]);
  } finally {
    await server.remove();
  }
}

async function loadReceiver(
  flags: IngestFlags,
  target: { readonly url: URL; readonly signal: AbortSignal; readonly server?: BenchServer },
): Promise<readonly Measure[]> {
  const { workload, encoding, server } = { ...flags, ...target };
  const seconds = flags.seconds ?? secondsOf(flags);
  const isGzip = flags.gzip === true;
  const ring = new BodyRing({
    workload,
    encoding,
    batchCount: flags.batch,
    seed: flags.seed,
    idSeed: Date.now(),
    bodyCount: RING_BODIES,
    isGzip,
    nowUs: () => systemClock.nowUs(),
  });
  const senders = Array.from({ length: flags.senders }, () =>
    createSender(flags.transport, {
      url: target.url,
      signal: SIGNAL_OF_WORKLOAD[workload],
      encoding,
      isGzip,
    }),
  );
  const itemsMax = flags.spans ?? Number.POSITIVE_INFINITY;
  const load = (durationMs: number, ratePerSecond: number | undefined) =>
    runLoad({ ring, senders, durationMs, itemsMax, ratePerSecond, signal: target.signal });
  try {
    const idleRssBytes = await idleRssBytesOf(server, flags.idle);
    const warmUp = await load(Math.min(WARM_UP_MS_MAX, WARM_UP_SHARE * 1000 * seconds), flags.rate);
    const { result: full, usage } = await withUsage(server, () => load(1000 * seconds, flags.rate));
    const halfRate = rateOf(full) / 2;
    // A given rate is the load that was asked for; half of it says nothing more.
    const half =
      flags.rate === undefined && flags.halfLoad && halfRate > 0
        ? await load(HALF_LOAD_SHARE * full.elapsedMs, halfRate)
        : undefined;
    for (const sender of senders) sender.close();
    const phases = half ? [warmUp, full, half] : [warmUp, full];
    return [
      ...loadMeasures(full, { workload, isPaced: flags.rate !== undefined }),
      ...(half ? halfLoadMeasures(half, workload) : []),
      ...(usage ? usageMeasures(usage, { workload, full }) : []),
      ...(idleRssBytes === undefined
        ? []
        : [{ name: 'server RSS, idle', unit: 'MiB', value: idleRssBytes / 1024 ** 2 }]),
      ...(server && !target.signal.aborted
        ? await storeMeasures(server, { workload, phases })
        : []),
    ];
  } finally {
    for (const sender of senders) sender.close();
  }
}

function secondsOf(flags: IngestFlags): number {
  if (flags.minutes !== undefined) return 60 * flags.minutes;
  return flags.spans === undefined ? DEFAULT_SECONDS : SECONDS_MAX;
}

/** Undefined when it was not asked for, without a server of our own or without /proc. */
async function idleRssBytesOf(
  server: BenchServer | undefined,
  idleSeconds: number | undefined,
): Promise<number | undefined> {
  if (!server || idleSeconds === undefined) return undefined;
  await pause(1000 * idleSeconds);
  return server.tryReadUsage()?.rssBytes;
}

const ITEM_OF_SIGNAL = { traces: 'spans', logs: 'records', metrics: 'points' } as const;

const itemsOf = (workload: Workload): string => ITEM_OF_SIGNAL[SIGNAL_OF_WORKLOAD[workload]];

function rateOf(result: LoadResult): number {
  return (1000 * result.acknowledgedCount) / result.elapsedMs;
}

function loadMeasures(
  full: LoadResult,
  { workload, isPaced }: { readonly workload: Workload; readonly isPaced: boolean },
): readonly Measure[] {
  const items = itemsOf(workload);
  const ratio = lastFifthOverFirst(full.perTenth);
  return [
    { name: isPaced ? 'rate, scheduled' : 'rate', unit: `${items}/s`, value: rateOf(full) },
    ...(ratio === undefined
      ? []
      : [{ name: 'rate of the last fifth over the first', unit: '%', value: 100 * ratio }]),
    { name: 'ack p50', unit: 'ms', value: full.latency.quantileMs(0.5) },
    { name: 'ack p99', unit: 'ms', value: full.latency.quantileMs(0.99) },
    { name: 'ack max', unit: 'ms', value: full.latency.maxMs },
    { name: 'turned away (busy)', unit: 'replies', value: full.busyCount },
    { name: 'rejected', unit: items, value: full.rejectedCount },
    {
      name: 'sent',
      unit: `B/${items.slice(0, -1)}`,
      value: full.sentBytes / (full.acknowledgedCount + full.rejectedCount || 1),
    },
  ];
}

function halfLoadMeasures(half: LoadResult, workload: Workload): readonly Measure[] {
  return [
    { name: 'half load: rate', unit: `${itemsOf(workload)}/s`, value: rateOf(half) },
    { name: 'half load: ack p50', unit: 'ms', value: half.latency.quantileMs(0.5) },
    { name: 'half load: ack p99', unit: 'ms', value: half.latency.quantileMs(0.99) },
    { name: 'half load: ack max', unit: 'ms', value: half.latency.maxMs },
  ];
}

interface UsageOverTime {
  readonly rssBytesMax: number;
  readonly serverCores: number;
  readonly benchCores: number;
}

/** Watches the server while something runs; nothing without a server of our own or without /proc. */
async function withUsage<Result>(
  server: BenchServer | undefined,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly usage: UsageOverTime | undefined }> {
  const before = server?.tryReadUsage();
  const ownBefore = process.cpuUsage();
  const startedMs = performance.now();
  let last: Usage | undefined = before;
  let rssBytesMax = before?.rssBytes ?? 0;
  const sample = () => {
    last = server?.tryReadUsage() ?? last;
    rssBytesMax = Math.max(rssBytesMax, last?.rssBytes ?? 0);
  };
  const timer = setInterval(sample, USAGE_EVERY_MS);
  try {
    const result = await work();
    sample();
    if (!before || !last) return { result, usage: undefined };
    const elapsedMs = performance.now() - startedMs;
    const own = process.cpuUsage(ownBefore);
    return {
      result,
      usage: {
        rssBytesMax,
        serverCores: (last.cpuMs - before.cpuMs) / elapsedMs,
        benchCores: (own.user + own.system) / 1000 / elapsedMs,
      },
    };
  } finally {
    clearInterval(timer);
  }
}

function usageMeasures(
  usage: UsageOverTime,
  { workload, full }: { readonly workload: Workload; readonly full: LoadResult },
): readonly Measure[] {
  return [
    // Holds also where other programs take most of the machine, as the rate does not.
    {
      name: 'per second of server CPU',
      unit: itemsOf(workload),
      value: rateOf(full) / usage.serverCores,
    },
    { name: 'server RSS, most', unit: 'MiB', value: usage.rssBytesMax / 1024 ** 2 },
    { name: 'server CPU', unit: 'cores', value: usage.serverCores },
    { name: 'load generator CPU', unit: 'cores', value: usage.benchCores },
  ];
}

/** Ends the server; throws unless it holds exactly what it acknowledged. */
async function storeMeasures(
  server: BenchServer,
  { workload, phases }: { readonly workload: Workload; readonly phases: readonly LoadResult[] },
): Promise<readonly Measure[]> {
  const items = itemsOf(workload);
  const acknowledgedCount = phases.reduce((sum, phase) => sum + phase.acknowledgedCount, 0);
  const stored = await server.stopAndCount();
  const storedCount = stored[SIGNAL_OF_WORKLOAD[workload]];
  if (storedCount !== acknowledgedCount) {
    throw new AppError(
      'store.corrupt',
      `The store holds ${storedCount} ${items}, but ${acknowledgedCount} were acknowledged`,
    );
  }
  return [
    {
      name: 'on disk, all indexes',
      unit: `B/${items.slice(0, -1)}`,
      value: stored.sizeBytes / storedCount,
    },
    { name: 'acknowledged', unit: items, value: acknowledgedCount },
    { name: 'stored', unit: items, value: storedCount },
  ];
}

function machineOf(loadBefore: number): string {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown processor';
  const date = new Date().toISOString().slice(0, 10);
  const loads = `load average ${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`;
  return `${cores.length} cores (${model}), Node ${process.version}, ${date}, ${loads}`;
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1 || number > max) {
      throw new InvalidArgumentError(`"${text}" is not a whole number from 1 to ${max}`);
    }
    return number;
  };
}
