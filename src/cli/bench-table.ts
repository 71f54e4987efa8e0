/** Results of a bench: the runs of each measure in one line, as a table or as data. */
import { medianOf } from '../base/statistics.ts';

/** One number of one run. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

export interface BenchResult {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How many runs stand behind it. */
  readonly runs: number;
}

/** In the order of the first run that has the measure. */
export function summarise(runs: readonly (readonly Measure[])[]): readonly BenchResult[] {
  const byName = new Map<string, { readonly unit: string; readonly values: number[] }>();
  for (const { name, unit, value } of runs.flat()) {
    const known = byName.get(name);
    if (known) known.values.push(value);
    else byName.set(name, { unit, values: [value] });
  }
  return [...byName].map(([name, { unit, values }]) => ({
    name,
    unit,
    median: medianOf(values),
    min: Math.min(...values),
    max: Math.max(...values),
    runs: values.length,
  }));
}

const HEAD = ['what', 'median', 'min', 'max', 'unit'] as const;

/** A table that is Markdown too. */
export function formatResults(
  results: readonly BenchResult[],
  { machine }: { readonly machine: string },
): string {
  const rows = results.map(({ name, unit, median, min, max }) => [
    name,
    ...[median, min, max].map(formatValue),
    unit,
  ]);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => pad(cell, { at, width: widths[at] ?? 0 })).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const runCount = Math.max(0, ...results.map(({ runs }) => runs));
  return [
    line(HEAD),
    rule,
    ...rows.map(line),
    '',
    `Medians of ${runCount} ${runCount === 1 ? 'run' : 'runs'}. ${machine}.`,
  ].join('\n');
}

function pad(cell: string, { at, width }: { readonly at: number; readonly width: number }): string {
  return at === 0 || at === HEAD.length - 1 ? cell.padEnd(width) : cell.padStart(width);
}

function formatValue(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toFixed(digits);
}
