/**
 * The command line. Results go to stdout, logs and progress to stderr. Exit codes: 0 done, 1 failed,
 * 2 wrong usage, 3 not found.
 */
import { Command, CommanderError } from 'commander';
import { isAppError, messageOf } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import { addBench } from './bench.ts';
import { addConfig } from './config.ts';
import { addDemo } from './demo.ts';
import { addDiagnose } from './diagnose.ts';
import { addDoctor } from './doctor.ts';
import { addExport } from './export.ts';
import { addImport } from './import.ts';
import { addReports } from './reports.ts';
import { addRules } from './rules.ts';
import { addServe } from './serve.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3 } as const;

export async function runCli(args: readonly string[]): Promise<number> {
  const program = new Command('taproot')
    .description('The observability collector that ends with the root cause')
    .version(findPackage().version)
    .exitOverride()
    .showHelpAfterError()
    .configureOutput({ outputError: (text, write) => write(text) });
  for (const add of [
    addServe,
    addDemo,
    addImport,
    addExport,
    addDiagnose,
    addBench,
    addReports,
    addRules,
    addConfig,
    addDoctor,
  ]) {
    add(program);
  }
  program.commands.forEach(overrideExit);
  try {
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (thrown) {
    return exitCodeOf(thrown);
  }
}

/** Subcommands throw like the program does, instead of ending the process. */
function overrideExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExit);
}

function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  process.stderr.write(`taproot: ${messageOf(thrown)}\n`);
  if (!isAppError(thrown)) {
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : ''}\n`);
    return EXIT.failed;
  }
  switch (thrown.code) {
    case 'request.invalid':
    case 'config.invalid':
      return EXIT.usage;
    case 'request.not_found':
      return EXIT.notFound;
    default:
      return EXIT.failed;
  }
}
