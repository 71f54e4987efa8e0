/** The contract of what alerting remembers: silences, and the alerts that Alertmanagers were told of. */
import type { Silence } from '../../model/silence.ts';

/** An alert that fires at the Alertmanagers; its labels are what it is known by there. */
export interface SentAlert {
  readonly key: string;
  readonly incidentId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What it said last. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly url: string;
  readonly startsAtUs: number;
}

/** In the state database, written only by the analysis thread. */
export interface AlertingStore {
  /** Adds it, or replaces the one with its id. */
  saveSilence(silence: Silence): void;
  findSilence(silenceId: string): Silence | undefined;
  /** Those that end after a time, the latest first; at most LIMITS.silencesMax are kept. */
  listSilences(query: { readonly endAfterUs: number }): readonly Silence[];
  deleteSilence(silenceId: string): void;
  saveSentAlert(alert: SentAlert): void;
  listSentAlerts(): readonly SentAlert[];
  deleteSentAlert(key: string): void;
  close(): void;
}
