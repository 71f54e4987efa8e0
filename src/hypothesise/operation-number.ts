/** Numbers the operations of both periods, so that a row's operation and its caller make one small key. */
import { pairKey } from '../model/row-groups.ts';
import type { SpanTable } from '../model/window.ts';
import type { OperationNumbers } from './event-flow.ts';
import type { Facts } from './facts.ts';

/** Operations of the window have the numbers of facts.operations, plus one; those that are gone come behind. */
export function numberOperations(facts: Facts, reference: SpanTable): OperationNumbers {
  const now = new Uint32Array(facts.table.count);
  const before = new Uint32Array(reference.count);
  for (const [index, { group, referenceRows }] of facts.operations.entries()) {
    for (const row of group.rows) now[row] = index + 1;
    for (const row of referenceRows) before[row] = index + 1;
  }
  const gone = new Map<number, number>();
  let count = facts.operations.length;
  for (let row = 0; row < reference.count; row++) {
    if (before[row] !== 0) continue;
    const key = pairKey(reference.service[row]!, reference.operation[row]!);
    let number = gone.get(key);
    if (number === undefined) {
      number = ++count;
      gone.set(key, number);
    }
    before[row] = number;
  }
  return { now, before, count };
}
