/** Whose time it is, and whose failures, when only gauges of each service and the call graph are known. */
import { describe, expect, it } from 'vitest';
import { blameAlongCalls } from '../../src/hypothesise/metric-blame.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { metricFacts } from '../build/metric-facts.ts';
import { createRandom } from '../build/random.ts';
import { buildSeries } from '../build/span-table.ts';

type Edge = readonly [caller: string, callee: string];

/** One service: what a request takes and how many fail, usually and in the two bad slots of five. */
interface Node {
  readonly service: string;
  readonly requests: number;
  readonly usualMs: number;
  readonly extraMs?: number;
  readonly failed?: number;
}

const SLOTS = { reference: 60, window: 5, bad: [2, 3] };

/** Noise: deviations of 4 % on latencies and 3 % on counts; the same for the same seed. */
function seriesOf(
  nodes: readonly Node[],
  slots: number,
  options: { readonly seed: number; readonly bad: readonly number[] },
) {
  const random = createRandom(options.seed);
  const noise = (relative: number) => 1 + relative * random.normal();
  return nodes.flatMap((node): SeriesWindow[] => {
    const { service } = node;
    const counts: number[] = [];
    const seconds: number[] = [];
    const percents: number[] = [];
    for (let slot = 0; slot < slots; slot++) {
      const isBad = options.bad.includes(slot);
      const count = Math.round(node.requests * noise(0.03));
      const ms = (node.usualMs + (isBad ? (node.extraMs ?? 0) : 0)) * noise(0.04);
      counts.push(count);
      seconds.push(ms / 1000);
      percents.push(100 * (1 - (isBad ? Math.min(1, (node.failed ?? 0) / count) : 0)));
    }
    return [
      buildSeries({ name: 'requests.sum', service, unit: '{request}', values: counts }),
      buildSeries({ name: 'latency.average', service, unit: 's', values: seconds }),
      buildSeries({ name: 'availability.average', service, unit: '%', values: percents }),
    ];
  });
}

function blamed(
  nodes: readonly Node[],
  topology: readonly Edge[],
  options: { readonly symptom?: 'latency' | 'error'; readonly hasReference?: boolean } = {},
) {
  const quiet = nodes.map(({ service, requests, usualMs }) => ({ service, requests, usualMs }));
  const facts = metricFacts(
    {
      window: seriesOf(nodes, SLOTS.window, { seed: 1, bad: SLOTS.bad }),
      ...(options.hasReference === false
        ? {}
        : { reference: seriesOf(quiet, SLOTS.reference, { seed: 2, bad: [] }) }),
    },
    { topology, scope: { service: 'front', symptom: options.symptom ?? 'latency' } },
  );
  const weightOf = (evidence: readonly { readonly weight: number }[]) =>
    evidence.reduce((sum, { weight }) => sum + weight, 0);
  return (blameAlongCalls(facts) ?? [])
    .filter(({ isOwn }) => isOwn)
    .sort((a, b) => weightOf(b.evidence) - weightOf(a.evidence));
}

const front: Node = { service: 'front', requests: 500, usualMs: 100 };
const list: Node = { service: 'list', requests: 200, usualMs: 25 };
const search: Node = { service: 'search', requests: 800, usualMs: 10 };
const table: Node = { service: 'table', requests: 1000, usualMs: 5 };
const CHAIN: readonly Edge[] = [
  ['front', 'list'],
  ['list', 'search'],
  ['front', 'search'],
  ['search', 'table'],
];

describe('blameAlongCalls() finds whose time it is', () => {
  it('at the callee when its callers only wait for it', () => {
    const found = blamed(
      [{ ...front, extraMs: 32 }, { ...list, extraMs: 23 }, { ...search, extraMs: 20 }, table],
      CHAIN,
    );
    expect(found[0]?.culprit.service).toBe('search');
    expect(found[0]?.share).toBeGreaterThan(0.9);
    expect(found.map(({ culprit }) => culprit.service)).not.toContain('table');
  });

  it('at the caller when nothing it calls is slower', () => {
    const nodes = [{ ...front, extraMs: 32 }, { ...list, extraMs: 80 }, search, table];
    expect(blamed(nodes, CHAIN)[0]?.culprit.service).toBe('list');
  });

  it('at the front itself when nothing else is slower', () => {
    const found = blamed([{ ...front, extraMs: 60 }, list, search, table], CHAIN);
    expect(found.map(({ culprit }) => culprit.service)).toEqual(['front']);
  });

  it('at the deepest of a chain', () => {
    const chain = ['front', 'a', 'b', 'c'].map(
      (service): Node => ({ service, requests: 100, usualMs: 50, extraMs: 40 }),
    );
    const edges: Edge[] = [
      ['front', 'a'],
      ['a', 'b'],
      ['b', 'c'],
    ];
    expect(blamed(chain, edges).map(({ culprit }) => culprit.service)).toEqual(['c']);
  });

  it('not at a rare callee that is much slower but costs the front little', () => {
    const rare: Node = { service: 'rare', requests: 5, usualMs: 20, extraMs: 300 };
    const nodes = [{ ...front, extraMs: 32 }, list, { ...search, extraMs: 20 }, table, rare];
    const found = blamed(nodes, [...CHAIN, ['front', 'rare']]);
    expect(found[0]?.culprit.service).toBe('search');
  });

  it('not at what was as slow before the trouble began', () => {
    const slow: Node = { service: 'slow', requests: 400, usualMs: 30 };
    const facts = metricFacts(
      {
        window: seriesOf(
          [
            { ...front, extraMs: 30 },
            { ...slow, usualMs: 90 },
            { ...search, extraMs: 18 },
          ],
          5,
          { seed: 1, bad: SLOTS.bad },
        ),
        reference: seriesOf([front, slow, search], 60, { seed: 2, bad: [] }),
      },
      {
        topology: [
          ['front', 'slow'],
          ['front', 'search'],
        ],
        scope: { service: 'front', symptom: 'latency' },
      },
    );
    const services = blameAlongCalls(facts)
      ?.filter(({ isOwn }) => isOwn)
      .map(({ culprit }) => culprit.service);
    expect(services).toContain('search');
    expect(services).not.toContain('slow');
  });

  it('without a reference, by the slots before and after', () => {
    const more = ['d', 'e'].map((service): Node => ({ service, requests: 100, usualMs: 20 }));
    const nodes = [{ ...front, extraMs: 60 }, list, { ...search, extraMs: 36 }, table, ...more];
    const found = blamed(nodes, [...CHAIN, ['front', 'd'], ['front', 'e']], {
      hasReference: false,
    });
    expect(found[0]?.culprit.service).toBe('search');
  });
});

describe('blameAlongCalls() finds whose failures they are', () => {
  it('at the service that fails more often than anything it calls', () => {
    const nodes = [{ ...front, failed: 20 }, list, { ...search, failed: 30 }, table];
    const found = blamed(nodes, CHAIN, { symptom: 'error' });
    expect(found.map(({ culprit }) => culprit.service)).toEqual(['search']);
    expect(found[0]?.evidence[0]?.n).toBeGreaterThan(1500);
  });

  it('hardly at a service that failed all of its two requests', () => {
    const tiny: Node = { service: 'tiny', requests: 2, usualMs: 20, failed: 2 };
    const nodes = [{ ...front, failed: 20 }, list, { ...search, failed: 30 }, table, tiny];
    const found = blamed(nodes, [...CHAIN, ['front', 'tiny']], { symptom: 'error' });
    expect(found[0]?.culprit.service).toBe('search');
  });

  it('not at a slow service when failures were asked about', () => {
    const nodes = [
      { ...front, failed: 20 },
      { ...list, extraMs: 90 },
      { ...search, failed: 30 },
      table,
    ];
    const found = blamed(nodes, CHAIN, { symptom: 'error' });
    expect(found.map(({ culprit }) => culprit.service)).toEqual(['search']);
  });
});

describe('blameAlongCalls() stays silent', () => {
  it('in at least 95 % of 1000 fault-free windows', () => {
    let blames = 0;
    const nodes = [front, list, search, table];
    const reference = seriesOf(nodes, SLOTS.reference, { seed: 2, bad: [] });
    for (let seed = 1; seed <= 1000; seed++) {
      const window = seriesOf(nodes, SLOTS.window, { seed: 1000 + seed, bad: [] });
      const facts = metricFacts(
        { window, reference },
        { topology: CHAIN, scope: { service: 'front' } },
      );
      if ((blameAlongCalls(facts) ?? []).length > 0) blames++;
    }
    expect(blames).toBeLessThanOrEqual(50);
  });

  it('about a service whose gauge is damaged', () => {
    const damaged = seriesOf([{ ...search, extraMs: 20 }], SLOTS.window, {
      seed: 1,
      bad: SLOTS.bad,
    }).map((series) => ({
      ...series,
      values: series.values.map((value, slot) => (slot === 0 ? -value : value)),
    }));
    const facts = metricFacts(
      {
        window: [
          ...seriesOf([{ ...front, extraMs: 32 }], SLOTS.window, { seed: 1, bad: SLOTS.bad }),
          ...damaged,
        ],
        reference: seriesOf([front, search], SLOTS.reference, { seed: 2, bad: [] }),
      },
      { topology: CHAIN, scope: { service: 'front', symptom: 'latency' } },
    );
    expect(blameAlongCalls(facts)?.map(({ culprit }) => culprit.service)).toEqual(['front']);
  });

  it('where no requests are measured', () => {
    const cpu = buildSeries({ name: 'process.cpu.utilization', service: 'front', values: [0.5] });
    expect(blameAlongCalls(metricFacts({ window: [cpu] }))).toBeUndefined();
  });
});
