import { describe, expect, it } from 'vitest';
import { poolWaitOf, stretchOf, usageOf } from '../../src/bench/case-load.ts';
import { type CaseWorld, drawCaseWorld } from '../../src/bench/case-world.ts';
import { Random } from '../../src/bench/random.ts';
import { Variates } from '../../src/bench/variates.ts';

describe('stretchOf()', () => {
  it('is 1 / (1 − ρ), and bounded', () => {
    expect(stretchOf(0)).toBe(1);
    expect(stretchOf(0.5)).toBe(2);
    expect(stretchOf(3)).toBeCloseTo(20);
  });
});

describe('poolWaitOf()', () => {
  it('is the wait of M/M/1 for one connection', () => {
    expect(poolWaitOf(0.5, 1)).toBeCloseTo(1);
    expect(poolWaitOf(0.9, 1)).toBeCloseTo(9);
  });

  it('is shorter the more connections there are, and grows with their use', () => {
    expect(poolWaitOf(0.9, 10)).toBeCloseTo(0.67, 1);
    expect(poolWaitOf(0.5, 10)).toBeLessThan(0.02);
  });
});

describe('usageOf()', () => {
  const world = drawCaseWorld(new Variates(new Random(5)));
  const weights = world.entries.map(({ weight }) => weight);

  it('shares the requests among the entries', () => {
    const { visits } = usageOf(world, weights);
    const entered = world.entries.map(({ endpoint }) => visits[endpoint.id] ?? 0);
    expect(entered.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  });

  it('does not wait for what is published', () => {
    const [consumer, entry] = [endpointOf(world, 1, []), 0];
    const publish = { kind: 'publish', topic: 0, consumer: 1 } as const;
    const call = { target: 2, share: 0.5, timeoutMs: 1, onFailure: 'fail' } as const;
    const steps = [publish, { kind: 'calls', calls: [call] } as const];
    const small: CaseWorld = {
      ...world,
      endpoints: [endpointOf(world, entry, steps), consumer, endpointOf(world, 2, [])],
      entries: [{ endpoint: endpointOf(world, entry, steps), weight: 1 }],
    };
    const { visits, awaited } = usageOf(small, [1]);
    expect([...visits]).toEqual([1, 1, 0.5]);
    expect([...awaited]).toEqual([1, 0, 0.5]);
  });
});

function endpointOf(world: CaseWorld, id: number, steps: CaseWorld['endpoints'][number]['steps']) {
  return { ...world.endpoints[0]!, id, steps }; // every world has an endpoint
}
