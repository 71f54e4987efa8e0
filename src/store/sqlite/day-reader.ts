/** Reads one day's file: headers, sections, trace look-ups. Its own read-only connection; any thread. */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { AppError, messageOf } from '../../base/errors.ts';
import type { TimeRange } from '../../base/time.ts';
import { SECTION, SECTIONS_PER_BLOCK, type SectionSource, type SignalNumber } from './block.ts';
import { unpackSection } from './codec.ts';
import { type Day, dayFormat, dayPath } from './day-file.ts';
import {
  attempt,
  attemptRead,
  type Connection,
  type Statement,
  tryOpenForReading,
} from './sqlite.ts';
import { TallyKeys } from './tally-keys.ts';
import { TRACE_BUCKET_DIVISOR } from './trace-order.ts';
import { ALL_BUCKETS, findInSegment } from './trace-segment.ts';

export interface BlockHeader {
  readonly blockId: number;
  readonly signal: SignalNumber;
  readonly rowCount: number;
  readonly minUs: number;
  /** Last row's time, inclusive. */
  readonly maxUs: number;
  /** JSON arrays, parsed only by queries that filter. */
  readonly services: string;
  readonly names: string;
}

const HEADERS_PER_READ = 32;
const SECTION_NAMES = Object.keys(SECTION);
const HEADER_COLUMNS =
  'block_id AS blockId, signal, row_count AS rowCount, min_us AS minUs, max_us AS maxUs, services, names';

interface SectionRow {
  readonly codec: number;
  readonly raw_bytes: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

export type TallyTable = 'tallies' | 'template_tallies';

export interface BlobRow {
  readonly id: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

export class DayReader {
  readonly day: Day;
  readonly file: string;
  /** Tells a file from one that took its place. */
  readonly inode: number;
  readonly connection: Connection;
  readonly tallyKeys: TallyKeys;
  readonly #selectBlocks: Statement;
  readonly #selectBlock: Statement;
  readonly #selectSection: Statement;
  readonly #selectSegments: Statement;

  /** Undefined while the writer has not finished making the file, and when retention has removed it. */
  static tryOpen(dataDir: string, day: Day): DayReader | undefined {
    const file = dayPath(dataDir, day);
    const entry = attempt(`open ${file}`, () => fs.statSync(file, { throwIfNoEntry: false }));
    if (!entry) return undefined;
    try {
      const connection = tryOpenForReading(file, dayFormat(day));
      return connection && new DayReader({ day, file, inode: entry.ino, connection });
    } catch (error) {
      if (!fs.existsSync(file)) return undefined;
      throw error;
    }
  }

  /** Reads through the writer's own connection, for compaction; closing it is the writer's. */
  static over(connection: Connection, day: Day, file: string): DayReader {
    return new DayReader({ day, file, inode: 0, connection });
  }

  private constructor(opened: { day: Day; file: string; inode: number; connection: Connection }) {
    this.day = opened.day;
    this.file = opened.file;
    this.inode = opened.inode;
    this.connection = opened.connection;
    this.tallyKeys = new TallyKeys(opened.connection);
    const prepare = (sql: string) => this.connection.prepare(sql);
    this.#selectBlocks = prepare(
      `SELECT ${HEADER_COLUMNS} FROM blocks WHERE signal = ? AND max_us >= ? AND min_us < ?`,
    );
    this.#selectBlock = prepare(`SELECT ${HEADER_COLUMNS} FROM blocks WHERE block_id = ?`);
    this.#selectSection = prepare(
      'SELECT codec, raw_bytes, checksum, bytes FROM sections WHERE section_id = ?',
    );
    this.#selectSegments = prepare(
      'SELECT segment_id AS id, checksum, bytes FROM trace_segments WHERE bucket IN (?, ?)',
    );
  }

  /** Runs `body` on one state of the file, whatever the writer does meanwhile. May be nested. */
  snapshot<T>(body: () => T): T {
    return attemptRead(`read ${this.file}`, () => this.connection.transaction(body).deferred());
  }

  /** Headers of blocks that overlap the range, by first row's time. */
  blocksIn(signal: SignalNumber, range: TimeRange): readonly BlockHeader[] {
    // the columns of the statement are those of BlockHeader
    const rows = this.#selectBlocks.all(signal, range.fromUs, range.toUs) as BlockHeader[];
    return rows.sort((a, b) => a.minUs - b.minUs || a.blockId - b.blockId);
  }

  /** Every header, in order of writing. */
  allBlocks(): IterableIterator<BlockHeader> {
    const rows = this.connection.prepare(`SELECT ${HEADER_COLUMNS} FROM blocks ORDER BY block_id`);
    return rows.iterate() as IterableIterator<BlockHeader>; // columns as above
  }

  /**
   * As blocksIn(), by last row's time, the newest first, some after the other: a search that ends soon reads few
   * headers. Of a day of 10 M spans all would be 4 MB, 60 ms.
   */
  *newestBlocks(signal: SignalNumber, range: TimeRange): Generator<BlockHeader> {
    const select = this.connection.prepare(
      `SELECT ${HEADER_COLUMNS} FROM blocks WHERE signal = ? AND max_us >= ? AND min_us < ?
       AND max_us <= ? AND (max_us < ? OR block_id < ?)
       ORDER BY max_us DESC, block_id DESC LIMIT ${HEADERS_PER_READ}`,
    );
    let last = { maxUs: Number.MAX_SAFE_INTEGER, blockId: Number.MAX_SAFE_INTEGER };
    for (;;) {
      const { fromUs, toUs } = range;
      const { maxUs, blockId } = last;
      // the columns of the statement are those of BlockHeader
      const headers = select.all(signal, fromUs, toUs, maxUs, maxUs, blockId) as BlockHeader[];
      yield* headers;
      const oldest = headers.at(-1);
      if (!oldest || headers.length < HEADERS_PER_READ) return;
      last = oldest;
    }
  }

  findBlock(blockId: number): BlockHeader | undefined {
    return this.#selectBlock.get(blockId) as BlockHeader | undefined; // columns as above
  }

  /** Where a block stands, for messages. */
  placeOf(header: BlockHeader): string {
    return `block ${header.blockId} of ${this.file}`;
  }

  /** Unpacks sections of a block on demand; a damaged one throws `store.corrupt`. */
  sectionsOf(header: Pick<BlockHeader, 'blockId'>): SectionSource {
    return (kind) => {
      const row = this.#selectSection.get(header.blockId * SECTIONS_PER_BLOCK + kind) as
        | SectionRow
        | undefined; // columns of the statement
      if (!row) return undefined;
      try {
        return unpackSection({ ...row, rawBytes: row.raw_bytes });
      } catch (error) {
        throw new AppError(
          'store.corrupt',
          `section ${SECTION_NAMES[kind] ?? kind}: ${messageOf(error)}`,
          { cause: error },
        );
      }
    };
  }

  /** Blocks that may hold rows of a trace with this hash; newest last. */
  blocksOfTrace(hash: number): readonly BlockHeader[] {
    const bucket = Math.floor(hash / TRACE_BUCKET_DIVISOR);
    const rows = this.#selectSegments.all(ALL_BUCKETS, bucket) as BlobRow[]; // columns as above
    const blockIds = new Set<number>();
    for (const row of rows) {
      const bytes = this.checkedBytes(row, 'trace segment');
      for (const blockId of findInSegment(bytes, hash)) blockIds.add(blockId);
    }
    // Merged blocks leave entries behind until the index is merged, too.
    return [...blockIds]
      .sort((a, b) => a - b)
      .map((blockId) => this.findBlock(blockId))
      .filter((header) => header !== undefined);
  }

  /** Blocks with fewer rows, in order of writing. */
  smallBlocks(
    signal: SignalNumber,
    bound: { readonly rowsMax: number; readonly limit: number },
  ): readonly BlockHeader[] {
    return this.connection
      .prepare(
        `SELECT ${HEADER_COLUMNS} FROM blocks WHERE signal = ? AND row_count < ?
         ORDER BY block_id LIMIT ?`,
      )
      .all(signal, bound.rowsMax, bound.limit) as BlockHeader[]; // columns as above
  }

  hasBlock(blockId: number): boolean {
    return (
      this.connection.prepare('SELECT 1 FROM blocks WHERE block_id = ?').get(blockId) !== undefined
    );
  }

  countSegments(bucket: number): number {
    return Number(
      this.connection
        .prepare('SELECT COUNT(*) FROM trace_segments WHERE bucket = ?')
        .pluck()
        .get(bucket),
    );
  }

  /** The first `limit` segments of a bucket; all without a limit. */
  segmentsOf(bucket: number, limit = Number.MAX_SAFE_INTEGER): readonly BlobRow[] {
    const rows = this.connection
      .prepare(
        `SELECT segment_id AS id, checksum, bytes FROM trace_segments WHERE bucket = ?
         ORDER BY segment_id LIMIT ?`,
      )
      .all(bucket, limit) as BlobRow[]; // columns as above
    for (const row of rows) this.checkedBytes(row, 'trace segment');
    return rows;
  }

  /** A bucket with at least so many segments. */
  findCrowdedBucket(segmentsMin: number): number | undefined {
    return this.connection
      .prepare(
        `SELECT bucket FROM trace_segments WHERE bucket >= 0
         GROUP BY bucket HAVING COUNT(*) >= ? LIMIT 1`,
      )
      .pluck()
      .get(segmentsMin) as number | undefined; // the column is INTEGER NOT NULL
  }

  /** A minute with at least so many blobs. */
  findCrowdedMinute(table: TallyTable, blobsMin: number): number | undefined {
    return this.connection
      .prepare(`SELECT minute_us FROM ${table} GROUP BY minute_us HAVING COUNT(*) >= ? LIMIT 1`)
      .pluck()
      .get(blobsMin) as number | undefined; // the column is INTEGER NOT NULL
  }

  /** The first `limit` blobs of a minute. */
  tallyBlobs(table: TallyTable, minuteUs: number, limit: number): readonly BlobRow[] {
    const rows = this.connection
      .prepare(`SELECT tally_id AS id, checksum, bytes FROM ${table} WHERE minute_us = ? LIMIT ?`)
      .all(minuteUs, limit) as BlobRow[]; // columns as above
    for (const row of rows) this.checkedBytes(row, table);
    return rows;
  }

  checkedBytes(row: BlobRow, title: string): Uint8Array {
    if (zlib.crc32(row.bytes) === row.checksum) return row.bytes;
    throw new AppError(
      'store.corrupt',
      `Cannot read ${title} ${row.id} of ${this.file}: the checksum differs`,
    );
  }

  close(): void {
    this.connection.close();
  }
}

/** True when all rows of the block lie in the range. */
export function isInside(header: BlockHeader, range: TimeRange): boolean {
  return header.minUs >= range.fromUs && header.maxUs < range.toUs;
}

/** Does a header's JSON list hold the text? An empty one stands for a list too long to keep there. */
export function listHolds(json: string, text: string): boolean {
  if (json === '') return true;
  // JSON.parse of what JSON.stringify of a string list wrote
  return (JSON.parse(json) as readonly string[]).includes(text);
}
