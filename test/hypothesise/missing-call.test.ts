/** Calls that operations no longer make. */
import { describe, expect, it } from 'vitest';
import { suspectMissingCalls } from '../../src/hypothesise/missing-call.ts';
import { factsOf } from '../build/facts.ts';
import { createRandom } from '../build/random.ts';
import {
  buildCollected,
  type PeriodLiteral,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

/** What front's handler calls, by service, in order. */
type CallsOf = (index: number) => readonly string[];

function periodOf(
  fromUs: number,
  callsOf: CallsOf,
  options: { readonly runCount?: number; readonly isDetached?: boolean } = {},
): PeriodLiteral {
  const spans: SpanLiteral[] = [];
  for (let index = 0; index < (options.runCount ?? 40); index++) {
    const trace = (fromUs + index).toString(16).padStart(32, '0');
    const startUs = fromUs + index * 1_000_000;
    const front = { trace, id: 'front', service: 'front', operation: 'GET /' };
    spans.push({ ...front, startUs, durationUs: 40_000 });
    for (const [at, service] of callsOf(index).entries()) {
      spans.push({
        trace,
        id: `${service}${at}`,
        ...(options.isDetached && service === 'stock' ? {} : { parent: 'front' }),
        service,
        operation: 'load',
        startUs: startUs + 1000 + at * 5000,
        durationUs: 4000,
      });
    }
  }
  return { spans };
}

const USUAL: CallsOf = () => ['cart', 'stock', 'price'];

function suspect(
  callsOf: CallsOf,
  options: {
    readonly usualOf?: CallsOf;
    readonly runCount?: number;
    readonly isDetached?: boolean;
  } = {},
) {
  const reference = periodOf(REFERENCE_RANGE.fromUs, options.usualOf ?? USUAL);
  const window = periodOf(WINDOW_RANGE.fromUs, callsOf, options);
  return suspectMissingCalls(factsOf(buildCollected({ window, reference })));
}

describe('suspectMissingCalls()', () => {
  it('names the call that no run makes, and between which calls it stood', () => {
    const [first, ...rest] = suspect(() => ['cart', 'price']);
    expect(rest).toEqual([]);
    expect(first).toMatchObject({
      culprit: { service: 'front', operation: 'GET /' },
      kind: 'code',
      isOwn: true,
      detail: { missingCall: 'stock load', from: 'cart load end', to: 'stock load start' },
    });
    expect(first?.evidence[0]).toMatchObject({ value: 0, expected: 1, n: 40, aspect: 'flow' });
    expect(first?.evidence[0]?.interval?.[1]).toBeLessThan(0.1);
  });

  it('names the first event when the first call is lost', () => {
    const [first] = suspect(() => ['stock', 'price']);
    expect(first?.detail).toMatchObject({ from: 'front GET / start', to: 'cart load start' });
  });

  it('believes less in a known set of calls that comes more often', () => {
    // In the reference one request in four asks for the cart alone.
    const usualOf: CallsOf = (index) => (index % 4 === 0 ? ['cart'] : ['cart', 'stock', 'price']);
    const [shifted] = suspect((index) => (index % 4 === 0 ? USUAL(index) : ['cart']), { usualOf });
    const [gone] = suspect(() => ['cart'], { usualOf });
    const [unknown] = suspect(() => ['cart', 'price'], { usualOf });
    expect(shifted).toMatchObject({ kind: 'error', isOwn: false });
    expect(unknown).toMatchObject({ kind: 'code', isOwn: true });
    const weights = [shifted, gone, unknown].map((one) => one?.evidence[0]?.weight ?? 0);
    expect(weights).toEqual([...weights].sort((a, b) => a - b));
    expect(weights[0]).toBeLessThan(2);
  });

  it.each([
    { name: 'the usual calls', callsOf: USUAL },
    {
      name: 'a call that one run in forty leaves out',
      callsOf: (index: number) => (index === 9 ? ['cart', 'price'] : USUAL(index)),
    },
    { name: 'calls in another order', callsOf: () => ['price', 'stock', 'cart'] },
    { name: 'one call more', callsOf: () => ['cart', 'stock', 'price', 'tax'] },
  ])('suspects nobody for $name', ({ callsOf }) => {
    expect(suspect(callsOf)).toEqual([]);
  });

  it('suspects nobody when other requests come that call something else', () => {
    const mix =
      (others: number): CallsOf =>
      (index) =>
        index % 8 < others ? ['archive'] : ['cart', 'stock'];
    expect(suspect(mix(7), { usualOf: mix(2) })).toEqual([]);
  });

  it('suspects nobody for calls whose parent is not known, or by fewer than eight traces', () => {
    expect(suspect(USUAL, { isDetached: true })).toEqual([]);
    expect(suspect(() => ['cart', 'price'], { runCount: 7 })).toEqual([]);
    expect(suspect(() => ['cart', 'price'], { runCount: 9 })).not.toEqual([]);
  });

  it('finds something in at most 5 % of 500 windows without a fault', () => {
    const random = createRandom(11);
    const noisy: CallsOf = () =>
      ['cart', 'stock', 'price', 'tax', 'offer'].filter((_, at) => random.next() > at * 0.15);
    let foundCount = 0;
    for (let draw = 0; draw < 500; draw++) {
      if (suspect(noisy, { usualOf: noisy }).length > 0) foundCount++;
    }
    expect(foundCount).toBeLessThanOrEqual(25);
  });
});
