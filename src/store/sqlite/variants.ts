/**
 * Fields that repeat together (name, kind, service, status …) are stored once per distinct combination, a
 * variant, and per row only as its index: eight bits instead of seventeen columns.
 */
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import { readUints, writeUints } from './column-codec.ts';

type UintArray = Uint8Array | Uint16Array | Uint32Array;

export interface VariantField {
  readonly values: UintArray;
  /** Turns the group's ids into the block's; absent for plain numbers. */
  readonly localOf?: (value: number) => number;
}

/** Writes the variants of `rows`, then each row's variant. */
export function writeVariants(
  writer: ByteWriter,
  source: { readonly fields: readonly VariantField[]; readonly rows: Uint32Array },
): void {
  // Most fields of most blocks have one value, which tells no rows apart: looking for them first halves the work.
  const varying = source.fields
    .map((field) => field.values)
    .filter((values) => !isConstant(values, source.rows))
    // One type of array: with three, each access asks which one it is, and all take twice the time.
    .map((values) => (values instanceof Uint32Array ? values : new Uint32Array(values)));
  const { indexes, firstRows } = findVariants(varying, source.rows);
  writer.varint(firstRows.length);
  for (const { values, localOf } of source.fields) {
    const column = new Uint32Array(firstRows.length);
    for (let variant = 0; variant < column.length; variant++) {
      const value = values[firstRows[variant]!]!;
      column[variant] = localOf ? localOf(value) : value;
    }
    writeUints(writer, column);
  }
  writeUints(writer, indexes);
}

/** The variants as columns of `fieldCount` fields, and each row's variant. */
export function readVariants(
  reader: ByteReader,
  size: { readonly fieldCount: number; readonly rowCount: number },
): { readonly fields: readonly Uint32Array[]; readonly indexes: Uint32Array } {
  const variantCount = reader.count(size.rowCount);
  const fields: Uint32Array[] = [];
  for (let field = 0; field < size.fieldCount; field++) {
    fields.push(readUints(reader, variantCount));
  }
  const indexes = readUints(reader, size.rowCount);
  for (const index of indexes) {
    if (index >= variantCount) throw new RangeError(`there is no variant ${index}`);
  }
  return { fields, indexes };
}

/** Gives each row the fields of its variant. `localOf` of a field here turns block ids into the columns'. */
export function scatterVariants(
  fields: readonly VariantField[],
  variants: {
    readonly fields: readonly Uint32Array[];
    readonly indexes: Uint32Array;
    readonly base: number;
  },
): void {
  const { indexes, base } = variants;
  for (let field = 0; field < fields.length; field++) {
    const { values, localOf } = fields[field]!;
    const column = variants.fields[field]!;
    if (localOf) for (let at = 0; at < column.length; at++) column[at] = localOf(column[at]!);
    for (let row = 0; row < indexes.length; row++) values[base + row] = column[indexes[row]!]!;
  }
}

function isConstant(values: UintArray, rows: Uint32Array): boolean {
  const first = values[rows[0] ?? 0];
  for (let index = 1; index < rows.length; index++) {
    if (values[rows[index]!] !== first) return false;
  }
  return true;
}

/** Open addressing over the rows' field values. Hot: once per row and field. */
function findVariants(
  fields: readonly Uint32Array[],
  rows: Uint32Array,
): { readonly indexes: Uint32Array; readonly firstRows: readonly number[] } {
  const slotCount = 2 ** Math.ceil(Math.log2(2 * rows.length + 2));
  const slots = new Uint32Array(slotCount);
  const indexes = new Uint32Array(rows.length);
  const firstRows: number[] = [];
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    let hash = 0x811c9dc5;
    for (let field = 0; field < fields.length; field++) {
      hash = Math.imul(hash ^ fields[field]![row]!, 0x01000193);
      hash ^= hash >>> 15;
    }
    let slot = (hash >>> 0) & (slotCount - 1);
    let variant = slots[slot]!;
    while (variant !== 0 && !areEqual(fields, row, firstRows[variant - 1]!)) {
      slot = (slot + 1) & (slotCount - 1);
      variant = slots[slot]!;
    }
    if (variant === 0) {
      variant = firstRows.push(row);
      slots[slot] = variant;
    }
    indexes[index] = variant - 1;
  }
  return { indexes, firstRows };
}

function areEqual(fields: readonly Uint32Array[], row: number, other: number): boolean {
  for (let field = 0; field < fields.length; field++) {
    const values = fields[field]!;
    if (values[row] !== values[other]) return false;
  }
  return true;
}
