/** Plain JSON of what reports and API answers both show: times as RFC 3339, NaN and infinities as null. */
import { formatTime, type TimeRange, US_PER_MS } from '../base/time.ts';
import type { Anomaly, ChangeEvent, Picture } from './anomaly.ts';
import type { Band } from './baseline.ts';
import type { Cluster } from './cluster.ts';
import type { Language } from './text.ts';

/**
 * A finite number, divided by `perUnit` to turn µs into ms, else null: JSON knows neither NaN nor infinity. A
 * stored report has null already where a number was not finite.
 */
export function jsonNumber(value: number | undefined | null, perUnit = 1): number | null {
  return value === undefined || value === null || !Number.isFinite(value) ? null : value / perUnit;
}

export function rangeJson(range: TimeRange) {
  return { from: formatTime(range.fromUs), to: formatTime(range.toUs) };
}

export function bandJson(band: Band, perUnit = 1) {
  return {
    expected: jsonNumber(band.expected, perUnit),
    low: jsonNumber(band.low, perUnit),
    high: jsonNumber(band.high, perUnit),
  };
}

export function anomalyJson(anomaly: Anomaly, lang: Language) {
  const { anomalyId, range, statement, value, score, expected, ...rest } = anomaly;
  const { detectedUs, reason, picture, ...facts } = rest;
  return {
    id: anomalyId,
    ...facts,
    range: rangeJson(range),
    ...(detectedUs === undefined ? {} : { detectedAt: formatTime(detectedUs) }),
    value: jsonNumber(value),
    expected: bandJson(expected),
    score: jsonNumber(score),
    statement: statement[lang],
    ...(reason === undefined ? {} : { reason: reason[lang] }),
    ...(picture === undefined ? {} : { picture: pictureJson(picture) }),
  };
}

function pictureJson({ fromUs, stepUs, unit, ...lines }: Picture) {
  const numbers = (values: readonly (number | null)[]) => values.map((value) => jsonNumber(value));
  return {
    from: formatTime(fromUs),
    stepMs: stepUs / US_PER_MS,
    unit,
    values: numbers(lines.values),
    expected: numbers(lines.expected),
    low: numbers(lines.low),
    high: numbers(lines.high),
  };
}

export function clusterJson(cluster: Cluster) {
  return {
    id: cluster.clusterId,
    signature: cluster.signature,
    kind: cluster.kind,
    share: cluster.share,
    count: cluster.count,
    endpoint: cluster.endpointId,
    contrast: cluster.contrasts.map(({ attributes, lift, pValue, coverage, coverageInterval }) => ({
      attributes,
      lift: jsonNumber(lift),
      pValue,
      coverage,
      ...(coverageInterval === undefined ? {} : { coverageInterval }),
    })),
    exemplars: cluster.exemplars,
    firstSeen: formatTime(cluster.firstSeenUs),
    selfMsP50: jsonNumber(cluster.selfUsP50, US_PER_MS),
    referenceSelfMsP50: jsonNumber(cluster.referenceSelfUsP50, US_PER_MS),
  };
}

export function changeJson(change: ChangeEvent) {
  const { changeId, timeUs, ...facts } = change;
  return { id: changeId, time: formatTime(timeUs), ...facts };
}
