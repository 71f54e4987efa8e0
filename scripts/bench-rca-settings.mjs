#!/usr/bin/env node
// How much the results hang on the numbers of src/model/analysis-settings.ts: each number halved and doubled, one at a
// time, on several sets of cases. Then leave one system out: the setting that is best on all other systems is used on
// the one left out, beside the default. Needs a build: npm run build
//   node scripts/bench-rca-settings.mjs SET... [--stores DIR] [--only NAME,NAME]
//     --only   try these numbers, not all
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, 'dist/src/main.js');
if (!existsSync(main)) {
  console.error(`Cannot measure: ${main} is missing; run npm run build`);
  process.exit(1);
}
const { ANALYSIS_SETTINGS } = await import(join(root, 'dist/src/model/analysis-settings.js'));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { stores: { type: 'string' }, only: { type: 'string' } },
});
if (positionals.length === 0) {
  console.error(
    'usage: node scripts/bench-rca-settings.mjs SET... [--stores DIR] [--only NAME,NAME]',
  );
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'taproot-bench-rca-'));
const stores = values.stores === undefined ? join(scratch, 'stores') : resolve(values.stores);
try {
  const settings = listSettings().map((setting) => ({ ...setting, systems: measure(setting) }));
  console.log(`${formatSettings(settings)}\n\n${formatLeftOut(settings)}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The default first: of equal settings the first is chosen. */
function listSettings() {
  const wanted = values.only?.split(',') ?? Object.keys(ANALYSIS_SETTINGS);
  const unknown = wanted.filter((name) => !(name in ANALYSIS_SETTINGS));
  if (unknown.length > 0) throw new Error(`No such setting: ${unknown.join(', ')}`);
  const tried = wanted.flatMap((name) =>
    [0.5, 2].map((factor) => {
      const value = ANALYSIS_SETTINGS[name] * factor;
      return { name: `${name} = ${value}`, flags: ['--set', `${name}=${value}`] };
    }),
  );
  return [{ name: 'default', flags: [] }, ...tried];
}

/** By system: percent of the cases whose first service, and whose first cause where it is known, is right. */
function measure({ flags }) {
  const systems = new Map();
  for (const dir of positionals) {
    const args = ['rca', dir, '--stores', stores, '--labels', join(dir, 'labels.json'), '--json'];
    const output = execFileSync(process.execPath, [main, 'bench', ...args, ...flags], {
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for (const { name, service1, cause1 } of JSON.parse(output).systems) {
      const parts = [service1, cause1].filter((share) => share !== undefined);
      systems.set(name, 100 * mean(parts));
    }
  }
  return systems;
}

function formatSettings(settings) {
  const names = [...settings[0].systems.keys()];
  const rows = settings.map(({ name, systems }) => {
    const cells = names.map((system) => systems.get(system).toFixed(1));
    return `| ${[name, ...cells, mean([...systems.values()]).toFixed(1)].join(' | ')} |`;
  });
  return [
    `| setting | ${names.join(' | ')} | mean |`,
    `| --- |${' ---: |'.repeat(names.length + 1)}`,
    ...rows,
  ].join('\n');
}

function formatLeftOut(settings) {
  const [usual] = settings;
  const rows = [...usual.systems.keys()].map((system) => {
    const meanOfOthers = ({ systems }) =>
      mean([...systems].filter(([name]) => name !== system).map(([, score]) => score));
    const chosen = settings.reduce((best, one) =>
      meanOfOthers(one) > meanOfOthers(best) ? one : best,
    );
    const best = settings.reduce((top, one) => Math.max(top, one.systems.get(system)), 0);
    const [here, there] = [usual.systems.get(system), chosen.systems.get(system)];
    const cells = [here, there, there - here, best - there].map((points) => points.toFixed(1));
    return `| ${[system, chosen.name, ...cells].join(' | ')} |`;
  });
  return [
    '| system left out | chosen on the others | default | chosen | difference | below its own best |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
