#!/usr/bin/env node
// Runs `taproot bench ingest` for every row of the table in docs/benchmarks.md and writes it there, between the
// markers. Only figures of a quiet machine say something: it tells the load average before each row.
//   node scripts/bench-ingest.mjs [--seconds 60] [--runs 3] [--only A,B] [--dry-run]      needs a build: npm run build
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, 'dist/src/main.js');
if (!existsSync(program)) {
  console.error(`Cannot measure: ${program} is missing; run npm run build`);
  process.exit(1);
}
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  },
});

// Targets are items a second.
const ROWS = [
  { name: 'A, HTTP protobuf', args: ['--idle', '60'], target: 350_000 },
  { name: 'A, HTTP protobuf, gzip', args: ['--gzip'], target: 280_000 },
  { name: 'A, gRPC', args: ['--transport', 'grpc'], target: 200_000 },
  { name: 'A, HTTP JSON', args: ['--encoding', 'json'], target: 120_000 },
  { name: 'B, HTTP protobuf', args: ['--workload', 'b'] },
  { name: 'logs, HTTP protobuf', args: ['--workload', 'logs'], target: 300_000 },
  { name: 'metric points, HTTP protobuf', args: ['--workload', 'metrics'], target: 300_000 },
];
const wanted = values.only?.split(';');
const rows = ROWS.filter(({ name }) => wanted === undefined || wanted.includes(name));
if (rows.length === 0) {
  console.error(
    `--only "${values.only}" names no row; rows (separated by ";"): ${ROWS.map(({ name }) => name).join('; ')}`,
  );
  process.exit(2);
}

const lines = [];
let idle;
for (const { name, args, target } of rows) {
  const loadBefore = loadavg()[0].toFixed(1);
  console.error(`${name} (load average ${loadBefore})`);
  const common = ['bench', 'ingest', '--json', '--seconds', values.seconds, '--runs', values.runs];
  const output = execFileSync(process.execPath, [program, ...common, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const results = new Map(JSON.parse(output).map((result) => [result.name, result]));
  const line = formatRow({ name, target, results });
  console.log(line);
  lines.push(line);
  idle ??= results.get('server RSS, idle');
}

const HEAD = [
  'what',
  'items/s, median (min–max)',
  'must reach',
  'last fifth / first',
  'server cores',
  'items a second of server CPU',
  'ack p50 / p99 at full speed',
  'ack p50 / p99 / max at half load',
  'sent an item',
  'on disk an item',
  'server RSS, most',
];
const text = `| ${HEAD.join(' | ')} |
|${' --- |'.repeat(HEAD.length)}
${lines.join('\n')}

Medians of ${values.runs} runs, ${values.seconds} s each after a warm-up, 24 senders. In every run the store held exactly what
was acknowledged, or the run had failed.${idle ? ` At rest, a minute after the start: ${idle.median.toFixed(0)} MiB.` : ''}
Machine: ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, ${new Date().toISOString().slice(0, 10)}.`;
console.log(`\n${text}`);
if (!values['dry-run']) writeText(text);

function formatRow({ name, target, results }) {
  const value = (key) => results.get(key)?.median;
  const number = (key, digits = 0) => value(key)?.toFixed(digits) ?? '–';
  const rate = results.get('rate');
  const thousand = (count) => `${Math.round(count / 1000)} k`;
  const sent = [...results.values()].find(({ name: key }) => key === 'sent');
  const disk = results.get('on disk, all indexes');
  const verdict =
    target === undefined
      ? '–'
      : `${thousand(target)}: ${rate.median >= target ? 'met' : 'not met'}`;
  const cells = [
    name,
    `**${thousand(rate.median)}** (${thousand(rate.min)}–${thousand(rate.max)})`,
    verdict,
    `${number('rate of the last fifth over the first')} %`,
    number('server CPU', 2),
    thousand(value('per second of server CPU')),
    `${number('ack p50')} / ${number('ack p99')} ms`,
    `${number('half load: ack p50')} / ${number('half load: ack p99')} / ${number('half load: ack max')} ms`,
    `${sent.median.toFixed(0)} B`,
    `${disk.median.toFixed(1)} B`,
    `${number('server RSS, most')} MiB`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function writeText(content) {
  const file = join(root, 'docs/benchmarks.md');
  const [begin, end] = ['<!-- bench-ingest:begin -->', '<!-- bench-ingest:end -->'];
  const page = readFileSync(file, 'utf8');
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) {
    console.error(`Cannot write ${file}: it has no "${begin}" and "${end}"`);
    process.exit(1);
  }
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n${content}\n${page.slice(to)}`);
}
