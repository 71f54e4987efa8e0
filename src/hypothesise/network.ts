/**
 * Channel "the way between": time between a client span and the server span that it holds, for each pair of
 * services. Operations are put together here, because a slow link slows all that cross it.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import { type Cut, findHighCut, quantileOfSorted } from '../base/statistics.ts';
import { pairKey } from '../model/row-groups.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { Facts } from './facts.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  text,
  tracesLink,
} from './suspicion.ts';

const GAP = { minFactor: 1.25, minExcess: 1000 };
const LLR_MIN = 3;
/** Crossings in the reference below which a pair's gap is unknown. */
const REFERENCE_CROSSINGS_MIN = 8;

/** A pair of services, one of which calls the other. */
interface Edge {
  readonly caller: string;
  readonly callee: string;
  /** Client spans of the window. */
  readonly rows: readonly number[];
  readonly gapUsP50: number;
  readonly cut: Cut;
  /** Gap above the reference's median, summed over the bad traces. */
  readonly excessUs: number;
}

export function suspectNetwork(facts: Facts): Suspicion[] {
  const { reference } = facts.clustered;
  if (reference === undefined || facts.badTraceCount === 0) return [];
  const now = crossingsOf(facts.table);
  const before = crossingsOf(reference.spans);
  const grown: Edge[] = [];
  for (const [key, crossing] of now) {
    const edge = edgeOf(crossing, { facts, before: before.get(key), reference: reference.spans });
    if (edge !== undefined && edge.cut.llr >= LLR_MIN && edge.excessUs > 0) grown.push(edge);
  }
  return blameEnds(grown, [...now.values()]).map(([service, edges]) =>
    suspicionOf(service, edges, facts),
  );
}

interface Crossing {
  readonly caller: string;
  readonly callee: string;
  readonly rows: number[];
}

/** Client spans that hold a span of another service, by pair of services. */
function crossingsOf(table: SpanTable): Map<number, Crossing> {
  const crossings = new Map<number, Crossing>();
  const counted = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || counted[parent] === 1) continue;
    const kind = table.kind[parent];
    const isCall = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
    if (!isCall || table.service[parent] === table.service[row]) continue;
    counted[parent] = 1;
    const key = pairKey(table.service[parent]!, table.service[row]!);
    const crossing = crossings.get(key);
    if (crossing) crossing.rows.push(parent);
    else {
      crossings.set(key, {
        caller: table.strings.text(table.service[parent]!),
        callee: table.strings.text(table.service[row]!),
        rows: [parent],
      });
    }
  }
  return crossings;
}

function edgeOf(
  { caller, callee, rows }: Crossing,
  context: {
    readonly facts: Facts;
    readonly before: Crossing | undefined;
    readonly reference: SpanTable;
  },
): Edge | undefined {
  const { facts, before, reference } = context;
  if (before === undefined || before.rows.length < REFERENCE_CROSSINGS_MIN) return undefined;
  const { table, isBadTrace } = facts;
  const gaps = Float64Array.from(rows, (row) => table.selfUs[row]!).sort();
  const usual = Float64Array.from(before.rows, (row) => reference.selfUs[row]!).sort();
  const cut = findHighCut(gaps, usual, GAP);
  if (cut === undefined) return undefined;
  const gapUsP50 = quantileOfSorted(usual, 0.5);
  let excessUs = 0;
  for (const row of rows) {
    if (isBadTrace[table.trace[row]!] === 1) {
      excessUs += Math.max(0, table.selfUs[row]! - gapUsP50);
    }
  }
  return { caller, callee, rows, gapUsP50, cut, excessUs };
}

/**
 * A grown edge belongs to the end more of whose edges have grown: a service with a slow link is slow to reach
 * for all its callers and slow to reach all its callees. Equal ends: the callee.
 */
function blameEnds(
  grown: readonly Edge[],
  all: readonly { readonly caller: string; readonly callee: string }[],
): [string, Edge[]][] {
  const touching =
    (service: string) => (edge: { readonly caller: string; readonly callee: string }) =>
      edge.caller === service || edge.callee === service;
  const grownShare = (service: string): number =>
    grown.filter(touching(service)).length / Math.max(1, all.filter(touching(service)).length);
  const byService = new Map<string, Edge[]>();
  for (const edge of grown) {
    const isCaller = grownShare(edge.caller) > grownShare(edge.callee);
    const service = isCaller ? edge.caller : edge.callee;
    byService.set(service, [...(byService.get(service) ?? []), edge]);
  }
  return [...byService].sort(([a], [b]) => compareText(a, b));
}

function suspicionOf(service: string, edges: readonly Edge[], facts: Facts): Suspicion {
  const top = [...edges].sort(
    (a, b) => b.excessUs - a.excessUs || compareText(a.caller + a.callee, b.caller + b.callee),
  )[0]!; // blameEnds() names no service without an edge
  const operationId = facts.table.operation[top.rows[0]!]!;
  const operations = new Set(top.rows.map((row) => facts.table.operation[row]!));
  const operation = facts.table.strings.text(operationId);
  return {
    culprit: { service },
    kind: 'network',
    isOwn: true,
    share: edges.reduce((sum, edge) => sum + edge.excessUs, 0) / Math.max(facts.excessUs, 1),
    evidence: [gapEvidence(top, edges, facts)],
    pattern: {
      service: top.caller,
      ...(operations.size === 1 ? { operation } : {}),
      selfUsMin: Math.round(top.cut.bound),
    },
    detail: { from: top.caller, to: top.callee },
  };
}

function gapEvidence(top: Edge, edges: readonly Edge[], facts: Facts): EvidenceDraft {
  const excessUs = edges.reduce((sum, edge) => sum + edge.excessUs, 0);
  const explained = excessUs / Math.max(facts.excessUs, 1);
  const meanUs = excessUs / Math.max(facts.badTraceCount, 1);
  const llr = edges.reduce((max, edge) => Math.max(max, edge.cut.llr), 0);
  const more = edges.length - 1;
  const usual = formatUs(top.gapUsP50);
  return {
    source: 'trace',
    direction: 'for',
    statement: text(
      `${top.caller} 到 ${top.callee} 的路上${more > 0 ? `（及另外 ${more} 条）` : ''}占异常请求多花时间的 ${formatPercent(explained)}：平均每个请求多 ${formatUs(meanUs)}（平时 ${usual}）`,
      `The way from ${top.caller} to ${top.callee}${more > 0 ? ` (and ${more} more)` : ''} accounts for ${formatPercent(explained)} of the extra time of bad requests: ${formatUs(meanUs)} more each on average (usually ${usual})`,
    ),
    value: top.gapUsP50 + meanUs,
    expected: top.gapUsP50,
    n: edges.reduce((sum, edge) => sum + edge.rows.length, 0),
    weight: explainedWeight(llr, explained),
    link: tracesLink({ service: top.caller }, facts.clustered.window.range),
  };
}
