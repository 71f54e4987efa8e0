/** The only place that reads the process environment; everything else is handed what it needs. */

export type Environment = Readonly<Record<string, string | undefined>>;

export function environment(): Environment {
  return process.env;
}
