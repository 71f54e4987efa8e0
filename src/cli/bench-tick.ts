/**
 * `taproot bench tick`: what a detection tick costs over many endpoints, log templates and metric series. Fills a store
 * through the ingest pipeline, then measures in a process of its own, so that its memory is that of detection alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ProxyTracerProvider } from '@opentelemetry/api';
import { type Command, InvalidArgumentError } from 'commander';
import { createCounters } from '../base/counters.ts';
import { AppError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import {
  minuteOf,
  systemClock,
  US_PER_DAY,
  US_PER_HOUR,
  US_PER_MINUTE,
  US_PER_SECOND,
} from '../base/time.ts';
import { type EncodedBody, Freshener } from '../bench/body.ts';
import { encodeProtobuf } from '../bench/protobuf-body.ts';
import { Random } from '../bench/random.ts';
import { draftWideMinute, type WideLoad } from '../bench/wide-load.ts';
import { configSchema } from '../config/config.ts';
import { createNormaliser } from '../coze/coze.ts';
import type { RowSignal } from '../model/vocabulary.ts';
import { createFingerprint } from '../pipeline/fingerprint.ts';
import { createIngestPipeline } from '../pipeline/ingest.ts';
import { Detection, GRACE_US } from '../pipeline/tick.ts';
import { createWatchers } from '../pipeline/watchers.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { openStateStore, openTelemetryReader, openTelemetryWriter } from '../store/open.ts';
import { createGrowthCollector, SEMI_SPACE_MB_OF_DETECTION } from '../threads/young-garbage.ts';
import { machineName } from './bench-query.ts';
import { type BenchResult, formatResults, summarise } from './bench-table.ts';

interface TickFlags extends WideLoad {
  readonly minutes: number;
  readonly seed: number;
  readonly dir?: string;
  readonly json?: boolean;
}

export function addBenchTick(bench: Command): void {
  bench
    .command('tick')
    .description('print what a detection tick costs')
    .option('--endpoints <n>', 'with traffic in each minute', wholeNumber, 10_000)
    .option('--templates <n>', 'log templates with lines in each minute', wholeNumber, 10_000)
    .option('--series <n>', 'metric series with a point in each minute', wholeNumber, 50_000)
    .option('--minutes <n>', 'ticks', wholeNumber, 20)
    .option('--seed <n>', 'of the load', Number, 1)
    .option('--dir <dir>', 'folder for the store; it is kept, and measured as it is the next time')
    .option('--json', 'print an array of {name, unit, median, min, max, runs}')
    .action(benchTick);
}

async function benchTick(flags: TickFlags): Promise<void> {
  const root = flags.dir ?? mkdtempSync(join(tmpdir(), 'taproot-bench-'));
  const dataDir = join(root, 'data');
  try {
    if (existsSync(dataDir)) {
      process.stdout.write(`${JSON.stringify(await measureTicks(dataDir, flags.minutes))}\n`);
      return;
    }
    mkdirSync(dataDir, { recursive: true });
    await fillMinutes(dataDir, flags);
    const results = measureAlone(root, flags.minutes);
    process.stdout.write(
      `${flags.json ? JSON.stringify(results) : formatResults(results, { machine: machineName() })}\n`,
    );
  } finally {
    if (flags.dir === undefined) rmSync(root, { recursive: true, force: true });
  }
}

/** The same command on the store that is there now. */
function measureAlone(root: string, minutes: number): readonly BenchResult[] {
  const [, program = ''] = process.argv;
  // As the thread that detects in the service.
  const young = `--max-semi-space-size=${SEMI_SPACE_MB_OF_DETECTION}`;
  const args = [young, program, 'bench', 'tick', '--dir', root, '--minutes', String(minutes)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as BenchResult[]; // as written above
}

/** An hour ago, so that nothing lies ahead of the clock. */
function firstMinuteUs(): number {
  return minuteOf(systemClock.nowUs() - US_PER_HOUR);
}

async function fillMinutes(dataDir: string, flags: TickFlags): Promise<void> {
  const random = new Random(flags.seed);
  const drafts = draftWideMinute(random, flags);
  const bodies = drafts.map((draft) => ({ signal: draft.signal, body: encodeProtobuf(draft) }));
  let nowUs = firstMinuteUs() + 30 * US_PER_SECOND;
  const freshener = new Freshener({ seed: flags.seed, nowUs: () => nowUs });
  const writer = openTelemetryWriter({ dataDir, durability: 'process' });
  try {
    const pipeline = createIngestPipeline({
      writer,
      normaliser: createNormaliser({ userIds: 'keep', userIdKey: 'bench' }),
      fingerprint: createFingerprint('00'.repeat(32)),
      clock: systemClock,
      counters: createCounters(),
      log: createLog({ level: 'warn', isPretty: false }),
      tracer: new ProxyTracerProvider().getTracer('taproot'),
      bodyBytesMax: Number.POSITIVE_INFINITY,
      isTimed: false,
    });
    for (let minute = 0; minute < flags.minutes; minute++) {
      const sent = bodies.map(({ signal, body }) => {
        freshener.freshen(body, 'protobuf');
        return submit(pipeline, signal, body);
      });
      pipeline.flush();
      await Promise.all(sent);
      writer.checkpoint();
      nowUs += US_PER_MINUTE;
    }
  } finally {
    writer.close();
  }
}

async function submit(
  pipeline: ReturnType<typeof createIngestPipeline>,
  signal: RowSignal,
  { bytes: body }: EncodedBody,
): Promise<void> {
  const reply = await pipeline.submit({ signal, encoding: 'protobuf', compression: '', body });
  if (reply.kind === 'stored' && reply.rejectedCount === 0) return;
  throw new AppError('store.rejected', `Cannot fill the store: ${reply.message}`);
}

/** V8 gives back what it has collected a moment later, on a thread of its own. */
const SETTLE_MS = 200;

async function measureTicks(dataDir: string, minutes: number): Promise<readonly BenchResult[]> {
  const telemetry = openTelemetryReader({ dataDir });
  const state = openStateStore({ dataDir });
  const counters = createCounters();
  const firstUs = findFirstMinute(telemetry);
  const detection = new Detection({
    telemetry,
    state,
    createWatchers: () => createWatchers(configSchema.parse({})),
    counters,
    log: createLog({ level: 'warn', isPretty: false }),
    startedUs: firstUs,
  });
  const collectGrowth = createGrowthCollector();
  const runs: { readonly name: string; readonly unit: string; readonly value: number }[][] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const before = process.cpuUsage();
    await detection.advance(firstUs + minute * US_PER_MINUTE + GRACE_US);
    collectGrowth();
    const { user, system } = process.cpuUsage(before);
    const value = (user + system) / 1000;
    await setTimeout(SETTLE_MS);
    runs.push([
      { name: 'tick', unit: 'ms of CPU', value },
      { name: 'resident memory', unit: 'MB', value: process.memoryUsage.rss() / 1e6 },
    ]);
  }
  const before = process.cpuUsage();
  await detection.stop();
  const { user, system } = process.cpuUsage(before);
  const learned = counters.snapshot().filter(({ name }) => name === 'taproot_watch_bytes');
  const { maxRSS } = process.resourceUsage();
  runs.push([
    { name: 'resident at most', unit: 'MB', value: maxRSS / 1000 },
    { name: 'save at stop', unit: 'ms of CPU', value: (user + system) / 1000 },
    ...learned.map(({ labels, value }) => {
      return { name: `learned by ${labels['watch']}`, unit: 'MB', value: value / 1e6 };
    }),
  ]);
  telemetry.close();
  state.close();
  return summarise(runs);
}

/** Without reading all of it, which would count as memory of the ticks. */
function findFirstMinute(telemetry: TelemetryReader): number {
  const nowUs = systemClock.nowUs();
  for (let minuteUs = minuteOf(nowUs - US_PER_DAY); minuteUs < nowUs; minuteUs += US_PER_MINUTE) {
    const range = { fromUs: minuteUs, toUs: minuteUs + US_PER_MINUTE };
    if (telemetry.readTallies({ range }).length > 0) return minuteUs;
  }
  throw new AppError(
    'request.not_found',
    'Cannot measure: the store holds nothing of the last day',
  );
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError(`"${text}" is not a whole number from 0`);
}
