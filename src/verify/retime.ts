/**
 * A request's call tree as it would have run with other own times: what a span waited for still comes before
 * what it did next, so the time that is saved is the critical path's and not just the sum of the savings.
 */
import { NO_ROW, type SpanTable } from '../model/window.ts';

/** Who calls whom in some requests of a table; arrays are by row, NO_ROW where there is none. */
export interface CallTree {
  readonly table: SpanTable;
  /** Children of a row by start: the first, and from each the next. */
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  /** By row: 1 where the walk has to look; all 0 between walks. */
  readonly touched: Uint8Array;
}

export interface Request {
  readonly entry: number;
  /** The entry and everything below it, callers before what they call. */
  readonly rows: readonly number[];
}

export function createCallTree(table: SpanTable): CallTree {
  return {
    table,
    firstChild: new Int32Array(table.count).fill(NO_ROW),
    nextSibling: new Int32Array(table.count).fill(NO_ROW),
    touched: new Uint8Array(table.count),
  };
}

/** Adds the entry's trace to the tree, once. Rows of a trace come by start, hence siblings too. */
export function addRequest(tree: CallTree, entry: number): Request {
  const { table, firstChild, nextSibling } = tree;
  const trace = table.trace[entry]!;
  for (let at = table.traceStart[trace + 1]! - 1; at >= table.traceStart[trace]!; at--) {
    const row = table.traceRows[at]!;
    const parent = table.parent[row]!;
    if (parent === NO_ROW) continue;
    nextSibling[row] = firstChild[parent]!;
    firstChild[parent] = row;
  }
  const rows = [entry];
  for (let at = 0; at < rows.length; at++) {
    for (let child = firstChild[rows[at]!]!; child !== NO_ROW; child = nextSibling[child]!) {
      rows.push(child);
    }
  }
  return { entry, rows };
}

/** The entry's duration with other own times, by row. Without any it is exactly the old one. */
export function retime(
  tree: CallTree,
  { entry, rows }: Request,
  newOwnUs: ReadonlyMap<number, number>,
): number {
  const { table, touched } = tree;
  for (const row of rows) {
    if (!newOwnUs.has(row)) continue;
    // A touched row's callers are touched, and so in the end is the entry.
    touched[entry] = 1;
    for (let at = row; touched[at] === 0; at = table.parent[at]!) touched[at] = 1;
  }
  const fromUs = table.startUs[entry]!;
  const toUs = fromUs + table.durationUs[entry]!;
  const durationUs = retimeSpan(entry, { fromUs, toUs }, { tree, newOwnUs });
  for (const row of rows) touched[row] = 0;
  return durationUs;
}

/** Start and duration are rounded each: a child that begins where another ends may seem to begin before. */
const ROUNDING_US = 2;

/** A child that has ended: when it did, when it would have, and the parent's own time up to then. */
interface Ended {
  readonly oldUs: number;
  readonly newUs: number;
  readonly ownUs: number;
}

/**
 * Length of a span's part inside its parent. Children start where they did after the child that ended last
 * before them, with the parent's own time in between stretched or shrunk:
 *
 *   own ▪▪▪▪▪▪▪▪          own ▪▪
 *          child ▪▪▪▪  →      child ▪▪▪▪
 *                own ▪▪             own ▪
 */
function retimeSpan(
  row: number,
  clip: { readonly fromUs: number; readonly toUs: number },
  context: { readonly tree: CallTree; readonly newOwnUs: ReadonlyMap<number, number> },
): number {
  const { table, firstChild, nextSibling, touched } = context.tree;
  if (touched[row] === 0) return clip.toUs - clip.fromUs;
  const oldOwnUs = table.selfUs[row]!;
  const stretch = oldOwnUs > 0 ? (context.newOwnUs.get(row) ?? oldOwnUs) / oldOwnUs : 1;
  // From the end of one child to a later moment: own time is stretched, the rest only passes.
  const after = (ended: Ended, oldUs: number, ownUs: number): number =>
    ended.newUs + (oldUs - ended.oldUs) + (ownUs - ended.ownUs) * (stretch - 1);
  let last: Ended = { oldUs: clip.fromUs, newUs: 0, ownUs: 0 };
  let running: Ended[] = [];
  let coveredToUs = clip.fromUs;
  let ownUs = 0;
  let endUs = 0;
  for (let child = firstChild[row]!; child !== NO_ROW; child = nextSibling[child]!) {
    const fromUs = Math.max(table.startUs[child]!, clip.fromUs);
    const childToUs = table.startUs[child]! + table.durationUs[child]!;
    const toUs = Math.min(childToUs, clip.toUs);
    if (toUs <= fromUs) continue;
    ownUs += Math.max(0, fromUs - coveredToUs);
    coveredToUs = Math.max(coveredToUs, toUs);
    last = lastEnded(running, { last, beforeUs: fromUs + ROUNDING_US });
    running = running.filter((one) => one.oldUs > fromUs + ROUNDING_US);
    const lengthUs = retimeSpan(child, { fromUs, toUs: childToUs }, context);
    // A caller that did not wait for the end does not wait longer now.
    const waitUs = childToUs > clip.toUs ? Math.min(lengthUs, toUs - fromUs) : lengthUs;
    const newUs = after(last, fromUs, ownUs) + waitUs;
    endUs = Math.max(endUs, newUs);
    running.push({ oldUs: toUs, newUs, ownUs });
  }
  last = lastEnded(running, { last, beforeUs: clip.toUs });
  ownUs += Math.max(0, clip.toUs - coveredToUs);
  return Math.max(endUs, after(last, clip.toUs, ownUs));
}

/** Of the children that had ended by then, the one that ended last. */
function lastEnded(
  running: readonly Ended[],
  { last, beforeUs }: { readonly last: Ended; readonly beforeUs: number },
): Ended {
  let latest = last;
  for (const one of running) {
    if (one.oldUs <= beforeUs && one.oldUs >= latest.oldUs) latest = one;
  }
  return latest;
}
