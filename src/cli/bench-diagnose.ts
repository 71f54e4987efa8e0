/**
 * `taproot bench diagnose`: how long a diagnosis takes, from the question to the verified report. Fills a store, then
 * asks in a process of its own, so that its memory is that of the analysis alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { findPackage } from '../base/package.ts';
import { quantileOfSorted, sortedCopy } from '../base/statistics.ts';
import { minuteOf, systemClock } from '../base/time.ts';
import type { Report } from '../model/report.ts';
import { diagnoseData } from '../pipeline/offline.ts';
import { loadRulebook } from '../rulebook/rulebook.ts';
import { fillIncidentStore, type IncidentStore, WINDOW_US } from './bench-diagnose-store.ts';
import { machineName } from './bench-query.ts';
import { type BenchResult, formatResults, type Measure, summarise } from './bench-table.ts';
import { loadSettings, rulesDirOf } from './settings.ts';

interface Flags extends IncidentStore {
  readonly runs: number;
  readonly dir?: string;
  readonly json?: boolean;
  readonly ask?: boolean;
}

/** Remembers which window of a kept store is the incident. */
const END_FILE = 'incident-end.txt';

export function addBenchDiagnose(bench: Command): void {
  bench
    .command('diagnose')
    .description('fill a store with an incident and print how long its diagnosis takes')
    .option('--spans <n>', 'spans of the 15-minute window, and log lines', wholeNumber, 1_000_000)
    .option('--series <n>', 'metric series with a point a minute', wholeNumber, 5000)
    .option('--older-spans <n>', 'stored before the hour of reference', wholeNumber, 0)
    .option('--runs <n>', 'diagnoses', wholeNumber, 10)
    .option('--seed <n>', 'of the load', Number, 1)
    .option('--dir <dir>', 'folder for the store; it is kept, and asked as it is the next time')
    .option('--json', 'print an array of {name, unit, median, min, max, runs}')
    .addOption(new Option('--ask', 'only ask the store in --dir').hideHelp())
    .action(benchDiagnose);
}

async function benchDiagnose(flags: Flags): Promise<void> {
  const root = flags.dir ?? mkdtempSync(join(tmpdir(), 'taproot-bench-'));
  const dataDir = join(root, 'data');
  try {
    if (flags.ask) {
      process.stdout.write(`${JSON.stringify(await timeDiagnoses(root, flags.runs))}\n`);
      return;
    }
    if (!existsSync(join(root, END_FILE))) {
      mkdirSync(dataDir, { recursive: true });
      const endUs = minuteOf(systemClock.nowUs());
      const onProgress = (text: string) => process.stderr.write(`${text}\n`);
      await fillIncidentStore(dataDir, { ...flags, endUs, onProgress });
      writeFileSync(join(root, END_FILE), String(endUs));
    }
    const results = askAlone(root, flags.runs);
    process.stdout.write(
      `${flags.json ? JSON.stringify(results) : formatResults(results, { machine: machineName() })}\n`,
    );
  } finally {
    if (flags.dir === undefined) rmSync(root, { recursive: true, force: true });
  }
}

/** The same command on the store that is there now. */
function askAlone(root: string, runs: number): readonly BenchResult[] {
  const [, program = ''] = process.argv;
  const args = [program, 'bench', 'diagnose', '--ask', '--dir', root, '--runs', String(runs)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as BenchResult[]; // as written below
}

async function timeDiagnoses(root: string, runCount: number): Promise<readonly BenchResult[]> {
  const toUs = Number(readFileSync(join(root, END_FILE), 'utf8'));
  const window = { fromUs: toUs - WINDOW_US, toUs };
  const rulebook = loadRulebook(rulesDirOf(loadSettings({}).config));
  const options = { rulebook, version: findPackage().version };
  const runs: (readonly Measure[])[] = [];
  for (let run = 0; run < runCount; run++) {
    const startedMs = performance.now();
    const before = process.cpuUsage();
    const report = await diagnoseData(join(root, 'data'), { window, scope: {} }, options);
    const { user, system } = process.cpuUsage(before);
    const wallMs = performance.now() - startedMs;
    runs.push(measuresOf(report, { wallMs, cpuMs: (user + system) / 1000 }));
    if (run === 0) process.stderr.write(`${report.verdict}: ${report.summary.en}\n`);
  }
  const { maxRSS } = process.resourceUsage();
  const p95 = (name: string): readonly BenchResult[] => {
    const values = runs.flat().filter((measure) => measure.name === name);
    const value = quantileOfSorted(sortedCopy(values.map((measure) => measure.value)), 0.95);
    const unit = values[0]?.unit ?? '';
    return [{ name: `${name}, p95`, unit, median: value, min: value, max: value, runs: runCount }];
  };
  return [
    ...summarise(runs),
    ...p95('question to report'),
    ...p95('question to report, both cores'),
    ...summarise([[{ name: 'resident at most', unit: 'MB', value: maxRSS / 1000 }]]),
  ];
}

function measuresOf(
  { times, collect, hypotheses }: Report,
  { wallMs, cpuMs }: { readonly wallMs: number; readonly cpuMs: number },
): readonly Measure[] {
  const { collectMs, clusterMs, hypothesiseMs, verifyMs } = times;
  const ms = (name: string, value: number) => ({ name, unit: 'ms', value });
  const reportMs = wallMs - collectMs - clusterMs - hypothesiseMs - verifyMs;
  return [
    ms('question to report', wallMs),
    { name: 'question to report, both cores', unit: 'ms of CPU', value: cpuMs },
    ms('collect', collectMs),
    ms('cluster', clusterMs),
    ms('hypothesise', hypothesiseMs),
    ms('verify', verifyMs),
    ms('report', reportMs),
    { name: 'spans read', unit: '1', value: collect.signals.spans },
    { name: 'log lines read', unit: '1', value: collect.signals.logs },
    { name: 'hypotheses', unit: '1', value: hypotheses.length },
  ];
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError(`"${text}" is not a whole number from 0`);
}
