/**
 * One writer per data directory. The lock is an exclusive SQLite lock on `writer.lock`, which the operating
 * system drops with the process however it ends: there is no stale lock to guess about. `writer.pid` says who.
 */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { makeDirectory } from '../../base/directory.ts';
import { AppError, messageOf } from '../../base/errors.ts';
import { attempt } from './sqlite.ts';

export interface DirectoryLock {
  release(): void;
}

/** Throws `store.unavailable` naming the directory and the process that writes to it. */
export function lockDirectory(dataDir: string): DirectoryLock {
  const pidFile = path.join(dataDir, 'writer.pid');
  return attempt(`lock data directory ${dataDir}`, () => {
    makeWritable(dataDir, pidFile);
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

/** Says why a folder cannot be written: SQLite would only say that it cannot open a file. */
function makeWritable(dataDir: string, pidFile: string): void {
  try {
    makeDataDirectory(dataDir);
    fs.closeSync(fs.openSync(pidFile, 'a'));
  } catch (error) {
    throw new AppError(
      'store.unavailable',
      `Cannot write to data directory ${dataDir}: ${messageOf(error)}; ` +
        'set "dataDir" to a folder that this user may write to',
      { cause: error },
    );
  }
}

function makeDataDirectory(dataDir: string): void {
  try {
    makeDirectory(dataDir);
  } catch (error) {
    // Node says ENOENT of a folder on a read-only disk; without `recursive` it says EROFS.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') fs.mkdirSync(dataDir);
    throw error;
  }
}

function readPid(pidFile: string): string {
  try {
    return fs.readFileSync(pidFile, 'utf8').trim();
  } catch {
    return '(unknown)'; // the holder has the lock and has not written its id yet
  }
}
