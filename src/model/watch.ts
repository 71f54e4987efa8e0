/**
 * What watches telemetry minute by minute: a model of what is normal and the evidence against it, both streaming. The
 * pipeline feeds it complete minutes in order, saves its state, and gives the state back after a restart.
 */
import type { RowSlab } from '../base/row-slab.ts';
import type { Anomaly, ChangeEvent } from './anomaly.ts';
import type { EndpointBaseline } from './baseline.ts';
import type { Silence } from './silence.ts';
import type { MetricSeries } from './span.ts';
import type { LogTemplate, Tally, TemplateTally } from './tally.ts';

/** All of one minute; who is absent had nothing in it. Minutes come in order, with holes where Taproot was down. */
export interface EndpointMinute {
  /** First microsecond of the minute. */
  readonly minuteUs: number;
  readonly tallies: readonly Tally[];
  /** Changes of this minute: a deploy may move a service's levels. */
  readonly changes: readonly ChangeEvent[];
  /** Taproot did not run all the time: fewer requests may be stored than there were. */
  readonly isPartial?: boolean;
  /** That hold in this minute: what they cover is judged and does not teach. */
  readonly silences?: readonly Silence[];
}

export interface TemplateMinute {
  readonly minuteUs: number;
  readonly tallies: readonly TemplateTally[];
  /** By template id. */
  readonly templates: ReadonlyMap<string, LogTemplate>;
  /** Changes of this minute: a deploy may bring new templates. */
  readonly changes?: readonly ChangeEvent[];
}

/** One number a series and minute; how points become it is the metric reader's matter. */
export interface MetricMinute {
  readonly minuteUs: number;
  readonly values: readonly MetricValue[];
  /** Series with a point in this minute that no room was left for. */
  readonly leftOutCount?: number;
}

export interface MetricValue {
  readonly series: MetricSeries;
  /** Distinguishes what one series gives: level of a gauge, rate of a counter, rate and quantiles of a histogram. */
  readonly measure: 'level' | 'rate' | 'p50' | 'p99';
  readonly value: number;
  /** Points behind it. */
  readonly n: number;
}

export interface Watch<Minute> {
  /** Judges a minute, then learns from it. Gives the anomalies that opened, changed or closed. */
  step(minute: Minute): readonly Anomaly[];
  /** All that must survive a restart, but for open anomalies. */
  readonly state: RowSlab;
  /** After a restart, before the first step: the anomalies that were open. */
  resume(open: readonly Anomaly[]): void;
  /** Of the last minute: what was not watched, because too much is; left out: there is no bound. */
  readonly leftOutCount?: number;
}

export interface EndpointWatch extends Watch<EndpointMinute> {
  /** What is normal at a time, by endpoint id. Costs by endpoints: for the API and investigations. */
  baselines(atUs: number): ReadonlyMap<string, EndpointBaseline>;
}
