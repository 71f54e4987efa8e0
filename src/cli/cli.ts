/**
 * The command line. Results go to stdout, logs and progress to stderr. Exit codes: 0 done, 1 failed,
 * 2 wrong usage, 3 not found.
 */
import { Command, CommanderError } from 'commander';
import { isAppError, messageOf } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3 } as const;

interface CommandFile {
  readonly names: readonly string[];
  readonly load: () => Promise<(program: Command) => void>;
}

/** In the order of the help. Loaded as needed: all take 590 ms of CPU, `serve` alone half as much. */
const COMMAND_FILES: readonly CommandFile[] = [
  { names: ['serve'], load: async () => (await import('./serve.ts')).addServe },
  { names: ['demo'], load: async () => (await import('./demo.ts')).addDemo },
  { names: ['import'], load: async () => (await import('./import.ts')).addImport },
  { names: ['export'], load: async () => (await import('./export.ts')).addExport },
  { names: ['diagnose'], load: async () => (await import('./diagnose.ts')).addDiagnose },
  { names: ['backtest'], load: async () => (await import('./backtest.ts')).addBacktest },
  { names: ['bench'], load: async () => (await import('./bench.ts')).addBench },
  {
    names: ['reports', 'report', 'verify'],
    load: async () => (await import('./reports.ts')).addReports,
  },
  { names: ['silence'], load: async () => (await import('./silence.ts')).addSilence },
  { names: ['rules'], load: async () => (await import('./rules.ts')).addRules },
  { names: ['config'], load: async () => (await import('./config.ts')).addConfig },
  { names: ['doctor'], load: async () => (await import('./doctor.ts')).addDoctor },
];

export async function runCli(args: readonly string[]): Promise<number> {
  const program = new Command('taproot')
    .description('The observability collector that ends with the root cause')
    .version(findPackage().version)
    .exitOverride()
    .showHelpAfterError()
    .configureOutput({ outputError: (text, write) => write(text) });
  for (const { load } of filesFor(args[0])) (await load())(program);
  program.commands.forEach(overrideExit);
  try {
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (thrown) {
    return exitCodeOf(thrown);
  }
}

/** The file of a command, or all for help and for what nobody knows. */
function filesFor(command = ''): readonly CommandFile[] {
  const found = COMMAND_FILES.filter(({ names }) => names.includes(command));
  return found.length > 0 ? found : COMMAND_FILES;
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
