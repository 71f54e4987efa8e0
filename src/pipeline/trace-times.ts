/**
 * The call tree of a span table: parents, inherited stages, self time and critical path of each trace. Rows of a trace stand
 * together, by start time.
 */
import { STAGES } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';

/** Fills parent and isOrphan; a loop of parents is cut at its earliest span. */
export function resolveParents(table: SpanTable, parentIdBytes: Uint8Array): void {
  const spanIds = bufferOf(table.spanId);
  const parentIds = bufferOf(parentIdBytes);
  for (let trace = 0; trace < table.traceIds.length; trace++) {
    const start = table.traceStart[trace]!;
    const end = table.traceStart[trace + 1]!;
    const rowById = new Map<string, number>();
    for (let row = start; row < end; row++) rowById.set(keyOf(spanIds, 8 * row), row);
    for (let row = start; row < end; row++) {
      const parentKey = keyOf(parentIds, 8 * row);
      const parent = rowById.get(parentKey);
      table.parent[row] = parent === undefined || parent === row ? NO_ROW : parent;
      table.isOrphan[row] = parent === undefined && parentKey !== ZERO_ID ? 1 : 0;
    }
    for (let row = start; row < end; row++) {
      let steps = 0;
      for (let at = table.parent[row]!; at !== NO_ROW; at = table.parent[at]!) {
        if (++steps > end - start) {
          table.parent[row] = NO_ROW;
          break;
        }
      }
    }
  }
}

/**
 * Stages that follow from the caller's: at ingest a caller may still have been on its way, here it is known.
 * Infrastructure takes the stage of whoever needs it, and so does what runs inside infrastructure without a
 * stage of its own (waiting for a pooled connection, the server's side of a call).
 */
export function inheritStages(table: SpanTable): void {
  const isSettled = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    const path: number[] = [];
    let at = row;
    while (isSettled[at] === 0 && path.push(at) && canInherit(table, at)) at = table.parent[at]!;
    for (const member of path.reverse()) {
      isSettled[member] = 1;
      if (!canInherit(table, member)) continue;
      const inherited = table.stage[table.parent[member]!]!;
      if (inherited !== OTHER && inherited !== INFRA) table.stage[member] = inherited;
    }
  }
}

const OTHER = STAGES.indexOf('other');
const INFRA = STAGES.indexOf('infra');

function canInherit(table: SpanTable, row: number): boolean {
  const parent = table.parent[row]!;
  if (parent === NO_ROW) return false;
  if (table.stage[row] === INFRA) return true;
  return table.stage[row] === OTHER && table.infra[parent] !== 0;
}

/** Self time and critical path of one trace. Rows of a trace stand by start time. */
export function computeTimes(table: SpanTable, trace: number): void {
  const start = table.traceStart[trace]!;
  const end = table.traceStart[trace + 1]!;
  const children = new Map<number, number[]>();
  for (let row = start; row < end; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW) continue;
    const list = children.get(parent);
    if (list) list.push(row);
    else children.set(parent, [row]);
  }
  for (let row = start; row < end; row++) {
    table.selfUs[row] = table.durationUs[row]! - coveredUs(table, row, children.get(row) ?? []);
  }
  for (let row = start; row < end; row++) {
    if (table.parent[row] === NO_ROW) walkCriticalPath(table, row, children);
  }
}

/** Part of a span's time that its children cover; children are sorted by start. */
function coveredUs(table: SpanTable, row: number, children: readonly number[]): number {
  const from = table.startUs[row]!;
  const to = from + table.durationUs[row]!;
  let covered = 0;
  let coveredUntil = from;
  for (const child of children) {
    const begin = Math.max(table.startUs[child]!, coveredUntil);
    const finish = Math.min(table.startUs[child]! + table.durationUs[child]!, to);
    if (finish <= begin) continue;
    covered += finish - begin;
    coveredUntil = finish;
  }
  return covered;
}

/**
 * Backwards from a span's end: the child that finished last carries the path, then the one that finished
 * last before that child began, and so on; what no child carries is the span's own.
 */
function walkCriticalPath(
  table: SpanTable,
  root: number,
  children: ReadonlyMap<number, readonly number[]>,
): void {
  const stack: { row: number; fromUs: number; toUs: number }[] = [
    {
      row: root,
      fromUs: table.startUs[root]!,
      toUs: table.startUs[root]! + table.durationUs[root]!,
    },
  ];
  for (let item = stack.pop(); item; item = stack.pop()) {
    let cursorUs = item.toUs;
    let ownUs = 0;
    const byEnd = [...(children.get(item.row) ?? [])].sort(
      (a, b) => endUsOf(table, b) - endUsOf(table, a) || b - a,
    );
    for (const child of byEnd) {
      const begin = Math.max(table.startUs[child]!, item.fromUs);
      const finish = Math.min(endUsOf(table, child), cursorUs);
      if (finish <= begin) continue;
      ownUs += cursorUs - finish;
      stack.push({ row: child, fromUs: begin, toUs: finish });
      cursorUs = begin;
    }
    table.criticalUs[item.row] = ownUs + Math.max(0, cursorUs - item.fromUs);
  }
}

function endUsOf(table: SpanTable, row: number): number {
  return table.startUs[row]! + table.durationUs[row]!;
}

/** The same bytes as a Buffer, whose slices become strings natively. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function keyOf(bytes: Buffer, start: number): string {
  return bytes.toString('latin1', start, start + 8);
}

const ZERO_ID = '\0'.repeat(8);
