/**
 * From the rows that could be salvaged to a sound day file: what checksums and decoders accept is kept byte for
 * byte, headers are derived from their blocks, the trace index is built anew, and the rest is reported.
 */
import { messageOf } from '../../base/errors.ts';
import { formatTime } from '../../base/time.ts';
import type { Signal } from '../../model/vocabulary.ts';
import type { DamagedRows } from '../api/maintenance.ts';
import { SECTION, SECTIONS_PER_BLOCK, SIGNAL } from './block.ts';
import { type DerivedHeader, deriveHeader, tryRecoverHeader } from './check-block.ts';
import {
  hasChecksum,
  isDecodable,
  isSoundTally,
  KEYS_OF,
  signalName,
  TALLY_TABLES,
  type TallyRow,
} from './check-rows.ts';
import { type BlockHeader, DayReader } from './day-reader.ts';
import type { DayWriter } from './day-writer.ts';
import type {
  PageSalvage,
  RowIdRange,
  RowOrigin,
  SalvagedRow,
  SqlValue,
  TableShape,
} from './repair-pages.ts';
import { decodeRequests } from './request-log.ts';
import { inTransaction } from './sqlite.ts';
import { TRACE_BUCKET_DIVISOR } from './trace-order.ts';
import { ALL_BUCKETS, SegmentList } from './trace-segment.ts';

export interface SalvagedRows {
  readonly keptRows: Readonly<Record<Signal, number>>;
  readonly lostRows: readonly DamagedRows[];
  readonly notes: readonly string[];
}

/** Fills the empty file of `writer` from `source`, in one transaction. */
export function salvageDay(
  source: PageSalvage,
  writer: DayWriter,
  tables: readonly TableShape[],
): SalvagedRows {
  return inTransaction(writer.connection, `repair ${writer.file}`, () =>
    new DaySalvage(writer).run(source, tables),
  );
}

/** From here on the trace index is split into buckets: a look-up is to read little. */
const BUCKETED_ENTRIES_MIN = 256 * 64;
const OPTIONAL_SECTIONS: Readonly<Record<Signal, string>> = {
  traces: 'events and links',
  logs: 'nothing',
  metrics: 'buckets and exemplars',
  profiles: 'nothing',
};
/** A header as it was found; any part of it may be damaged. */
type HeaderHint = Pick<BlockHeader, 'rowCount' | 'minUs' | 'maxUs'> & { readonly signal: number };

class DaySalvage {
  readonly #writer: DayWriter;
  readonly #hints = new Map<number, HeaderHint>();
  readonly #lostRows: DamagedRows[] = [];
  readonly #notes: string[] = [];
  readonly #keptRows: Record<Signal, number> = {
    traces: 0,
    logs: 0,
    metrics: 0,
    profiles: 0,
  };
  readonly #entries: { readonly hash: number; readonly blockId: number }[] = [];
  #oldSegmentIdMax = 0;

  constructor(writer: DayWriter) {
    this.#writer = writer;
  }

  run(source: PageSalvage, tables: readonly TableShape[]): SalvagedRows {
    const inserts = new Map(
      tables.map(({ name, columnCount }) => [
        name,
        this.#writer.connection.prepare(
          // A row of the tree comes before what was found beside it. A row with an absent value is none of ours.
          `INSERT OR IGNORE INTO ${name} VALUES (${Array(columnCount).fill('?').join()})`,
        ),
      ]),
    );
    const lost = source.visitRows(tables, (table, row, origin) => {
      if (table.name === 'blocks') this.#takeHint(row, origin);
      if (table.name === 'trace_segments')
        this.#oldSegmentIdMax = Math.max(this.#oldSegmentIdMax, row.rowId);
      if (isWorthKeeping(table, row, origin)) {
        const [first, ...rest] = row.values;
        inserts.get(table.name)!.run(table.hasRowIds ? row.rowId : first, ...rest);
      }
    });
    this.#keepBlocks(lost.get('sections') ?? []);
    this.#writeSegments();
    this.#checkTallies();
    this.#checkRequests();
    for (const name of TEXT_TABLES) {
      if (lost.get(name)?.length) this.#notes.push(`rows of ${name} are lost`);
    }
    for (const name of TALLY_TABLES) {
      if (lost.get(name)?.length) this.#notes.push(`${name} of some minutes are lost`);
    }
    if (this.#hints.size === 0 && this.#entries.length === 0)
      this.#notes.push('no row could be read');
    return { keptRows: this.#keptRows, lostRows: this.#lostRows, notes: this.#notes };
  }

  #takeHint({ rowId, values }: SalvagedRow, { isAlive }: RowOrigin): void {
    const [, signal, rowCount, minUs, maxUs] = values;
    if (!isAlive || this.#hints.has(rowId)) return;
    if (typeof signal !== 'number' || typeof rowCount !== 'number') return;
    if (typeof minUs !== 'number' || typeof maxUs !== 'number') return;
    this.#hints.set(rowId, { signal, rowCount, minUs, maxUs });
  }

  #keepBlocks(lostSections: readonly RowIdRange[]): void {
    const { connection, day, file } = this.#writer;
    const reader = DayReader.over(connection, day, file);
    const kinds = new Map<number, Set<number>>();
    const ids = connection.prepare('SELECT section_id FROM sections').pluck().all() as number[]; // INTEGER
    for (const id of ids) {
      const blockId = Math.floor(id / SECTIONS_PER_BLOCK);
      const known = kinds.get(blockId) ?? new Set();
      kinds.set(blockId, known.add(id % SECTIONS_PER_BLOCK));
    }
    const blockIds = new Set([...kinds.keys(), ...this.#hints.keys()]);
    for (const blockId of [...blockIds].sort((a, b) => a - b)) {
      const header = this.#tryHeader(reader, blockId, kinds.get(blockId) ?? new Set());
      if (header) this.#keepBlock(blockId, header, lostSections);
      else this.#writer.deleteBlock(blockId);
    }
  }

  /** Undefined, with the loss reported, when the block cannot be read. */
  #tryHeader(
    reader: DayReader,
    blockId: number,
    kinds: ReadonlySet<number>,
  ): DerivedHeader | undefined {
    const hint = this.#hints.get(blockId);
    const source = reader.sectionsOf({ blockId });
    let message = 'its header is lost';
    if (hint && isSignal(hint.signal)) {
      const { signal, rowCount } = hint;
      try {
        return this.#compared(blockId, hint, deriveHeader(source, { signal, rowCount }));
      } catch (error) {
        message = messageOf(error);
      }
    }
    const recovered = hasCore(kinds) ? tryRecoverHeader(kinds, source) : undefined;
    if (recovered) {
      this.#notes.push(`block ${blockId}: its header was damaged and is derived from its rows`);
      return recovered;
    }
    this.#lostRows.push({ ...describeHint(hint), message: `block ${blockId}: ${message}` });
    return undefined;
  }

  #compared(blockId: number, hint: HeaderHint, header: DerivedHeader): DerivedHeader {
    if (hint.minUs !== header.minUs || hint.maxUs !== header.maxUs) {
      this.#notes.push(`block ${blockId}: its header had other times than its rows`);
    }
    return header;
  }

  #keepBlock(blockId: number, header: DerivedHeader, lostSections: readonly RowIdRange[]): void {
    this.#writer.insertHeader(blockId, header);
    const signal = signalName(header.signal)!; // a signal of SIGNAL
    this.#keptRows[signal] += header.rowCount;
    for (const hash of new Set(header.traceHashes)) this.#entries.push({ hash, blockId });
    const first = blockId * SECTIONS_PER_BLOCK;
    const last = first + SECTIONS_PER_BLOCK - 1;
    const isDoubtful = lostSections.some(({ from, to }) => from <= last && to >= first);
    const what = OPTIONAL_SECTIONS[signal];
    if (isDoubtful && what !== 'nothing') {
      this.#notes.push(`block ${blockId} (${header.rowCount} ${signal} rows): ${what} may be lost`);
    }
  }

  #writeSegments(): void {
    const isBucketed = this.#entries.length >= BUCKETED_ENTRIES_MIN;
    const buckets = new Map<number, SegmentList>();
    for (const { hash, blockId } of this.#entries) {
      const bucket = isBucketed ? Math.floor(hash / TRACE_BUCKET_DIVISOR) : ALL_BUCKETS;
      const list = buckets.get(bucket) ?? new SegmentList();
      buckets.set(bucket, list);
      list.add(hash, blockId);
    }
    for (const [bucket, list] of buckets) this.#writer.insertSegment(bucket, list.sorted());
    // The receipt of a commit names its segments: what takes one back must not meet the new ones.
    this.#writer.connection
      .prepare('UPDATE trace_segments SET segment_id = segment_id + ?')
      .run(Math.max(this.#oldSegmentIdMax, buckets.size));
  }

  /** Blobs that are damaged, and those of endpoints or templates that are lost. */
  #checkTallies(): void {
    for (const table of TALLY_TABLES) {
      const keys = new Set(
        this.#writer.connection.prepare(`SELECT ${KEYS_OF[table]}`).pluck().all() as number[],
      );
      const rows = this.#writer.connection
        .prepare(`SELECT tally_id AS id, minute_us AS minuteUs, checksum, bytes FROM ${table}`)
        .all() as readonly TallyRow[]; // the columns of the statement
      const bad = rows.filter((row) => !isSoundTally(table, row, keys));
      this.#writer.deleteTallyBlobs(
        table,
        bad.map(({ id }) => id),
      );
      for (const minuteUs of new Set(bad.map((row) => row.minuteUs))) {
        this.#notes.push(
          `${table} of the minute ${formatMinute(minuteUs)} are lost, in part or whole`,
        );
      }
    }
  }

  #checkRequests(): void {
    const { connection } = this.#writer;
    const rows = connection
      .prepare('SELECT commit_id AS id, requests FROM commits')
      .all() as readonly { readonly id: number; readonly requests: Uint8Array }[]; // as selected
    const bad = rows.filter(({ requests }) => !isDecodable(() => decodeRequests(requests)));
    const remove = connection.prepare('DELETE FROM commits WHERE commit_id = ?');
    for (const { id } of bad) remove.run(id);
    if (bad.length > 0) {
      this.#notes.push(
        `hashes of requests in ${bad.length} commits are lost: what is sent again of them is stored again`,
      );
    }
  }
}

const TEXT_TABLES = ['endpoints', 'template_keys', 'templates', 'commits'] as const;
/** Headers of blocks, `meta` and the trace index are made anew. */
const REBUILT: ReadonlySet<string> = new Set(['blocks', 'meta', 'trace_segments']);

function isWorthKeeping(table: TableShape, { values }: SalvagedRow, origin: RowOrigin): boolean {
  if (REBUILT.has(table.name)) return false;
  if (origin.isInTree) return true;
  if (table.name === 'sections') return isSectionRow(values);
  if (table.name === 'tallies' || table.name === 'template_tallies') {
    return origin.isAlive && hasChecksum(values[2], values[3]);
  }
  return origin.isAlive;
}

function isSectionRow([, , , checksum, bytes]: readonly SqlValue[]): boolean {
  return hasChecksum(checksum, bytes);
}

function hasCore(kinds: ReadonlySet<number>): boolean {
  return kinds.has(SECTION.core) || kinds.has(SECTION.raw);
}

function isSignal(value: number): value is BlockHeader['signal'] {
  return Object.values<number>(SIGNAL).includes(value);
}

function describeHint(hint: HeaderHint | undefined): Omit<DamagedRows, 'message'> {
  if (!hint || !isSignal(hint.signal)) return {};
  const { rowCount, minUs, maxUs } = hint;
  const signal = signalName(hint.signal);
  return { ...(signal && { signal }), rowCount, minUs, maxUs };
}

/** A damaged number may be no time at all. */
function formatMinute(minuteUs: number): string {
  return Math.abs(minuteUs) < 8.64e18 ? formatTime(minuteUs) : String(minuteUs);
}
