/**
 * An attribute list of a block without decoding it whole: the values of one key, or all of a few rows. What is asked
 * for is read; the columns of other keys are gone past.
 */
import { VALUE_TYPE } from '../../model/columns.ts';
import { AttributeList, isText } from './attribute-list.ts';
import type { ByteReader } from './byte-stream.ts';

/** Rows that have a key, ascending, and what they have there; a key may stand twice in a row. */
export interface KeyColumn {
  readonly rows: Uint32Array;
  readonly types: Uint8Array;
  /** Of a text its local id. */
  readonly values: Float64Array;
}

/** One attribute, ids local to the section. */
export interface LocalAttribute {
  readonly key: number;
  readonly type: number;
  readonly value: number;
}

export class AttributeView {
  /** Bytes of memory that its columns may take, about. */
  readonly sizeBytes: number;
  readonly #list: AttributeList;
  readonly #rows: (Uint32Array | undefined)[] = [];
  readonly #values: (Float64Array | undefined)[] = [];

  /** Leaves the reader behind the list. */
  constructor(reader: ByteReader, rowCount: number) {
    this.#list = new AttributeList(reader, rowCount);
    const valueCount = this.#list.slots.reduce((sum, slot) => sum + slot.count, 0);
    this.sizeBytes = 12 * valueCount + 4 * rowCount + 64 * this.#list.slots.length;
  }

  /** Rows that have the key, whatever the type; empty when none has. */
  columnOf(key: number): KeyColumn {
    const slots = this.#list.slots.flatMap((slot, index) => (slot.key === key ? [index] : []));
    const parts = slots.map((slot) => ({
      rows: this.#rowsOf(slot),
      values: this.#valuesOf(slot),
      type: this.#list.slots[slot]!.type, // an index of the line above
    }));
    const size = parts.reduce((sum, part) => sum + part.rows.length, 0);
    const types = new Uint8Array(size);
    const [first] = parts;
    if (first && parts.length === 1) return { ...first, types: types.fill(first.type) };
    const rows = new Uint32Array(size);
    const values = new Float64Array(size);
    // A key of several types is rare: in order of rows, then of the row's own list.
    const order = this.#list.orderOf(slots);
    const cursors = new Uint32Array(parts.length);
    for (let at = 0; at < size; at++) {
      const part = order[at]!;
      const from = cursors[part]!++;
      rows[at] = parts[part]!.rows[from]!;
      values[at] = parts[part]!.values[from]!;
      types[at] = parts[part]!.type;
    }
    return { rows, types, values };
  }

  /** The lists of rows [from, to). */
  listsOf(from: number, to: number): readonly (readonly LocalAttribute[])[] {
    const lists: LocalAttribute[][] = Array.from({ length: to - from }, () => []);
    const { slots } = this.#list;
    this.#list.visitRows(from, to, ({ row, slot, index }) => {
      const { key, type } = slots[slot]!; // the list visits its own slots
      lists[row - from]!.push({ key, type, value: this.#valuesOf(slot)[index]! });
    });
    return lists;
  }

  #rowsOf(slot: number): Uint32Array {
    this.#rows[slot] ??= this.#list.rowsOf(slot);
    return this.#rows[slot];
  }

  #valuesOf(slot: number): Float64Array {
    this.#values[slot] ??= this.#list.valuesOf(slot);
    return this.#values[slot];
  }
}

/** True for a value whose text stands in the section's dictionary as it is. */
export function isPlainText(type: number): boolean {
  return isText(type) && type !== VALUE_TYPE.json;
}
