/** What an incident or an anomaly of it says as an alert: labels by which people route, annotations that they read. */
import { LIMITS } from '../base/limits.ts';
import { formatTime } from '../base/time.ts';
import { severityOf } from '../detect/incident.ts';
import {
  type Anomaly,
  INCIDENT_SEVERITIES,
  type Incident,
  type IncidentSeverity,
} from '../model/anomaly.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { INCIDENT_LABEL } from '../plugin/triggers/alertmanager.ts';

export const INCIDENT_ALERT = 'TaprootIncident';
export const ANOMALY_ALERT = 'TaprootAnomaly';

/** Characters of one label or annotation. */
const TEXT_CHARS_MAX = 2000;

export interface AlertFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface AlertSubject {
  readonly incident: Incident;
  /** Those of the incident that count: at least one. */
  readonly anomalies: readonly Anomaly[];
  readonly report: Report | undefined;
  readonly reportUrl: string | undefined;
}

export function incidentAlert(subject: AlertSubject): AlertFacts {
  const { incident, anomalies } = subject;
  const [strongest] = byStrength(anomalies);
  return {
    labels: cutAll({
      alertname: INCIDENT_ALERT,
      service: strongest?.service ?? '',
      kind: strongest?.kind ?? '',
      severity: incident.severity ?? worstOf(anomalies),
      [INCIDENT_LABEL]: incident.incidentId,
    }),
    annotations: cutAll({
      ...summaries(subject),
      evidence: evidenceOf(anomalies, 'en'),
      evidence_zh: evidenceOf(anomalies, 'zh'),
      onset: formatTime(incident.onsetUs),
      services: incident.services.join(', '),
      ...reportLink(subject),
    }),
  };
}

/** One of the anomalies of the subject as an alert of its own. */
export function anomalyAlert(
  anomaly: Anomaly,
  subject: Pick<AlertSubject, 'incident' | 'reportUrl'>,
): AlertFacts {
  return {
    labels: cutAll({
      alertname: ANOMALY_ALERT,
      service: anomaly.service,
      kind: anomaly.kind,
      severity: severityOf(anomaly),
      [INCIDENT_LABEL]: subject.incident.incidentId,
      taproot_anomaly: anomaly.anomalyId,
    }),
    annotations: cutAll({
      summary: anomaly.statement.en,
      summary_zh: anomaly.statement.zh,
      onset: formatTime(anomaly.range.fromUs),
      ...reportLink(subject),
    }),
  };
}

/** The cause once it is known, before that the strongest anomaly. */
function summaries({ anomalies, report }: AlertSubject): Readonly<Record<string, string>> {
  if (report) return { summary: report.summary.en, summary_zh: report.summary.zh };
  const [strongest] = byStrength(anomalies);
  const others = anomalies.length - 1;
  const statement = strongest?.statement ?? { zh: '', en: '' };
  return {
    summary: others > 0 ? `${statement.en} (and ${others} more)` : statement.en,
    summary_zh: others > 0 ? `${statement.zh}（另有 ${others} 项）` : statement.zh,
  };
}

/** For incidents that were saved before they had a severity. */
function worstOf(anomalies: readonly Anomaly[]): IncidentSeverity {
  const found = new Set(anomalies.map(severityOf));
  return INCIDENT_SEVERITIES.find((severity) => found.has(severity)) ?? 'info';
}

function reportLink({
  reportUrl,
}: Pick<AlertSubject, 'reportUrl'>): Readonly<Record<string, string>> {
  return reportUrl === undefined ? {} : { report: reportUrl };
}

function evidenceOf(anomalies: readonly Anomaly[], lang: Language): string {
  return byStrength(anomalies)
    .slice(0, LIMITS.alertEvidenceMax)
    .map(({ statement }) => statement[lang])
    .join('\n');
}

function byStrength(anomalies: readonly Anomaly[]): readonly Anomaly[] {
  return [...anomalies].sort((a, b) => b.score - a.score || (a.anomalyId < b.anomalyId ? -1 : 1));
}

/** Names come from telemetry and may be long. A pair of surrogates is not cut in two: half of one is no UTF-8. */
function cutAll(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name,
      text.slice(0, TEXT_CHARS_MAX).replace(/[\uD800-\uDBFF]$/, ''),
    ]),
  );
}
