/**
 * Requests as metrics tell them: for each service how many came, how long they took and how many failed, on
 * one grid of time slots, so that services can be compared slot by slot. Damaged series stay silent.
 */
import { medianOf } from '../base/statistics.ts';
import { US_PER_MS, US_PER_SECOND } from '../base/time.ts';
import type { AttributeMap } from '../model/span.ts';
import type { SeriesWindow, WindowData } from '../model/window.ts';
import { msFactorOf } from '../rulebook/metric-name.ts';

/** What a latency gauge states; a histogram states its mean. In the order in which blame prefers them. */
export const STATISTICS = ['mean', 'p99', 'p95', 'p90', 'p50'] as const;
export type Statistic = (typeof STATISTICS)[number];

/** What one service says of its requests, a value a slot; NaN where it says nothing. */
export interface RequestSlots {
  readonly service: string;
  readonly count: Float64Array;
  /** Failed of all, 0–1. */
  readonly failedShare: Float64Array;
  readonly latencyUs: Readonly<Record<Statistic, Float64Array>>;
  /** Metrics that say so. */
  readonly names: Readonly<Partial<Record<Statistic | 'failed', string>>>;
}

/** Slots of one width; `startsUs` ascending. */
export interface SlotGrid {
  readonly startsUs: Float64Array;
  readonly widthUs: number;
}

/** What its own client measures is about those that it calls. */
const CLIENT = /(^|[._])client([._]|$)/;
const LATENCY = /latency|duration|response_?time/;
/** Durations of something else than requests. */
const NO_REQUEST =
  /(^|[._])(gc|pause|schedule|connections?|pool|event_?loop|cpu|lock|queue|lag)([._]|$)/;
const AVAILABILITY = /availability|success_?(rate|ratio|share)/;
const FAILURES = /error|fail|fault|5xx/;
const REQUESTS = /(^|[._])(requests?|invocations?|calls)([._](sum|count|total|rate))?$|throughput/;
const NOT_STARTED = /(^|[._])(active|pending|open|in_flight)([._]|$)/;

/** Requests that a service serves, or calls that it makes itself. */
export type Side = 'server' | 'client';

type Role = 'latency' | 'availability' | 'failures' | 'requests';

/** What a series says of a service's requests (or calls); undefined for anything else. */
export function requestRoleOf(
  { name, kind }: Pick<SeriesWindow, 'name' | 'kind'>,
  side: Side = 'server',
): Role | undefined {
  const lower = name.toLowerCase();
  if (
    CLIENT.test(lower) !== (side === 'client') ||
    NOT_STARTED.test(lower) ||
    NO_REQUEST.test(lower)
  )
    return undefined;
  if (LATENCY.test(lower)) return 'latency';
  if (kind !== 'gauge' && kind !== 'sum') return undefined;
  if (AVAILABILITY.test(lower)) return 'availability';
  if (FAILURES.test(lower)) return 'failures';
  return REQUESTS.test(lower) ? 'requests' : undefined;
}

/** The densest request series of these services sets the grid. Undefined when there is none. */
export function gridOf(data: WindowData, services: ReadonlySet<string>): SlotGrid | undefined {
  let densest: SeriesWindow | undefined;
  for (const series of data.series) {
    if (!services.has(series.service) || requestRoleOf(series) === undefined) continue;
    const isDenser =
      densest === undefined ||
      series.timesUs.length > densest.timesUs.length ||
      (series.timesUs.length === densest.timesUs.length && series.seriesId < densest.seriesId);
    if (isDenser) densest = series;
  }
  if (densest === undefined) return undefined;
  const { timesUs } = densest;
  const steps = timesUs.slice(1).map((timeUs, index) => timeUs - timesUs[index]!);
  const widthUs = steps.length > 0 ? medianOf(steps) : data.range.toUs - data.range.fromUs;
  return { startsUs: timesUs.map((timeUs) => timeUs - widthUs / 2), widthUs };
}

/** By service. */
export function readRequests(
  data: WindowData,
  grid: SlotGrid,
  side: Side = 'server',
): Map<string, RequestSlots> {
  const drafts = new Map<string, Draft>();
  for (const series of data.series) {
    const role = requestRoleOf(series, side);
    if (role === undefined || series.service === '' || isDamaged(series, role)) continue;
    let draft = drafts.get(series.service);
    if (draft === undefined) {
      draft = emptyDraft(grid.startsUs.length);
      drafts.set(series.service, draft);
    }
    addSeries(draft, { series, role, grid });
  }
  return new Map([...drafts].map(([service, draft]) => [service, settled(service, draft)]));
}

/** The whole period as one slot. */
export function readPeriod(data: WindowData, side: Side): Map<string, RequestSlots> {
  const { fromUs, toUs } = data.range;
  return readRequests(data, { startsUs: Float64Array.of(fromUs), widthUs: toUs - fromUs }, side);
}

/** A negative duration, more than all: such a sender's other values are no better. */
function isDamaged({ values, unit }: SeriesWindow, role: Role): boolean {
  const most = role === 'availability' ? fullOf(unit) * 1.001 : Number.POSITIVE_INFINITY;
  return values.some((value) => value < 0 || value > most);
}

function fullOf(unit: string): number {
  return unit === '%' ? 100 : 1;
}

/** Sums of a slot with what they stand on, so that pods and routes of one service add up. */
interface Draft {
  readonly counted: Float64Array;
  readonly counts: Float64Array;
  readonly failed: Float64Array;
  readonly hasFailed: Uint8Array;
  readonly shares: Float64Array;
  readonly shareWeights: Float64Array;
  readonly latency: Readonly<Record<Statistic, Float64Array>>;
  readonly latencyWeights: Readonly<Record<Statistic, Float64Array>>;
  readonly names: Partial<Record<Statistic | 'failed', string>>;
}

function emptyDraft(slots: number): Draft {
  const columns = () => new Float64Array(slots);
  const perStatistic = () => ({
    mean: columns(),
    p99: columns(),
    p95: columns(),
    p90: columns(),
    p50: columns(),
  });
  return {
    counted: columns(),
    counts: columns(),
    failed: columns(),
    hasFailed: new Uint8Array(slots),
    shares: columns(),
    shareWeights: columns(),
    latency: perStatistic(),
    latencyWeights: perStatistic(),
    names: {},
  };
}

function addSeries(
  draft: Draft,
  {
    series,
    role,
    grid,
  }: { readonly series: SeriesWindow; readonly role: Role; readonly grid: SlotGrid },
): void {
  const statistic = statisticOf(series);
  const toUs = msFactorOf(series) * US_PER_MS;
  const perPoint = isRate(series) ? stepSecondsOf(series, grid) : 1;
  const isFailed = hasFailedAttribute(series.attributes);
  if (role === 'latency') draft.names[statistic] ??= series.name;
  if (role === 'availability' || role === 'failures' || isFailed) {
    draft.names.failed ??= series.name;
  }
  let slot = 0;
  for (let index = 0; index < series.timesUs.length; index++) {
    const value = series.values[index]!;
    const timeUs = series.timesUs[index]!;
    while (slot < grid.startsUs.length && timeUs >= grid.startsUs[slot]! + grid.widthUs) slot++;
    if (slot === grid.startsUs.length) return;
    if (timeUs < grid.startsUs[slot]! || !Number.isFinite(value)) continue;
    const observed = series.observationCounts?.[index];
    switch (role) {
      case 'latency':
        draft.latency[statistic][slot]! += value * toUs * (observed ?? 1);
        draft.latencyWeights[statistic][slot]! += observed ?? 1;
        if (observed !== undefined) {
          draft.counted[slot] = 1;
          draft.counts[slot]! += observed;
          draft.hasFailed[slot] = 1;
          if (isFailed) draft.failed[slot]! += observed;
        }
        break;
      case 'requests':
        draft.counted[slot] = 1;
        draft.counts[slot]! += value * perPoint;
        break;
      case 'availability':
        draft.shares[slot]! += 1 - value / fullOf(series.unit);
        draft.shareWeights[slot]! += 1;
        break;
      case 'failures':
        if (series.unit === '1' || series.unit === '%') {
          draft.shares[slot]! += value / fullOf(series.unit);
          draft.shareWeights[slot]! += 1;
        } else {
          draft.hasFailed[slot] = 1;
          draft.failed[slot]! += value * perPoint;
        }
        break;
    }
  }
}

export function statisticOf({ name, kind }: SeriesWindow): Statistic {
  if (kind !== 'gauge') return 'mean';
  const named = /(?:^|[._])(p50|p90|p95|p99)$/.exec(name.toLowerCase())?.[1];
  return STATISTICS.find((statistic) => statistic === named) ?? 'mean';
}

/** How long each rate held. */
function stepSecondsOf({ timesUs }: SeriesWindow, { widthUs }: SlotGrid): number {
  if (timesUs.length < 2) return widthUs / US_PER_SECOND;
  const steps = timesUs.slice(1).map((timeUs, index) => timeUs - timesUs[index]!);
  return Math.min(medianOf(steps), widthUs) / US_PER_SECOND;
}

function isRate({ kind, isMonotonic, unit }: SeriesWindow): boolean {
  return (kind === 'sum' && isMonotonic) || unit.endsWith('/s');
}

/** Attributes by which the semantic conventions mark a failed request. */
function hasFailedAttribute(attributes: AttributeMap): boolean {
  if ('error.type' in attributes) return true;
  const status = attributes['http.response.status_code'] ?? attributes['http.status_code'];
  return Number(status) >= 500;
}

function settled(service: string, draft: Draft): RequestSlots {
  const meanOf = (sums: Float64Array, weights: Float64Array) =>
    sums.map((sum, slot) => (weights[slot]! > 0 ? sum / weights[slot]! : Number.NaN));
  const count = draft.counts.map((sum, slot) => (draft.counted[slot] === 1 ? sum : Number.NaN));
  const shares = meanOf(draft.shares, draft.shareWeights);
  const { latency, latencyWeights } = draft;
  return {
    service,
    count,
    names: draft.names,
    failedShare: shares.map((share, slot) => {
      if (!Number.isNaN(share)) return share;
      const all = count[slot]!;
      return draft.hasFailed[slot] === 1 && all > 0
        ? Math.min(1, draft.failed[slot]! / all)
        : Number.NaN;
    }),
    latencyUs: {
      mean: meanOf(latency.mean, latencyWeights.mean),
      p99: meanOf(latency.p99, latencyWeights.p99),
      p95: meanOf(latency.p95, latencyWeights.p95),
      p90: meanOf(latency.p90, latencyWeights.p90),
      p50: meanOf(latency.p50, latencyWeights.p50),
    },
  };
}
