/** A metric and one of its data points between decoding and acceptance: the checks of both encodings. */
import { LIMITS } from '../base/limits.ts';
import { type MetricKind, POINT_FLAG, POINT_HAS, type PointColumns } from '../model/columns.ts';
import type { DecodeContext } from './decode-context.ts';
import type { Fault } from './decode-report.ts';
import { entriesOf, keyOfColumns, keyOfMetric } from './entry-index.ts';
import { earlyOrLate } from './span-draft.ts';

/** What the points of one metric share. */
export interface Metric {
  /** String ids. */
  readonly name: number;
  readonly unit: number;
  readonly description: number;
  readonly kind: MetricKind;
  readonly temporality: number;
  readonly isMonotonic: boolean;
  readonly resource: number;
  readonly scope: number;
  /** What a series of this metric is known by, before its attributes. */
  readonly key: string;
}

export function buildMetric(metric: Omit<Metric, 'key'>): Metric {
  return { ...metric, key: keyOfMetric(metric) };
}

export class PointDraft {
  row = 0;
  hasValue = false;
  firstExemplar = 0;
  /** Of a histogram. */
  readonly bounds: number[] = [];
  readonly counts: number[] = [];
  /** Of an exponential histogram; `counts` are the positive ones. */
  readonly negativeCounts: number[] = [];
  scale = 0;
  /** NaN makes the fields ones for doubles from the start; begin() sets 0. */
  zeroCount = Number.NaN;
  zeroThreshold = Number.NaN;
  positiveOffset = 0;
  negativeOffset = 0;
  /** Of a summary: quantile, value, quantile, value … */
  readonly quantiles: number[] = [];

  begin(into: PointColumns, context: DecodeContext): void {
    context.beginItem();
    this.row = into.addRow();
    this.hasValue = false;
    this.firstExemplar = into.exemplars.count;
    this.bounds.length = 0;
    this.counts.length = 0;
    this.negativeCounts.length = 0;
    this.scale = 0;
    this.zeroCount = 0;
    this.zeroThreshold = 0;
    this.positiveOffset = 0;
    this.negativeOffset = 0;
    this.quantiles.length = 0;
    context.scratch.count = 0;
  }
}

/**
 * Accepts the point into its row and its series, or refuses it and drops the row. The attributes are in
 * the context's scratch.
 */
export function finishPoint(
  into: PointColumns,
  draft: PointDraft,
  { metric, context }: { readonly metric: Metric; readonly context: DecodeContext },
): void {
  const { row } = draft;
  const seriesKey = metric.key + keyOfColumns(context.scratch);
  const series = context.entries.findSeries(seriesKey);
  const fault = faultOf(into, { draft, metric, context, isNewSeries: series === undefined });
  if (fault === undefined) {
    into.series[row] = series ?? addSeries(seriesKey, metric, context);
    settlePoint(into, draft, context);
    if (metric.kind === 'gauge' || metric.kind === 'sum') settleNumber(into, draft, context);
    else pushBuckets(into, draft, metric.kind);
    into.endRow(row);
    context.report.acceptedCount++;
  } else {
    context.report.reject(fault, context.itemIndex, foundOf(fault, into, draft));
    into.truncate(row);
  }
  context.takeDropped(0); // A series has no such count; the warning told of it.
  context.itemIndex++;
}

/** Closes an exemplar whose id sizes are as found; 0 = unset. */
export function finishExemplar(
  into: PointColumns,
  row: number,
  options: {
    readonly traceIdBytes: number;
    readonly spanIdBytes: number;
    readonly context: DecodeContext;
  },
): void {
  const { traceIdBytes, spanIdBytes, context } = options;
  const hasWrongId =
    (traceIdBytes !== 0 && traceIdBytes !== 16) || (spanIdBytes !== 0 && spanIdBytes !== 8);
  if (hasWrongId) context.warn('exemplarId');
  into.exemplars.endRow(row);
}

/** Sets a number that a point may lack. */
export function setOptional(
  into: PointColumns,
  row: number,
  { field, value }: { readonly field: 'sum' | 'min' | 'max'; readonly value: number },
): void {
  into[field === 'sum' ? 'value' : field][row] = value;
  into.has[row] = into.has[row]! | POINT_HAS[field];
}

interface Checked {
  readonly draft: PointDraft;
  readonly metric: Metric;
  readonly context: DecodeContext;
  readonly isNewSeries: boolean;
}

function faultOf(into: PointColumns, checked: Checked): Fault | undefined {
  const { draft, metric, context } = checked;
  const { row, bounds, counts } = draft;
  const timeUs = into.timeUs[row]!;
  if (timeUs === 0 && into.timeNs[row] === 0) return 'noTime';
  if (!context.isTimeInRange(timeUs)) return earlyOrLate(timeUs, context);
  if (metric.kind === 'histogram') {
    const isEmpty = bounds.length === 0 && counts.length === 0;
    if (!isEmpty && counts.length !== bounds.length + 1) return 'buckets';
  }
  if (checked.isNewSeries && context.entries.seriesCount >= LIMITS.seriesMax) return 'seriesMax';
  return undefined;
}

function foundOf(fault: Fault, into: PointColumns, draft: PointDraft): string {
  if (fault === 'buckets') return `${draft.counts.length} counts, ${draft.bounds.length} bounds`;
  if (fault === 'timeTooEarly' || fault === 'timeTooLate') return `${into.timeUs[draft.row]} µs`;
  return '';
}

function addSeries(seriesKey: string, metric: Metric, context: DecodeContext): number {
  const { key: _, ...identity } = metric;
  return context.entries.addSeries(seriesKey, {
    ...identity,
    attributes: entriesOf(context.scratch),
    service: 0,
  });
}

function settlePoint(into: PointColumns, draft: PointDraft, context: DecodeContext): void {
  const { row } = draft;
  const hasStart = into.startUs[row] !== 0 || into.startNs[row] !== 0;
  if (hasStart && !context.isTimeInRange(into.startUs[row]!)) {
    into.startUs[row] = 0;
    into.startNs[row] = 0;
    context.warn('pointStartTime');
  }
  const { exemplars } = into;
  for (let at = draft.firstExemplar; at < exemplars.count; at++) {
    if (context.isTimeInRange(exemplars.timeUs[at]!)) continue;
    exemplars.timeUs[at] = into.timeUs[row]!;
    exemplars.timeNs[at] = into.timeNs[row]!;
    context.warn('exemplarTime');
  }
}

function settleNumber(into: PointColumns, draft: PointDraft, context: DecodeContext): void {
  if (draft.hasValue) return;
  into.value[draft.row] = Number.NaN;
  // Senders mark a gap in a series by the flag and leave the value out.
  if ((into.flags[draft.row]! & POINT_FLAG.noRecordedValue) === 0) context.warn('noValue');
}

function pushBuckets(into: PointColumns, draft: PointDraft, kind: MetricKind): void {
  if (kind === 'histogram') {
    for (const bound of draft.bounds) into.pushBucket(bound);
    for (const count of draft.counts) into.pushBucket(count);
  } else if (kind === 'exponentialHistogram') {
    into.pushBucket(draft.scale);
    into.pushBucket(draft.zeroCount);
    into.pushBucket(draft.zeroThreshold);
    into.pushBucket(draft.positiveOffset);
    into.pushBucket(draft.counts.length);
    for (const count of draft.counts) into.pushBucket(count);
    into.pushBucket(draft.negativeOffset);
    into.pushBucket(draft.negativeCounts.length);
    for (const count of draft.negativeCounts) into.pushBucket(count);
  } else {
    for (const number of draft.quantiles) into.pushBucket(number);
    into.has[draft.row] = into.has[draft.row]! | POINT_HAS.sum;
  }
}
