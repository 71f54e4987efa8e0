/**
 * Puts clusters together that are one trouble seen at several places: a request that fails because a call
 * failed, a caller that is slow because it waits. Each anomalous span leads down to the deepest anomalous span
 * that accounts for it; clusters most of whose spans lead to the same cluster are one class, and so are those
 * that end at the same thing called, such as one database under several services.
 */
import type { Cluster, ClusterClass } from '../model/cluster.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';

/** A slow span is accounted for by a call that took at least this share of its time. */
const WAITED_SHARE_MIN = 0.5;
/** A cluster joins another's class when this share of its spans leads there. */
const JOINED_SHARE_MIN = 0.5;
/** Sound spans between two anomalous ones (a client span nobody marked) that are climbed over. */
const CLIMB_MAX = 4;

export interface ClassifyInput {
  readonly table: SpanTable;
  /** Anomalous rows, ascending. */
  readonly rows: Uint32Array;
  readonly clusters: readonly Cluster[];
  /** By place in `rows`: index of the cluster, or −1 when its cluster is not listed. */
  readonly clusterOf: Int32Array;
}

/** Classes by share; every listed cluster is in exactly one. */
export function classifyClusters(input: ClassifyInput): ClusterClass[] {
  const { clusters, rows } = input;
  const target = targetsOf(input);
  const members = new Map<number, number[]>();
  const rootOfCallee = new Map<string, number>();
  clusters.forEach((_, index) => {
    const root = sharedRoot(rootOf(index, target), { clusters, rootOfCallee });
    members.set(root, [...(members.get(root) ?? []), index]);
  });
  const total = Math.max(1, rows.length);
  return [...members]
    .map(([root, indices]) => ({
      root,
      indices: [...indices].sort((a, b) => a - b),
      count: indices.reduce((sum, index) => sum + clusters[index]!.count, 0),
    }))
    .sort((a, b) => b.count - a.count || a.root - b.root)
    .map(({ root, indices, count }, place) => ({
      classId: `k${place + 1}`,
      rootClusterId: clusters[root]!.clusterId,
      clusterIds: indices.map((index) => clusters[index]!.clusterId),
      count,
      share: count / total,
    }));
}

/** For each cluster the one that most of its spans lead to; itself when there is none. */
function targetsOf({ table, rows, clusters, clusterOf }: ClassifyInput): number[] {
  const leaves = leavesOf(table, rows);
  const led = clusters.map(() => new Map<number, number>());
  const sizes = new Array<number>(clusters.length).fill(0);
  rows.forEach((_, place) => {
    const cluster = clusterOf[place]!;
    if (cluster < 0) return;
    sizes[cluster]!++;
    const to = clusterOf[leaves[place]!]!;
    if (to < 0 || to === cluster) return;
    led[cluster]!.set(to, (led[cluster]!.get(to) ?? 0) + 1);
  });
  return led.map((counts, cluster) => {
    const [best] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return best && best[1] >= JOINED_SHARE_MIN * sizes[cluster]! ? best[0] : cluster;
  });
}

/** The first root that ends at the same thing called. */
function sharedRoot(
  root: number,
  known: { readonly clusters: readonly Cluster[]; readonly rootOfCallee: Map<string, number> },
): number {
  const { kind, signature } = known.clusters[root]!; // an index into clusters
  if (signature.target === '') return root;
  const callee = `${kind} ${signature.target}`;
  const shared = known.rootOfCallee.get(callee) ?? root;
  known.rootOfCallee.set(callee, shared);
  return shared;
}

/** The end of the chain; in a circle (recursion) the first cluster of it. */
function rootOf(start: number, target: readonly number[]): number {
  const seen = new Set<number>();
  let at = start;
  while (target[at] !== at && !seen.has(at)) {
    seen.add(at);
    at = target[at]!;
  }
  return target[at] === at ? at : Math.min(...seen);
}

/** By place in `rows`: place of the deepest anomalous span below that accounts for it; itself when none does. */
function leavesOf(table: SpanTable, rows: Uint32Array): Uint32Array {
  const placeOf = new Int32Array(table.count).fill(-1);
  rows.forEach((row, place) => {
    placeOf[row] = place;
  });
  const below = new Int32Array(rows.length).fill(-1);
  rows.forEach((row, place) => {
    const above = anomalousAbove(table, { row, placeOf });
    if (above < 0 || !accountsFor(table, { row, of: rows[above]! })) return;
    const known = below[above]!;
    if (known < 0 || isHeavier(table, { row, than: rows[known]! })) below[above] = place;
  });
  return Uint32Array.from(rows, (_, place) => {
    let at = place;
    // Rows are a tree: the way down ends.
    while (below[at]! >= 0) at = below[at]!;
    return at;
  });
}

function anomalousAbove(
  table: SpanTable,
  { row, placeOf }: { readonly row: number; readonly placeOf: Int32Array },
): number {
  let at = table.parent[row]!;
  for (let steps = 0; at !== NO_ROW && steps < CLIMB_MAX; steps++) {
    if (placeOf[at]! >= 0) return placeOf[at]!;
    at = table.parent[at]!;
  }
  return -1;
}

function accountsFor(
  table: SpanTable,
  { row, of: above }: { readonly row: number; readonly of: number },
): boolean {
  if (table.isError[above] === 1 && table.isError[row] === 1) return true;
  return table.durationUs[row]! >= WAITED_SHARE_MIN * table.durationUs[above]!;
}

/** A failed call before a slow one, then the longer one, then the earlier. */
function isHeavier(
  table: SpanTable,
  { row, than }: { readonly row: number; readonly than: number },
): boolean {
  const failed = table.isError[row]! - table.isError[than]!;
  return failed !== 0 ? failed > 0 : table.durationUs[row]! > table.durationUs[than]!;
}
