/**
 * Where the configuration comes from: flag, then TAPROOT_* environment, then taproot.yaml, then the default.
 * Whatever is unknown or out of bounds is refused with its name, its value and its source.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDocument, stringify } from 'yaml';
import type { z } from 'zod';
import { AppError, messageOf } from '../base/errors.ts';
import { type Config, configSchema } from './config.ts';
import type { Environment } from './environment.ts';
import { findNearest } from './nearest.ts';
import { listSettings, namesUnder, type Setting } from './settings.ts';

export type ConfigSource = 'flag' | 'environment' | 'file' | 'default';

export interface LoadedConfig {
  readonly config: Config;
  /** Source by key: `otlpHttpPort`, `probes.prometheusUrl`. */
  readonly sources: Readonly<Record<string, ConfigSource>>;
  /** The file that was read, if any; absolute. */
  readonly file?: string;
}

export const CONFIG_FILE_NAME = 'taproot.yaml';

/** Variables with our prefix that are no settings: the file's path, and what scripts/test.mjs reads. */
const OTHER_VARIABLES = ['TAPROOT_CONFIG', 'TAPROOT_REQUIRE_PARTS'];
const FILE_BYTES_MAX = 1024 * 1024;
const SHOWN_CHARACTERS_MAX = 120;
/** Settings that are paths; they become absolute. */
const PATH_KEYS = ['dataDir', 'rulesDir'] as const;

/** Settings that nobody is shown. */
const SECRET_KEYS: readonly string[] = ['alerting.authorization'];
const HIDDEN = '(hidden)';

/** Throws `config.invalid`, naming every fault at once, a line each. Flags that are no settings are ignored. */
export function loadConfig(options: {
  /** By name as command-line parsers give it (`otlpHttpPort`); values are text, or already typed. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Environment;
  readonly cwd: string;
}): LoadedConfig {
  const { flags, env, cwd } = options;
  const settings = listSettings();
  refuseUnknownVariables(settings, env);
  const file = readConfigFile({
    named: flags['config'] ?? emptyAsUnset(env['TAPROOT_CONFIG']),
    cwd,
  });
  const merged = new Merged(file?.values ?? {});
  for (const setting of settings) {
    const variable = emptyAsUnset(env[setting.environmentName]);
    const flag = flags[setting.flagKey];
    if (flag !== undefined) merged.set(setting, 'flag', flag);
    else if (variable !== undefined) merged.set(setting, 'environment', variable);
    else merged.note(setting);
  }
  const parsed = configSchema.safeParse(merged.values);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => faultOf(issue, { merged, file: file?.path }));
    throw new AppError('config.invalid', faults.join('\n'));
  }
  assertRelations(parsed.data);
  return {
    config: withAbsolutePaths(parsed.data, cwd),
    sources: merged.sources,
    ...(file ? { file: file.path } : {}),
  };
}

/** The configuration as a taproot.yaml that would give the same, each value with its source as a comment. */
export function formatConfig(loaded: LoadedConfig): string {
  const rows: { readonly text: string; readonly remark: string }[] = [];
  let section = '';
  for (const setting of listSettings()) {
    const [first = '', second] = setting.path;
    const source = loaded.sources[setting.key] ?? 'default';
    const remark = source === 'file' ? `file ${loaded.file ?? ''}`.trim() : source;
    const value = valueAt(loaded.config, setting.path);
    if (second !== undefined && section !== first) rows.push({ text: `${first}:`, remark: '' });
    section = second === undefined ? '' : first;
    const indent = '  '.repeat(setting.path.length - 1);
    const name = setting.path.at(-1);
    if (value === undefined) rows.push({ text: `${indent}# ${name}:`, remark: 'not set' });
    else if (SECRET_KEYS.includes(setting.key))
      rows.push({ text: `${indent}# ${name}: ${HIDDEN}`, remark });
    else rows.push({ text: `${indent}${name}: ${inYaml(value)}`, remark });
  }
  const width = Math.min(48, Math.max(...rows.map(({ text }) => text.length)));
  return rows
    .map(({ text, remark }) => (remark === '' ? text : `${text.padEnd(width)}  # ${remark}`))
    .map((line) => `${line}\n`)
    .join('');
}

/** The same configuration for others to see. */
export function hideSecrets({ config, ...loaded }: LoadedConfig): LoadedConfig {
  const { authorization, ...alerting } = config.alerting;
  const shownAlerting =
    authorization === undefined ? alerting : { ...alerting, authorization: HIDDEN };
  return { ...loaded, config: { ...config, alerting: shownAlerting } };
}

/** The nested values that the schema gets to see, and where each came from. */
class Merged {
  readonly values: Record<string, unknown>;
  readonly sources: Record<string, ConfigSource> = {};

  constructor(fileValues: Record<string, unknown>) {
    this.values = fileValues;
  }

  set(setting: Setting, source: ConfigSource, value: unknown): void {
    let at = this.values;
    for (const name of setting.path.slice(0, -1)) {
      const inner = at[name];
      // A section of the file that is no mapping stays, for the schema to refuse.
      if (inner !== undefined && !isRecord(inner)) return;
      at = at[name] = inner ?? {};
    }
    at[setting.path.at(-1)!] = typeof value === 'string' ? valueOfText(value, setting) : value;
    this.sources[setting.key] = source;
  }

  /** Nothing above the file says anything about the setting. */
  note(setting: Setting): void {
    const isInFile = valueAt(this.values, setting.path) !== undefined;
    this.sources[setting.key] = isInFile ? 'file' : 'default';
  }
}

interface ConfigFile {
  readonly path: string;
  readonly values: Record<string, unknown>;
}

/** The file that was named, which must exist, or taproot.yaml in the working directory, which may. */
function readConfigFile(options: {
  readonly named: unknown;
  readonly cwd: string;
}): ConfigFile | undefined {
  const { named, cwd } = options;
  const path = resolve(cwd, typeof named === 'string' ? named : CONFIG_FILE_NAME);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isAbsent && named === undefined) return undefined;
    throw new AppError('config.invalid', `Cannot read configuration ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (text.length > FILE_BYTES_MAX) {
    throw new AppError(
      'config.invalid',
      `Cannot read configuration ${path}: larger than ${FILE_BYTES_MAX} bytes`,
    );
  }
  return { path, values: parseYaml(text, path) };
}

function parseYaml(text: string, path: string): Record<string, unknown> {
  const document = parseDocument(text, { prettyErrors: true });
  const fault = document.errors[0];
  if (fault) {
    throw new AppError('config.invalid', `Cannot parse configuration ${path}: ${fault.message}`);
  }
  let values: unknown;
  try {
    values = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new AppError('config.invalid', `Cannot parse configuration ${path}: ${messageOf(error)}`);
  }
  if (values === null || values === undefined) return {};
  if (!isRecord(values)) {
    throw new AppError(
      'config.invalid',
      `Cannot use configuration ${path}: it must be a mapping of keys to values`,
    );
  }
  return values;
}

function refuseUnknownVariables(settings: readonly Setting[], env: Environment): void {
  const known = [...settings.map(({ environmentName }) => environmentName), ...OTHER_VARIABLES];
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('TAPROOT_') && !known.includes(name),
  );
  if (unknown.length === 0) return;
  const faults = unknown.map((name) => `Cannot use ${name} (environment): ${hint(name, known)}`);
  throw new AppError('config.invalid', faults.join('\n'));
}

function hint(name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  return nearest
    ? `no such setting; the nearest is ${nearest}`
    : 'no such setting; docs/configuration.md lists all';
}

/** Text as typed in a shell becomes a value; text that does not fit is left for the schema to refuse. */
function valueOfText(text: string, setting: Setting): unknown {
  switch (setting.kind) {
    case 'text':
      return text;
    case 'integer':
      return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return BOOLEAN_OF_TEXT.get(text.trim().toLowerCase()) ?? text;
    case 'json':
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return text; // refused by the schema with the text itself in the message
      }
  }
}

const BOOLEAN_OF_TEXT: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
]);

/** One fault as a line: key, value, source, bound. */
function faultOf(
  issue: z.core.$ZodIssue,
  context: { readonly merged: Merged; readonly file: string | undefined },
): string {
  const { merged, file } = context;
  const key = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = namesUnder(issue.path) ?? [];
    const prefix = key === '' ? '' : `${key}.`;
    return issue.keys
      .map(
        (name) => `Cannot use ${prefix}${shown(name)} (${file ?? 'value'}): ${hint(name, known)}`,
      )
      .join('\n');
  }
  const setting = listSettings().find(
    (known) => key === known.key || key.startsWith(`${known.key}.`),
  );
  const given = JSON.stringify(valueAt(merged.values, issue.path)) ?? 'nothing';
  const value = SECRET_KEYS.includes(key) ? HIDDEN : shown(given);
  return `Cannot use ${key} = ${value} (${placeOf(setting, context)}): ${issue.message}`;
}

function placeOf(
  setting: Setting | undefined,
  context: { readonly merged: Merged; readonly file: string | undefined },
): string {
  const source = setting && context.merged.sources[setting.key];
  switch (source) {
    case 'flag':
      return `flag ${setting?.flag}`;
    case 'environment':
      return `environment ${setting?.environmentName}`;
    default:
      return context.file ?? 'default';
  }
}

/** Bounds between settings. */
function assertRelations(config: Config): void {
  if (config.inflightBytesMax < config.bodyBytesMax) {
    throw new AppError(
      'config.invalid',
      `Cannot use inflightBytesMax = ${config.inflightBytesMax}: a body of bodyBytesMax = ${config.bodyBytesMax} must fit`,
    );
  }
  const ports = ['otlpHttpPort', 'otlpGrpcPort', 'apiPort'] as const;
  for (const [index, name] of ports.entries()) {
    const same = ports.slice(index + 1).find((other) => config[other] === config[name]);
    if (same === undefined || config[name] === 0) continue;
    throw new AppError(
      'config.invalid',
      `Cannot use ${same} = ${config[same]}: ${name} is the same port`,
    );
  }
}

function withAbsolutePaths(config: Config, cwd: string): Config {
  const absolute = { ...config };
  for (const key of PATH_KEYS) {
    const path = config[key];
    if (path !== undefined) absolute[key] = resolve(cwd, path);
  }
  return absolute;
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  let at = values;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[name];
  }
  return at;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function emptyAsUnset(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function inYaml(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

function shown(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}
