import { describe, expect, it } from 'vitest';
import type { Label } from '../../src/bench/rca-labels.ts';
import { type ScoredPrediction, scoreCases, totalsOf } from '../../src/bench/rca-score.ts';

type Ranked = ScoredPrediction['ranked'];

function labelOf(label: Partial<Label>): Label {
  return {
    caseId: 'one',
    services: ['a'],
    cause: undefined,
    group: 'set',
    system: '',
    faultType: undefined,
    ...label,
  };
}

function scoreOne(label: Partial<Label>, ranked: Ranked, verdict = 'likely') {
  const predictions = [{ case: 'one', verdict, confidence: 0.5, ranked }];
  return scoreCases([labelOf(label)], predictions)[0];
}

describe('scoreCases()', () => {
  it('counts distinct services for the place of the service', () => {
    const ranked = [
      { service: 'b', kind: 'cpu' },
      { service: 'b', kind: 'memory' },
      { service: 'a', kind: 'cpu' },
    ];
    expect(scoreOne({}, ranked)?.servicePlace).toBe(2);
  });

  it('counts repeats of service and kind once for the place of the cause', () => {
    const ranked = [
      { service: 'a', kind: 'memory', detail: { why: 'x' } },
      { service: 'a', kind: 'memory', detail: { why: 'y' } },
      { service: 'b', kind: 'cpu' },
      { service: 'a', kind: 'cpu' },
    ];
    const cause = { kinds: ['cpu'], region: undefined };
    expect(scoreOne({ cause }, ranked)?.causePlace).toBe(3);
  });

  it('asks for service and kind at once', () => {
    const cause = { kinds: ['cpu', 'gc'], region: undefined };
    const ranked = [
      { service: 'a', kind: 'network' },
      { service: 'b', kind: 'gc' },
    ];
    expect(scoreOne({ cause }, ranked)?.causePlace).toBeUndefined();
  });

  const REGION = { kinds: ['code'], region: { from: 'Orders#12', to: 'Orders#31' } };

  it.each([
    ['the events', { from: 'c.s.Orders#12', to: 'c.s.Orders#31' }, 1],
    ['a longer number', { from: 'c.s.Orders#12', to: 'c.s.Orders#311' }, undefined],
    ['another event', { from: 'c.s.Orders#11', to: 'c.s.Orders#31' }, undefined],
    ['no event', {}, undefined],
    ['two events in one', { from: 'Orders#12 Orders#13', to: 'Orders#31' }, undefined],
    ['two lines', { from: 'Orders#12\n', to: 'Orders#31' }, undefined],
    ['too long a text', { from: `Orders#12${' '.repeat(256)}`, to: 'Orders#31' }, undefined],
  ])('finds a region of code by %s', (_, detail, place) => {
    const ranked = [{ service: 'a', kind: 'code', detail: detail as Record<string, string> }]; // no absent keys
    expect(scoreOne({ cause: REGION }, ranked)?.causePlace).toBe(place);
  });

  it('takes silence for right where there is no fault, and a name for wrong', () => {
    const ranked = [{ service: 'a', kind: 'cpu' }];
    expect(scoreOne({ services: [] }, ranked, 'abstained')).toMatchObject({ isRight: true });
    expect(scoreOne({ services: [] }, ranked, 'likely')).toMatchObject({ isRight: false });
  });

  it('counts a case without a prediction as missed', () => {
    expect(scoreCases([labelOf({})], [])[0]).toMatchObject({ isRight: false, isNamed: false });
  });
});

describe('totalsOf()', () => {
  it('takes shares of the cases that can have them', () => {
    const labels = [
      labelOf({ caseId: '1', cause: { kinds: ['cpu'], region: undefined } }),
      labelOf({ caseId: '2' }),
      labelOf({ caseId: '3', services: [] }),
      labelOf({ caseId: '4', group: 'other' }),
    ];
    const ranked = [{ service: 'a', kind: 'memory' }];
    const predictions = labels.map(({ caseId }) => ({
      case: caseId,
      verdict: caseId === '2' ? 'abstained' : 'likely',
      confidence: 0.5,
      ranked: caseId === '2' ? [{ service: 'b', kind: 'cpu' }, ...ranked] : ranked,
    }));
    const [set, other] = totalsOf(scoreCases(labels, predictions), ({ group }) => group);
    expect(set).toEqual({
      name: 'set',
      cases: 3,
      service1: 0.5,
      service3: 1,
      cause1: 0,
      cause3: 0,
      abstained: 1 / 3,
      right: 1 / 3,
    });
    expect(other).toMatchObject({ name: 'other', service1: 1, cause1: undefined });
  });
});
