import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { quantileOfSorted } from '../../src/base/statistics.ts';
import type { CauseKind, Hypothesis, SuspectPattern } from '../../src/model/hypothesis.ts';
import type { Clustered } from '../../src/model/investigation.ts';
import { createCounterfactuals, imagineWithout } from '../../src/verify/counterfactual.ts';
import { type Call, sceneOf } from '../rulebook/scene.ts';

const TEXT = { zh: '', en: '' };

function suspecting(suspect: SuspectPattern, kind: CauseKind = 'latency'): Hypothesis {
  return {
    hypothesisId: 'h1',
    culprit: { service: suspect.service },
    kind,
    statement: TEXT,
    score: 1,
    posterior: 0.5,
    evidence: [],
    predictions: [],
    probePlans: [
      {
        probeId: 'h1.cohort',
        kind: 'store',
        target: '',
        expectation: TEXT,
        spec: { kind: 'store', query: { kind: 'cohort', suspect } },
        rerun: '',
      },
    ],
  };
}

function without(suspect: SuspectPattern, scene: Clustered, kind?: CauseKind) {
  const context = createCounterfactuals(scene);
  return context && imagineWithout(suspecting(suspect, kind), context);
}

/** shop → stock and price one after the other; `delayMs` more in the stock's own time. */
function request(random: () => number, delayMs: number): Call {
  const spread = (ms: number) => ms * (1 + random());
  const [ownMs, stockMs, priceMs] = [spread(20), spread(40) + delayMs, spread(30)];
  return {
    name: 'GET /cart',
    service: 'shop',
    ms: ownMs + stockMs + priceMs,
    anomalous: delayMs > 0,
    calls: [
      { name: 'read', service: 'stock', at: ownMs / 2, ms: stockMs },
      { name: 'quote', service: 'price', at: ownMs / 2 + stockMs, ms: priceMs },
    ],
  };
}

function delayedScene(seed: number, delayMs: number): Clustered {
  const random = createRandom(seed);
  const traces = (count: number, delay: number) =>
    Array.from({ length: count }, () => request(random, delay));
  return sceneOf({
    window: { traces: traces(200, delayMs) },
    reference: { traces: traces(200, 0) },
  });
}

describe('imagineWithout()', () => {
  it('takes a delay of 200 ms away again: 90 of 100 times the interval holds the usual p95', () => {
    const random = createRandom(4711);
    const usualMs = Array.from({ length: 50_000 }, () => request(random, 0).ms);
    const usualUs = 1000 * quantileOfSorted(Float64Array.from(usualMs).sort(), 0.95);
    const draws = Array.from({ length: 100 }, (_, seed) => {
      const scene = delayedScene(seed, 200);
      const found = without({ service: 'stock', operation: 'read', selfUsMin: 100_000 }, scene)!;
      expect(found.from - found.to).toBeGreaterThan(150_000);
      expect(found.explainedShare).toBeGreaterThan(0.9);
      return found.interval[0] <= usualUs && usualUs <= found.interval[1];
    });
    expect(draws.filter(Boolean).length).toBeGreaterThanOrEqual(90);
  });

  it('finds that nothing goes away with a bystander', () => {
    const found = without({ service: 'price', operation: 'quote' }, delayedScene(1, 200))!;
    expect(found.explainedInterval[1]).toBeLessThan(0.1);
    expect(found.to).toBeGreaterThan(found.from - 30_000);
  });

  it('says the same twice', () => {
    const [first, second] = [1, 2].map(() => without({ service: 'stock' }, delayedScene(5, 200)));
    expect(first).toEqual(second);
    expect(first?.statement.en).toMatch(
      /^Without it, p95 of shop GET \/cart would be \d+ ms \(95 % interval \d+ ms – \d+ ms, usually \d+ ms\) instead of 3\d\d ms, and .* 200 requests recomputed$/,
    );
  });

  it.each<readonly [caption: string, scene: Clustered, kind: CauseKind]>([
    ['no reference', sceneOf({ window: { traces: [request(createRandom(1), 200)] } }), 'latency'],
    ['traffic, which no span stands for', delayedScene(1, 200), 'traffic'],
    ['the endpoint no slower than usual', delayedScene(1, 0.001), 'latency'],
  ])('says nothing: %s', (_caption, scene, kind) => {
    expect(without({ service: 'stock' }, scene, kind)).toBeUndefined();
  });

  it('counts requests whose every failure begins at the suspect', () => {
    const trace = (index: number): Call => {
      const failsAtStock = index % 4 === 0;
      const failsAtPrice = index % 10 === 0;
      const isFailed = failsAtStock || failsAtPrice;
      return {
        name: 'GET /cart',
        service: 'shop',
        ms: 30,
        anomalous: isFailed,
        ...(isFailed && { error: '500' }),
        calls: [
          { name: 'read', service: 'stock', ms: 10, ...(failsAtStock && { error: 'timeout' }) },
          { name: 'quote', service: 'price', at: 10, ms: 10, ...(failsAtPrice && { error: 'x' }) },
        ],
      };
    };
    const scene = sceneOf({
      window: { traces: Array.from({ length: 100 }, (_, index) => trace(index)) },
      reference: { traces: Array.from({ length: 100 }, () => trace(1)) },
    });
    // 25 fail at the stock, 10 at the price, 5 of them at both: 30 in all; without the stock 10 are left.
    const found = without({ service: 'stock', isError: true }, scene);
    expect(found).toMatchObject({ measure: 'errors', from: 0.3, to: 0.1, n: 100 });
    expect(found?.explainedShare).toBeCloseTo(20 / 30, 10);
    expect(found?.interval[0]).toBeCloseTo(0.0552, 3);
    expect(found?.interval[1]).toBeCloseTo(0.1744, 3);
  });
});
