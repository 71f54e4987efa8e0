/**
 * `taproot bench anomaly`: gives every value of a set of series a score from it and those before it, one setting for
 * all, in the form of the Numenta Anomaly Benchmark: DIR/data/GROUP/SERIES.csv with the columns timestamp and value.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../base/errors.ts';
import { US_PER_MS } from '../base/time.ts';
import type { SeriesPoint } from '../model/series.ts';
import { SERIES_WIDTH, stepSeries } from '../pipeline/series-watch.ts';

interface ScoredSeries {
  /** GROUP/SERIES.csv */
  readonly series: string;
  /** One a row, 0–1. */
  readonly scores: readonly number[];
  readonly alarmCount: number;
}

const HEAD = ['series', 'values', 'alarms', 'per 1000', 'top score'] as const;

export function addBenchAnomaly(bench: Command): void {
  bench
    .command('anomaly')
    .description('score every value of a set of series, from it and those before it only')
    .argument('<dir>', 'folder of the set: it holds data/GROUP/SERIES.csv (timestamp,value)')
    .option(
      '--out <file>',
      'write one JSON line a series: {"series", "scores"}; else print a table',
    )
    .action((dir: string, { out }: { out?: string }) => {
      const scored = scoreSet(dir);
      if (out === undefined) {
        process.stdout.write(`${tableOf(scored)}\n`);
        return;
      }
      mkdirSync(dirname(out), { recursive: true });
      const lines = scored.map(({ series, scores }) => JSON.stringify({ series, scores }));
      writeFileSync(out, `${lines.join('\n')}\n`);
    });
}

/** In order of their names. */
export function scoreSet(dir: string): readonly ScoredSeries[] {
  return listSeries(join(dir, 'data')).map((series) =>
    scoreSeries(series, parseSeries(readFileSync(join(dir, 'data', series), 'utf8'), series)),
  );
}

function listSeries(dataDir: string): readonly string[] {
  let entries: readonly string[];
  try {
    entries = readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
  } catch (cause) {
    throw new AppError('request.not_found', `Cannot read series: there is no folder "${dataDir}"`, {
      cause,
    });
  }
  const series = entries.filter((entry) => entry.endsWith('.csv'));
  return series.map((entry) => entry.replaceAll('\\', '/')).sort();
}

function parseSeries(text: string, series: string): readonly SeriesPoint[] {
  const [head, ...rows] = text.trim().split(/\r?\n/);
  if (head !== 'timestamp,value') {
    throw invalid(series, 1, `columns are "${head?.slice(0, 80)}", not "timestamp,value"`);
  }
  return rows.map((row, index) => {
    const [time = '', number = ''] = row.split(',');
    // The set's times have no zone; they are taken for UTC.
    const timeMs = Date.parse(`${time.trim().replace(' ', 'T')}Z`);
    const value = number.trim() === '' ? Number.NaN : Number(number);
    if (!Number.isFinite(timeMs) || !Number.isFinite(value)) {
      throw invalid(series, index + 2, `"${row.slice(0, 80)}" is no time and number`);
    }
    return { timeUs: timeMs * US_PER_MS, value };
  });
}

function invalid(series: string, line: number, why: string): AppError {
  return new AppError('request.invalid', `Cannot read series "${series}" line ${line}: ${why}`);
}

function scoreSeries(series: string, points: readonly SeriesPoint[]): ScoredSeries {
  const row = new Float32Array(SERIES_WIDTH);
  const scores: number[] = [];
  let alarmCount = 0;
  for (const point of points) {
    const { score, isAlarm } = stepSeries(row, point);
    scores.push(score);
    if (isAlarm) alarmCount++;
  }
  return { series, scores, alarmCount };
}

function tableOf(scored: readonly ScoredSeries[]): string {
  const rows = scored.map(({ series, scores, alarmCount }) => [
    series,
    String(scores.length),
    String(alarmCount),
    ((1000 * alarmCount) / Math.max(1, scores.length)).toFixed(2),
    scores.reduce((top, score) => Math.max(top, score), 0).toFixed(3),
  ]);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(HEAD), rule, ...rows.map(line)].join('\n');
}
