/** A report's causes in the form that scorers read. */
import { describe, expect, it } from 'vitest';
import type { VerifiedHypothesis } from '../../src/model/hypothesis.ts';
import { predictionOf } from '../../src/pipeline/prediction.ts';
import { REPORT } from '../report/fixture.ts';

const text = { zh: '一', en: 'one' };
const HYPOTHESIS: VerifiedHypothesis = {
  hypothesisId: 'h1',
  culprit: { service: 'ledger' },
  kind: 'latency',
  statement: text,
  score: 1,
  posterior: 0.5,
  evidence: [],
  predictions: [],
  probePlans: [],
  verdict: 'likely',
  probes: [],
};

function rankedOf(...hypotheses: VerifiedHypothesis[]) {
  return predictionOf('case', { ...REPORT, hypotheses }).ranked;
}

describe('predictionOf()', () => {
  it('says no more than a hypothesis does', () => {
    expect(rankedOf(HYPOTHESIS)).toEqual([
      { service: 'ledger', kind: 'latency', statement: 'one' },
    ]);
  });

  it('gives the way to the culprit, its error, its address, and sets of values as lists', () => {
    const [cause] = rankedOf({
      ...HYPOTHESIS,
      culprit: {
        service: 'ledger',
        operation: 'INSERT',
        dependency: 'db postgres ledger.internal:5432',
        attributes: { region: 'east|west', size: '>= 500', tier: 'a|b' },
        conditions: [
          { kind: 'one-of', key: 'region', values: ['east', 'west'] },
          { kind: 'at-least', key: 'size', bound: 500 },
          { kind: 'one-of', key: 'tier', values: ['a|b'] },
        ],
      },
      path: {
        chain: [{ service: 'shop', operation: 'checkout' }],
        error: { type: 'Timeout', message: 'too late' },
        peer: 'ledger.internal',
        onsetUs: 1_700_000_000_123_000,
      },
    });
    expect(cause).toEqual({
      service: 'ledger',
      kind: 'latency',
      operation: 'INSERT',
      dependency: ['db postgres ledger.internal:5432', 'ledger.internal'],
      attributes: { region: ['east', 'west'], size: '>= 500', tier: 'a|b' },
      error: { type: 'Timeout', message: 'too late' },
      chain: [{ service: 'shop', operation: 'checkout' }],
      onset: '2023-11-14T22:13:20.123Z',
      statement: 'one',
    });
  });

  it('leaves out what was refuted', () => {
    expect(rankedOf({ ...HYPOTHESIS, verdict: 'refuted' })).toEqual([]);
  });
});
