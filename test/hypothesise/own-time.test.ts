/** Own time beyond the reference's: which operation or service, and how much of the trouble it is. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { gatherFacts } from '../../src/hypothesise/facts.ts';
import { suspectOwnTime } from '../../src/hypothesise/own-time.ts';
import type { Suspicion } from '../../src/hypothesise/suspicion.ts';
import { DATABASE, type Fault, shopTraffic } from '../build/shop.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

function suspicionsOf(
  fault: Fault,
  options: { readonly isCompared: boolean; readonly before?: readonly SpanLiteral[] },
): Suspicion[] {
  const usual = shopTraffic({ seed: 1, requests: 100, fromUs: REFERENCE_RANGE.fromUs });
  const collected = buildCollected({
    window: { spans: shopTraffic({ seed: 2, requests: 100, fromUs: WINDOW_RANGE.fromUs, fault }) },
    reference: options.isCompared ? { spans: options.before ?? usual } : undefined,
  });
  return suspectOwnTime(gatherFacts({ ...collected, clustering: clusterSpans(collected) }));
}

const COMPARED = { isCompared: true };

describe('suspectOwnTime()', () => {
  it('suspects nothing in a healthy window', () => {
    expect(suspicionsOf(() => undefined, COMPARED)).toEqual([]);
  });

  it('suspects the operation whose own time is stretched, with share, size and interval', () => {
    const [first, ...others] = suspicionsOf(
      (call) => (call.operation === 'charge' ? { addUs: 9 * call.ownUs } : undefined),
      COMPARED,
    );
    expect(others).toEqual([]);
    expect(first?.culprit).toEqual({ service: 'payment', operation: 'charge' });
    expect(first?.share).toBeGreaterThan(0.95);
    const [evidence] = first?.evidence ?? [];
    // 4 ms as usual, and 9 × 4 ms more
    expect(evidence?.expected).toBeGreaterThan(3500);
    expect(evidence?.expected).toBeLessThan(4500);
    const [low = Number.NaN, high = Number.NaN] = evidence?.interval ?? [];
    expect(low).toBeLessThan(40_000);
    expect(high).toBeGreaterThan(40_000);
  });

  it('does not suspect the callers that wait for a slow callee', () => {
    const suspicions = suspicionsOf(
      (call) => (call.operation === 'insert order' ? { addUs: 50_000 } : undefined),
      COMPARED,
    );
    expect(suspicions).toHaveLength(1);
    expect(suspicions[0]?.culprit.dependency).toBe(DATABASE);
  });

  it('suspects a service as a whole when none of its operations was seen often enough', () => {
    const rarely =
      (slow: Fault): Fault =>
      (call, request) => {
        const isRare = request.index % 25 === 0;
        if (call.operation === 'POST /order' && !isRare) return { skipCalls: true };
        return slow(call, request);
      };
    const before = { seed: 1, requests: 100, fromUs: REFERENCE_RANGE.fromUs };
    const suspicions = suspicionsOf(
      rarely((call, { index }) => {
        if (call.operation === 'select user' && index % 5 === 1) return { error: 'Refused' };
        return call.operation === 'charge' ? { addUs: 900_000 } : undefined;
      }),
      { isCompared: true, before: shopTraffic({ ...before, fault: rarely(() => undefined) }) },
    );
    expect(suspicions.map(({ culprit }) => culprit)).toEqual([{ service: 'payment' }]);
    expect(suspicions[0]?.evidence[0]?.n).toBe(4);
    expect(suspicions[0]?.evidence[0]?.weight).toBeGreaterThan(3);
  });

  it('leaves the time on the way to another service to another channel', () => {
    const fault: Fault = (call) =>
      call.operation === 'call payment' ? { addUs: 50_000 } : undefined;
    expect(suspicionsOf(fault, COMPARED)).toEqual([]);
  });

  it('suspects weakly where nothing can be compared', () => {
    const [first] = suspicionsOf(
      (call, { index }) =>
        call.operation === 'charge' && index % 5 === 0 ? { addUs: 300_000 } : undefined,
      { isCompared: false },
    );
    expect(first?.culprit).toEqual({ service: 'payment', operation: 'charge' });
    expect(first?.evidence[0]?.weight).toBeLessThan(2);
  });
});
