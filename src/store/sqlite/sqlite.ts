/**
 * Opening SQLite files the one way this store does it, and what SQLite's errors mean. better-sqlite3 is used
 * only in this folder.
 */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { makeDirectory } from '../../base/directory.ts';
import { AppError, isAppError, messageOf } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { markStage } from '../../base/stages.ts';

export type Connection = Database.Database;
export type Statement = Database.Statement;

/** Waits this long for another process's short lock (a checkpoint at close, a recovery). */
const BUSY_TIMEOUT_MS = 2000;
/** Bigger pages make long chains of a section's pages shorter; 8 KiB wastes little on tiny commits. */
export const PAGE_BYTES = 8192;
const CACHE_KIB = 16 * 1024;

export interface FileFormat {
  /** What stands in the file, for messages: "telemetry of 2026-01-02". */
  readonly title: string;
  readonly version: number;
  /** Statements that make an empty file. */
  readonly schema: string;
  /** What turns a file of version n into one of n + 1, by n; without a way up an older file is refused. */
  readonly migrations?: Readonly<Record<number, (connection: Connection) => void>>;
}

/** Opens for writing; makes file and schema when absent, and brings an older file to this version. Throws store.unavailable, .corrupt or .rejected. */
export function openForWriting(
  file: string,
  options: {
    readonly format: FileFormat;
    readonly durability: 'disk' | 'process';
    /** SQLite answers "full" beyond; absent: no bound but the disk. */
    readonly pagesMax?: number;
    /** Pages of log that SQLite moves by itself; absent: checkpoint.ts does. */
    readonly autoCheckpointPages?: number;
  },
): Connection {
  const { format } = options;
  return attempt(`open ${file}`, () => {
    makeDirectory(path.dirname(file));
    const connection = new Database(file, { timeout: BUSY_TIMEOUT_MS });
    try {
      connection.pragma(`page_size = ${PAGE_BYTES}`);
      connection.pragma('journal_mode = WAL');
      connection.pragma(`synchronous = ${options.durability === 'disk' ? 'FULL' : 'NORMAL'}`);
      connection.pragma(`cache_size = -${CACHE_KIB}`);
      connection.pragma(`wal_autocheckpoint = ${options.autoCheckpointPages ?? 0}`);
      connection.pragma(`journal_size_limit = ${LIMITS.logRestartBytes}`);
      if (options.pagesMax) connection.pragma(`max_page_count = ${options.pagesMax}`);
      const version = readVersion(connection);
      if (version === undefined) createSchema(connection, format);
      else if (canMigrate(version, format)) migrate(connection, format);
      else assertVersion(version, file, format);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

/** Opens for reading; undefined while the writer has not finished making the file. */
export function tryOpenForReading(file: string, format: FileFormat): Connection | undefined {
  return attempt(`open ${file}`, () => {
    const connection = new Database(file, {
      timeout: BUSY_TIMEOUT_MS,
      readonly: true,
      fileMustExist: true,
    });
    try {
      connection.pragma(`cache_size = -${CACHE_KIB}`);
      const version = readVersion(connection);
      if (version === undefined) {
        connection.close();
        return undefined;
      }
      assertVersion(version, file, format);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

/** Opens a file beside its writer, to move its log; undefined when it is not there (any more). */
export function openForCheckpoints(file: string): Connection | undefined {
  return attempt(`open ${file}`, () => {
    if (!fs.existsSync(file)) return undefined;
    const connection = new Database(file, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
    connection.pragma('wal_autocheckpoint = 0');
    return connection;
  });
}

/** Runs `body` in one transaction; any error undoes it and comes out as an AppError. */
export function inTransaction<T>(connection: Connection, action: string, body: () => T): T {
  return attempt(action, () => connection.transaction(body).immediate());
}

/** Runs `body`; errors of SQLite come out as AppErrors that name the action. */
export function attempt<T>(action: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw storeError(action, error);
  }
}

/** As attempt(), for bodies that run callers' code: only SQLite's own errors are translated. */
export function attemptRead<T>(action: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof Database.SqliteError ? storeError(action, error) : error;
  }
}

const UNAVAILABLE = /^SQLITE_(FULL|IOERR|BUSY|READONLY|CANTOPEN|LOCKED|PROTOCOL|NOMEM)/;
const CORRUPT = /^SQLITE_(CORRUPT|NOTADB)/;
const UNAVAILABLE_FILE = /^E(NOSPC|DQUOT|ROFS|ACCES|PERM|IO|MFILE|NFILE|NOMEM|STALE|TIMEDOUT)$/;

function storeError(action: string, error: unknown): AppError {
  if (isAppError(error)) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = `Cannot ${action}: ${messageOf(error)}${code ? ` (${code})` : ''}`;
  if (UNAVAILABLE.test(code) || UNAVAILABLE_FILE.test(code)) {
    return new AppError('store.unavailable', message, { cause: error });
  }
  if (CORRUPT.test(code)) return new AppError('store.corrupt', message, { cause: error });
  return new AppError('store.rejected', message, { cause: error });
}

function createSchema(connection: Connection, format: FileFormat): void {
  connection
    .transaction(() => {
      connection.exec(
        'CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;',
      );
      connection.exec(format.schema);
      const insert = connection.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
      insert.run('format_version', String(format.version));
    })
    .immediate();
}

function canMigrate(version: number, { migrations = {}, ...format }: FileFormat): boolean {
  if (!(version < format.version)) return false;
  for (let from = version; from < format.version; from++) if (!migrations[from]) return false;
  return true;
}

/** All steps in one transaction: a process killed meanwhile leaves the old version, whole. */
function migrate(connection: Connection, { migrations = {}, ...format }: FileFormat): void {
  connection
    .transaction(() => {
      // Another connection may have been here while this one waited for the lock.
      for (let from = readVersion(connection) ?? format.version; from < format.version; from++) {
        migrations[from]?.(connection);
        markStage('migration');
      }
      connection
        .prepare("UPDATE meta SET value = ? WHERE key = 'format_version'")
        .run(String(format.version));
    })
    .immediate();
}

/** Version of the file's format, or undefined for a file without a schema. */
function readVersion(connection: Connection): number | undefined {
  const isReady = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'")
    .get();
  if (!isReady) return undefined;
  const text = connection
    .prepare("SELECT value FROM meta WHERE key = 'format_version'")
    .pluck()
    .get();
  return Number(text);
}

function assertVersion(version: number, file: string, format: FileFormat): void {
  if (version === format.version) return;
  const remedy = canMigrate(version, format)
    ? 'start the service once, which brings the file to that version'
    : 'use the version of Taproot that wrote it, or a later one';
  throw new AppError(
    'store.rejected',
    `Cannot read ${format.title} in ${file}: its format version is ${version}, and this Taproot ` +
      `knows ${format.version}; ${remedy}`,
    { offendingValue: String(version) },
  );
}
