/**
 * `taproot bench rca --ablate`: the same cases with one kind of signal taken away at a time, to see what each brings.
 * A case that never had the signal keeps its prediction.
 */
import { readdir } from 'node:fs/promises';
import type { Label } from '../bench/rca-labels.ts';
import { scoreCases, totalsOf } from '../bench/rca-score.ts';
import { SIGNALS, type Signal } from '../model/vocabulary.ts';
import type { Case } from '../pipeline/case-files.ts';
import type { Prediction } from '../pipeline/prediction.ts';
import { predictCases, type RunOptions } from './rca-run.ts';
import { formatTotals } from './rca-tables.ts';

/** What is taken away: a signal, or the call graph that a set gives beside its telemetry. */
export const ABLATIONS = ['traces', 'logs', 'metrics', 'topology'] as const;
export type Ablation = (typeof ABLATIONS)[number];

export interface AblatedRun {
  readonly without: Ablation | undefined;
  readonly predictions: readonly Prediction[];
}

/** First all signals, then without each that some case has. */
export async function ablate(
  cases: readonly Case[],
  run: RunOptions,
): Promise<readonly AblatedRun[]> {
  const whole = await predictCases(cases, run);
  const runs: AblatedRun[] = [{ without: undefined, predictions: whole }];
  for (const without of ABLATIONS) {
    const touched = await casesWith(cases, without);
    if (touched.length === 0) continue;
    const changed = await predictWithout(without, { cases: touched, run });
    const byCase = new Map(changed.map((prediction) => [prediction.case, prediction]));
    const predictions = whole.map((prediction) => byCase.get(prediction.case) ?? prediction);
    runs.push({ without, predictions });
  }
  return runs;
}

async function casesWith(cases: readonly Case[], what: Ablation): Promise<readonly Case[]> {
  if (what === 'topology') return cases.filter(({ topology }) => topology.length > 0);
  const has = await Promise.all(cases.map(({ folders }) => hasSignal(folders, what)));
  return cases.filter((_, index) => has[index]);
}

async function hasSignal(folders: readonly string[], signal: Signal): Promise<boolean> {
  const lists = await Promise.all(folders.map((folder) => readdir(folder)));
  return lists.flat().some((file) => file.startsWith(`${signal}.`));
}

function predictWithout(
  what: Ablation,
  { cases, run }: { readonly cases: readonly Case[]; readonly run: RunOptions },
): Promise<readonly Prediction[]> {
  if (what === 'topology') {
    return predictCases(
      cases.map((one) => ({ ...one, topology: [] })),
      run,
    );
  }
  const read = run.offline.signals ?? SIGNALS;
  const signals = read.filter((signal) => signal !== what);
  return predictCases(cases, { ...run, offline: { ...run.offline, signals } });
}

/** One row for each system and each thing taken away, the system's rows together. */
export function formatAblation(runs: readonly AblatedRun[], labels: readonly Label[]): string {
  const rows = runs.flatMap(({ without, predictions }) =>
    totalsOf(scoreCases(labels, predictions), ({ system, group }) => system || group).map(
      (total, order) => ({
        order,
        total: {
          ...total,
          name: `${total.name}, ${without === undefined ? 'all signals' : `without ${without}`}`,
        },
      }),
    ),
  );
  const together = rows.sort((a, b) => a.order - b.order);
  return formatTotals(
    'signals',
    together.map(({ total }) => total),
  );
}
