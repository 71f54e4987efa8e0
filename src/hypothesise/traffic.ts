/**
 * Channel "more is asked": requests that come in more often than in the reference, and whether the slowness
 * follows the load. Only requests that nobody here made count: what services call one another more often for
 * has its cause among them. Fewer requests are what failing callers do, no cause.
 */
import { formatNumber } from '../base/quantity.ts';
import { twoRateLlr } from '../base/statistics.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { Facts } from './facts.ts';
import { burstinessOf, type Load, loadByService, type Response, responseOf } from './load.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  softCapped,
  text,
  tracesLink,
} from './suspicion.ts';

/** Less growth hardly loads anything that was not about to break: a quarter. */
const GROWTH_MIN = 1.25;
const LLR_MIN = 3;
/** More requests at the same time as trouble are a coincidence until the trouble follows them. */
const COINCIDENCE_WEIGHT_MAX = 2;
/** A weaker correlation explains less than a quarter of the changes. */
const CORRELATION_MIN = 0.5;

interface Entry {
  readonly service: string;
  readonly now: Load;
  readonly before: Load;
}

export function suspectTraffic(facts: Facts): Suspicion[] {
  const { window, reference } = facts.clustered;
  // Of samples nobody knows the rate.
  if (reference === undefined || window.isSampled || reference.isSampled) return [];
  if (facts.badTraceCount === 0) return [];
  const { strings } = window.spans;
  const before = loadByService(reference);
  const entries = [...loadByService(window)]
    .flatMap(([id, now]): Entry[] => {
      const earlier = before.get(id);
      return earlier ? [{ service: strings.text(id), now, before: earlier }] : [];
    })
    .sort((a, b) => compareText(a.service, b.service));
  return entries
    .filter((entry) => growthLlr(entry) - Math.log(entries.length) >= LLR_MIN)
    .map((entry) =>
      suspicionOf(entry, {
        facts,
        llr: growthLlr(entry) - Math.log(entries.length),
        response: responseOf(entry.now, window),
      }),
    );
}

/** Requests that come in bursts are fewer witnesses. */
function growthLlr({ now, before }: Entry): number {
  if (rateOf(now) < GROWTH_MIN * rateOf(before)) return 0;
  const llr = twoRateLlr(
    { events: now.requests, exposure: now.lengthUs },
    { events: before.requests, exposure: before.lengthUs },
  );
  return llr / Math.max(burstinessOf(before), burstinessOf(now));
}

function rateOf({ requests, lengthUs }: Load): number {
  return (requests * US_PER_MINUTE) / lengthUs;
}

function suspicionOf(
  entry: Entry,
  context: { readonly facts: Facts; readonly llr: number; readonly response: Response },
): Suspicion {
  const { facts, llr, response } = context;
  const { service, now, before } = entry;
  const [rate, usual] = [rateOf(now), rateOf(before)];
  const correlation = formatNumber(response.correlation);
  const common = { source: 'trace', direction: 'for', aspect: 'load' } as const;
  const link = tracesLink({ service }, facts.clustered.window.range);
  const more: EvidenceDraft = {
    ...common,
    statement: text(
      `${service} 每分钟收到 ${formatNumber(rate)} 个外部请求，平时 ${formatNumber(usual)} 个`,
      `${service} gets ${formatNumber(rate)} requests a minute from outside, usually ${formatNumber(usual)}`,
    ),
    value: rate,
    expected: usual,
    n: now.requests,
    weight: softCapped(llr, COINCIDENCE_WEIGHT_MAX),
    link,
  };
  const follows: EvidenceDraft = {
    ...common,
    statement: text(
      `${service} 的响应时间随请求量升降（相关系数 ${correlation}）`,
      `Response times of ${service} rise and fall with its load (correlation ${correlation})`,
    ),
    value: response.correlation,
    expected: 0,
    n: response.n,
    weight: explainedWeight(response.llr, response.correlation ** 2),
    link,
  };
  const isFollowed = response.correlation >= CORRELATION_MIN && response.llr >= LLR_MIN;
  return {
    culprit: { service, ...grownOperation(entry, facts.table.strings) },
    kind: 'traffic',
    isOwn: true,
    share: response.correlation ** 2,
    ...(isFollowed ? { detail: { correlation } } : {}),
    evidence: isFollowed ? [more, follows] : [more],
  };
}

/** An operation among others that alone brought most of what came in addition. */
function grownOperation(
  { now, before }: Entry,
  strings: StringDictionary,
): { readonly operation?: string } {
  if (now.operations.size === 1) return {};
  const scale = now.lengthUs / before.lengthUs;
  const added = now.requests - scale * before.requests;
  for (const [operation, rows] of now.operations) {
    const usual = before.operations.get(operation)?.length ?? 0;
    if (rows.length - scale * usual > added / 2) return { operation: strings.text(operation) };
  }
  return {};
}
