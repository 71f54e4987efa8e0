/** What good days look like is taken off what the incident looks like. */
import { describe, expect, it } from 'vitest';
import type { Suspect } from '../../src/hypothesise/merge.ts';
import { placeboLevel, placeboScores, withPlacebos } from '../../src/hypothesise/placebo.ts';
import { text } from '../../src/hypothesise/suspicion.ts';
import type { CauseKind } from '../../src/model/hypothesis.ts';

function suspect(service: string, score: number, kind: CauseKind = 'cpu'): Suspect {
  return {
    key: `${service} ${kind}`,
    culprit: { service },
    kind,
    evidence: [
      {
        source: 'metric',
        direction: 'for',
        aspect: 'resource',
        isOwn: true,
        statement: text(service, service),
        n: 1,
        weight: score,
      },
    ],
    score,
    isOwn: true,
    share: 1,
    pattern: { service },
    detail: {},
    services: new Set([service]),
    probePlans: [],
  };
}

describe('withPlacebos()', () => {
  it('puts a place that is always noisy behind one that is not', () => {
    const now = [suspect('noisy', 6), suspect('quiet', 4)];
    const placebos = [placeboScores([suspect('noisy', 5)]), placeboScores([suspect('noisy', 3)])];
    const after = withPlacebos(now, placebos);
    expect(after.map(({ culprit, score }) => [culprit.service, score])).toEqual([
      ['quiet', 4],
      ['noisy', 2],
    ]);
    expect(after[1]?.evidence.at(-1)).toMatchObject({ direction: 'against', weight: -4, n: 2 });
  });

  it('drops what was at least as suspicious without a fault', () => {
    const placebos = [placeboScores([suspect('noisy', 7)])];
    expect(withPlacebos([suspect('noisy', 6)], placebos)).toEqual([]);
  });

  it('knows kinds of cause apart', () => {
    const placebos = [placeboScores([suspect('api', 7, 'memory')])];
    expect(withPlacebos([suspect('api', 6)], placebos)[0]?.score).toBe(6);
  });
});

describe('placeboLevel()', () => {
  it('is what is left of a good day when the other good days are taken off it', () => {
    const days = [
      placeboScores([suspect('noisy', 5), suspect('a', 2)]),
      placeboScores([suspect('noisy', 4)]),
      placeboScores([suspect('noisy', 5), suspect('b', 3)]),
    ];
    // The days leave 2 (a), nothing, and 3 (b) over.
    expect(placeboLevel(days)).toBe(2);
  });

  it('is 0 where one placebo tells nothing of the others', () => {
    expect(placeboLevel([placeboScores([suspect('a', 9)])])).toBe(0);
    expect(placeboLevel([])).toBe(0);
  });
});
