/** The only place that reads the process environment; everything else is handed what it needs. */

export type Environment = Readonly<Record<string, string | undefined>>;

export function environment(): Environment {
  return process.env;
}

/** True on a build machine: no spinners, no questions. */
export function isCi(env: Environment): boolean {
  const value = (env['CI'] ?? '').toLowerCase();
  return value !== '' && value !== '0' && value !== 'false';
}

/** https://no-color.org: any value but the empty one asks for no colour. */
export function wantsNoColor(env: Environment): boolean {
  return (env['NO_COLOR'] ?? '') !== '';
}
