/** `taproot rules check`: whether a folder of rules can be used, and what is wrong where. */
import type { Command } from 'commander';
import { checkRules, loadRulebook } from '../rulebook/rulebook.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

export function addRules(program: Command): void {
  const rules = program.command('rules').description('rules of failure modes');
  addConfigFlags(rules.command('check').description('check a folder of rules').argument('[dir]'))
    .option('--json', 'print the findings as JSON')
    .action((dir: string | undefined, flags: Record<string, unknown> & { json?: boolean }) => {
      const { json, ...configFlags } = flags;
      const folder = dir ?? rulesDirOf(loadSettings(configFlags).config);
      const findings = checkRules(folder);
      const hasError = findings.some(({ severity }) => severity === 'error');
      const ruleCount = hasError ? undefined : loadRulebook(folder).rules.length;
      if (json) {
        process.stdout.write(`${JSON.stringify({ dir: folder, ruleCount, findings })}\n`);
      } else {
        for (const { file, severity, message } of findings) {
          process.stdout.write(`${severity}: ${file}: ${message}\n`);
        }
        const outcome = hasError ? 'the rules cannot be used' : `${ruleCount} rules are good`;
        process.stdout.write(`${outcome}\n`);
      }
      if (hasError) process.exitCode = 1;
    });
}
