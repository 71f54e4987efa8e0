/** `taproot bench rca`: every case of a set, diagnosed; one line of ranked causes each (docs/cases.md). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { AppError } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import { SIGNALS, type Signal } from '../model/vocabulary.ts';
import { diagnoseCase } from '../pipeline/offline.ts';
import { predictionOf } from '../pipeline/prediction.ts';
import { loadRulebook } from '../rulebook/rulebook.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

interface Flags {
  readonly out?: string;
  readonly jobs: number;
  readonly stores?: string;
  readonly signals?: readonly Signal[];
}

export function addBenchRca(bench: Command): void {
  addConfigFlags(
    bench
      .command('rca')
      .description('diagnose every case of a set; writes one JSON line of ranked causes per case')
      .argument('<dir>', 'folder of the set: it holds cases/ID/case.json'),
  )
    .option('--out <file>', 'write the predictions here instead of to stdout')
    .option('--jobs <n>', 'cases at once', parseJobs, 1)
    .option('--stores <dir>', 'keep the stores of the cases here, and use those that are there')
    .option('--signals <list>', 'read these only: traces,logs,metrics,profiles', parseSignals)
    .action(async (dir: string, flags: Record<string, unknown> & Flags) => {
      const { out, jobs, stores, signals, ...configFlags } = flags;
      const { config } = loadSettings(configFlags);
      const offline = {
        rulebook: loadRulebook(rulesDirOf(config)),
        version: findPackage().version,
        ...(stores === undefined ? {} : { storesDir: stores }),
        ...(signals === undefined ? {} : { signals }),
      };
      const ids = await listCases(dir);
      const lines = new Map<string, string>();
      let done = 0;
      await forEachConcurrently(ids, jobs, async (id) => {
        const report = await diagnoseCase(join(dir, 'cases', id), offline);
        lines.set(id, JSON.stringify(predictionOf(id, report)));
        done++;
        if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${done}/${ids.length} ${id}`);
      });
      if (process.stderr.isTTY) process.stderr.write('\n');
      const text = `${ids.map((id) => lines.get(id)).join('\n')}\n`;
      if (out === undefined) {
        process.stdout.write(text);
        return;
      }
      mkdirSync(dirname(out), { recursive: true });
      writeFileSync(out, text);
    });
}

async function listCases(dir: string): Promise<string[]> {
  const folder = join(dir, 'cases');
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new AppError(
      'request.not_found',
      `Cannot read set "${dir}": there is no folder cases in it`,
      { cause },
    );
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

async function forEachConcurrently<Item>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 16) {
    throw new InvalidArgumentError(`"${text}" is not a whole number from 1 to 16`);
  }
  return jobs;
}

function parseSignals(text: string): readonly Signal[] {
  return text.split(',').map((name) => {
    const signal = SIGNALS.find((one) => one === name.trim());
    if (signal === undefined) {
      throw new InvalidArgumentError(`"${name}" is none of ${SIGNALS.join(', ')}`);
    }
    return signal;
  });
}
