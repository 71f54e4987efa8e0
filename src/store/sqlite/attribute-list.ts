/**
 * A stored attribute list that is read slot by slot: the table of slots says how long each is, so that a search
 * or a group-by over one key decodes that key's column and passes over the others.
 */
import { VALUE_TYPE } from '../../model/columns.ts';
import type { ByteReader } from './byte-stream.ts';
import { readNumbers, readUints } from './column-codec.ts';

/** How a list says which rows have which slots. Append only. */
export const LAYOUT = {
  /** Rows with the same slots in the same order share a shape; a row has the number of its shape. */
  shapes: 0,
  /** Each slot has the numbers of its rows; for rows that are nearly all different. Attributes lose their order. */
  rows: 1,
} as const;

/** More than the bits of a row's number. */
const GAP_BITS_MAX = 30;

export interface StoredSlot {
  /** Id of the key's text in the section's texts. */
  readonly key: number;
  readonly type: number;
  /** Values; in the layout of rows also rows, and how many bits of each gap are stored as they are. */
  readonly count: number;
  readonly gapBits: number;
  /** Where the values stand among the section's bytes and in its tail, and the rows in the tail. */
  readonly at: number;
  readonly tailAt: number;
  readonly rowsAt: number;
}

export interface AllAttributes {
  readonly counts: Uint32Array;
  readonly slots: Uint32Array;
  readonly values: Float64Array;
}

interface StoredShapes {
  readonly shapes: readonly Uint32Array[];
  readonly rowShapes: Uint32Array;
}

export class AttributeList {
  readonly slots: readonly StoredSlot[];
  readonly #reader: ByteReader;
  readonly #rowCount: number;
  /** Undefined in the layout of rows. */
  readonly #shapes: StoredShapes | undefined;
  readonly #end: { readonly at: number; readonly tailAt: number };

  /** Reads the table of slots and leaves the reader behind the list. */
  constructor(reader: ByteReader, rowCount: number) {
    this.#reader = reader;
    this.#rowCount = rowCount;
    const layout = reader.u8();
    if (layout !== LAYOUT.shapes && layout !== LAYOUT.rows) {
      throw new RangeError(`a list has the unknown layout ${layout}`);
    }
    const keys = Array.from({ length: reader.count() }, () => reader.varint());
    const table = keys.map((key) => ({
      key,
      type: reader.u8(),
      count: reader.count(),
      gapBits: layout === LAYOUT.rows ? reader.u8() : 0,
      rowsTail: layout === LAYOUT.rows ? reader.varint() : 0,
      main: reader.varint(),
      tail: reader.varint(),
    }));
    this.#shapes = layout === LAYOUT.shapes ? this.#readShapes(table) : undefined;
    let { at } = reader;
    let tailAt = reader.tail.at;
    this.slots = table.map(({ main, tail, rowsTail, ...rest }) => {
      const slot = { ...rest, at, rowsAt: tailAt, tailAt: tailAt + rowsTail };
      at += main;
      tailAt += rowsTail + tail;
      return slot;
    });
    this.#end = { at, tailAt };
    this.#leave();
  }

  /** Rows that have the slot, ascending; a row that has it twice stands there twice. */
  rowsOf(slot: number): Uint32Array {
    if (this.#shapes === undefined) return this.#readRows(slot);
    const { shapes, rowShapes } = this.#shapes;
    const timesOf = shapes.map((shape) => timesIn(shape, slot));
    const rows = new Uint32Array(this.slots[slot]!.count); // the caller counts in `slots`
    let to = 0;
    for (let row = 0; row < rowShapes.length; row++) {
      for (let times = timesOf[rowShapes[row]!]!; times > 0; times--) rows[to++] = row;
    }
    return rows;
  }

  /** Values in order of rowsOf(): numbers, 0 and 1, or ids in the section's texts. */
  valuesOf(slot: number): Float64Array {
    const { type, count, at, tailAt } = this.slots[slot]!; // the caller counts in `slots`
    this.#reader.at = at;
    this.#reader.tail.at = tailAt;
    const values = readTypedValues(this.#reader, { type, count });
    this.#leave();
    return values;
  }

  /** For all values of these slots, which are of one key, in order of rows and lists: which of them it is in. */
  orderOf(slots: readonly number[]): Uint32Array {
    const size = slots.reduce((sum, slot) => sum + this.slots[slot]!.count, 0);
    const order = new Uint32Array(size);
    let to = 0;
    if (this.#shapes) {
      this.visitRows(0, this.#rowCount, ({ slot }) => {
        const place = slots.indexOf(slot);
        if (place >= 0) order[to++] = place;
      });
      return order;
    }
    // In the layout of rows no row has a key twice.
    const placeOfRow = new Int32Array(this.#rowCount).fill(-1);
    for (const [place, slot] of slots.entries()) {
      for (const row of this.#readRows(slot)) placeOfRow[row] = place;
    }
    for (const place of placeOfRow) if (place >= 0) order[to++] = place;
    return order;
  }

  /** Attributes of rows [from, to) in order of each row's list; `index` counts in the slot's values. */
  visitRows(
    from: number,
    to: number,
    visit: (at: { readonly row: number; readonly slot: number; readonly index: number }) => void,
  ): void {
    if (this.#shapes === undefined) {
      for (const slot of this.slots.keys()) {
        const rows = this.#readRows(slot);
        for (let index = 0; index < rows.length && rows[index]! < to; index++) {
          if (rows[index]! >= from) visit({ row: rows[index]!, slot, index });
        }
      }
      return;
    }
    const { shapes, rowShapes } = this.#shapes;
    const cursors = new Uint32Array(this.slots.length);
    for (let row = 0; row < to; row++) {
      for (const slot of shapes[rowShapes[row]!]!) {
        const index = cursors[slot]!++;
        if (row >= from) visit({ row, slot, index });
      }
    }
  }

  /**
   * How many attributes each row has, and for each, in order of its row's list, its slot and value; rows that are not
   * wanted (0 in the mask) have none.
   */
  readAll(isWanted?: Uint8Array): AllAttributes {
    const columns = this.slots.map((_, slot) => this.valuesOf(slot));
    return this.#shapes === undefined
      ? this.#allByRows(columns, isWanted)
      : allByShapes(this.#shapes, columns, isWanted);
  }

  #allByRows(columns: readonly Float64Array[], isWanted: Uint8Array | undefined): AllAttributes {
    const counts = new Uint32Array(this.#rowCount);
    const rowLists = columns.map((_, slot) => this.#readRows(slot));
    for (const rows of rowLists) {
      for (let at = 0; at < rows.length; at++) {
        if (isWanted === undefined || isWanted[rows[at]!] === 1) counts[rows[at]!]!++;
      }
    }
    const cursors = new Uint32Array(this.#rowCount);
    let total = 0;
    for (let row = 0; row < counts.length; row++) {
      cursors[row] = total;
      total += counts[row]!;
    }
    const slots = new Uint32Array(total);
    const values = new Float64Array(total);
    for (const [slot, rows] of rowLists.entries()) {
      const column = columns[slot]!;
      for (let at = 0; at < rows.length; at++) {
        if (isWanted !== undefined && isWanted[rows[at]!] === 0) continue;
        const to = cursors[rows[at]!]!++;
        slots[to] = slot;
        values[to] = column[at]!;
      }
    }
    return { counts, slots, values };
  }

  #readRows(slot: number): Uint32Array {
    const { count, gapBits, rowsAt } = this.slots[slot]!; // the caller counts in `slots`
    if (gapBits > GAP_BITS_MAX) throw new RangeError(`gaps are ${gapBits} bits wide`);
    const rows = new Uint32Array(count);
    this.#reader.tail.at = rowsAt;
    this.#reader.tail.getGaps(rows, gapBits);
    this.#leave();
    const last = rows.at(-1) ?? 0;
    if (last >= this.#rowCount) throw new RangeError(`a slot has the row ${last}`);
    return rows;
  }

  /** Puts the reader behind the list, where reading a slot takes it away from. */
  #leave(): void {
    this.#reader.at = this.#end.at;
    this.#reader.tail.at = this.#end.tailAt;
  }

  #readShapes(table: readonly { readonly count: number }[]): StoredShapes {
    const reader = this.#reader;
    const shapes = Array.from({ length: reader.count(this.#rowCount) }, () => {
      const shape = new Uint32Array(reader.count());
      for (let index = 0; index < shape.length; index++) {
        const slot = reader.varint();
        if (slot >= table.length) throw new RangeError(`there is no slot ${slot}`);
        shape[index] = slot;
      }
      return shape;
    });
    const rowShapes = readUints(reader, this.#rowCount);
    const timesUsed = new Uint32Array(shapes.length);
    for (let row = 0; row < rowShapes.length; row++) {
      const shape = rowShapes[row]!;
      if (shape >= shapes.length) throw new RangeError(`there is no shape ${shape}`);
      timesUsed[shape]!++;
    }
    const sizes = new Uint32Array(table.length);
    for (const [index, shape] of shapes.entries()) {
      for (const slot of shape) sizes[slot]! += timesUsed[index]!;
    }
    for (const [slot, { count }] of table.entries()) {
      if (sizes[slot] !== count) throw new RangeError(`slot ${slot} has ${count} values`);
    }
    return { shapes, rowShapes };
  }
}

function allByShapes(
  { shapes, rowShapes }: StoredShapes,
  columns: readonly Float64Array[],
  isWanted: Uint8Array | undefined,
): AllAttributes {
  const counts = new Uint32Array(rowShapes.length);
  let total = 0;
  for (let row = 0; row < rowShapes.length; row++) {
    if (isWanted !== undefined && isWanted[row] === 0) continue;
    counts[row] = shapes[rowShapes[row]!]!.length;
    total += counts[row]!;
  }
  const slots = new Uint32Array(total);
  const values = new Float64Array(total);
  const cursors = new Uint32Array(columns.length);
  let to = 0;
  for (let row = 0; row < rowShapes.length; row++) {
    const shape = shapes[rowShapes[row]!]!;
    if (isWanted !== undefined && isWanted[row] === 0) {
      for (let index = 0; index < shape.length; index++) cursors[shape[index]!]!++;
      continue;
    }
    for (let index = 0; index < shape.length; index++) {
      const slot = shape[index]!;
      slots[to] = slot;
      values[to++] = columns[slot]![cursors[slot]!++]!;
    }
  }
  return { counts, slots, values };
}

function timesIn(shape: Uint32Array, wanted: number): number {
  let times = 0;
  for (const slot of shape) if (slot === wanted) times++;
  return times;
}

/** A column of values of one type: numbers, 0 and 1, or ids in the section's texts. */
export function readTypedValues(
  reader: ByteReader,
  { type, count }: { readonly type: number; readonly count: number },
): Float64Array {
  if (type === VALUE_TYPE.empty) return new Float64Array(count);
  if (type === VALUE_TYPE.int || type === VALUE_TYPE.double) return readNumbers(reader, count);
  return new Float64Array(readUints(reader, count));
}

/** Types whose value is a string id. */
export function isText(type: number): boolean {
  return type === VALUE_TYPE.string || type === VALUE_TYPE.json || type === VALUE_TYPE.wideInt;
}

/** Id that a section's string has now; a string the section does not have is damage. */
export function stringIdAt(stringIds: Uint32Array, local: number): number {
  const id = stringIds[local];
  if (id === undefined) throw new RangeError(`there is no string ${local}`);
  return id;
}
