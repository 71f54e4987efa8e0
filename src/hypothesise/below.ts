/** Whether what goes wrong in a span began in a span that it called. */
import { NO_ROW, type SpanTable } from '../model/window.ts';

/** By row: 1 when a span below it, at any depth, is marked. */
export function markAbove(table: SpanTable, isMarked: Uint8Array): Uint8Array {
  const isAbove = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    if (isMarked[row] === 0) continue;
    // A span that is known to be above has made the rest of the way known, too.
    for (let at = table.parent[row]!; at !== NO_ROW && isAbove[at] === 0; at = table.parent[at]!) {
      isAbove[at] = 1;
    }
  }
  return isAbove;
}
