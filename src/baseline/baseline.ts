/**
 * Learns what is normal for each endpoint from its per-minute tallies: robust bands for latency, error ratio
 * and rate, and a sentence on how much they stand on. Minutes that stick out are not learned from.
 */
import { medianOf, robustSigmaOf, type Share, wilsonBounds } from '../base/statistics.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Band, BaselineSource, EndpointBaseline } from '../model/baseline.ts';
import type { Endpoint, LatencySketch, Tally } from '../model/tally.ts';
import type { Text } from '../model/text.ts';
import { mergeSketches, quantileOf } from '../tally/sketch.ts';

/** Half width of a band in standard deviations: 0.05 % of normal minutes lie outside. */
const BAND_SIGMAS = 3.5;
/** Minutes from which an endpoint's own scatter is known; fewer lean on the service. */
const OWN_MINUTES_MIN = 8;
/** Requests of a minute from which its median says something. */
const MINUTE_REQUESTS_MIN = 5;
/** Scatter of the logarithm between minutes: when nobody knows better, and the least that is believed. */
const PRIOR_SIGMA = { p50: 0.15, p95: 0.25 };
const SIGMA_MIN = 0.05;
/** Endpoints that know their scatter from which a service's median is a prior for each of them. */
const PEERS_MIN = 3;
/** The prior counts as this many minutes; the service's error ratio as this many requests. */
const PRIOR_MINUTES = 8;
const PRIOR_REQUESTS = 20;
/** Rates of human traffic wander at least by this share. */
const RATE_SIGMA_MIN = 0.1;
const ERROR_Z = 3;
/** A rate is not extrapolated from less than this. */
const PERIOD_MINUTES_MIN = 0.25;

export interface LearnOptions {
  readonly source: BaselineSource;
  /** Length of the learning period; minutes without traffic count as zero within an endpoint's lifetime. */
  readonly minutes: number;
}

/** Bands by endpoint id. */
export function learnBaselines(
  tallies: readonly Tally[],
  options: LearnOptions,
): Map<string, EndpointBaseline> {
  const histories = groupByEndpoint(tallies).map(learnHistory);
  const services = learnServices(histories);
  return new Map(
    histories.map((history) => {
      const service = services.get(history.endpoint.service) ?? NO_SERVICE;
      return [history.endpoint.endpointId, bandsOf(history, { service, options })];
    }),
  );
}

/** What an endpoint's minutes show, odd minutes left out. */
interface History {
  readonly endpoint: Endpoint;
  readonly minutes: readonly Tally[];
  /** Minutes left out. */
  readonly oddCount: number;
  /** First to last minute with traffic. */
  readonly lifetimeMinutes: number;
  readonly merged: LatencySketch;
  readonly errors: Share;
  /** Scatter of the logarithm of the minutes' quantiles; NaN when they are too few. */
  readonly sigmaP50: number;
  readonly sigmaP95: number;
}

interface ServicePrior {
  /** Endpoints that know their scatter. */
  readonly knownCount: number;
  readonly errorRatio: number;
  /** NaN when no endpoint of the service knows. */
  readonly sigmaP50: number;
  readonly sigmaP95: number;
}

const NO_SERVICE: ServicePrior = {
  knownCount: 0,
  errorRatio: 0,
  sigmaP50: Number.NaN,
  sigmaP95: Number.NaN,
};

function groupByEndpoint(tallies: readonly Tally[]): Tally[][] {
  const groups = new Map<string, Tally[]>();
  for (const tally of tallies) {
    if (tally.count <= 0) continue;
    const group = groups.get(tally.endpoint.endpointId);
    if (group) group.push(tally);
    else groups.set(tally.endpoint.endpointId, [tally]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => group.sort((a, b) => a.minuteUs - b.minuteUs));
}

function learnHistory(all: readonly Tally[]): History {
  const [first, last] = [all[0]!, all.at(-1)!]; // a group has at least one tally
  const minutes = dropOddMinutes(all);
  const full = minutes.filter((tally) => tally.count >= MINUTE_REQUESTS_MIN);
  const sigmaOf = (q: number): number =>
    full.length < OWN_MINUTES_MIN
      ? Number.NaN
      : robustSigmaOf(full.map((tally) => Math.log1p(quantileOf(tally.sketch, q))));
  return {
    endpoint: first.endpoint,
    minutes,
    oddCount: all.length - minutes.length,
    lifetimeMinutes: (last.minuteUs - first.minuteUs) / US_PER_MINUTE + 1,
    merged: minutes.map((tally) => tally.sketch).reduce(mergeSketches),
    errors: {
      hits: minutes.reduce((sum, tally) => sum + tally.errorCount, 0),
      total: minutes.reduce((sum, tally) => sum + tally.count, 0),
    },
    sigmaP50: sigmaOf(0.5),
    sigmaP95: sigmaOf(0.95),
  };
}

/** An incident inside the learning period must not become normal: minutes far slower or worse are left out. */
function dropOddMinutes(all: readonly Tally[]): readonly Tally[] {
  const full = all.filter((tally) => tally.count >= MINUTE_REQUESTS_MIN);
  if (full.length < OWN_MINUTES_MIN) return all;
  const slowness = (tally: Tally) => Math.log1p(quantileOf(tally.sketch, 0.5));
  const failing = (tally: Tally) => tally.errorCount / tally.count;
  const bound = (values: readonly number[], sigmaMin: number): number =>
    medianOf(values) + 2 * BAND_SIGMAS * Math.max(robustSigmaOf(values), sigmaMin);
  const slowMax = bound(full.map(slowness), SIGMA_MIN);
  const failMax = bound(full.map(failing), 0.02);
  const kept = all.filter(
    (tally) =>
      tally.count < MINUTE_REQUESTS_MIN ||
      (slowness(tally) <= slowMax && failing(tally) <= failMax),
  );
  // What fills half the time is no incident but the way things are.
  return kept.length >= all.length / 2 ? kept : all;
}

function learnServices(histories: readonly History[]): Map<string, ServicePrior> {
  const groups = new Map<string, History[]>();
  for (const history of histories) {
    const group = groups.get(history.endpoint.service);
    if (group) group.push(history);
    else groups.set(history.endpoint.service, [history]);
  }
  const known = (values: readonly number[]) =>
    medianOf(values.filter((value) => !Number.isNaN(value)));
  return new Map(
    [...groups].map(([service, group]) => {
      const errors = group.reduce((sum, { errors }) => sum + errors.hits, 0);
      const requests = group.reduce((sum, { errors }) => sum + errors.total, 0);
      return [
        service,
        {
          knownCount: group.filter(({ sigmaP50 }) => !Number.isNaN(sigmaP50)).length,
          errorRatio: errors / requests,
          sigmaP50: known(group.map(({ sigmaP50 }) => sigmaP50)),
          sigmaP95: known(group.map(({ sigmaP95 }) => sigmaP95)),
        },
      ];
    }),
  );
}

function bandsOf(
  history: History,
  context: { readonly service: ServicePrior; readonly options: LearnOptions },
): EndpointBaseline {
  const { service, options } = context;
  const hasOwn = !Number.isNaN(history.sigmaP50);
  const leansOnService = !hasOwn && service.knownCount > 0;
  // An endpoint may not be its own prior: that would count its few minutes twice.
  const hasPeers = leansOnService || service.knownCount >= PEERS_MIN;
  const [priorP50, priorP95] = hasPeers
    ? [service.sigmaP50, service.sigmaP95]
    : [PRIOR_SIGMA.p50, PRIOR_SIGMA.p95];
  const source = leansOnService && options.source === 'own' ? 'service' : options.source;
  return {
    endpoint: history.endpoint,
    source,
    minutes: history.minutes.length,
    requests: history.errors.total,
    latencyUsP50: latencyBand(history, { q: 0.5, own: history.sigmaP50, prior: priorP50 }),
    latencyUsP95: latencyBand(history, { q: 0.95, own: history.sigmaP95, prior: priorP95 }),
    errorRatio: errorBand(history, service),
    requestsPerMinute: rateBand(history, options.minutes),
    reason: reasonOf(history, { hasOwn, leansOnService }),
  };
}

/**
 * exp(ln quantile ± 3.5 σ). σ² joins the scatter between minutes, drawn towards the prior by 8 minutes'
 * weight, and the error of a quantile that few requests gave.
 */
function latencyBand(
  history: History,
  scatter: { readonly q: number; readonly own: number; readonly prior: number },
): Band {
  const { q, own, prior } = scatter;
  const { merged, errors, minutes } = history;
  const ownMinutes = Number.isNaN(own) ? 0 : minutes.length;
  const ownSquares = Number.isNaN(own) ? 0 : ownMinutes * own * own;
  const between = (ownSquares + PRIOR_MINUTES * prior * prior) / (ownMinutes + PRIOR_MINUTES);
  const expected = quantileOf(merged, q);
  // Log-normal: ln p95 − ln p50 = 1.645 σ. A quantile at q of n values has an error of σ·c(q)/√n.
  const spread =
    (Math.log1p(quantileOf(merged, 0.95)) - Math.log1p(quantileOf(merged, 0.5))) / 1.645;
  const factor = q > 0.5 ? 2.11 : 1.25;
  const sampling = (Math.max(spread, SIGMA_MIN) * factor) / Math.sqrt(errors.total);
  const sigma = Math.max(SIGMA_MIN, Math.sqrt(between + sampling * sampling));
  return {
    expected,
    low: expected * Math.exp(-BAND_SIGMAS * sigma),
    high: expected * Math.exp(BAND_SIGMAS * sigma),
  };
}

/** Wilson bounds of the ratio, drawn towards the service's by 20 requests; wider when errors come in bursts. */
function errorBand({ errors, minutes }: History, service: ServicePrior): Band {
  const hits = errors.hits + PRIOR_REQUESTS * service.errorRatio;
  const total = errors.total + PRIOR_REQUESTS;
  const dispersion = dispersionOf(minutes, hits / total);
  const bounds = wilsonBounds({ hits: hits / dispersion, total: total / dispersion }, ERROR_Z);
  const expected = hits / total;
  // At 0 and at 1 rounding may put a bound on the wrong side of the ratio.
  return {
    expected,
    low: Math.min(bounds.low, expected),
    high: Math.max(bounds.high, expected),
  };
}

/** Variance of the minutes' errors over what independent errors would have; at least 1. */
function dispersionOf(minutes: readonly Tally[], ratio: number): number {
  if (minutes.length < OWN_MINUTES_MIN || ratio <= 0 || ratio >= 1) return 1;
  const sum = minutes.reduce((total, { count, errorCount }) => {
    const excess = errorCount - count * ratio;
    return total + (excess * excess) / (count * ratio * (1 - ratio));
  }, 0);
  return Math.max(1, sum / minutes.length);
}

function rateBand(history: History, periodMinutes: number): Band {
  // A period shorter than the minutes it touches counts by its true length: 40 s are not a minute.
  const minutes = Math.min(history.lifetimeMinutes, periodMinutes);
  const counts = history.minutes.map(({ count }) => count);
  const quiet = Math.max(0, Math.round(history.lifetimeMinutes) - counts.length - history.oddCount);
  const all = [...counts, ...new Array<number>(quiet).fill(0)];
  const hasMany = all.length >= OWN_MINUTES_MIN;
  const mean = history.errors.total / Math.max(minutes - history.oddCount, PERIOD_MINUTES_MIN);
  const median = medianOf(all);
  // More than half of the minutes empty: the median is 0 and says nothing, the mean does.
  const expected = hasMany && median > 0 ? median : mean;
  const scatter = hasMany ? robustSigmaOf(all, expected) : 0;
  const sigma = Math.max(scatter, Math.sqrt(expected), RATE_SIGMA_MIN * expected);
  return {
    expected,
    low: Math.max(0, expected - BAND_SIGMAS * sigma),
    high: expected + BAND_SIGMAS * sigma,
  };
}

function reasonOf(
  { minutes, errors, oddCount }: History,
  knowledge: { readonly hasOwn: boolean; readonly leansOnService: boolean },
): Text {
  const odd = {
    zh: oddCount > 0 ? `，剔除异常的 ${oddCount} 分钟` : '',
    en: oddCount > 0 ? `, ${oddCount} odd minutes left out` : '',
  };
  const basis = {
    zh: `基于 ${minutes.length} 分钟、${errors.total} 个请求${odd.zh}`,
    en: `Stands on ${minutes.length} minutes and ${errors.total} requests${odd.en}`,
  };
  if (knowledge.hasOwn) return basis;
  return knowledge.leansOnService
    ? {
        zh: `${basis.zh}；自身数据少，波动幅度取自同一服务的其他接口`,
        en: `${basis.en}; too few of its own, so the width comes from other endpoints of the service`,
      }
    : {
        zh: `${basis.zh}；数据少，区间放宽`,
        en: `${basis.en}; too few, so the bands are wide`,
      };
}
