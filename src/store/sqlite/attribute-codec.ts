/**
 * Attribute lists ↔ bytes, by column: rows with the same keys and types in the same order share a shape, and
 * the values of one key and type stand together in a slot, wherever their rows are.
 */
import { type AttributeColumns, VALUE_TYPE } from '../../model/columns.ts';
import { grown } from '../../model/dictionary.ts';
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import {
  readNumbers,
  readUints,
  skipNumbers,
  skipUints,
  writeNumbers,
  writeUints,
} from './column-codec.ts';
import type { LocalDictionary } from './local-dictionary.ts';

/** Lists to encode; a log's body is a list of one. */
export interface AttributeSource {
  readonly list: {
    readonly keys: Uint32Array;
    readonly types: Uint8Array;
    readonly values: Float64Array;
  };
  /** Row r's attributes are [ends[r − 1], ends[r]). */
  readonly ends: Uint32Array;
}

const TYPE_MAX = 8;

interface Shapes {
  /** Shape of each row, in order of `rows`. */
  readonly rowShapes: Uint32Array;
  /** Slots of each shape, one list after the other. */
  readonly slots: number[];
  /** Where a shape's slots begin; one more than there are shapes. */
  readonly starts: number[];
  /** key × 8 + type of each slot. */
  readonly slotKeys: number[];
}

export function writeAttributes(
  writer: ByteWriter,
  source: AttributeSource,
  options: { readonly rows: Uint32Array; readonly dictionary: LocalDictionary },
): void {
  const { rows, dictionary } = options;
  const shapes = findShapes(source, rows);
  writer.varint(shapes.slotKeys.length);
  for (const slotKey of shapes.slotKeys) {
    writer.varint(dictionary.idOf(Math.floor(slotKey / TYPE_MAX)));
    writer.u8(slotKey % TYPE_MAX);
  }
  writer.varint(shapes.starts.length - 1);
  for (let shape = 0; shape + 1 < shapes.starts.length; shape++) {
    const start = shapes.starts[shape]!;
    const end = shapes.starts[shape + 1]!;
    writer.varint(end - start);
    for (let at = start; at < end; at++) writer.varint(shapes.slots[at]!);
  }
  writeUints(writer, shapes.rowShapes);
  const { values, slotStarts } = groupBySlot(source, rows, shapes);
  for (let slot = 0; slot < shapes.slotKeys.length; slot++) {
    const type = shapes.slotKeys[slot]! % TYPE_MAX;
    const column = values.subarray(slotStarts[slot]!, slotStarts[slot + 1]!);
    writeSlot(writer, { type, column, dictionary });
  }
}

/** What stands before the values of a list: its slots and which of them each row has. Ids are the section's. */
export interface AttributeHead {
  /** Of each slot: its key, its type, and how many values it has. */
  readonly keys: Uint32Array;
  readonly types: Uint8Array;
  readonly slotSizes: Uint32Array;
  /** Slots of each shape, in order of the attributes. */
  readonly shapes: readonly Uint32Array[];
  readonly rowShapes: Uint32Array;
  /** Attributes of all rows. */
  readonly total: number;
}

export function readAttributeHead(reader: ByteReader, rowCount: number): AttributeHead {
  const slotCount = reader.count();
  const keys = new Uint32Array(slotCount);
  const types = new Uint8Array(slotCount);
  for (let slot = 0; slot < slotCount; slot++) {
    keys[slot] = reader.varint();
    types[slot] = reader.u8();
  }
  const shapes = readShapes(reader, slotCount);
  const rowShapes = readUints(reader, rowCount);
  return { keys, types, shapes, rowShapes, ...sizeSlots(rowShapes, shapes, slotCount) };
}

/** Appends the lists of `rowCount` rows to `target` and returns where each ends there. */
export function readAttributes(
  reader: ByteReader,
  target: AttributeColumns,
  options: { readonly rowCount: number; readonly stringIds: Uint32Array },
): Uint32Array {
  const { rowCount, stringIds } = options;
  const { keys, types, slotSizes, shapes, rowShapes, total } = readAttributeHead(reader, rowCount);
  const slotCount = keys.length;
  for (let slot = 0; slot < slotCount; slot++) keys[slot] = stringIdAt(stringIds, keys[slot]!);
  const columns: Float64Array[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    const column = readSlot(reader, { type: types[slot]!, count: slotSizes[slot]! });
    if (isText(types[slot]!)) internColumn(column, stringIds);
    columns.push(column);
  }
  reserveAttributes(target, total);
  const cursors = new Uint32Array(slotCount);
  const ends = new Uint32Array(rowCount);
  let at = target.count;
  for (let row = 0; row < rowCount; row++) {
    const shape = shapes[rowShapes[row]!]!;
    for (let index = 0; index < shape.length; index++) {
      const slot = shape[index]!;
      target.keys[at] = keys[slot]!;
      target.types[at] = types[slot]!;
      target.values[at] = columns[slot]![cursors[slot]!++]!;
      at++;
    }
    ends[row] = at;
  }
  target.count = at;
  return ends;
}

/** Id that a section's string has now; a string the section does not have is damage. */
export function stringIdAt(stringIds: Uint32Array, local: number): number {
  const id = stringIds[local];
  if (id === undefined) throw new RangeError(`there is no string ${local}`);
  return id;
}

function findShapes(source: AttributeSource, rows: Uint32Array): Shapes {
  const { keys, types } = source.list;
  const { ends } = source;
  const rowShapes = new Uint32Array(rows.length);
  const firstRows: number[] = [];
  const starts: number[] = [0];
  const slots: number[] = [];
  const slotKeys: number[] = [];
  const slotByKey = new Map<number, number>();
  const shapesByHash = new Map<number, number[]>();
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const start = row === 0 ? 0 : ends[row - 1]!;
    const end = ends[row]!;
    let hash = end - start;
    for (let at = start; at < end; at++) {
      hash = Math.imul(hash ^ (keys[at]! * TYPE_MAX + types[at]!), 0x01000193);
      hash ^= hash >>> 15;
    }
    let candidates = shapesByHash.get(hash);
    if (!candidates) {
      candidates = [];
      shapesByHash.set(hash, candidates);
    }
    let shape = candidates.find((known) => hasShapeOf(source, row, firstRows[known]!));
    if (shape === undefined) {
      shape = firstRows.push(row) - 1;
      candidates.push(shape);
      for (let at = start; at < end; at++) {
        const slotKey = keys[at]! * TYPE_MAX + types[at]!;
        let slot = slotByKey.get(slotKey);
        if (slot === undefined) {
          slot = slotKeys.push(slotKey) - 1;
          slotByKey.set(slotKey, slot);
        }
        slots.push(slot);
      }
      starts.push(slots.length);
    }
    rowShapes[index] = shape;
  }
  return { rowShapes, slots, starts, slotKeys };
}

function hasShapeOf(source: AttributeSource, row: number, other: number): boolean {
  const { keys, types } = source.list;
  const { ends } = source;
  const start = row === 0 ? 0 : ends[row - 1]!;
  const otherStart = other === 0 ? 0 : ends[other - 1]!;
  const size = ends[row]! - start;
  if (ends[other]! - otherStart !== size) return false;
  for (let index = 0; index < size; index++) {
    if (keys[start + index] !== keys[otherStart + index]) return false;
    if (types[start + index] !== types[otherStart + index]) return false;
  }
  return true;
}

/** All values, those of slot s at [slotStarts[s], slotStarts[s + 1]), in order of rows. */
function groupBySlot(
  source: AttributeSource,
  rows: Uint32Array,
  shapes: Shapes,
): { readonly values: Float64Array; readonly slotStarts: Uint32Array } {
  const { slots, starts, rowShapes } = shapes;
  const slotStarts = new Uint32Array(shapes.slotKeys.length + 1);
  for (const shape of rowShapes) {
    for (let at = starts[shape]!; at < starts[shape + 1]!; at++) slotStarts[slots[at]! + 1]!++;
  }
  for (let slot = 1; slot < slotStarts.length; slot++) slotStarts[slot]! += slotStarts[slot - 1]!;
  const cursors = slotStarts.slice();
  const values = new Float64Array(slotStarts.at(-1)!);
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const shape = rowShapes[index]!;
    let from = row === 0 ? 0 : source.ends[row - 1]!;
    for (let at = starts[shape]!; at < starts[shape + 1]!; at++) {
      values[cursors[slots[at]!]!++] = source.list.values[from++]!;
    }
  }
  return { values, slotStarts };
}

function writeSlot(
  writer: ByteWriter,
  slot: {
    readonly type: number;
    readonly column: Float64Array;
    readonly dictionary: LocalDictionary;
  },
): void {
  const { type, column, dictionary } = slot;
  if (type === VALUE_TYPE.empty) return;
  if (type === VALUE_TYPE.int || type === VALUE_TYPE.double) {
    writeNumbers(writer, column);
    return;
  }
  const uints = new Uint32Array(column.length);
  for (let index = 0; index < uints.length; index++) {
    uints[index] = isText(type) ? dictionary.idOf(column[index]!) : column[index]!;
  }
  writeUints(writer, uints);
}

/** Values of a slot; of texts their ids in the section. */
export function readSlot(
  reader: ByteReader,
  slot: { readonly type: number; readonly count: number },
): Float64Array {
  const { type, count } = slot;
  if (type === VALUE_TYPE.empty) return new Float64Array(count);
  if (type === VALUE_TYPE.int || type === VALUE_TYPE.double) return readNumbers(reader, count);
  return Float64Array.from(readUints(reader, count));
}

/** Goes past the values of a slot. */
export function skipSlot(
  reader: ByteReader,
  slot: { readonly type: number; readonly count: number },
): void {
  const { type, count } = slot;
  if (type === VALUE_TYPE.empty) return;
  if (type === VALUE_TYPE.int || type === VALUE_TYPE.double) skipNumbers(reader, count);
  else skipUints(reader, count);
}

function internColumn(column: Float64Array, stringIds: Uint32Array): void {
  for (let index = 0; index < column.length; index++) {
    column[index] = stringIdAt(stringIds, column[index]!);
  }
}

/** Types whose value is a string id. */
export function isText(type: number): boolean {
  return type === VALUE_TYPE.string || type === VALUE_TYPE.json || type === VALUE_TYPE.wideInt;
}

function readShapes(reader: ByteReader, slotCount: number): readonly Uint32Array[] {
  const shapes: Uint32Array[] = [];
  const shapeCount = reader.count();
  for (let shape = 0; shape < shapeCount; shape++) {
    const slots = new Uint32Array(reader.count());
    for (let index = 0; index < slots.length; index++) {
      slots[index] = reader.varint();
      if (slots[index]! >= slotCount) throw new RangeError(`there is no slot ${slots[index]}`);
    }
    shapes.push(slots);
  }
  return shapes;
}

function sizeSlots(
  rowShapes: Uint32Array,
  shapes: readonly Uint32Array[],
  slotCount: number,
): { readonly slotSizes: Uint32Array; readonly total: number } {
  const slotSizes = new Uint32Array(slotCount);
  let total = 0;
  for (const index of rowShapes) {
    const shape = shapes[index];
    if (!shape) throw new RangeError(`there is no shape ${index}`);
    for (let at = 0; at < shape.length; at++) slotSizes[shape[at]!]!++;
    total += shape.length;
  }
  return { slotSizes, total };
}

function reserveAttributes(target: AttributeColumns, more: number): void {
  const needed = target.count + more;
  if (needed <= target.keys.length) return;
  const capacity = target.count === 0 ? needed : Math.max(needed, 2 * target.keys.length);
  target.keys = grown(target.keys, capacity);
  target.types = grown(target.types, capacity);
  target.values = grown(target.values, capacity);
}
