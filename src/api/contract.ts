/**
 * What startApi() needs from the pipeline. What requests and answers may hold stands in requests.ts and
 * answers.ts as schemas; the OpenAPI document is generated from them.
 */
import type { CounterSample, Counters } from '../base/counters.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/time.ts';
import type { Anomaly, Incident } from '../model/anomaly.ts';
import type { EndpointBaseline } from '../model/baseline.ts';
import type { InvestigationEvent } from '../model/events.ts';
import type { InvestigationRequest } from '../model/investigation.ts';
import type { Report } from '../model/report.ts';
import type { Rulebook } from '../model/rule.ts';
import type { SloStatus } from '../model/slo.ts';
import type { Language } from '../model/text.ts';
import type { AlertingStore } from '../store/api/alerting.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';

export const REPORT_FORMATS = ['json', 'md', 'html', 'text'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What stands behind the API. Nothing here waits on the network without a bound of its own. */
export interface ApiBackend {
  readonly telemetry: TelemetryReader;
  readonly state: StateStore;
  readonly alertingStore: AlertingStore;
  readonly clock: Clock;
  /** Queues an analysis and returns at once; throws AppError `analysis.overloaded`. */
  startInvestigation(
    request: InvestigationRequest,
    alertKeys: readonly string[],
  ): { readonly reportId: string };
  /** True from startInvestigation() until the report is saved or the run has failed. */
  isRunning(reportId: string): boolean;
  /** The finished report, or undefined when the time is over; throws what the run failed with. */
  waitForReport(reportId: string, timeoutMs: number): Promise<Report | undefined>;
  /** What the run has said so far, then what it says; returns how to stop listening. */
  subscribe(reportId: string, listener: (event: InvestigationEvent) => void): () => void;
  /** Runs the probes again and saves the result; throws `request.not_found`. */
  verifyAgain(reportId: string): Promise<Report>;
  /** By endpoint id. */
  baselines(): ReadonlyMap<string, EndpointBaseline>;
  /** As of the last minute that was judged. */
  slos(): readonly SloStatus[];
  rules(): Rulebook;
  /** On failure the rules from before stay, and the message says what is wrong. */
  reloadRules(): { readonly ok: boolean; readonly message: string };
  counterSamples(): Promise<readonly CounterSample[]>;
  isReady(): boolean;
  renderReport(
    report: Report,
    format: ReportFormat,
    lang: Language,
  ): { readonly contentType: string; readonly body: string };
  /** Page: newest first, as given; `earlierHref` is the next page. */
  renderIncidentList(
    items: readonly IncidentView[],
    options: { readonly lang: Language; readonly earlierHref?: string | undefined },
  ): string;
  /** Page. */
  renderIncident(view: IncidentView, lang: Language): string;
  /** An SVG file; undefined when there is nothing to draw. */
  renderPicture(anomaly: Anomaly, lang: Language): string | undefined;
}

/** An incident with the anomalies that are still stored, the most surprising first. */
export interface IncidentView {
  readonly incident: Incident;
  readonly anomalies: readonly Anomaly[];
}

export interface ApiOptions {
  readonly host: string;
  readonly port: number;
  readonly backend: ApiBackend;
  readonly counters: Counters;
  readonly log: Log;
  readonly config: {
    /** Language when a request names none. */
    readonly language: Language;
    /** Window of an alert that names none. */
    readonly windowMinutes: number;
    /** For links that leave this machine; default: relative links. */
    readonly publicUrl?: string | undefined;
    /** Where senders reach us, for the page that tells them; default 4318. */
    readonly otlpHttpPort?: number | undefined;
  };
}
