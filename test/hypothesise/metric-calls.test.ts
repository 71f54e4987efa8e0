/** What request metrics of both ends tell of the calls between services when there are no spans. */
import { describe, expect, it } from 'vitest';
import { suspectCalls } from '../../src/hypothesise/metric-calls.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { metricFacts } from '../build/metric-facts.ts';
import { buildSeries } from '../build/span-table.ts';

/** Requests a second, and the p99 of what a service takes and of what it waits for others. */
interface Level {
  readonly rate?: number;
  readonly servedMs?: number | undefined;
  readonly waitedMs?: number;
}

const SHOP: Readonly<Record<string, Level>> = {
  front: { rate: 10, servedMs: 300, waitedMs: 90 },
  checkout: { rate: 2, servedMs: 200, waitedMs: 60 },
  cart: { rate: 8, servedMs: 40 },
  payment: { rate: 2, servedMs: 50 },
  mail: { rate: 2, servedMs: 20 },
};

const TOPOLOGY = [
  ['front', 'checkout'],
  ['front', 'cart'],
  ['checkout', 'cart'],
  ['checkout', 'payment'],
  ['checkout', 'mail'],
] as const;

function seriesOf(levels: Readonly<Record<string, Level>>): SeriesWindow[] {
  return Object.entries(levels).flatMap(([service, { rate, servedMs, waitedMs }]) => {
    const gauges: readonly (readonly [string, string, number | undefined])[] = [
      ['rpc.server.requests', '{request}/s', rate],
      ['rpc.server.duration.p99', 'ms', servedMs],
      ['rpc.client.duration.p99', 'ms', waitedMs],
    ];
    return gauges.flatMap(([name, unit, value]) =>
      value === undefined ? [] : [buildSeries({ name, unit, service, values: [value] })],
    );
  });
}

function changed(now: Readonly<Record<string, Level>>): Record<string, Level> {
  return Object.fromEntries(
    Object.entries(SHOP).map(([service, usual]) => [service, { ...usual, ...now[service] }]),
  );
}

function suspected(now: Readonly<Record<string, Level>>): readonly string[] {
  const facts = metricFacts(
    { window: atWindow(seriesOf(changed(now))), reference: atReference(seriesOf(SHOP)) },
    { topology: TOPOLOGY },
  );
  return suspectCalls(facts).map(({ culprit, kind }) => `${culprit.service} ${kind}`);
}

const atWindow = (series: readonly SeriesWindow[]) => at(series, 1_700_000_700_000_000);
const atReference = (series: readonly SeriesWindow[]) => at(series, 1_700_000_100_000_000);

function at(series: readonly SeriesWindow[], timeUs: number): SeriesWindow[] {
  return series.map((one) => ({ ...one, timesUs: one.timesUs.map((us) => us + timeUs) }));
}

describe('suspectCalls()', () => {
  it.each<
    readonly [caption: string, now: Readonly<Record<string, Level>>, found: readonly string[]]
  >([
    ['finds nothing when all is as usual', {}, []],
    [
      'blames the caller that no longer gets to its calls',
      { payment: { rate: 0 }, mail: { rate: 0 } },
      ['checkout error'],
    ],
    [
      'follows lost calls up to the caller that gave them up',
      { checkout: { rate: 0.1 }, payment: { rate: 0.1 }, mail: { rate: 0.1 } },
      ['front error'],
    ],
    ['does not mind a third of the calls less', { payment: { rate: 1.4 } }, []],
    [
      'suspects the way to those whom nobody else calls',
      { checkout: { rate: 2, servedMs: 900, waitedMs: 700 } },
      ['mail network', 'payment network'],
    ],
    [
      'does not suspect the way when a callee takes the time',
      { checkout: { rate: 2, servedMs: 900, waitedMs: 700 }, payment: { rate: 2, servedMs: 690 } },
      [],
    ],
    [
      'does not mind a wait that is short',
      { checkout: { rate: 2, servedMs: 200, waitedMs: 65 } },
      [],
    ],
  ])('%s', (_caption, now, found) => {
    expect(suspected(now)).toEqual(found);
  });

  it('has one piece of evidence with numbers for each suspicion', () => {
    const facts = metricFacts(
      {
        window: atWindow(seriesOf(changed({ payment: { rate: 0 } }))),
        reference: atReference(seriesOf(SHOP)),
      },
      { topology: TOPOLOGY },
    );
    const [lost] = suspectCalls(facts);
    expect(lost?.evidence).toHaveLength(1);
    expect(lost?.evidence[0]).toMatchObject({ value: 0, expected: 1, n: 1200, aspect: 'flow' });
    expect(lost?.evidence[0]?.statement.en).toBe(
      'checkout no longer gets to its calls of payment: 0 calls of payment a request, usually 1',
    );
  });
});
