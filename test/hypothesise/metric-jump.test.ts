/** Which jumps of resources count: against own noise, against peers, against what all did, against bounds. */
import { describe, expect, it } from 'vitest';
import { suspectJumps } from '../../src/hypothesise/metric-jump.ts';
import type { SeriesWindow } from '../../src/model/window.ts';
import { metricFacts } from '../build/metric-facts.ts';
import { createRandom } from '../build/random.ts';
import { buildSeries } from '../build/span-table.ts';

const PODS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

function suspected(window: readonly SeriesWindow[], reference: readonly SeriesWindow[]) {
  const facts = metricFacts({ window, reference });
  return suspectJumps(facts, { areRequestsJudged: false })
    .map(({ culprit, kind, evidence }) => ({
      name: `${culprit.service} ${kind}`,
      weight: evidence[0]?.weight ?? 0,
    }))
    .sort((a, b) => b.weight - a.weight);
}

const namesOf = (found: ReturnType<typeof suspected>) => found.map(({ name }) => name);

/** One sample of one metric at each pod; `odd` pods differ. */
function samples(
  name: string,
  usual: number,
  odd: Readonly<Record<string, number>> = {},
  unit = '1',
) {
  return PODS.map((service, index) =>
    buildSeries({
      name,
      service,
      unit,
      values: [odd[service] ?? usual * (1 + 0.01 * (index % 3))],
    }),
  );
}

const CPU = 'k8s.pod.cpu_limit_utilization';
const MEMORY = 'k8s.pod.memory_limit_utilization';

describe('suspectJumps() with one sample a pod', () => {
  it.each<
    readonly [
      caption: string,
      name: string,
      before: number,
      odd: Record<string, number>,
      found: readonly string[],
    ]
  >([
    ['suspects the pod at the limit of its processor', CPU, 0.02, { c: 0.99 }, ['c cpu']],
    ['does not mind three times next to nothing', CPU, 0.01, { c: 0.03 }, []],
    ['does not mind a memory with room left', MEMORY, 0.2, { c: 0.4 }, []],
    ['suspects a memory that is nearly full', MEMORY, 0.5, { c: 0.96 }, ['c memory']],
    [
      'does not mind what all do alike',
      CPU,
      0.2,
      Object.fromEntries(PODS.map((pod) => [pod, 0.5])),
      [],
    ],
  ])('%s', (_caption, name, before, odd, found) => {
    expect(namesOf(suspected(samples(name, before, odd), samples(name, before)))).toEqual(found);
  });

  it('does not mind what was at its bound before', () => {
    const full = { c: 0.97 };
    expect(suspected(samples(MEMORY, 0.2, full), samples(MEMORY, 0.2, full))).toEqual([]);
  });

  it('doubts a utilisation that rose while the usage did not', () => {
    const usage = (value: number) =>
      buildSeries({ name: 'k8s.pod.cpu.usage', service: 'c', unit: 'm', values: [value] });
    const before = [...samples(CPU, 0.1), usage(16)];
    const window = samples(CPU, 0.1, { c: 0.8 });
    expect(namesOf(suspected([...window, usage(14)], before))).toEqual([]);
    expect(namesOf(suspected([...window, usage(128)], before))).toEqual(['c cpu']);
  });
});

describe('suspectJumps() with a history', () => {
  const random = createRandom(3);
  const noisy = (service: string, count: number, options: { level: number; spread: number }) =>
    buildSeries({
      name: 'process.cpu.usage',
      service,
      unit: 'm',
      values: Array.from(
        { length: count },
        () => options.level * Math.exp(options.spread * random.normal()),
      ),
    });

  it('tells a guilty series from a noisy innocent one', () => {
    const before = [
      noisy('steady', 60, { level: 100, spread: 0.05 }),
      noisy('restless', 60, { level: 100, spread: 0.7 }),
    ];
    const window = [
      noisy('steady', 5, { level: 300, spread: 0.05 }),
      buildSeries({
        name: 'process.cpu.usage',
        service: 'restless',
        unit: 'm',
        values: [210, 190, 260],
      }),
    ];
    expect(namesOf(suspected(window, before))).toEqual(['steady cpu']);
  });

  it('finds nothing in at least 95 % of 1000 fault-free windows of eight pods', () => {
    const spread = 0.1;
    const before = PODS.map((pod) => noisy(pod, 60, { level: 100, spread }));
    let found = 0;
    for (let draw = 0; draw < 1000; draw++) {
      const window = PODS.map((pod) => noisy(pod, 5, { level: 100, spread }));
      if (suspected(window, before).length > 0) found++;
    }
    expect(found).toBeLessThanOrEqual(50);
  });

  it('takes load for a cause only where it enters', () => {
    const rate = (service: string, value: number, count: number) =>
      buildSeries({
        name: 'requests.rate',
        service,
        unit: '{request}/s',
        values: Array.from({ length: count }, (_, index) => value + (index % 3)),
      });
    const facts = metricFacts(
      {
        window: [rate('front', 400, 5), rate('cart', 800, 5)],
        reference: [rate('front', 100, 30), rate('cart', 200, 30)],
      },
      { topology: [['front', 'cart']] },
    );
    const found = suspectJumps(facts, { areRequestsJudged: false });
    expect(found.map(({ culprit, kind }) => `${culprit.service} ${kind}`)).toEqual([
      'front traffic',
    ]);
  });
});
