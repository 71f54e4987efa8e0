/**
 * Reads the rows of a damaged SQLite file page by page, where SQLite itself gives up: a page that is broken
 * costs what it holds and nothing else. Format: https://www.sqlite.org/fileformat2.html. Read only; the file's log
 * (WAL) must be in the file already.
 */
import fs from 'node:fs';

export type SqlValue = number | string | Uint8Array | null;

export interface SalvagedRow {
  /** 0 in a table without row ids. */
  readonly rowId: number;
  readonly values: readonly SqlValue[];
}

export interface TableShape {
  readonly name: string;
  readonly columnCount: number;
  readonly hasRowIds: boolean;
  /** Where the table begins in a file that was made with our schema. */
  readonly rootPage: number;
}

/** Kinds of b-tree pages, section 1.6 of the format. */
const PAGE = { interiorIndex: 2, interiorTable: 5, leafIndex: 10, leafTable: 13 } as const;
const HEADER_BYTES = 100;
const DEPTH_MAX = 20;
/** No value of ours is larger; a damaged size must not allocate. */
const PAYLOAD_BYTES_MAX = 1024 * 1024 * 1024;

/** Row ids that may have held rows which cannot be found; both inclusive. */
export interface RowIdRange {
  readonly from: number;
  readonly to: number;
}

/** How sure it is that a row belongs to the file as it was last written. */
export interface RowOrigin {
  /** False: it stands on a page that nothing leads to. Checksums must tell whether it is a row of this table. */
  readonly isInTree: boolean;
  /** False: it may also have been deleted long ago, since the list of free pages is damaged, too. */
  readonly isAlive: boolean;
}

type VisitRow = (row: SalvagedRow) => void;

export class PageSalvage {
  readonly #handle: number;
  readonly #pageBytes: number;
  readonly #pageCount: number;
  /** Pages of the free list, or undefined when it cannot be followed. */
  readonly #freePages: ReadonlySet<number> | undefined;
  /** Pages with rows that some tree leads to. */
  readonly #placedPages = new Set<number>();

  constructor(file: string, pageBytes: number) {
    this.#handle = fs.openSync(file, 'r');
    this.#pageBytes = pageBytes;
    this.#pageCount = Math.ceil(fs.fstatSync(this.#handle).size / pageBytes);
    this.#freePages = this.#readFreePages();
  }

  close(): void {
    fs.closeSync(this.#handle);
  }

  /**
   * Visits the rows of every table: first those that its tree leads to; then, for tables whose tree is broken,
   * those on pages that no tree leads to. Returns for each table where rows may be missing.
   */
  visitRows(
    tables: readonly TableShape[],
    visit: (table: TableShape, row: SalvagedRow, origin: RowOrigin) => void,
  ): ReadonlyMap<string, readonly RowIdRange[]> {
    const lost = new Map<string, RowIdRange[]>();
    for (const table of tables) {
      const walk = new TreeWalk(table, (row) => visit(table, row, IN_TREE));
      this.#visitTree(walk, { number: table.rootPage, range: ALL_ROWS, depth: 0 });
      lost.set(table.name, walk.lost);
    }
    const broken = tables.filter(({ name }) => lost.get(name)!.length > 0);
    const origin = { isInTree: false, isAlive: this.#freePages !== undefined };
    for (let number = 2; broken.length > 0 && number <= this.#pageCount; number++) {
      if (this.#placedPages.has(number) || this.#freePages?.has(number)) continue;
      const page = this.#page(number);
      for (const table of broken) {
        if (page[0] !== (table.hasRowIds ? PAGE.leafTable : PAGE.leafIndex)) continue;
        const walk = new TreeWalk(table, (row) => visit(table, row, origin));
        this.#visitLeaf(page, walk, { number, range: ALL_ROWS });
        if (origin.isAlive) lost.set(table.name, without(lost.get(table.name)!, walk.found));
      }
    }
    return lost;
  }

  #visitTree(
    walk: TreeWalk,
    place: { readonly number: number; readonly range: RowIdRange; readonly depth: number },
  ): void {
    const { number, range, depth } = place;
    const isPage = number > 1 && number <= this.#pageCount && depth <= DEPTH_MAX;
    if (!isPage || walk.pages.has(number)) {
      walk.lost.push(range);
      return;
    }
    walk.pages.add(number);
    const page = this.#page(number);
    const { hasRowIds } = walk.table;
    const [interior, leaf] = hasRowIds
      ? [PAGE.interiorTable, PAGE.leafTable]
      : [PAGE.interiorIndex, PAGE.leafIndex];
    if (page[0] === leaf) {
      this.#visitLeaf(page, walk, place);
      return;
    }
    if (page[0] !== interior) {
      walk.lost.push(range);
      return;
    }
    const { offsets, isWhole } = cellsOf(page, 12);
    if (!isWhole) walk.lost.push(range);
    let from = range.from;
    for (const offset of offsets) {
      const to = hasRowIds ? tryRowId(page, offset + 4) : 0;
      const child = { from, to: to ?? range.to };
      this.#visitTree(walk, { number: page.readUInt32BE(offset), range: child, depth: depth + 1 });
      if (!hasRowIds) this.#visitCell(page, walk, { offset: offset + 4, range });
      from = hasRowIds ? child.to + 1 : from;
    }
    const last = { from, to: range.to };
    this.#visitTree(walk, { number: page.readUInt32BE(8), range: last, depth: depth + 1 });
  }

  #visitLeaf(
    page: Buffer,
    walk: TreeWalk,
    place: { readonly number: number; readonly range: RowIdRange },
  ): void {
    const { offsets, isWhole } = cellsOf(page, 8);
    if (!isWhole) walk.lost.push(place.range);
    const rowIds = offsets.flatMap(
      (offset) => this.#visitCell(page, walk, { offset, range: place.range }) ?? [],
    );
    if (rowIds.length === 0) return;
    this.#placedPages.add(place.number);
    walk.found.push({ from: Math.min(...rowIds), to: Math.max(...rowIds) });
  }

  /** The row id of a row that was visited. */
  #visitCell(
    page: Buffer,
    walk: TreeWalk,
    place: { readonly offset: number; readonly range: RowIdRange },
  ): number | undefined {
    try {
      const row = this.#readCell(page, place.offset, walk.table);
      if (row) {
        walk.visit(row);
        return row.rowId;
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    const rowId = walk.table.hasRowIds ? tryRowId(page, place.offset, 1) : undefined;
    const isInside = rowId !== undefined && rowId >= place.range.from && rowId <= place.range.to;
    walk.lost.push(isInside ? { from: rowId, to: rowId } : place.range);
    return undefined;
  }

  /** Undefined, or a RangeError, when the cell is no row of the table. */
  #readCell(page: Buffer, offset: number, table: TableShape): SalvagedRow | undefined {
    const cursor = { at: offset };
    const payloadBytes = readVarint(page, cursor);
    const rowId = table.hasRowIds ? readVarint(page, cursor) : 0;
    const payload = this.#readPayload(page, { at: cursor.at, payloadBytes, table });
    const values = payload && decodeRecord(payload);
    return values?.length === table.columnCount ? { rowId, values } : undefined;
  }

  /** The part in the page, then the overflow pages: section 1.6, "the amount of payload that is stored". */
  #readPayload(
    page: Buffer,
    cell: { readonly at: number; readonly payloadBytes: number; readonly table: TableShape },
  ): Buffer | undefined {
    const { at, payloadBytes, table } = cell;
    if (payloadBytes > Math.min(PAYLOAD_BYTES_MAX, this.#pageCount * this.#pageBytes)) return;
    const usable = this.#pageBytes;
    const localMax = table.hasRowIds ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
    if (payloadBytes <= localMax) {
      return at + payloadBytes <= page.length ? page.subarray(at, at + payloadBytes) : undefined;
    }
    const localMin = Math.floor(((usable - 12) * 32) / 255) - 23;
    const fitting = localMin + ((payloadBytes - localMin) % (usable - 4));
    const localBytes = fitting <= localMax ? fitting : localMin;
    if (at + localBytes + 4 > page.length) return undefined;
    const payload = Buffer.alloc(payloadBytes);
    page.copy(payload, 0, at, at + localBytes);
    let next = page.readUInt32BE(at + localBytes);
    for (let filled = localBytes; filled < payloadBytes; ) {
      if (next < 2 || next > this.#pageCount) return undefined;
      const overflow = this.#page(next);
      next = overflow.readUInt32BE(0);
      filled += overflow.copy(payload, filled, 4, 4 + Math.min(usable - 4, payloadBytes - filled));
    }
    return payload;
  }

  /** Section 1.5. Undefined when it does not hold what the header of the file says. */
  #readFreePages(): ReadonlySet<number> | undefined {
    const header = this.#read(0, HEADER_BYTES);
    const free = new Set<number>();
    let trunk = header.readUInt32BE(32);
    while (trunk !== 0) {
      if (trunk < 2 || trunk > this.#pageCount || free.has(trunk)) return undefined;
      free.add(trunk);
      const page = this.#page(trunk);
      const count = page.readUInt32BE(4);
      if (8 + 4 * count > page.length) return undefined;
      for (let index = 0; index < count; index++) free.add(page.readUInt32BE(8 + 4 * index));
      trunk = page.readUInt32BE(0);
    }
    return free.size === header.readUInt32BE(36) ? free : undefined;
  }

  #page(number: number): Buffer {
    return this.#read((number - 1) * this.#pageBytes, this.#pageBytes);
  }

  /** What lies beyond the end of a cut file reads as zeros. */
  #read(position: number, sizeBytes: number): Buffer {
    const bytes = Buffer.alloc(sizeBytes);
    fs.readSync(this.#handle, bytes, 0, sizeBytes, position);
    return bytes;
  }
}

const IN_TREE: RowOrigin = { isInTree: true, isAlive: true };
const ALL_ROWS: RowIdRange = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** One pass over one table's tree, or over a page of it. */
class TreeWalk {
  readonly table: TableShape;
  readonly visit: VisitRow;
  /** A page that is reached twice is reached by a damaged pointer. */
  readonly pages = new Set<number>();
  readonly lost: RowIdRange[] = [];
  /** From the first to the last row of each page: between them there are no others. */
  readonly found: RowIdRange[] = [];

  constructor(table: TableShape, visit: VisitRow) {
    this.table = table;
    this.visit = visit;
  }
}

/** Offsets of cells that lie inside the page. */
function cellsOf(
  page: Buffer,
  headerBytes: number,
): { readonly offsets: readonly number[]; readonly isWhole: boolean } {
  const count = page.readUInt16BE(3);
  const pointersEnd = headerBytes + 2 * count;
  if (pointersEnd > page.length) return { offsets: [], isWhole: false };
  const offsets: number[] = [];
  for (let at = headerBytes; at < pointersEnd; at += 2) {
    const offset = page.readUInt16BE(at);
    if (offset >= pointersEnd && offset + 4 <= page.length) offsets.push(offset);
  }
  return { offsets, isWhole: offsets.length === count };
}

/** The varint at an offset, after so many others. */
function tryRowId(page: Buffer, offset: number, skipCount = 0): number | undefined {
  const cursor = { at: offset };
  try {
    for (let index = 0; index < skipCount; index++) readVarint(page, cursor);
    return readVarint(page, cursor);
  } catch {
    return undefined; // it runs over the end of the page
  }
}

function without(ranges: readonly RowIdRange[], found: readonly RowIdRange[]): RowIdRange[] {
  return found.reduce<RowIdRange[]>(
    (rest, { from, to }) =>
      rest
        .flatMap((range) => [
          { from: range.from, to: Math.min(range.to, from - 1) },
          { from: Math.max(range.from, to + 1), to: range.to },
        ])
        .filter((range, index, all) => range.from <= range.to && isFirst(range, index, all)),
    [...ranges],
  );
}

/** A range that is cut at neither side comes out twice. */
function isFirst(range: RowIdRange, index: number, all: readonly RowIdRange[]): boolean {
  return all.findIndex(({ from, to }) => from === range.from && to === range.to) === index;
}

/** Section 1.6: big-endian, seven bits a byte, eight in the ninth. */
function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let size = 0; size < 9; size++) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('a varint ends early');
    if (size === 8) return value * 256 + byte;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return value;
}

/** Section 2.1. Throws a RangeError when the record does not fill its bytes exactly. */
function decodeRecord(payload: Buffer): readonly SqlValue[] {
  const cursor = { at: 0 };
  const headerEnd = readVarint(payload, cursor);
  const types: number[] = [];
  while (cursor.at < headerEnd) types.push(readVarint(payload, cursor));
  cursor.at = headerEnd;
  const values = types.map((type) => readValue(payload, cursor, type));
  if (cursor.at !== payload.length) throw new RangeError('a record has another size');
  return values;
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8] as const;

function readValue(payload: Buffer, cursor: { at: number }, type: number): SqlValue {
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  const sizeBytes = type < 7 ? INTEGER_BYTES[type]! : type === 7 ? 8 : Math.floor((type - 12) / 2);
  const from = cursor.at;
  cursor.at += sizeBytes;
  if (sizeBytes < 0 || cursor.at > payload.length) throw new RangeError('a value ends early');
  if (type === 7) return payload.readDoubleBE(from);
  if (type === 6) return Number(payload.readBigInt64BE(from));
  if (type < 6) return payload.readIntBE(from, sizeBytes);
  const bytes = payload.subarray(from, cursor.at);
  return type % 2 === 0 ? new Uint8Array(bytes) : bytes.toString('utf8');
}
