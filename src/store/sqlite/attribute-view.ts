/**
 * An attribute list of a block without decoding it whole: the values of one key, or all of a few rows. What is asked
 * for is read; the columns of other keys are gone past.
 */
import { VALUE_TYPE } from '../../model/columns.ts';
import {
  type AttributeHead,
  isText,
  readAttributeHead,
  readSlot,
  skipSlot,
} from './attribute-codec.ts';
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
  readonly #head: AttributeHead;
  readonly #reader: ByteReader;
  /** Where each slot's column begins. */
  readonly #slotStarts: Uint32Array;
  readonly #columns: (Float64Array | undefined)[] = [];

  /** Leaves the reader behind the list. */
  constructor(reader: ByteReader, rowCount: number) {
    const head = readAttributeHead(reader, rowCount);
    this.#head = head;
    this.#reader = reader;
    const slotCount = head.types.length;
    this.#slotStarts = new Uint32Array(slotCount);
    let valueCount = 0;
    for (let slot = 0; slot < slotCount; slot++) {
      this.#slotStarts[slot] = reader.at;
      const count = head.slotSizes[slot]!;
      skipSlot(reader, { type: head.types[slot]!, count });
      valueCount += count;
    }
    this.sizeBytes = 8 * valueCount + 4 * rowCount + 64 * slotCount;
  }

  /** Rows that have the key, whatever the type; empty when none has. */
  columnOf(key: number): KeyColumn {
    const { keys, types, slotSizes, rowShapes, shapes } = this.#head;
    const wanted: number[] = [];
    let size = 0;
    for (let slot = 0; slot < keys.length; slot++) {
      if (keys[slot] !== key) continue;
      wanted.push(slot);
      size += slotSizes[slot]!;
    }
    const column = {
      rows: new Uint32Array(size),
      types: new Uint8Array(size),
      values: new Float64Array(size),
    };
    if (size === 0) return column;
    const isWanted = new Uint8Array(keys.length);
    for (const slot of wanted) isWanted[slot] = 1;
    const cursors = new Uint32Array(keys.length);
    let at = 0;
    for (let row = 0; row < rowShapes.length && at < size; row++) {
      const shape = shapes[rowShapes[row]!]!;
      for (let index = 0; index < shape.length; index++) {
        const slot = shape[index]!;
        if (isWanted[slot] === 0) continue;
        column.rows[at] = row;
        column.types[at] = types[slot]!;
        column.values[at] = this.#column(slot)[cursors[slot]!++]!;
        at++;
      }
    }
    return column;
  }

  /** The lists of rows [from, to). */
  listsOf(from: number, to: number): readonly (readonly LocalAttribute[])[] {
    const { keys, types, rowShapes, shapes } = this.#head;
    const cursors = new Uint32Array(keys.length);
    for (let row = 0; row < from; row++) {
      const shape = shapes[rowShapes[row]!]!;
      for (let index = 0; index < shape.length; index++) cursors[shape[index]!]!++;
    }
    const lists: LocalAttribute[][] = [];
    for (let row = from; row < to; row++) {
      const list: LocalAttribute[] = [];
      for (const slot of shapes[rowShapes[row]!]!) {
        const value = this.#column(slot)[cursors[slot]!++]!;
        list.push({ key: keys[slot]!, type: types[slot]!, value });
      }
      lists.push(list);
    }
    return lists;
  }

  #column(slot: number): Float64Array {
    const known = this.#columns[slot];
    if (known) return known;
    this.#reader.at = this.#slotStarts[slot]!;
    const { types, slotSizes } = this.#head;
    const column = readSlot(this.#reader, { type: types[slot]!, count: slotSizes[slot]! });
    this.#columns[slot] = column;
    return column;
  }
}

/** True for a value whose text stands in the section's dictionary as it is. */
export function isPlainText(type: number): boolean {
  return isText(type) && type !== VALUE_TYPE.json;
}
