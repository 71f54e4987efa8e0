/**
 * `taproot bench query`: fills a store, asks it the questions of a user and of the analysis, and starts the service on
 * it, also after a kill under full load.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AppError } from '../base/errors.ts';
import { quantileOfSorted, sortedCopy } from '../base/statistics.ts';
import { systemClock } from '../base/time.ts';
import {
  type Asked,
  SMALL_WINDOW_SPANS,
  type Timings,
  timeGroupings,
  timeSearches,
  timeSmallWindow,
  timeTraces,
} from './bench-query-reads.ts';
import { timeStarts } from './bench-query-start.ts';
import { durationUsOf, fillStore, readExtent, type TraceWorkload } from './bench-query-store.ts';
import { type BenchResult, formatResults, summarise } from './bench-table.ts';

interface QueryFlags {
  readonly spans: number;
  readonly workload: TraceWorkload;
  readonly dir?: string;
  readonly seed: number;
  readonly json?: boolean;
}

const SPANS_DEFAULT = 10_000_000;
const SPANS_MIN = 1000;
/** The small store that the window is read of before the rest is filled in. */
const SMALL_STORE_SPANS = 1_000_000;

export function addBenchQuery(bench: Command): void {
  bench
    .command('query')
    .description('fill a store and print how long queries and starts take')
    .option('--spans <n>', 'spans that the store holds', spanNumber, SPANS_DEFAULT)
    .addOption(
      new Option('--workload <name>', 'a: Coze traces, b: the recipe of Jaeger’s benchmark')
        .choices(['a', 'b'])
        .default('b'),
    )
    .option('--dir <dir>', 'folder for the store; it is kept, and filled up the next time')
    .option('--seed <n>', 'of the workload and the questions', Number, 1)
    .option('--json', 'print an array of {name, unit, median, min, max, runs}')
    .action(benchQuery);
}

async function benchQuery(flags: QueryFlags): Promise<void> {
  const root = flags.dir ?? mkdtempSync(join(tmpdir(), 'taproot-bench-'));
  mkdirSync(root, { recursive: true });
  try {
    const results = await measure(flags, root);
    if (flags.json) process.stdout.write(`${JSON.stringify(results)}\n`);
    else process.stdout.write(`${formatResults(results, { machine: machineName() })}\n`);
  } finally {
    if (flags.dir === undefined) rmSync(root, { recursive: true, force: true });
  }
}

async function measure(flags: QueryFlags, root: string): Promise<readonly BenchResult[]> {
  const dataDir = join(root, 'data');
  const { workload, seed } = flags;
  const startUs = systemClock.nowUs() - durationUsOf(flags.spans);
  const before = readExtent(dataDir).spanCount;
  const results: BenchResult[] = [];
  const fill = async (spanCount: number) => {
    const onProgress = (held: number) => process.stderr.write(`${held} of ${flags.spans} spans\n`);
    return fillStore({ dataDir, workload, spanCount, startUs, seed, onProgress });
  };
  const ask = (): Asked => {
    const { range } = readExtent(dataDir);
    if (!range) throw new AppError('internal', 'The store is empty after it was filled');
    return { dataDir, range, seed };
  };
  if (before < SMALL_STORE_SPANS && flags.spans > SMALL_STORE_SPANS) {
    await fill(SMALL_STORE_SPANS);
    results.push(smallWindowResult(SMALL_STORE_SPANS, ask()));
  }
  if (before < flags.spans) {
    const { elapsedMs, upkeepMsMax } = await fill(flags.spans);
    const added = flags.spans - Math.max(before, results.length > 0 ? SMALL_STORE_SPANS : 0);
    results.push(
      valueResult('filled, one thread', { unit: 'spans/s', value: (1000 * added) / elapsedMs }),
      valueResult('upkeep between commits, longest', { unit: 'ms', value: upkeepMsMax }),
    );
  }
  const asked = ask();
  results.push(smallWindowResult(readExtent(dataDir).spanCount, asked));
  const questions = [timeTraces, timeSearches, timeGroupings];
  for (const question of questions) {
    for (const timings of question(asked)) results.push(...timingResults(timings));
  }
  for (const timings of await timeStarts({ root, dataDir, workload, seed })) {
    results.push(...timingResults(timings));
  }
  return results;
}

function smallWindowResult(spanCount: number, asked: Asked): BenchResult {
  const name = `window of ${SMALL_WINDOW_SPANS / 1000} k spans of ${(spanCount / 1e6).toFixed(0)} M, group by name`;
  return summarise([timeSmallWindow(asked).map((value) => ({ name, unit: 'ms', value }))])[0]!; // one name
}

function valueResult(
  name: string,
  { unit, value }: { readonly unit: string; readonly value: number },
): BenchResult {
  return { name, unit, median: value, min: value, max: value, runs: 1 };
}

/** Enough askings to tell a 99th percentile from a maximum. */
const P99_RUNS_MIN = 30;

function timingResults({ name, valuesMs }: Timings): readonly BenchResult[] {
  const all = summarise([valuesMs.map((value) => ({ name, unit: 'ms', value }))]);
  if (valuesMs.length < P99_RUNS_MIN) return all;
  const p99 = quantileOfSorted(sortedCopy(valuesMs), 0.99);
  const runs = valuesMs.length;
  return [...all, { name: `${name}, p99`, unit: 'ms', median: p99, min: p99, max: p99, runs }];
}

/** For the head of a table. */
export function machineName(): string {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown processor';
  const date = new Date().toISOString().slice(0, 10);
  return `${cores.length} cores (${model}), Node ${process.version}, ${date}, load average ${(loadavg()[0] ?? 0).toFixed(1)} at the end`;
}

function spanNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= SPANS_MIN) return number;
  throw new InvalidArgumentError(`"${text}" is not a whole number from ${SPANS_MIN}`);
}
