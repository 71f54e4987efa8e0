/**
 * Channel "where the time goes": own time beyond the reference's, for each operation of a service and for
 * each thing that services call without seeing inside it. Time a span spends waiting for a child is the
 * child's, so callers of a slow service are not suspected here. The way to another service is
 * src/hypothesise/network.ts.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import type { SuspectPattern } from '../model/hypothesis.ts';
import { pairKey } from '../model/row-groups.ts';
import { calleeOf, kindOfCallee } from './error-kind.ts';
import type { Facts, OperationFact } from './facts.ts';
import { GROWTH_LLR_MIN, growthOf, type UsualShare, usualShareOf } from './growth.ts';
import type { Place } from './place.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  text,
  tracesLink,
} from './suspicion.ts';

/** An operation with this share of its place's excess stands for it by name. */
const DOMINANT_SHARE = 0.6;
/** What excess is worth when no reference says whether it is new. */
const UNCOMPARED_LLR = 2;
/** A place with less of the whole excess is noise. */
const EXPLAINED_MIN = 0.02;

/** An operation with its own time. */
interface OwnTime extends Place {
  readonly fact: OperationFact;
}

export function suspectOwnTime(facts: Facts): Suspicion[] {
  if (facts.badTraceCount === 0) return [];
  const all = facts.places.flatMap((place): OwnTime[] => {
    const fact = facts.operationByKey.get(pairKey(place.serviceId, place.operationId));
    return place.kind === 'own' && fact ? [{ ...place, fact }] : [];
  });
  const isOutside = ({ fact }: OwnTime): boolean => fact.target !== '';
  const outside = all.filter((own) => isOutside(own) && hasGrown(own, facts));
  return [
    ...suspectServices(
      all.filter((own) => !isOutside(own)),
      facts,
    ),
    ...suspectDependencies(outside, facts),
  ];
}

function hasGrown(place: Place, facts: Facts): boolean {
  if (place.excessUs <= EXPLAINED_MIN * facts.excessUs) return false;
  // Without a reference excess alone speaks, weakly.
  return place.growth === undefined || place.growth.llr >= GROWTH_LLR_MIN;
}

/**
 * One suspicion for a dominant operation each; or one for the service when its operations slow together, or
 * when none of them was seen often enough to tell.
 */
function suspectServices(all: readonly OwnTime[], facts: Facts): Suspicion[] {
  const suspicions: Suspicion[] = [];
  const usual = usualShareOf(all);
  for (const [service, operations] of groupBy(all, (own) => own.service)) {
    const grown = operations.filter((own) => hasGrown(own, facts));
    const top = topOf(grown.length === 0 ? operations : grown);
    const isTogether = grown.length > 2 && top.excessUs < DOMINANT_SHARE * sumExcess(grown);
    if (isTogether) suspicions.push(serviceSuspicion(service, grown, { facts }));
    else if (grown.length === 0)
      suspicions.push(...suspectRare(service, operations, { facts, usual }));
    else suspicions.push(...grown.map((own) => operationSuspicion(own, facts)));
  }
  return suspicions;
}

function suspectRare(
  service: string,
  operations: readonly OwnTime[],
  { facts, usual }: { readonly facts: Facts; readonly usual: UsualShare },
): Suspicion[] {
  const slower = operations.filter(({ strata, excessUs }) => strata.length > 0 && excessUs > 0);
  if (shareOf(slower, facts) <= EXPLAINED_MIN) return [];
  const llr = growthOf(operations, usual);
  return llr < GROWTH_LLR_MIN ? [] : [serviceSuspicion(service, slower, { facts, llr })];
}

function serviceSuspicion(
  service: string,
  operations: readonly OwnTime[],
  { facts, llr }: { readonly facts: Facts; readonly llr?: number },
): Suspicion {
  return {
    culprit: { service },
    kind: 'latency',
    isOwn: true,
    share: shareOf(operations, facts),
    evidence: [ownTimeEvidence(operations, { facts, place: service, llr })],
    pattern: { service, ...durationBound(topOf(operations)) },
  };
}

function operationSuspicion(own: OwnTime, facts: Facts): Suspicion {
  const { service, operation } = own;
  return {
    culprit: { service, operation },
    kind: 'latency',
    isOwn: true,
    share: shareOf([own], facts),
    evidence: [ownTimeEvidence([own], { facts, place: `${service} ${operation}` })],
    pattern: { service, operation, ...durationBound(own) },
  };
}

/** A slow database under several services is one suspect, named after what they call. */
function suspectDependencies(grown: readonly OwnTime[], facts: Facts): Suspicion[] {
  const suspicions: Suspicion[] = [];
  for (const [target, operations] of groupBy(grown, ({ fact }) => fact.target)) {
    const top = topOf(operations);
    const services = [...new Set(operations.map(({ service }) => service))].sort(compareText);
    const isOneOperation = top.excessUs >= DOMINANT_SHARE * sumExcess(operations);
    const pattern: SuspectPattern = { service: top.service, target, ...durationBound(top) };
    suspicions.push({
      culprit: {
        service: top.service,
        ...(isOneOperation ? { operation: top.operation } : {}),
        dependency: target,
      },
      kind: kindOfCallee(calleeOf(top.fact, facts.table)),
      isOwn: true,
      services,
      share: shareOf(operations, facts),
      evidence: [ownTimeEvidence(operations, { facts, place: target })],
      pattern,
      ...(services.length > 1 ? { detail: { callers: services.join(', ') } } : {}),
    });
  }
  return suspicions;
}

function ownTimeEvidence(
  operations: readonly OwnTime[],
  context: {
    readonly facts: Facts;
    readonly place: string;
    /** Of the operations together; absent: of the one that grew most surely. */
    readonly llr?: number | undefined;
  },
): EvidenceDraft {
  const { facts, place } = context;
  const top = topOf(operations);
  const explained = shareOf(operations, facts);
  const llr =
    context.llr ?? Math.max(...operations.map(({ growth }) => growth?.llr ?? UNCOMPARED_LLR));
  const { meanUs, interval } = perBadRequest(operations, facts);
  const normal = formatUs(top.usualUs);
  const { service, operation } = top;
  return {
    source: 'trace',
    direction: 'for',
    statement: text(
      `${place} 占异常请求多花时间的 ${formatPercent(explained)}：平均每个请求多 ${formatUs(meanUs)}（平时自身耗时中位数 ${normal}）`,
      `${place} accounts for ${formatPercent(explained)} of the extra time of bad requests: ${formatUs(meanUs)} more each on average (usually ${normal} in itself)`,
    ),
    value: top.usualUs + meanUs,
    expected: top.usualUs,
    unit: 'us',
    interval: [top.usualUs + interval[0], top.usualUs + interval[1]],
    n: operations.reduce((sum, { count }) => sum + count, 0),
    weight: explainedWeight(llr, explained),
    link: tracesLink({ service, operation }, facts.clustered.window.range),
  };
}

/** Extra time of places for each bad request, with its 95 % interval. */
export function perBadRequest(
  places: readonly Place[],
  { badTraceCount }: Facts,
): { readonly meanUs: number; readonly interval: readonly [number, number] } {
  const count = Math.max(badTraceCount, 1);
  const meanUs = sumExcess(places) / count;
  const errorUs = Math.sqrt(places.reduce((sum, one) => sum + one.excessErrorUs ** 2, 0)) / count;
  return { meanUs, interval: [Math.max(0, meanUs - errorUs), meanUs + errorUs] };
}

export function shareOf(places: readonly Place[], facts: Facts): number {
  return sumExcess(places) / Math.max(facts.excessUs, 1);
}

export function sumExcess(places: readonly Place[]): number {
  return places.reduce((sum, { excessUs }) => sum + excessUs, 0);
}

/** Most excess; of equals the first. */
function topOf(operations: readonly OwnTime[]): OwnTime {
  return operations.reduce((a, b) => (b.excessUs > a.excessUs ? b : a));
}

function durationBound({ boundUs }: Place): { readonly selfUsMin?: number } {
  return boundUs === undefined ? {} : { selfUsMin: Math.round(boundUs) };
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
