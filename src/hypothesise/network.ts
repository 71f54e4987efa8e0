/**
 * Channel "the way between": what calls take beyond the answers that they hold, for each pair of services. A
 * service whose network or process is slow is slow to reach for all its callers, or slow to reach all that it
 * calls: one hypothesis about it explains all its ways, and any way of its that did not slow down speaks
 * against it.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import type { Facts } from './facts.ts';
import { delayOf, GROWTH_LLR_MIN, growthOf, type UsualShare, usualShareOf } from './growth.ts';
import { perBadRequest, shareOf, sumExcess } from './own-time.ts';
import type { Place } from './place.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  text,
  tracesLink,
} from './suspicion.ts';

/**
 * One delay hits each message alike: a way whose calls got slower by less than this part of the most slowed
 * one's is not slowed by the same thing. A quarter, because one call may take several messages.
 */
const SAME_DELAY_SHARE = 0.25;
/**
 * ln 9: of ten slow networks nine leave the time within the process as it was, of ten starved processes one
 * does.
 */
const WITHIN_LLR = Math.log(9);
/** Part of a starved process's extra time that passes within it at the least; half of that decides nothing. */
const STARVED_WITHIN_SHARE = 0.1;
/** A service whose ways explain less of the whole excess is noise. */
const EXPLAINED_MIN = 0.02;

export function suspectNetwork(facts: Facts): Suspicion[] {
  if (!facts.hasReference || facts.badTraceCount === 0) return [];
  const ways = facts.places.filter(({ kind }) => kind === 'way');
  const nodes = blameNodes(ways, {
    explainedMinUs: EXPLAINED_MIN * facts.excessUs,
    usual: usualShareOf(ways),
  });
  return nodes.flatMap((node) => suspicionsOf(node, facts));
}

/** A service with ways that it slows down. */
interface Node {
  readonly service: string;
  /** Most excess first. */
  readonly ways: readonly Place[];
  /** Likelihood ratio that they slowed down. */
  readonly llr: number;
}

/** Takes the service that explains most, then the one that explains most of the rest, and so on. */
function blameNodes(
  all: readonly Place[],
  { explainedMinUs, usual }: { readonly explainedMinUs: number; readonly usual: UsualShare },
): Node[] {
  const waysOf = new Map<string, Place[]>();
  let left = all;
  let best = bestNode(left, usual);
  while (best !== undefined && best.explainedUs > explainedMinUs) {
    const { service, ways } = best;
    waysOf.set(service, [...(waysOf.get(service) ?? []), ...ways]);
    const taken = new Set(ways);
    left = left.filter((way) => !taken.has(way));
    best = bestNode(left, usual);
  }
  return [...waysOf]
    .sort(([a], [b]) => compareText(a, b))
    .map(([service, ways]) => ({
      service,
      ways: ways.sort((a, b) => b.excessUs - a.excessUs),
      llr: growthOf(ways, usual),
    }));
}

interface Candidate {
  readonly service: string;
  readonly ways: readonly Place[];
  /** Excess of its slowed ways × share of its calls that are slowed alike. */
  readonly explainedUs: number;
}

function bestNode(ways: readonly Place[], usual: UsualShare): Candidate | undefined {
  const touching = new Map<string, { to: Place[]; from: Place[] }>();
  const waysOf = (service: string) => {
    const known = touching.get(service) ?? { to: [], from: [] };
    touching.set(service, known);
    return known;
  };
  for (const way of ways) {
    waysOf(way.callee).to.push(way);
    waysOf(way.service).from.push(way);
  }
  let best: Candidate | undefined;
  for (const [service, { to, from }] of [...touching].sort(([a], [b]) => compareText(a, b))) {
    // Of equals the callee, whose queue is part of the way, stands before the caller.
    for (const [rank, touched] of [to, [...to, ...from], from].entries()) {
      const candidate = candidateOf(touched, { service, usual });
      if (candidate === undefined) continue;
      const leadUs = candidate.explainedUs - (best?.explainedUs ?? 0);
      if (leadUs > 0 || (leadUs === 0 && rank === 0)) best = candidate;
    }
  }
  return best;
}

function candidateOf(
  touched: readonly Place[],
  { service, usual }: { readonly service: string; readonly usual: UsualShare },
): Candidate | undefined {
  const delayUs = touched.reduce((max, way) => Math.max(max, delayOf(way)), 0);
  if (delayUs === 0) return undefined;
  const alike = touched.filter((way) => delayOf(way) >= SAME_DELAY_SHARE * delayUs);
  if (growthOf(alike, usual) < GROWTH_LLR_MIN) return undefined;
  const share = countCalls(alike) / countCalls(touched);
  return { service, ways: alike, explainedUs: sumExcess(alike) * share };
}

function countCalls(ways: readonly Place[]): number {
  return ways.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Slow ways are a symptom of the service as a whole (a starved process is slow to answer and to go on), and
 * evidence for a slow network: the more so when time within its process is as usual.
 */
function suspicionsOf({ service, ways, llr }: Node, facts: Facts): Suspicion[] {
  const [top] = ways;
  if (top === undefined) return [];
  const share = shareOf(ways, facts);
  const wayDraft = wayEvidence(ways, { top, llr, facts });
  const within = withinEvidence(service, { ways, facts });
  const common = {
    culprit: { service },
    isOwn: true,
    share,
    services: [service],
    pattern: {
      service: top.service,
      callee: top.callee,
      ...(top.operationCount === 1 ? { operation: top.operation } : {}),
      ...(top.boundUs === undefined ? {} : { selfUsMin: Math.round(top.boundUs) }),
    },
    detail: { from: top.service, to: top.callee },
  };
  return [
    { ...common, kind: 'latency', evidence: [wayDraft] },
    {
      ...common,
      kind: 'network',
      evidence: within === undefined ? [wayDraft] : [wayDraft, within],
    },
  ];
}

function wayEvidence(
  ways: readonly Place[],
  context: { readonly top: Place; readonly llr: number; readonly facts: Facts },
): EvidenceDraft {
  const { top, llr, facts } = context;
  const explained = shareOf(ways, facts);
  const { meanUs, interval } = perBadRequest(ways, facts);
  const more = ways.length - 1;
  const usual = formatUs(top.usualUs);
  return {
    source: 'trace',
    direction: 'for',
    statement: text(
      `${top.service} 到 ${top.callee} 的路上${more > 0 ? `（及另外 ${more} 条）` : ''}占异常请求多花时间的 ${formatPercent(explained)}：平均每个请求多 ${formatUs(meanUs)}（平时 ${usual}）`,
      `The way from ${top.service} to ${top.callee}${more > 0 ? ` (and ${more} more)` : ''} accounts for ${formatPercent(explained)} of the extra time of bad requests: ${formatUs(meanUs)} more each on average (usually ${usual})`,
    ),
    value: top.usualUs + meanUs,
    expected: top.usualUs,
    unit: 'us',
    interval: [top.usualUs + interval[0], top.usualUs + interval[1]],
    n: countCalls(ways),
    weight: explainedWeight(llr, explained),
    link: tracesLink({ service: top.service }, facts.clustered.window.range),
  };
}

/** Whether the service's own spans slowed down as well; undefined when it has none to look at. */
function withinEvidence(
  service: string,
  { ways, facts }: { readonly ways: readonly Place[]; readonly facts: Facts },
): EvidenceDraft | undefined {
  const own = facts.places.filter(
    (place) => place.kind === 'own' && place.service === service && place.strata.length > 0,
  );
  if (own.length === 0) return undefined;
  const { meanUs, interval } = perBadRequest(own, facts);
  const between = perBadRequest(ways, facts);
  const share = meanUs / (meanUs + between.meanUs);
  const weight = WITHIN_LLR * (1 - 2 * Math.min(1, share / STARVED_WITHIN_SHARE));
  return {
    source: 'trace',
    direction: weight < 0 ? 'against' : 'for',
    statement: text(
      `多花的时间有 ${formatPercent(share)} 在 ${service} 进程内部（平均每个请求 ${formatUs(meanUs)}），其余在它的网络路径上（${formatUs(between.meanUs)}）`,
      `${formatPercent(share)} of the extra time at ${service} passes within its process (${formatUs(meanUs)} for each request on average), the rest on its ways (${formatUs(between.meanUs)})`,
    ),
    value: meanUs,
    expected: 0,
    unit: 'us',
    interval,
    n: countCalls(own),
    weight,
    link: tracesLink({ service }, facts.clustered.window.range),
  };
}
