/**
 * Good and bad requests of one objective over time, as a row of numbers: rings of minutes, of five minutes, of hours and
 * of days, so that three days and a budget of ninety cost 2.4 KiB instead of a megabyte of minutes.
 */
import { ROW_ORIGIN_US } from '../base/row-slab.ts';
import { US_PER_MINUTE } from '../base/time.ts';

export interface RequestCounts {
  readonly requests: number;
  readonly badRequests: number;
}

interface Ring {
  readonly stepMinutes: number;
  readonly stepCount: number;
}

export const MINUTE_RING: Ring = { stepMinutes: 1, stepCount: 60 };
export const FIVE_MINUTE_RING: Ring = { stepMinutes: 5, stepCount: 72 };
export const HOUR_RING: Ring = { stepMinutes: 60, stepCount: 72 };
export const DAY_RING: Ring = { stepMinutes: 1440, stepCount: 90 };
const RINGS = [MINUTE_RING, FIVE_MINUTE_RING, HOUR_RING, DAY_RING];

/** Of the numbers' meaning; see RowSlab. */
export const SUMS_VERSION = 1;
/** Before the rings: minutes from the origin to the end of the last and of the first minute, 0 when there was none. */
const HEADER_WIDTH = 2;
export const SUMS_WIDTH = RINGS.reduce(
  (width, { stepCount }) => width + 2 * stepCount,
  HEADER_WIDTH,
);

const ORIGIN_MINUTE = ROW_ORIGIN_US / US_PER_MINUTE;

/** Where a ring's requests begin in the row; its bad requests follow. */
const STARTS: ReadonlyMap<Ring, number> = new Map(
  RINGS.map((ring, index) => [
    ring,
    RINGS.slice(0, index).reduce((start, { stepCount }) => start + 2 * stepCount, HEADER_WIDTH),
  ]),
);

/** Adds a minute; minutes between the last one and this had no requests. A minute before the last is left out. */
export function addMinute(row: Float32Array, minuteUs: number, counts: RequestCounts): void {
  const minute = Math.round(minuteUs / US_PER_MINUTE) - ORIGIN_MINUTE;
  const last = row[0]! - 1;
  if (minute < last) return;
  for (const ring of RINGS) {
    const step = Math.floor(minute / ring.stepMinutes);
    const lastStep = last < 0 ? step - ring.stepCount : Math.floor(last / ring.stepMinutes);
    const oldest = Math.max(lastStep + 1, step - ring.stepCount + 1);
    for (let empty = oldest; empty <= step; empty++) write(row, { ring, step: empty }, NO_REQUESTS);
    const before = read(row, ring, step);
    write(row, { ring, step }, plus(before, counts));
  }
  row[0] = minute + 1;
  if (row[1] === 0) row[1] = minute + 1;
}

/** Since the first one. */
export function minutesSeen(row: Float32Array): number {
  return row[0] === 0 ? 0 : row[0]! - row[1]! + 1;
}

/** Of the newest steps of a ring, the running one included. */
export function sumOf(row: Float32Array, ring: Ring, stepCount: number): RequestCounts {
  let sum = NO_REQUESTS;
  for (const counts of stepsBack(row, ring, stepCount)) sum = plus(sum, counts);
  return sum;
}

/** First microsecond of the step that lies `stepsAgo` before the running one. */
export function startOfStep(row: Float32Array, ring: Ring, stepsAgo: number): number {
  const step = runningStep(row, ring) - stepsAgo;
  return (step * ring.stepMinutes + ORIGIN_MINUTE) * US_PER_MINUTE;
}

/** First microsecond after the last minute. */
export function endOfSums(row: Float32Array): number {
  return (row[0]! + ORIGIN_MINUTE) * US_PER_MINUTE;
}

/** The newest steps, from the running one back. */
export function* stepsBack(
  row: Float32Array,
  ring: Ring,
  stepCount: number,
): Generator<RequestCounts> {
  const running = runningStep(row, ring);
  const first = Math.max(0, running - Math.min(stepCount, ring.stepCount) + 1);
  for (let step = running; step >= first; step--) yield read(row, ring, step);
}

const NO_REQUESTS: RequestCounts = { requests: 0, badRequests: 0 };

function runningStep(row: Float32Array, ring: Ring): number {
  return Math.floor((row[0]! - 1) / ring.stepMinutes);
}

function plus(a: RequestCounts, b: RequestCounts): RequestCounts {
  return { requests: a.requests + b.requests, badRequests: a.badRequests + b.badRequests };
}

function read(row: Float32Array, ring: Ring, step: number): RequestCounts {
  const at = STARTS.get(ring)! + (step % ring.stepCount);
  return { requests: row[at]!, badRequests: row[at + ring.stepCount]! };
}

function write(
  row: Float32Array,
  { ring, step }: { readonly ring: Ring; readonly step: number },
  counts: RequestCounts,
): void {
  const at = STARTS.get(ring)! + (step % ring.stepCount);
  row[at] = counts.requests;
  row[at + ring.stepCount] = counts.badRequests;
}
