/**
 * Dose and response: whether requests get worse and better as a metric rises and falls, in time buckets of
 * the window and the reference. For suspects that no span shows: a busy processor, a full heap.
 */
import { formatNumber } from '../../base/quantity.ts';
import { medianOf } from '../../base/statistics.ts';
import type { Placebo, StoreCheck } from '../../model/hypothesis.ts';
import type { Clustered } from '../../model/investigation.ts';
import { NO_ROW, type SeriesWindow, type WindowData } from '../../model/window.ts';
import { inconclusive, type ProbeResult } from './outcome.ts';
import type { Interval } from './store-cohort.ts';
import { placeboRate } from './store-placebo.ts';
import type { StoreTraces, TraceSide } from './store-traces.ts';

/** Buckets of a period: enough for a correlation, long enough to hold requests. */
const BUCKETS_PER_PERIOD = 15;
const BUCKETS_MIN = 8;
/** A bucket with fewer requests says nothing about them. */
const REQUESTS_MIN = 3;
/** Rank correlation, at the low end of its interval, from which the symptom follows the metric. */
const FOLLOWS_MIN = 0.3;
/** Series of other services that are asked the same. */
const PLACEBO_SERIES_MAX = 24;
/** Standard error of Fisher's z of Spearman's rank correlation (Fieller 1957): √(1.06 / (n − 3)). */
const SPEARMAN_VARIANCE = 1.06;

type DoseCheck = Extract<StoreCheck, { readonly kind: 'dose' }>;

interface Correlation {
  readonly rho: number;
  readonly interval: Interval;
  /** Buckets that have both a metric and requests. */
  readonly n: number;
}

export function runDoseCheck(
  check: DoseCheck,
  context: { readonly clustered: Clustered; readonly traces: StoreTraces },
): ProbeResult {
  const { clustered, traces } = context;
  const periods = [clustered.window, ...(clustered.reference ? [clustered.reference] : [])];
  const badness = [traces.window, ...(traces.reference ? [traces.reference] : [])].map(
    (side, index) => badnessOf(side, { traces, range: periods[index]!.range }), // same length
  );
  const found = correlate(check, periods, badness);
  if (found === undefined || found.n < BUCKETS_MIN) {
    const n = found?.n ?? 0;
    return inconclusive({
      zh: `${check.metric} 与请求同时有数据的时段只有 ${n} 个，至少需要 ${BUCKETS_MIN} 个`,
      en: `Only ${n} stretches of time have both ${check.metric} and requests, at least ${BUCKETS_MIN} are needed`,
    });
  }
  const { rho, interval, n } = found;
  const isFollowing = interval.low >= FOLLOWS_MIN;
  const placebo = isFollowing ? placeboOf(check, periods, badness) : undefined;
  const tried = placebo && `${placebo.confirmed}/${placebo.tried}`;
  const numbers = `ρ = ${formatNumber(Number(rho.toFixed(2)))} [${interval.low.toFixed(2)}, ${interval.high.toFixed(2)}], n = ${n}`;
  return {
    outcome: isFollowing ? 'confirm' : interval.high <= 0 ? 'refute' : 'inconclusive',
    observed: {
      zh: `请求状况与 ${check.metric} 的秩相关：${numbers}${tried === undefined ? '' : `；其他服务的同名指标 ${tried} 个同样相关`}`,
      en: `Rank correlation of the requests' state with ${check.metric}: ${numbers}${tried === undefined ? '' : `; of other services' series of that name ${tried} correlate as well`}`,
    },
    ...(placebo === undefined
      ? {}
      : { placebo, weight: Math.log(interval.low / placeboRate(placebo)) }),
  };
}

/** Buckets of a period by time. */
function bucketOf(timeUs: number, { fromUs, toUs }: WindowData['range']): number {
  return Math.floor(((timeUs - fromUs) * BUCKETS_PER_PERIOD) / (toUs - fromUs));
}

/**
 * How bad the requests of each bucket are; NaN for too few. Where most bad requests failed, the share that
 * failed; else the median of ln(duration / what the endpoint usually takes).
 */
function badnessOf(
  { table, entry, endpoint }: TraceSide,
  context: { readonly traces: StoreTraces; readonly range: WindowData['range'] },
): Float64Array {
  const { traces, range } = context;
  const usualUs = usualDurations(traces);
  const isAboutErrors = isMostlyFailed(traces);
  const buckets = Array.from({ length: BUCKETS_PER_PERIOD }, (): number[] => []);
  for (let trace = 0; trace < entry.length; trace++) {
    const row = entry[trace]!;
    if (row === NO_ROW) continue;
    const usual = usualUs.get(endpoint[trace]!);
    const badness = isAboutErrors
      ? table.isError[row]!
      : Math.log(Math.max(1, table.durationUs[row]!) / Math.max(1, usual ?? Number.NaN));
    if (Number.isFinite(badness)) buckets[bucketOf(table.startUs[row]!, range)]?.push(badness);
  }
  return Float64Array.from(buckets, (values) => {
    if (values.length < REQUESTS_MIN) return Number.NaN;
    return isAboutErrors
      ? values.reduce((sum, one) => sum + one, 0) / values.length
      : medianOf(values);
  });
}

function isMostlyFailed({ window, isBad }: StoreTraces): boolean {
  let bad = 0;
  let failed = 0;
  for (let trace = 0; trace < isBad.length; trace++) {
    const row = window.entry[trace]!;
    if (isBad[trace] === 0 || row === NO_ROW) continue;
    bad++;
    failed += window.table.isError[row]!;
  }
  return failed > bad / 2;
}

/** Median duration of each endpoint in normal times. */
function usualDurations({ window, reference, isGood }: StoreTraces): ReadonlyMap<number, number> {
  const { table, entry, endpoint } = reference ?? window;
  const byEndpoint = new Map<number, number[]>();
  for (let trace = 0; trace < entry.length; trace++) {
    const row = entry[trace]!;
    if (row === NO_ROW || (reference === undefined && isGood[trace] === 0)) continue;
    const list = byEndpoint.get(endpoint[trace]!);
    if (list) list.push(table.durationUs[row]!);
    else byEndpoint.set(endpoint[trace]!, [table.durationUs[row]!]);
  }
  return new Map([...byEndpoint].map(([key, values]) => [key, medianOf(values)]));
}

/** The metric's mean over a service's series, by bucket; NaN where none has a point. */
function levelsOf(all: readonly SeriesWindow[], { range }: WindowData): Float64Array {
  const sums = new Float64Array(BUCKETS_PER_PERIOD);
  const counts = new Float64Array(BUCKETS_PER_PERIOD);
  for (const { timesUs, values } of all) {
    for (let at = 0; at < values.length; at++) {
      const bucket = bucketOf(timesUs[at]!, range);
      if (bucket < 0 || bucket >= BUCKETS_PER_PERIOD || !Number.isFinite(values[at]!)) continue;
      sums[bucket]! += values[at]!;
      counts[bucket]!++;
    }
  }
  return sums.map((sum, bucket) => sum / counts[bucket]!);
}

function correlate(
  { service, metric }: Pick<DoseCheck, 'service' | 'metric'>,
  periods: readonly WindowData[],
  badness: readonly Float64Array[],
): Correlation | undefined {
  const doses: number[] = [];
  const responses: number[] = [];
  periods.forEach((period, index) => {
    const own = period.series.filter((one) => one.service === service && one.name === metric);
    const levels = levelsOf(own, period);
    levels.forEach((level, bucket) => {
      const response = badness[index]?.[bucket] ?? Number.NaN;
      if (!Number.isFinite(level) || !Number.isFinite(response)) return;
      doses.push(level);
      responses.push(response);
    });
  });
  return spearman(doses, responses);
}

/** With its 95 % interval by Fisher's z. Undefined where one of the two never changes, or for 3 pairs or less. */
function spearman(a: readonly number[], b: readonly number[]): Correlation | undefined {
  const n = a.length;
  if (n <= 3) return undefined;
  const [left, right] = [ranksOf(a), ranksOf(b)];
  const mean = (n - 1) / 2;
  let [product, leftSquares, rightSquares] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [left[i]! - mean, right[i]! - mean];
    product += x * y;
    leftSquares += x * x;
    rightSquares += y * y;
  }
  if (leftSquares === 0 || rightSquares === 0) return undefined;
  const rho = product / Math.sqrt(leftSquares * rightSquares);
  const z = Math.atanh(Math.max(-0.999999, Math.min(0.999999, rho)));
  const half = 1.96 * Math.sqrt(SPEARMAN_VARIANCE / (n - 3));
  return { rho, n, interval: { low: Math.tanh(z - half), high: Math.tanh(z + half) } };
}

/** Ranks from 0; equal values share the mean of theirs. */
function ranksOf(values: readonly number[]): Float64Array {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]! || a - b);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let at = from; at < to; at++) ranks[order[at]!] = (from + to - 1) / 2;
    from = to;
  }
  return ranks;
}

/** The same metric at other services: what rises with the trouble everywhere tells nobody apart. */
function placeboOf(
  { service, metric }: DoseCheck,
  periods: readonly WindowData[],
  badness: readonly Float64Array[],
): Placebo {
  const others = new Set<string>();
  for (const series of periods[0]?.series ?? []) {
    if (series.name === metric && series.service !== service) others.add(series.service);
  }
  let [confirmed, tried] = [0, 0];
  for (const other of [...others].sort().slice(0, PLACEBO_SERIES_MAX)) {
    const found = correlate({ service: other, metric }, periods, badness);
    if (found === undefined || found.n < BUCKETS_MIN) continue;
    tried++;
    if (found.interval.low >= FOLLOWS_MIN) confirmed++;
  }
  return { confirmed, tried };
}
