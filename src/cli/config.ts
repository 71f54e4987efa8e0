/** `taproot config print | check`: which value each key has and where it comes from. */
import type { Command } from 'commander';
import { formatConfig, hideSecrets } from '../config/load.ts';
import { addAllConfigFlags, loadSettings } from './settings.ts';

export function addConfig(program: Command): void {
  const config = program.command('config').description('the configuration in force');
  addAllConfigFlags(config.command('print').description('each value and its source'))
    .option('--json', 'print values and sources as JSON')
    .action((flags: Record<string, unknown> & { json?: boolean }) => {
      const { json, ...configFlags } = flags;
      const loaded = loadSettings(configFlags);
      process.stdout.write(
        json ? `${JSON.stringify(hideSecrets(loaded))}\n` : formatConfig(loaded),
      );
    });
  addAllConfigFlags(config.command('check').description('check file, environment and flags'))
    .option('--json', 'print the outcome as JSON')
    .action((flags: Record<string, unknown> & { json?: boolean }) => {
      const { json, ...configFlags } = flags;
      const { file } = loadSettings(configFlags);
      const text = `configuration is valid (${file ?? 'no file'})`;
      process.stdout.write(json ? `${JSON.stringify({ isValid: true, file })}\n` : `${text}\n`);
    });
}
