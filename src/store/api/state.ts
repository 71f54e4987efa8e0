/**
 * The contract of the state store: what the analysis remembers. A small database of its own, written only
 * by the analysis thread; telemetry goes to src/store/api/telemetry.ts.
 */
import type { TimeRange } from '../../base/time.ts';
import type { Anomaly, ChangeEvent, Incident } from '../../model/anomaly.ts';
import type { Report } from '../../model/report.ts';
import type { LogRecord, Span } from '../../model/span.ts';
import type { WatchStore } from './watch.ts';

export interface ReportSummary {
  readonly reportId: string;
  readonly createdAtUs: number;
  readonly status: Report['status'];
  readonly verdict: Report['verdict'];
  readonly confidence: number;
  readonly triggerKind: Report['trigger']['kind'];
  readonly summary: Report['summary'];
  readonly services: readonly string[];
}

export interface Feedback {
  readonly reportId: string;
  readonly hypothesisId: string;
  readonly isCorrect: boolean;
  readonly comment: string;
  readonly atUs: number;
}

/** Evidence of a report that outlives retention. */
export interface PinnedEvidence {
  readonly spans: readonly Span[];
  readonly logs: readonly LogRecord[];
}

export interface Findings {
  /** Detection has judged all before. */
  readonly judgedUntilUs: number;
  readonly anomalies: readonly Anomaly[];
  readonly incidents: readonly Incident[];
}

export interface StateStore {
  /** What the watches have learned. */
  readonly watches: WatchStore;
  saveReport(report: Report, pinned: PinnedEvidence): void;
  /** A later run replaces verdicts; earlier documents stay as versions. */
  replaceReport(report: Report): void;
  findReport(reportId: string): Report | undefined;
  listReports(query: {
    readonly range: TimeRange;
    readonly limit: number;
    readonly cursor?: string;
  }): {
    readonly items: readonly ReportSummary[];
    readonly nextCursor?: string;
  };
  findPinnedTrace(traceId: string): PinnedEvidence | undefined;
  saveFeedback(feedback: Feedback): void;
  listFeedback(reportId: string): readonly Feedback[];
  saveChange(change: ChangeEvent): void;
  listChanges(query: {
    readonly range: TimeRange;
    readonly service?: string;
    readonly limit: number;
  }): readonly ChangeEvent[];
  findAnomaly(anomalyId: string): Anomaly | undefined;
  /** What detection found up to a minute, in one write: anomalies and incidents as they stand now. */
  saveFindings(findings: Findings): void;
  /** Beginning of the first minute that detection has not judged; undefined before its first. */
  readJudgedUntil(): number | undefined;
  /** By onset. */
  listOpenAnomalies(): readonly Anomaly[];
  /** Open ones, and closed ones last seen at or after a time; by onset. */
  listCurrentIncidents(lastSeenUsMin: number): readonly Incident[];
  listAnomalies(query: {
    readonly range: TimeRange;
    readonly service?: string;
    readonly limit: number;
  }): readonly Anomaly[];
  saveIncident(incident: Incident): void;
  findIncident(incidentId: string): Incident | undefined;
  listIncidents(query: { readonly range: TimeRange; readonly limit: number }): readonly Incident[];
  /** Remembers which report answers alerts, in one write; an alert that is claimed already keeps its report. */
  claimAlerts(alertKeys: readonly string[], reportId: string, atUs: number): void;
  findAlert(
    alertKey: string,
  ): { readonly reportId: string; readonly isResolved: boolean } | undefined;
  /** In one write; alerts that nobody claimed, or that are resolved already, stay as they are. */
  resolveAlerts(alertKeys: readonly string[], atUs: number): void;
  close(): void;
}
