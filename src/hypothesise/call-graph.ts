/**
 * Channel "where the time goes": own time above the reference, for each operation of a service and for each
 * thing that services call without seeing inside it. Time a span spends waiting for a child is the child's,
 * so callers of a slow service are not suspected here. The way to another service is src/hypothesise/network.ts.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import type { SuspectPattern } from '../model/hypothesis.ts';
import { calleeOf, kindOfCallee } from './error-kind.ts';
import type { Facts, OperationFact } from './facts.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  text,
  tracesLink,
} from './suspicion.ts';

/** Likelihood ratio from which an operation's own time counts as grown. */
const LLR_MIN = 3;
/** An operation with this share of its place's excess stands for it by name. */
const DOMINANT_SHARE = 0.6;
/** What excess is worth when no reference says whether it is new. */
const UNCOMPARED_LLR = 2;
/** A place with less of the whole excess is noise. */
const EXPLAINED_MIN = 0.02;

export function suspectOwnTime(facts: Facts): Suspicion[] {
  const grown = facts.operations.filter((fact) => hasGrown(fact, facts));
  const isPath = (fact: OperationFact): boolean => fact.isClient && fact.callee !== undefined;
  const isOutside = (fact: OperationFact): boolean => !isPath(fact) && fact.target !== '';
  return [
    ...suspectServices(
      grown.filter((fact) => !isPath(fact) && !isOutside(fact)),
      facts,
    ),
    ...suspectDependencies(grown.filter(isOutside), facts),
  ];
}

function hasGrown(fact: OperationFact, facts: Facts): boolean {
  if (fact.excessUs <= EXPLAINED_MIN * facts.excessUs || facts.badTraceCount === 0) return false;
  // Without a reference excess alone speaks, weakly.
  if (fact.referenceRows.length === 0) return fact.excessUs > 0;
  return fact.ownTimeCut !== undefined && fact.ownTimeCut.llr >= LLR_MIN;
}

/** One suspicion for a dominant operation each; or one for the service when its operations slow together. */
function suspectServices(grown: readonly OperationFact[], facts: Facts): Suspicion[] {
  const suspicions: Suspicion[] = [];
  for (const [service, operations] of groupBy(grown, (fact) => fact.service)) {
    const excessUs = sumExcess(operations);
    const top = operations.reduce((a, b) => (b.excessUs > a.excessUs ? b : a));
    const isTogether = operations.length > 2 && top.excessUs < DOMINANT_SHARE * excessUs;
    if (isTogether) {
      suspicions.push({
        culprit: { service },
        kind: 'latency',
        isOwn: true,
        share: excessUs / Math.max(facts.excessUs, 1),
        evidence: [ownTimeEvidence(operations, { facts, place: service })],
        pattern: { service, ...durationBound(top) },
      });
      continue;
    }
    for (const fact of operations) {
      const name = `${service} ${fact.operation}`;
      suspicions.push({
        culprit: { service, operation: fact.operation },
        kind: 'latency',
        isOwn: true,
        share: fact.excessUs / Math.max(facts.excessUs, 1),
        evidence: [ownTimeEvidence([fact], { facts, place: name })],
        pattern: { service, operation: fact.operation, ...durationBound(fact) },
      });
    }
  }
  return suspicions;
}

/** A slow database under several services is one suspect, named after what they call. */
function suspectDependencies(grown: readonly OperationFact[], facts: Facts): Suspicion[] {
  const suspicions: Suspicion[] = [];
  for (const [target, operations] of groupBy(grown, (fact) => fact.target)) {
    const top = operations.reduce((a, b) => (b.excessUs > a.excessUs ? b : a));
    const services = [...new Set(operations.map((fact) => fact.service))].sort(compareText);
    const isOneOperation = top.excessUs >= DOMINANT_SHARE * sumExcess(operations);
    const pattern: SuspectPattern = { service: top.service, target, ...durationBound(top) };
    suspicions.push({
      culprit: {
        service: top.service,
        ...(isOneOperation ? { operation: top.operation } : {}),
        dependency: target,
      },
      kind: kindOfCallee(calleeOf(top, facts.table)),
      isOwn: true,
      services,
      share: sumExcess(operations) / Math.max(facts.excessUs, 1),
      evidence: [ownTimeEvidence(operations, { facts, place: target })],
      pattern,
      ...(services.length > 1 ? { detail: { callers: services.join(', ') } } : {}),
    });
  }
  return suspicions;
}

function ownTimeEvidence(
  operations: readonly OperationFact[],
  context: { readonly facts: Facts; readonly place: string },
): EvidenceDraft {
  const { facts, place } = context;
  const top = operations.reduce((a, b) => (b.excessUs > a.excessUs ? b : a));
  const explained = sumExcess(operations) / Math.max(facts.excessUs, 1);
  const llr = operations.reduce((max, fact) => Math.max(max, llrOf(fact)), 0);
  const n = operations.reduce((sum, fact) => sum + fact.group.rows.length, 0);
  const meanUs = sumExcess(operations) / Math.max(facts.badTraceCount, 1);
  const normal = formatUs(top.selfUsP50Reference);
  const link = tracesLink(
    { service: top.service, operation: top.operation },
    facts.clustered.window.range,
  );
  return {
    source: 'trace',
    direction: 'for',
    statement: text(
      `${place} 占异常请求多花时间的 ${formatPercent(explained)}：平均每个请求多 ${formatUs(meanUs)}（平时自身耗时中位数 ${normal}）`,
      `${place} accounts for ${formatPercent(explained)} of the extra time of bad requests: ${formatUs(meanUs)} more each on average (usually ${normal} in itself)`,
    ),
    value: top.selfUsP50Reference + meanUs,
    expected: top.selfUsP50Reference,
    n,
    weight: explainedWeight(llr, explained),
    link,
  };
}

function llrOf(fact: OperationFact): number {
  return fact.ownTimeCut?.llr ?? UNCOMPARED_LLR;
}

function durationBound(fact: OperationFact): { readonly selfUsMin?: number } {
  return fact.ownTimeCut === undefined ? {} : { selfUsMin: Math.round(fact.ownTimeCut.bound) };
}

function sumExcess(operations: readonly OperationFact[]): number {
  return operations.reduce((sum, fact) => sum + fact.excessUs, 0);
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups].sort(([a], [b]) => compareText(a, b));
}
