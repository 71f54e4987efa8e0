/** Rows of a span table by service and operation: the unit in which clusters and hypotheses compare periods. */
import type { SpanTable } from './window.ts';

export interface OperationRows {
  /** Same number for the same service and operation in every table that shares the dictionary. */
  readonly key: number;
  /** String ids. */
  readonly service: number;
  readonly operation: number;
  /** Ascending. */
  readonly rows: Uint32Array;
}

/** A dictionary never holds this many strings, so that two ids fit one exact number. */
const ID_SPAN = 2 ** 26;

export function pairKey(first: number, second: number): number {
  return first * ID_SPAN + second;
}

export function rowsByOperation(table: SpanTable): Map<number, OperationRows> {
  const counts = new Map<number, number>();
  for (let row = 0; row < table.count; row++) {
    const key = pairKey(table.service[row]!, table.operation[row]!);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const groups = new Map<number, OperationRows>();
  const filled = new Map<number, number>();
  for (let row = 0; row < table.count; row++) {
    const service = table.service[row]!;
    const operation = table.operation[row]!;
    const key = pairKey(service, operation);
    let group = groups.get(key);
    if (group === undefined) {
      group = { key, service, operation, rows: new Uint32Array(counts.get(key) ?? 0) };
      groups.set(key, group);
    }
    const at = filled.get(key) ?? 0;
    group.rows[at] = row;
    filled.set(key, at + 1);
  }
  return groups;
}

/** A column's values of the rows, sorted ascending. */
export function sortedValues(column: Float64Array, rows: Uint32Array): Float64Array {
  const values = new Float64Array(rows.length);
  for (let index = 0; index < rows.length; index++) values[index] = column[rows[index]!]!;
  return values.sort();
}
