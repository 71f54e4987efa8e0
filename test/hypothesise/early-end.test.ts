/** Runs that are cut short: backing for a break in the code, never a suspicion. */
import { describe, expect, it } from 'vitest';
import { earlyEndEvidence } from '../../src/hypothesise/early-end.ts';
import { factsOf } from '../build/facts.ts';
import { createRandom } from '../build/random.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const random = createRandom(9);

function runs(fromUs: number, count: number, usualUs: number): SpanLiteral[] {
  return Array.from({ length: count }, (_, index) => ({
    trace: (fromUs + index).toString(16).padStart(32, '0'),
    id: 'run',
    service: 'back',
    operation: 'load',
    startUs: fromUs + index * 1_000_000,
    durationUs: Math.round(usualUs * Math.exp(0.3 * random.normal())),
  }));
}

function evidenceOf(usualUs: number, counts = { now: 30, before: 60 }) {
  const collected = buildCollected({
    window: { spans: runs(WINDOW_RANGE.fromUs, counts.now, usualUs) },
    reference: { spans: runs(REFERENCE_RANGE.fromUs, counts.before, 20_000) },
  });
  const facts = factsOf(collected);
  return earlyEndEvidence(
    Array.from(collected.window.spans.trace.subarray(0, counts.now).keys()),
    facts,
  );
}

describe('earlyEndEvidence()', () => {
  it('tells by how much runs are shorter, with a bounded weight', () => {
    const [found] = evidenceOf(2000);
    expect(found).toMatchObject({ source: 'trace', aspect: 'flow', n: 30 });
    expect(found?.value).toBeLessThan(4000);
    expect(found?.expected).toBeGreaterThan(15_000);
    expect(found?.weight).toBeGreaterThan(1.5);
    expect(found?.weight).toBeLessThanOrEqual(2);
  });

  it.each([
    { name: 'the usual time', usualUs: 20_000 },
    { name: 'more time', usualUs: 90_000 },
  ])('says nothing of runs that take $name', ({ usualUs }) => {
    expect(evidenceOf(usualUs)).toEqual([]);
  });

  it('says nothing by few runs of the reference, or by no run', () => {
    expect(evidenceOf(2000, { now: 30, before: 19 })).toEqual([]);
    expect(evidenceOf(2000, { now: 0, before: 60 })).toEqual([]);
  });

  it('finds something in at most 5 % of 500 windows without a fault', () => {
    let foundCount = 0;
    for (let draw = 0; draw < 500; draw++) if (evidenceOf(20_000).length > 0) foundCount++;
    expect(foundCount).toBeLessThanOrEqual(25);
  });
});
