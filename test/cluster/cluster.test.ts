/** Which spans are anomalous, how they group, and what sets them apart. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import type { Collected } from '../../src/model/investigation.ts';
import { createRandom, shuffled } from '../build/random.ts';
import { DATABASE, type Fault, type Request, shopTraffic } from '../build/shop.ts';
import {
  buildCollected,
  REFERENCE_RANGE,
  type SpanLiteral,
  WINDOW_RANGE,
} from '../build/span-table.ts';

function traffic(
  seed: number,
  options: { readonly fault?: Fault; readonly dress?: (request: Request) => void } = {},
): SpanLiteral[] {
  const { fromUs } = seed === 1 ? REFERENCE_RANGE : WINDOW_RANGE;
  return shopTraffic({ seed, requests: 200, fromUs, ...options });
}

function collectedOf(fault: Fault, dress?: (request: Request) => void): Collected {
  const more = dress ? { dress } : {};
  return buildCollected({
    window: { spans: traffic(2, { fault, ...more }) },
    reference: { spans: traffic(1, more) },
  });
}

const slowThird: Fault = (call, { index }) =>
  call.service === 'payment' && index % 3 === 0 ? { addUs: 300_000 } : undefined;

describe('clusterSpans() finds', () => {
  it('the slow spans and their callers, and no others', () => {
    const { clusters, anomalousTraces, coverage } = clusterSpans(collectedOf(slowThird));
    expect(anomalousTraces.length).toBe(67);
    expect(coverage).toBe(1);
    expect(clusters.map(({ signature }) => signature.service).sort()).toEqual([
      'gateway',
      'gateway',
      'orders',
      'orders',
      'payment',
    ]);
    expect(clusters.every(({ count, kind }) => count === 67 && kind === 'latency')).toBe(true);
  });

  it('among equally many spans those with own time first', () => {
    const [first] = clusterSpans(collectedOf(slowThird)).clusters;
    expect(first?.clusterId).toBe('c1');
    expect(first?.signature).toMatchObject({
      service: 'payment',
      operation: 'charge',
      errorType: '',
    });
    expect(first?.selfUsP50).toBeGreaterThan(300_000);
    expect(first?.referenceSelfUsP50).toBeLessThan(10_000);
    expect(first?.exemplars).toHaveLength(LIMITS.exemplarsPerClusterMax);
  });

  it('a new error type below a constant noise of others', () => {
    const noise: Fault = (call, { random }) =>
      call.service === 'payment' && random.next() < 0.4 ? { error: 'CardDeclined' } : undefined;
    const both: Fault = (call, request) =>
      call.service === 'payment' && request.index % 20 === 0
        ? { error: 'KeyExpired' }
        : noise(call, request);
    const { clusters } = clusterSpans(
      buildCollected({
        window: { spans: traffic(2, { fault: both }) },
        reference: { spans: traffic(1, { fault: noise }) },
      }),
    );
    const own = clusters.filter(({ signature }) => signature.service === 'payment');
    expect(own.map(({ signature }) => signature.errorType)).toEqual(['KeyExpired']);
    expect(own[0]?.kind).toBe('error');
    expect(own[0]?.count).toBe(10);
  });

  it('a slow dependency with its target', () => {
    const { clusters } = clusterSpans(
      collectedOf((call) => (call.target === DATABASE ? { addUs: 50_000 } : undefined)),
    );
    const targets = clusters.map(({ signature }) => signature.target).filter(Boolean);
    expect(targets).toEqual([DATABASE, DATABASE, DATABASE]);
  });

  it.each([21, 22, 23, 24, 25, 26])('nothing in healthy traffic of seed %i', (seed) => {
    const collected = buildCollected({
      window: { spans: traffic(seed) },
      reference: { spans: traffic(1) },
    });
    expect(clusterSpans(collected)).toMatchObject({ clusters: [], anomalousCount: 0, coverage: 0 });
  });

  it('outliers of the window itself when there is nothing to compare with', () => {
    const collected = buildCollected({ window: { spans: traffic(2, { fault: slowThird }) } });
    const { clusters } = clusterSpans(collected);
    expect(clusters.map(({ signature }) => signature.service)).toContain('payment');
    expect(clusters[0]?.referenceSelfUsP50).toBeNaN();
  });

  it('nothing in an empty window', () => {
    const { clusters, anomalousRows } = clusterSpans(buildCollected({ window: {}, reference: {} }));
    expect(clusters).toEqual([]);
    expect(anomalousRows).toHaveLength(0);
  });
});

describe('clusterSpans() contrasts', () => {
  it('an attribute of the root with the slow spans below it, never an identifier', () => {
    const dress = (request: Request) => {
      request.attributes['tenant.tier'] = request.index % 3 === 0 ? 'enterprise' : 'free';
      request.attributes['region'] = request.random.next() < 0.5 ? 'east' : 'west';
      request.attributes['request.id'] = `r-${request.index}`;
    };
    const [first] = clusterSpans(collectedOf(slowThird, dress)).clusters;
    expect(first?.contrasts).toHaveLength(1);
    expect(first?.contrasts[0]?.attributes).toEqual({ 'tenant.tier': 'enterprise' });
    expect(first?.contrasts[0]?.coverage).toBe(1);
    expect(first?.contrasts[0]?.lift).toBeGreaterThan(10);
    expect(first?.contrasts[0]?.pValue).toBeLessThan(1e-6);
  });

  it.each(['error.type', 'coze.error.code', 'rpc_error_code', 'http.response.status_code'])(
    'no outcome as if it were a property: %s',
    (key) => {
      const dress = (request: Request) => {
        const isSlow = request.index % 3 === 0;
        request.attributes[key] = isSlow ? '4020' : '0';
        request.attributes['tenant'] = isSlow ? 'a' : 'b';
      };
      const [first] = clusterSpans(collectedOf(slowThird, dress)).clusters;
      expect(first?.contrasts.map(({ attributes }) => attributes)).toEqual([{ tenant: 'a' }]);
    },
  );

  it('a pair only when it says more than its halves', () => {
    const dress = (request: Request) => {
      request.attributes['a'] = request.random.next() < 0.5 ? 'yes' : 'no';
      request.attributes['b'] = request.random.next() < 0.5 ? 'yes' : 'no';
    };
    const fault: Fault = (call, { attributes }) =>
      call.service === 'payment' && attributes['a'] === 'yes' && attributes['b'] === 'yes'
        ? { addUs: 300_000 }
        : undefined;
    const [first] = clusterSpans(collectedOf(fault, dress)).clusters;
    expect(first?.contrasts[0]?.attributes).toEqual({ a: 'yes', b: 'yes' });
  });

  it('nothing when the values are spread evenly', () => {
    const dress = (request: Request) => {
      request.attributes['region'] = request.random.next() < 0.5 ? 'east' : 'west';
    };
    for (const { contrasts } of clusterSpans(collectedOf(slowThird, dress)).clusters) {
      expect(contrasts).toEqual([]);
    }
  });

  it('the reference when every span of the window is bad', () => {
    const collected = buildCollected({
      window: {
        spans: traffic(2, {
          fault: (call) => (call.service === 'payment' ? { addUs: 300_000 } : undefined),
          dress: ({ versions }) => {
            versions['payment'] = 'v2';
          },
        }),
      },
      reference: {
        spans: traffic(1, {
          dress: ({ versions }) => {
            versions['payment'] = 'v1';
          },
        }),
      },
    });
    const [first] = clusterSpans(collected).clusters;
    expect(first?.contrasts[0]?.attributes).toEqual({ 'service.version': 'v2' });
  });
});

describe('clusterSpans()', () => {
  it('gives the same clusters for rows in another order', () => {
    const random = createRandom(3);
    const window = traffic(2, { fault: slowThird });
    const before = traffic(1);
    const clustersOf = (spans: SpanLiteral[], reference: SpanLiteral[]) =>
      JSON.stringify(
        clusterSpans(buildCollected({ window: { spans }, reference: { spans: reference } }))
          .clusters,
      );
    expect(clustersOf(shuffled(window, random), shuffled(before, random))).toBe(
      clustersOf(window, before),
    );
  });

  it('lists at most the bound and says what share it covers', () => {
    const spans = (fromUs: number, isBad: boolean): SpanLiteral[] =>
      Array.from({ length: 400 }, (_, index) => ({
        trace: index.toString(16).padStart(32, isBad ? '1' : '2'),
        id: 'a',
        service: `s${index % 20}`,
        operation: 'work',
        startUs: fromUs + index,
        durationUs: isBad ? 1_000_000 : 1000 + index,
      }));
    const { clusters, coverage, anomalousCount } = clusterSpans(
      buildCollected({
        window: { spans: spans(WINDOW_RANGE.fromUs, true) },
        reference: { spans: spans(REFERENCE_RANGE.fromUs, false) },
      }),
    );
    expect(anomalousCount).toBe(400);
    expect(clusters).toHaveLength(LIMITS.clustersMax);
    expect(coverage).toBeCloseTo(LIMITS.clustersMax / 20, 9);
  });
});
