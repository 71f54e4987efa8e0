/**
 * Finds what lies outside its baseline: latency, errors and traffic of endpoints, log templates, metrics.
 * Costs by endpoints, templates and series, never by spans. Every score is a log-likelihood ratio.
 */
import type { TimeRange } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import type { LogTemplate, Tally, TemplateTally } from '../model/tally.ts';
import type { SeriesWindow } from '../model/window.ts';
import { detectEndpoints } from './endpoint.ts';
import { detectLogs } from './log.ts';
import { detectMetrics } from './metric.ts';

export {
  type GroupOptions,
  groupIncidents,
  isCreeping,
  isSign,
  REOPEN_US_MAX,
} from './incident.ts';
export { findOnset, type Onset, type OnsetPoints } from './onset.ts';

export interface DetectInput {
  readonly range: TimeRange;
  readonly tallies: readonly Tally[];
  /** By endpoint id. */
  readonly baselines: ReadonlyMap<string, EndpointBaseline>;
  readonly templateTallies: readonly TemplateTally[];
  readonly referenceTemplateTallies: readonly TemplateTally[];
  readonly referenceMinutes: number;
  /** By template id. */
  readonly templates: ReadonlyMap<string, LogTemplate>;
  readonly series: readonly SeriesWindow[];
  readonly referenceSeries: readonly SeriesWindow[];
}

/** Most surprising first, then by id. */
export function detectAnomalies(input: DetectInput): Anomaly[] {
  return [...detectEndpoints(input), ...detectLogs(input), ...detectMetrics(input)].sort(
    (a, b) => b.score - a.score || (a.anomalyId < b.anomalyId ? -1 : 1),
  );
}
