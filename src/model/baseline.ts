/** What is normal for an endpoint, and on how much that knowledge stands. */

import type { Endpoint } from './tally.ts';
import type { Text } from './text.ts';

/** An expected range [low, high] around an expected value. */
export interface Band {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

export type BaselineSource =
  /** The endpoint's own learned minutes. */
  | 'own'
  /** Minutes of other endpoints of the service, because its own are few. */
  | 'service'
  /** The reference period that the caller named. */
  | 'given'
  /** The hour before the window. */
  | 'hour-before';

export interface EndpointBaseline {
  readonly endpoint: Endpoint;
  readonly source: BaselineSource;
  /** Minutes with traffic it stands on. */
  readonly minutes: number;
  /** Requests it stands on. */
  readonly requests: number;
  readonly latencyUsP50: Band;
  readonly latencyUsP95: Band;
  /** Where it was learned minute by minute. */
  readonly latencyUsP99?: Band;
  readonly errorRatio: Band;
  readonly requestsPerMinute: Band;
  /** Why the bands are as wide as they are. */
  readonly reason: Text;
}
