/** Failed requests of an endpoint: a ratio with a beta prior from its service, and how errors come together. */
import type { ErrorForecast } from '../model/endpoint-forecast.ts';
import { PICTURE_MINUTES, ROW } from '../model/endpoint-row.ts';

/** The service's ratio counts as so many requests of the endpoint; 0.3 % as so many of the service. */
const PRIOR_REQUESTS = 60;
const SERVICE_PRIOR_REQUESTS = 200;
const PRIOR_RATIO = 0.003;
/** Memory of ratio and noise: a day, two days. */
const RATIO_MINUTES = 1440;
const NOISE_MINUTES = 2880;
/** Requests of a minute that count in full: a minute of 50 000 must not be the whole memory. */
const NOISE_PRIOR = [0.01, 0.005] as const;
const NOISE_PRIOR_BLOCKS = 30;
const BLOCK_MINUTES = 4;
const SQUARE_MAX = 25;
/** A ratio that grows by half is nobody's incident; nor is one in 500. */
const USUAL_GROWTH = 1.5;
const USUAL_EXCESS = 0.002;
const RATIO_SIGMAS = 2;

export function newErrorForecast(): ErrorForecast {
  return { ratio: 0, ratioMax: 0, correlation: 0 };
}

export function predictErrors(
  row: Float32Array,
  service: Float32Array,
  forecast: ErrorForecast,
): void {
  const servicePrior =
    (service[ROW.errorHits]! + PRIOR_RATIO * SERVICE_PRIOR_REQUESTS) /
    (service[ROW.errorTotal]! + SERVICE_PRIOR_REQUESTS);
  const total = row[ROW.errorTotal]! + PRIOR_REQUESTS;
  const ratio = (row[ROW.errorHits]! + servicePrior * PRIOR_REQUESTS) / total;
  const sigma = Math.sqrt((ratio * (1 - ratio)) / total);
  forecast.ratio = ratio;
  forecast.ratioMax = Math.min(
    USUAL_GROWTH * ratio + RATIO_SIGMAS * sigma + USUAL_EXCESS,
    0.5 + ratio / 2,
  );
  forecast.correlation = Math.max(noiseOf(row, 0), BLOCK_MINUTES * noiseOf(row, 1));
}

export function learnErrors(
  row: Float32Array,
  seen: {
    readonly count: number;
    readonly errors: number;
    readonly weight: number;
    readonly ratio: number;
  },
): void {
  const { count, errors, weight, ratio } = seen;
  if (count === 0) return;
  if (weight <= 0) {
    row.fill(0, ROW.errorBlock, ROW.errorBlockMinutes + 1);
    return;
  }
  learnNoise(row, { count, errors, ratio });
  const keep = 1 - weight / RATIO_MINUTES;
  row[ROW.errorHits] = keep * row[ROW.errorHits]! + weight * errors;
  row[ROW.errorTotal] = keep * row[ROW.errorTotal]! + weight * count;
}

/** After a lasting change what is known is the last hour. */
export function acceptErrors(row: Float32Array): void {
  let [errors, count] = [0, 0];
  for (let at = 0; at < PICTURE_MINUTES; at++) {
    errors += row[ROW.ringErrors + at]! || 0; // NaN: nobody watched
    count += row[ROW.ringCount + at]! || 0;
  }
  if (count === 0) return;
  row[ROW.errorHits] = errors;
  row[ROW.errorTotal] = count;
}

/** Correlation of errors within a block, by moments: variance = n p (1 − p) (1 + (n − 1) ρ) (Kleinman 1973). */
function noiseOf(row: Float32Array, scale: number): number {
  const weight = row[ROW.errorWeight + scale]!;
  const excess = row[ROW.errorExcess + scale]! + NOISE_PRIOR[scale]! * NOISE_PRIOR_BLOCKS;
  return Math.max(0, excess / (weight + NOISE_PRIOR_BLOCKS));
}

function learnNoise(
  row: Float32Array,
  { count, errors, ratio }: { count: number; errors: number; ratio: number },
): void {
  addNoise(row, { scale: 0, total: count, excess: errors - count * ratio, ratio });
  row[ROW.errorBlock]! += errors - count * ratio;
  row[ROW.errorBlockTotal]! += count;
  row[ROW.errorBlockMinutes]! += 1;
  if (row[ROW.errorBlockMinutes]! < BLOCK_MINUTES) return;
  addNoise(row, {
    scale: 1,
    total: row[ROW.errorBlockTotal]!,
    excess: row[ROW.errorBlock]!,
    ratio,
  });
  row.fill(0, ROW.errorBlock, ROW.errorBlockMinutes + 1);
}

/** Each block in units of its own squared size, so that large minutes count no more than small ones can bear. */
function addNoise(
  row: Float32Array,
  block: {
    readonly scale: number;
    readonly total: number;
    readonly excess: number;
    readonly ratio: number;
  },
): void {
  const { scale, total, excess, ratio } = block;
  const keep = 1 - (scale === 0 ? 1 : BLOCK_MINUTES) / NOISE_MINUTES;
  const single = Math.max(ratio * (1 - ratio), 1e-6);
  const variance = total * single * (1 + (total - 1) * noiseOf(row, scale));
  const square = Math.min(excess * excess, SQUARE_MAX * variance);
  // Information of a block about ρ saturates with its size: weight (n / (n + 100))².
  const size = total / (total + 100);
  const perPair = (square - total * single) / (total * Math.max(total - 1, 1) * single);
  row[ROW.errorExcess + scale] =
    keep * row[ROW.errorExcess + scale]! + (total > 1 ? size * size * perPair : 0);
  row[ROW.errorWeight + scale] =
    keep * row[ROW.errorWeight + scale]! + (total > 1 ? size * size : 0);
}
