/**
 * The writing side of the SQLite engine: group in, one transaction per day out. Owns the directory's lock and
 * a few open day files. Runs in the store thread; nothing here may run on another.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { AppError, isAppError, messageOf } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import {
  type Clock,
  createSteadyClock,
  systemClock,
  US_PER_DAY,
  US_PER_MS,
  US_PER_SECOND,
} from '../../base/time.ts';
import type { LogTemplate } from '../../model/tally.ts';
import type {
  IngestGroup,
  RequestAnswer,
  Retained,
  RetentionBounds,
  TelemetryWriter,
  UnreadableDay,
} from '../api/telemetry.ts';
import { boundLog } from './checkpoint.ts';
import { tryCompactDay } from './compaction.ts';
import { type Day, dayName, dayOf, dayPath, listDays } from './day-file.ts';
import { DayWriter, type PackedBlock, packBlock } from './day-writer.ts';
import { type GroupMark, loadGroupMark, removeGroupMark, writeGroupMark } from './group-mark.ts';
import { type DayPart, planGroup } from './group-plan.ts';
import { lockDirectory } from './lock.ts';
import { encodeLogBlock } from './log-block.ts';
import { encodePointBlock, orderBySeries } from './point-block.ts';
import { encodeProfileBlock } from './profile-block.ts';
import { finishRepairs } from './repair.ts';
import { decodeRequests, RETRY_HORIZON_US, RequestLog } from './request-log.ts';
import { dayBytes, expiredDays, finishRemovals, removeDay } from './retention.ts';
import { encodeSpanBlock } from './span-block.ts';
import { orderByTrace } from './trace-order.ts';

/** Late data and senders in the future: today, yesterday and a few more. */
const OPEN_DAYS_MAX = 8;
const FORGET_EVERY_US = 10 * US_PER_SECOND;
/** Files older than the newest by more hold no request of the last minutes; clocks jump by hours, so not by minutes. */
const REQUEST_FILES_US = US_PER_DAY;

export interface SqliteWriterOptions {
  readonly dataDir: string;
  readonly durability: 'disk' | 'process';
  /** Tells the age of requests. Absent: one that does not jump while this process runs. */
  readonly clock?: Clock;
  /** Pages of 8 KiB that a day's file may have; absent: no bound but the disk. */
  readonly pagesMax?: number;
  /** See LIMITS.logRestartBytes, the default. */
  readonly logRestartBytes?: number;
}

export function openSqliteWriter(options: SqliteWriterOptions): TelemetryWriter {
  const lock = lockDirectory(options.dataDir);
  try {
    return new SqliteWriter(options, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

class SqliteWriter implements TelemetryWriter {
  readonly #options: SqliteWriterOptions;
  readonly #clock: Clock;
  readonly #release: () => void;
  readonly #requestLog: RequestLog;
  /** In order of last use. */
  readonly #days = new Map<Day, DayWriter>();
  /** When old requests of a day were forgotten last. */
  readonly #forgotUs = new Map<Day, number>();
  /** Days that compaction leaves alone. */
  readonly #damagedDays = new Set<Day>();
  /** Days that could not be read, and why. */
  readonly #unreadableDays = new Map<Day, string>();
  /** A group of which some days are committed and others are not. */
  #unfinished: GroupMark | undefined;

  constructor(options: SqliteWriterOptions, release: () => void) {
    this.#options = options;
    this.#clock = options.clock ?? createSteadyClock(systemClock);
    this.#release = release;
    this.#requestLog = new RequestLog(this.#clock.nowUs());
    finishRemovals(options.dataDir);
    finishRepairs(options.dataDir);
    this.#unfinished = loadGroupMark(options.dataDir);
    this.#finishGroup();
    this.#loadRequests();
  }

  write(group: IngestGroup): void {
    this.#finishGroup();
    const plan = planGroup(group, this.#requestLog);
    const parts = plan.parts.map((part) => ({ part, blocks: encodePart(group, part) }));
    const nowUs = this.#clock.nowUs();
    if (parts.length > 1) this.#beginGroup(parts.map(({ part }) => part.day));
    const groupId = this.#unfinished?.groupId;
    try {
      for (const { part, blocks } of parts) {
        this.#openForGroup(part.day).commit(part, { blocks, nowUs, groupId });
      }
    } catch (error) {
      this.#takeBack(error);
      throw writeError(error);
    }
    for (const request of plan.requests) this.#requestLog.remember(request, nowUs);
    this.#tryEndGroup();
    for (const { part } of parts) this.#tryBoundLog(this.#days.get(part.day));
  }

  findAnswer(hash: Uint8Array): RequestAnswer | undefined {
    return this.#requestLog.find(hash);
  }

  /** Opens every day, so that all are of this format version from then on. */
  loadTemplates(): readonly LogTemplate[] {
    const templates = new Map<string, LogTemplate>();
    for (const day of listDays(this.#options.dataDir)) {
      for (const template of this.#readIfSound(day, (writer) => writer.templates())) {
        if (!templates.has(template.templateId)) templates.set(template.templateId, template);
      }
    }
    return [...templates.values()];
  }

  unreadableDays(): readonly UnreadableDay[] {
    return [...this.#unreadableDays].map(([day, message]) => ({ day: dayName(day), message }));
  }

  /** Also forgets old requests and merges what is small, one bounded step per open day. */
  checkpoint(): void {
    this.#finishGroup(); // merging would take away what a receipt names
    const errors: unknown[] = [];
    for (const day of this.#days.values()) {
      try {
        this.#checkpointDay(day);
      } catch (error) {
        errors.push(error); // the other days are not to wait for this one
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  #checkpointDay(day: DayWriter): void {
    this.#boundLog(day);
    const nowUs = this.#clock.nowUs();
    // Looks through all commits of the last minutes, so not at every call.
    if (nowUs - (this.#forgotUs.get(day.day) ?? 0) >= FORGET_EVERY_US) {
      day.forgetRequests(nowUs - 2 * RETRY_HORIZON_US);
      this.#forgotUs.set(day.day, nowUs);
    }
    if (!this.#damagedDays.has(day.day) && !tryCompactDay(day)) this.#damagedDays.add(day.day);
  }

  retain(bounds: RetentionBounds): Retained {
    const { dataDir } = this.#options;
    const expired = expiredDays(dataDir, bounds);
    let freedBytes = 0;
    for (const day of expired) {
      // The newest day that stays, since it is written to anyway: a write makes an old day look young.
      const staying = listDays(dataDir).filter((other) => !expired.includes(other));
      this.#moveTemplates(day, staying.at(-1) ?? dayOf(bounds.nowUs));
      this.#days.get(day)?.close();
      this.#days.delete(day);
      this.#damagedDays.delete(day);
      this.#forgotUs.delete(day);
      freedBytes += dayBytes(dataDir, day);
      removeDay(dataDir, day);
    }
    return { removedDays: expired.map(dayName), freedBytes };
  }

  close(): void {
    for (const day of this.#days.values()) day.close();
    this.#days.clear();
    this.#release();
  }

  /** Nobody announces a template twice, so its text outlives the day it was seen on first. */
  #moveTemplates(from: Day, to: Day): void {
    try {
      const templates = this.#open(from).templates();
      if (templates.length > 0) this.#open(to).addTemplates(templates);
    } catch (error) {
      // A damaged day goes all the same, and the texts with it.
      if (!isAppError(error, 'store.corrupt')) throw error;
    }
  }

  /** The group is stored: a log that cannot be moved now is by checkpoint(), which tells why when it cannot. */
  #tryBoundLog(day: DayWriter | undefined): void {
    if (!day) return; // closed since, and with that moved
    try {
      this.#boundLog(day);
    } catch (error) {
      if (!isAppError(error)) throw error;
    }
  }

  #boundLog({ connection, file }: DayWriter): void {
    boundLog(connection, file, this.#options.logRestartBytes ?? LIMITS.logRestartBytes);
  }

  #beginGroup(days: readonly Day[]): void {
    const mark = { groupId: randomUUID(), days };
    writeGroupMark(mark, this.#options);
    this.#unfinished = mark;
  }

  #endGroup(): void {
    if (!this.#unfinished) return;
    removeGroupMark(this.#options);
    this.#unfinished = undefined;
  }

  /** The group is stored whole: a mark that cannot be removed now is before the next write. */
  #tryEndGroup(): void {
    try {
      this.#endGroup();
    } catch (error) {
      if (!isAppError(error, 'store.unavailable')) throw error;
    }
  }

  /** A mark whose commits are all there is of a whole group; else what is there is taken back. */
  #finishGroup(): void {
    if (!this.#unfinished) return;
    const { groupId, days } = this.#unfinished;
    const existing = listDays(this.#options.dataDir).filter((day) => days.includes(day));
    // What a damaged day holds is lost already, and was never acknowledged.
    const written = existing.flatMap((day) =>
      this.#readIfSound(day, (writer) => (writer.hasCommit(groupId) ? [day] : [])),
    );
    if (written.length < days.length) for (const day of written) this.#open(day).undo(groupId);
    this.#endGroup();
  }

  /** Nothing of a group that failed stays visible; what cannot be taken back now is before the next write. */
  #takeBack(cause: unknown): void {
    try {
      this.#finishGroup();
    } catch (error) {
      throw new AppError(
        'store.unavailable',
        `Cannot take back a part of a group: ${messageOf(error)}; before that: ${messageOf(cause)}`,
        { cause: error },
      );
    }
  }

  /** A day of another version is no fault of the group: its senders keep it meanwhile. */
  #openForGroup(day: Day): DayWriter {
    try {
      return this.#open(day);
    } catch (error) {
      if (!isAppError(error, 'store.rejected')) throw error;
      throw new AppError('store.unavailable', error.message, { cause: error });
    }
  }

  #open(day: Day): DayWriter {
    const known = this.#days.get(day);
    if (known) {
      this.#days.delete(day);
      this.#days.set(day, known);
      return known;
    }
    for (const [oldest, writer] of this.#days) {
      if (this.#days.size < OPEN_DAYS_MAX) break;
      writer.close();
      this.#days.delete(oldest);
    }
    const opened = new DayWriter({ ...this.#options, day });
    this.#days.set(day, opened);
    return opened;
  }

  /** Nothing of a day that is damaged or of another version: the others are not to wait for its repair. */
  #readIfSound<T>(day: Day, read: (writer: DayWriter) => readonly T[]): readonly T[] {
    try {
      return read(this.#open(day));
    } catch (error) {
      if (!isAppError(error) || error.code === 'store.unavailable') throw error;
      this.#unreadableDays.set(day, error.message);
      return [];
    }
  }

  /**
   * Requests of the last minutes before the last commit: the clock may have jumped since then. When it went back, more
   * than those, which costs nothing.
   */
  #loadRequests(): void {
    const { dataDir } = this.#options;
    const nowUs = this.#clock.nowUs();
    const files = listDays(dataDir).map((day) => ({ day, modifiedUs: modifiedUs(dataDir, day) }));
    const newestFileUs = Math.max(...files.map((file) => file.modifiedUs));
    const commits = files
      .filter((file) => file.modifiedUs >= Math.min(nowUs, newestFileUs) - REQUEST_FILES_US)
      .flatMap(({ day }) => this.#readIfSound(day, (writer) => writer.loadCommits()));
    const newestUs = commits.reduce((newest, { writtenUs }) => Math.max(newest, writtenUs), 0);
    const sinceUs = Math.min(nowUs, newestUs) - RETRY_HORIZON_US;
    for (const { writtenUs, requests } of commits) {
      if (writtenUs < sinceUs) continue;
      for (const request of decodeRequests(requests)) this.#requestLog.remember(request, nowUs);
    }
  }
}

/** A damaged day is no fault of the group: its senders keep it until the day is repaired. */
function writeError(error: unknown): unknown {
  if (!isAppError(error, 'store.corrupt')) return error;
  return new AppError(
    'store.unavailable',
    `${error.message}; stop and run "taproot doctor --repair"`,
    {
      cause: error,
    },
  );
}

function encodePart(group: IngestGroup, part: DayPart): readonly PackedBlock[] {
  try {
    const { spans, logs, points } = group;
    const spanRows = orderByTrace({ traceId: spans.traceId, timeUs: spans.startUs }, part.spanRows);
    const logRows = orderByTrace({ traceId: logs.traceId, timeUs: logs.timeUs }, part.logRows);
    const pointRows = orderBySeries(points, part.pointRows);
    return [
      ...chunksOf(spanRows).map((rows) => packBlock(encodeSpanBlock(spans, rows))),
      ...chunksOf(logRows).map((rows) => packBlock(encodeLogBlock(logs, rows))),
      ...chunksOf(pointRows).map((rows) => packBlock(encodePointBlock(points, rows))),
      ...part.profiles.map((profiles) => packBlock(encodeProfileBlock(profiles))),
    ];
  } catch (error) {
    if (isAppError(error)) throw error;
    throw new AppError('store.rejected', `Cannot encode a group: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function chunksOf(rows: Uint32Array): readonly Uint32Array[] {
  const chunks: Uint32Array[] = [];
  for (let start = 0; start < rows.length; start += LIMITS.blockRowsMax) {
    chunks.push(rows.subarray(start, start + LIMITS.blockRowsMax));
  }
  return chunks;
}

function modifiedUs(dataDir: string, day: Day): number {
  const file = dayPath(dataDir, day);
  const times = [file, `${file}-wal`].map(
    (name) => fs.statSync(name, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.max(...times) * US_PER_MS;
}
