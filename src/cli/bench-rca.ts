/**
 * `taproot bench rca`: every case of a set, diagnosed; one line of ranked causes each (docs/cases.md). With labels it
 * scores them itself, and reads the labels only after the last prediction has been made.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { AppError } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import { type Label, parseLabels } from '../bench/rca-labels.ts';
import { scoreCases } from '../bench/rca-score.ts';
import { ANALYSIS_SETTINGS, type AnalysisSettings } from '../model/analysis-settings.ts';
import { SIGNALS, type Signal } from '../model/vocabulary.ts';
import type { Prediction } from '../pipeline/prediction.ts';
import { loadRulebook } from '../rulebook/rulebook.ts';
import { ablate, formatAblation } from './rca-ablation.ts';
import { faultFreeCases, formatFaultFree } from './rca-fault-free.ts';
import { loadCases, predictCases, type RunOptions } from './rca-run.ts';
import { formatScores, scoresAsJson } from './rca-tables.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

interface Flags {
  readonly out?: string;
  readonly jobs: number;
  readonly stores?: string;
  readonly signals?: readonly Signal[];
  readonly labels?: string;
  readonly faultFree?: boolean;
  readonly ablate?: boolean;
  readonly json?: boolean;
  readonly set?: AnalysisSettings;
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
    .option('--labels <file>', 'answers of the set: print scores instead of predictions')
    .option('--fault-free', 'ask about windows of the fault-free periods instead of the cases')
    .option('--ablate', 'with --labels: take each kind of signal away in turn')
    .option('--json', 'with --labels: scores as JSON')
    .option('--set <name=value>', 'one number of the analysis; may be given again', parseSetting)
    .action(async (dir: string, flags: Record<string, unknown> & Flags) => {
      const { out, jobs, stores, signals, labels, faultFree, set, ...rest } = flags;
      const { ablate: isAblated, json, ...configFlags } = rest;
      if (labels !== undefined && faultFree) {
        throw new AppError('request.invalid', 'Cannot use --labels and --fault-free together');
      }
      const { config } = loadSettings(configFlags);
      const run: RunOptions = {
        jobs,
        offline: {
          rulebook: loadRulebook(rulesDirOf(config)),
          version: findPackage().version,
          ...(stores === undefined ? {} : { storesDir: stores }),
          ...(signals === undefined ? {} : { signals }),
          ...(set === undefined ? {} : { settings: set }),
        },
      };
      const cases = await loadCases(dir);
      if (isAblated) {
        if (labels === undefined) {
          throw new AppError('request.invalid', 'Cannot use --ablate without --labels');
        }
        const runs = await ablate(cases, run);
        print(formatAblation(runs, loadLabels(labels)));
        return;
      }
      const asked = faultFree ? faultFreeCases(cases) : cases;
      const predictions = await predictCases(asked, run);
      if (out !== undefined) writePredictions(out, predictions);
      if (faultFree) print(formatFaultFree(predictions));
      else if (labels !== undefined) {
        const scores = scoreCases(loadLabels(labels), predictions);
        print(json ? scoresAsJson(scores) : formatScores(scores));
      } else if (out === undefined) print(linesOf(predictions));
    });
}

function loadLabels(path: string): readonly Label[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AppError('request.not_found', `Cannot read labels "${path}"`, { cause });
  }
  return parseLabels(text);
}

function writePredictions(path: string, predictions: readonly Prediction[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${linesOf(predictions)}\n`);
}

function linesOf(predictions: readonly Prediction[]): string {
  return predictions.map((prediction) => JSON.stringify(prediction)).join('\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
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

function parseSetting(text: string, earlier: AnalysisSettings | undefined): AnalysisSettings {
  const settings = earlier ?? ANALYSIS_SETTINGS;
  const [name = '', number = ''] = text.split('=');
  const value = Number(number);
  if (!Object.hasOwn(settings, name) || number === '' || !Number.isFinite(value)) {
    const names = Object.keys(settings).join(', ');
    throw new InvalidArgumentError(`"${text}" is not NAME=NUMBER with one of ${names}`);
  }
  return { ...settings, [name]: value };
}
