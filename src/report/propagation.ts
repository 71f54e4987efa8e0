/**
 * How the fault travelled: calls between services in the affected requests, with the share that went wrong.
 * Without spans the known topology has to serve; its edges have no calls.
 */
import type { Clustered } from '../model/investigation.ts';
import type { PropagationEdge, Report } from '../model/report.ts';
import { pairKey } from '../model/row-groups.ts';
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
  if (spans.count === 0) return topologyOf(clustered);
  const isAffectedTrace = new Uint8Array(spans.traceIds.length);
  for (const trace of affected.traces) isAffectedTrace[trace] = 1;
  const isAnswered = answeredRows(spans);
  const edges = new Map<number, EdgeCount>();
  for (let row = 0; row < spans.count; row++) {
    const parent = spans.parent[row]!;
    const service = spans.service[row]!;
    const isEntered = parent !== NO_ROW && spans.service[parent] !== service;
    const toId = isEntered ? service : targetOf(spans, row, isAnswered);
    if (toId === 0) continue;
    const fromId = isEntered ? spans.service[parent]! : service;
    const key = pairKey(fromId, toId);
    let edge = edges.get(key);
    if (!edge) {
      const [from, to] = [spans.strings.text(fromId), spans.strings.text(toId)];
      edge = { from, to, calls: 0, anomalous: 0, isInAffected: false };
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
  return { nodes: nodesOf(kept), edges: kept };
}

/** Edges between services that left their normal range first. */
function topologyOf({ topology, anomalies }: Clustered): Report['propagation'] {
  const unusual = new Set(anomalies.map(({ service }) => service));
  const badEnds = ({ from, to }: PropagationEdge) =>
    Number(unusual.has(from)) + Number(unusual.has(to));
  const edges = topology
    .map(([from, to]): PropagationEdge => ({ from, to, calls: 0, anomalousShare: 0 }))
    .sort(
      (a, b) => badEnds(b) - badEnds(a) || compareText(`${a.from} ${a.to}`, `${b.from} ${b.to}`),
    )
    .slice(0, EDGES_MAX);
  return { nodes: nodesOf(edges), edges };
}

function nodesOf(edges: readonly PropagationEdge[]): string[] {
  return [...new Set(edges.flatMap(({ from, to }) => [from, to]))].sort(compareText);
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

/** String id of what an outgoing call talks to when nobody there sends spans; 0 for none. */
function targetOf(spans: SpanTable, row: number, isAnswered: Uint8Array): number {
  const isOutgoing = spans.kind[row] === SPAN_KIND.client || spans.kind[row] === SPAN_KIND.producer;
  return isOutgoing && isAnswered[row] === 0 ? spans.target[row]! : 0;
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
