/**
 * The propagation map as readers see it: which part every node plays, and which calls lead from the symptom to
 * the cause. Derived from a finished report, so that it follows when probes change the verdict.
 */
import type { VerifiedHypothesis } from '../model/hypothesis.ts';
import type { NodeRole, PropagationEdge, Report } from '../model/report.ts';
import { suspectOf } from './digest.ts';
import type { Words } from './words.ts';

export interface MapNode {
  readonly name: string;
  readonly role: NodeRole;
}

export interface MapEdge extends PropagationEdge {
  /** On the way from the symptom to the first hypothesis. */
  readonly isOnChain: boolean;
}

export interface PropagationMap {
  readonly nodes: readonly MapNode[];
  /** Chain first, then by calls gone wrong. */
  readonly edges: readonly MapEdge[];
  /** From the symptom to the first hypothesis, both with. */
  readonly chain: readonly string[];
}

export function propagationMapOf(report: Report): PropagationMap {
  const { propagation } = report;
  const steps = chainOf(report);
  const chain = new Set(steps.map(edgeKey));
  const edges = propagation.edges
    .map((edge): MapEdge => ({ ...edge, isOnChain: chain.has(edgeKey(edge)) }))
    .sort((a, b) => Number(b.isOnChain) - Number(a.isOnChain));
  const roleOf = createRoles(report);
  return {
    nodes: propagation.nodes.map((name) => ({ name, role: roleOf(name) })),
    edges,
    chain: [...steps.slice(0, 1).map(({ from }) => from), ...steps.map(({ to }) => to)],
  };
}

/** `From symptom to cause: bot-gateway → order-plugin → db`; undefined where the symptom is the cause. */
export function chainText({ chain }: PropagationMap, { phrases }: Words): string | undefined {
  return chain.length < 2 ? undefined : phrases.chain(chain.join(' → '));
}

type Step = Pick<PropagationEdge, 'from' | 'to'>;

function edgeKey({ from, to }: Step): string {
  return JSON.stringify([from, to]);
}

/** Steps between services on the way to the first hypothesis; over the edges where no request shows a path. */
function chainOf(report: Report): readonly Step[] {
  const suspect = suspectOf(report);
  if (suspect === undefined) return [];
  const { culprit, path } = suspect;
  const target = culprit.dependency ?? culprit.service;
  const known = [...(path?.chain ?? []).map(({ service }) => service), culprit.service, target];
  const steps = known
    .slice(1)
    .map((to, index): Step => ({ from: known[index]!, to })) // index is one behind
    .filter(({ from, to }) => from !== to);
  if (path !== undefined) return steps;
  const fronts = report.impact.endpoints.map(({ service }) => service);
  if (report.scope.service !== undefined) fronts.unshift(report.scope.service);
  return [...shortestWay(fronts, culprit.service, report.propagation.edges), ...steps];
}

/** Breadth first; of several ways the one whose edges are listed first. */
function shortestWay(
  fronts: readonly string[],
  target: string,
  edges: readonly PropagationEdge[],
): readonly Step[] {
  const cameBy = new Map<string, Step>();
  const seen = new Set(fronts);
  const open = [...fronts];
  for (let name = open.shift(); name !== undefined && !seen.has(target); name = open.shift()) {
    for (const edge of edges) {
      if (edge.from !== name || seen.has(edge.to)) continue;
      seen.add(edge.to);
      cameBy.set(edge.to, edge);
      open.push(edge.to);
    }
  }
  const way: Step[] = [];
  for (let step = cameBy.get(target); step !== undefined; step = cameBy.get(step.from)) {
    way.unshift(step);
  }
  return way;
}

/** A node plays the first part that fits: whoever causes it may also be where requests enter. */
function createRoles(report: Report): (name: string) => NodeRole {
  const suspect = suspectOf(report);
  const part = report.rootCause === undefined ? 'lead' : 'cause';
  const places = new Set(suspect && [placeOf(suspect)]);
  const fronts = new Set([
    ...report.impact.endpoints.map(({ service }) => service),
    ...(report.scope.service === undefined ? [] : [report.scope.service]),
  ]);
  const unusual = new Set([
    ...report.collect.anomalies.map(({ service }) => service),
    ...report.clusters.map(({ signature }) => signature.service),
    ...report.propagation.edges
      .filter(({ anomalousShare }) => anomalousShare > 0)
      .map(({ to }) => to),
  ]);
  return (name) => {
    if (places.has(name)) return part;
    if (fronts.has(name)) return 'impact';
    return unusual.has(name) ? 'effect' : 'sound';
  };
}

/** What is blamed: the dependency where it is one's own fault, else the service. */
function placeOf({ culprit, kind }: VerifiedHypothesis): string {
  const { dependency, service } = culprit;
  return dependency !== undefined && DEPENDENCY_KINDS.has(kind) ? dependency : service;
}

const DEPENDENCY_KINDS: ReadonlySet<VerifiedHypothesis['kind']> = new Set([
  'dependency',
  'database',
  'cache',
  'queue',
  'knowledge',
  'platform',
  'channel',
]);
