/**
 * `taproot rules check` and `taproot rules sarif`: whether a folder of rules can be used, and what is wrong where,
 * for people and for CI.
 */
import type { Command } from 'commander';
import { findPackage } from '../base/package.ts';
import { checkRules, type Finding, loadRulebook } from '../rulebook/rulebook.ts';
import { sarifOf } from './rules-sarif.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

type Flags = Record<string, unknown> & { readonly json?: boolean };

export function addRules(program: Command): void {
  const rules = program.command('rules').description('rules of failure modes');
  addConfigFlags(rules.command('check').description('check a folder of rules').argument('[dir]'))
    .option('--json', 'print the findings as JSON')
    .action((dir: string | undefined, { json, ...configFlags }: Flags) => {
      const folder = folderOf(dir, configFlags);
      const findings = checkRules(folder);
      const ruleCount = hasError(findings) ? undefined : loadRulebook(folder).rules.length;
      if (json) process.stdout.write(`${JSON.stringify({ dir: folder, ruleCount, findings })}\n`);
      else printFindings(findings, ruleCount);
      if (hasError(findings)) process.exitCode = 1;
    });
  addConfigFlags(
    rules
      .command('sarif')
      .description('check a folder of rules and print the findings as SARIF 2.1.0')
      .argument('[dir]'),
  ).action((dir: string | undefined, configFlags: Flags) => {
    const folder = folderOf(dir, configFlags);
    const findings = checkRules(folder);
    const { version } = findPackage();
    const log = sarifOf(findings, { dir: folder, baseDir: process.cwd(), version });
    process.stdout.write(`${JSON.stringify(log, undefined, 2)}\n`);
    if (hasError(findings)) process.exitCode = 1;
  });
}

function folderOf(dir: string | undefined, configFlags: Record<string, unknown>): string {
  return dir ?? rulesDirOf(loadSettings(configFlags).config);
}

function hasError(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function printFindings(findings: readonly Finding[], ruleCount: number | undefined): void {
  for (const { file, severity, message } of findings) {
    process.stdout.write(`${severity}: ${file}: ${message}\n`);
  }
  const outcome =
    ruleCount === undefined ? 'the rules cannot be used' : `${ruleCount} rules are good`;
  process.stdout.write(`${outcome}\n`);
}
