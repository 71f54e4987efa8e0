/** A reference without its cold start and earlier incidents; a trend or chance takes nothing away. */
import { describe, expect, it } from 'vitest';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { findUnsteady } from '../../src/pipeline/steady-reference.ts';
import { createRandom } from '../build/random.ts';
import { buildSpanTable } from '../build/span-table.ts';

const MINUTE_US = 60_000_000;
const RANGE = { fromUs: 0, toUs: 60 * MINUTE_US };

/** A request each second at two operations; `badShare` of them, by minute, are slow or fail. */
function unsteadyOf(
  badShare: (minute: number) => number,
  options: { readonly seed?: number; readonly isFailing?: boolean } = {},
) {
  const random = createRandom(options.seed ?? 1);
  const spans = Array.from({ length: 3600 }, (_, second) => {
    const isBad = random.next() < badShare(second / 60);
    const usualUs = (second % 2 === 0 ? 20_000 : 90_000) * Math.exp(0.6 * random.normal());
    return {
      trace: String(second),
      id: 'a',
      service: 'api',
      operation: second % 2 === 0 ? 'read' : 'write',
      startUs: second * 1_000_000,
      durationUs: isBad && !options.isFailing ? 2_000_000 : usualUs,
      ...(isBad && options.isFailing ? { error: 'Refused' } : {}),
    };
  });
  return findUnsteady(buildSpanTable(new StringDictionary(), spans), RANGE);
}

describe('findUnsteady() leaves out', () => {
  it('a cold start', () => {
    expect(unsteadyOf((minute) => (minute < 5 ? 0.4 : 0.01))).toEqual([
      { fromUs: 0, toUs: 5 * MINUTE_US },
    ]);
  });

  it('an earlier incident of failures', () => {
    const isIncident = (minute: number) => minute >= 20 && minute < 30;
    expect(unsteadyOf((minute) => (isIncident(minute) ? 0.5 : 0), { isFailing: true })).toEqual([
      { fromUs: 20 * MINUTE_US, toUs: 25 * MINUTE_US },
      { fromUs: 25 * MINUTE_US, toUs: 30 * MINUTE_US },
    ]);
  });
});

describe('findUnsteady() keeps', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('a steady hour of seed %i', (seed) => {
    expect(unsteadyOf(() => 0.02, { seed })).toEqual([]);
  });

  it('a slow trend', () => {
    expect(unsteadyOf((minute) => 0.02 + 0.0008 * minute)).toEqual([]);
  });

  it('everything when most of it is bad', () => {
    expect(unsteadyOf((minute) => (minute < 50 ? 0.6 : 0))).toEqual([]);
  });

  it('a period without requests', () => {
    expect(findUnsteady(buildSpanTable(new StringDictionary(), []), RANGE)).toEqual([]);
  });
});
