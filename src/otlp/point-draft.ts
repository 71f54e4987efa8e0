/** A metric and one of its data points between decoding and acceptance: the checks of both encodings. */
import { LIMITS } from '../base/limits.ts';
import { type MetricKind, POINT_FLAG, POINT_HAS, type PointColumns } from '../model/columns.ts';
import { grown } from '../model/dictionary.ts';
import type { DecodeContext } from './decode-context.ts';
import type { Fault } from './decode-report.ts';
import type { Metric } from './entry-index.ts';
import { earlyOrLate } from './span-draft.ts';

/** Numbers of one point: an array that is emptied by its count is not allocated anew for each point. */
export class NumberList {
  values = new Float64Array(64);
  count = 0;

  push(value: number): void {
    if (this.count === this.values.length) this.values = grown(this.values, 2 * this.count);
    this.values[this.count++] = value;
  }
}

export class PointDraft {
  row = 0;
  hasValue = false;
  firstExemplar = 0;
  /** Of a histogram. */
  readonly bounds = new NumberList();
  readonly counts = new NumberList();
  /** Of an exponential histogram; `counts` are the positive ones. */
  readonly negativeCounts = new NumberList();
  scale = 0;
  /** NaN makes the fields ones for doubles from the start; begin() sets 0. */
  zeroCount = Number.NaN;
  zeroThreshold = Number.NaN;
  positiveOffset = 0;
  negativeOffset = 0;
  /** Of a summary: quantile, value, quantile, value … */
  readonly quantiles = new NumberList();

  begin(into: PointColumns, context: DecodeContext): void {
    context.beginItem();
    this.row = into.addRow();
    this.hasValue = false;
    this.firstExemplar = into.exemplars.count;
    this.bounds.count = 0;
    this.counts.count = 0;
    this.negativeCounts.count = 0;
    this.scale = 0;
    this.zeroCount = 0;
    this.zeroThreshold = 0;
    this.positiveOffset = 0;
    this.negativeOffset = 0;
    this.quantiles.count = 0;
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
  const { entries, scratch } = context;
  const series = entries.findSeries(metric, scratch);
  const fault = faultOf(into, { draft, metric, context, isNewSeries: series < 0 });
  if (fault === undefined) {
    into.series[row] = series < 0 ? entries.addSeries(metric, scratch) : series;
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
    const isEmpty = bounds.count === 0 && counts.count === 0;
    if (!isEmpty && counts.count !== bounds.count + 1) return 'buckets';
  }
  if (checked.isNewSeries && context.entries.seriesCount >= LIMITS.seriesMax) return 'seriesMax';
  return undefined;
}

function foundOf(fault: Fault, into: PointColumns, draft: PointDraft): string {
  if (fault === 'buckets') return `${draft.counts.count} counts, ${draft.bounds.count} bounds`;
  if (fault === 'timeTooEarly' || fault === 'timeTooLate') return `${into.timeUs[draft.row]} µs`;
  return '';
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
    pushList(into, draft.bounds);
    pushList(into, draft.counts);
  } else if (kind === 'exponentialHistogram') {
    into.pushBucket(draft.scale);
    into.pushBucket(draft.zeroCount);
    into.pushBucket(draft.zeroThreshold);
    into.pushBucket(draft.positiveOffset);
    into.pushBucket(draft.counts.count);
    pushList(into, draft.counts);
    into.pushBucket(draft.negativeOffset);
    into.pushBucket(draft.negativeCounts.count);
    pushList(into, draft.negativeCounts);
  } else {
    pushList(into, draft.quantiles);
    into.has[draft.row] = into.has[draft.row]! | POINT_HAS.sum;
  }
}

function pushList(into: PointColumns, { values, count }: NumberList): void {
  for (let at = 0; at < count; at++) into.pushBucket(values[at]!);
}
