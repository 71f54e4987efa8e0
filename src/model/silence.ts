/** Silences: times in which somebody works on a part of the system, so that what it does is nobody's alarm. */
import type { TimeRange } from '../base/time.ts';

/** What of an anomaly a silence may name. */
export const SILENCE_FIELDS = [
  'service',
  /** Operation, or endpoint id. */
  'endpoint',
  /** Kind of anomaly: latency, error, … */
  'kind',
  'metric',
  /** Id of a log template. */
  'template',
  /** Name of a service level objective. */
  'objective',
  'bot',
  'stage',
  'version',
  'channel',
] as const;
export type SilenceField = (typeof SILENCE_FIELDS)[number];

export interface Silence {
  readonly silenceId: string;
  /** All must hold; a `*` at the end of a value stands for any rest. At least one. */
  readonly matchers: Readonly<Partial<Record<SilenceField, string>>>;
  readonly range: TimeRange;
  readonly comment: string;
  readonly createdBy: string;
  readonly createdAtUs: number;
}
