/** Anomalies of metrics: a series' median in the range against its own level and noise before. */
import { formatQuantity } from '../base/quantity.ts';
import {
  deviationLlr,
  medianOf,
  quantileOfSorted,
  robustSigmaOf,
  sortedCopy,
  twoShareLlr,
} from '../base/statistics.ts';
import type { TimeRange } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { SeriesWindow } from '../model/window.ts';
import { anomalyIdOf } from './anomaly-id.ts';

/** Points before which a series does not know its own noise. */
const REFERENCE_POINTS_MIN = 8;
const LLR_MIN = 4;
const DEGREES_OF_FREEDOM = 4;
/** Noise is at least this share of the level, and a jump at least that. */
const NOISE_SHARE_MIN = 0.03;
const JUMP_SHARE_MIN = 0.15;
const BAND_SIGMAS = 3.5;

export function detectMetrics(input: {
  readonly range: TimeRange;
  readonly series: readonly SeriesWindow[];
  readonly referenceSeries: readonly SeriesWindow[];
}): Anomaly[] {
  const earlier = new Map(input.referenceSeries.map((series) => [series.seriesId, series]));
  const llrMin = LLR_MIN + Math.log(Math.max(1, input.series.length));
  const anomalies: Anomaly[] = [];
  for (const series of input.series) {
    const before = (earlier.get(series.seriesId)?.values ?? new Float64Array(0)).filter(
      Number.isFinite,
    );
    const now = series.values.filter(Number.isFinite);
    if (now.length === 0 || before.length < REFERENCE_POINTS_MIN) continue;
    const found = jumpOf(now, before);
    if (found === undefined || found.score < llrMin) continue;
    anomalies.push(anomalyOf(series, { ...found, range: input.range, points: now.length }));
  }
  return anomalies;
}

interface Jump {
  readonly value: number;
  readonly center: number;
  readonly sigma: number;
  readonly score: number;
}

/** A value the series has had before, but for its rarest hundredth, is no jump. */
function jumpOf(now: Float64Array, before: Float64Array): Jump | undefined {
  const value = medianOf(now);
  const center = medianOf(before);
  const sorted = sortedCopy(before);
  if (value <= quantileOfSorted(sorted, 0.995) && value >= quantileOfSorted(sorted, 0.005)) {
    return undefined;
  }
  const level = Math.abs(center);
  if (Math.abs(value - center) < JUMP_SHARE_MIN * level) return undefined;
  const sigma = Math.max(robustSigmaOf(before, center), NOISE_SHARE_MIN * level);
  // A series that was always 0 has no scale: how many points left it, against none of those before.
  const score =
    sigma > 0
      ? deviationLlr((value - center) / sigma, DEGREES_OF_FREEDOM)
      : twoShareLlr(
          { hits: now.filter((point) => point !== center).length, total: now.length },
          { hits: 0.5, total: before.length + 1 },
        );
  return { value, center, sigma, score };
}

function anomalyOf(
  series: SeriesWindow,
  jump: Jump & { readonly range: TimeRange; readonly points: number },
): Anomaly {
  const { value, center, sigma, range } = jump;
  const { service, name } = series;
  const [now, usual] = [formatQuantity(value, series.unit), formatQuantity(center, series.unit)];
  return {
    anomalyId: anomalyIdOf({ kind: 'metric', range }, series.seriesId),
    kind: 'metric',
    service,
    metric: name,
    seriesId: series.seriesId,
    range,
    direction: value > center ? 'up' : 'down',
    value,
    expected: {
      expected: center,
      low: center - BAND_SIGMAS * sigma,
      high: center + BAND_SIGMAS * sigma,
    },
    n: jump.points,
    score: jump.score,
    statement: {
      zh: `${service} 的 ${name} 为 ${now}，平时 ${usual}`,
      en: `${name} of ${service} is ${now}, usually ${usual}`,
    },
  };
}
