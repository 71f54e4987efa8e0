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
import type { Place } from './place.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  text,
  tracesLink,
} from './suspicion.ts';

/** Likelihood ratio from which a place's time counts as grown. */
export const GROWTH_LLR_MIN = 3;
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
  const grown = facts.places.flatMap((place): OwnTime[] => {
    const fact = facts.operationByKey.get(pairKey(place.serviceId, place.operationId));
    return place.kind === 'own' && fact && hasGrown(place, facts) ? [{ ...place, fact }] : [];
  });
  const isOutside = ({ fact }: OwnTime): boolean => fact.target !== '';
  return [
    ...suspectServices(
      grown.filter((own) => !isOutside(own)),
      facts,
    ),
    ...suspectDependencies(grown.filter(isOutside), facts),
  ];
}

function hasGrown(place: Place, facts: Facts): boolean {
  if (place.excessUs <= EXPLAINED_MIN * facts.excessUs || facts.badTraceCount === 0) return false;
  // Without a reference excess alone speaks, weakly.
  return place.growth === undefined || place.growth.llr >= GROWTH_LLR_MIN;
}

/** One suspicion for a dominant operation each; or one for the service when its operations slow together. */
function suspectServices(grown: readonly OwnTime[], facts: Facts): Suspicion[] {
  const suspicions: Suspicion[] = [];
  for (const [service, operations] of groupBy(grown, (own) => own.service)) {
    const excessUs = sumExcess(operations);
    const top = topOf(operations);
    const isTogether = operations.length > 2 && top.excessUs < DOMINANT_SHARE * excessUs;
    if (isTogether) {
      suspicions.push({
        culprit: { service },
        kind: 'latency',
        isOwn: true,
        share: shareOf(operations, facts),
        evidence: [ownTimeEvidence(operations, { facts, place: service })],
        pattern: { service, ...durationBound(top) },
      });
      continue;
    }
    for (const own of operations) {
      const { operation } = own;
      suspicions.push({
        culprit: { service, operation },
        kind: 'latency',
        isOwn: true,
        share: shareOf([own], facts),
        evidence: [ownTimeEvidence([own], { facts, place: `${service} ${operation}` })],
        pattern: { service, operation, ...durationBound(own) },
      });
    }
  }
  return suspicions;
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
  context: { readonly facts: Facts; readonly place: string },
): EvidenceDraft {
  const { facts, place } = context;
  const top = topOf(operations);
  const explained = shareOf(operations, facts);
  const llr = operations.reduce(
    (max, { growth }) => Math.max(max, growth?.llr ?? UNCOMPARED_LLR),
    0,
  );
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
