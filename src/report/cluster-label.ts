/** Short names of clusters; the same in both languages. */
import type { Cluster } from '../model/cluster.ts';

/** `orders SELECT → db postgresql: timeout`. */
export function clusterLabel(cluster: Cluster): string {
  const { service, operation, target, errorType } = cluster.signature;
  const call = [service, operation].filter(Boolean).join(' ');
  return `${call}${target ? ` → ${target}` : ''}${errorType ? `: ${errorType}` : ''}`;
}

/** Clusters that differ in their stage alone say it. */
export function clusterLabels(clusters: readonly Cluster[]): ReadonlyMap<string, string> {
  const kindAndLabel = (cluster: Cluster) => `${cluster.kind} ${clusterLabel(cluster)}`;
  const uses = new Map<string, number>();
  for (const cluster of clusters) {
    uses.set(kindAndLabel(cluster), (uses.get(kindAndLabel(cluster)) ?? 0) + 1);
  }
  return new Map(
    clusters.map((cluster) => {
      const isAlone = uses.get(kindAndLabel(cluster)) === 1;
      const label = clusterLabel(cluster);
      return [cluster.clusterId, isAlone ? label : `[${cluster.signature.stage}] ${label}`];
    }),
  );
}
