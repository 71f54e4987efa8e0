/**
 * "Without X, p99 would be …": requests of the asked-about endpoint as they would have run, had the suspect's
 * spans taken what they take in the reference. The symptom must go away with its cause; how much of it does,
 * and how sure that is, tells a cause from a bystander.
 */
import { LIMITS } from '../base/limits.ts';
import { formatPercent, formatUs } from '../base/quantity.ts';
import { createRandom } from '../base/random.ts';
import { quantileOfSorted, wilsonBounds } from '../base/statistics.ts';
import type { Counterfactual, Hypothesis } from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Text } from '../model/text.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { createStoreTraces, type StoreTraces } from '../plugin/probes/store-traces.ts';
import { addRequest, type CallTree, createCallTree, type Request, retime } from './retime.ts';
import { type IsSuspect, isAboutFailures, isAboutFlow, suspectRows } from './suspect-rows.ts';

/** Requests that are recomputed, and reference requests they are compared with: a p99 stands on 5. */
const REQUESTS_MAX = 500;
/** Fewer bad requests, or spans of the suspect in the reference, say nothing. */
const BAD_MIN = 5;
const REFERENCE_SPANS_MIN = 8;
/**
 * Resamples of a bootstrap: so many of the reference, and of the requests for each of those. The ends of a
 * 95 % interval stand on five of the 200.
 */
const REFERENCE_RESAMPLES = 10;
const REQUEST_RESAMPLES = 20;
/** Any number: the same everywhere, so that the same data give the same interval. */
const SEED = 0x7a97007;
const Z = 1.96;

/** What all hypotheses of a report share. */
export interface CounterfactualContext {
  readonly now: Sample;
  readonly before: Sample;
  /** Operation of the entry, for people. */
  readonly name: string;
  readonly isAboutErrors: boolean;
}

/** Requests of one endpoint in one period. */
interface Sample {
  readonly tree: CallTree;
  readonly requests: readonly Request[];
  readonly isBad: readonly boolean[];
  /** See TraceSide. */
  readonly kinds: readonly number[];
  /** Durations of the entries, ascending. */
  readonly sortedUs: Float64Array;
  /** Share of failed entries. */
  readonly failedShare: number;
}

/** Undefined where there is no reference, or too little of the asked-about endpoint. */
export function createCounterfactuals(clustered: Clustered): CounterfactualContext | undefined {
  if (clustered.reference === undefined || clustered.window.spans.count === 0) return undefined;
  const traces = createStoreTraces(clustered);
  const endpoint = worstEndpoint(traces);
  if (endpoint === undefined || traces.reference === undefined) return undefined;
  const now = sampleOf(traces.window, endpoint, traces.isBad);
  const before = sampleOf(traces.reference, endpoint, undefined);
  const bad = now.requests.filter((_, index) => now.isBad[index]);
  if (bad.length < BAD_MIN || before.requests.length < REFERENCE_SPANS_MIN) return undefined;
  const { table } = traces.window;
  const { entry } = bad[0]!; // at least BAD_MIN
  return {
    now,
    before,
    name: `${table.strings.text(table.service[entry]!)} ${table.strings.text(table.operation[entry]!)}`,
    isAboutErrors: bad.filter((one) => table.isError[one.entry] === 1).length > bad.length / 2,
  };
}

/** Undefined where the suspect has no spans that stored traces can change. */
export function imagineWithout(
  hypothesis: Hypothesis,
  context: CounterfactualContext,
): Counterfactual | undefined {
  return context.isAboutErrors
    ? imagineFewerErrors(hypothesis, context)
    : imagineLessTime(hypothesis, context);
}

/** The endpoint with most bad requests; the first of equals. */
function worstEndpoint({ window, isBad }: StoreTraces): number | undefined {
  const counts = new Map<number, number>();
  for (let trace = 0; trace < isBad.length; trace++) {
    if (isBad[trace] === 0 || window.entry[trace] === NO_ROW) continue;
    const endpoint = window.endpoint[trace]!;
    counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
  }
  return [...counts].sort(([a, left], [b, right]) => right - left || a - b)[0]?.[0];
}

/** Requests of the endpoint at even distances. */
function sampleOf(
  { table, entry, endpoint, kind }: StoreTraces['window'],
  asked: number,
  isBadTrace: Uint8Array | undefined,
): Sample {
  const entries = entry.filter((row, trace) => row !== NO_ROW && endpoint[trace] === asked);
  const count = Math.min(entries.length, REQUESTS_MAX);
  const tree = createCallTree(table);
  const requests = Array.from(
    { length: count },
    (_, index) => entries[Math.floor((index * entries.length) / count)]!, // below the length
  )
    .filter((row) => spansOfTrace(table, row) <= LIMITS.requestSpansMax)
    .map((row) => addRequest(tree, row));
  const rows = requests.map((request) => request.entry);
  const failed = rows.reduce((sum, row) => sum + table.isError[row]!, 0);
  return {
    tree,
    requests,
    isBad: rows.map((row) => isBadTrace?.[table.trace[row]!] === 1),
    kinds: rows.map((row) => kind[table.trace[row]!]!),
    sortedUs: Float64Array.from(rows, (row) => table.durationUs[row]!).sort(),
    failedShare: failed / Math.max(1, rows.length),
  };
}

function spansOfTrace({ trace, traceStart }: SpanTable, row: number): number {
  const at = trace[row]!;
  return traceStart[at + 1]! - traceStart[at]!;
}

/** The highest of these quantiles that at least five requests lie above; else the median. */
function tailOf(n: number): { readonly q: number; readonly name: string } {
  if (n >= 500) return { q: 0.99, name: 'p99' };
  if (n >= 100) return { q: 0.95, name: 'p95' };
  return n >= 50 ? { q: 0.9, name: 'p90' } : { q: 0.5, name: 'p50' };
}

function imagineLessTime(
  hypothesis: Hypothesis,
  context: CounterfactualContext,
): Counterfactual | undefined {
  const { now, before } = context;
  // Failures cost time by what follows them, attempts and waits, not by how long they take.
  if (isAboutFailures(hypothesis) || isAboutFlow(hypothesis)) return undefined;
  const swap = swapOwnTimes(hypothesis, context);
  if (swap === undefined) return undefined;
  const n = now.requests.length;
  const { durationUs } = now.tree.table;
  const oldUs = Float64Array.from(now.requests, ({ entry }) => durationUs[entry]!);
  const newUs = Float64Array.from(now.requests, (request) => retime(now.tree, request, swap.ownUs));
  const usualUs = usualOf(oldUs, context);
  const { q, name } = tailOf(n);
  const from = Math.round(quantileOfSorted(oldUs.slice().sort(), q));
  const to = Math.round(quantileOfSorted(newUs.slice().sort(), q));
  const usual = Math.round(quantileOfSorted(before.sortedUs, q));
  const explained = explainedOf({ oldUs, newUs, usualUs, isBad: now.isBad });
  // Single requests are slow, the endpoint as a whole is not: there is nothing to take away.
  if (explained === undefined || from <= usual) return undefined;
  const { interval, explainedInterval } = bootstrap({
    oldUs,
    newUs,
    usualUs,
    isBad: now.isBad,
    swap,
    q,
  });
  const range = interval.map(formatUs).join(' – ');
  return {
    statement: {
      zh: `若无此因，${context.name} 的 ${name} 将从 ${formatUs(from)} 变为 ${formatUs(to)}（95 % 区间 ${range}，平时 ${formatUs(usual)}），异常请求多花的时间消失 ${formatPercent(explained)}；重算 ${n} 个请求`,
      en: `Without it, ${name} of ${context.name} would be ${formatUs(to)} (95 % interval ${range}, usually ${formatUs(usual)}) instead of ${formatUs(from)}, and ${formatPercent(explained)} of the extra time of bad requests would be gone; ${n} requests recomputed`,
    },
    measure: 'latency',
    from,
    to,
    interval,
    n,
    explainedShare: explained,
    explainedInterval,
  };
}

/** New own times of the suspect's spans, and what a resample needs to draw them anew. */
interface Swap {
  readonly ownUs: ReadonlyMap<number, number>;
  /** By group of spans (one operation): what they take in the reference, ascending. */
  readonly pools: readonly Float64Array[];
  /** By request: the suspect's spans with their place in the order of their group, 0–1. */
  readonly drawn: readonly (readonly Drawn[])[];
}

interface Drawn {
  readonly pool: number;
  readonly rank: number;
  readonly oldUs: number;
}

/** Own times quantile by quantile: the slowest of the window takes what the slowest of the reference took. */
function swapOwnTimes(
  hypothesis: Hypothesis,
  { now, before }: CounterfactualContext,
): Swap | undefined {
  const { table } = now.tree;
  const rowsNow = groupRows(now, suspectRows(hypothesis, now.tree));
  const rowsBefore = groupRows(before, suspectRows(withoutAttributes(hypothesis), before.tree));
  const ownUs = new Map<number, number>();
  const pools: Float64Array[] = [];
  const drawn = now.requests.map((): Drawn[] => []);
  for (const [operation, members] of rowsNow) {
    const usual = rowsBefore.get(operation) ?? [];
    if (usual.length < REFERENCE_SPANS_MIN) continue;
    const pool = Float64Array.from(usual, ({ row }) => before.tree.table.selfUs[row]!).sort();
    members.sort((a, b) => table.selfUs[a.row]! - table.selfUs[b.row]! || a.row - b.row);
    members.forEach(({ row, request }, index) => {
      const rank = (index + 0.5) / members.length;
      ownUs.set(row, quantileOfSorted(pool, rank));
      drawn[request]!.push({ pool: pools.length, rank, oldUs: table.selfUs[row]! });
    });
    pools.push(pool);
  }
  return ownUs.size === 0 ? undefined : { ownUs, pools, drawn };
}

/** An attribute that marks the affected may be new: normal is what the place takes with or without it. */
function withoutAttributes(hypothesis: Hypothesis): Hypothesis {
  const probePlans = hypothesis.probePlans.map((plan) => {
    if (plan.spec.kind !== 'store' || plan.spec.query.kind !== 'cohort') return plan;
    const { attributes: _, ...suspect } = plan.spec.query.suspect;
    return { ...plan, spec: { kind: 'store', query: { kind: 'cohort', suspect } } } as const;
  });
  return { ...hypothesis, probePlans };
}

interface Member {
  readonly row: number;
  /** Index of the request. */
  readonly request: number;
}

/** The suspect's rows of the requests, by operation. */
function groupRows(
  { tree, requests }: Sample,
  isSuspect: IsSuspect | undefined,
): Map<number, Member[]> {
  const groups = new Map<number, Member[]>();
  if (isSuspect === undefined) return groups;
  requests.forEach(({ rows }, request) => {
    for (const row of rows) {
      if (!isSuspect(row)) continue;
      const operation = tree.table.operation[row]!;
      const group = groups.get(operation);
      if (group) group.push({ row, request });
      else groups.set(operation, [{ row, request }]);
    }
  });
  return groups;
}

/** What each request would take in the reference: the same place in the order of its kind. */
function usualOf(oldUs: Float64Array, { now, before }: CounterfactualContext) {
  const { durationUs } = before.tree.table;
  const usualUs = new Float64Array(oldUs.length);
  const referenceByKind = groupBy(before.kinds);
  for (const [kind, requests] of groupBy(now.kinds)) {
    const known = referenceByKind.get(kind) ?? [];
    const sorted =
      known.length < REFERENCE_SPANS_MIN
        ? before.sortedUs
        : Float64Array.from(known, (at) => durationUs[before.requests[at]!.entry]!).sort();
    requests.sort((a, b) => oldUs[a]! - oldUs[b]! || a - b);
    requests.forEach((request, index) => {
      usualUs[request] = quantileOfSorted(sorted, (index + 0.5) / requests.length);
    });
  }
  return usualUs;
}

/** Indexes by value. */
function groupBy(values: readonly number[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  values.forEach((value, index) => {
    const group = groups.get(value);
    if (group) group.push(index);
    else groups.set(value, [index]);
  });
  return groups;
}

interface Durations {
  readonly oldUs: Float64Array;
  readonly newUs: Float64Array;
  readonly usualUs: Float64Array;
  readonly isBad: readonly boolean[];
}

/** Of the bad requests' time above the usual, the share that goes away; undefined where there is none. */
function explainedOf({ oldUs, newUs, usualUs, isBad }: Durations): number | undefined {
  let savedUs = 0;
  let extraUs = 0;
  for (let request = 0; request < oldUs.length; request++) {
    if (!isBad[request]) continue;
    savedUs += oldUs[request]! - newUs[request]!;
    extraUs += Math.max(0, oldUs[request]! - usualUs[request]!);
  }
  return extraUs > 0 ? Math.min(1, Math.max(0, savedUs / extraUs)) : undefined;
}

/**
 * Percentile intervals (Efron 1979): requests of the window and spans of the reference drawn anew, with
 * replacement. A request's saving follows what its spans draw in proportion: replaying it again would cost
 * 200 times as much and differ only where another path takes over.
 */
function bootstrap(
  task: Durations & { readonly swap: Swap; readonly q: number },
): Pick<Counterfactual, 'interval' | 'explainedInterval'> {
  const { oldUs, newUs, usualUs, isBad, swap, q } = task;
  const random = createRandom(SEED);
  const n = oldUs.length;
  const shareOfSaving = shareOfSavings(task);
  const tails: number[] = [];
  const explained: number[] = [];
  for (let round = 0; round < REFERENCE_RESAMPLES; round++) {
    const pools = swap.pools.map((pool) => resampled(pool, random));
    const drawnUs = Float64Array.from(oldUs, (before, request) => {
      let savedUs = 0;
      for (const { pool, rank, oldUs: own } of swap.drawn[request]!) {
        savedUs += own - quantileOfSorted(pools[pool]!, rank);
      }
      return before - savedUs * shareOfSaving[request]!;
    });
    const byDuration = Array.from(drawnUs.keys()).sort(
      (a, b) => drawnUs[a]! - drawnUs[b]! || a - b,
    );
    for (let inner = 0; inner < REQUEST_RESAMPLES; inner++) {
      const counts = countDraws(n, random);
      tails.push(drawnUs[byDuration[positionOf(q, byDuration, counts)]!]!); // a position below n
      let savedUs = 0;
      let extraUs = 0;
      for (let request = 0; request < n; request++) {
        if (!isBad[request]) continue;
        savedUs += counts[request]! * (oldUs[request]! - drawnUs[request]!);
        extraUs += counts[request]! * Math.max(0, oldUs[request]! - usualUs[request]!);
      }
      explained.push(extraUs > 0 ? Math.min(1, Math.max(0, savedUs / extraUs)) : 0);
    }
  }
  const [low, high] = middleOf(tails).map(Math.round);
  // The point itself always lies inside.
  const to = Math.round(quantileOfSorted(newUs.slice().sort(), q));
  return {
    interval: [Math.min(low!, to), Math.max(high!, to)],
    explainedInterval: middleOf(explained),
  };
}

/** By request: what the entry saved for each microsecond that the suspect's spans did. */
function shareOfSavings({ oldUs, newUs, swap }: Durations & { readonly swap: Swap }): Float64Array {
  return Float64Array.from(oldUs, (before, request) => {
    let savedUs = 0;
    for (const { pool, rank, oldUs: own } of swap.drawn[request]!) {
      savedUs += own - quantileOfSorted(swap.pools[pool]!, rank);
    }
    return Math.abs(savedUs) < 1 ? 1 : (before - newUs[request]!) / savedUs;
  });
}

/** As many values, drawn with replacement, ascending: counted instead of sorted. */
function resampled(sorted: Float64Array, random: () => number): Float64Array {
  const counts = countDraws(sorted.length, random);
  const values = new Float64Array(sorted.length);
  let filled = 0;
  for (let index = 0; index < sorted.length; index++) {
    const count = counts[index]!;
    values.fill(sorted[index]!, filled, filled + count);
    filled += count;
  }
  return values;
}

/** How often each of n comes when n are drawn with replacement. */
function countDraws(n: number, random: () => number): Uint32Array {
  const counts = new Uint32Array(n);
  for (let draw = 0; draw < n; draw++) counts[Math.floor(random() * n)]!++;
  return counts;
}

/** Where a quantile of the drawn lies in the order of all. */
function positionOf(q: number, order: readonly number[], counts: Uint32Array): number {
  let left = Math.ceil((1 - q) * order.length);
  let position = order.length - 1;
  for (; position > 0; position--) {
    left -= counts[order[position]!]!;
    if (left <= 0) break;
  }
  return position;
}

function middleOf(values: readonly number[]): [low: number, high: number] {
  const sorted = Float64Array.from(values).sort();
  return [quantileOfSorted(sorted, 0.025), quantileOfSorted(sorted, 0.975)];
}

/** A failed request succeeds when all failures below it, from which its own follows, are the suspect's. */
function imagineFewerErrors(
  hypothesis: Hypothesis,
  context: CounterfactualContext,
): Counterfactual | undefined {
  const { now, before } = context;
  const isSuspect = suspectRows(hypothesis, now.tree);
  if (isSuspect === undefined) return undefined;
  const n = now.requests.length;
  const failed = now.requests.filter(({ entry }) => now.tree.table.isError[entry] === 1);
  const rescued = failed.filter(({ entry }) => isRescued(entry, now.tree, isSuspect)).length;
  const extra = Math.max(failed.length - before.failedShare * n, 0);
  // A slow place may be why its callers gave up: that no failure begins there proves nothing.
  const canTell = rescued > 0 || isAboutFailures(hypothesis);
  if (extra < 1 || !canTell) return undefined;
  const left = failed.length - rescued;
  const ends = wilsonBounds({ hits: left, total: n }, Z);
  const share = wilsonBounds({ hits: rescued, total: failed.length }, Z);
  const scale = failed.length / extra;
  const explained = Math.min(1, rescued / extra);
  const [from, to] = [failed.length / n, left / n];
  const texts = [from, to, before.failedShare, ends.low, ends.high, explained].map(formatPercent);
  return {
    statement: errorsText(context.name, texts, n),
    measure: 'errors',
    from,
    to,
    interval: [ends.low, ends.high],
    n,
    explainedShare: explained,
    explainedInterval: [Math.min(1, share.low * scale), Math.min(1, share.high * scale)],
  };
}

function errorsText(name: string, texts: readonly string[], n: number): Text {
  const [from, to, usual, low, high, explained] = texts;
  return {
    zh: `若无此因，${name} 的失败比例将从 ${from} 变为 ${to}（95 % 区间 ${low} – ${high}，平时 ${usual}），多出的失败消失 ${explained}；重算 ${n} 个请求`,
    en: `Without it, ${to} of ${name} would fail (95 % interval ${low} – ${high}, usually ${usual}) instead of ${from}, and ${explained} of the extra failures would be gone; ${n} requests recomputed`,
  };
}

/** Walks down the failures that hang together; each of them that begins by itself must be the suspect's. */
function isRescued(entry: number, tree: CallTree, isSuspect: IsSuspect): boolean {
  const { table, firstChild, nextSibling } = tree;
  const open = [entry];
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    let isDeepest = true;
    for (let child = firstChild[row]!; child !== NO_ROW; child = nextSibling[child]!) {
      if (table.isError[child] === 0) continue;
      isDeepest = false;
      open.push(child);
    }
    if (isDeepest && !isSuspect(row)) return false;
  }
  return true;
}
