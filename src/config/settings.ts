/**
 * The list of settings, read from the schema: key, environment name, flag, kind and default of each. The
 * loader, the command line and the test of docs/configuration.md all use this list.
 */
import type { z } from 'zod';
import { configSchema } from './config.ts';

/** How the text of an environment variable or flag becomes a value. */
export type SettingKind = 'text' | 'integer' | 'boolean' | 'json';

export interface Setting {
  /** `probes.prometheusUrl`. */
  readonly key: string;
  readonly path: readonly string[];
  /** `TAPROOT_PROBES_PROMETHEUS_URL`. */
  readonly environmentName: string;
  /** `--probes-prometheus-url`. */
  readonly flag: string;
  /** The flag's name as parsers of command lines give it: `probesPrometheusUrl`. */
  readonly flagKey: string;
  readonly kind: SettingKind;
  /** Undefined when the setting has none. */
  readonly defaultValue: unknown;
}

/** Flags whose name is shorter than their key. */
const SHORT_FLAGS: ReadonlyMap<string, string> = new Map([['dataDir', '--data']]);

export function listSettings(): readonly Setting[] {
  return settingsOf(configSchema, []);
}

/** Names of the keys that stand directly under a path, or undefined when any key may. */
export function namesUnder(path: readonly PropertyKey[]): readonly string[] | undefined {
  let at: Definition = unwrapped(configSchema);
  for (const name of path) {
    if (at.type === 'object') at = unwrapped(at.shape[String(name)]);
    else if (at.type === 'record') at = unwrapped(at.valueType);
    else return undefined;
  }
  return at.type === 'object' ? Object.keys(at.shape) : undefined;
}

/** The parts of zod's definitions that the schema uses. */
type Definition =
  | { readonly type: 'object'; readonly shape: Readonly<Record<string, z.core.$ZodType>> }
  | { readonly type: 'record'; readonly valueType: z.core.$ZodType }
  | { readonly type: 'array' | 'string' | 'number' | 'boolean' | 'enum' };

function settingsOf(schema: z.core.$ZodType, path: readonly string[]): readonly Setting[] {
  const definition = unwrapped(schema);
  if (definition.type === 'object') {
    return Object.entries(definition.shape).flatMap(([name, inner]) =>
      settingsOf(inner, [...path, name]),
    );
  }
  const key = path.join('.');
  const words = path.flatMap((name) => name.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  const flag = SHORT_FLAGS.get(key) ?? `--${words.join('-')}`;
  return [
    {
      key,
      path,
      environmentName: `TAPROOT_${words.join('_').toUpperCase()}`,
      flag,
      flagKey: flag.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
      kind: kindOf(definition),
      defaultValue: defaultOf(schema),
    },
  ];
}

/** Definition below `.optional()`, `.default()` and `.prefault()`. */
function unwrapped(schema: z.core.$ZodType | undefined): Definition {
  if (schema === undefined) throw new Error('Cannot find this part of the configuration schema');
  const definition = schema._zod.def;
  if ('innerType' in definition) return unwrapped(definition.innerType as z.core.$ZodType);
  // zod types its definitions by class only; the tests walk the whole schema.
  return definition as unknown as Definition;
}

function defaultOf(schema: z.core.$ZodType): unknown {
  const definition = schema._zod.def;
  return 'defaultValue' in definition ? definition.defaultValue : undefined;
}

function kindOf(definition: Definition): SettingKind {
  switch (definition.type) {
    case 'number':
      return 'integer';
    case 'boolean':
      return 'boolean';
    case 'array':
    case 'record':
      return 'json';
    default:
      return 'text';
  }
}
