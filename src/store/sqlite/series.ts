/** Metric series over blocks: the same stream written at different times is one series. */
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import { POINT_FLAG, PointColumns } from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import type { Exemplar, MetricSeries } from '../../model/span.ts';
import { resourceKeyOf, seriesIdOf, seriesKeyOf, seriesOf } from '../../otlp/series.ts';
import { textOfValue } from '../../otlp/value.ts';
import type { Page, SeriesPoints, SeriesQuery } from '../api/telemetry.ts';
import { decodeAt, SIGNAL } from './block.ts';
import type { DayPool } from './day-pool.ts';
import { type BlockHeader, type DayReader, listHolds } from './day-reader.ts';
import { exemplarsOf } from './objects.ts';
import { decodePointBlock, type PointSection } from './point-block.ts';
import { visitBlocks } from './scan.ts';

export function listSeries(pool: DayPool, query: SeriesQuery): Page<MetricSeries> {
  const found = new Map<string, Omit<MetricSeries, 'seriesId'>>();
  const isComplete = visitPointBlocks(pool, query, [], (columns) => {
    for (const [index, key] of matchingSeries(columns, query)) {
      if (!found.has(key)) found.set(key, seriesOf(columns, index));
    }
    return found.size <= LIMITS.seriesMax;
  });
  const keys = [...found.keys()].sort();
  const items = keys
    .slice(0, limitOf(query))
    .map((key) => ({ seriesId: seriesIdOf(key), ...found.get(key)! }));
  return { items, wasCut: !isComplete || items.length < keys.length };
}

/** Points of one series while they are gathered, in the order of the blocks. */
interface Gathered {
  readonly series: Omit<MetricSeries, 'seriesId'>;
  readonly points: { timeUs: number; timeNs: number; value: number; count: number }[];
  readonly exemplars: Exemplar[];
}

export function readSeries(pool: DayPool, query: SeriesQuery): Page<SeriesPoints> {
  const gathered = new Map<string, Gathered>();
  let pointCount = 0;
  const isComplete = visitPointBlocks(pool, query, ['points', 'exemplars'], (columns) => {
    const byIndex = new Map<number, Gathered>();
    for (const [index, key] of matchingSeries(columns, query)) {
      let entry = gathered.get(key);
      if (!entry) {
        entry = { series: seriesOf(columns, index), points: [], exemplars: [] };
        gathered.set(key, entry);
      }
      byIndex.set(index, entry);
    }
    pointCount += gatherPoints(columns, query.range, byIndex);
    return pointCount <= LIMITS.analysisPointsMax && gathered.size <= LIMITS.seriesMax;
  });
  const keys = [...gathered.keys()].filter((key) => gathered.get(key)!.points.length > 0).sort();
  const items = keys
    .slice(0, limitOf(query))
    .map((key) => seriesPointsOf(seriesIdOf(key), gathered.get(key)!));
  return { items, wasCut: !isComplete || items.length < keys.length };
}

function limitOf(query: SeriesQuery): number {
  return Math.min(query.limit, LIMITS.seriesMax);
}

/** Returns false when `visit` stopped it. */
function visitPointBlocks(
  pool: DayPool,
  query: SeriesQuery,
  sections: readonly PointSection[],
  visit: (columns: PointColumns) => boolean,
): boolean {
  const services = query.service === undefined ? undefined : [query.service];
  const wanted = { signal: SIGNAL.points, range: query.range, ...(services ? { services } : {}) };
  let isComplete = true;
  visitBlocks(pool, wanted, (reader, header) => {
    if (query.name !== undefined && !listHolds(header.names, query.name)) return true;
    isComplete = visit(readPointBlock(reader, header, sections));
    return isComplete;
  });
  return isComplete;
}

export function readPointBlock(
  reader: DayReader,
  header: BlockHeader,
  sections: readonly PointSection[],
): PointColumns {
  return decodeAt(reader.placeOf(header), () => {
    const columns = new PointColumns(new StringDictionary());
    const source = reader.sectionsOf(header);
    decodePointBlock(columns, { rowCount: header.rowCount, source, sections });
    return columns;
  });
}

/** Index and identity of the block's series that match. */
function matchingSeries(
  columns: PointColumns,
  query: SeriesQuery,
): readonly (readonly [index: number, key: string])[] {
  const { strings, seriesEntries, resources } = columns;
  const nameId = query.name === undefined ? undefined : (strings.find(query.name) ?? -1);
  const serviceId = query.service === undefined ? undefined : (strings.find(query.service) ?? -1);
  const wanted = Object.entries(query.attributes ?? {});
  const resourceKeys = resources.map((resource) => resourceKeyOf(resource, strings));
  const found: [number, string][] = [];
  for (const [index, entry] of seriesEntries.entries()) {
    if (nameId !== undefined && entry.name !== nameId) continue;
    if (serviceId !== undefined && entry.service !== serviceId) continue;
    const resource = resources[entry.resource]?.attributes ?? [];
    const holds = ([key, value]: readonly [string, string]) =>
      [...entry.attributes, ...resource].some(
        (attribute) =>
          strings.text(attribute.key) === key &&
          textOfValue(attribute.type, attribute.value, strings) === value,
      );
    if (!wanted.every(holds)) continue;
    found.push([index, seriesKeyOf(entry, strings, resourceKeys[entry.resource] ?? '')]);
  }
  return found;
}

function gatherPoints(
  columns: PointColumns,
  range: TimeRange,
  byIndex: ReadonlyMap<number, Gathered>,
): number {
  const { series, timeUs, timeNs, flags, value, observationCount } = columns;
  let count = 0;
  for (let row = 0; row < columns.count; row++) {
    const entry = byIndex.get(series[row]!);
    if (!entry || timeUs[row]! < range.fromUs || timeUs[row]! >= range.toUs) continue;
    if ((flags[row]! & POINT_FLAG.noRecordedValue) !== 0 || Number.isNaN(value[row]!)) continue;
    entry.points.push({
      timeUs: timeUs[row]!,
      timeNs: timeNs[row]!,
      value: value[row]!,
      count: observationCount[row]!,
    });
    entry.exemplars.push(...exemplarsOf(columns, row));
    count++;
  }
  return count;
}

/** By time; of points with the same time (a batch re-sent in other wrapping) the last one stays. */
function seriesPointsOf(seriesId: string, gathered: Gathered): SeriesPoints {
  const sorted = gathered.points.sort((a, b) => a.timeUs - b.timeUs || a.timeNs - b.timeNs);
  const points = sorted.filter((point, index) => {
    const next = sorted[index + 1];
    return next?.timeUs !== point.timeUs || next.timeNs !== point.timeNs;
  });
  return {
    series: { seriesId, ...gathered.series },
    timesUs: Float64Array.from(points, (point) => point.timeUs),
    values: Float64Array.from(points, (point) => point.value),
    observationCounts: Float64Array.from(points, (point) => point.count),
    exemplars: gathered.exemplars.sort((a, b) => a.timeUs - b.timeUs),
  };
}
