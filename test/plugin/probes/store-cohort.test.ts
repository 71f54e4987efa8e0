import { describe, expect, it } from 'vitest';
import {
  estimateCohorts,
  outcomeOf,
  type Stratum,
} from '../../../src/plugin/probes/store-cohort.ts';

const stratum = (bad: readonly [number, number], good: readonly [number, number]): Stratum => ({
  bad: { hits: bad[0], total: bad[1] },
  good: { hits: good[0], total: good[1] },
});

describe('estimateCohorts()', () => {
  it('is the plain difference with Newcombe’s interval for one kind of request', () => {
    const { badShare, goodShare, difference } = estimateCohorts([stratum([56, 70], [48, 80])]);
    // Newcombe (1998), table II, contrast (a), method 10: 56/70 − 48/80.
    expect(badShare - goodShare).toBeCloseTo(0.2, 10);
    expect(difference.low).toBeCloseTo(0.0524, 4);
    expect(difference.high).toBeCloseTo(0.3339, 4);
  });

  it('sees no difference that is only a shift of the mix', () => {
    // Long requests show it in 90 %, short ones in 10 %, bad or good; most bad ones are long.
    const strata = [stratum([90, 100], [18, 20]), stratum([2, 20], [10, 100])];
    const { bad, good, badShare, goodShare, difference } = estimateCohorts(strata);
    expect(bad.hits / bad.total).toBeGreaterThan(0.75);
    expect(good.hits / good.total).toBeLessThan(0.25);
    expect(badShare).toBeCloseTo(goodShare, 10);
    expect(difference.low).toBeLessThan(0);
    expect(difference.high).toBeGreaterThan(0);
    expect(outcomeOf(estimateCohorts(strata))).toBe('inconclusive');
  });

  it('weighs nothing what only one side has', () => {
    const alone = estimateCohorts([stratum([30, 30], [0, 0]), stratum([0, 0], [0, 50])]);
    expect(alone.bad.total + alone.good.total).toBe(0);
    expect(outcomeOf(alone)).toBe('inconclusive');
  });
});

describe('outcomeOf()', () => {
  it.each<readonly [caption: string, strata: readonly Stratum[], outcome: string]>([
    ['in all bad, in no good', [stratum([40, 40], [0, 60])], 'confirm'],
    ['in just enough of the bad', [stratum([18, 40], [0, 60])], 'confirm'],
    ['in too few of the bad to be sure', [stratum([14, 40], [0, 60])], 'inconclusive'],
    ['in the good half as often', [stratum([40, 40], [30, 60])], 'inconclusive'],
    ['in bad and good alike, many', [stratum([400, 500], [400, 500])], 'refute'],
    ['in bad and good alike, few', [stratum([16, 20], [16, 20])], 'inconclusive'],
    ['nowhere', [stratum([0, 60], [0, 60])], 'refute'],
    ['in the good only', [stratum([0, 40], [50, 60])], 'refute'],
    ['rare, but telling', [stratum([27, 441], [1, 491])], 'inconclusive'],
    ['four bad requests', [stratum([4, 4], [0, 60])], 'inconclusive'],
  ])('%s', (_caption, strata, outcome) => {
    expect(outcomeOf(estimateCohorts(strata))).toBe(outcome);
  });
});
