/** From which change on a metric matters to anybody, by its unit: 1 % of CPU that becomes 2 % has doubled, and is nothing. */

const MIB = 1024 * 1024;

interface Effect {
  /** Of a level or a quantile. */
  readonly level: number;
  /** Of a rate: so much a second. */
  readonly rate: number;
}

/** Twenty milliseconds; of seconds a second, which are a share (CPU time, pauses), a tenth. */
const timeEffect = (perSecond: number): Effect => ({
  level: 0.02 * perSecond,
  rate: 0.1 * perSecond,
});
const bytesEffect = (perMib: number): Effect => ({ level: 32 * perMib, rate: perMib });
/** Things that are counted: connections, threads, messages; of a rate, one in two seconds. */
const COUNT_EFFECT: Effect = { level: 5, rate: 0.5 };

/** By the UCUM unit without annotations in braces. */
const EFFECT_BY_UNIT: ReadonlyMap<string, Effect> = new Map([
  ['', COUNT_EFFECT],
  // a share: ten points of a hundred
  ['1', { level: 0.1, rate: COUNT_EFFECT.rate }],
  ['%', { level: 10, rate: COUNT_EFFECT.rate }],
  ['By', bytesEffect(MIB)],
  ['KiBy', bytesEffect(1024)],
  ['MiBy', bytesEffect(1)],
  ['s', timeEffect(1)],
  ['ms', timeEffect(1e3)],
  ['us', timeEffect(1e6)],
  ['ns', timeEffect(1e9)],
]);
const UNKNOWN_EFFECT: Effect = { level: 0, rate: COUNT_EFFECT.rate };

export interface Measured {
  readonly unit: string;
  readonly measure: 'level' | 'rate' | 'p50' | 'p99';
  readonly kind: string;
}

/** The least change that matters, in the unit of the value. */
export function minimalEffect({ unit, measure, kind }: Measured): number {
  const bare = unit.replace(/\{[^{}]*\}/g, '');
  const isCount = bare === '1' && unit !== '1';
  const effect = isCount ? COUNT_EFFECT : (EFFECT_BY_UNIT.get(bare) ?? UNKNOWN_EFFECT);
  if (measure !== 'rate') return effect.level;
  // the rate of a histogram is that of its observations, whatever they measure
  const isOfObservations =
    kind === 'histogram' || kind === 'exponentialHistogram' || kind === 'summary';
  return isOfObservations ? COUNT_EFFECT.rate : effect.rate;
}
