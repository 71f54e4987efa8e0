/** Two versions at the same time: the one that is bad, its look-alikes, and chance. */
import { describe, expect, it } from 'vitest';
import { suspectVersions } from '../../src/hypothesise/version.ts';
import { factsOf, hypothesesOf } from '../build/facts.ts';
import { createRandom } from '../build/random.ts';
import { type Fault, type Request, shopTraffic } from '../build/shop.ts';
import { buildCollected, REFERENCE_RANGE, WINDOW_RANGE } from '../build/span-table.ts';

function collected(fault: Fault, dress: (request: Request) => void) {
  const window = shopTraffic({ seed: 2, requests: 200, fromUs: WINDOW_RANGE.fromUs, fault, dress });
  const reference = shopTraffic({ seed: 1, requests: 200, fromUs: REFERENCE_RANGE.fromUs, dress });
  return buildCollected({ window: { spans: window }, reference: { spans: reference } });
}

/** Canaries of two services, drawn independently. */
function canaries(seed: number) {
  const random = createRandom(seed);
  return (request: Request) => {
    request.versions['payment'] = random.next() < 0.2 ? 'v2' : 'v1';
    request.versions['gateway'] = random.next() < 0.5 ? 'g2' : 'g1';
  };
}

const badCanary: Fault = (call, { versions }) =>
  call.service === 'payment' && versions['payment'] === 'v2' ? { error: 'TypeError' } : undefined;
const badForAll: Fault = (call) =>
  call.service === 'payment' ? { error: 'TypeError' } : undefined;
const badAtRandom: Fault = (call, { random }) =>
  call.service === 'payment' && random.next() < 0.3 ? { error: 'TypeError' } : undefined;

describe('suspectVersions()', () => {
  it('blames the version whose requests are bad while the other is sound', () => {
    const found = suspectVersions(factsOf(collected(badCanary, canaries(7))));
    expect(found.map(({ culprit }) => culprit)).toEqual([{ service: 'payment', version: 'v2' }]);
    expect(found[0]?.kind).toBe('deploy');
    expect(found[0]?.share).toBe(1);
    expect(found[0]?.evidence[0]).toMatchObject({ value: 1, expected: 0 });
    expect(found[0]?.evidence[0]?.weight).toBeGreaterThan(6);
  });

  it('comes first among all causes', () => {
    const [first] = hypothesesOf(collected(badCanary, canaries(7)));
    expect(first?.kind).toBe('deploy');
    expect(first?.culprit).toMatchObject({ service: 'payment', version: 'v2' });
  });

  it('blames no version for a fault that both share', () => {
    expect(suspectVersions(factsOf(collected(badForAll, canaries(7))))).toEqual([]);
    expect(hypothesesOf(collected(badForAll, canaries(7)))[0]?.kind).not.toBe('deploy');
  });

  it('finds nothing by chance in 98 of 100 draws', () => {
    let found = 0;
    for (let seed = 0; seed < 100; seed++) {
      found += suspectVersions(factsOf(collected(badAtRandom, canaries(seed)))).length;
    }
    expect(found).toBeLessThanOrEqual(2);
  });

  it('compares each operation with itself: a version that serves other requests is not blamed for them', () => {
    const spans = (fromUs: number, isBad: boolean) =>
      Array.from({ length: 120 }, (_, index) => {
        const isExport = index % 3 === 0;
        // The new version serves exports mostly, and exports fail in both versions alike.
        const isNew = isExport ? index % 4 !== 0 : index % 10 === 1;
        return {
          trace: (fromUs + index).toString(16).padStart(32, '0'),
          id: 'root',
          service: 'api',
          operation: isExport ? 'export' : 'read',
          kind: 'server' as const,
          startUs: fromUs + index * 1_000_000,
          durationUs: 5000 + index,
          version: isNew ? 'v2' : 'v1',
          ...(isBad && isExport ? { error: 'Boom' } : {}),
        };
      });
    const facts = factsOf(
      buildCollected({
        window: { spans: spans(WINDOW_RANGE.fromUs, true) },
        reference: { spans: spans(REFERENCE_RANGE.fromUs, false) },
      }),
    );
    expect(facts.badTraceCount).toBeGreaterThan(20);
    expect(suspectVersions(facts)).toEqual([]);
  });
});
