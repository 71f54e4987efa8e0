/** Silences and sent alerts in `state.db`, over a connection of their own. */
import path from 'node:path';
import { LIMITS } from '../../base/limits.ts';
import type { Silence } from '../../model/silence.ts';
import type { AlertingStore, SentAlert } from '../api/alerting.ts';
import { attempt, type Connection, inTransaction, openForWriting } from './sqlite.ts';
import { STATE_FORMAT } from './state-file.ts';

export function openSqliteAlerting(options: { readonly dataDir: string }): AlertingStore {
  const file = path.join(options.dataDir, 'state.db');
  return new SqliteAlerting(
    openForWriting(file, { format: STATE_FORMAT, durability: 'disk', autoCheckpointPages: 1000 }),
  );
}

class SqliteAlerting implements AlertingStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  saveSilence(silence: Silence): void {
    inTransaction(this.#connection, 'save a silence', () => {
      this.#connection
        .prepare('INSERT OR REPLACE INTO silences (silence_id, to_us, document) VALUES (?, ?, ?)')
        .run(silence.silenceId, silence.range.toUs, JSON.stringify(silence));
      this.#connection
        .prepare(
          `DELETE FROM silences WHERE silence_id IN
           (SELECT silence_id FROM silences ORDER BY to_us DESC, silence_id LIMIT -1 OFFSET ?)`,
        )
        .run(LIMITS.silencesMax);
    });
  }

  findSilence(silenceId: string): Silence | undefined {
    return this.#documents<Silence>(
      'SELECT document FROM silences WHERE silence_id = ?',
      silenceId,
    )[0];
  }

  listSilences({ endAfterUs }: { readonly endAfterUs: number }): readonly Silence[] {
    return this.#documents<Silence>(
      'SELECT document FROM silences WHERE to_us > ? ORDER BY to_us DESC, silence_id LIMIT ?',
      endAfterUs,
      LIMITS.silencesMax,
    );
  }

  deleteSilence(silenceId: string): void {
    this.#run('DELETE FROM silences WHERE silence_id = ?', silenceId);
  }

  saveSentAlert(alert: SentAlert): void {
    this.#run(
      'INSERT OR REPLACE INTO sent_alerts (alert_key, document) VALUES (?, ?)',
      alert.key,
      JSON.stringify(alert),
    );
  }

  listSentAlerts(): readonly SentAlert[] {
    return this.#documents<SentAlert>(
      'SELECT document FROM sent_alerts ORDER BY alert_key LIMIT ?',
      LIMITS.queryRowsMax,
    );
  }

  deleteSentAlert(key: string): void {
    this.#run('DELETE FROM sent_alerts WHERE alert_key = ?', key);
  }

  close(): void {
    this.#connection.close();
  }

  #run(sql: string, ...values: readonly string[]): void {
    attempt('write alerting state', () => this.#connection.prepare(sql).run(...values));
  }

  #documents<T>(sql: string, ...values: readonly (string | number)[]): readonly T[] {
    const texts = attempt('read alerting state', () =>
      this.#connection
        .prepare(sql)
        .pluck()
        .all(...values),
    ) as readonly string[]; // the column is TEXT NOT NULL
    // What this store itself wrote; the file's format version vouches for its shape.
    return texts.map((text) => JSON.parse(text) as T);
  }
}
