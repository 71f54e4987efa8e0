/**
 * Looks for damage in day files, reading only, also beside a running writer: what each file holds, what of it
 * cannot be read, and why. Repairs nothing (see repair.ts).
 */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { isAppError, messageOf } from '../../base/errors.ts';
import type { CheckOptions, DamagedRows, DayCheck } from '../api/maintenance.ts';
import { decodeAt, mainSectionOf, SECTION, SECTIONS_PER_BLOCK } from './block.ts';
import { type DerivedHeader, deriveHeader } from './check-block.ts';
import { isSoundTally, KEYS_OF, signalName, TALLY_TABLES, type TallyRow } from './check-rows.ts';
import { type Day, dayName, dayPath, listDays } from './day-file.ts';
import { type BlobRow, type BlockHeader, DayReader } from './day-reader.ts';
import { decodeRequests } from './request-log.ts';
import { attempt } from './sqlite.ts';
import { visitSegment } from './trace-segment.ts';

const FAULTS_MAX = 100;
const INTEGRITY_ERRORS_MAX = 20;

export function checkSqlite({ dataDir, depth }: CheckOptions): readonly DayCheck[] {
  const days = attempt(`list days of ${dataDir}`, () => listDays(dataDir));
  return days.map((day) => checkDay(dataDir, day, depth));
}

export function checkDay(dataDir: string, day: Day, depth: CheckOptions['depth']): DayCheck {
  const file = dayPath(dataDir, day);
  const base = {
    day: dayName(day),
    sizeBytes: sizeOf(file),
    walBytes: sizeOf(`${file}-wal`),
    rows: { traces: 0, logs: 0, metrics: 0, profiles: 0 },
    damagedRows: [],
  };
  let reader: DayReader | undefined;
  try {
    reader = DayReader.tryOpen(dataDir, day);
    if (!reader) {
      // The writer makes the tables in one transaction; before it the file is empty.
      const isNew = base.sizeBytes === 0;
      return {
        ...base,
        state: isNew ? 'ok' : 'unreadable',
        faults: isNew ? [] : [`${file} has no tables`],
      };
    }
    return { ...base, ...examine(reader, depth) };
  } catch (error) {
    const state = isAppError(error, 'store.rejected') ? 'other version' : 'unreadable';
    return { ...base, state, faults: [messageOf(error)] };
  } finally {
    reader?.close();
  }
}

type Examined = Pick<DayCheck, 'state' | 'rows' | 'damagedRows' | 'faults'>;

function examine(reader: DayReader, depth: CheckOptions['depth']): Examined {
  let examined: Examined | undefined;
  try {
    reader.snapshot(() => {
      examined = new DayExamination(reader, depth).run();
    });
  } catch (error) {
    // SQLite cannot even end a transaction that has met a broken page; what was found then is told all the same.
    if (!examined) throw error;
  }
  if (!examined) throw new Error('an examination has no result');
  return examined;
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** One pass over an open file; damage is gathered, not thrown. */
class DayExamination {
  readonly #reader: DayReader;
  readonly #isFull: boolean;
  readonly #rows = { traces: 0, logs: 0, metrics: 0, profiles: 0 };
  readonly #damagedRows: DamagedRows[] = [];
  readonly #faults: string[] = [];
  /** Hashes of the trace index by block; only for a full check. */
  readonly #indexed = new Map<number, Set<number>>();

  constructor(reader: DayReader, depth: CheckOptions['depth']) {
    this.#reader = reader;
    this.#isFull = depth === 'full';
  }

  run(): Examined {
    this.#gather(() => this.#checkSegments());
    this.#gather(() => this.#checkBlocks());
    for (const table of TALLY_TABLES) this.#gather(() => this.#checkTallies(table));
    this.#gather(() => this.#checkTexts());
    this.#gather(() => this.#checkRequests());
    if (this.#isFull) this.#gather(() => this.#checkPages());
    const damagedRows = this.#damagedRows;
    const state = damagedRows.length + this.#faults.length > 0 ? 'damaged' : 'ok';
    return { state, rows: this.#rows, damagedRows, faults: this.#faults.slice(0, FAULTS_MAX) };
  }

  #gather(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#faults.push(messageOf(error));
    }
  }

  #checkSegments(): void {
    const rows = this.#reader.connection
      .prepare('SELECT segment_id AS id, checksum, bytes FROM trace_segments')
      .iterate() as IterableIterator<BlobRow>; // the columns of the statement
    for (const row of rows) {
      this.#gather(() => {
        const bytes = this.#reader.checkedBytes(row, 'trace segment');
        const place = `trace segment ${row.id} of ${this.#reader.file}`;
        decodeAt(place, () =>
          visitSegment(bytes, (hash, blockId) => {
            if (this.#isFull) this.#addIndexed(hash, blockId);
            return true;
          }),
        );
      });
    }
  }

  #addIndexed(hash: number, blockId: number): void {
    const hashes = this.#indexed.get(blockId);
    if (hashes) hashes.add(hash);
    else this.#indexed.set(blockId, new Set([hash]));
  }

  #checkBlocks(): void {
    for (const header of this.#reader.allBlocks()) {
      const { rowCount, minUs, maxUs } = header;
      const signal = signalName(header.signal);
      try {
        this.#checkSections(header);
        if (this.#isFull) this.#checkHeader(header);
        if (signal) this.#rows[signal] += rowCount;
      } catch (error) {
        const message = messageOf(error);
        this.#damagedRows.push({ ...(signal && { signal }), rowCount, minUs, maxUs, message });
      }
    }
  }

  #checkSections(header: BlockHeader): void {
    const first = header.blockId * SECTIONS_PER_BLOCK;
    const rows = this.#reader.connection
      .prepare(
        'SELECT section_id AS id, checksum, bytes FROM sections WHERE section_id >= ? AND section_id < ?',
      )
      .all(first, first + SECTIONS_PER_BLOCK) as readonly BlobRow[]; // the columns of the statement
    decodeAt(this.#reader.placeOf(header), () => {
      for (const { id, checksum, bytes } of rows) {
        const isSound = zlib.crc32(bytes) === checksum;
        if (!isSound)
          throw new RangeError(`section ${sectionName(id - first)}: the checksum differs`);
      }
      const main = mainSectionOf(header.signal);
      if (!rows.some(({ id }) => id === first + main)) {
        throw new RangeError(`section ${sectionName(main)} is missing`);
      }
    });
  }

  #checkHeader(header: BlockHeader): void {
    const derived = decodeAt(this.#reader.placeOf(header), () =>
      deriveHeader(this.#reader.sectionsOf(header), header),
    );
    this.#gather(() => assertHeader(header, derived, this.#reader.placeOf(header)));
    const indexed = this.#indexed.get(header.blockId);
    if (derived.traceHashes.some((hash) => !indexed?.has(hash))) {
      this.#faults.push(`traces of ${this.#reader.placeOf(header)} are missing in the trace index`);
    }
  }

  #checkTallies(table: (typeof TALLY_TABLES)[number]): void {
    const { connection, file } = this.#reader;
    const keys = new Set(
      connection.prepare(`SELECT ${KEYS_OF[table]}`).pluck().all() as number[], // INTEGER PRIMARY KEY
    );
    const rows = connection
      .prepare(`SELECT tally_id AS id, minute_us AS minuteUs, checksum, bytes FROM ${table}`)
      .iterate() as IterableIterator<TallyRow>; // the columns of the statement
    for (const row of rows) {
      if (!isSoundTally(table, row, keys)) {
        this.#faults.push(`Cannot read ${table} ${row.id} of ${file}: it is damaged`);
      }
    }
  }

  /** Texts have no checksum: only what SQLite cannot read shows. */
  #checkTexts(): void {
    for (const columns of TEXT_COLUMNS) this.#reader.connection.prepare(`SELECT ${columns}`).all();
  }

  #checkRequests(): void {
    const rows = this.#reader.connection
      .prepare('SELECT commit_id AS id, requests FROM commits')
      .iterate() as IterableIterator<{ readonly id: number; readonly requests: Uint8Array }>; // as selected
    for (const { id, requests } of rows) {
      this.#gather(() => {
        decodeAt(`requests of commit ${id} of ${this.#reader.file}`, () =>
          decodeRequests(requests),
        );
      });
    }
  }

  #checkPages(): void {
    const messages = this.#reader.connection
      .prepare(`PRAGMA integrity_check(${INTEGRITY_ERRORS_MAX})`)
      .pluck()
      .all() as readonly string[]; // one text a row
    for (const message of messages) if (message !== 'ok') this.#faults.push(message);
  }
}

const TEXT_COLUMNS = [
  'SUM(LENGTH(template_id) + LENGTH(service)) FROM template_keys',
  'SUM(LENGTH(endpoint_id) + LENGTH(service) + LENGTH(operation) + stage) FROM endpoints',
  'SUM(LENGTH(template_id) + LENGTH(service) + LENGTH(text) + first_seen_us) FROM templates',
] as const;

function sectionName(kind: number): string {
  return Object.entries(SECTION).find(([, number]) => number === kind)?.[0] ?? String(kind);
}

function assertHeader(header: BlockHeader, derived: DerivedHeader, place: string): void {
  const isSame =
    header.minUs === derived.minUs &&
    header.maxUs === derived.maxUs &&
    header.services === JSON.stringify(derived.services) &&
    (header.names === '' || header.names === JSON.stringify(derived.names));
  if (!isSame) throw new RangeError(`Cannot trust the header of ${place}: its rows say otherwise`);
}
