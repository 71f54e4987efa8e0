/** Spans that are lost, contexts that are not passed on, and their look-alikes: outages and calls left out. */
import { describe, expect, it } from 'vitest';
import { suspectLostCallers } from '../../src/hypothesise/lost-caller.ts';
import { suspectTelemetry } from '../../src/hypothesise/telemetry-fault.ts';
import { factsOf, hypothesesOf } from '../build/facts.ts';
import { type Fault, shopTraffic } from '../build/shop.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

function collected(
  change: (spans: readonly SpanLiteral[]) => readonly SpanLiteral[],
  fault?: Fault,
) {
  const inWindow = { seed: 2, requests: 100, fromUs: WINDOW_RANGE.fromUs };
  const window = change(shopTraffic(fault ? { ...inWindow, fault } : inWindow));
  const reference = shopTraffic({ seed: 1, requests: 100, fromUs: REFERENCE_RANGE.fromUs });
  return buildCollected({ window: { spans: window }, reference: { spans: reference } });
}

const suspicionsOf = (...of: Parameters<typeof collected>) =>
  suspectTelemetry(factsOf(collected(...of)));

/** What the service sent is gone, all or from every second trace on. */
const without =
  (service: string, every = 1) =>
  (spans: readonly SpanLiteral[]) =>
    spans.filter(
      (span) => span.service !== service || Number.parseInt(span.trace, 16) % every !== 0,
    );

describe('suspectTelemetry()', () => {
  it('blames the export of a service whose answers still come while its spans do not', () => {
    const found = suspicionsOf(without('payment'));
    expect(found.map(({ culprit, kind }) => [culprit.service, kind])).toEqual([
      ['payment', 'telemetry'],
    ]);
    expect(found[0]?.evidence[0]?.statement.en).toMatch(/do not arrive/);
    expect(found[0]?.evidence[0]).toMatchObject({ value: 0, expected: 1 });
    expect(found[0]?.evidence[0]?.weight).toBeGreaterThan(6);
  });

  it('comes first when nothing else is wrong', () => {
    const [first] = hypothesesOf(collected(without('payment')));
    expect(first).toMatchObject({ kind: 'telemetry', culprit: { service: 'payment' } });
  });

  it('sees half of the spans missing', () => {
    const found = suspicionsOf(without('payment', 2));
    expect(found.map(({ culprit }) => culprit.service)).toEqual(['payment']);
  });

  it('does not miss a service where one client calls another instead', () => {
    // Two thirds of the charges go to a second provider: the same client span, another server.
    const moved = suspicionsOf((spans) =>
      spans.map((span) =>
        span.service === 'payment' && Number.parseInt(span.trace, 16) % 3 !== 0
          ? { ...span, service: 'payment-b' }
          : span,
      ),
    );
    expect(moved).toEqual([]);
  });

  it('tells a context that is not passed on from spans that are lost', () => {
    const found = suspicionsOf((spans) =>
      spans.map((span) => {
        if (span.service !== 'payment') return span;
        const { parent: _, ...root } = span;
        return { ...root, trace: `f${span.trace.slice(1)}` };
      }),
    );
    expect(found).toHaveLength(1);
    expect(found[0]?.evidence[0]?.statement.en).toMatch(/traces of their own/);
  });

  it('blames a service that calls others and is not seen itself', () => {
    const lost = collected(without('gateway'));
    const found = suspectLostCallers(factsOf(lost));
    expect(found.map(({ culprit, kind }) => [culprit.service, kind])).toEqual([
      ['gateway', 'telemetry'],
    ]);
    expect(found[0]?.evidence[0]).toMatchObject({ value: 1, expected: 0 });
    expect(hypothesesOf(lost)[0]).toMatchObject({
      kind: 'telemetry',
      culprit: { service: 'gateway' },
    });
    expect(suspectLostCallers(factsOf(collected((spans) => spans)))).toEqual([]);
  });

  it('plans no comparison of requests that cannot show it', () => {
    const [first] = hypothesesOf(collected(without('payment')));
    expect(first?.probePlans).toEqual([]);
  });

  it('says nothing of a service that is down: its callers fail', () => {
    const fault: Fault = (call) =>
      call.operation === 'call payment' ? { error: 'ECONNREFUSED', skipCalls: true } : undefined;
    expect(suspicionsOf((spans) => spans, fault)).toEqual([]);
  });

  it('says nothing of calls that are left out: their callers are faster', () => {
    const fault: Fault = (call) =>
      call.operation === 'POST /order' ? { skipCalls: true } : undefined;
    expect(suspicionsOf((spans) => spans, fault)).toEqual([]);
  });

  it('says nothing when all is as it was, or without a reference', () => {
    expect(suspicionsOf((spans) => spans)).toEqual([]);
    const spans = shopTraffic({ seed: 2, requests: 100, fromUs: WINDOW_RANGE.fromUs });
    expect(suspectTelemetry(factsOf(buildCollected({ window: { spans } })))).toEqual([]);
  });

  it('does not stand before a fault that makes requests fail', () => {
    const fault: Fault = (call) => (call.service === 'users' ? { error: 'TypeError' } : undefined);
    const [first] = hypothesesOf(collected(without('payment'), fault));
    expect(first?.culprit.service).toBe('users');
  });
});
