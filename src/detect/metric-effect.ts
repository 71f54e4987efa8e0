/** From which change on a metric matters to anybody, by its unit: 1 % of CPU that becomes 2 % has doubled, and is nothing. */

const MIB = 1024 * 1024;

/** By the UCUM unit without annotations in braces; a change of a level, a duration or a rate. */
const EFFECT_BY_UNIT: ReadonlyMap<string, number> = new Map([
  // a share: ten points of a hundred
  ['1', 0.1],
  ['%', 10],
  ['By', 32 * MIB],
  ['KiBy', 32 * 1024],
  ['MiBy', 32],
  ['s', 0.02],
  ['ms', 20],
  ['us', 20_000],
  ['ns', 20_000_000],
]);

/** Things that are counted: connections, threads, messages. */
const COUNT_EFFECT = 5;
/** Of a rate, things a second: one in two seconds. */
const RATE_EFFECT = 0.5;
/** Bytes a second. */
const BYTE_RATE_EFFECT = MIB;
/** Seconds a second are a share: CPU time, pauses. */
const TIME_RATE_EFFECT = 0.1;

export interface Measured {
  readonly unit: string;
  readonly measure: 'level' | 'rate' | 'p50' | 'p99';
  readonly kind: string;
}

/** The least change that matters, in the unit of the value. */
export function minimalEffect({ unit, measure, kind }: Measured): number {
  const bare = unit.replace(/\{[^{}]*\}/g, '');
  if (measure !== 'rate') {
    const isCount = bare === '' || (bare === '1' && unit !== '1');
    return isCount ? COUNT_EFFECT : (EFFECT_BY_UNIT.get(bare) ?? 0);
  }
  // the rate of a histogram is that of its observations, whatever they measure
  if (kind === 'histogram' || kind === 'exponentialHistogram' || kind === 'summary') {
    return RATE_EFFECT;
  }
  if (bare === 'By') return BYTE_RATE_EFFECT;
  return bare === 's' ? TIME_RATE_EFFECT : RATE_EFFECT;
}
