/**
 * Attribute lists ↔ bytes, by column: the values of one key and type stand together in a slot, wherever their rows
 * are. Which rows have which slots is said in one of two layouts, see LAYOUT. Every slot can be read alone.
 */
import { type AttributeColumns, VALUE_TYPE } from '../../model/columns.ts';
import { grown } from '../../model/dictionary.ts';
import { AttributeList, isText, LAYOUT } from './attribute-list.ts';
import { type AttributeSource, groupBySlot, type SlotGroups } from './attribute-slots.ts';
import { type ByteReader, ByteWriter } from './byte-stream.ts';
import { writeNumbers, writeUints } from './column-codec.ts';
import type { LocalDictionary, TextIds } from './local-dictionary.ts';

export function writeAttributes(
  writer: ByteWriter,
  source: AttributeSource,
  options: { readonly rows: Uint32Array; readonly dictionary: LocalDictionary },
): void {
  const { rows, dictionary } = options;
  const groups = groupBySlot(source, { rows, strings: dictionary.strings });
  // Values before keys: many values then have ids below a power of two, which is what packed columns pay for.
  const columns = new ByteWriter(4 * groups.values.length + 64);
  const table = new ByteWriter(16 * groups.slots.length + 64);
  const layout = groups.shapes === undefined ? LAYOUT.rows : LAYOUT.shapes;
  for (const [slot, { type }] of groups.slots.entries()) {
    table.u8(type);
    table.varint(groups.starts[slot + 1]! - groups.starts[slot]!);
    if (layout === LAYOUT.rows) {
      writeRows({ table, columns }, groups, { slot, rowCount: rows.length });
    }
    const start = columns.size;
    const tailStart = columns.tail.sizeBytes;
    const column = groups.values.subarray(groups.starts[slot]!, groups.starts[slot + 1]!);
    writeTypedValues(columns, { type, column, dictionary });
    table.varint(columns.size - start);
    table.varint(columns.tail.sizeBytes - tailStart);
  }
  writer.u8(layout);
  writer.varint(groups.slots.length);
  for (const { key } of groups.slots) writer.varint(dictionary.idOf(key));
  writer.append(table);
  if (groups.shapes !== undefined) {
    const { starts, slots, rowShapes } = groups.shapes;
    writer.varint(starts.length - 1);
    for (let shape = 0; shape + 1 < starts.length; shape++) {
      writer.varint(starts[shape + 1]! - starts[shape]!);
      for (let at = starts[shape]!; at < starts[shape + 1]!; at++) writer.varint(slots[at]!);
    }
    writeUints(writer, rowShapes);
  }
  writer.append(columns);
}

/** Appends the lists of `rowCount` rows to `target` and returns where each ends there; only wanted rows have some. */
export function readAttributes(
  reader: ByteReader,
  target: AttributeColumns,
  options: {
    readonly rowCount: number;
    readonly textIds: TextIds;
    /** By row; absent: all. */
    readonly isWanted?: Uint8Array;
  },
): Uint32Array {
  const { rowCount, textIds } = options;
  const list = new AttributeList(reader, rowCount);
  const { counts, slots, values } = list.readAll(options.isWanted);
  const total = slots.length;
  reserveAttributes(target, total);
  const keys = Uint32Array.from(list.slots, ({ key }) => textIds.idAt(key));
  const types = Uint8Array.from(list.slots, ({ type }) => type);
  const base = target.count;
  for (let at = 0; at < total; at++) {
    const slot = slots[at]!;
    const type = types[slot]!;
    target.keys[base + at] = keys[slot]!;
    target.types[base + at] = type;
    target.values[base + at] = isText(type) ? textIds.idAt(values[at]!) : values[at]!;
  }
  target.count += total;
  const ends = counts;
  let end = base;
  for (let row = 0; row < rowCount; row++) {
    end += counts[row]!;
    ends[row] = end;
  }
  return ends;
}

/** Gaps between the rows of a slot as Rice codes: 4.6 bits for a key that one row in nine has. */
function writeRows(
  writers: { readonly table: ByteWriter; readonly columns: ByteWriter },
  groups: SlotGroups,
  { slot, rowCount }: { readonly slot: number; readonly rowCount: number },
): void {
  const rows = groups.rows.subarray(groups.starts[slot]!, groups.starts[slot + 1]!);
  // The code is shortest at log2 of the mean gap × ln 2.
  const width = Math.max(0, Math.round(Math.log2((rowCount / rows.length) * Math.LN2)));
  const { tail } = writers.columns;
  const start = tail.sizeBytes;
  tail.putGaps(rows, width);
  writers.table.u8(width);
  writers.table.varint(tail.sizeBytes - start);
}

/** A column of values of one type. */
export function writeTypedValues(
  writer: ByteWriter,
  values: {
    readonly type: number;
    readonly column: Float64Array;
    readonly dictionary: LocalDictionary;
  },
): void {
  const { type, column, dictionary } = values;
  if (type === VALUE_TYPE.empty) return;
  if (type === VALUE_TYPE.int || type === VALUE_TYPE.double) writeNumbers(writer, column);
  else if (isText(type)) writeUints(writer, dictionary.idsOf(column));
  else writeUints(writer, new Uint32Array(column));
}

function reserveAttributes(target: AttributeColumns, more: number): void {
  const needed = target.count + more;
  if (needed <= target.keys.length) return;
  const capacity = target.count === 0 ? needed : Math.max(needed, 2 * target.keys.length);
  target.keys = grown(target.keys, capacity);
  target.types = grown(target.types, capacity);
  target.values = grown(target.values, capacity);
}
