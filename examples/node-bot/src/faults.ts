/**
 * The switchboard of faults: which is on, with which parameters. The parts that misbehave ask it; POST /__fault
 * changes it. All numbers are checked, so that a typing error cannot pass for a fault.
 */

/** Every fault with the parameters it takes and their defaults. */
export const FAULTS = {
  /** Connections go back to a pool of `max` only `hold_ms` after their query: a leak. Queries stay fast. */
  db_pool_hold: { max: 4, hold_ms: 1000 },
  /** Each statement takes `ms` longer in the database; the pool fills as an effect. */
  db_slow_query: { ms: 1500 },
  /** The plugin answers after `ms`, longer than the platform waits for it. */
  plugin_over_limit: { ms: 6000 },
  /** First attempts at the plugin get lost and time out; the bot retries and answers 200. */
  retry_storm_http_200: {},
  /** The knowledge base takes `ms` longer and finds the same. */
  kb_slow: { ms: 1500 },
  /** A third of the order queries takes `ms`; the request gives up at its deadline, the query goes on. */
  deadline_lost: { ms: 2500 },
  /** The LLM gateway lets `rpm` calls a minute through. */
  llm_rate_limit: { rpm: 240 },
  /** Version v1.2-canary renders `ms` slower and fails every fourth time. */
  canary_slow: { ms: 700 },
} as const satisfies Record<string, Record<string, number>>;

export type FaultName = keyof typeof FAULTS;
export type FaultParams<Name extends FaultName> = {
  readonly [Key in keyof (typeof FAULTS)[Name]]: number;
};

export interface FaultState {
  readonly name: FaultName;
  readonly enabled: boolean;
  readonly params: Readonly<Record<string, number>>;
}

const PARAM_MAX = 600_000;

export class FaultBoard {
  private readonly enabled = new Map<FaultName, Readonly<Record<string, number>>>();
  private readonly listeners: (() => void)[] = [];

  /** Parameters of a fault that is on; undefined when it is off. */
  active<Name extends FaultName>(name: Name): FaultParams<Name> | undefined {
    // The map holds what set() checked against the same table.
    return this.enabled.get(name) as FaultParams<Name> | undefined;
  }

  list(): FaultState[] {
    return faultNames().map((name) => ({
      name,
      enabled: this.enabled.has(name),
      params: this.enabled.get(name) ?? FAULTS[name],
    }));
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Takes the body of POST /__fault; throws a RangeError that says what is wrong with it. */
  set(body: unknown): FaultState {
    const { name, enabled, params } = parseFault(body);
    if (enabled) this.enabled.set(name, { ...FAULTS[name], ...params });
    else this.enabled.delete(name);
    for (const listener of this.listeners) listener();
    return { name, enabled, params: this.enabled.get(name) ?? FAULTS[name] };
  }
}

function parseFault(body: unknown): FaultState {
  if (!isRecord(body)) throw new RangeError('A fault is a JSON object with "name" and "enabled"');
  const { name, enabled = true, params = {} } = body;
  if (typeof name !== 'string' || !isFaultName(name)) {
    const names = faultNames().join(', ');
    throw new RangeError(`Unknown fault ${JSON.stringify(name)}; known: ${names}`);
  }
  if (typeof enabled !== 'boolean') throw new RangeError('"enabled" must be true or false');
  if (!isRecord(params)) throw new RangeError('"params" must be a JSON object');
  const checked: Record<string, number> = {};
  for (const [key, value] of Object.entries(params)) {
    if (!Object.hasOwn(FAULTS[name], key)) {
      const keys = Object.keys(FAULTS[name]).join(', ') || 'none';
      throw new RangeError(`Fault ${name} has no parameter "${key}"; it takes: ${keys}`);
    }
    if (typeof value !== 'number' || !(value >= 0 && value <= PARAM_MAX)) {
      throw new RangeError(`"${key}" must be a number from 0 to ${PARAM_MAX}`);
    }
    checked[key] = value;
  }
  return { name, enabled, params: checked };
}

function faultNames(): FaultName[] {
  // Object.keys() widens to string; the table is a constant.
  return Object.keys(FAULTS) as FaultName[];
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
