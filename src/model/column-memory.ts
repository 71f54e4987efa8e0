/**
 * The arrays of columns, apart from their objects: to hand a group to another thread without copying it, and to
 * let the next group use the memory of one that is done, since growing anew costs copies and collections.
 */
import type { LogColumns, PointColumns, SpanColumns } from './columns.ts';

type Columns = SpanColumns | LogColumns | PointColumns;
type Fields = Record<string, unknown>;

/** Counts and typed arrays by their names in the columns' class, nested lists the same way. */
export interface ColumnMemory {
  readonly [name: string]: number | ArrayBufferView | ColumnMemory;
}

/** Moves counts and arrays out. The columns are of no use afterwards: their arrays are empty. */
export function takeMemory(from: Columns): ColumnMemory {
  return take(asFields(from));
}

/** Moves counts and arrays into new columns of the class that they came from. */
export function giveMemory(memory: ColumnMemory, to: Columns): void {
  give(memory, asFields(to));
}

/** As giveMemory(), without the content: `to` stays empty and has room. */
export function giveRoom(memory: ColumnMemory, to: Columns): void {
  giveMemory(memory, to);
  to.truncate(0);
  if ('derived' in to) to.derived.count = 0;
}

/** Buffers of the arrays, for moving them to another thread. */
export function buffersOf(memory: ColumnMemory): readonly ArrayBuffer[] {
  return Object.values(memory).flatMap((value) => {
    if (typeof value === 'number') return [];
    // The columns' classes allocate them, each array its own.
    return ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : buffersOf(value);
  });
}

export function bytesOf(memory: ColumnMemory): number {
  return buffersOf(memory).reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** The classes of columns.ts hold counts, typed arrays, and lists that are such classes themselves. */
function asFields(columns: object): Fields {
  return columns as Fields;
}

function take(from: Fields): ColumnMemory {
  const memory: Record<string, number | ArrayBufferView | ColumnMemory> = {};
  for (const [name, value] of Object.entries(from)) {
    if (ArrayBuffer.isView(value)) {
      memory[name] = value;
      from[name] = emptyOf(value);
    } else if (typeof value === 'number') {
      memory[name] = value;
      from[name] = 0;
    } else if (isNested(value)) {
      memory[name] = take(value);
    }
  }
  return memory;
}

function give(memory: ColumnMemory, to: Fields): void {
  for (const [name, value] of Object.entries(memory)) {
    if (typeof value === 'number' || ArrayBuffer.isView(value)) to[name] = value;
    else give(value, asFields(to[name] as object)); // the same class
  }
}

/** Attributes, events, links and exemplars count their rows; dictionaries and lists of entries do not. */
function isNested(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && 'count' in value;
}

function emptyOf(array: ArrayBufferView): unknown {
  const make = array.constructor as new (size: number) => unknown; // a typed array's own class
  return new make(0);
}
