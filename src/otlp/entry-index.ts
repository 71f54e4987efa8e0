/**
 * One entry per distinct resource, scope and metric series of a columns object: thousands of requests of
 * a group share them. The index lives as long as its columns and can be rolled back with them.
 */
import type {
  AttributeColumns,
  AttributeEntry,
  ResourceEntry,
  ScopeEntry,
  SeriesEntry,
} from '../model/columns.ts';

/** The part of SpanColumns, LogColumns and PointColumns that entries live in. */
export interface EntryOwner {
  readonly resources: ResourceEntry[];
  readonly scopes: ScopeEntry[];
  readonly seriesEntries?: SeriesEntry[];
}

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
    this.#resources = new KeyedList(owner.resources, keyOfResource);
    this.#scopes = new KeyedList(owner.scopes, keyOfScope);
    this.#series = new KeyedList(owner.seriesEntries ?? [], keyOfSeries);
  }

  get seriesCount(): number {
    return this.#series.entries.length;
  }

  addResource(entry: ResourceEntry): number {
    return this.#resources.add(keyOfResource(entry), entry);
  }

  addScope(entry: ScopeEntry): number {
    return this.#scopes.add(keyOfScope(entry), entry);
  }

  findSeries(key: string): number | undefined {
    return this.#series.find(key);
  }

  addSeries(key: string, entry: SeriesEntry): number {
    return this.#series.add(key, entry);
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

/** What a series is known by, before its attributes. */
export function keyOfMetric(entry: Omit<SeriesEntry, 'attributes' | 'service'>): string {
  const { kind, name, unit, temporality, isMonotonic, resource, scope } = entry;
  return `${kind} ${name} ${unit} ${temporality} ${isMonotonic ? 1 : 0} ${resource} ${scope}`;
}

/** Key of attributes in a scratch column; the same text as keyOfEntries gives for the kept ones. */
export function keyOfColumns(columns: AttributeColumns): string {
  let key = '';
  for (let at = 0; at < columns.count; at++) {
    key += ` ${columns.keys[at]} ${columns.types[at]} ${numberKey(columns.values[at]!)}`;
  }
  return key;
}

function keyOfEntries(entries: readonly AttributeEntry[]): string {
  let key = '';
  for (const { key: name, type, value } of entries) key += ` ${name} ${type} ${numberKey(value)}`;
  return key;
}

function keyOfResource(entry: ResourceEntry): string {
  return `${entry.schemaUrl} ${entry.droppedAttributesCount}${keyOfEntries(entry.attributes)}`;
}

function keyOfScope(entry: ScopeEntry): string {
  return `${entry.name} ${entry.version} ${keyOfResource(entry)}`;
}

function keyOfSeries(entry: SeriesEntry): string {
  return keyOfMetric(entry) + keyOfEntries(entry.attributes);
}

/** Text of a number that tells 0 from -0. */
function numberKey(value: number): string {
  return value === 0 && 1 / value < 0 ? '-0' : String(value);
}

/** A list and the index of each entry by key; follows when somebody else shortened or filled the list. */
class KeyedList<Entry> {
  readonly entries: Entry[];
  readonly #keyOf: (entry: Entry) => string;
  readonly #keys: string[] = [];
  readonly #indexByKey = new Map<string, number>();

  constructor(entries: Entry[], keyOf: (entry: Entry) => string) {
    this.entries = entries;
    this.#keyOf = keyOf;
  }

  find(key: string): number | undefined {
    this.#follow();
    return this.#indexByKey.get(key);
  }

  add(key: string, entry: Entry): number {
    const known = this.find(key);
    if (known !== undefined) return known;
    const index = this.entries.length;
    this.entries.push(entry);
    this.#remember(key, index);
    return index;
  }

  truncate(count: number): void {
    this.entries.length = Math.min(count, this.entries.length);
    this.#follow();
  }

  #follow(): void {
    while (this.#keys.length > this.entries.length) {
      const key = this.#keys.pop()!;
      // Of equal entries that somebody else pushed, the first keeps the key.
      if (this.#indexByKey.get(key) === this.#keys.length) this.#indexByKey.delete(key);
    }
    while (this.#keys.length < this.entries.length) {
      this.#remember(this.#keyOf(this.entries[this.#keys.length]!), this.#keys.length);
    }
  }

  #remember(key: string, index: number): void {
    this.#keys.push(key);
    if (!this.#indexByKey.has(key)) this.#indexByKey.set(key, index);
  }
}
