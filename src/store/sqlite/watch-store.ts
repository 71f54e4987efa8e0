/** What watches have learned, in two tables of state.db: their rows in chunks of bytes, and which of them count. */
import type { Anomaly } from '../../model/anomaly.ts';
import type { WatchStore } from '../api/watch.ts';
import { attempt, type Connection, inTransaction } from './sqlite.ts';

export function createWatchStore(connection: Connection): WatchStore {
  const putChunk = connection.prepare(
    'INSERT OR REPLACE INTO watch_chunks (name, until_us, chunk, bytes) VALUES (?, ?, ?, ?)',
  );
  const putRecord = connection.prepare(
    `INSERT OR REPLACE INTO watches (name, version, until_us, chunk_count, open_anomalies)
     VALUES (?, ?, ?, ?, ?)`,
  );
  const forgetOthers = connection.prepare(
    'DELETE FROM watch_chunks WHERE name = ? AND (until_us <> ? OR chunk >= ?)',
  );
  const findRow = connection.prepare(
    `SELECT version, until_us AS untilUs, chunk_count AS chunkCount, open_anomalies AS open
     FROM watches WHERE name = ?`,
  );
  const readBytes = connection
    .prepare('SELECT bytes FROM watch_chunks WHERE name = ? AND until_us = ? AND chunk = ?')
    .pluck();
  return {
    saveChunk({ name, untilUs, chunk, bytes }) {
      attempt(`save what watch ${name} has learned`, () => {
        // Not flushed to the disk: chunks count from their record on, whose flush of the log takes them along. A
        // hundred flushes less.
        connection.pragma('synchronous = NORMAL');
        try {
          putChunk.run(name, untilUs, chunk, bytes);
        } finally {
          connection.pragma('synchronous = FULL');
        }
      });
    },
    saveRecord({ name, version, untilUs, chunkCount, openAnomalies }) {
      inTransaction(connection, `save what watch ${name} has learned`, () => {
        putRecord.run(name, version, untilUs, chunkCount, JSON.stringify(openAnomalies));
        forgetOthers.run(name, untilUs, chunkCount);
      });
    },
    findRecord(name) {
      const row = attempt('read state', () => findRow.get(name)) as WatchRow | undefined; // the columns
      if (!row) return undefined;
      const { open, ...record } = row;
      return { name, ...record, openAnomalies: JSON.parse(open) as readonly Anomaly[] }; // as saved above
    },
    readChunk: ({ name, untilUs }, chunk) =>
      attempt('read state', () => readBytes.get(name, untilUs, chunk)) as Uint8Array | undefined, // BLOB NOT NULL
  };
}

interface WatchRow {
  readonly version: number;
  readonly untilUs: number;
  readonly chunkCount: number;
  readonly open: string;
}
