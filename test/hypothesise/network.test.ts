/** Slow ways between services: whose they are, and what in a healthy process speaks for the network. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { gatherFacts } from '../../src/hypothesise/facts.ts';
import { suspectNetwork } from '../../src/hypothesise/network.ts';
import type { Suspicion } from '../../src/hypothesise/suspicion.ts';
import { type Fault, shopTraffic } from '../build/shop.ts';
import { buildCollected, REFERENCE_RANGE, WINDOW_RANGE } from '../build/span-table.ts';

function suspicionsOf(fault: Fault): Suspicion[] {
  const collected = buildCollected({
    window: {
      spans: shopTraffic({ seed: 2, requests: 100, fromUs: WINDOW_RANGE.fromUs, fault }),
    },
    reference: { spans: shopTraffic({ seed: 1, requests: 100, fromUs: REFERENCE_RANGE.fromUs }) },
  });
  return suspectNetwork(gatherFacts({ ...collected, clustering: clusterSpans(collected) }));
}

function only(suspicions: readonly Suspicion[], kind: Suspicion['kind']): Suspicion {
  const found = suspicions.filter((suspicion) => suspicion.kind === kind);
  expect(found).toHaveLength(1);
  return found[0]!; // the line above
}

const DELAY = { addUs: 80_000 };

describe('suspectNetwork()', () => {
  it('finds no slow way in a healthy window', () => {
    expect(suspicionsOf(() => undefined)).toEqual([]);
  });

  it('finds no slow way when own time grew', () => {
    expect(suspicionsOf((call) => (call.operation === 'charge' ? DELAY : undefined))).toEqual([]);
  });

  it('blames the callee of the one way that slowed down', () => {
    const network = only(
      suspicionsOf((call) => (call.operation === 'call payment' ? DELAY : undefined)),
      'network',
    );
    expect(network.culprit).toEqual({ service: 'payment' });
    expect(network.detail).toEqual({ from: 'orders', to: 'payment' });
    expect(network.share).toBeGreaterThan(0.95);
  });

  it('blames the service whose ways in and out slowed down alike, with their sum', () => {
    const network = only(
      suspicionsOf((call) =>
        call.operation === 'call orders' || call.operation === 'call payment' ? DELAY : undefined,
      ),
      'network',
    );
    expect(network.culprit).toEqual({ service: 'orders' });
    const [way, within] = network.evidence;
    expect(way?.statement.en).toMatch(/and 1 more/);
    expect(way?.statement.en).toMatch(/16\d ms more each/);
    expect(way?.interval?.[0]).toBeLessThan(way?.value ?? 0);
    expect(way?.interval?.[1]).toBeGreaterThan(way?.value ?? 0);
    expect(within?.weight).toBeGreaterThan(2);
  });

  it('blames the caller when all that it calls is slow to reach', () => {
    const network = only(
      suspicionsOf((call) =>
        call.operation.startsWith('call ') && call.service === 'gateway' ? DELAY : undefined,
      ),
      'network',
    );
    expect(network.culprit).toEqual({ service: 'gateway' });
  });

  it('blames a callee of few calls that were never slow, by how rare such delays are elsewhere', () => {
    const isRare = (index: number): boolean => index % 25 === 0;
    const skipRare: Fault = (call, { index }) =>
      call.operation === 'POST /order' && !isRare(index) ? { skipCalls: true } : undefined;
    const failSome: Fault = (call, { index }) =>
      call.operation === 'select user' && index % 5 === 1 ? { error: 'Refused' } : undefined;
    const collected = buildCollected({
      window: {
        spans: shopTraffic({
          seed: 2,
          requests: 100,
          fromUs: WINDOW_RANGE.fromUs,
          fault: (call, request) =>
            call.operation === 'call payment'
              ? { addUs: 2_000_000 }
              : (skipRare(call, request) ?? failSome(call, request)),
        }),
      },
      reference: {
        spans: shopTraffic({
          seed: 1,
          requests: 100,
          fromUs: REFERENCE_RANGE.fromUs,
          fault: skipRare,
        }),
      },
    });
    const facts = gatherFacts({ ...collected, clustering: clusterSpans(collected) });
    const network = only(suspectNetwork(facts), 'network');
    expect(network.culprit).toEqual({ service: 'payment' });
    expect(network.evidence[0]?.n).toBe(4);
  });

  it('takes slow ways of a process that is slow itself for a symptom, not for its network', () => {
    const suspicions = suspicionsOf((call) =>
      call.service === 'orders' || call.operation === 'call orders'
        ? { addUs: 20 * call.ownUs }
        : undefined,
    );
    const latency = only(suspicions, 'latency');
    const network = only(suspicions, 'network');
    expect(latency.culprit).toEqual({ service: 'orders' });
    expect(latency.evidence[0]?.statement).toEqual(network.evidence[0]?.statement);
    expect(network.evidence[1]).toMatchObject({ direction: 'against' });
    expect(network.evidence[1]?.weight).toBeLessThan(-2);
  });
});
