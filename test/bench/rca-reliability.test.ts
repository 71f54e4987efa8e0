import { describe, expect, it } from 'vitest';
import { reliabilityOf } from '../../src/bench/rca-reliability.ts';
import type { CaseScore } from '../../src/bench/rca-score.ts';

function scoreOf(confidence: number, isRight: boolean, isNamed = true): CaseScore {
  return {
    label: {
      caseId: 'one',
      services: ['a'],
      cause: undefined,
      group: '',
      system: '',
      faultType: undefined,
    },
    prediction: { case: 'one', verdict: isNamed ? 'likely' : 'abstained', confidence, ranked: [] },
    servicePlace: isRight ? 1 : undefined,
    causePlace: undefined,
    isNamed,
    isRight,
  };
}

describe('reliabilityOf()', () => {
  it('puts named causes into bins of confidence, 1 into the last', () => {
    const { bins } = reliabilityOf([
      scoreOf(0.1, false),
      scoreOf(0.2, true),
      scoreOf(0.3, false),
      scoreOf(1, true),
    ]);
    expect(bins.map(({ count }) => count)).toEqual([1, 2, 0, 0, 1]);
    expect(bins[1]).toMatchObject({ confidenceMean: 0.25, rightShare: 0.5 });
    expect(bins[2]).toMatchObject({ confidenceMean: undefined, rightShare: undefined });
  });

  it('takes a cause that was not named for no claim', () => {
    const reliability = reliabilityOf([scoreOf(0.95, false, false), scoreOf(0.9, true)]);
    expect(reliability).toMatchObject({ cases: 2, named: 1, confidentlyWrong: 0 });
    expect(reliability.brier).toBeCloseTo(0.01);
  });

  it('counts confident and wrong from 0.8 on, of all cases', () => {
    const scores = [scoreOf(0.79, false), scoreOf(0.8, false), scoreOf(0.9, true)];
    expect(reliabilityOf(scores).confidentlyWrong).toBeCloseTo(1 / 3);
  });

  it('weights the calibration error by the causes in a bin', () => {
    const scores = [scoreOf(0.5, true), scoreOf(0.5, false), scoreOf(0.9, false)];
    expect(reliabilityOf(scores).calibrationError).toBeCloseTo(0.3);
  });

  it('says nothing of no cases', () => {
    expect(reliabilityOf([])).toMatchObject({
      cases: 0,
      confidentlyWrong: 0,
      brier: undefined,
      calibrationError: undefined,
    });
  });
});
