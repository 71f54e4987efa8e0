/** Configuration of a command: the flags that name configuration keys, then environment and file. */
import type { Command } from 'commander';
import { findPackage } from '../base/package.ts';
import type { Config } from '../config/config.ts';
import { environment } from '../config/environment.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { listSettings } from '../config/settings.ts';

/** Flags of every command that reads the configuration. */
export function addConfigFlags(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (default: taproot.yaml when there is one)')
    .option('--data <dir>', 'data folder')
    .option('--listen-host <host>', 'address to bind to')
    .option('--otlp-http-port <port>', 'OTLP/HTTP port')
    .option('--otlp-grpc-port <port>', 'OTLP/gRPC port')
    .option('--api-port <port>', 'port of UI and API');
}

/** Every setting as a flag, for the commands that are about the whole configuration. */
export function addAllConfigFlags(command: Command): Command {
  addConfigFlags(command);
  const known = new Set(command.options.map(({ long }) => long));
  for (const { flag, kind, key } of listSettings()) {
    if (!known.has(flag)) command.option(`${flag} <${kind}>`, key);
  }
  return command;
}

export function loadSettings(flags: Readonly<Record<string, unknown>>): LoadedConfig {
  return loadConfig({ flags, env: environment(), cwd: process.cwd() });
}

export function rulesDirOf(config: Config): string {
  return config.rulesDir ?? findPackage().rulesDir;
}

/** URL of a running service's API: the --url flag, or the configured port on this machine. */
export function apiUrlOf(flags: { readonly url?: string }, config: Config): URL {
  return new URL(flags.url ?? config.publicUrl ?? `http://127.0.0.1:${config.apiPort}`);
}
