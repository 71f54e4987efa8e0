/**
 * Trace search, newest first by the start of a trace's first matching span. Blocks are visited from the newest;
 * a trace is given out only when no block still to come could hold a newer one, so pages are exact and stable.
 */
import { hexOf } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SpanColumns } from '../../model/columns.ts';
import type { TraceSummary } from '../../model/span.ts';
import type { Page, TraceQuery } from '../api/telemetry.ts';
import { SIGNAL } from './block.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { type DayPool, withDamage } from './day-pool.ts';
import type { BlockHeader, DayReader } from './day-reader.ts';
import { readSpanBlock } from './scan.ts';
import {
  BOT_KEY,
  CONVERSATION_KEY,
  compileFilter,
  findAttributeText,
  mayMatch,
  wantedAttributes,
} from './span-filter.ts';
import { TRACE_ID_BYTES } from './trace-order.ts';
import { parseTraceId, visitTrace } from './traces.ts';

/** Sorts after every trace id: a page that was cut goes on with all traces of its time. */
const AFTER_ALL_IDS = 'z';
/** Decoded blocks kept, since neighbours on a page stand in the same blocks; about 3 MB each. */
const CACHED_BLOCKS_MAX = 8;
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
  readonly #blocks = new Map<string, SpanColumns>();
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
    const columns = this.#pool.tryRead(reader, header, () => {
      if (!mayMatch(reader, header, this.#query)) return undefined;
      return wantedAttributes(this.#query).length > 0
        ? this.#readBlock(reader, header)
        : readSpanBlock(reader, header, []);
    });
    if (!columns) return;
    const matches = compileFilter(columns, {
      ...this.#query,
      range: { fromUs: this.#query.range.fromUs, toUs },
    });
    const firstUs = new Map<string, number>();
    for (let row = 0; row < columns.count; row++) {
      if (!matches(row)) continue;
      const start = TRACE_ID_BYTES * row;
      const traceId = hexOf(columns.traceId, start, start + TRACE_ID_BYTES);
      const timeUs = columns.startUs[row]!;
      firstUs.set(traceId, Math.min(timeUs, firstUs.get(traceId) ?? timeUs));
    }
    for (const [traceId, timeUs] of firstUs) {
      if (this.#seen.has(traceId)) continue;
      this.#seen.add(traceId);
      this.#candidates.push({ traceId, timeUs, summary: undefined });
    }
    this.#candidates.sort(compareCandidates);
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
    const readBlock = (reader: DayReader, header: BlockHeader) => {
      if (!this.#blocks.has(keyOf(reader, header))) this.#summaryRows += header.rowCount;
      return this.#readBlock(reader, header);
    };
    const traceId = parseTraceId(candidate.traceId);
    visitTrace(this.#pool, { traceId, near, readBlock }, (columns, rows) => {
      const matches = compileFilter(columns, this.#query);
      for (const row of rows) {
        builder.add(columns, row);
        if (matches(row)) timeUs = Math.min(timeUs, columns.startUs[row]!);
      }
    });
    return { traceId: candidate.traceId, timeUs, summary: builder.build(candidate.traceId) };
  }

  #readBlock(reader: DayReader, header: BlockHeader): SpanColumns {
    const key = keyOf(reader, header);
    const known = this.#blocks.get(key);
    if (known) return known;
    const columns = readSpanBlock(reader, header, ['attributes']);
    if (this.#blocks.size >= CACHED_BLOCKS_MAX) {
      for (const oldest of this.#blocks.keys()) {
        this.#blocks.delete(oldest);
        break;
      }
    }
    this.#blocks.set(key, columns);
    return columns;
  }
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

  add(columns: SpanColumns, row: number): void {
    const startUs = columns.startUs[row]!;
    this.#startUs = Math.min(this.#startUs, startUs);
    this.#endUs = Math.max(this.#endUs, startUs + Math.max(0, columns.durationNs[row]!) / 1000);
    const spanId = hexOf(columns.spanId, 8 * row, 8 * row + 8);
    if (this.#spanIds.has(spanId)) return;
    this.#spanIds.add(spanId);
    this.#errorCount += columns.isError[row]!;
    const service = columns.strings.text(columns.service[row]!);
    this.#services.add(service);
    this.#bot ??= findAttributeText(columns, row, BOT_KEY);
    this.#conversation ??= findAttributeText(columns, row, CONVERSATION_KEY);
    const isRoot = columns.parentSpanId.subarray(8 * row, 8 * row + 8).every((byte) => byte === 0);
    const isBetter = isRoot === this.#root.isRoot ? startUs < this.#root.startUs : isRoot;
    if (isBetter) {
      const operation = columns.strings.text(columns.name[row]!);
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
