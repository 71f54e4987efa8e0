/**
 * The call tree of a span table: parents, inherited stages, self time and critical path of each trace. Rows of a trace stand
 * together, by start time.
 */
import { STAGES } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { IdIndex, SPAN_ID_WORDS, wordsOf } from './id-index.ts';

/** Traces up to this many rows are searched by a loop, larger ones by a hash table. */
const SHORT_MAX = 32;

/** Fills parent and isOrphan; a loop of parents is cut at its earliest span. Ids are words, two each. */
export function resolveParents(table: SpanTable, parentWords: Uint32Array): void {
  const spanWords = wordsOf(table.spanId);
  for (let trace = 0; trace < table.traceIds.length; trace++) {
    const start = table.traceStart[trace]!;
    const end = table.traceStart[trace + 1]!;
    const find = end - start > SHORT_MAX ? indexedFinder(spanWords, start, end) : undefined;
    for (let row = start; row < end; row++) {
      const at = SPAN_ID_WORDS * row;
      const low = parentWords[at]!;
      const high = parentWords[at + 1]!;
      if (low === 0 && high === 0) {
        table.parent[row] = NO_ROW;
        continue;
      }
      let parent = NO_ROW;
      if (find) {
        parent = find(parentWords, at);
      } else {
        for (let other = start; other < end; other++) {
          const from = SPAN_ID_WORDS * other;
          if (spanWords[from] === low && spanWords[from + 1] === high) parent = other;
        }
      }
      table.isOrphan[row] = parent === NO_ROW ? 1 : 0;
      table.parent[row] = parent === row ? NO_ROW : parent;
    }
    cutLoops(table, start, end);
  }
}

function indexedFinder(spanWords: Uint32Array, start: number, end: number) {
  const index = new IdIndex(SPAN_ID_WORDS);
  // ids of a trace are distinct, so that their numbers are their places
  for (let row = start; row < end; row++) index.add(spanWords, SPAN_ID_WORDS * row);
  return (words: Uint32Array, at: number) => {
    const place = index.find(words, at);
    return place < 0 ? NO_ROW : start + place;
  };
}

function cutLoops(table: SpanTable, start: number, end: number): void {
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

/**
 * Stages that follow from the caller's: at ingest a caller may still have been on its way, here it is known.
 * Infrastructure takes the stage of whoever needs it, and so does what runs inside infrastructure without a
 * stage of its own (waiting for a pooled connection, the server's side of a call).
 */
export function inheritStages(table: SpanTable): void {
  const isSettled = new Uint8Array(table.count);
  const path: number[] = [];
  for (let row = 0; row < table.count; row++) {
    path.length = 0;
    let at = row;
    while (isSettled[at] === 0 && path.push(at) && canInherit(table, at)) at = table.parent[at]!;
    for (let step = path.length - 1; step >= 0; step--) {
      const member = path[step]!;
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

/** Self time and critical path of every trace. Rows of a trace stand by start time. */
export function computeTimes(table: SpanTable): void {
  const children = new Children(table);
  for (let row = 0; row < table.count; row++) {
    table.selfUs[row] = table.durationUs[row]! - coveredUs(table, row, children);
  }
  const path = new PathWalker(table, children);
  for (let row = 0; row < table.count; row++) {
    if (table.parent[row] === NO_ROW) path.walk(row);
  }
}

/** Children of each row by start, as lists in arrays: 15 ns a row, where Maps of arrays took 300. */
class Children {
  readonly first: Int32Array;
  readonly next: Int32Array;

  constructor({ count, parent }: SpanTable) {
    this.first = new Int32Array(count).fill(NO_ROW);
    this.next = new Int32Array(count).fill(NO_ROW);
    // From the last on: each is put before its later siblings.
    for (let row = count - 1; row >= 0; row--) {
      const above = parent[row]!;
      if (above === NO_ROW) continue;
      this.next[row] = this.first[above]!;
      this.first[above] = row;
    }
  }
}

/** Part of a span's time that its children cover; children are sorted by start. */
function coveredUs(table: SpanTable, row: number, { first, next }: Children): number {
  const from = table.startUs[row]!;
  const to = from + table.durationUs[row]!;
  let covered = 0;
  let coveredUntil = from;
  for (let child = first[row]!; child !== NO_ROW; child = next[child]!) {
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
class PathWalker {
  readonly #table: SpanTable;
  readonly #children: Children;
  /** Rows still to walk, each with its part of the path. */
  readonly #rows: number[] = [];
  readonly #fromUs: number[] = [];
  readonly #toUs: number[] = [];
  readonly #byEnd: number[] = [];

  constructor(table: SpanTable, children: Children) {
    this.#table = table;
    this.#children = children;
  }

  walk(root: number): void {
    this.#push(root, this.#table.startUs[root]!, this.#endUsOf(root));
    for (let row = this.#rows.pop(); row !== undefined; row = this.#rows.pop()) {
      // pushed together with the row
      this.#walkOne(row, this.#fromUs.pop()!, this.#toUs.pop()!);
    }
  }

  #walkOne(row: number, fromUs: number, toUs: number): void {
    const table = this.#table;
    let cursorUs = toUs;
    let ownUs = 0;
    this.#sortChildren(row);
    for (let index = 0; index < this.#byEnd.length; index++) {
      const child = this.#byEnd[index]!;
      const begin = Math.max(table.startUs[child]!, fromUs);
      const finish = Math.min(this.#endUsOf(child), cursorUs);
      if (finish <= begin) continue;
      ownUs += cursorUs - finish;
      this.#push(child, begin, finish);
      cursorUs = begin;
    }
    table.criticalUs[row] = ownUs + Math.max(0, cursorUs - fromUs);
  }

  /** The last to end first; of those that end together the later. */
  #sortChildren(row: number): void {
    const byEnd = this.#byEnd;
    byEnd.length = 0;
    const { first, next } = this.#children;
    for (let child = first[row]!; child !== NO_ROW; child = next[child]!) byEnd.push(child);
    if (byEnd.length > SHORT_MAX) {
      byEnd.sort((a, b) => this.#endUsOf(b) - this.#endUsOf(a) || b - a);
      return;
    }
    for (let index = 1; index < byEnd.length; index++) {
      const child = byEnd[index]!;
      const endUs = this.#endUsOf(child);
      let to = index;
      // children come by row, so that of equal ends this one is the later
      while (to > 0 && this.#endUsOf(byEnd[to - 1]!) <= endUs) {
        byEnd[to] = byEnd[to - 1]!;
        to--;
      }
      byEnd[to] = child;
    }
  }

  #push(row: number, fromUs: number, toUs: number): void {
    this.#rows.push(row);
    this.#fromUs.push(fromUs);
    this.#toUs.push(toUs);
  }

  #endUsOf(row: number): number {
    return this.#table.startUs[row]! + this.#table.durationUs[row]!;
  }
}
