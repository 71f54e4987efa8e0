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
  const runCount = Math.max(0, ...results.map(({ runs }) => runs));
  return [
    formatTable(HEAD, rows, { textColumns: [0, HEAD.length - 1] }),
    '',
    `Medians of ${runCount} ${runCount === 1 ? 'run' : 'runs'}. ${machine}.`,
  ].join('\n');
}

/** Columns of text are aligned to the left, the others to the right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { textColumns }: { readonly textColumns: readonly number[] },
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) => {
    const width = widths[column] ?? 0;
    return textColumns.includes(column) ? cell.padEnd(width) : cell.padStart(width);
  };
  const line = (cells: readonly string[]) => `| ${cells.map(pad).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function formatValue(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toFixed(digits);
}
