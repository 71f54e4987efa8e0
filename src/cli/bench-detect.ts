/**
 * `taproot bench detect`: shows a simulated month of known incidents to the detection methods and prints what each
 * found, missed and made up.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatNumber } from '../base/quantity.ts';
import { formatTime, US_PER_MINUTE } from '../base/time.ts';
import { simulateMonth } from '../bench/month.ts';
import { INCIDENT_KINDS } from '../bench/month-incidents.ts';
import { type MethodScore, type MonthRun, runMonth, scoreRuns } from '../bench/month-run.ts';
import { findMistakes, type PeriodScore, type Recall } from '../bench/month-score.ts';
import { RATIO_RULE, type TrailingRule } from '../detect/ratio.ts';
import type { EndpointWatch } from '../model/watch.ts';
import { createEndpointWatch } from '../pipeline/endpoint-watch.ts';
import { createRatioWatch } from '../pipeline/ratio-watch.ts';

const SIGMAS = 3;

/** The textbook's rule, which has a lower end for traffic, too. */
const SIGMA_RULE: TrailingRule = {
  bandOf: ({ mean, sigma }, kind) => ({
    expected: mean,
    low: kind === 'traffic' ? Math.max(0, mean - SIGMAS * sigma) : 0,
    high: mean + SIGMAS * sigma,
  }),
  statement: {
    zh: `偏离均值超过 ${SIGMAS} 个标准差`,
    en: `more than ${SIGMAS} standard deviations off the mean`,
  },
};

const METHODS = {
  adaptive: () => createEndpointWatch(),
  ratio: () => createRatioWatch(RATIO_RULE),
  sigma: () => createRatioWatch(SIGMA_RULE),
} as const satisfies Readonly<Record<string, () => EndpointWatch>>;
type Method = keyof typeof METHODS;
// as: the keys of METHODS
const METHOD_NAMES = Object.keys(METHODS) as Method[];

interface DetectFlags {
  readonly days: number;
  readonly endpoints: number;
  readonly incidents?: number;
  readonly seed: number;
  readonly months: number;
  readonly method: Method | 'all';
  readonly mistakes?: boolean;
  readonly json?: boolean;
}

const DAYS_MAX = 28;
const MONTHS_MAX = 100;
const ENDPOINTS_DEFAULT = 200;
const ENDPOINTS_MAX = 20_000;
const INCIDENTS_DEFAULT = 120;

export function addBenchDetect(bench: Command): void {
  bench
    .command('detect')
    .description('show a simulated month of known incidents to the detection methods')
    .option('--days <n>', 'of the month', wholeNumber({ from: 1, to: DAYS_MAX }), DAYS_MAX)
    .option(
      '--endpoints <n>',
      'eight a service',
      wholeNumber({ from: 1, to: ENDPOINTS_MAX }),
      ENDPOINTS_DEFAULT,
    )
    .option(
      '--incidents <n>',
      'in 28 days, of fewer days in proportion (default: 120 for 200 endpoints)',
      wholeNumber({ from: 0, to: ENDPOINTS_MAX }),
    )
    .option('--seed <n>', 'of the month', wholeNumber({ from: 0, to: 1_000_000 }), 1)
    .option(
      '--months <n>',
      'months of this seed and the seeds after it, scored together',
      wholeNumber({ from: 1, to: MONTHS_MAX }),
      1,
    )
    .addOption(
      new Option('--method <name>', 'detection method')
        .choices([...METHOD_NAMES, 'all'])
        .default('all'),
    )
    .option('--mistakes', 'list false alarms and missed incidents, too')
    .option('--json', 'print a JSON document')
    .action(benchDetect);
}

function benchDetect(flags: DetectFlags): void {
  const { days, endpoints, seed, months } = flags;
  const methods = flags.method === 'all' ? METHOD_NAMES : [flags.method];
  const incidentCount =
    flags.incidents ?? Math.round((INCIDENTS_DEFAULT * endpoints) / ENDPOINTS_DEFAULT);
  const runs = Array.from({ length: months }, (_, index) =>
    runMonth(
      simulateMonth({
        seed: seed + index,
        endpointCount: endpoints,
        dayCount: days,
        incidentCount,
      }),
      {
        watches: new Map(methods.map((method) => [method, METHODS[method]()])),
        cpuUs: () => {
          const { user, system } = process.cpuUsage();
          return user + system;
        },
        onDay: (day) => showProgress(`seed ${seed + index}, day ${day + 1} of ${days}`),
      },
    ),
  ).flat();
  showProgress('');
  const scores = scoreRuns(runs);
  if (flags.json) {
    const mistakes = runs.map((run) => ({ method: run.method, ...findMistakes(run) }));
    const document = {
      ...{ days, endpoints, seed, months, methods: scores },
      ...(flags.mistakes ? { mistakes } : {}),
    };
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(`${formatScores(scores)}\n`);
  if (!flags.mistakes) return;
  for (const run of runs) process.stdout.write(`\n${run.method}\n${formatMistakes(run)}\n`);
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function formatMistakes(run: MonthRun): string {
  const { falseAlarms, missed } = findMistakes(run);
  const { startUs } = run.truth;
  return [
    ...falseAlarms.map(
      ({ kind, openedUs, statement }) =>
        `false alarm · ${formatTime(openedUs)} · ${kind}: ${statement}`,
    ),
    ...missed.map(
      ({ kind, service, endpointIds, fromMinute, toMinute, size, requestsPerMinute }) =>
        `missed · ${formatTime(startUs + fromMinute * US_PER_MINUTE)} · ${kind} × ${formatNumber(size)}` +
        ` for ${toMinute - fromMinute} min on ${endpointIds.length} endpoints of ${service},` +
        ` ${formatNumber(requestsPerMinute)} requests a minute`,
    ),
  ].join('\n');
}

/** Three tables that are Markdown, too. */
export function formatScores(scores: readonly MethodScore[]): string {
  const rows = scores.flatMap(({ method, periods }) =>
    periods.map((period) => ({ method, period })),
  );
  return [
    formatTable(
      [
        'method',
        'period',
        'alarms',
        'false',
        'false share',
        'false incidents an endpoint-week',
        'recall ≥ 10 req/min',
        'delay p50 / p90 there, min',
        'recall of all',
        'delay p50 / p90 of all, min',
        'onset error, min',
      ],
      rows.map(({ method, period }) => [method, ...cellsOf(period)]),
    ),
    formatTable(
      ['method', 'period', ...INCIDENT_KINDS],
      rows.map(({ method, period }) => [
        method,
        period.period,
        ...INCIDENT_KINDS.map((kind) => formatRecall(period.byKind[kind])),
      ]),
    ),
    formatTable(
      ['method', 'CPU an endpoint and minute, µs', 'state an endpoint, bytes'],
      scores.map(({ method, cpuUsPerEndpointMinute, stateBytesPerEndpoint }) => [
        method,
        cpuUsPerEndpointMinute.toFixed(2),
        stateBytesPerEndpoint.toFixed(0),
      ]),
    ),
  ].join('\n\n');
}

function cellsOf(score: PeriodScore): string[] {
  const { clearDelayMinutes, delayMinutes } = score;
  return [
    score.period,
    String(score.alarms),
    String(score.falseAlarms),
    formatShare(score.falseAlarms, score.alarms),
    (score.falseIncidents / score.endpointWeeks).toFixed(3),
    `${formatRecall(score.clear)} = ${formatShare(score.clear.found, score.clear.incidents)}`,
    `${formatMinutes(clearDelayMinutes.median)} / ${formatMinutes(clearDelayMinutes.p90)}`,
    `${formatRecall(score.all)} = ${formatShare(score.all.found, score.all.incidents)}`,
    `${formatMinutes(delayMinutes.median)} / ${formatMinutes(delayMinutes.p90)}`,
    formatMinutes(score.onsetErrorMinutes),
  ];
}

function formatRecall({ found, incidents }: Recall): string {
  return incidents === 0 ? '–' : `${found}/${incidents}`;
}

function formatShare(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
}

function formatMinutes(minutes: number): string {
  return Number.isNaN(minutes) ? '–' : String(Number(minutes.toFixed(1)));
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function wholeNumber({ from, to }: { readonly from: number; readonly to: number }) {
  return (text: string): number => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < from || number > to) {
      throw new InvalidArgumentError(`"${text}" is not a whole number from ${from} to ${to}`);
    }
    return number;
  };
}
