/** `taproot rules check`: whether a folder of rules can be used, and what is wrong where. */
import type { Command } from 'commander';
import { checkRules } from '../rulebook/rulebook.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

export function addRules(program: Command): void {
  const rules = program.command('rules').description('rules of failure modes');
  addConfigFlags(rules.command('check').description('check a folder of rules').argument('[dir]'))
    .option('--json', 'print the findings as JSON')
    .action((dir: string | undefined, flags: Record<string, unknown> & { json?: boolean }) => {
      const { json, ...configFlags } = flags;
      const folder = dir ?? rulesDirOf(loadSettings(configFlags).config);
      const { findings, ruleCount } = checkRules(folder);
      if (json) {
        process.stdout.write(`${JSON.stringify({ dir: folder, ruleCount, findings })}\n`);
      } else {
        for (const { file, message } of findings) process.stdout.write(`${file}: ${message}\n`);
        process.stdout.write(`${ruleCount} rules, ${findings.length} problems\n`);
      }
      if (findings.length > 0) process.exitCode = 1;
    });
}
