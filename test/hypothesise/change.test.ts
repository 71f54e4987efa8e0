/** Changes before the onset: reported ones and versions that show for the first time. */
import { describe, expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import { suspectChanges } from '../../src/hypothesise/change.ts';
import type { ChangeEvent } from '../../src/model/anomaly.ts';
import { factsOf } from '../build/facts.ts';
import { type Fault, type Request, shopTraffic } from '../build/shop.ts';
import { buildCollected, REFERENCE_RANGE, WINDOW_RANGE } from '../build/span-table.ts';

const slowPayment: Fault = (call) => (call.service === 'payment' ? { addUs: 200_000 } : undefined);

function change(literal: Partial<ChangeEvent> & { readonly minutesBefore: number }): ChangeEvent {
  const { minutesBefore, ...rest } = literal;
  return {
    changeId: `c-${rest.service ?? 'payment'}-${minutesBefore}`,
    timeUs: WINDOW_RANGE.fromUs - minutesBefore * US_PER_MINUTE,
    kind: 'deploy',
    service: 'payment',
    description: 'rollout',
    attributes: {},
    ...rest,
  };
}

function suspicions(options: {
  readonly changes?: readonly ChangeEvent[];
  readonly dressBefore?: (request: Request) => void;
  readonly dress?: (request: Request) => void;
}) {
  const { dress, dressBefore } = options;
  const window = shopTraffic({
    ...{ seed: 2, requests: 200, fromUs: WINDOW_RANGE.fromUs, fault: slowPayment },
    ...(dress ? { dress } : {}),
  });
  const reference = shopTraffic({
    ...{ seed: 1, requests: 200, fromUs: REFERENCE_RANGE.fromUs },
    ...(dressBefore ? { dress: dressBefore } : {}),
  });
  const facts = factsOf(
    buildCollected(
      { window: { spans: window }, reference: { spans: reference } },
      { changes: options.changes ?? [] },
    ),
  );
  return suspectChanges(facts);
}

const weightOf = (suspicion: { readonly evidence: readonly { readonly weight: number }[] }) =>
  suspicion.evidence[0]?.weight ?? 0;

const version = (value: string) => (request: Request) => {
  request.versions['payment'] = value;
};

describe('suspectChanges()', () => {
  it('weighs a change the less the longer it lies before the onset', () => {
    const [late, early] = [1, 21].map((minutesBefore) =>
      suspicions({ changes: [change({ minutesBefore })] }),
    );
    expect(weightOf(late![0]!)).toBeGreaterThan(2.5);
    expect(weightOf(early![0]!)).toBeCloseTo(weightOf(late![0]!) / 4, 1);
  });

  it('says nothing of changes after the onset or long before it', () => {
    expect(suspicions({ changes: [change({ minutesBefore: -5 })] })).toEqual([]);
    expect(suspicions({ changes: [change({ minutesBefore: 61 })] })).toEqual([]);
  });

  it('pays for the number of changes that were in time', () => {
    const many = ['payment', 'orders', 'cart', 'users'].map((service) =>
      change({ service, minutesBefore: 1 }),
    );
    const [first] = suspicions({ changes: many });
    expect(weightOf(first!)).toBeLessThan(1.5);
    expect(weightOf(first!)).toBeGreaterThan(1);
  });

  it('hardly counts a change at a service that no bad request comes by', () => {
    const [first] = suspicions({ changes: [change({ service: 'billing', minutesBefore: 1 })] });
    expect(weightOf(first!)).toBeLessThan(1);
  });

  it.each([
    ['deploy', 'deploy'],
    ['config', 'config'],
    ['key', 'config'],
    ['prompt', 'config'],
  ] as const)('a change of the kind %s is a cause of the kind %s', (kind, cause) => {
    const [first] = suspicions({ changes: [change({ kind, minutesBefore: 1 })] });
    expect(first?.kind).toBe(cause);
  });

  it('finds a version that shows for the first time, without any report', () => {
    const [first, ...rest] = suspicions({ dressBefore: version('v1'), dress: version('v2') });
    expect(rest).toEqual([]);
    expect(first?.kind).toBe('deploy');
    expect(first?.culprit).toEqual({ service: 'payment', version: 'v2' });
    expect(first?.evidence[0]?.source).toBe('trace');
    expect(weightOf(first!)).toBeGreaterThan(2.5);
  });

  it('sees no change where the version was there before', () => {
    expect(suspicions({ dressBefore: version('v1'), dress: version('v1') })).toEqual([]);
  });

  it('does not take a reference without versions for another version', () => {
    expect(suspicions({ dress: version('v1') })).toEqual([]);
  });

  it('counts a reported deploy and the version it brought once', () => {
    const found = suspicions({
      changes: [change({ minutesBefore: 1 })],
      dressBefore: version('v1'),
      dress: version('v2'),
    });
    expect(found).toHaveLength(1);
    expect(found[0]?.culprit.version).toBe('v2');
    expect(found[0]?.evidence[0]?.source).toBe('change');
  });
});
