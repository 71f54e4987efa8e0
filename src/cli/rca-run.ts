/** Diagnoses every case of a set, or questions made of them, one or a few at once (`taproot bench rca`). */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../base/errors.ts';
import { type Case, type CaseStoreOptions, loadCase } from '../pipeline/case-files.ts';
import { diagnoseLoadedCase, type OfflineOptions } from '../pipeline/offline.ts';
import { type Prediction, predictionOf } from '../pipeline/prediction.ts';

export interface RunOptions {
  readonly jobs: number;
  readonly offline: OfflineOptions & CaseStoreOptions;
}

/** In the order of the cases. */
export async function predictCases(
  cases: readonly Case[],
  { jobs, offline }: RunOptions,
): Promise<readonly Prediction[]> {
  const predictions = new Map<string, Prediction>();
  const isShown = process.stderr.isTTY;
  await forEachConcurrently(cases, jobs, async (one) => {
    const report = await diagnoseLoadedCase(one, offline);
    predictions.set(one.caseId, predictionOf(one.caseId, report));
    if (isShown)
      process.stderr.write(`\r\u001b[K${predictions.size}/${cases.length} ${one.caseId}`);
  });
  if (isShown) process.stderr.write('\n');
  return cases.flatMap(({ caseId }) => predictions.get(caseId) ?? []);
}

/** Sorted by folder name, which is also the name of the case here: case.json's own id is the report's. */
export async function loadCases(dir: string): Promise<readonly Case[]> {
  const folder = join(dir, 'cases');
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new AppError(
      'request.not_found',
      `Cannot read set "${dir}": there is no folder cases in it`,
      { cause },
    );
  });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => ({ ...(await loadCase(join(folder, name))), caseId: name })),
  );
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
