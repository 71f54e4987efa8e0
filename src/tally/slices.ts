/**
 * Counts slices of endpoints: requests at the door of a service by bot, version and channel, and all spans of a service
 * by stage. Which spans are at the door, and when a slice is counted: docs/slices.md.
 */

import type { AttributeColumns, ResourceEntry, SpanColumns } from '../model/columns.ts';
import { VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { ALL_OPERATIONS, type Tally } from '../model/tally.ts';
import { SPAN_KIND, STAGES } from '../model/vocabulary.ts';
import type { EndpointRecord } from './endpoint-registry.ts';
import { PairCache } from './pair-cache.ts';
import { isCounted, type SliceOf, type SliceRecord, SliceRegistry } from './slice-registry.ts';
import { CellTable, type TallyCell, tallyMinuteOf } from './tally-cell.ts';

/** The dimensions of requests at the door, and the attribute of each. */
const DOOR_DIMENSIONS = ['bot', 'version', 'channel'] as const;
const KEYS = ['coze.bot.id', 'service.version', 'coze.channel'] as const;
/** Flags of an OTLP span: says whether the parent is of another process, and that it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;
const OTHER = STAGES.indexOf('other');
/** Caches are made anew for each group. */
const CACHE_SLOTS = 64;

export class SliceCounter {
  /** Spans that were not counted in one of their slices, because there was no room; never reset. */
  overflowCount = 0;
  readonly #registry = new SliceRegistry();
  readonly #cells = new CellTable();
  #strings: StringDictionary | undefined;
  #nowUs = 0;
  // of #strings; null: no room
  #records = new PairCache<SliceRecord | null>(CACHE_SLOTS);
  /** By place in KEYS: id of the key, or -1; ids of the values of the row, and of its resource, 0: none. */
  readonly #keys = new Int32Array(KEYS.length);
  readonly #values = new Uint32Array(KEYS.length);
  readonly #resourceValues = new Uint32Array(KEYS.length);
  #resource: ResourceEntry | undefined;

  /** Before spans are added; false when none of them can be in a slice. */
  begin(strings: StringDictionary, nowUs: number): boolean {
    this.#nowUs = nowUs;
    this.#resource = undefined;
    if (this.#strings !== strings) {
      this.#strings = strings;
      this.#records = new PairCache(CACHE_SLOTS);
    }
    let isFound = false;
    for (let index = 0; index < KEYS.length; index++) {
      const key = strings.find(KEYS[index]!);
      this.#keys[index] = key ?? -1;
      isFound ||= key !== undefined;
    }
    return isFound;
  }

  /** Hot: 0.5 µs of CPU a span at the door, every eighth of a bot (groups of 8 192, Node 20, a shared core). */
  addSpan(columns: SpanColumns, row: number, endpoint: EndpointRecord): void {
    this.#readValues(columns, row);
    for (let index = 0; index < KEYS.length; index++) {
      const value = this.#values[index]!;
      if (value === 0) continue;
      const first = KEYS.length * endpoint.index + index;
      let record = this.#records.find(first, value);
      if (record === undefined) {
        const { service, operation } = endpoint;
        const dimension = DOOR_DIMENSIONS[index]!;
        const text = columns.strings.text(value);
        record = this.#recordOf({ service, operation, dimension, value: text });
        this.#records.set({ first, second: value, item: record });
      }
      this.#count(columns, row, record);
    }
  }

  /** Sums up what was counted for endpoints: nothing more is done for each span. */
  addStages(cells: Iterable<TallyCell>): void {
    for (const { subject, minute, stage, errorCount, sketch } of cells) {
      if (stage === OTHER) continue;
      const record = this.#recordOf({
        service: subject.service,
        operation: ALL_OPERATIONS,
        dimension: 'stage',
        value: STAGES[stage] ?? 'other',
      });
      if (record === null) {
        this.overflowCount += sketch.count;
        continue;
      }
      const sum = this.#cells.cellOf(record, minute, stage);
      sum.errorCount += errorCount;
      sum.sketch.addAll(sketch);
    }
  }

  tallies(): Tally[] {
    return this.#cells.tallies();
  }

  /** Counting begins anew; idle slices make room. */
  clear(): void {
    this.#cells.clear();
    // records that were forgotten, and endpoints whose numbers have changed, must not be found again
    this.#strings = undefined;
    this.#registry.makeRoom(this.#nowUs);
  }

  #recordOf(slice: SliceOf): SliceRecord | null {
    return this.#registry.recordOf(slice, this.#nowUs) ?? null;
  }

  #count(columns: SpanColumns, row: number, record: SliceRecord | null): void {
    if (record === null) {
      this.overflowCount++;
      return;
    }
    if (!isCounted(record)) return;
    const durationUs = columns.durationNs[row]! / 1000;
    const minute = tallyMinuteOf(columns.startUs[row]!, durationUs);
    const cell = this.#cells.cellOf(record, minute, columns.stage[row]!);
    cell.errorCount += columns.isError[row]!;
    cell.sketch.add(durationUs);
  }

  /** What normalisation found counts first, then what the span says, then its resource. */
  #readValues(columns: SpanColumns, row: number): void {
    const values = this.#values;
    values.set(this.#valuesOfResource(columns, row));
    this.#readList(columns.attributes, columns.attributesEnd, row);
    this.#readList(columns.derived, columns.derivedEnd, row);
  }

  #readList(list: AttributeColumns, ends: Uint32Array, row: number): void {
    const { keys, types, values } = list;
    const [bot, version, channel] = this.#keys;
    const end = ends[row]!;
    for (let at = row === 0 ? 0 : ends[row - 1]!; at < end; at++) {
      const key = keys[at];
      const index = key === bot ? 0 : key === version ? 1 : key === channel ? 2 : -1;
      if (index >= 0 && types[at] === VALUE_TYPE.string) this.#values[index] = values[at]!;
    }
  }

  #valuesOfResource(columns: SpanColumns, row: number): Uint32Array {
    const resource = columns.resources[columns.resource[row]!];
    if (resource === this.#resource) return this.#resourceValues;
    this.#resource = resource;
    this.#resourceValues.fill(0);
    for (const { key, type, value } of resource?.attributes ?? []) {
      const index = this.#keys.indexOf(key);
      if (index >= 0 && type === VALUE_TYPE.string) this.#resourceValues[index] = value;
    }
    return this.#resourceValues;
  }
}

/** Requests from outside the process: served, consumed, begun here, or called from another one. */
export function isAtDoor(columns: SpanColumns, row: number): boolean {
  const kind = columns.kind[row]!;
  if (kind === SPAN_KIND.server || kind === SPAN_KIND.consumer) return true;
  const remote = HAS_IS_REMOTE | IS_REMOTE;
  return (columns.flags[row]! & remote) === remote || !hasParent(columns, row);
}

function hasParent({ parentSpanId }: SpanColumns, row: number): boolean {
  for (let at = 8 * row; at < 8 * row + 8; at++) if (parentSpanId[at] !== 0) return true;
  return false;
}
