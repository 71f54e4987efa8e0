/**
 * Moves SQLite's log into the database files. The bulk is done by a connection of its own on another thread, and
 * the writer finishes what came meanwhile: only a log that is moved to its end begins anew instead of growing.
 */
import fs from 'node:fs';
import { LIMITS } from '../../base/limits.ts';
import { markStage } from '../../base/stages.ts';
import type { Checkpointer, CheckpointRun } from '../api/telemetry.ts';
import { dayPath, listDays } from './day-file.ts';
import { attempt, type Connection, openForCheckpoints, PAGE_BYTES } from './sqlite.ts';

/** As SQLite counts: a log holds pages in the order they were written. */
interface LogState {
  readonly pages: number;
  readonly movedPages: number;
}

/** A pass moves what was written before it began; under load the next one finds little. */
const PASSES_MAX = 4;

export function openSqliteCheckpointer(options: {
  readonly dataDir: string;
  /** Logs with fewer bytes to move are left alone. */
  readonly restBytesMin?: number;
}): Checkpointer {
  const { dataDir, restBytesMin = LIMITS.logRestBytesMax / 2 } = options;
  return {
    run: () => {
      const startedMs = performance.now();
      let pages = 0;
      for (const day of listDays(dataDir)) {
        const file = dayPath(dataDir, day);
        const log = fs.statSync(`${file}-wal`, { throwIfNoEntry: false });
        if (log && log.size >= restBytesMin) pages += moveLog(file, restBytesMin / PAGE_BYTES);
      }
      return { pages, ms: performance.now() - startedMs } satisfies CheckpointRun;
    },
  };
}

function moveLog(file: string, restPagesMin: number): number {
  // Opened for the run only: a handle that stays would keep the bytes of a day that retention removes.
  const connection = openForCheckpoints(file);
  if (!connection) return 0;
  try {
    let moved = 0;
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const before = logState(connection, file);
      if (before.pages - before.movedPages < restPagesMin) break;
      const after = passOver(connection, file);
      // A reader of an older state, or another checkpoint, keeps the rest where it is.
      if (after.movedPages <= before.movedPages) break;
      moved += after.movedPages - before.movedPages;
    }
    return moved;
  } finally {
    connection.close();
  }
}

/**
 * The writer's share, after a commit: 3 µs to look. A log that is long is moved to its end once the rest is small;
 * only when nobody else moves it, at last, whatever that costs.
 */
export function boundLog(connection: Connection, file: string, restartBytes: number): void {
  const { pages, movedPages } = logState(connection, file);
  if (pages * PAGE_BYTES < restartBytes) return;
  const restBytes = (pages - movedPages) * PAGE_BYTES;
  const isSmall = restBytes <= LIMITS.logRestBytesMax;
  if (restBytes > 0 && (isSmall || restBytes >= LIMITS.logBytesMax)) passOver(connection, file);
}

function logState(connection: Connection, file: string): LogState {
  return runPragma(connection, { file, mode: 'NOOP' });
}

function passOver(connection: Connection, file: string): LogState {
  markStage('checkpoint');
  return runPragma(connection, { file, mode: 'PASSIVE' });
}

function runPragma(
  connection: Connection,
  options: { readonly file: string; readonly mode: 'NOOP' | 'PASSIVE' },
): LogState {
  const { file, mode } = options;
  const [row] = attempt(`checkpoint ${file}`, () =>
    connection.pragma(`wal_checkpoint(${mode})`),
  ) as readonly [{ readonly log: number; readonly checkpointed: number }]; // one row, by SQLite's manual
  return { pages: Math.max(0, row.log), movedPages: Math.max(0, row.checkpointed) };
}
