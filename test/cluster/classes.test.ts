/** Clusters of one trouble are one class; two troubles are two. */
import { describe, expect, it } from 'vitest';
import { clusterSpans } from '../../src/cluster/cluster.ts';
import type { ClusterClass } from '../../src/model/cluster.ts';
import { DATABASE, type Fault, shopTraffic } from '../build/shop.ts';
import { buildCollected, REFERENCE_RANGE, WINDOW_RANGE } from '../build/span-table.ts';

/** Service of each class's deepest cluster, and how many clusters the class holds. */
function classesWith(fault: Fault): [string, number][] {
  const { clusters, classes } = clusteringWith(fault);
  return classes.map(({ rootClusterId, clusterIds }) => [
    clusters.find(({ clusterId }) => clusterId === rootClusterId)?.signature.service ?? '',
    clusterIds.length,
  ]);
}

function clusteringWith(fault: Fault) {
  return clusterSpans(
    buildCollected({
      window: {
        spans: shopTraffic({ seed: 2, requests: 200, fromUs: WINDOW_RANGE.fromUs, fault }),
      },
      reference: { spans: shopTraffic({ seed: 1, requests: 200, fromUs: REFERENCE_RANGE.fromUs }) },
    }),
  );
}

function sumOf(classes: readonly ClusterClass[]): number {
  return classes.reduce((sum, { share }) => sum + share, 0);
}

describe('clusterSpans() puts into classes', () => {
  it('callers that wait with the call that is slow', () => {
    const slow: Fault = (call, { index }) =>
      call.service === 'payment' && index % 3 === 0 ? { addUs: 300_000 } : undefined;
    expect(classesWith(slow)).toEqual([['payment', 5]]);
  });

  it('callers that fail with the call that failed', () => {
    const failing: Fault = (call, { index }) =>
      call.target === DATABASE && index % 4 === 0 ? { error: 'timeout' } : undefined;
    // The database under three services is one trouble.
    const { classes, clusters } = clusteringWith(failing);
    expect(classes).toHaveLength(1);
    expect(classes[0]?.clusterIds).toHaveLength(clusters.length);
  });

  it('two troubles in different requests apart, each span once', () => {
    const two: Fault = (call, { index }) => {
      if (call.service === 'payment' && index % 3 === 0) return { addUs: 300_000 };
      return call.service === 'users' && call.kind === 'server' && index % 3 === 1
        ? { error: 'denied' }
        : undefined;
    };
    const { classes, clusters, coverage } = clusteringWith(two);
    expect(classes.length).toBeGreaterThanOrEqual(2);
    expect(classes.flatMap(({ clusterIds }) => clusterIds).sort()).toEqual(
      clusters.map(({ clusterId }) => clusterId).sort(),
    );
    expect(sumOf(classes)).toBeCloseTo(coverage, 9);
  });
});
