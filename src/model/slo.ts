/** How a service level objective stands. */
import type { TimeRange } from '../base/time.ts';

export interface SloStatus {
  readonly name: string;
  readonly service: string;
  readonly operation: string;
  /** Share of requests that must be good. */
  readonly objective: number;
  /** Good is what takes at most this long; left out: what does not fail. */
  readonly latencyMs?: number;
  /** Requests that the budget is reckoned from: whole UTC days until now. */
  readonly range: TimeRange;
  readonly requests: number;
  readonly badRequests: number;
  /** Share of the error budget that is left; below 0 when more was used. 1 without requests. */
  readonly budgetLeft: number;
  readonly burnRates: readonly BurnRate[];
  /** The most urgent rule that holds; left out when none does. */
  readonly alarm?: 'critical' | 'warning';
}

export interface BurnRate {
  readonly minutes: number;
  /** How many times faster than allowed the budget is used; NaN without requests. */
  readonly rate: number;
  readonly requests: number;
  readonly badRequests: number;
}
