/**
 * Repairs day files with the service stopped: a damaged one is built anew from what can be read of it, and takes
 * its place in one step; the file as it was lies in `damaged/` from then on. A process killed meanwhile leaves
 * the old file or the new one.
 */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { syncDirectory } from '../../base/directory.ts';
import type { DayRepair, StoreRepair } from '../api/maintenance.ts';
import { checkDay } from './check.ts';
import { type Day, dayName, dayPath, listDays, telemetryDirectory } from './day-file.ts';
import { DayWriter } from './day-writer.ts';
import { lockDirectory } from './lock.ts';
import { PageSalvage, type TableShape } from './repair-pages.ts';
import { type SalvagedRows, salvageDay } from './repair-rows.ts';
import { attempt, type Connection, PAGE_BYTES } from './sqlite.ts';

/** A repaired file that is whole and has not taken its place yet. */
const REPAIRED = '.repaired';

/** Throws `store.unavailable` while a service runs on the directory. */
export function repairSqlite({ dataDir }: { readonly dataDir: string }): StoreRepair {
  const lock = lockDirectory(dataDir);
  try {
    finishRepairs(dataDir);
    const soundDays: string[] = [];
    const skippedDays: string[] = [];
    const repairedDays: DayRepair[] = [];
    for (const day of listDays(dataDir)) {
      const { state } = checkDay(dataDir, day, 'full');
      if (state === 'ok') soundDays.push(dayName(day));
      else if (state === 'other version') skippedDays.push(dayName(day));
      else
        repairedDays.push(
          attempt(`repair ${dayPath(dataDir, day)}`, () => repairDay(dataDir, day)),
        );
    }
    return { soundDays, repairedDays, skippedDays };
  } finally {
    lock.release();
  }
}

/** Ends repairs that a crash cut short; call before any day is opened for writing. */
export function finishRepairs(dataDir: string): void {
  const directory = telemetryDirectory(dataDir);
  attempt(`finish repairs in ${directory}`, () => {
    fs.rmSync(draftDirectory(dataDir), { recursive: true, force: true });
    for (const day of listDays(dataDir)) {
      if (fs.existsSync(`${dayPath(dataDir, day)}${REPAIRED}`)) swap(dataDir, day);
    }
  });
}

function repairDay(dataDir: string, day: Day): DayRepair {
  const draftDir = draftDirectory(dataDir);
  fs.rmSync(draftDir, { recursive: true, force: true });
  const writer = new DayWriter({ dataDir: draftDir, day, durability: 'disk' });
  let rows: SalvagedRows;
  try {
    const source = sourceOf(dataDir, day, writer);
    const pages = new PageSalvage(source, PAGE_BYTES);
    try {
      rows = salvageDay(pages, writer, tablesOf(source, writer.connection));
    } finally {
      pages.close();
    }
  } finally {
    writer.close();
  }
  const file = dayPath(dataDir, day);
  syncFile(dayPath(draftDir, day));
  fs.renameSync(dayPath(draftDir, day), `${file}${REPAIRED}`);
  const asideDir = asideDirectory(dataDir, day);
  const repair = { day: dayName(day), ...rows, asideDir };
  fs.mkdirSync(asideDir, { recursive: true });
  fs.writeFileSync(path.join(asideDir, 'repair.json'), `${JSON.stringify(repair, undefined, 2)}\n`);
  swap(dataDir, day);
  fs.rmSync(draftDir, { recursive: true, force: true });
  return repair;
}

/**
 * Once `.repaired` is there it is the truth: the old file gets a second name, its log goes, since SQLite would
 * replay it into the new file, and the rename puts the new file in the old one's place.
 */
function swap(dataDir: string, day: Day): void {
  const file = dayPath(dataDir, day);
  const asideDir = asideDirectory(dataDir, day);
  fs.mkdirSync(asideDir, { recursive: true });
  for (const name of [file, `${file}-wal`]) {
    const aside = path.join(asideDir, path.basename(name));
    if (fs.existsSync(name) && !fs.existsSync(aside)) fs.linkSync(name, aside);
  }
  syncDirectory(asideDir);
  syncDirectory(path.dirname(file));
  for (const suffix of ['-wal', '-shm']) fs.rmSync(`${file}${suffix}`, { force: true });
  fs.renameSync(`${file}${REPAIRED}`, file);
  syncDirectory(path.dirname(file));
}

function draftDirectory(dataDir: string): string {
  return path.join(dataDir, 'repair-draft');
}

/** Named by the time when the repaired file was made, so that a repair that is finished later finds it. */
function asideDirectory(dataDir: string, day: Day): string {
  const { mtimeMs } = fs.statSync(`${dayPath(dataDir, day)}${REPAIRED}`);
  return path.join(dataDir, 'damaged', `${dayName(day)}-${Math.floor(mtimeMs)}`);
}

/**
 * The file with its log in it. One that SQLite cannot open even for that is copied and given the first page of
 * an empty file, whose tables begin on the same pages.
 */
function sourceOf(dataDir: string, day: Day, empty: DayWriter): string {
  const file = dayPath(dataDir, day);
  if (tryMergeLog(file)) return file;
  const copy = path.join(draftDirectory(dataDir), 'source.db');
  fs.copyFileSync(file, copy);
  if (fs.existsSync(`${file}-wal`)) fs.copyFileSync(`${file}-wal`, `${copy}-wal`);
  empty.connection.pragma('wal_checkpoint(TRUNCATE)');
  const page = Buffer.alloc(PAGE_BYTES);
  const handle = fs.openSync(empty.file, 'r');
  fs.readSync(handle, page, 0, PAGE_BYTES, 0);
  fs.closeSync(handle);
  page.writeUInt32BE(Math.ceil(fs.statSync(copy).size / PAGE_BYTES), 28);
  // Which pages were free is lost: a count that no list has says so.
  page.writeUInt32BE(0xffff_ffff, 36);
  const target = fs.openSync(copy, 'r+');
  fs.writeSync(target, page, 0, PAGE_BYTES, 0);
  fs.closeSync(target);
  tryMergeLog(copy); // else its last commits are lost, and the rows say so
  return copy;
}

function tryMergeLog(file: string): boolean {
  let connection: Connection | undefined;
  try {
    connection = new Database(file);
    connection.pragma('wal_checkpoint(TRUNCATE)');
    connection.prepare('SELECT COUNT(*) FROM sqlite_schema').get();
    return true;
  } catch (error) {
    if (error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) {
      return false;
    }
    throw error;
  } finally {
    connection?.close();
  }
}

/** Tables of our schema; where they begin, from the damaged file if it still says so. */
function tablesOf(source: string, empty: Connection): readonly TableShape[] {
  const roots = new Map([...rootPagesOf(empty), ...tryRootPages(source)]);
  return [...rootPagesOf(empty).keys()].map((name) => ({
    name,
    columnCount: (empty.pragma(`table_info(${name})`) as readonly unknown[]).length, // a row a column
    hasRowIds: !WITHOUT_ROW_IDS.has(name),
    rootPage: roots.get(name)!,
  }));
}

const WITHOUT_ROW_IDS: ReadonlySet<string> = new Set(['meta', 'templates']);

function rootPagesOf(connection: Connection): ReadonlyMap<string, number> {
  const rows = connection
    .prepare(`SELECT name, rootpage FROM sqlite_schema WHERE type = 'table' AND rootpage > 1`)
    .raw()
    .all() as readonly [string, number][]; // as selected
  return new Map(rows.filter(([name]) => !name.startsWith('sqlite_')));
}

function tryRootPages(file: string): ReadonlyMap<string, number> {
  let connection: Connection | undefined;
  try {
    connection = new Database(file, { readonly: true });
    return rootPagesOf(connection);
  } catch {
    return new Map(); // the schema is damaged: tables begin where our schema puts them
  } finally {
    connection?.close();
  }
}

function syncFile(file: string): void {
  const handle = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}
