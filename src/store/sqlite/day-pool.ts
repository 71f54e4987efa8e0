/**
 * Open day files of one reader: opened on demand, the least recently used closed, replaced files noticed. What cannot
 * be read is left out and noted, so that one bad file or block does not take the rest away.
 */
import fs from 'node:fs';
import { isAppError, messageOf } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type TimeRange, US_PER_HOUR } from '../../base/time.ts';
import type { Page, StoreFault } from '../api/telemetry.ts';
import type { SignalNumber } from './block.ts';
import { type Day, dayPath, dayRange, listDays } from './day-file.ts';
import { type BlockHeader, DayReader } from './day-reader.ts';
import { attempt } from './sqlite.ts';

const OPEN_DAYS_MAX = 16;
/** A trace, and the logs of it, may begin before and end after the time that leads to it. */
const NEAR_US = US_PER_HOUR;

interface OpenDay {
  readonly reader: DayReader;
  /** Calls of use() that have not returned; such a day is never closed. */
  useCount: number;
}

export class DayPool {
  readonly #dataDir: string;
  /** In order of last use. */
  readonly #open = new Map<Day, OpenDay>();
  /** By place. */
  readonly #faults = new Map<string, StoreFault>();
  #faultCount = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Days with a file that overlap the range, ascending; all without a range. */
  days(range?: TimeRange): readonly Day[] {
    const days = attempt(`list days of ${this.#dataDir}`, () => listDays(this.#dataDir));
    this.#closeRemoved(days);
    if (!range) return days;
    return days.filter((day) => {
      const { fromUs, toUs } = dayRange(day);
      return fromUs < range.toUs && toUs > range.fromUs;
    });
  }

  /** As days(), with some slack on both sides. */
  daysNear(near?: TimeRange): readonly Day[] {
    return this.days(near && { fromUs: near.fromUs - NEAR_US, toUs: near.toUs + NEAR_US });
  }

  /** How often something could not be read so far; what a query left out is the difference. */
  get faultCount(): number {
    return this.#faultCount;
  }

  faults(range?: TimeRange): readonly StoreFault[] {
    const all = [...this.#faults.values()];
    if (!range) return all;
    return all.filter(
      (fault) => fault.range.fromUs < range.toUs && fault.range.toUs > range.fromUs,
    );
  }

  /**
   * Runs `body` on one state of the day; undefined when the file is not there (yet, or any more), and when it is
   * damaged beyond the blocks that tryRead() leaves out.
   */
  use<T>(day: Day, body: (reader: DayReader) => T): T | undefined {
    const file = dayPath(this.#dataDir, day);
    const range = dayRange(day);
    const entry = this.#attempt({ place: file, range }, () => this.#tryOpen(day));
    if (!entry) return undefined;
    this.#faults.delete(file); // it was repaired, or brought up to this version
    entry.useCount++;
    try {
      return this.#attempt({ place: `tables of ${file}`, range }, () =>
        entry.reader.snapshot(() => body(entry.reader)),
      );
    } finally {
      entry.useCount--;
    }
  }

  /** What `read` gives, or undefined when the block is damaged. */
  tryRead<T>(reader: DayReader, header: BlockHeader, read: () => T): T | undefined {
    const range = { fromUs: header.minUs, toUs: header.maxUs + 1 };
    return this.#attempt({ place: reader.placeOf(header), range }, read);
  }

  /**
   * Visits blocks that overlap the range by last row's time, newest first, until `visit` returns false.
   * No row of a later block is younger than `restMaxUs`. Returns false when it was stopped.
   */
  visitNewestFirst(
    wanted: { readonly signal: SignalNumber; readonly range: TimeRange },
    visit: (block: { reader: DayReader; header: BlockHeader; restMaxUs: number }) => boolean,
  ): boolean {
    const days = [...this.days(wanted.range)].reverse();
    for (let index = 0; index < days.length; index++) {
      const nextDay = days[index + 1];
      const dayRestUs =
        nextDay === undefined ? Number.NEGATIVE_INFINITY : dayRange(nextDay).toUs - 1;
      const isDone = this.use(days[index]!, (reader) => {
        const blocks = reader.newestBlocks(wanted.signal, wanted.range);
        let next = blocks.next();
        while (!next.done) {
          const header = next.value;
          next = blocks.next();
          const restMaxUs = next.done ? dayRestUs : next.value.maxUs;
          if (!visit({ reader, header, restMaxUs })) return false;
        }
        return true;
      });
      if (isDone === false) return false;
    }
    return true;
  }

  close(): void {
    for (const { reader } of this.#open.values()) reader.close();
    this.#open.clear();
  }

  #attempt<T>(where: Omit<StoreFault, 'message'>, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#faultCount++;
      if (this.#faults.size < LIMITS.storeFaultsMax || this.#faults.has(where.place)) {
        this.#faults.set(where.place, { ...where, message: messageOf(error) });
      }
      return undefined;
    }
  }

  #tryOpen(day: Day): OpenDay | undefined {
    const known = this.#open.get(day);
    if (known) {
      if (known.useCount > 0 || isSameFile(known.reader)) {
        this.#open.delete(day);
        this.#open.set(day, known);
        return known;
      }
      known.reader.close();
      this.#open.delete(day);
    }
    this.#closeOldest();
    const reader = DayReader.tryOpen(this.#dataDir, day);
    if (!reader) return undefined;
    const entry = { reader, useCount: 0 };
    this.#open.set(day, entry);
    return entry;
  }

  /** An open handle would keep a removed file's bytes on the disk. */
  #closeRemoved(days: readonly Day[]): void {
    for (const [day, { reader, useCount }] of this.#open) {
      if (useCount > 0 || days.includes(day)) continue;
      reader.close();
      this.#open.delete(day);
    }
  }

  #closeOldest(): void {
    for (const [day, { reader, useCount }] of this.#open) {
      if (this.#open.size < OPEN_DAYS_MAX) return;
      if (useCount > 0) continue;
      reader.close();
      this.#open.delete(day);
    }
  }
}

/** A page that says what damage has kept from it. */
export function withDamage<T>(pool: DayPool, read: () => Page<T>): Page<T> {
  const before = pool.faultCount;
  const page = read();
  const damagedCount = pool.faultCount - before;
  return damagedCount === 0 ? page : { ...page, wasCut: true, damagedCount };
}

/** Damage, and files of another version: both are of one place. A full disk or a lock is of the whole store. */
function isFault(error: unknown): boolean {
  return isAppError(error, 'store.corrupt') || isAppError(error, 'store.rejected');
}

function isSameFile(reader: DayReader): boolean {
  return fs.statSync(reader.file, { throwIfNoEntry: false })?.ino === reader.inode;
}
