/** One trace by its id: the index leads to the few blocks that hold it. */
import { tryBytesOfHex } from '../../base/bytes.ts';
import { AppError } from '../../base/errors.ts';
import type { TimeRange } from '../../base/time.ts';
import type { Span } from '../../model/span.ts';
import { decodeAt, SIGNAL } from './block.ts';
import type { DayPool } from './day-pool.ts';
import type { BlockHeader, DayReader } from './day-reader.ts';
import { SpanView } from './span-view.ts';
import { TRACE_ID_BYTES, traceHash } from './trace-order.ts';
import { spansOfRun } from './trace-spans.ts';

/** Calls visit with the run of the trace, once per block that holds it. */
export function visitTrace(
  pool: DayPool,
  wanted: {
    readonly traceId: Uint8Array;
    readonly near?: TimeRange;
    readonly viewOf: (reader: DayReader, header: BlockHeader) => SpanView;
  },
  visit: (view: SpanView, run: number) => void,
): void {
  const hash = traceHash(wanted.traceId);
  for (const day of pool.daysNear(wanted.near)) {
    pool.use(day, (reader) => {
      for (const header of reader.blocksOfTrace(hash)) {
        if (header.signal !== SIGNAL.spans) continue;
        pool.tryRead(reader, header, () => {
          const view = wanted.viewOf(reader, header);
          const run = view.findRun(wanted.traceId);
          if (run !== undefined) decodeAt(reader.placeOf(header), () => visit(view, run));
        });
      }
    });
  }
}

export function readTrace(pool: DayPool, traceId: string, near?: TimeRange): readonly Span[] {
  const spans = new Map<string, Span>();
  const viewOf = (reader: DayReader, header: BlockHeader) => new SpanView(reader, header);
  const wanted = { traceId: parseTraceId(traceId), viewOf, ...(near ? { near } : {}) };
  visitTrace(pool, wanted, (view, run) => {
    for (const span of spansOfRun(view, run)) {
      const known = spans.get(span.spanId);
      if (!known || isFuller(span, known)) spans.set(span.spanId, span);
    }
  });
  return [...spans.values()].sort(
    (a, b) => a.startUs - b.startUs || (a.spanId < b.spanId ? -1 : 1),
  );
}

/** Throws `request.invalid` unless it is 32 hex digits. */
export function parseTraceId(text: string): Uint8Array {
  const bytes = tryBytesOfHex(text, TRACE_ID_BYTES);
  if (bytes) return bytes;
  const offendingValue = text.slice(0, 64);
  throw new AppError(
    'request.invalid',
    `Cannot read trace "${offendingValue}": an id has 32 hex digits`,
    { offendingValue },
  );
}

/** Of two copies of a span, the one that a sender finished later: longer, or with more attributes. */
function isFuller(span: Span, other: Span): boolean {
  if (span.durationUs !== other.durationUs) return span.durationUs > other.durationUs;
  return Object.keys(span.attributes).length > Object.keys(other.attributes).length;
}

export function rowsOfTrace(
  columns: { readonly traceId: Uint8Array; readonly count: number },
  traceId: Uint8Array,
): readonly number[] {
  const rows: number[] = [];
  for (let row = 0; row < columns.count; row++) {
    const start = TRACE_ID_BYTES * row;
    let byte = 0;
    while (byte < TRACE_ID_BYTES && columns.traceId[start + byte] === traceId[byte]) byte++;
    if (byte === TRACE_ID_BYTES) rows.push(row);
  }
  return rows;
}
