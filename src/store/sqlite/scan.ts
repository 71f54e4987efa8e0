/** Passes over all rows of a range, block by block: what the analysis reads. */
import type { TimeRange } from '../../base/time.ts';
import { LogColumns, PointColumns, SpanColumns } from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import type { RawProfiles } from '../../model/profiles.ts';
import type { LogScan, SpanScan } from '../api/telemetry.ts';
import { decodeAt, SIGNAL, type SignalNumber } from './block.ts';
import type { DayPool } from './day-pool.ts';
import type { BlockHeader, DayReader } from './day-reader.ts';
import { decodeLogBlock, type LogSection } from './log-block.ts';
import { decodePointBlock } from './point-block.ts';
import { decodeProfileBlock } from './profile-block.ts';
import { decodeSpanBlock } from './span-block.ts';

const ALL_POINT_SECTIONS = ['points', 'buckets', 'exemplars'] as const;
export const ALL_LOG_SECTIONS: readonly LogSection[] = ['bodies', 'attributes'];

export function scanSpans(
  pool: DayPool,
  scan: SpanScan,
  visit: (columns: SpanColumns, rows: Uint32Array) => boolean | undefined,
): void {
  const columns = scan.strings && new SpanColumns(scan.strings);
  visitBlocks(pool, { ...scan, signal: SIGNAL.spans }, (reader, header) => {
    const block = pool.tryRead(reader, header, () =>
      readSpanBlock(reader, header, { scan, columns }),
    );
    return !block || block.rows.length === 0 || visit(block.columns, block.rows) !== false;
  });
}

export function scanLogs(
  pool: DayPool,
  scan: LogScan,
  visit: (columns: LogColumns, rows: Uint32Array) => boolean | undefined,
): void {
  const columns = scan.strings && new LogColumns(scan.strings);
  visitBlocks(pool, { ...scan, signal: SIGNAL.logs }, (reader, header) => {
    const block = pool.tryRead(reader, header, () =>
      readScannedLogs(reader, header, { scan, columns }),
    );
    return !block || block.rows.length === 0 || visit(block.columns, block.rows) !== false;
  });
}

export function scanPoints(
  pool: DayPool,
  scan: { readonly range: TimeRange; readonly services?: readonly string[] },
  visit: (columns: PointColumns, rows: Uint32Array) => boolean | undefined,
): void {
  visitBlocks(pool, { ...scan, signal: SIGNAL.points }, (reader, header) => {
    const columns = pool.tryRead(reader, header, () => readPointBlock(reader, header));
    if (!columns) return true;
    const { timeUs, strings, count, series, seriesEntries } = columns;
    const service = new Uint32Array(count);
    for (let row = 0; row < count; row++) service[row] = seriesEntries[series[row]!]?.service ?? 0;
    const rows = matchingRows({ timeUs, service, strings, count }, scan);
    return rows.length === 0 || visit(columns, rows) !== false;
  });
}

/** A block is one request, and its one time is that of the receipt. */
export function scanProfiles(
  pool: DayPool,
  scan: { readonly range: TimeRange; readonly services?: readonly string[] },
  visit: (profiles: RawProfiles) => boolean | undefined,
): void {
  visitBlocks(pool, { ...scan, signal: SIGNAL.profiles }, (reader, header) => {
    const profiles = pool.tryRead(reader, header, () =>
      decodeAt(reader.placeOf(header), () => decodeProfileBlock(reader.sectionsOf(header))),
    );
    return !profiles || visit(profiles) !== false;
  });
}

function readPointBlock(reader: DayReader, header: BlockHeader): PointColumns {
  return decodeAt(reader.placeOf(header), () => {
    const columns = new PointColumns(new StringDictionary());
    const { rowCount } = header;
    const source = reader.sectionsOf(header);
    decodePointBlock(columns, { rowCount, source, sections: ALL_POINT_SECTIONS });
    return columns;
  });
}

/** With columns of a scan these are used again for each block: new ones are 1.6 MB of fresh memory a block. */
function readSpanBlock(
  reader: DayReader,
  header: BlockHeader,
  { scan, columns: kept }: { readonly scan: SpanScan; readonly columns: SpanColumns | undefined },
): { readonly columns: SpanColumns; readonly rows: Uint32Array } {
  return decodeAt(reader.placeOf(header), () => {
    const columns = kept ?? new SpanColumns(new StringDictionary());
    columns.clear();
    const source = reader.sectionsOf(header);
    const { rowCount } = header;
    const choose = () => {
      const { startUs: timeUs, service, strings, count } = columns;
      return wantedRows(columns, matchingRows({ timeUs, service, strings, count }, scan), scan);
    };
    const { sections } = scan;
    const rows = decodeSpanBlock(columns, { rowCount, source, sections, choose }) ?? choose();
    return { columns, rows };
  });
}

function readScannedLogs(
  reader: DayReader,
  header: BlockHeader,
  { scan, columns: kept }: { readonly scan: LogScan; readonly columns: LogColumns | undefined },
): { readonly columns: LogColumns; readonly rows: Uint32Array } {
  return decodeAt(reader.placeOf(header), () => {
    const columns = kept ?? new LogColumns(new StringDictionary());
    columns.clear();
    const source = reader.sectionsOf(header);
    const { rowCount } = header;
    const choose = () => wantedRows(columns, matchingRows(columns, scan), scan);
    const sections = ALL_LOG_SECTIONS;
    const rows = decodeLogBlock(columns, { rowCount, source, sections, choose }) ?? choose();
    return { columns, rows };
  });
}

function wantedRows<Columns>(
  columns: Columns,
  rows: Uint32Array,
  { isWanted }: { readonly isWanted?: (columns: Columns, row: number) => boolean },
): Uint32Array {
  if (isWanted === undefined) return rows;
  let size = 0;
  for (let index = 0; index < rows.length; index++) {
    if (isWanted(columns, rows[index]!)) rows[size++] = rows[index]!;
  }
  return rows.subarray(0, size);
}

export function readLogBlock(
  reader: DayReader,
  header: BlockHeader,
  sections: readonly LogSection[],
): LogColumns {
  return decodeAt(reader.placeOf(header), () => {
    const columns = new LogColumns(new StringDictionary());
    const source = reader.sectionsOf(header);
    decodeLogBlock(columns, { rowCount: header.rowCount, source, sections });
    return columns;
  });
}

/** Blocks of the range that may hold rows of the services, by day, then first row's time. */
export function visitBlocks(
  pool: DayPool,
  wanted: {
    readonly signal: SignalNumber;
    readonly range: TimeRange;
    readonly services?: readonly string[];
  },
  visit: (reader: DayReader, header: BlockHeader) => boolean,
): void {
  const { signal, range, services } = wanted;
  for (const day of pool.days(range)) {
    const goesOn = pool.use(day, (reader) =>
      reader.blocksIn(signal, range).every((header) => {
        if (services) {
          // JSON.parse of what JSON.stringify of a string list wrote
          const held = JSON.parse(header.services) as readonly string[];
          if (!held.some((service) => services.includes(service))) return true;
        }
        return visit(reader, header);
      }),
    );
    if (goesOn === false) return;
  }
}

function matchingRows(
  columns: {
    readonly timeUs: Float64Array;
    readonly service: Uint32Array;
    readonly strings: StringDictionary;
    readonly count: number;
  },
  scan: { readonly range: TimeRange; readonly services?: readonly string[] },
): Uint32Array {
  const { timeUs, service, strings, count } = columns;
  const { fromUs, toUs } = scan.range;
  const serviceIds =
    scan.services && new Set(scan.services.map((name) => strings.find(name) ?? -1));
  const rows = new Uint32Array(count);
  let size = 0;
  for (let row = 0; row < count; row++) {
    const time = timeUs[row]!;
    if (time < fromUs || time >= toUs) continue;
    if (serviceIds && !serviceIds.has(service[row]!)) continue;
    rows[size++] = row;
  }
  return rows.subarray(0, size);
}
