/** The way from the symptom to the cause, and the requests that alone are hit. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import { hypothesise } from '../../src/hypothesise/hypothesise.ts';
import type { Hypothesis } from '../../src/model/hypothesis.ts';
import { createRandom } from '../build/random.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

const OPTIONS = {
  rulebook: { rules: [], rulesHash: '' },
  probes: { services: {}, timeoutMs: 5000 },
};
const TARGET = 'db postgres ledger.internal:5432';

/** gateway → shop → ledger → its database; two operations at the gateway, two kinds of tenant. */
function traffic(
  seed: number,
  options: {
    readonly fromUs: number;
    readonly isHit?: (index: number) => boolean;
    readonly error?: string;
  },
): SpanLiteral[] {
  const random = createRandom(seed);
  return Array.from({ length: 400 }, (_, index): SpanLiteral[] => {
    const isHit = options.isHit?.(index) ?? false;
    const trace = (seed * 10_000 + index).toString(16).padStart(32, '0');
    const startUs = options.fromUs + index * 1_000_000;
    const queryUs = 10_000 + 4000 * random.next() + (isHit && !options.error ? 800_000 : 0);
    const error =
      isHit && options.error ? { error: options.error, errorMessage: 'no route to ledger' } : {};
    const span = (
      place: number,
      literal: Pick<SpanLiteral, 'id' | 'service' | 'operation'>,
    ): SpanLiteral => ({
      trace,
      startUs: startUs + place * 1000,
      durationUs: queryUs + (4 - place) * 2000,
      kind: 'server',
      ...literal,
      ...error,
    });
    const tier = index % 5 === 0 ? 'enterprise' : 'free';
    return [
      {
        ...span(0, { id: 'a', service: 'gateway', operation: index % 2 ? 'GET /buy' : 'GET /pay' }),
        attributes: { tier },
      },
      { ...span(1, { id: 'b', service: 'shop', operation: 'checkout' }), parent: 'a' },
      {
        ...span(2, { id: 'c', service: 'shop', operation: 'total' }),
        parent: 'b',
        kind: 'internal',
      },
      { ...span(3, { id: 'd', service: 'ledger', operation: 'book' }), parent: 'c' },
      {
        ...span(4, { id: 'e', service: 'ledger', operation: 'INSERT' }),
        parent: 'd',
        kind: 'client',
        infra: 'db',
        target: TARGET,
        attributes: { 'server.address': 'ledger.internal' },
      },
    ];
  }).flat();
}

function firstOf(
  fault: { readonly isHit: (index: number) => boolean; readonly error?: string },
  service?: string,
): Hypothesis | undefined {
  const collected = buildCollected({
    window: { spans: traffic(2, { fromUs: WINDOW_RANGE.fromUs, ...fault }) },
    reference: { spans: traffic(1, { fromUs: REFERENCE_RANGE.fromUs }) },
  });
  const scope = service === undefined ? {} : { service };
  const asked = { ...collected, request: { ...collected.request, scope } };
  return hypothesise({ ...asked, clustering: clusterSpans(asked) }, OPTIONS)[0];
}

const everySeventh = (index: number): boolean => index % 7 === 3;

describe('path of a hypothesis', () => {
  it('leads from the symptom over the entry of each service to the culprit', () => {
    const first = firstOf({ isHit: everySeventh, error: 'ConnectTimeout' });
    expect(first?.culprit).toMatchObject({ service: 'ledger', operation: 'INSERT' });
    expect(first?.path).toEqual({
      chain: [
        { service: 'gateway', operation: 'GET /buy' },
        { service: 'shop', operation: 'checkout' },
        { service: 'ledger', operation: 'book' },
      ],
      error: { type: 'ConnectTimeout', message: 'no route to ledger' },
      peer: 'ledger.internal',
      onsetUs: WINDOW_RANGE.fromUs + 3_004_000,
    });
  });

  it('begins at the service that was asked about', () => {
    const first = firstOf({ isHit: everySeventh }, 'shop');
    expect(first?.path?.chain[0]).toEqual({ service: 'shop', operation: 'checkout' });
    expect(first?.path?.error).toBeUndefined();
  });
});

describe('culprit of a hypothesis', () => {
  it('takes the attributes of the only requests that meet it', () => {
    const first = firstOf({ isHit: (index) => index % 5 === 0 });
    expect(first?.culprit).toMatchObject({
      service: 'ledger',
      attributes: { tier: 'enterprise' },
    });
    expect(first?.statement.en).toContain('only with tier=enterprise');
  });

  it('takes none when requests of all kinds meet it', () => {
    expect(firstOf({ isHit: everySeventh })?.culprit.attributes).toBeUndefined();
  });
});
