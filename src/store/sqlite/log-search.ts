/** Log search, newest first: by trace, service, template, severity and text of the body. */
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import { type LogColumns, VALUE_TYPE } from '../../model/columns.ts';
import type { LogRecord } from '../../model/span.ts';
import { textOfValue } from '../../otlp/value.ts';
import type { LogQuery, Page } from '../api/telemetry.ts';
import { decodeAt, openSection, SECTION, SIGNAL } from './block.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { type DayPool, withDamage } from './day-pool.ts';
import { type BlockHeader, type DayReader, listHolds } from './day-reader.ts';
import { SectionTexts } from './local-dictionary.ts';
import { readBodyTypes } from './log-block.ts';
import { logOf } from './objects.ts';
import { ALL_LOG_SECTIONS, readLogBlock } from './scan.ts';
import { traceHash } from './trace-order.ts';
import { parseTraceId, rowsOfTrace } from './traces.ts';

/** Looks at about `rowsMax` rows at most; beyond, the page is cut, and its cursor goes on from there. */
export function searchLogs(
  pool: DayPool,
  query: LogQuery,
  { rowsMax = LIMITS.searchRowsMax }: { readonly rowsMax?: number } = {},
): Page<LogRecord> {
  return withDamage(pool, () => new LogSearch(pool, query, rowsMax).run());
}

interface Hit {
  readonly timeUs: number;
  readonly timeNs: number;
  readonly blockId: number;
  readonly row: number;
  readonly record: LogRecord;
}

class LogSearch {
  readonly #pool: DayPool;
  readonly #query: LogQuery;
  readonly #limit: number;
  readonly #rowsMax: number;
  /** Items of the cursor's time that earlier pages gave out already. */
  readonly #skipCount: number;
  readonly #toUs: number;
  readonly #cursorUs: number;
  readonly #traceId: Uint8Array | undefined;
  #hits: Hit[] = [];
  #rowsScanned = 0;

  constructor(pool: DayPool, query: LogQuery, rowsMax: number) {
    this.#rowsMax = rowsMax;
    const cursor = parseCursor(query.cursor);
    this.#pool = pool;
    this.#query = query;
    this.#limit = Math.min(query.limit, LIMITS.queryRowsMax);
    this.#skipCount = Math.min(Number(cursor?.tie ?? 0) || 0, LIMITS.searchRowsMax);
    this.#cursorUs = cursor?.timeUs ?? Number.POSITIVE_INFINITY;
    this.#toUs = Math.min(query.range.toUs, this.#cursorUs + 1);
    this.#traceId = query.traceId === undefined ? undefined : parseTraceId(query.traceId);
  }

  run(): Page<LogRecord> {
    const range = { fromUs: this.#query.range.fromUs, toUs: this.#toUs };
    if (this.#traceId) {
      this.#collectTrace(range, this.#traceId);
      return this.#page(undefined);
    }
    let cutUs: number | undefined;
    this.#pool.visitNewestFirst({ signal: SIGNAL.logs, range }, ({ reader, header, restMaxUs }) => {
      if (this.#mayHold(header)) {
        this.#rowsScanned += header.rowCount;
        this.#pool.tryRead(reader, header, () => this.#collect(reader, header));
      }
      const oldest = this.#hits.at(-1);
      const isFull = this.#hits.length >= this.#wantedCount();
      if (isFull && oldest && oldest.timeUs > restMaxUs) return false;
      if (this.#rowsScanned < this.#rowsMax || restMaxUs < range.fromUs) return true;
      // The next page must begin before this one did, or blocks that overlap would be read for ever.
      if (restMaxUs >= this.#toUs - 1) return true;
      cutUs = restMaxUs;
      return false;
    });
    return this.#page(cutUs);
  }

  /** The index leads to the few blocks that hold the trace. */
  #collectTrace(range: TimeRange, traceId: Uint8Array): void {
    for (const day of this.#pool.days(range)) {
      this.#pool.use(day, (reader) => {
        for (const header of reader.blocksOfTrace(traceHash(traceId))) {
          if (header.signal !== SIGNAL.logs) continue;
          if (header.maxUs < range.fromUs || header.minUs >= range.toUs) continue;
          this.#pool.tryRead(reader, header, () => this.#collect(reader, header));
        }
      });
    }
  }

  /** Those to skip, those to give, and one more to know whether there is more. */
  #wantedCount(): number {
    return this.#skipCount + this.#limit + 1;
  }

  #page(cutUs: number | undefined): Page<LogRecord> {
    // What lies at or before the cut may miss newer neighbours that were not looked at.
    const settled =
      cutUs === undefined ? this.#hits : this.#hits.filter((hit) => hit.timeUs > cutUs);
    const rest = settled.slice(this.#skipCount);
    const page = rest.slice(0, this.#limit);
    const items = page.map((hit) => hit.record);
    const last = page.at(-1);
    if (rest.length > this.#limit && last) {
      const sameTime = page.filter((hit) => hit.timeUs === last.timeUs).length;
      const before = last.timeUs === this.#cursorUs ? this.#skipCount : 0;
      const nextCursor = formatCursor({ timeUs: last.timeUs, tie: String(before + sameTime) });
      return { items, nextCursor, wasCut: false };
    }
    if (cutUs === undefined) return { items, wasCut: false };
    return { items, nextCursor: formatCursor({ timeUs: cutUs, tie: '0' }), wasCut: true };
  }

  #mayHold(header: BlockHeader): boolean {
    const { service } = this.#query;
    return service === undefined || listHolds(header.services, service);
  }

  #collect(reader: DayReader, header: BlockHeader): void {
    const core = readLogBlock(reader, header, []);
    const candidates = this.#coreMatches(core);
    if (candidates.length === 0 || !this.#mayHoldText(reader, header)) return;
    const columns = readLogBlock(reader, header, ALL_LOG_SECTIONS);
    const holdsText = compileText(columns, this.#query.text);
    const { timeUs, timeNs } = columns;
    const rows = candidates
      .filter(holdsText)
      .sort((a, b) => timeUs[b]! - timeUs[a]! || timeNs[b]! - timeNs[a]! || a - b)
      .slice(0, this.#wantedCount());
    const isFull = this.#hits.length >= this.#wantedCount();
    const oldestUs = isFull ? this.#hits.at(-1)!.timeUs : Number.NEGATIVE_INFINITY;
    for (const row of rows) {
      if (timeUs[row]! < oldestUs) break;
      this.#hits.push({
        timeUs: timeUs[row]!,
        timeNs: timeNs[row]!,
        blockId: header.blockId,
        row,
        record: logOf(columns, row),
      });
    }
    this.#hits.sort(compareHits);
    this.#hits.length = Math.min(this.#hits.length, this.#wantedCount());
  }

  #coreMatches(columns: LogColumns): readonly number[] {
    const { timeUs, severity, service, template, strings } = columns;
    const { fromUs } = this.#query.range;
    const { service: serviceName, templateId, severityMin = 0 } = this.#query;
    const serviceId = serviceName === undefined ? undefined : (strings.find(serviceName) ?? -1);
    const template_ = templateId === undefined ? undefined : (strings.find(templateId) ?? -1);
    const rows = this.#traceId
      ? rowsOfTrace(columns, this.#traceId)
      : Array.from({ length: columns.count }, (_, row) => row);
    return rows.filter(
      (row) =>
        timeUs[row]! >= fromUs &&
        timeUs[row]! < this.#toUs &&
        severity[row]! >= severityMin &&
        (serviceId === undefined || service[row] === serviceId) &&
        (template_ === undefined || template[row] === template_),
    );
  }

  /** False when all bodies are text and none holds what is looked for. */
  #mayHoldText(reader: DayReader, header: BlockHeader): boolean {
    const { text } = this.#query;
    if (text === undefined || text === '') return true;
    return decodeAt(reader.placeOf(header), () => {
      const source = reader.sectionsOf(header);
      const { joined } = new SectionTexts(openSection(source, SECTION.bodyTexts));
      if (joined.toLowerCase().includes(text.toLowerCase())) return true;
      const isText = (type: number) => type === VALUE_TYPE.string || type === VALUE_TYPE.empty;
      return !readBodyTypes(openSection(source, SECTION.bodies)).every(isText);
    });
  }
}

function compileText(columns: LogColumns, text: string | undefined): (row: number) => boolean {
  if (text === undefined || text === '') return () => true;
  const needle = text.toLowerCase();
  return (row) =>
    textOfValue(columns.bodyType[row]!, columns.bodyValue[row]!, columns.strings)
      .toLowerCase()
      .includes(needle);
}

/** Newest first; ties in the order of the file. */
function compareHits(a: Hit, b: Hit): number {
  return b.timeUs - a.timeUs || b.timeNs - a.timeNs || a.blockId - b.blockId || a.row - b.row;
}
