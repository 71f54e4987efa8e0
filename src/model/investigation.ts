/** What the steps of an investigation hand to each other. */
import type { TimeRange } from '../base/time.ts';
import type { Anomaly, ChangeEvent } from './anomaly.ts';
import type { EndpointBaseline } from './baseline.ts';
import type { Clustering } from './cluster.ts';
import type { ReferenceKind, Scope, Trigger } from './report.ts';
import type { LogTemplate, Overflow } from './tally.ts';
import type { WindowData } from './window.ts';

/** What somebody asks for. */
export interface InvestigationRequest {
  readonly trigger: Trigger;
  readonly window: TimeRange;
  /** Absent: the learned baseline, or the hour before. */
  readonly reference?: TimeRange;
  readonly scope: Scope;
}

/** Result of the first step. */
export interface Collected {
  readonly request: InvestigationRequest;
  readonly window: WindowData;
  readonly reference: WindowData | undefined;
  readonly referenceKind: ReferenceKind;
  /** By endpoint id. */
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
  readonly anomalies: readonly Anomaly[];
  readonly changes: readonly ChangeEvent[];
  /** By template id. */
  readonly templates: ReadonlyMap<string, LogTemplate>;
  readonly overflow: Overflow;
  /** Blocks and days of the window that could not be read. */
  readonly unreadablePlaces: number;
  /** Caller → callee pairs known from elsewhere (a topology file), by service name. */
  readonly topology: readonly (readonly [string, string])[];
}

/** Result of the second step. */
export interface Clustered extends Collected {
  readonly clustering: Clustering;
}
