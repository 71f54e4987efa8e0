/**
 * Trace search, newest first by the start of a trace's first matching span. Blocks are visited from the newest;
 * a trace is given out only when no block still to come could hold a newer one, so pages are exact and stable.
 */
import { LIMITS } from '../../base/limits.ts';
import type { TraceSummary } from '../../model/span.ts';
import type { Page, TraceQuery } from '../api/telemetry.ts';
import { SIGNAL } from './block.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { type DayPool, withDamage } from './day-pool.ts';
import type { BlockHeader, DayReader } from './day-reader.ts';
import { SPAN_FIELD } from './span-core.ts';
import { BOT_KEY, CONVERSATION_KEY, matchingRows, mayMatchHeader } from './span-filter.ts';
import { SpanView } from './span-view.ts';
import { parseTraceId, visitTrace } from './traces.ts';

/** Sorts after every trace id: a page that was cut goes on with all traces of its time. */
const AFTER_ALL_IDS = 'z';
/** Views of blocks kept, since neighbours on a page stand in the same blocks; about 1 MB each. */
const CACHED_VIEWS_MAX = 32;
/**
 * Rows of blocks that are decoded for the summaries of one page, about 2 s of work. Neighbours in time mostly
 * stand in the same blocks; where they do not, a page of 10 000 traces would keep the thread for minutes.
 */
const SUMMARY_ROWS_MAX = 64 * LIMITS.blockRowsMax;

/** Looks at about `rowsMax` rows at most; beyond, the page is cut, and its cursor goes on from there. */
export function searchTraces(
  pool: DayPool,
  query: TraceQuery,
  bounds: { readonly rowsMax?: number; readonly summaryRowsMax?: number } = {},
): Page<TraceSummary> {
  const { rowsMax = LIMITS.searchRowsMax, summaryRowsMax = SUMMARY_ROWS_MAX } = bounds;
  return withDamage(pool, () => new TraceSearch(pool, query, { rowsMax, summaryRowsMax }).run());
}

interface Candidate {
  readonly traceId: string;
  /** Start of the first matching span; until resolved, of the first one seen, which is no earlier. */
  readonly timeUs: number;
  readonly summary: TraceSummary | undefined;
}

class TraceSearch {
  readonly #pool: DayPool;
  readonly #query: TraceQuery;
  readonly #limit: number;
  readonly #rowsMax: number;
  readonly #summaryRowsMax: number;
  readonly #cursor: { readonly timeUs: number; readonly tie: string };
  readonly #seen = new Set<string>();
  readonly #found: Candidate[] = [];
  /** In order of last use. */
  readonly #views = new Map<string, CachedView>();
  #candidates: Candidate[] = [];
  #rowsScanned = 0;
  #summaryRows = 0;

  constructor(
    pool: DayPool,
    query: TraceQuery,
    bounds: { readonly rowsMax: number; readonly summaryRowsMax: number },
  ) {
    this.#rowsMax = bounds.rowsMax;
    this.#summaryRowsMax = bounds.summaryRowsMax;
    this.#pool = pool;
    this.#query = query;
    this.#limit = Math.min(query.limit, LIMITS.queryRowsMax);
    this.#cursor = parseCursor(query.cursor) ?? {
      timeUs: Number.POSITIVE_INFINITY,
      tie: AFTER_ALL_IDS,
    };
  }

  run(): Page<TraceSummary> {
    const { range } = this.#query;
    const toUs = Math.min(range.toUs, this.#cursor.timeUs + 1);
    let cutUs: number | undefined;
    const isComplete = this.#pool.visitNewestFirst(
      { signal: SIGNAL.spans, range: { fromUs: range.fromUs, toUs } },
      ({ reader, header, restMaxUs }) => {
        this.#discover(reader, header, toUs);
        this.#settle(restMaxUs);
        if (this.#found.length > this.#limit || this.#isOutOfSummaries) return false;
        this.#rowsScanned += header.rowCount;
        if (this.#rowsScanned < this.#rowsMax || restMaxUs < range.fromUs) return true;
        // The next page must begin before this one did, or blocks that overlap would be read for ever.
        if (restMaxUs >= toUs - 1) return true;
        cutUs = restMaxUs;
        return false;
      },
    );
    if (isComplete) this.#settle(Number.NEGATIVE_INFINITY);
    return this.#page(cutUs);
  }

  #page(cutUs: number | undefined): Page<TraceSummary> {
    const page = this.#found.slice(0, this.#limit);
    const items = page.flatMap(({ summary }) => (summary ? [summary] : []));
    const last = page.at(-1);
    if (last && (this.#found.length > this.#limit || this.#isOutOfSummaries)) {
      const nextCursor = formatCursor({ timeUs: last.timeUs, tie: last.traceId });
      return { items, nextCursor, wasCut: this.#found.length <= this.#limit };
    }
    if (cutUs === undefined) return { items, wasCut: false };
    const nextCursor = formatCursor({ timeUs: cutUs, tie: AFTER_ALL_IDS });
    return { items, nextCursor, wasCut: true };
  }

  /** One trace is given out however many blocks it takes, so that the next page goes on. */
  get #isOutOfSummaries(): boolean {
    return this.#summaryRows >= this.#summaryRowsMax && this.#found.length > 0;
  }

  /** Adds traces that have a matching span in the block. */
  #discover(reader: DayReader, header: BlockHeader, toUs: number): void {
    if (!mayMatchHeader(header, this.#query)) return;
    const range = { fromUs: this.#query.range.fromUs, toUs };
    this.#pool.tryRead(reader, header, () => {
      const view = new SpanView(reader, header);
      const rows = matchingRows(view, { ...this.#query, range });
      if (rows.length === 0) return;
      this.#keep(keyOf(reader, header), view);
      const { runStarts, startUs } = view.core;
      let run = 0;
      for (let index = 0; index < rows.length; ) {
        while (runStarts[run + 1]! <= rows[index]!) run++;
        let timeUs = Number.POSITIVE_INFINITY;
        for (; index < rows.length && rows[index]! < runStarts[run + 1]!; index++) {
          timeUs = Math.min(timeUs, startUs[rows[index]!]!);
        }
        this.#addCandidate(view.traceIdOf(run), timeUs);
      }
    });
    this.#candidates.sort(compareCandidates);
  }

  #addCandidate(traceId: string, timeUs: number): void {
    if (this.#seen.has(traceId)) return;
    this.#seen.add(traceId);
    this.#candidates.push({ traceId, timeUs, summary: undefined });
  }

  /** Gives out candidates newer than everything still to come, until the page is full. */
  #settle(restMaxUs: number): void {
    while (this.#found.length <= this.#limit) {
      const newest = this.#candidates.at(-1);
      if (!newest || newest.timeUs <= restMaxUs || this.#isOutOfSummaries) return;
      this.#candidates.pop();
      if (newest.summary) {
        this.#found.push(newest);
        continue;
      }
      const resolved = this.#resolve(newest);
      if (isBefore(resolved, this.#cursor)) insertSorted(this.#candidates, resolved);
    }
  }

  /** Reads the whole trace: when its first matching span really began, and its summary. */
  #resolve(candidate: Candidate): Candidate {
    const builder = new SummaryBuilder();
    let timeUs = candidate.timeUs;
    const near = { fromUs: candidate.timeUs, toUs: candidate.timeUs + 1 };
    const viewOf = (reader: DayReader, header: BlockHeader) => this.#viewOf(reader, header);
    const traceId = parseTraceId(candidate.traceId);
    visitTrace(this.#pool, { traceId, near, viewOf }, (view, run) => {
      const { runStarts, startUs } = view.core;
      const matches = this.#matchesOf(view);
      for (let row = runStarts[run]!; row < runStarts[run + 1]!; row++) {
        builder.add(view, row);
        if (matches.has(row)) timeUs = Math.min(timeUs, startUs[row]!);
      }
    });
    return { traceId: candidate.traceId, timeUs, summary: builder.build(candidate.traceId) };
  }

  #viewOf(reader: DayReader, header: BlockHeader): SpanView {
    const key = keyOf(reader, header);
    const known = this.#views.get(key);
    if (!known) {
      this.#summaryRows += header.rowCount;
      return this.#keep(key, new SpanView(reader, header));
    }
    this.#views.delete(key);
    this.#views.set(key, known);
    return known.view;
  }

  #keep(key: string, view: SpanView): SpanView {
    if (this.#views.size >= CACHED_VIEWS_MAX) {
      for (const oldest of this.#views.keys()) {
        this.#views.delete(oldest);
        break;
      }
    }
    this.#views.set(key, { view, matches: undefined });
    return view;
  }

  /** All rows of a block that match, found once: several traces of a page stand in one block. */
  #matchesOf(view: SpanView): ReadonlySet<number> {
    for (const cached of this.#views.values()) {
      if (cached.view !== view) continue;
      cached.matches ??= new Set(matchingRows(view, this.#query));
      return cached.matches;
    }
    return new Set(matchingRows(view, this.#query));
  }
}

interface CachedView {
  readonly view: SpanView;
  matches: ReadonlySet<number> | undefined;
}

function keyOf(reader: DayReader, header: BlockHeader): string {
  return `${reader.day}/${header.blockId}`;
}

/** Oldest first, so that the newest is at the end. */
function compareCandidates(a: Candidate, b: Candidate): number {
  return a.timeUs - b.timeUs || (a.traceId < b.traceId ? -1 : a.traceId > b.traceId ? 1 : 0);
}

function isBefore(
  candidate: Candidate,
  cursor: { readonly timeUs: number; readonly tie: string },
): boolean {
  if (candidate.timeUs !== cursor.timeUs) return candidate.timeUs < cursor.timeUs;
  return candidate.traceId < cursor.tie;
}

function insertSorted(candidates: Candidate[], candidate: Candidate): void {
  let from = 0;
  let to = candidates.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compareCandidates(candidates[middle]!, candidate) < 0) from = middle + 1;
    else to = middle;
  }
  candidates.splice(from, 0, candidate);
}

/** Sums up a trace span by span; copies of a span count once. */
class SummaryBuilder {
  readonly #spanIds = new Set<string>();
  readonly #services = new Set<string>();
  #startUs = Number.POSITIVE_INFINITY;
  #endUs = Number.NEGATIVE_INFINITY;
  #errorCount = 0;
  #root = { startUs: Number.POSITIVE_INFINITY, isRoot: false, service: '', operation: '' };
  #bot: string | undefined;
  #conversation: string | undefined;

  add(view: SpanView, row: number): void {
    const startUs = view.core.startUs[row]!;
    const durationUs = Math.max(0, view.core.durationNs[row]!) / 1000;
    this.#startUs = Math.min(this.#startUs, startUs);
    this.#endUs = Math.max(this.#endUs, startUs + durationUs);
    const spanId = view.spanIdOf(row);
    if (this.#spanIds.has(spanId)) return;
    this.#spanIds.add(spanId);
    this.#errorCount += view.fieldOf(row, SPAN_FIELD.isError);
    const service = view.textOf(row, SPAN_FIELD.service);
    this.#services.add(service);
    this.#bot ??= view.attributeText(row, BOT_KEY);
    this.#conversation ??= view.attributeText(row, CONVERSATION_KEY);
    const isRoot = view.isRoot(row);
    const isBetter = isRoot === this.#root.isRoot ? startUs < this.#root.startUs : isRoot;
    if (isBetter) {
      const operation = view.textOf(row, SPAN_FIELD.name);
      this.#root = { startUs, isRoot, service, operation };
    }
  }

  build(traceId: string): TraceSummary {
    return {
      traceId,
      rootService: this.#root.service,
      rootOperation: this.#root.operation,
      startUs: this.#startUs,
      durationUs: Math.round(this.#endUs - this.#startUs),
      spanCount: this.#spanIds.size,
      errorCount: this.#errorCount,
      services: [...this.#services].sort(),
      ...(this.#bot === undefined ? {} : { bot: this.#bot }),
      ...(this.#conversation === undefined ? {} : { conversation: this.#conversation }),
    };
  }
}
