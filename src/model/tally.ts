/** Per-minute counts and latency of an endpoint, and the mergeable sketch they stand on. */
import { createHash } from 'node:crypto';
import type { Slice } from './slice.ts';
import type { Stage } from './vocabulary.ts';

/** What a tally is counted for. */
export interface Endpoint {
  /** 16 hex digits, stable: see endpointIdOf. */
  readonly endpointId: string;
  readonly service: string;
  readonly operation: string;
  readonly stage: Stage;
  /** Only these of its requests; left out: all. */
  readonly slice?: Slice;
  /** What the sketch holds; left out: durations. */
  readonly measure?: TallyMeasure;
}

/**
 * Of a stage of requests: `self` is the time not covered by children, `gap` the wait between the end of the stage
 * before (or the parent's start) and its own start. Both are of a sample of traces: their counts are no rates, and
 * errors are not counted.
 */
export const TALLY_MEASURES = ['duration', 'self', 'gap'] as const;
export type TallyMeasure = (typeof TALLY_MEASURES)[number];

export interface Tally {
  readonly endpoint: Endpoint;
  /** First microsecond of the minute. */
  readonly minuteUs: number;
  readonly count: number;
  readonly errorCount: number;
  /** Latency in µs: bucket index → observations; see src/tally/sketch.ts for the bounds. */
  readonly sketch: LatencySketch;
}

/** Sparse log buckets, 16 an octave: relative error ≤ 2.2 %. Parallel arrays, sorted by bucket. */
export interface LatencySketch {
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
}

/** Log lines of one template in one minute. */
export interface TemplateTally {
  readonly templateId: string;
  readonly service: string;
  readonly minuteUs: number;
  readonly count: number;
  /** Highest SeverityNumber seen. */
  readonly severityMax: number;
}

export interface LogTemplate {
  /** 16 hex digits, stable across restarts: hash of service and text, with `<*>` for all values. */
  readonly templateId: string;
  readonly service: string;
  /** `<int>`, `<id>`, `<ip>` … stand where values of one kind differ, `<*>` where they are of several. */
  readonly text: string;
  readonly firstSeenUs: number;
}

/** Of all requests of an endpoint, and how long they took: neither of a part of them nor of a part of their time. */
export function isOfWholeRequests({ slice, measure = 'duration' }: Endpoint): boolean {
  return slice === undefined && measure === 'duration';
}

export const OVERFLOW_OPERATION = '(overflow)';

/** Operation of a stage's slices: they are of a service, over its operations. */
export const ALL_OPERATIONS = '(all)';

/** How much of a window was counted together under `(overflow)`, because it had too many distinct names. */
export interface Overflow {
  /** Spans whose operation was one too many. */
  readonly spans: number;
  /** Log lines whose template was one too many. */
  readonly lines: number;
  /** Of both, what even shares the service `(overflow)`. */
  readonly ofServices: number;
}

export function endpointIdOf(
  service: string,
  operation: string,
  { slice, measure = 'duration' }: Pick<Endpoint, 'slice' | 'measure'> = {},
): string {
  const hash = createHash('sha256').update(`${service}\0${operation}`);
  if (slice) hash.update(`\0${slice.dimension}\0${slice.value}`);
  if (measure !== 'duration') hash.update(`\0${measure}`);
  return hash.digest('hex').slice(0, 16);
}
