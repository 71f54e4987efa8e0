/** What an endpoint's row says as bands that people read: rate, error ratio, latency quantiles, and what they stand on. */
import { formatPercent } from '../base/quantity.ts';
import type { Band, EndpointBaseline } from '../model/baseline.ts';
import type { ErrorForecast, RateForecast } from '../model/endpoint-forecast.ts';
import { BUCKETS_PER_BIN, LATENCY_BINS, LATENCY_BINS_BELOW, ROW } from '../model/endpoint-row.ts';
import type { Endpoint } from '../model/tally.ts';
import type { Text } from '../model/text.ts';
import { newErrorForecast, predictErrors } from './endpoint-errors.ts';
import { slowVarianceOf } from './endpoint-latency.ts';
import { newRateForecast, predictRate } from './endpoint-rate.ts';
import { densityOf } from './endpoint-shape.ts';

/** Half width in standard deviations: 0.05 % of usual minutes lie outside. */
const BAND_SIGMAS = 3.5;
const ERROR_Z = 3.5;
const MINUTES_OF_OWN = 60;
const DAY_MINUTES = 1440;
const WEEK_MINUTES = 7 * DAY_MINUTES;

export interface BandContext {
  readonly service: Float32Array;
  readonly minute: number;
  /** Requests of the minute; left out: as many as are usual. */
  readonly requests?: number;
}

export function rateBandOf(row: Float32Array, minute: number): Band {
  const forecast = newRateForecast();
  predictRate(row, minute, forecast);
  return rateBand(forecast);
}

export function rateBand({ expected, dispersion, wander }: RateForecast): Band {
  const sigma = Math.sqrt(expected + (dispersion + wander * wander) * expected * expected);
  return {
    expected,
    low: Math.max(0, expected - BAND_SIGMAS * sigma),
    high: expected + BAND_SIGMAS * sigma,
  };
}

export function errorBandOf(row: Float32Array, context: BandContext): Band {
  const forecast = newErrorForecast();
  predictErrors(row, context.service, forecast);
  return errorBand(forecast, context.requests ?? row[ROW.rateMean]!);
}

/**
 * Where the ratio of a usual minute lies: normal around the ratio with the variance of errors that come together, and
 * the first correction for the skewness of few errors (Cornish & Fisher 1938): clumps of d errors are Poisson of n p / d.
 */
export function errorBand({ ratio, ratioMax, correlation }: ErrorForecast, requests: number): Band {
  const all = Math.max(requests, 1);
  const dispersion = 1 + (all - 1) * correlation;
  const sigma = Math.sqrt((ratio * (1 - ratio) * dispersion) / all);
  const skew = ((ERROR_Z * ERROR_Z - 1) * dispersion) / (6 * all);
  return {
    expected: ratio,
    low: Math.max(0, ratio - ERROR_Z * sigma),
    high: Math.min(1, Math.max(ratio + ERROR_Z * sigma + skew, ratioMax)),
  };
}

/** In µs. */
export function latencyBandOf(
  row: Float32Array,
  q: number,
  context: Pick<BandContext, 'service' | 'requests'>,
): Band {
  return latencyBandsOf(row, q, context.service)(context.requests ?? row[ROW.rateMean]!);
}

/** The band of a quantile, in µs, by the number of requests that a minute's quantile is taken of. */
export function latencyBandsOf(
  row: Float32Array,
  q: number,
  service: Float32Array,
): (requests: number) => Band {
  const center = row[ROW.latencyLevel]! + quantileOffset(densityOf(row, service), q);
  const slow = slowVarianceOf(row);
  const expected = usOfBucket(center);
  // A quantile of n normal values has an error of σ c(q) / √n: c = 1.25 at 0.5, 2.11 at 0.95, 3.74 at 0.99.
  const factor = q > 0.98 ? 3.74 : q > 0.5 ? 2.11 : 1.25;
  const single = factor * factor * row[ROW.latencySpread]!;
  return (requests) => {
    const sigma = Math.sqrt(slow + single / Math.max(1, requests));
    return {
      expected,
      low: usOfBucket(center - BAND_SIGMAS * sigma),
      high: usOfBucket(center + BAND_SIGMAS * sigma),
    };
  };
}

export function endpointBaselineOf(
  row: Float32Array,
  context: BandContext & { readonly endpoint: Endpoint },
): EndpointBaseline {
  const minutes = Math.round(row[ROW.learnedMinutes]!);
  return {
    endpoint: context.endpoint,
    source: minutes >= MINUTES_OF_OWN ? 'own' : 'service',
    minutes,
    requests: Math.round(row[ROW.latencySeen]!),
    latencyUsP50: latencyBandOf(row, 0.5, context),
    latencyUsP95: latencyBandOf(row, 0.95, context),
    latencyUsP99: latencyBandOf(row, 0.99, context),
    errorRatio: errorBandOf(row, context),
    requestsPerMinute: rateBandOf(row, context.minute),
    reason: standsOn(row, context.minute),
  };
}

/** What is known, and why the bands are as wide as they are. */
export function standsOn(row: Float32Array, minute: number): Text {
  const minutes = Math.round(row[ROW.learnedMinutes]!);
  const ageMinutes = minute - row[ROW.firstMinute]!;
  const forecast = newRateForecast();
  predictRate(row, minute, forecast);
  const season =
    ageMinutes >= WEEK_MINUTES
      ? { zh: '按一周中的小时', en: 'by the hour of the week' }
      : ageMinutes >= DAY_MINUTES
        ? { zh: '按一天中的时刻', en: 'by the time of day' }
        : {
            zh: '尚无满一天的历史，只看近期水平',
            en: 'by the recent level, as there is no full day yet',
          };
  const rate = formatPercent(Math.sqrt(forecast.dispersion));
  const wander = formatPercent(forecast.wander);
  const level = formatPercent(Math.expm1((Math.sqrt(slowVarianceOf(row)) * Math.LN2) / 16));
  const few = minutes < MINUTES_OF_OWN;
  return {
    zh: `基于 ${minutes} 分钟的流量，${season.zh}；每分钟请求数在泊松波动之外还有 ${rate} 的波动、${wander} 的缓慢漂移，延迟水平漂移 ${level}${few ? '；自身数据少，其余取自同一服务的接口' : ''}`,
    en: `Stands on ${minutes} minutes with traffic, ${season.en}; the width is Poisson noise and ${rate} a minute more, a slow wander of ${wander} for the rate and of ${level} for latency${few ? '; few of its own, so the rest comes from endpoints of its service' : ''}`,
  };
}

/** Buckets above the level below which the share q lies. */
function quantileOffset(density: Float64Array, q: number): number {
  const total = density.reduce((sum, share) => sum + share, 0);
  let seen = 0;
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    const share = density[bin]! / total;
    if (seen + share >= q) {
      return (bin + (q - seen) / share - LATENCY_BINS_BELOW) * BUCKETS_PER_BIN;
    }
    seen += share;
  }
  return (LATENCY_BINS - LATENCY_BINS_BELOW) * BUCKETS_PER_BIN;
}

/** A sketch bucket b ≥ 1 begins at 2^((b − 1) / 16) µs. */
function usOfBucket(bucket: number): number {
  return 2 ** ((bucket - 1) / 16);
}
