/** Schema and format version of `state.db`; docs/storage.md describes the tables. */
import type { Connection, FileFormat } from './sqlite.ts';

/** Since version 3. */
const WATCH_TABLES = `
CREATE TABLE watches (
  name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  chunk_count INTEGER NOT NULL,
  open_anomalies TEXT NOT NULL
);
CREATE TABLE watch_chunks (
  name TEXT NOT NULL,
  until_us INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (name, until_us, chunk)
);
CREATE INDEX anomalies_open ON anomalies (from_us) WHERE is_open = 1;
CREATE INDEX incidents_open ON incidents (onset_us) WHERE is_open = 1;
`;

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
  version: 3,
  migrations: { 1: (connection) => void connection.exec(ALERTING_TABLES), 2: addWatches },
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
  is_open INTEGER NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX anomalies_by_time ON anomalies (from_us);
CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY,
  onset_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL,
  is_open INTEGER NOT NULL,
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
${ALERTING_TABLES}${WATCH_TABLES}`,
};

/** Earlier anomalies were of one minute each and over with it. */
function addWatches(connection: Connection): void {
  connection.exec(`
    ALTER TABLE anomalies ADD COLUMN is_open INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE incidents ADD COLUMN is_open INTEGER NOT NULL DEFAULT 0;
    UPDATE incidents SET is_open = 1 WHERE json_extract(document, '$.status') = 'open';
    ${WATCH_TABLES}`);
}
