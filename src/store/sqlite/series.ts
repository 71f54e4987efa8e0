/** Metric series over blocks: the same stream written at different times is one series. */
import { LIMITS } from '../../base/limits.ts';
import type { TimeRange } from '../../base/time.ts';
import {
  POINT_FLAG,
  PointColumns,
  type ResourceEntry,
  type SeriesEntry,
} from '../../model/columns.ts';
import { StringDictionary } from '../../model/dictionary.ts';
import type { Exemplar, MetricSeries } from '../../model/span.ts';
import { resourceKeyOf, seriesIdOf, seriesKeyOf, seriesOf } from '../../otlp/series.ts';
import { textOfValue } from '../../otlp/value.ts';
import type { Page, SeriesPoints, SeriesQuery } from '../api/telemetry.ts';
import { decodeAt, SIGNAL } from './block.ts';
import type { DayPool } from './day-pool.ts';
import { type BlockHeader, type DayReader, listHolds } from './day-reader.ts';
import { exemplarsOf } from './objects.ts';
import { decodePointBlock, type PointSection, SeriesMemory } from './point-block.ts';
import { visitBlocks } from './scan.ts';

export function listSeries(pool: DayPool, query: SeriesQuery): Page<MetricSeries> {
  const found = new Map<string, Omit<MetricSeries, 'seriesId'>>();
  const isComplete = visitPointBlocks(pool, query, { sections: [] }, (columns) => {
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

/** Points of one series while they are gathered, in the order of the blocks: columns, not an object a point. */
interface Gathered {
  readonly series: Omit<MetricSeries, 'seriesId'>;
  readonly timesUs: number[];
  readonly timesNs: number[];
  readonly values: number[];
  readonly counts: number[];
  readonly exemplars: Exemplar[];
}

export function readSeries(pool: DayPool, query: SeriesQuery): Page<SeriesPoints> {
  const gathered = new Map<string, Gathered>();
  const strings = new StringDictionary();
  const finder = new SeriesFinder(query, (columns, index, key) => {
    let entry = gathered.get(key);
    if (!entry) {
      entry = {
        series: seriesOf(columns, index),
        timesUs: [],
        timesNs: [],
        values: [],
        counts: [],
        exemplars: [],
      };
      gathered.set(key, entry);
    }
    return entry;
  });
  let pointCount = 0;
  const memory = new SeriesMemory();
  const read = { sections: ['points', 'exemplars'], strings, memory } as const;
  const isComplete = visitPointBlocks(pool, query, read, (columns) => {
    pointCount += gatherPoints(columns, query.range, finder.find(columns));
    return pointCount <= LIMITS.analysisPointsMax && gathered.size <= LIMITS.seriesMax;
  });
  const keys = [...gathered.keys()].filter((key) => gathered.get(key)!.timesUs.length > 0).sort();
  const items = keys
    .slice(0, limitOf(query))
    .map((key) => seriesPointsOf(seriesIdOf(key), gathered.get(key)!));
  return { items, wasCut: !isComplete || items.length < keys.length };
}

function limitOf(query: SeriesQuery): number {
  return Math.min(query.limit, LIMITS.seriesMax);
}

interface PointRead {
  readonly sections: readonly PointSection[];
  readonly strings?: StringDictionary;
  /** Only with `strings`. */
  readonly memory?: SeriesMemory;
}

/** Returns false when `visit` stopped it. */
function visitPointBlocks(
  pool: DayPool,
  query: SeriesQuery,
  read: PointRead,
  visit: (columns: PointColumns) => boolean,
): boolean {
  const services = query.service === undefined ? undefined : [query.service];
  const wanted = { signal: SIGNAL.points, range: query.range, ...(services ? { services } : {}) };
  let isComplete = true;
  visitBlocks(pool, wanted, (reader, header) => {
    if (query.name !== undefined && !listHolds(header.names, query.name)) return true;
    isComplete = visit(readPointBlock(reader, header, read));
    return isComplete;
  });
  return isComplete;
}

export function readPointBlock(
  reader: DayReader,
  header: BlockHeader,
  { strings = new StringDictionary(), ...read }: PointRead,
): PointColumns {
  return decodeAt(reader.placeOf(header), () => {
    const columns = new PointColumns(strings);
    const source = reader.sectionsOf(header);
    decodePointBlock(columns, { rowCount: header.rowCount, source, ...read });
    return columns;
  });
}

/** Index and identity of the block's series that match. */
function matchingSeries(
  columns: Pick<PointColumns, 'strings' | 'seriesEntries' | 'resources'>,
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

/** An entry as a block had it, and the series that it is. */
interface KnownEntry {
  readonly entry: SeriesEntry;
  readonly resource: number;
  /** Undefined when the query does not want it. */
  readonly gathered: Gathered | undefined;
}

/**
 * Finds the series of a block's entries. Every block of a minute names its series anew: an entry whose ids equal one
 * that was seen is that series, and its identity, a sorted text of all attributes, is made once. 5000 series over 75
 * minutes: 0.1 µs an entry, by identity 1.6.
 */
class SeriesFinder {
  readonly #query: SeriesQuery;
  readonly #gather: (columns: PointColumns, index: number, key: string) => Gathered;
  /** By hash of the entry's ids. */
  readonly #known = new Map<number, KnownEntry[]>();
  readonly #resources = new Map<string, number>();
  #last: {
    readonly entries: readonly SeriesEntry[];
    readonly found: readonly (Gathered | undefined)[];
  } = {
    entries: [],
    found: [],
  };

  constructor(
    query: SeriesQuery,
    gather: (columns: PointColumns, index: number, key: string) => Gathered,
  ) {
    this.#query = query;
    this.#gather = gather;
  }

  /** By index of the block's entries. All columns must have one dictionary. */
  find(columns: PointColumns): readonly (Gathered | undefined)[] {
    const { entries, found } = this.#last;
    // Remembered entries are the same objects, all of them or none.
    if (
      entries.length === columns.seriesEntries.length &&
      entries[0] === columns.seriesEntries[0]
    ) {
      return found;
    }
    this.#last = { entries: columns.seriesEntries, found: this.#findEach(columns) };
    return this.#last.found;
  }

  #findEach(columns: PointColumns): readonly (Gathered | undefined)[] {
    const resources = columns.resources.map((resource) => this.#numberOf(resource));
    return columns.seriesEntries.map((entry, index) => {
      const resource = resources[entry.resource] ?? 0;
      const hash = hashOf(entry, resource);
      const candidates = this.#known.get(hash);
      const known = candidates?.find((candidate) => isSame(candidate, { entry, resource }));
      if (known) return known.gathered;
      const key = matchingKey(columns, entry, this.#query);
      const gathered = key === undefined ? undefined : this.#gather(columns, index, key);
      if (candidates) candidates.push({ entry, resource, gathered });
      else this.#known.set(hash, [{ entry, resource, gathered }]);
      return gathered;
    });
  }

  #numberOf(resource: ResourceEntry): number {
    // all attributes, since a query may ask for one that is no part of the identity
    const key = resource.attributes.map(({ key, type, value }) => `${key} ${type} ${value}`).join();
    let number = this.#resources.get(key);
    if (number === undefined) {
      number = this.#resources.size;
      this.#resources.set(key, number);
    }
    return number;
  }
}

function hashOf({ name, service, attributes }: SeriesEntry, resource: number): number {
  let hash = Math.imul(name, 0x9e3779b1) ^ Math.imul(service, 0x85ebca6b) ^ resource;
  for (const { key, value } of attributes) {
    hash = Math.imul(hash ^ (hash >>> 15) ^ key, 0x9e3779b1) ^ (value | 0);
  }
  return hash ^ (hash >>> 16);
}

function isSame(known: KnownEntry, { entry, resource }: Omit<KnownEntry, 'gathered'>): boolean {
  const { name, service, kind, attributes } = known.entry;
  if (known.resource !== resource || name !== entry.name || service !== entry.service) return false;
  if (kind !== entry.kind || attributes.length !== entry.attributes.length) return false;
  for (let index = 0; index < attributes.length; index++) {
    const [a, b] = [attributes[index]!, entry.attributes[index]!]; // of one length
    if (a.key !== b.key || a.type !== b.type || !Object.is(a.value, b.value)) return false;
  }
  return true;
}

function matchingKey(
  columns: PointColumns,
  entry: SeriesEntry,
  query: SeriesQuery,
): string | undefined {
  const { strings, resources } = columns;
  const resource = resources[entry.resource];
  const one = { ...entry, resource: 0 };
  const alone = { strings, resources: resource ? [resource] : [], seriesEntries: [one] };
  return matchingSeries(alone, query)[0]?.[1];
}

function gatherPoints(
  columns: PointColumns,
  range: TimeRange,
  byIndex: readonly (Gathered | undefined)[],
): number {
  const { series, timeUs, timeNs, flags, value, observationCount } = columns;
  const hasExemplars = columns.exemplars.count > 0;
  let count = 0;
  for (let row = 0; row < columns.count; row++) {
    const entry = byIndex[series[row]!];
    if (!entry || timeUs[row]! < range.fromUs || timeUs[row]! >= range.toUs) continue;
    if ((flags[row]! & POINT_FLAG.noRecordedValue) !== 0 || Number.isNaN(value[row]!)) continue;
    entry.timesUs.push(timeUs[row]!);
    entry.timesNs.push(timeNs[row]!);
    entry.values.push(value[row]!);
    entry.counts.push(observationCount[row]!);
    if (hasExemplars) entry.exemplars.push(...exemplarsOf(columns, row));
    count++;
  }
  return count;
}

/** By time; of points with the same time (a batch re-sent in other wrapping) the last one stays. */
function seriesPointsOf(seriesId: string, gathered: Gathered): SeriesPoints {
  const order = orderOf(gathered);
  const pick = (column: readonly number[]) =>
    order === undefined
      ? new Float64Array(column)
      : Float64Array.from(order, (index) => column[index]!);
  return {
    series: { seriesId, ...gathered.series },
    timesUs: pick(gathered.timesUs),
    values: pick(gathered.values),
    observationCounts: pick(gathered.counts),
    exemplars: gathered.exemplars.sort((a, b) => a.timeUs - b.timeUs),
  };
}

/** Undefined when the points are in order and none is twice, as nearly always. */
function orderOf({ timesUs, timesNs }: Gathered): readonly number[] | undefined {
  const compare = (a: number, b: number) => timesUs[a]! - timesUs[b]! || timesNs[a]! - timesNs[b]!;
  let isInOrder = true;
  for (let index = 1; index < timesUs.length && isInOrder; index++) {
    isInOrder = compare(index - 1, index) < 0;
  }
  if (isInOrder) return undefined;
  const sorted = timesUs.map((_, index) => index).sort(compare);
  return sorted.filter((point, at) => {
    const next = sorted[at + 1];
    return next === undefined || compare(point, next) !== 0;
  });
}
