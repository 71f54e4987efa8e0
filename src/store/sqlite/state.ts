/**
 * The state store: reports, pinned evidence, feedback, changes, anomalies, incidents, alerts and what the watches
 * have learned, in one SQLite file. Documents are JSON text; columns beside them are only what queries ask for.
 */
import path from 'node:path';
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import type { Anomaly, ChangeEvent, Incident } from '../../model/anomaly.ts';
import type { Report } from '../../model/report.ts';
import type {
  Feedback,
  Findings,
  PinnedEvidence,
  ReportSummary,
  StateStore,
} from '../api/state.ts';
import type { WatchStore } from '../api/watch.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { byTrace, summaryOf } from './report-rows.ts';
import { attempt, type Connection, inTransaction, openForWriting } from './sqlite.ts';
import { STATE_FORMAT } from './state-file.ts';
import { createWatchStore } from './watch-store.ts';

export function openSqliteState(options: { readonly dataDir: string }): StateStore {
  const file = path.join(options.dataDir, 'state.db');
  return new SqliteState(
    openForWriting(file, { format: STATE_FORMAT, durability: 'disk', autoCheckpointPages: 1000 }),
  );
}

type Value = string | number | null;

class SqliteState implements StateStore {
  readonly watches: WatchStore;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.watches = createWatchStore(connection);
  }

  saveReport(report: Report, pinned: PinnedEvidence): void {
    inTransaction(this.#connection, `save report ${report.reportId}`, () => {
      this.#putReport(report);
      this.#run('DELETE FROM pins WHERE report_id = ?', report.reportId);
      for (const [traceId, evidence] of byTrace(pinned)) {
        this.#run(
          'INSERT INTO pins (report_id, trace_id, document) VALUES (?, ?, ?)',
          report.reportId,
          traceId,
          JSON.stringify(evidence),
        );
      }
      this.#forgetOldReports();
    });
  }

  replaceReport(report: Report): void {
    inTransaction(this.#connection, `replace report ${report.reportId}`, () => {
      this.#putReport(report);
      this.#forgetOldReports();
    });
  }

  findReport(reportId: string): Report | undefined {
    const document = this.#get('SELECT document FROM reports WHERE report_id = ?', reportId);
    return document === undefined ? undefined : parseDocument<Report>(document);
  }

  listReports(query: {
    readonly range: TimeRange;
    readonly limit: number;
    readonly cursor?: string;
  }): { readonly items: readonly ReportSummary[]; readonly nextCursor?: string } {
    const limit = limitOf(query.limit);
    const cursor = parseReportCursor(query.cursor);
    const items = this.#documents<ReportSummary>(
      `SELECT summary FROM reports WHERE created_at_us >= ? AND created_at_us < ?
       AND (created_at_us, report_id) < (?, ?)
       ORDER BY created_at_us DESC, report_id DESC LIMIT ?`,
      query.range.fromUs,
      query.range.toUs,
      cursor.timeUs,
      cursor.reportId,
      limit + 1,
    );
    const page = items.slice(0, limit);
    const last = page.at(-1);
    if (items.length <= limit || !last) return { items: page };
    const tie = Buffer.from(last.reportId, 'utf8').toString('hex');
    return { items: page, nextCursor: formatCursor({ timeUs: last.createdAtUs, tie }) };
  }

  findPinnedTrace(traceId: string): PinnedEvidence | undefined {
    const documents = this.#documents<PinnedEvidence>(
      `SELECT pins.document FROM pins JOIN reports USING (report_id)
       WHERE trace_id = ? ORDER BY created_at_us, report_id`,
      traceId,
    );
    // The report that was made last saw the trace most completely.
    return documents.at(-1);
  }

  saveFeedback(feedback: Feedback): void {
    this.#write('save feedback', () => {
      this.#run(
        'INSERT INTO feedback (report_id, document) VALUES (?, ?)',
        feedback.reportId,
        JSON.stringify(feedback),
      );
      this.#keepNewest('feedback', 'feedback_id', LIMITS.stateRowsMax);
    });
  }

  listFeedback(reportId: string): readonly Feedback[] {
    return this.#documents<Feedback>(
      'SELECT document FROM feedback WHERE report_id = ? ORDER BY feedback_id LIMIT ?',
      reportId,
      LIMITS.queryRowsMax,
    );
  }

  saveChange(change: ChangeEvent): void {
    this.#write('save a change event', () => {
      this.#run(
        `INSERT OR REPLACE INTO changes (change_id, time_us, service, document)
         VALUES (?, ?, ?, ?)`,
        change.changeId,
        change.timeUs,
        change.service ?? null,
        JSON.stringify(change),
      );
      this.#keepNewest('changes', 'time_us', LIMITS.changeEventsMax);
    });
  }

  listChanges(query: {
    readonly range: TimeRange;
    readonly service?: string;
    readonly limit: number;
  }): readonly ChangeEvent[] {
    const service = query.service ?? null;
    return this.#documents<ChangeEvent>(
      `SELECT document FROM changes WHERE time_us >= ? AND time_us < ?
       AND (? IS NULL OR service = ?) ORDER BY time_us DESC, change_id LIMIT ?`,
      query.range.fromUs,
      query.range.toUs,
      service,
      service,
      limitOf(query.limit),
    );
  }

  saveFindings({ judgedUntilUs, anomalies, incidents }: Findings): void {
    this.#write('save what detection found', () => {
      for (const anomaly of anomalies) this.#putAnomaly(anomaly);
      for (const incident of incidents) this.#putIncident(incident);
      this.#run(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('judged_until_us', ?)",
        String(judgedUntilUs),
      );
      if (anomalies.length > 0) this.#keepNewest('anomalies', 'from_us', LIMITS.stateRowsMax);
      if (incidents.length > 0) this.#keepNewest('incidents', 'onset_us', LIMITS.stateRowsMax);
    });
  }

  findAnomaly(anomalyId: string): Anomaly | undefined {
    const document = this.#get('SELECT document FROM anomalies WHERE anomaly_id = ?', anomalyId);
    return document === undefined ? undefined : parseDocument<Anomaly>(document);
  }

  readJudgedUntil(): number | undefined {
    const text = this.#get("SELECT value FROM meta WHERE key = 'judged_until_us'");
    return text === undefined ? undefined : Number(text);
  }

  listOpenAnomalies(): readonly Anomaly[] {
    return this.#documents<Anomaly>(
      'SELECT document FROM anomalies WHERE is_open = 1 ORDER BY from_us, anomaly_id LIMIT ?',
      LIMITS.stateRowsMax,
    );
  }

  listCurrentIncidents(lastSeenUsMin: number): readonly Incident[] {
    return this.#documents<Incident>(
      `SELECT document FROM incidents WHERE is_open = 1 OR last_seen_us >= ?
       ORDER BY onset_us, incident_id LIMIT ?`,
      lastSeenUsMin,
      LIMITS.stateRowsMax,
    );
  }

  listAnomalies(query: {
    readonly range: TimeRange;
    readonly service?: string;
    readonly limit: number;
  }): readonly Anomaly[] {
    const service = query.service ?? null;
    return this.#documents<Anomaly>(
      `SELECT document FROM anomalies WHERE to_us > ? AND from_us < ?
       AND (? IS NULL OR service = ?) ORDER BY from_us DESC, anomaly_id LIMIT ?`,
      query.range.fromUs,
      query.range.toUs,
      service,
      service,
      limitOf(query.limit),
    );
  }

  saveIncident(incident: Incident): void {
    this.#write('save an incident', () => {
      this.#putIncident(incident);
      this.#keepNewest('incidents', 'onset_us', LIMITS.stateRowsMax);
    });
  }

  findIncident(incidentId: string): Incident | undefined {
    const document = this.#get('SELECT document FROM incidents WHERE incident_id = ?', incidentId);
    return document === undefined ? undefined : parseDocument<Incident>(document);
  }

  listIncidents(query: { readonly range: TimeRange; readonly limit: number }): readonly Incident[] {
    return this.#documents<Incident>(
      `SELECT document FROM incidents WHERE last_seen_us >= ? AND onset_us < ?
       ORDER BY onset_us DESC, incident_id LIMIT ?`,
      query.range.fromUs,
      query.range.toUs,
      limitOf(query.limit),
    );
  }

  claimAlerts(alertKeys: readonly string[], reportId: string, atUs: number): void {
    this.#write('claim alerts', () => {
      for (const alertKey of alertKeys) {
        this.#run(
          'INSERT OR IGNORE INTO alerts (alert_key, report_id, claimed_at_us) VALUES (?, ?, ?)',
          alertKey,
          reportId,
          atUs,
        );
      }
      this.#keepNewest('alerts', 'claimed_at_us', LIMITS.stateRowsMax);
    });
  }

  findAlert(
    alertKey: string,
  ): { readonly reportId: string; readonly isResolved: boolean } | undefined {
    const row = attempt('find an alert', () =>
      this.#connection
        .prepare('SELECT report_id, resolved_at_us FROM alerts WHERE alert_key = ?')
        .get(alertKey),
    ) as { readonly report_id: string; readonly resolved_at_us: number | null } | undefined; // the columns
    return row && { reportId: row.report_id, isResolved: row.resolved_at_us !== null };
  }

  resolveAlerts(alertKeys: readonly string[], atUs: number): void {
    this.#write('resolve alerts', () => {
      for (const alertKey of alertKeys) {
        this.#run(
          'UPDATE alerts SET resolved_at_us = coalesce(resolved_at_us, ?) WHERE alert_key = ?',
          atUs,
          alertKey,
        );
      }
    });
  }

  close(): void {
    this.#connection.close();
  }

  /** Inside a transaction. */
  #putAnomaly(anomaly: Anomaly): void {
    this.#run(
      `INSERT OR REPLACE INTO anomalies (anomaly_id, from_us, to_us, service, is_open, document)
       VALUES (?, ?, ?, ?, ?, ?)`,
      anomaly.anomalyId,
      anomaly.range.fromUs,
      anomaly.range.toUs,
      anomaly.service,
      anomaly.status === 'open' ? 1 : 0,
      JSON.stringify(anomaly),
    );
  }

  /** Inside a transaction. */
  #putIncident(incident: Incident): void {
    this.#run(
      `INSERT OR REPLACE INTO incidents (incident_id, onset_us, last_seen_us, is_open, document)
       VALUES (?, ?, ?, ?, ?)`,
      incident.incidentId,
      incident.onsetUs,
      incident.lastSeenUs,
      incident.status === 'open' ? 1 : 0,
      JSON.stringify(incident),
    );
  }

  /** Inside a transaction. The document that was there before becomes a version. */
  #putReport(report: Report): void {
    const { reportId } = report;
    this.#run(
      `INSERT INTO report_versions (report_id, document)
       SELECT report_id, document FROM reports WHERE report_id = ?`,
      reportId,
    );
    this.#run(
      `DELETE FROM report_versions WHERE version_id IN (SELECT version_id FROM report_versions
       WHERE report_id = ? ORDER BY version_id DESC LIMIT -1 OFFSET ?)`,
      reportId,
      LIMITS.reportVersionsMax,
    );
    this.#run(
      `INSERT INTO reports (report_id, created_at_us, summary, document) VALUES (?, ?, ?, ?)
       ON CONFLICT (report_id) DO UPDATE SET created_at_us = excluded.created_at_us,
       summary = excluded.summary, document = excluded.document`,
      reportId,
      report.createdAtUs,
      JSON.stringify(summaryOf(report)),
      JSON.stringify(report),
    );
  }

  /** Inside a transaction. */
  #forgetOldReports(): void {
    this.#keepNewest('reports', 'created_at_us', LIMITS.reportsMax);
    for (const table of ['pins', 'report_versions']) {
      this.#run(`DELETE FROM ${table} WHERE report_id NOT IN (SELECT report_id FROM reports)`);
    }
  }

  /** Inside a transaction. Names come from this file only. */
  #keepNewest(table: string, timeColumn: string, rowsMax: number): void {
    this.#run(
      `DELETE FROM ${table} WHERE rowid IN
       (SELECT rowid FROM ${table} ORDER BY ${timeColumn} DESC LIMIT -1 OFFSET ?)`,
      rowsMax,
    );
  }

  #write<T>(action: string, body: () => T): T {
    return inTransaction(this.#connection, action, body);
  }

  #run(sql: string, ...values: readonly Value[]): void {
    this.#connection.prepare(sql).run(...values);
  }

  /** First column of the first row, which is text. */
  #get(sql: string, ...values: readonly Value[]): string | undefined {
    return attempt('read state', () =>
      this.#connection
        .prepare(sql)
        .pluck()
        .get(...values),
    ) as string | undefined; // the column is TEXT NOT NULL
  }

  #documents<T>(sql: string, ...values: readonly Value[]): readonly T[] {
    const texts = attempt('read state', () =>
      this.#connection
        .prepare(sql)
        .pluck()
        .all(...values),
    ) as readonly string[]; // the column is TEXT NOT NULL
    return texts.map((text) => parseDocument<T>(text));
  }
}

/** What this store itself wrote with JSON.stringify; the file's format version vouches for its shape. */
function parseDocument<T>(text: string): T {
  return JSON.parse(text) as T;
}

function limitOf(limit: number): number {
  return Math.max(0, Math.min(limit, LIMITS.queryRowsMax));
}

function parseReportCursor(text: string | undefined): {
  readonly timeUs: number;
  readonly reportId: string;
} {
  const cursor = parseCursor(text);
  if (!cursor) return { timeUs: Number.POSITIVE_INFINITY, reportId: '' };
  return { timeUs: cursor.timeUs, reportId: Buffer.from(cursor.tie, 'hex').toString('utf8') };
}
