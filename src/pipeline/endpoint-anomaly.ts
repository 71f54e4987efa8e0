/** An endpoint's open or just closed episode as an anomaly: statement, reason and picture from its row. */
import { formatNumber, formatPercent, formatUs } from '../base/quantity.ts';
import { type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import {
  type BandContext,
  errorBandOf,
  latencyBandsOf,
  rateBandOf,
  standsOn,
} from '../baseline/endpoint-bands.ts';
import { anomalyIdOf } from '../detect/anomaly-id.ts';
import { type EpisodeEvent, episodeOf } from '../detect/endpoint-episode.ts';
import { quantileOfChannel } from '../detect/endpoint-evidence.ts';
import type { Anomaly, AnomalyKind, Picture } from '../model/anomaly.ts';
import type { Band } from '../model/baseline.ts';
import {
  type Detector,
  EPISODE,
  minuteUsOf,
  PICTURE_MINUTES,
  ROW,
  unpackQuantiles,
} from '../model/endpoint-row.ts';
import type { Endpoint } from '../model/tally.ts';
import type { Text } from '../model/text.ts';
import { boundsOf } from '../tally/sketch.ts';

/** Whose episode it is: an endpoint's, or a whole service's. */
export type Subject =
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint }
  | { readonly kind: 'service'; readonly service: string };

export interface EpisodeContext extends BandContext {
  readonly subject: Subject;
  readonly detector: Detector;
  readonly event: EpisodeEvent;
}

interface Sight {
  readonly kind: AnomalyKind;
  readonly direction: 'up' | 'down';
  readonly unit: string;
}

const SIGHTS: Readonly<Record<Detector, Sight>> = {
  trafficUp: { kind: 'traffic', direction: 'up', unit: 'requests/min' },
  trafficDown: { kind: 'traffic', direction: 'down', unit: 'requests/min' },
  errorUp: { kind: 'error', direction: 'up', unit: '1' },
  latencyUp: { kind: 'latency', direction: 'up', unit: 'us' },
  latencyDown: { kind: 'latency', direction: 'down', unit: 'us' },
};

/** The id of a detector's open episode. */
export function episodeIdOf(
  row: Float32Array,
  { subject, detector }: Pick<EpisodeContext, 'subject' | 'detector'>,
): string {
  const { kind, direction } = sightOf(subject, detector);
  return anomalyIdOf({ kind, range: rangeOf(row, detector) }, `${nameOf(subject)}\0${direction}`);
}

export function episodeAnomaly(row: Float32Array, context: EpisodeContext): Anomaly {
  const { subject, detector, event } = context;
  const at = episodeOf(detector);
  const { kind, direction } = sightOf(subject, detector);
  const end = event === 'opened' || event === 'changed' ? undefined : event;
  const expected = {
    expected: row[at + EPISODE.expected]!,
    low: row[at + EPISODE.low]!,
    high: row[at + EPISODE.high]!,
  };
  const reading = { value: row[at + EPISODE.value]!, expected };
  return {
    anomalyId: episodeIdOf(row, context),
    kind,
    status: end === undefined ? 'open' : 'closed',
    ...(end === undefined ? {} : { end }),
    ...factsOf(subject),
    range: rangeOf(row, detector),
    detectedUs: minuteUsOf(row[at + EPISODE.detected]! + 1),
    direction,
    ...reading,
    n: row[at + EPISODE.n]!,
    score: row[at + EPISODE.score]!,
    statement: statementOf(row, context, reading),
    reason: reasonOf(row, context),
    picture: pictureOf(row, context),
  };
}

function sightOf(subject: Subject, detector: Detector): Omit<Sight, 'unit'> {
  return subject.kind === 'service' ? { kind: 'silence', direction: 'down' } : SIGHTS[detector];
}

/** From the onset to the end of the last minute outside. */
function rangeOf(row: Float32Array, detector: Detector): TimeRange {
  const at = episodeOf(detector);
  return {
    fromUs: minuteUsOf(row[at + EPISODE.onset]!),
    toUs: minuteUsOf(row[at + EPISODE.lastOutside]! + 1),
  };
}

function factsOf(subject: Subject) {
  if (subject.kind === 'service') return { service: subject.service };
  const { endpointId, service, operation, slice } = subject.endpoint;
  return { service, endpointId, operation, ...(slice === undefined ? {} : { slice }) };
}

function nameOf(subject: Subject): string {
  return subject.kind === 'service' ? subject.service : subject.endpoint.endpointId;
}

const MEASURES: Readonly<Record<'self' | 'gap', Text>> = {
  self: { zh: '的自身耗时', en: ' (self time)' },
  gap: { zh: '之前的等待', en: ' (wait before it)' },
};

function titleOf(subject: Subject): Text {
  if (subject.kind === 'service') return { zh: subject.service, en: subject.service };
  const { service, operation, slice, measure } = subject.endpoint;
  const part = slice === undefined ? '' : ` [${slice.dimension} ${slice.value}]`;
  const name = `${[service, operation].filter((word) => word !== '').join(' ')}${part}`;
  if (measure === undefined || measure === 'duration') return { zh: name, en: name };
  return { zh: `${name} ${MEASURES[measure].zh}`, en: `${name}${MEASURES[measure].en}` };
}

function statementOf(
  row: Float32Array,
  context: EpisodeContext,
  { value, expected }: { readonly value: number; readonly expected: Band },
): Text {
  const { subject, detector } = context;
  const title = titleOf(subject);
  const usual = expected.expected;
  if (subject.kind === 'service') {
    const [zh, en] = [title.zh, title.en];
    return {
      zh: `${zh} 没有任何请求，平时每分钟 ${formatNumber(usual)} 个`,
      en: `${en} says nothing, usually ${formatNumber(usual)} requests a minute`,
    };
  }
  switch (detector) {
    case 'trafficUp':
    case 'trafficDown':
      return {
        zh: `${title.zh} 每分钟 ${formatNumber(value)} 个请求，平时 ${formatNumber(usual)}`,
        en: `${title.en} gets ${formatNumber(value)} requests a minute, usually ${formatNumber(usual)}`,
      };
    case 'errorUp':
      return {
        zh: `${title.zh} 的失败率为 ${formatPercent(value)}，平时 ${formatPercent(usual)}`,
        en: `${formatPercent(value)} of the requests of ${title.en} fail, usually ${formatPercent(usual)}`,
      };
    default: {
      const quantile = quantileOfChannel(row[episodeOf(detector) + EPISODE.channel]!);
      const part = LATENCY_PARTS[quantile];
      return {
        zh: `${title.zh} 的 ${quantile} 延迟为 ${formatUs(value)}，平时 ${formatUs(usual)}${part.zh}`,
        en: `${title.en} takes ${formatUs(value)} at ${quantile}, usually ${formatUs(usual)}${part.en}`,
      };
    }
  }
}

const LATENCY_PARTS: Readonly<Record<'p50' | 'p95' | 'p99', Text>> = {
  p50: { zh: '：整体变化', en: ': all requests moved' },
  p95: { zh: '：较慢的请求变化', en: ': the slower requests moved' },
  p99: { zh: '：少数最慢的请求变化', en: ': only the slowest requests moved' },
};

const END_REASONS: Readonly<Record<'recovered' | 'accepted' | 'gone', Text>> = {
  recovered: { zh: '已恢复到平时范围', en: 'It is back inside its band' },
  accepted: {
    zh: '已持续 24 小时，视为新的常态',
    en: 'It has lasted for 24 hours and is the new normal now',
  },
  gone: {
    zh: '已一小时没有请求，无从判断',
    en: 'No request for an hour: nothing is left to judge',
  },
};

function reasonOf(row: Float32Array, { event, minute }: EpisodeContext): Text {
  const basis = standsOn(row, minute);
  if (event === 'opened' || event === 'changed') return basis;
  const end = END_REASONS[event];
  return { zh: `${end.zh}。${basis.zh}`, en: `${end.en}. ${basis.en}` };
}

/** The last hour as the row keeps it, with the band as it is known now. */
function pictureOf(row: Float32Array, context: EpisodeContext): Picture {
  const { detector, minute } = context;
  const first = Math.max(minute - PICTURE_MINUTES + 1, row[ROW.firstMinute]!);
  const minutes = Array.from({ length: minute - first + 1 }, (_, index) => first + index);
  const bands = minutes.map(bandsOf(row, context));
  return {
    fromUs: minuteUsOf(first),
    stepUs: US_PER_MINUTE,
    unit: SIGHTS[detector].unit,
    values: minutes.map((at) => drawn(valueAt(row, at, context))),
    expected: bands.map(({ expected }) => drawn(expected)),
    low: bands.map(({ low }) => drawn(low)),
    high: bands.map(({ high }) => drawn(high)),
  };
}

/** Four digits are finer than a picture, and a quarter of what is kept of each anomaly otherwise. */
function drawn(value: number): number {
  return Number(value.toPrecision(4));
}

const SHARES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

function valueAt(row: Float32Array, minute: number, { detector }: EpisodeContext): number {
  const at = minute % PICTURE_MINUTES;
  const count = row[ROW.ringCount + at]!;
  switch (detector) {
    case 'trafficUp':
    case 'trafficDown':
      return count;
    case 'errorUp':
      return count > 0 ? row[ROW.ringErrors + at]! / count : Number.NaN;
    default: {
      const quantile = quantileOfChannel(row[episodeOf(detector) + EPISODE.channel]!);
      return middleUsOf(unpackQuantiles(row[ROW.ringQuantiles + at]!)[quantile]);
    }
  }
}

/** The value that stands for a sketch bucket; NaN of no bucket. */
function middleUsOf(bucket: number): number {
  const { low, high } = boundsOf(bucket);
  return Math.sqrt(low * high);
}

/** By minute. */
function bandsOf(row: Float32Array, context: EpisodeContext): (minute: number) => Band {
  const { detector, service } = context;
  const requestsAt = (minute: number) => row[ROW.ringCount + (minute % PICTURE_MINUTES)]!;
  switch (detector) {
    case 'trafficUp':
    case 'trafficDown':
      return (minute) => rateBandOf(row, minute);
    case 'errorUp':
      return (minute) => errorBandOf(row, { service, minute, requests: requestsAt(minute) });
    default: {
      const quantile = quantileOfChannel(row[episodeOf(detector) + EPISODE.channel]!);
      const bandOf = latencyBandsOf(row, SHARES[quantile], service);
      return (minute) => bandOf(requestsAt(minute));
    }
  }
}
