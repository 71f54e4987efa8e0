#!/usr/bin/env node
// Scores root causes on sets of cases (docs/cases.md) and prints the tables of docs/benchmarks.md: totals, kinds of
// fault, reliability, what each signal brings, and silence in fault-free windows. Writes them between the markers of
// that file unless --dry-run. Needs a build: npm run build
//   node scripts/bench-rca.mjs SET... [--stores DIR] [--simulated N] [--seed S] [--dry-run]
//     SET            folder with cases/ and labels.json
//     --stores       keep imported stores here; each set and each signal left out has its own (default: none kept)
//     --simulated N  also N simulated cases of seed S (1000)
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, 'dist/src/main.js');
if (!existsSync(main)) {
  console.error(`Cannot measure: ${main} is missing; run npm run build`);
  process.exit(1);
}
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    stores: { type: 'string' },
    simulated: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1000' },
    'dry-run': { type: 'boolean', default: false },
  },
});
const simulatedCount = Number(values.simulated);
if (positionals.length === 0 && !(simulatedCount > 0)) {
  console.error(
    'usage: node scripts/bench-rca.mjs SET... [--simulated N] [--stores DIR] [--dry-run]',
  );
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'taproot-bench-rca-'));
const stores = values.stores === undefined ? join(scratch, 'stores') : resolve(values.stores);
try {
  const sets = positionals.map((dir) => ({ name: basename(resolve(dir)), dir: resolve(dir) }));
  if (simulatedCount > 0) sets.push(simulate());
  const text = [...sets.map(measureSet), machineLine()].join('\n\n');
  if (values['dry-run']) console.log(text);
  else writeSection(text);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function simulate() {
  const dir = join(scratch, 'simulated');
  run(['cases', '--out', dir, '--count', values.simulated, '--seed', values.seed]);
  return { name: `simulated, ${values.simulated} cases of seed ${values.seed}`, dir };
}

function measureSet({ name, dir }) {
  const labels = ['--labels', join(dir, 'labels.json')];
  const own = ['rca', dir, '--stores', stores];
  const startedMs = performance.now();
  const scores = run([...own, ...labels]);
  const seconds = (performance.now() - startedMs) / 1000;
  const ablation = run([...own, ...labels, '--ablate']);
  const [faultFree] = run([...own, '--fault-free']).split('\n');
  return [
    `### ${name}`,
    scores,
    ablation,
    `${faultFree}. The set took ${seconds.toFixed(0)} s, reading it included.`,
  ].join('\n\n');
}

function run(args) {
  return execFileSync(process.execPath, [main, 'bench', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

function machineLine() {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  });
  const cores = cpus();
  return `Machine: ${cores.length} cores (${cores[0]?.model ?? 'unknown'}), Node ${process.version}, commit ${commit.trim()}, ${new Date().toISOString().slice(0, 10)}.`;
}

function writeSection(text) {
  const file = join(root, 'docs/benchmarks.md');
  const [begin, end] = ['<!-- bench-rca:begin -->', '<!-- bench-rca:end -->'];
  const old = readFileSync(file, 'utf8');
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`Cannot write tables: ${file} has no ${begin} … ${end}`);
  writeFileSync(file, `${old.slice(0, from)}${begin}\n${text}\n${old.slice(to)}`);
}
