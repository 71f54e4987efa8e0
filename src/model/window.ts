/**
 * What the analysis reads of one period: spans, logs and metric series as tables. Window and reference
 * share one dictionary, so that an id means the same text in both.
 */

import type { TimeRange } from '../base/time.ts';
import { grown, type StringDictionary } from './dictionary.ts';
import type { Profile } from './profiles.ts';
import type { Exemplar, MetricSeries } from './span.ts';

export const NO_ROW = -1;

/** Spans of a period with the call tree resolved; built by src/pipeline/collect.ts. */
export class SpanTable {
  readonly strings: StringDictionary;
  count = 0;
  /** Traces in order of first appearance; hex. */
  readonly traceIds: string[] = [];
  /** Rows of trace t: traceRows[traceStart[t] … traceStart[t + 1]), by start time. */
  traceStart = new Uint32Array(0);
  traceRows = new Uint32Array(0);

  /** Index into traceIds. */
  trace = new Uint32Array(0);
  spanId = new Uint8Array(0);
  /** Row of the parent; NO_ROW for a root or a span whose parent is not here. Never a cycle. */
  parent = new Int32Array(0);
  /** 1 when the span names a parent that is not in the table. */
  isOrphan = new Uint8Array(0);
  startUs = new Float64Array(0);
  durationUs = new Float64Array(0);
  /** Duration not covered by children (overlaps counted once, children clipped to the parent). */
  selfUs = new Float64Array(0);
  /** Part of the trace's critical path that is the span's own. */
  criticalUs = new Float64Array(0);
  kind = new Uint8Array(0);
  stage = new Uint8Array(0);
  infra = new Uint8Array(0);
  isError = new Uint8Array(0);
  /** String ids; 0 = unknown. */
  service = new Uint32Array(0);
  operation = new Uint32Array(0);
  errorType = new Uint32Array(0);
  errorMessage = new Uint32Array(0);
  target = new Uint32Array(0);
  version = new Uint32Array(0);
  bot = new Uint32Array(0);
  /**
   * Attributes as sent, derived, and of the resource: attributeKey[…] and attributeText[…] (string ids),
   * attributeNumber[…] (NaN when not a number). Row i's end at attributesEnd[i]. For a key that stands
   * more than once the derived value comes first.
   */
  attributesEnd = new Uint32Array(0);
  attributeKey = new Uint32Array(0);
  attributeText = new Uint32Array(0);
  attributeNumber = new Float64Array(0);

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  /** Row range of the attributes of a span: [start, end). */
  attributesStart(row: number): number {
    return row === 0 ? 0 : this.attributesEnd[row - 1]!;
  }

  /** Position of an attribute in the attribute columns, or NO_ROW. */
  findAttribute(row: number, keyId: number): number {
    const end = this.attributesEnd[row]!;
    for (let at = this.attributesStart(row); at < end; at++) {
      if (this.attributeKey[at] === keyId) return at;
    }
    return NO_ROW;
  }

  /** Text of an attribute, or undefined. */
  attributeOf(row: number, key: string): string | undefined {
    const keyId = this.strings.find(key);
    const at = keyId === undefined ? NO_ROW : this.findAttribute(row, keyId);
    return at === NO_ROW ? undefined : this.strings.text(this.attributeText[at]!);
  }

  /** Number of an attribute, or NaN. */
  numberOf(row: number, key: string): number {
    const keyId = this.strings.find(key);
    const at = keyId === undefined ? NO_ROW : this.findAttribute(row, keyId);
    return at === NO_ROW ? Number.NaN : this.attributeNumber[at]!;
  }

  reserve(rows: number, attributes: number): void {
    if (rows > this.trace.length) {
      this.trace = grown(this.trace, rows);
      this.spanId = grown(this.spanId, 8 * rows);
      this.parent = grown(this.parent, rows);
      this.isOrphan = grown(this.isOrphan, rows);
      this.startUs = grown(this.startUs, rows);
      this.durationUs = grown(this.durationUs, rows);
      this.selfUs = grown(this.selfUs, rows);
      this.criticalUs = grown(this.criticalUs, rows);
      this.kind = grown(this.kind, rows);
      this.stage = grown(this.stage, rows);
      this.infra = grown(this.infra, rows);
      this.isError = grown(this.isError, rows);
      this.service = grown(this.service, rows);
      this.operation = grown(this.operation, rows);
      this.errorType = grown(this.errorType, rows);
      this.errorMessage = grown(this.errorMessage, rows);
      this.target = grown(this.target, rows);
      this.version = grown(this.version, rows);
      this.bot = grown(this.bot, rows);
      this.attributesEnd = grown(this.attributesEnd, rows);
    }
    if (attributes > this.attributeKey.length) {
      this.attributeKey = grown(this.attributeKey, attributes);
      this.attributeText = grown(this.attributeText, attributes);
      this.attributeNumber = grown(this.attributeNumber, attributes);
    }
  }
}

/** Logs of a period. */
export class LogTable {
  readonly strings: StringDictionary;
  count = 0;
  timeUs = new Float64Array(0);
  severity = new Uint8Array(0);
  service = new Uint32Array(0);
  /** String ids: the template's id, the body's text, the trace id in hex (0 = none), the span id. */
  template = new Uint32Array(0);
  body = new Uint32Array(0);
  traceId = new Uint32Array(0);
  spanId = new Uint32Array(0);
  /** `code.namespace#code.lineno` or the like; 0 = unknown. */
  source = new Uint32Array(0);

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  reserve(rows: number): void {
    if (rows <= this.timeUs.length) return;
    this.timeUs = grown(this.timeUs, rows);
    this.severity = grown(this.severity, rows);
    this.service = grown(this.service, rows);
    this.template = grown(this.template, rows);
    this.body = grown(this.body, rows);
    this.traceId = grown(this.traceId, rows);
    this.spanId = grown(this.spanId, rows);
    this.source = grown(this.source, rows);
  }
}

/** One metric series in a period, by time. */
export interface SeriesWindow extends MetricSeries {
  readonly timesUs: Float64Array;
  /**
   * Gauge: the value. Monotonic sum: rate per second since the previous point (a reset starts anew).
   * Other sums: the value. Histogram, exponential histogram, summary: mean of the observations since the previous point.
   */
  readonly values: Float64Array;
  /** Observations per point of a histogram or summary; undefined otherwise. */
  readonly observationCounts?: Float64Array;
  readonly exemplars: readonly Exemplar[];
}

/** All that one period holds. */
export interface WindowData {
  readonly range: TimeRange;
  readonly spans: SpanTable;
  readonly logs: LogTable;
  readonly series: readonly SeriesWindow[];
  /** True when the period held more rows than the analysis may read, and traces were sampled. */
  readonly isSampled: boolean;
  /** Part of the period's traces that the table holds, absent: all. A rate is spans / minutes / this. */
  readonly keptShare?: number;
  /** As keptShare, of the log lines. Series are whole. */
  readonly keptLogShare?: number;
  /** There are more metric series than one analysis reads. */
  readonly isSeriesCut: boolean;
  /** By time; absent: none were read. */
  readonly profiles?: readonly Profile[];
  /** There are more profiles than one analysis reads, or some that it cannot read. */
  readonly areProfilesCut?: boolean;
}
