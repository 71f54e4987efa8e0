/** Scores of a set of cases as Markdown tables: totals by system and by fault, and whether confidence holds. */
import type { Label } from '../bench/rca-labels.ts';
import { CONFIDENT, type Reliability, reliabilityOf } from '../bench/rca-reliability.ts';
import { type CaseScore, type ScoreTotals, totalsOf } from '../bench/rca-score.ts';
import { formatTable } from './bench-table.ts';

/** All tables of one set. */
export function formatScores(scores: readonly CaseScore[]): string {
  return [
    formatTotals('cases', totalsOf(scores, groupNameOf)),
    formatTotals('fault', byName(totalsOf(scores, faultNameOf))),
    formatReliability(reliabilityOf(scores)),
  ]
    .filter((table) => table !== '')
    .join('\n\n');
}

/** The same for programs; shares are 0–1. */
export function scoresAsJson(scores: readonly CaseScore[]): string {
  return JSON.stringify({
    groups: totalsOf(scores, groupNameOf),
    systems: totalsOf(scores, ({ system, group }) => system || group),
    faults: byName(totalsOf(scores, faultNameOf)),
    reliability: reliabilityOf(scores),
  });
}

function groupNameOf({ group }: Label): string {
  return group === '' ? 'all' : group;
}

function byName(totals: readonly ScoreTotals[]): readonly ScoreTotals[] {
  return [...totals].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function faultNameOf(label: Label): string | undefined {
  if (label.faultType === undefined) return undefined;
  return `${label.system} ${label.faultType}`.trim();
}

const HEAD = ['n', 'AS@1', 'AS@3', 'AIS@1', 'AIS@3', 'right', 'abstained'] as const;

/** Percent; AS: the service at fault, AIS: the inner cause too, among the first one or three. */
export function formatTotals(title: string, totals: readonly ScoreTotals[]): string {
  if (totals.length === 0) return '';
  const rows = totals.map((total) => [
    total.name,
    String(total.cases),
    ...[total.service1, total.service3, total.cause1, total.cause3].map(formatPercent),
    ...[total.right, total.abstained].map(formatPercent),
  ]);
  return formatTable([title, ...HEAD], rows, { textColumns: [0] });
}

/** Bins of confidence beside the share that was right, and what follows from them in one line each. */
function formatReliability(reliability: Reliability): string {
  const rows = reliability.bins.map(({ low, high, count, confidenceMean, rightShare }) => [
    `${low.toFixed(1)}–${high.toFixed(1)}`,
    String(count),
    formatPercent(confidenceMean),
    formatPercent(rightShare),
  ]);
  const head = ['confidence', 'n', 'mean', 'right'];
  const { cases, named, confidentlyWrong, brier, calibrationError } = reliability;
  return [
    formatTable(head, rows, { textColumns: [0] }),
    '',
    `${cases} cases, a cause named in ${named}; confident (≥ ${CONFIDENT}) and wrong: ${formatPercent(confidentlyWrong)} %;` +
      ` Brier score ${formatNumber(brier)}, calibration error ${formatNumber(calibrationError)}`,
  ].join('\n');
}

export function formatPercent(share: number | undefined): string {
  return share === undefined ? '–' : (100 * share).toFixed(1);
}

function formatNumber(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(3);
}
