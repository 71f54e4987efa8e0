/**
 * `npm test`: set-up (which builds, so type errors fail it), format and lint, unit tests, end-to-end tests.
 * Flags: --unit or --e2e for one kind, anything else is a filter of test files. Ends with one line of counts.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setUpOrExit } from './setup.mjs';
import { ROOT } from './setup-process.mjs';

const args = process.argv.slice(2);
const isOneKind = args.includes('--unit') || args.includes('--e2e');
const projects = ['unit', 'e2e'].filter((name) => !isOneKind || args.includes(`--${name}`));
const filters = args.filter((arg) => arg !== '--unit' && arg !== '--e2e');

await setUpOrExit();
const isChecked = filters.length > 0 || (await isClean());
const results = [];
for (const project of projects) results.push(await runProject(project));
if (projects.includes('e2e')) await sayMissingParts();
saySkipped(results);
const total = totalOf(results);
if (!isChecked) console.log('format or lint failed: `npm run format` repairs most of it');
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
const isGreen =
  isChecked && total.failed === 0 && total.passed > 0 && results.every((r) => r.isGreen);
process.exit(isGreen ? 0 : 1);

async function isClean() {
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  return (await runVisibly(process.execPath, [biome, 'check', '.'])) === 0;
}

/** One vitest run: its own report on the terminal, and the counts from its JSON report. */
async function runProject(project) {
  const reportPath = join(ROOT, 'dist', `test-${project}.json`);
  rmSync(reportPath, { force: true });
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const code = await runVisibly(process.execPath, [
    vitest,
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportPath}`,
    '--passWithNoTests',
    ...filters,
  ]);
  const report = existsSync(reportPath) ? JSON.parse(readFileSync(reportPath, 'utf8')) : undefined;
  return { project, isGreen: code === 0, files: report?.testResults ?? [] };
}

function totalOf(results) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { files, isGreen } of results) {
    let failed = 0;
    for (const { assertionResults, status } of files) {
      const count = (wanted) =>
        assertionResults.filter((test) => wanted.includes(test.status)).length;
      total.passed += count(['passed']);
      total.skipped += count(['skipped', 'pending', 'todo', 'disabled']);
      // A file that could not even be loaded has no tests; it counts as one failure.
      const failedHere = count(['failed']);
      failed += failedHere === 0 && status === 'failed' ? 1 : failedHere;
    }
    // So does a run that failed beside its tests: an unhandled rejection, a crash.
    total.failed += failed === 0 && !isGreen ? 1 : failed;
  }
  return total;
}

function saySkipped(results) {
  for (const { files } of results) {
    for (const { assertionResults, name } of files) {
      const skipped = assertionResults.filter(
        ({ status }) => !['passed', 'failed'].includes(status),
      );
      for (const test of skipped)
        console.log(`skipped: ${name.slice(ROOT.length + 1)}: ${test.fullName}`);
    }
  }
}

async function sayMissingParts() {
  const { listMissingParts } = await import('../dist/test/e2e/parts.js');
  for (const { name, remedy } of listMissingParts()) {
    console.log(`missing part: ${name}; tests that need it were skipped (${remedy})`);
  }
}

function runVisibly(command, commandArgs) {
  return new Promise((resolve) => {
    const child = spawn(command, commandArgs, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
}
