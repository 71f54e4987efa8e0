#!/usr/bin/env node
/** The executable: hands the arguments to the command line and the outcome to the process. */
import { runCli } from './cli/cli.ts';

process.exitCode = await runCli(process.argv.slice(2));
