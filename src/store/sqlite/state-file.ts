/** Schema and format version of `state.db`; docs/storage.md describes the tables. */
import type { FileFormat } from './sqlite.ts';

/** Since version 2. */
const ALERTING_TABLES = `
CREATE TABLE silences (
  silence_id TEXT PRIMARY KEY,
  to_us INTEGER NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX silences_by_end ON silences (to_us);
CREATE TABLE sent_alerts (
  alert_key TEXT PRIMARY KEY,
  document TEXT NOT NULL
);
`;

export const STATE_FORMAT: FileFormat = {
  title: 'state',
  version: 2,
  migrations: { 1: (connection) => void connection.exec(ALERTING_TABLES) },
  schema: `
CREATE TABLE reports (
  report_id TEXT PRIMARY KEY,
  created_at_us INTEGER NOT NULL,
  summary TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX reports_by_time ON reports (created_at_us, report_id);
CREATE TABLE report_versions (
  version_id INTEGER PRIMARY KEY,
  report_id TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX report_versions_by_report ON report_versions (report_id);
CREATE TABLE pins (
  report_id TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (report_id, trace_id)
);
CREATE INDEX pins_by_trace ON pins (trace_id);
CREATE TABLE feedback (
  feedback_id INTEGER PRIMARY KEY,
  report_id TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX feedback_by_report ON feedback (report_id);
CREATE TABLE changes (
  change_id TEXT PRIMARY KEY,
  time_us INTEGER NOT NULL,
  service TEXT,
  document TEXT NOT NULL
);
CREATE INDEX changes_by_time ON changes (time_us);
CREATE TABLE anomalies (
  anomaly_id TEXT PRIMARY KEY,
  from_us INTEGER NOT NULL,
  to_us INTEGER NOT NULL,
  service TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX anomalies_by_time ON anomalies (from_us);
CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY,
  onset_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX incidents_by_time ON incidents (onset_us);
CREATE TABLE alerts (
  alert_key TEXT PRIMARY KEY,
  report_id TEXT NOT NULL,
  claimed_at_us INTEGER NOT NULL,
  resolved_at_us INTEGER
);
CREATE INDEX alerts_by_time ON alerts (claimed_at_us);
${ALERTING_TABLES}`,
};
