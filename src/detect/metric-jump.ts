/**
 * Jumps of a metric's value: it stays where it has not been for five minutes on end in the days before, by a margin that
 * matters. Single values never count: bursts shorter than five minutes are not in the range, and do not leave it.
 */
import type { MetricSeries } from '../model/span.ts';
import type { MetricValue } from '../model/watch.ts';
import { minimalEffect } from './metric-effect.ts';

export interface JumpRange {
  readonly low: number;
  readonly high: number;
}

/** Beyond the range by this share of the level … */
const LEVEL_SHARE = 0.15;
/** … and by this share of the range: what moves much may move a little more … */
const RANGE_SHARE = 0.25;
/** … and four times as much after one day, as the range of few days is the smaller part of what there is. */
const RANGE_SHARE_OF_A_DAY = 0.75;
/** Falls of these are good news: what is taken, what waits, how long it takes. */
const GOOD_WHEN_LOW =
  /memory|heap|utili[sz]ation|usage|queue|backlog|lag|pending|wait|error|fail|drop|retr|timeout|duration|latency|connection|thread|goroutine|descriptor|session|size|pause|gc/;

/** The range that a value must leave; infinite where leaving it means nothing. Undefined while too little is known. */
export function jumpRange(
  { series, measure }: { readonly series: MetricSeries; readonly measure: MetricValue['measure'] },
  known: { readonly trough: number; readonly crest: number; readonly hoursKnown: number },
): JumpRange | undefined {
  const { trough, crest } = known;
  // an early trough lies above the crest: a maximum of five minutes, and the minimum of them
  const [bottom, top] = trough <= crest ? [trough, crest] : [crest, trough];
  if (!Number.isFinite(bottom) || !Number.isFinite(top)) return undefined;
  const effect = minimalEffect({ unit: series.unit, measure, kind: series.kind });
  const share = RANGE_SHARE + RANGE_SHARE_OF_A_DAY * Math.min(1, 24 / known.hoursKnown);
  const spread = share * (top - bottom);
  const marginOf = (level: number) => Math.max(effect, spread, LEVEL_SHARE * Math.abs(level));
  const isGoodWhenLow = measure === 'p50' || measure === 'p99' || GOOD_WHEN_LOW.test(series.name);
  return {
    low: isGoodWhenLow ? Number.NEGATIVE_INFINITY : bottom - marginOf(bottom),
    high: top + marginOf(top),
  };
}
