/**
 * The call tree of a span table: parents, inherited stages, self time and critical path of each trace. Rows of a trace stand
 * together, by start time.
 */
import { SPAN_KIND, STAGES } from '../model/vocabulary.ts';
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
  const starts = alignedStarts(table);
  const children = new Children(table, starts);
  for (let row = 0; row < table.count; row++) {
    table.selfUs[row] = table.durationUs[row]! - coveredUs(table, { row, starts, children });
  }
  const path = new PathWalker(table, { starts, children });
  for (let row = 0; row < table.count; row++) {
    if (table.parent[row] === NO_ROW) path.walk(row);
  }
}

/** Time stamps of some senders are whole milliseconds: less than that is no disagreement of clocks. */
const CLOCK_TOLERANCE_US = 1000;

/**
 * Start times by one clock a trace, that of its root: what another service does within a call is moved into
 * the call, with all below it. The table's own column when no clock needs that.
 */
function alignedStarts(table: SpanTable): Float64Array {
  let moves: Float64Array | undefined;
  for (let row = 0; row < table.count; row++) {
    const moveUs = moveOf(table, row);
    if (moveUs === 0) continue;
    moves ??= new Float64Array(table.count);
    moves[row] = moveUs;
  }
  if (moves === undefined) return table.startUs;
  const starts = table.startUs.slice();
  for (let row = 0; row < table.count; row++) {
    for (let at = row; at !== NO_ROW; at = table.parent[at]!) starts[row]! += moves[at]!;
  }
  return starts;
}

/** How far a callee has to move to lie within its caller; 0 when it does, or was not waited for. */
function moveOf(table: SpanTable, row: number): number {
  const parent = table.parent[row]!;
  if (parent === NO_ROW || table.service[parent] === table.service[row]) return 0;
  const spareUs = table.durationUs[parent]! - table.durationUs[row]!;
  if (spareUs < 0) return 0;
  const afterUs = table.startUs[row]! - table.startUs[parent]!;
  if (afterUs < -CLOCK_TOLERANCE_US) return -afterUs;
  // Only a call waits for what it calls: other work may go on after its parent.
  if (table.kind[parent] !== SPAN_KIND.client) return 0;
  return afterUs > spareUs + CLOCK_TOLERANCE_US ? spareUs - afterUs : 0;
}

/** Children of each row by start, as lists in arrays: 15 ns a row, where Maps of arrays took 300. */
class Children {
  readonly first: Int32Array;
  readonly next: Int32Array;

  constructor({ count, parent }: SpanTable, starts: Float64Array) {
    this.first = new Int32Array(count).fill(NO_ROW);
    this.next = new Int32Array(count).fill(NO_ROW);
    // From the last on: each is put before its later siblings, at once unless a clock was off.
    for (let row = count - 1; row >= 0; row--) {
      const above = parent[row]!;
      if (above === NO_ROW) continue;
      let before = NO_ROW;
      let after = this.first[above]!;
      while (after !== NO_ROW && starts[after]! < starts[row]!) {
        before = after;
        after = this.next[after]!;
      }
      this.next[row] = after;
      if (before === NO_ROW) this.first[above] = row;
      else this.next[before] = row;
    }
  }
}

interface Tree {
  /** Start times by one clock. */
  readonly starts: Float64Array;
  readonly children: Children;
}

/** Part of a span's time that its children cover; children are sorted by start. */
function coveredUs(
  table: SpanTable,
  { row, starts, children }: Tree & { readonly row: number },
): number {
  const { first, next } = children;
  const from = starts[row]!;
  const to = from + table.durationUs[row]!;
  let covered = 0;
  let coveredUntil = from;
  for (let child = first[row]!; child !== NO_ROW; child = next[child]!) {
    const begin = Math.max(starts[child]!, coveredUntil);
    const finish = Math.min(starts[child]! + table.durationUs[child]!, to);
    if (finish <= begin) continue;
    covered += finish - begin;
    coveredUntil = finish;
  }
  return covered;
}

/**
 * Backwards from a span's end: the child that finished last carries the path, then the one that finished
 * last before that child began, and so on; what no child carries is the span's own. A bare child (neither a
 * call nor with children of its own) carries only what the others leave: where it runs beside a call of its
 * parent, the call shows what is waited for, as with handlers that span the calls they make.
 */
class PathWalker {
  readonly #table: SpanTable;
  readonly #starts: Float64Array;
  readonly #children: Children;
  /** Rows still to walk, each with its part of the path. */
  readonly #rows: number[] = [];
  readonly #fromUs: number[] = [];
  readonly #toUs: number[] = [];
  /** Children of the row at hand: calls and those with children; and bare ones from `#bareFrom` on. */
  readonly #byEnd: number[] = [];
  readonly #bareByEnd: number[] = [];
  #bareFrom = 0;

  constructor(table: SpanTable, { starts, children }: Tree) {
    this.#table = table;
    this.#starts = starts;
    this.#children = children;
  }

  walk(root: number): void {
    this.#push(root, this.#starts[root]!, this.#endUsOf(root));
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
      const begin = Math.max(this.#starts[child]!, fromUs);
      const finish = Math.min(this.#endUsOf(child), cursorUs);
      if (finish <= begin) continue;
      ownUs += this.#giveToBare(finish, cursorUs);
      this.#push(child, begin, finish);
      cursorUs = begin;
    }
    table.criticalUs[row] = ownUs + this.#giveToBare(fromUs, cursorUs);
  }

  /** Time in the range that no bare child carries either. Ranges come from late to early. */
  #giveToBare(fromUs: number, toUs: number): number {
    const { criticalUs } = this.#table;
    const starts = this.#starts;
    const bare = this.#bareByEnd;
    let cursorUs = toUs;
    let ownUs = 0;
    // Those that begin later have no part in earlier ranges: long lists are walked once.
    while (this.#bareFrom < bare.length && starts[bare[this.#bareFrom]!]! >= toUs) this.#bareFrom++;
    for (let index = this.#bareFrom; index < bare.length; index++) {
      const child = bare[index]!;
      const begin = Math.max(starts[child]!, fromUs);
      const finish = Math.min(this.#endUsOf(child), cursorUs);
      if (this.#endUsOf(child) <= fromUs) break;
      if (finish <= begin) continue;
      ownUs += cursorUs - finish;
      criticalUs[child]! += finish - begin;
      cursorUs = begin;
    }
    return ownUs + Math.max(0, cursorUs - fromUs);
  }

  /** The last to end first; of those that end together the later. */
  #sortChildren(row: number): void {
    const { first, next } = this.#children;
    this.#byEnd.length = 0;
    this.#bareByEnd.length = 0;
    this.#bareFrom = 0;
    for (let child = first[row]!; child !== NO_ROW; child = next[child]!) {
      (this.#isBare(child) ? this.#bareByEnd : this.#byEnd).push(child);
    }
    this.#sortByEnd(this.#byEnd);
    this.#sortByEnd(this.#bareByEnd);
  }

  #isBare(row: number): boolean {
    const kind = this.#table.kind[row];
    const isCall = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
    return !isCall && this.#table.target[row] === 0 && this.#children.first[row] === NO_ROW;
  }

  #sortByEnd(rows: number[]): void {
    if (rows.length > SHORT_MAX) {
      rows.sort((a, b) => this.#endUsOf(b) - this.#endUsOf(a) || b - a);
      return;
    }
    for (let index = 1; index < rows.length; index++) {
      const child = rows[index]!;
      const endUs = this.#endUsOf(child);
      let to = index;
      // children come by row, so that of equal ends this one is the later
      while (to > 0 && this.#endUsOf(rows[to - 1]!) <= endUs) {
        rows[to] = rows[to - 1]!;
        to--;
      }
      rows[to] = child;
    }
  }

  #push(row: number, fromUs: number, toUs: number): void {
    this.#rows.push(row);
    this.#fromUs.push(fromUs);
    this.#toUs.push(toUs);
  }

  #endUsOf(row: number): number {
    return this.#starts[row]! + this.#table.durationUs[row]!;
  }
}
