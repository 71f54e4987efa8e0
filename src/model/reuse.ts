/** Memory of columns that nobody reads any more, for the next ones: growing anew costs copies and collections. */
import type { LogColumns, PointColumns, SpanColumns } from './columns.ts';

type Columns = SpanColumns | LogColumns | PointColumns;
type Fields = Record<string, unknown>;

/**
 * Moves the arrays of `from` into `to`, which is empty and of the same class, unless they hold more than
 * `bytesMax`: one huge request must not be paid for ever. `from` is of no use afterwards.
 */
export function reuseArrays<C extends Columns>(from: C, to: C, bytesMax: number): void {
  if (bytesOf(asFields(from)) > bytesMax) return;
  move(asFields(from), asFields(to));
}

/** The classes of columns.ts hold typed arrays, counts, and lists that are such classes themselves. */
function asFields(columns: object): Fields {
  return columns as Fields;
}

function bytesOf(from: Fields): number {
  let bytes = 0;
  for (const value of Object.values(from)) {
    if (ArrayBuffer.isView(value)) bytes += value.byteLength;
    else if (isNested(value)) bytes += bytesOf(value);
  }
  return bytes;
}

function move(from: Fields, to: Fields): void {
  for (const [name, value] of Object.entries(from)) {
    if (ArrayBuffer.isView(value)) {
      to[name] = value;
      from[name] = emptyOf(value);
    } else if (isNested(value)) {
      move(value, asFields(to[name] as object)); // the same class
    }
  }
  if ('capacity' in from) {
    to['capacity'] = from['capacity'];
    from['capacity'] = 0;
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
