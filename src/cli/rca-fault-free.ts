/**
 * `taproot bench rca --fault-free`: asks about windows in which nothing happened, cut from the fault-free periods of a
 * set. The right answer to each is that there is no cause.
 */
import { medianOf } from '../base/statistics.ts';
import { cutFaultFree } from '../bench/rca-fault-free.ts';
import type { Case } from '../pipeline/case-files.ts';
import type { Prediction } from '../pipeline/prediction.ts';
import { formatTable } from './bench-table.ts';

/** Windows cut from one period: enough for a share of 5 % to be seen, few enough to wait for. */
const WINDOWS_PER_PERIOD_MAX = 24;

/** The same questions as the cases ask, about windows of their length in each distinct fault-free period. */
export function faultFreeCases(cases: readonly Case[]): readonly Case[] {
  return [...groupByPeriod(cases)].flatMap(([, members], periodIndex) => {
    const [first] = members;
    if (first?.reference === undefined) return [];
    const windowUs = medianOf(members.map(({ window }) => window.toUs - window.fromUs));
    const windows = cutFaultFree(first.reference, { windowUs, countMax: WINDOWS_PER_PERIOD_MAX });
    return windows.map(({ window, reference }, index) => ({
      ...first,
      caseId: `period ${periodIndex + 1} window ${index + 1}`,
      window,
      reference,
      folders: normalFoldersOf(first),
    }));
  });
}

/** Cases that ask the same about the same fault-free period; those that have none are left out. */
function groupByPeriod(cases: readonly Case[]): ReadonlyMap<string, readonly Case[]> {
  const groups = new Map<string, Case[]>();
  for (const one of cases) {
    if (one.reference === undefined) continue;
    const key = JSON.stringify([normalFoldersOf(one), one.reference, one.scope]);
    const known = groups.get(key);
    if (known) known.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}

/** Where the fault-free telemetry lies: in a folder that cases share, or in the case's own. */
function normalFoldersOf({ folders }: Case): readonly string[] {
  return folders.length > 1 ? folders.slice(1) : folders;
}

/** How many kept silent, and what the others said. */
export function formatFaultFree(predictions: readonly Prediction[]): string {
  const named = predictions.filter(({ verdict }) => verdict !== 'abstained');
  const silent = predictions.length - named.length;
  const percent = predictions.length === 0 ? 100 : (100 * silent) / predictions.length;
  const total = `Fault-free windows: ${predictions.length}, without a cause ${silent} (${percent.toFixed(1)} %)`;
  if (named.length === 0) return total;
  const rows = named.map(({ case: name, verdict, confidence, ranked }) => [
    name,
    verdict,
    confidence.toFixed(2),
    ranked[0]?.service ?? '',
    ranked[0]?.kind ?? '',
  ]);
  const head = ['window', 'verdict', 'confidence', 'service', 'kind'];
  return [total, '', formatTable(head, rows, { textColumns: [0, 1, 3, 4] })].join('\n');
}
