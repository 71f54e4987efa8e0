/**
 * The writing side's first step: attributes of rows sorted into slots, one per key and type, and the rows' shapes,
 * the lists of slots that rows have, unless nearly every row has a shape of its own.
 */

import type { StringDictionary } from '../../model/dictionary.ts';

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

export interface Slot {
  /** Id of the text. */
  readonly key: number;
  readonly type: number;
}

export interface Shapes {
  /** Shape of each row, in order of the block. */
  readonly rowShapes: Uint32Array;
  /** Slots of each shape, one list after the other. */
  readonly slots: readonly number[];
  /** Where a shape's slots begin; one more than there are shapes. */
  readonly starts: readonly number[];
}

export interface SlotGroups {
  readonly slots: readonly Slot[];
  /** Where a slot's values begin; one more than there are slots. */
  readonly starts: Uint32Array;
  /** By slot, in order of rows. */
  readonly values: Float64Array;
  /** The row of each value, counted in the block; empty when there are shapes. */
  readonly rows: Uint32Array;
  /** Undefined when rows have too many of them: then slots are in order of their keys. */
  readonly shapes: Shapes | undefined;
}

/** Value types are below. */
const TYPE_MAX = 8;
/** With fewer rows than this, shapes are few anyway; beyond, every other row with a new shape is too many. */
const MANY_ROWS = 256;

export function groupBySlot(
  source: AttributeSource,
  options: { readonly rows: Uint32Array; readonly strings: StringDictionary },
): SlotGroups {
  const { rows, strings } = options;
  const areTooMany = (row: number, shapeCount: number) => row >= MANY_ROWS && 2 * shapeCount > row;
  const shapes = findShapes(source, rows, areTooMany);
  if (shapes) return groupByShape(source, rows, shapes);
  const found = findSlots(source, { rows, keyCount: strings.size });
  // A row with the same key twice: which comes first matters, and only shapes tell.
  if (!found) return groupByShape(source, rows, findShapes(source, rows)!);
  return groupByKey(source, { rows, strings, ...found });
}

interface FoundShapes extends Shapes {
  readonly shapeSlots: readonly Slot[];
}

/** Undefined as soon as there are too many. Hot: once per attribute. */
function findShapes(
  source: AttributeSource,
  rows: Uint32Array,
  areTooMany: (row: number, shapeCount: number) => boolean = () => false,
): FoundShapes | undefined {
  const { keys, types } = source.list;
  const { ends } = source;
  const tableSize = 2 ** Math.ceil(Math.log2(2 * rows.length + 2));
  /** Open addressing: shape + 1. */
  const table = new Uint32Array(tableSize);
  const firstRows: number[] = [];
  const rowShapes = new Uint32Array(rows.length);
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const end = ends[row]!;
    const start = row === 0 ? 0 : ends[row - 1]!;
    let hash = end - start;
    for (let at = start; at < end; at++) {
      hash = Math.imul(hash ^ (keys[at]! * TYPE_MAX + types[at]!), 0x01000193);
      hash ^= hash >>> 15;
    }
    let place = (hash ^ (hash >>> 16)) & (tableSize - 1);
    let shape = table[place]!;
    while (shape !== 0 && !haveSameShape(source, row, firstRows[shape - 1]!)) {
      place = (place + 1) & (tableSize - 1);
      shape = table[place]!;
    }
    if (shape === 0) {
      shape = firstRows.push(row);
      table[place] = shape;
      if (areTooMany(index, shape)) return undefined;
    }
    rowShapes[index] = shape - 1;
  }
  return { rowShapes, ...slotsOfShapes(source, firstRows) };
}

function haveSameShape(source: AttributeSource, row: number, other: number): boolean {
  const { keys, types } = source.list;
  const { ends } = source;
  const end = ends[row]!;
  let from = other === 0 ? 0 : ends[other - 1]!;
  const start = row === 0 ? 0 : ends[row - 1]!;
  if (ends[other]! - from !== end - start) return false;
  for (let at = start; at < end; at++, from++) {
    if (keys[at] !== keys[from] || types[at] !== types[from]) return false;
  }
  return true;
}

function slotsOfShapes(
  source: AttributeSource,
  firstRows: readonly number[],
): Pick<FoundShapes, 'slots' | 'starts' | 'shapeSlots'> {
  const { keys, types } = source.list;
  const shapeSlots: Slot[] = [];
  const numbers = new Map<number, number>();
  const slots: number[] = [];
  const starts = [0];
  for (const row of firstRows) {
    for (let at = row === 0 ? 0 : source.ends[row - 1]!; at < source.ends[row]!; at++) {
      const key = keys[at]!;
      const type = types[at]!;
      let slot = numbers.get(key * TYPE_MAX + type);
      if (slot === undefined) {
        slot = shapeSlots.push({ key, type }) - 1;
        numbers.set(key * TYPE_MAX + type, slot);
      }
      slots.push(slot);
    }
    starts.push(slots.length);
  }
  return { slots, starts, shapeSlots };
}

/** All values, slot after slot, within a slot in order of rows. Hot: once per attribute. */
function groupByShape(
  source: AttributeSource,
  blockRows: Uint32Array,
  found: FoundShapes,
): SlotGroups {
  const { rowShapes, shapeSlots } = found;
  const timesUsed = new Uint32Array(found.starts.length - 1);
  for (let index = 0; index < rowShapes.length; index++) timesUsed[rowShapes[index]!]!++;
  const shapeStarts = Uint32Array.from(found.starts);
  const slots = Uint32Array.from(found.slots);
  const starts = new Uint32Array(shapeSlots.length + 1);
  for (let shape = 0; shape < timesUsed.length; shape++) {
    for (let at = shapeStarts[shape]!; at < shapeStarts[shape + 1]!; at++) {
      starts[slots[at]! + 1]! += timesUsed[shape]!;
    }
  }
  for (let slot = 1; slot < starts.length; slot++) starts[slot]! += starts[slot - 1]!;
  const cursors = starts.slice();
  const values = new Float64Array(starts.at(-1)!);
  const from = source.list.values;
  for (let index = 0; index < rowShapes.length; index++) {
    const row = blockRows[index]!;
    const shape = rowShapes[index]!;
    let next = row === 0 ? 0 : source.ends[row - 1]!;
    const end = shapeStarts[shape + 1]!;
    for (let at = shapeStarts[shape]!; at < end; at++) {
      values[cursors[slots[at]!]!++] = from[next++]!;
    }
  }
  return { slots: shapeSlots, starts, values, rows: new Uint32Array(0), shapes: found };
}

interface FoundSlots {
  readonly slots: readonly Slot[];
  /** Values of each slot. */
  readonly sizes: readonly number[];
  /** Slot of each attribute, row after row in order of the block. */
  readonly slotOf: Uint32Array;
  /** Where each row's attributes end in `slotOf`. */
  readonly rowEnds: Uint32Array;
}

/** Undefined when a row has a key twice. Hot: once per attribute. Tables by key id, and a chain for keys with several types, instead of a hash map. */
function findSlots(
  source: AttributeSource,
  { rows, keyCount }: { readonly rows: Uint32Array; readonly keyCount: number },
): FoundSlots | undefined {
  const { list, ends } = source;
  const { keys, types } = list;
  const rowEnds = new Uint32Array(rows.length);
  let total = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    total += ends[row]! - (row === 0 ? 0 : ends[row - 1]!);
    rowEnds[index] = total;
  }
  const slots: Slot[] = [];
  const slotTypes: number[] = [];
  const sizes: number[] = [];
  /** By key and by slot: number of the key's last and of the slot before it, plus one. */
  const lastOfKey = new Uint32Array(keyCount);
  const slotBefore: number[] = [];
  const lastRowOfKey = new Uint32Array(keyCount);
  const slotOf = new Uint32Array(total);
  let to = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const end = ends[row]!;
    for (let at = row === 0 ? 0 : ends[row - 1]!; at < end; at++) {
      const key = keys[at]!;
      const type = types[at]!;
      let slot = lastOfKey[key]!;
      while (slot !== 0 && slotTypes[slot - 1] !== type) slot = slotBefore[slot - 1]!;
      if (slot === 0) {
        slot = slots.push({ key, type });
        slotTypes.push(type);
        sizes.push(0);
        slotBefore.push(lastOfKey[key]!);
        lastOfKey[key] = slot;
      }
      if (lastRowOfKey[key] === index + 1) return undefined;
      lastRowOfKey[key] = index + 1;
      sizes[slot - 1]!++;
      slotOf[to++] = slot - 1;
    }
  }
  return { slots, sizes, slotOf, rowEnds };
}

/** As groupByShape(), and the rows of each value; slots in order of their keys. Hot: once per attribute. */
function groupByKey(
  source: AttributeSource,
  found: FoundSlots & { readonly rows: Uint32Array; readonly strings: StringDictionary },
): SlotGroups {
  const { slots, sizes, slotOf, rowEnds, strings } = found;
  const texts = slots.map(({ key }) => strings.text(key));
  // By text, so that the order of attributes does not hang on what else is in the block.
  const order = slots
    .map((_, slot) => slot)
    .sort((a, b) => (texts[a]! < texts[b]! ? -1 : texts[a]! > texts[b]! ? 1 : a - b));
  const starts = new Uint32Array(slots.length + 1);
  const cursors = new Uint32Array(slots.length);
  for (const [place, slot] of order.entries()) {
    cursors[slot] = starts[place]!;
    starts[place + 1] = starts[place]! + sizes[slot]!;
  }
  const values = new Float64Array(slotOf.length);
  const rows = new Uint32Array(slotOf.length);
  let at = 0;
  for (let index = 0; index < rowEnds.length; index++) {
    const row = found.rows[index]!;
    let from = row === 0 ? 0 : source.ends[row - 1]!;
    for (const end = rowEnds[index]!; at < end; at++) {
      const to = cursors[slotOf[at]!]!++;
      values[to] = source.list.values[from++]!;
      rows[to] = index;
    }
  }
  return { slots: order.map((slot) => slots[slot]!), starts, values, rows, shapes: undefined };
}
