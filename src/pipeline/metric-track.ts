/**
 * What is remembered of one metric series from point to point, and what the points of a minute amount to: the level of a
 * gauge, the rate of a counter, rate and quantiles of a histogram. Knows about resets; never looks at a clock.
 */
import { US_PER_MINUTE, US_PER_SECOND } from '../base/time.ts';
import { POINT_FLAG, type PointColumns } from '../model/columns.ts';
import type { MetricSeries } from '../model/span.ts';
import type { MetricValue } from '../model/watch.ts';
import {
  addBuckets,
  type Buckets,
  explicitBuckets,
  exponentialBuckets,
  quantileOfBuckets,
  subtractBuckets,
} from './metric-buckets.ts';

/** Two points of a counter further apart say little about any minute between: three exports of a slow sender. */
const GAP_US_MAX = 15 * US_PER_MINUTE;
/** A quantile of fewer observations is the chance of single ones: half and one of them lie above. */
const P50_OBSERVATIONS_MIN = 8;
const P99_OBSERVATIONS_MIN = 100;

/** What is learned is held in 32-bit numbers, which end at 3.4e38: one sum beyond would be infinite for ever after. */
const VALUE_MAX = 1e30;

const isNoValue = (value: number) => !(Math.abs(value) <= VALUE_MAX);

export class MetricTrack {
  readonly series: MetricSeries;
  /** Of the newest point; −1 before the first. */
  lastUs = -1;
  /** The minute that the sums below are of. */
  minuteUs = -1;
  readonly #isCounted: boolean;
  readonly #isLevel: boolean;
  readonly #isDelta: boolean;
  // of the newest point
  #startUs = 0;
  #value = 0;
  #observations = 0;
  #buckets: Buckets | undefined;
  // of the minute
  #pointCount = 0;
  #sum = 0;
  #seconds = 0;
  #minuteObservations = 0;
  #minuteBuckets: Buckets | undefined;
  #quantiles: ReadonlyMap<number, number> | undefined;

  constructor(series: MetricSeries) {
    this.series = series;
    this.#isCounted = series.kind !== 'gauge' && series.kind !== 'sum';
    this.#isDelta = series.temporality === 'delta';
    this.#isLevel =
      series.kind === 'gauge' || !(this.#isCounted || series.isMonotonic || this.#isDelta);
  }

  beginMinute(minuteUs: number): void {
    this.minuteUs = minuteUs;
    this.#pointCount = 0;
    this.#sum = 0;
    this.#seconds = 0;
    this.#minuteObservations = 0;
    this.#minuteBuckets = undefined;
    this.#quantiles = undefined;
  }

  /**
   * Points come by time. One that is not newer than the last is a copy, or too late: a counter's next point makes up for
   * it. One of an earlier life than the last (another process under the same name) is left out, too.
   */
  take(columns: PointColumns, row: number): void {
    const timeUs = columns.timeUs[row]!;
    const value = columns.value[row]!;
    if (timeUs <= this.lastUs) return;
    if ((columns.flags[row]! & POINT_FLAG.noRecordedValue) !== 0 || isNoValue(value)) return;
    if (this.#isLevel) {
      this.#pointCount++;
      this.#sum += value;
      this.lastUs = timeUs;
      return;
    }
    const startUs = columns.startUs[row]!;
    if (this.#isDelta) this.#takeDelta(columns, row);
    else if (startUs < this.#startUs && startUs > 0) return;
    else this.#takeCumulative(columns, row);
    this.lastUs = timeUs;
    this.#startUs = startUs;
    this.#value = value;
    this.#observations = columns.observationCount[row]!;
  }

  /** Of the minute that was begun last. */
  pushValues(values: MetricValue[]): void {
    const { series } = this;
    const n = this.#pointCount;
    if (n === 0) return;
    if (this.#isLevel) {
      values.push({ series, measure: 'level', value: this.#sum / n, n });
      return;
    }
    const rate = this.#isCounted ? this.#minuteObservations : this.#sum;
    if (this.#seconds > 0) {
      values.push({ series, measure: 'rate', value: rate / this.#seconds, n });
    }
    if (!this.#isCounted) return;
    this.#pushQuantile(values, { measure: 'p50', q: 0.5, observationsMin: P50_OBSERVATIONS_MIN });
    this.#pushQuantile(values, { measure: 'p99', q: 0.99, observationsMin: P99_OBSERVATIONS_MIN });
  }

  #pushQuantile(
    values: MetricValue[],
    wanted: {
      readonly measure: 'p50' | 'p99';
      readonly q: number;
      readonly observationsMin: number;
    },
  ): void {
    const n = this.#minuteObservations;
    if (n < wanted.observationsMin) return;
    const value = this.#minuteBuckets
      ? quantileOfBuckets(this.#minuteBuckets, wanted.q)
      : (this.#quantiles?.get(wanted.q) ?? Number.NaN);
    if (isNoValue(value)) return;
    values.push({ series: this.series, measure: wanted.measure, value, n });
  }

  #takeDelta(columns: PointColumns, row: number): void {
    const startUs = columns.startUs[row]!;
    const timeUs = columns.timeUs[row]!;
    const spanUs = startUs > 0 && startUs < timeUs ? timeUs - startUs : US_PER_MINUTE;
    this.#add(columns, row, { value: columns.value[row]!, spanUs });
    if (!this.#isCounted) return;
    this.#minuteObservations += columns.observationCount[row]!;
    this.#addBuckets(this.#bucketsOf(columns, row));
  }

  /** A counter that fell, or that began after the last point, began anew: all of it came since. */
  #takeCumulative(columns: PointColumns, row: number): void {
    const timeUs = columns.timeUs[row]!;
    const startUs = columns.startUs[row]!;
    const value = columns.value[row]!;
    const observations = columns.observationCount[row]!;
    const before = this.#buckets;
    const buckets = this.#isCounted ? this.#bucketsOf(columns, row) : undefined;
    this.#buckets = buckets;
    const spanUs = timeUs - this.lastUs;
    if (this.lastUs < 0 || spanUs > GAP_US_MAX) return;
    const hasFallen = this.#isCounted ? observations < this.#observations : value < this.#value;
    const isReset = hasFallen || (startUs >= this.lastUs && startUs < timeUs);
    this.#add(columns, row, { value: isReset ? value : value - this.#value, spanUs });
    if (!this.#isCounted) return;
    this.#minuteObservations += isReset ? observations : observations - this.#observations;
    if (buckets && before && !isReset) this.#addBuckets(subtractBuckets(buckets, before));
    else if (isReset) this.#addBuckets(buckets);
  }

  #add(
    columns: PointColumns,
    row: number,
    step: { readonly value: number; readonly spanUs: number },
  ): void {
    this.#pointCount++;
    this.#sum += step.value;
    this.#seconds += step.spanUs / US_PER_SECOND;
    if (this.series.kind === 'summary') this.#quantiles = quantilesOf(columns, row);
  }

  #addBuckets(buckets: Buckets | undefined): void {
    if (!buckets) return;
    this.#minuteBuckets = this.#minuteBuckets
      ? (addBuckets(this.#minuteBuckets, buckets) ?? buckets)
      : buckets;
  }

  #bucketsOf(columns: PointColumns, row: number): Buckets | undefined {
    if (this.series.kind === 'histogram') {
      return explicitBuckets(columns, row, this.#buckets ?? this.#minuteBuckets);
    }
    return this.series.kind === 'exponentialHistogram'
      ? exponentialBuckets(columns, row)
      : undefined;
  }
}

/** A summary's quantiles come ready-made: quantile, value, quantile, value … */
function quantilesOf(columns: PointColumns, row: number): ReadonlyMap<number, number> {
  const quantiles = new Map<number, number>();
  const end = columns.bucketsEnd[row]!;
  for (let at = row === 0 ? 0 : columns.bucketsEnd[row - 1]!; at + 1 < end; at += 2) {
    quantiles.set(columns.buckets[at]!, columns.buckets[at + 1]!);
  }
  return quantiles;
}
