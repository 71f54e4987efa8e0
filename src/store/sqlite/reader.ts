/** The reading side of the SQLite engine: opens day files read-only and answers the contract's queries. */
import fs from 'node:fs';
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import type { Page, StoreStats, TelemetryReader } from '../api/telemetry.ts';
import { SIGNAL } from './block.ts';
import { dayName, dayPath } from './day-file.ts';
import { DayPool } from './day-pool.ts';
import { searchLogs } from './log-search.ts';
import { scanLogs, scanPoints, scanProfiles, scanSpans } from './scan.ts';
import { listSeries, readSeries } from './series.ts';
import { groupSpans } from './span-groups.ts';
import { listEndpoints, listTemplates, readTallies, readTemplateTallies } from './tallies.ts';
import { searchTraces } from './trace-search.ts';
import { readTrace } from './traces.ts';

export function openSqliteReader(options: { readonly dataDir: string }): TelemetryReader {
  const { dataDir } = options;
  const pool = new DayPool(dataDir);
  return {
    scanSpans: (scan, visit) => scanSpans(pool, scan, visit),
    scanLogs: (scan, visit) => scanLogs(pool, scan, visit),
    scanPoints: (scan, visit) => scanPoints(pool, scan, visit),
    readTrace: (traceId, near) => readTrace(pool, traceId, near),
    searchTraces: (query) => searchTraces(pool, query),
    groupSpans: (query) => groupSpans(pool, query),
    searchLogs: (query) => searchLogs(pool, query),
    scanProfiles: (scan, visit) => scanProfiles(pool, scan, visit),
    listSeries: (query) => listSeries(pool, query),
    readSeries: (query) => readSeries(pool, query),
    readTallies: (query) => readTallies(pool, query),
    readTemplateTallies: (query) => readTemplateTallies(pool, query),
    listTemplates: (query) => listTemplates(pool, query),
    listEndpoints: (range) => listEndpoints(pool, range),
    listServices: (range) => listServices(pool, range),
    countRows: (range) => countRows(pool, range),
    stats: () => readStats(pool, dataDir),
    listFaults: (range) => pool.faults(range),
    close: () => pool.close(),
  };
}

function listServices(pool: DayPool, range: TimeRange): Page<string> {
  const services = new Set<string>();
  for (const day of pool.days(range)) {
    pool.use(day, (reader) => {
      const lists = reader.connection
        .prepare('SELECT DISTINCT services FROM blocks WHERE max_us >= ? AND min_us < ?')
        .pluck()
        .all(range.fromUs, range.toUs) as readonly string[]; // the column is TEXT NOT NULL
      for (const list of lists) {
        // JSON.parse of what JSON.stringify of a string list wrote
        for (const service of JSON.parse(list) as readonly string[]) {
          if (service !== '' && services.size <= LIMITS.servicesListedMax) services.add(service);
        }
      }
    });
  }
  const items = [...services].sort();
  return {
    items: items.slice(0, LIMITS.servicesListedMax),
    wasCut: items.length > LIMITS.servicesListedMax,
  };
}

interface RowCounts {
  readonly spans: number;
  readonly logs: number;
  readonly points: number;
  readonly profiles: number;
}

const ALL_TIME: TimeRange = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };

function countRows(pool: DayPool, range: TimeRange): RowCounts {
  const counts = [0, 0, 0, 0];
  for (const day of pool.days(range)) {
    pool.use(day, (reader) => {
      const rows = reader.connection
        .prepare(
          `SELECT signal, SUM(row_count) AS row_count FROM blocks
           WHERE max_us >= ? AND min_us < ? GROUP BY signal`,
        )
        .all(range.fromUs, range.toUs) as readonly { signal: number; row_count: number }[];
      for (const { signal, row_count } of rows) counts[signal]! += row_count;
    });
  }
  return {
    spans: counts[SIGNAL.spans]!,
    logs: counts[SIGNAL.logs]!,
    points: counts[SIGNAL.points]!,
    profiles: counts[SIGNAL.profiles]!,
  };
}

function readStats(pool: DayPool, dataDir: string): StoreStats {
  const rows = countRows(pool, ALL_TIME);
  const partitions = pool.days().map((day) => {
    const file = dayPath(dataDir, day);
    return { day: dayName(day), sizeBytes: sizeOf(file) + sizeOf(`${file}-wal`) };
  });
  return {
    spanCount: rows.spans,
    logCount: rows.logs,
    pointCount: rows.points,
    profileCount: rows.profiles,
    sizeBytes: partitions.reduce((sum, partition) => sum + partition.sizeBytes, 0),
    partitions,
  };
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
