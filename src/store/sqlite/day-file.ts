/** Telemetry lives in one SQLite file per UTC day of event time: names, schema and format version. */
import fs from 'node:fs';
import path from 'node:path';
import { AppError } from '../../base/errors.ts';
import { type TimeRange, US_PER_DAY, US_PER_MS } from '../../base/time.ts';
import { CODEC } from './codec.ts';
import { forgetDaysOfRequests } from './request-log.ts';
import type { Connection, FileFormat } from './sqlite.ts';

/** Days since 1970-01-01, UTC. */
export type Day = number;

/** JavaScript's own last day. */
const DAY_MAX = 100_000_000;

export function dayOf(timeUs: number): Day {
  const day = Math.floor(timeUs / US_PER_DAY);
  if (!(day >= 0 && day <= DAY_MAX)) {
    throw new AppError(
      'store.rejected',
      `Cannot store a row at ${timeUs} µs: there is no such day`,
      {
        offendingValue: String(timeUs),
      },
    );
  }
  return day;
}

export function dayRange(day: Day): TimeRange {
  return { fromUs: day * US_PER_DAY, toUs: (day + 1) * US_PER_DAY };
}

/** `20260102` */
export function dayName(day: Day): string {
  return new Date((day * US_PER_DAY) / US_PER_MS).toISOString().slice(0, 10).replaceAll('-', '');
}

export function telemetryDirectory(dataDir: string): string {
  return path.join(dataDir, 'telemetry');
}

export function dayPath(dataDir: string, day: Day): string {
  return path.join(telemetryDirectory(dataDir), `${dayName(day)}.db`);
}

/** Days that have a file, ascending. */
export function listDays(dataDir: string): readonly Day[] {
  let names: readonly string[];
  try {
    names = fs.readdirSync(telemetryDirectory(dataDir));
  } catch (error) {
    // Nothing was ever written.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const days: Day[] = [];
  for (const name of names) {
    const match = /^(\d{4})(\d{2})(\d{2})\.db$/.exec(name);
    const ms = match ? Date.parse(`${match[1]}-${match[2]}-${match[3]}T00:00:00Z`) : Number.NaN;
    if (!Number.isNaN(ms)) days.push((ms * US_PER_MS) / US_PER_DAY);
  }
  return days.sort((a, b) => a - b);
}

export function dayFormat(day: Day): FileFormat {
  return {
    title: `telemetry of ${dayName(day)}`,
    version: 3,
    schema: SCHEMA,
    migrations: MIGRATIONS,
  };
}

/** From version n to n + 1. */
const MIGRATIONS = {
  /** Requests were stored with their days; now with their answers, and groups of several days can be taken back. */
  1: (connection: Connection) => {
    connection.exec('ALTER TABLE commits ADD COLUMN receipt TEXT');
    const select = connection.prepare('SELECT commit_id AS id, requests FROM commits');
    const update = connection.prepare('UPDATE commits SET requests = ? WHERE commit_id = ?');
    // the columns of the statement
    for (const row of select.all() as readonly { readonly id: number; readonly requests: Buffer }[])
      update.run(forgetDaysOfRequests(row.requests), row.id);
  },
  /** Sections have tails, lists and columns are written in other ways; blocks of before cannot be read any more. */
  2: (connection: Connection) => {
    const old = connection.prepare('SELECT COUNT(*) FROM sections WHERE codec < ?').pluck();
    const count = Number(old.get(CODEC.none));
    if (count === 0) return;
    throw new AppError(
      'store.rejected',
      `Cannot bring ${connection.name} to format version 3: it holds ${count} sections of before; ` +
        'export them with the Taproot that wrote them and import that',
    );
  },
};

/** docs/storage.md describes every table and column. */
const SCHEMA = `
CREATE TABLE blocks (
  block_id INTEGER PRIMARY KEY,
  signal INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  min_us INTEGER NOT NULL,
  max_us INTEGER NOT NULL,
  services TEXT NOT NULL,
  names TEXT NOT NULL
);
CREATE INDEX blocks_by_time ON blocks (signal, max_us);
CREATE TABLE sections (
  section_id INTEGER PRIMARY KEY,
  codec INTEGER NOT NULL,
  raw_bytes INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE TABLE trace_segments (
  segment_id INTEGER PRIMARY KEY,
  bucket INTEGER NOT NULL,
  entry_count INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE INDEX trace_segments_by_bucket ON trace_segments (bucket);
CREATE TABLE endpoints (
  endpoint_key INTEGER PRIMARY KEY,
  endpoint_id TEXT NOT NULL UNIQUE,
  service TEXT NOT NULL,
  operation TEXT NOT NULL,
  stage INTEGER NOT NULL
);
CREATE TABLE tallies (
  tally_id INTEGER PRIMARY KEY,
  minute_us INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE INDEX tallies_by_minute ON tallies (minute_us);
CREATE TABLE template_keys (
  template_key INTEGER PRIMARY KEY,
  template_id TEXT NOT NULL,
  service TEXT NOT NULL,
  UNIQUE (template_id, service)
);
CREATE TABLE template_tallies (
  tally_id INTEGER PRIMARY KEY,
  minute_us INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE INDEX template_tallies_by_minute ON template_tallies (minute_us);
CREATE TABLE templates (
  template_id TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  text TEXT NOT NULL,
  first_seen_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE commits (
  commit_id INTEGER PRIMARY KEY,
  written_us INTEGER NOT NULL,
  requests BLOB NOT NULL,
  receipt TEXT
);
`;
