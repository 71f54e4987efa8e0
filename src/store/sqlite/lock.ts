/**
 * One writer per data directory. The lock is an exclusive SQLite lock on `writer.lock`, which the operating
 * system drops with the process however it ends: there is no stale lock to guess about. `writer.pid` says who.
 */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { AppError } from '../../base/errors.ts';
import { attempt } from './sqlite.ts';

export interface DirectoryLock {
  release(): void;
}

/** Throws `store.unavailable` naming the directory and the process that writes to it. */
export function lockDirectory(dataDir: string): DirectoryLock {
  const pidFile = path.join(dataDir, 'writer.pid');
  return attempt(`lock data directory ${dataDir}`, () => {
    fs.mkdirSync(dataDir, { recursive: true });
    const connection = new Database(path.join(dataDir, 'writer.lock'), { timeout: 0 });
    try {
      connection.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      connection.close();
      if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) {
        throw error;
      }
      throw new AppError(
        'store.unavailable',
        `Cannot write to data directory ${dataDir}: process ${readPid(pidFile)} already does; ` +
          'stop it or choose another directory',
        { cause: error },
      );
    }
    fs.writeFileSync(pidFile, `${process.pid}\n`);
    return {
      release() {
        fs.rmSync(pidFile, { force: true });
        connection.close();
      },
    };
  });
}

function readPid(pidFile: string): string {
  try {
    return fs.readFileSync(pidFile, 'utf8').trim();
  } catch {
    return '(unknown)'; // the holder has the lock and has not written its id yet
  }
}
