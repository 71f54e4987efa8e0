/**
 * One entry per distinct resource, scope and metric series of a columns object: thousands of requests of
 * a group share them. The index lives as long as its columns and can be rolled back with them.
 */
import { ByteIndex } from '../model/byte-index.ts';
import {
  type AttributeColumns,
  type AttributeEntry,
  METRIC_KINDS,
  type ResourceEntry,
  type ScopeEntry,
  type SeriesEntry,
} from '../model/columns.ts';

/** The part of SpanColumns, LogColumns and PointColumns that entries live in. */
export interface EntryOwner {
  readonly resources: ResourceEntry[];
  readonly scopes: ScopeEntry[];
  readonly seriesEntries?: SeriesEntry[];
}

/** What the points of one metric share. */
export type Metric = Omit<SeriesEntry, 'attributes' | 'service'>;

/** Added to the type of a value that is NaN. */
const NAN_TYPE = 256;

export interface EntryMark {
  readonly resources: number;
  readonly scopes: number;
  readonly series: number;
}

export class EntryIndex {
  readonly #resources: KeyedList<ResourceEntry>;
  readonly #scopes: KeyedList<ScopeEntry>;
  readonly #series: KeyedList<SeriesEntry>;

  constructor(owner: EntryOwner) {
    this.#resources = new KeyedList(owner.resources, writeResource);
    this.#scopes = new KeyedList(owner.scopes, writeScope);
    this.#series = new KeyedList(owner.seriesEntries ?? [], writeSeries);
  }

  get seriesCount(): number {
    return this.#series.entries.length;
  }

  addResource(entry: ResourceEntry): number {
    return this.#resources.add(entry);
  }

  addScope(entry: ScopeEntry): number {
    return this.#scopes.add(entry);
  }

  /** The series of a metric with these attributes, or -1. Hot: once per point. */
  findSeries(metric: Metric, attributes: AttributeColumns): number {
    const key = this.#series.beginKey();
    writeMetric(key, metric);
    writeColumns(key, attributes);
    return this.#series.find();
  }

  /** Adds the series that findSeries() has just missed. */
  addSeries(metric: Metric, attributes: AttributeColumns): number {
    return this.#series.push({
      name: metric.name,
      unit: metric.unit,
      description: metric.description,
      kind: metric.kind,
      temporality: metric.temporality,
      isMonotonic: metric.isMonotonic,
      attributes: entriesOf(attributes),
      resource: metric.resource,
      scope: metric.scope,
      service: 0,
    });
  }

  mark(): EntryMark {
    return {
      resources: this.#resources.entries.length,
      scopes: this.#scopes.entries.length,
      series: this.#series.entries.length,
    };
  }

  /** Forgets what was added since the mark: undoes a request that failed. */
  truncate(mark: EntryMark): void {
    this.#resources.truncate(mark.resources);
    this.#scopes.truncate(mark.scopes);
    this.#series.truncate(mark.series);
  }
}

/** A cache by columns object, so that it is dropped with them; without it each request would rebuild it. */
const indexes = new WeakMap<EntryOwner, EntryIndex>();

export function entryIndexOf(owner: EntryOwner): EntryIndex {
  let index = indexes.get(owner);
  if (!index) {
    index = new EntryIndex(owner);
    indexes.set(owner, index);
  }
  return index;
}

/** Attributes of a scratch column as entries that may be kept. */
export function entriesOf(columns: AttributeColumns): readonly AttributeEntry[] {
  const entries: AttributeEntry[] = [];
  for (let at = 0; at < columns.count; at++) {
    entries.push({ key: columns.keys[at]!, type: columns.types[at]!, value: columns.values[at]! });
  }
  return entries;
}

function writeResource(key: KeyWriter, entry: ResourceEntry): void {
  key.integer(entry.schemaUrl);
  key.integer(entry.droppedAttributesCount);
  writeEntries(key, entry.attributes);
}

function writeScope(key: KeyWriter, entry: ScopeEntry): void {
  key.integer(entry.name);
  key.integer(entry.version);
  writeResource(key, entry);
}

function writeSeries(key: KeyWriter, entry: SeriesEntry): void {
  writeMetric(key, entry);
  writeEntries(key, entry.attributes);
}

/** The description is not part of it. */
function writeMetric(key: KeyWriter, metric: Metric): void {
  key.integer(metric.name);
  key.integer(metric.unit);
  key.integer(METRIC_KINDS.indexOf(metric.kind));
  key.integer(2 * metric.temporality + (metric.isMonotonic ? 1 : 0));
  key.integer(metric.resource);
  key.integer(metric.scope);
}

function writeEntries(key: KeyWriter, entries: readonly AttributeEntry[]): void {
  for (const entry of entries) key.attribute(entry.key, entry.type, entry.value);
}

function writeColumns(key: KeyWriter, columns: AttributeColumns): void {
  const { keys, types, values } = columns;
  for (let at = 0; at < columns.count; at++) key.attribute(keys[at]!, types[at]!, values[at]!);
}

/** Writes a key behind those of an index, where it stays if the index takes it. */
class KeyWriter {
  readonly #index: ByteIndex;
  end = 0;

  constructor(index: ByteIndex) {
    this.#index = index;
  }

  begin(): void {
    this.end = this.#index.poolSize;
  }

  integer(value: number): void {
    this.#index.reserve(this.end + 4 - this.#index.poolSize);
    this.#index.poolView.setUint32(this.end, value, true);
    this.end += 4;
  }

  /** Tells 0 from -0; NaN is equal to itself whatever its bits. */
  attribute(name: number, type: number, value: number): void {
    this.#index.reserve(this.end + 16 - this.#index.poolSize);
    const view = this.#index.poolView;
    const isNumber = !Number.isNaN(value);
    view.setUint32(this.end, name, true);
    view.setUint32(this.end + 4, isNumber ? type : type + NAN_TYPE, true);
    view.setFloat64(this.end + 8, isNumber ? value : 0, true);
    this.end += 16;
  }
}

/**
 * A list and the place of each entry by key; follows when somebody else shortened or filled the list. Keys
 * are bytes: as texts they cost 1.5 µs a data point.
 */
class KeyedList<Entry> {
  readonly entries: Entry[];
  readonly #writeKey: (key: KeyWriter, entry: Entry) => void;
  readonly #index = new ByteIndex();
  readonly #key = new KeyWriter(this.#index);
  /** Place in the list of each id of the index, in ascending order. */
  readonly #places = [-1];
  #followedCount = 0;

  constructor(entries: Entry[], writeKey: (key: KeyWriter, entry: Entry) => void) {
    this.entries = entries;
    this.#writeKey = writeKey;
  }

  /** The caller writes the key and asks find(). */
  beginKey(): KeyWriter {
    if (this.#followedCount !== this.entries.length) this.#follow();
    this.#key.begin();
    return this.#key;
  }

  /** Place of the entry whose key was written, or -1. */
  find(): number {
    const { poolView, poolSize } = this.#index;
    return this.#places[this.#index.find(poolView, poolSize, this.#key.end)]!;
  }

  /** Adds the entry that find() has just missed. */
  push(entry: Entry): number {
    this.#index.add(this.#key.end);
    this.#places.push(this.entries.length);
    this.entries.push(entry);
    this.#followedCount++;
    return this.entries.length - 1;
  }

  add(entry: Entry): number {
    this.#writeKey(this.beginKey(), entry);
    const known = this.find();
    return known >= 0 ? known : this.push(entry);
  }

  truncate(count: number): void {
    this.entries.length = Math.min(count, this.entries.length);
    this.#follow();
  }

  #follow(): void {
    const places = this.#places;
    while (places.at(-1)! >= this.entries.length) places.pop();
    this.#index.truncate(places.length);
    this.#followedCount = Math.min(this.#followedCount, this.entries.length);
    for (; this.#followedCount < this.entries.length; this.#followedCount++) {
      this.#key.begin();
      this.#writeKey(this.#key, this.entries[this.#followedCount]!);
      // Of equal entries that somebody else pushed, the first keeps the key.
      if (this.find() >= 0) continue;
      this.#index.add(this.#key.end);
      places.push(this.#followedCount);
    }
  }
}
