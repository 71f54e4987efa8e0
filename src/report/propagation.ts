/** How the fault travelled: calls between services in the affected requests, with the share that went wrong. */
import type { Clustered } from '../model/investigation.ts';
import type { PropagationEdge, Report } from '../model/report.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { type Affected, compareText } from './affected.ts';

const EDGES_MAX = 48;

interface EdgeCount {
  readonly from: string;
  readonly to: string;
  calls: number;
  anomalous: number;
  isInAffected: boolean;
}

/**
 * Edges are counted over the whole window and listed when an affected request used them. A call into another
 * service is an edge between services; an outgoing call that no span answers is an edge to what it talks to.
 */
export function buildPropagation(clustered: Clustered, affected: Affected): Report['propagation'] {
  const { spans } = clustered.window;
  const isAffectedTrace = new Uint8Array(spans.traceIds.length);
  for (const trace of affected.traces) isAffectedTrace[trace] = 1;
  const isAnswered = answeredRows(spans);
  const edges = new Map<string, EdgeCount>();
  for (let row = 0; row < spans.count; row++) {
    const pair = edgeOf(spans, row, isAnswered);
    if (pair === undefined) continue;
    const key = JSON.stringify(pair);
    let edge = edges.get(key);
    if (!edge) {
      edge = { from: pair[0], to: pair[1], calls: 0, anomalous: 0, isInAffected: false };
      edges.set(key, edge);
    }
    edge.calls += 1;
    edge.anomalous += isBadCall(spans, row, affected) ? 1 : 0;
    if (isAffectedTrace[spans.trace[row]!] === 1) edge.isInAffected = true;
  }
  return listed([...edges.values()].filter((edge) => edge.isInAffected));
}

function listed(edges: EdgeCount[]): Report['propagation'] {
  const kept: PropagationEdge[] = edges
    .sort(
      (a, b) =>
        b.anomalous - a.anomalous ||
        b.calls - a.calls ||
        compareText(`${a.from} ${a.to}`, `${b.from} ${b.to}`),
    )
    .slice(0, EDGES_MAX)
    .map(({ from, to, calls, anomalous }) => ({
      from,
      to,
      calls,
      anomalousShare: calls === 0 ? 0 : anomalous / calls,
    }));
  const nodes = new Set<string>();
  for (const edge of kept) nodes.add(edge.from).add(edge.to);
  return { nodes: [...nodes].sort(compareText), edges: kept };
}

/** 1 for outgoing calls whose other side sent a span of its own. */
function answeredRows(spans: SpanTable): Uint8Array {
  const isAnswered = new Uint8Array(spans.count);
  for (let row = 0; row < spans.count; row++) {
    const parent = spans.parent[row]!;
    if (parent !== NO_ROW && spans.service[parent] !== spans.service[row]) isAnswered[parent] = 1;
  }
  return isAnswered;
}

function edgeOf(
  spans: SpanTable,
  row: number,
  isAnswered: Uint8Array,
): readonly [string, string] | undefined {
  const service = spans.service[row]!;
  const parent = spans.parent[row]!;
  if (parent !== NO_ROW && spans.service[parent] !== service) {
    return [spans.strings.text(spans.service[parent]!), spans.strings.text(service)];
  }
  const isOutgoing = spans.kind[row] === SPAN_KIND.client || spans.kind[row] === SPAN_KIND.producer;
  if (!isOutgoing || spans.target[row] === 0 || isAnswered[row] === 1) return undefined;
  return [spans.strings.text(service), spans.strings.text(spans.target[row]!)];
}

/** A call is bad when its span, or the caller's span of it, is anomalous. */
function isBadCall(spans: SpanTable, row: number, affected: Affected): boolean {
  if (affected.isAnomalous[row] === 1) return true;
  const parent = spans.parent[row]!;
  return (
    parent !== NO_ROW &&
    spans.service[parent] !== spans.service[row] &&
    (spans.kind[parent] === SPAN_KIND.client || spans.kind[parent] === SPAN_KIND.producer) &&
    affected.isAnomalous[parent] === 1
  );
}
