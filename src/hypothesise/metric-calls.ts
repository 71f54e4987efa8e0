/**
 * Calls between services by metrics alone, where there are no spans: a service that is called no more, in
 * proportion to its caller's requests; and time that callers wait for answers which nobody they call spends.
 */
import { formatNumber, formatPercent, formatUs } from '../base/quantity.ts';
import { twoRateLlr } from '../base/statistics.ts';
import type { WindowData } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { type RequestSlots, readPeriod } from './metric-requests.ts';
import { compareText, metricLink, type Suspicion, softCapped, text } from './suspicion.ts';

const LLR_MIN = 3;
/** At least this share of the calls is gone: a mix of requests shifts by less. */
const LOST_MIN = 0.5;
/** Absence has more innocent reasons than presence. */
const LOST_WEIGHT_MAX = 5;
/** A wait that nobody spends is the way between, or a service that is not measured. */
const GAP_WEIGHT_MAX = 4;
/** Waits shorter than this share of what the caller's own requests take are no trouble of theirs. */
const GAP_SHARE_MIN = 0.15;
/** Least wait, against rounding of histograms with few buckets. */
const GAP_US_MIN = 5000;

export function suspectCalls(facts: Facts): Suspicion[] {
  const { reference } = facts.clustered;
  if (reference === undefined || facts.table.count > 0) return [];
  return [...suspectLostCalls(facts, reference), ...suspectGaps(facts, reference)];
}

/** Who is called by one service only, and by whom. */
function soleCallers({ calleesOf }: Facts): Map<string, string> {
  const callers = new Map<string, string[]>();
  for (const [caller, callees] of calleesOf) {
    for (const callee of callees) callers.set(callee, [...(callers.get(callee) ?? []), caller]);
  }
  const sole = [...callers].flatMap(([callee, list]) =>
    list.length === 1 ? [[callee, list[0]!] as const] : [],
  );
  return new Map(sole.sort(([a], [b]) => compareText(a, b)));
}

interface LostCalls {
  readonly caller: string;
  readonly callee: string;
  readonly callsNow: number;
  readonly requestsNow: number;
  readonly usualRatio: number;
  readonly llr: number;
}

/** A caller gives up before it gets to calls that it usually makes. */
function suspectLostCalls(facts: Facts, reference: WindowData): Suspicion[] {
  const now = readPeriod(facts.clustered.window, 'server');
  const before = readPeriod(reference, 'server');
  const pairs = soleCallers(facts);
  const lost = new Map<string, LostCalls[]>();
  for (const [callee, caller] of pairs) {
    const [is, was] = [now, before].map((all) => ({
      events: all.get(callee)?.count[0] ?? Number.NaN,
      exposure: all.get(caller)?.count[0] ?? Number.NaN,
    }));
    if (!is || !was || ![is.events, is.exposure, was.events, was.exposure].every(Number.isFinite))
      continue;
    if (!(was.events > 0 && was.exposure > 0 && is.exposure > 0)) continue;
    const usualRatio = was.events / was.exposure;
    const llr = twoRateLlr(is, was) - Math.log(pairs.size);
    if (is.events / is.exposure > (1 - LOST_MIN) * usualRatio || llr < LLR_MIN) continue;
    const one = { caller, callee, callsNow: is.events, requestsNow: is.exposure, usualRatio, llr };
    lost.set(caller, [...(lost.get(caller) ?? []), one]);
  }
  return [...lost.values()].map((calls) => lostSuspicion(calls, facts));
}

/** What is lost with one request is lost together: the surest of a caller's calls speaks for all. */
function lostSuspicion(calls: readonly LostCalls[], facts: Facts): Suspicion {
  const surest = calls.reduce((a, b) => (b.llr > a.llr ? b : a));
  const { caller, callee, callsNow, requestsNow, usualRatio } = surest;
  const callees = calls.map((one) => one.callee).join(', ');
  const [ratio, usual] = [callsNow / requestsNow, usualRatio].map(formatNumber);
  return {
    culprit: { service: caller },
    kind: 'error',
    isOwn: false,
    evidence: [
      {
        source: 'metric',
        direction: 'for',
        aspect: 'flow',
        statement: text(
          `${caller} 不再走到对 ${callees} 的调用:每个请求调用 ${callee} ${ratio} 次，平时 ${usual} 次`,
          `${caller} no longer gets to its calls of ${callees}: ${ratio} calls of ${callee} a request, usually ${usual}`,
        ),
        value: callsNow / requestsNow,
        expected: usualRatio,
        n: Math.round(requestsNow),
        weight: softCapped(surest.llr, LOST_WEIGHT_MAX),
        link: metricLink({ service: callee, name: 'requests' }, facts.clustered.window.range),
      },
    ],
  };
}

/**
 * What a service waits for those it calls, less what the slowest of them takes, by the highest percentile of
 * each: the rest is on the way. A callee whose other callers do not wait longer is not at the end of that way.
 */
function suspectGaps(facts: Facts, reference: WindowData): Suspicion[] {
  const gaps = gapsOf(facts, facts.clustered.window);
  const before = gapsOf(facts, reference);
  const grown = new Map<string, number>();
  for (const [caller, gap] of gaps) {
    const usual = before.get(caller);
    if (usual === undefined) continue;
    const grownUs = gap.gapUs - Math.max(0, usual.gapUs);
    if (grownUs >= Math.max(GAP_US_MIN, GAP_SHARE_MIN * gap.servedUs)) grown.set(caller, grownUs);
  }
  return [...grown].flatMap(([caller, grownUs]) => {
    const suspects = [...(facts.calleesOf.get(caller) ?? [])]
      .filter((callee) => !isCleared(callee, { caller, grown, measured: gaps, facts }))
      .sort(compareText);
    const llr = GAP_WEIGHT_MAX - Math.log(Math.max(1, suspects.length));
    return suspects.map((callee) =>
      gapSuspicion(callee, { caller, grownUs, servedUs: gaps.get(caller)!.servedUs, llr, facts }),
    );
  });
}

interface Gap {
  readonly gapUs: number;
  /** What the caller's own requests take. */
  readonly servedUs: number;
}

function gapsOf({ calleesOf }: Facts, data: WindowData): Map<string, Gap> {
  const servers = readPeriod(data, 'server');
  const clients = readPeriod(data, 'client');
  const gaps = new Map<string, Gap>();
  for (const [caller, client] of [...clients].sort(([a], [b]) => compareText(a, b))) {
    const callees = [...(calleesOf.get(caller) ?? [])];
    const slowestUs = Math.max(...callees.map((callee) => spentBy(servers.get(callee))));
    // A callee that nobody measures may be what takes the time.
    if (callees.length === 0 || Number.isNaN(slowestUs)) continue;
    const [waitedUs, servedUs] = [highestOf(client), highestOf(servers.get(caller))];
    if (Number.isNaN(waitedUs) || Number.isNaN(servedUs)) continue;
    gaps.set(caller, { gapUs: waitedUs - slowestUs, servedUs });
  }
  return gaps;
}

/** What is not called takes no time; NaN for what is not measured. */
function spentBy(slots: RequestSlots | undefined): number {
  return slots?.count[0] === 0 ? 0 : highestOf(slots);
}

function highestOf(slots: RequestSlots | undefined): number {
  if (slots === undefined) return Number.NaN;
  const { p99, p95, p90, p50, mean } = slots.latencyUs;
  return [p99, p95, p90, p50, mean].map((values) => values[0]!).find(Number.isFinite) ?? Number.NaN;
}

function isCleared(
  callee: string,
  context: {
    readonly caller: string;
    readonly grown: ReadonlyMap<string, number>;
    readonly measured: ReadonlyMap<string, Gap>;
    readonly facts: Facts;
  },
): boolean {
  const { caller, grown, measured, facts } = context;
  return [...facts.calleesOf].some(
    ([other, callees]) =>
      other !== caller && callees.has(callee) && measured.has(other) && !grown.has(other),
  );
}

function gapSuspicion(
  callee: string,
  context: {
    readonly caller: string;
    readonly grownUs: number;
    readonly servedUs: number;
    readonly llr: number;
    readonly facts: Facts;
  },
): Suspicion {
  const { caller, grownUs, facts } = context;
  const share = Math.min(1, grownUs / context.servedUs);
  return {
    culprit: { service: callee },
    kind: 'network',
    isOwn: true,
    detail: { from: caller, to: callee },
    services: [caller],
    evidence: [
      {
        source: 'metric',
        direction: 'for',
        statement: text(
          `${caller} 等待被调服务的时间比它们自己所用的多 ${formatUs(grownUs)}，占其请求耗时的 ${formatPercent(share)}:可能在去 ${callee} 的路上`,
          `${caller} waits ${formatUs(grownUs)} longer for what it calls than any of it takes, ${formatPercent(share)} of its own requests: it may be the way to ${callee}`,
        ),
        value: grownUs / 1000,
        expected: 0,
        n: 1,
        weight: Math.max(0, context.llr) * Math.sqrt(share),
        link: metricLink(
          { service: caller, name: 'client.duration' },
          facts.clustered.window.range,
        ),
      },
    ],
  };
}
