/**
 * Which days retention removes, and removing one so that a crash at any point leaves it whole or gone. The
 * writer calls it with the day's handle closed; readers keep what they have open until they look again.
 */
import fs from 'node:fs';
import path from 'node:path';
import { syncDirectory } from '../../base/directory.ts';
import { markStage } from '../../base/stages.ts';
import { US_PER_DAY, US_PER_MS } from '../../base/time.ts';
import type { RetentionBounds } from '../api/telemetry.ts';
import { type Day, dayOf, dayPath, listDays, telemetryDirectory } from './day-file.ts';
import { attempt } from './sqlite.ts';

/** What SQLite keeps beside a database. */
const COMPANIONS = ['-wal', '-shm'] as const;
/** A day that is being removed has this name: no reader lists it. */
const REMOVED = '.removed';

/** Ascending. Today and later days are never among them. */
export function expiredDays(dataDir: string, bounds: RetentionBounds): readonly Day[] {
  const today = dayOf(bounds.nowUs);
  const days = listDays(dataDir);
  const expired = days.filter((day) => day < today && isTooOld(dataDir, day, bounds));
  if (bounds.bytesMax === 0) return expired;
  const kept = days.filter((day) => !expired.includes(day));
  let totalBytes = kept.reduce((sum, day) => sum + dayBytes(dataDir, day), 0);
  for (const day of kept) {
    if (totalBytes <= bounds.bytesMax || day >= today) break;
    expired.push(day);
    totalBytes -= dayBytes(dataDir, day);
  }
  return expired.sort((a, b) => a - b);
}

/** By the time of its rows and by the time they came: old data that was imported lately stays. */
function isTooOld(dataDir: string, day: Day, { nowUs, days }: RetentionBounds): boolean {
  if (days === 0 || day >= dayOf(nowUs) - days) return false; // it ended less than `days` ago
  return writtenUs(dataDir, day) < nowUs - days * US_PER_DAY;
}

/** An empty log says nothing: opening a day makes one. */
function writtenUs(dataDir: string, day: Day): number {
  const file = dayPath(dataDir, day);
  const times = [file, `${file}-wal`].map((name) => {
    const entry = fs.statSync(name, { throwIfNoEntry: false });
    return entry && entry.size > 0 ? entry.mtimeMs * US_PER_MS : 0;
  });
  return Math.max(...times);
}

export function dayBytes(dataDir: string, day: Day): number {
  const file = dayPath(dataDir, day);
  return ['', ...COMPANIONS]
    .map((suffix) => fs.statSync(`${file}${suffix}`, { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}

/**
 * The rename makes the day invisible as a whole: before it everything is there, after it nothing is. It is
 * on the disk before the log goes, since a database without its log would lack what the log holds; and the
 * log goes before the name is free for a new day, into which SQLite would replay it.
 */
export function removeDay(dataDir: string, day: Day): void {
  const file = dayPath(dataDir, day);
  attempt(`remove ${file}`, () => {
    markStage('retention');
    fs.renameSync(file, `${file}${REMOVED}`);
    syncDirectory(path.dirname(file));
    markStage('retention');
    for (const suffix of COMPANIONS) fs.rmSync(`${file}${suffix}`, { force: true });
    markStage('retention');
    fs.rmSync(`${file}${REMOVED}`, { force: true });
  });
}

/** Ends removals that a crash cut short; call before any day is opened for writing. */
export function finishRemovals(dataDir: string): void {
  const directory = telemetryDirectory(dataDir);
  attempt(`clean up ${directory}`, () => {
    if (!fs.existsSync(directory)) return;
    const names = fs.readdirSync(directory);
    for (const suffix of COMPANIONS) {
      for (const name of names.filter((candidate) => candidate.endsWith(`.db${suffix}`))) {
        const isOrphan = !names.includes(name.slice(0, -suffix.length));
        if (isOrphan) fs.rmSync(path.join(directory, name), { force: true });
      }
    }
    for (const name of names.filter((candidate) => candidate.endsWith(`.db${REMOVED}`))) {
      fs.rmSync(path.join(directory, name), { force: true });
    }
  });
}
