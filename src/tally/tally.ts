/**
 * Counts what a group holds before it is stored: requests, errors and latency per endpoint and minute, log
 * lines per template and minute. Detection reads these instead of raw spans. No object per span.
 */
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { LogColumns, SpanColumns } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import {
  type Endpoint,
  endpointIdOf,
  OVERFLOW_OPERATION,
  type Tally,
  type TemplateTally,
} from '../model/tally.ts';
import { STAGES } from '../model/vocabulary.ts';
import { SketchBuilder } from './sketch.ts';

export interface TallyTake {
  readonly tallies: readonly Tally[];
  readonly templateTallies: readonly TemplateTally[];
}

/** Services that get an overflow endpoint of their own; beyond it all share one. */
const OVERFLOW_SERVICES_MAX = 1000;
/** Services whose log lines are counted apart; beyond it they count for the overflow service, as templates do. */
const LOG_SERVICES_MAX = 1000;

/** An endpoint for the life of the process; its counts are in the cells of the minutes. */
interface EndpointRecord {
  readonly index: number;
  readonly endpointId: string;
  readonly service: string;
  readonly operation: string;
  /** The cell that the last span fell into, and its minute: spans of a group come minute by minute. */
  cellMinute: number;
  cell: Cell | undefined;
}

/** One endpoint in one minute. */
interface Cell {
  readonly record: EndpointRecord;
  readonly minute: number;
  count: number;
  errorCount: number;
  /** Spans per stage: the same operation may inherit different stages. */
  readonly stageCounts: Uint32Array;
  readonly sketch: SketchBuilder;
}

interface TemplateCell {
  readonly templateId: string;
  readonly service: string;
  readonly minute: number;
  count: number;
  severityMax: number;
}

/** Minutes since the epoch stay below this until the year 2097. */
const MINUTE_SPAN = 2 ** 26;

export class TallyBuilder {
  /** Spans that were counted under an overflow endpoint so far; to be reported, never reset. */
  overflowCount = 0;
  readonly #records = new Map<string, EndpointRecord>();
  #namedCount = 0;
  #overflowServiceCount = 0;
  readonly #cells = new Map<number, Cell>();
  readonly #templateCells = new Map<string, TemplateCell>();
  readonly #logServices = new Set<string>();
  #cache: EndpointCache | undefined;

  /** Hot: 0.05 µs of CPU a span (groups of 8 192, Node 20, a shared core). */
  addSpans(columns: SpanColumns, from: number, to: number): void {
    if (this.#cache?.strings !== columns.strings) this.#cache = new EndpointCache(columns.strings);
    const cache = this.#cache;
    for (let row = from; row < to; row++) {
      const service = columns.service[row]!;
      const name = columns.name[row]!;
      let record = cache.find(service, name);
      if (record === undefined) {
        record = this.#recordOf(columns.strings.text(service), columns.strings.text(name));
        cache.set({ service, name, record });
      }
      const minute = Math.floor(columns.startUs[row]! / US_PER_MINUTE);
      let cell = record.cell;
      if (cell === undefined || record.cellMinute !== minute) cell = this.#cellOf(record, minute);
      cell.count++;
      cell.errorCount += columns.isError[row]!;
      cell.stageCounts[columns.stage[row]!]!++;
      cell.sketch.add(columns.durationNs[row]! / 1000);
      if (record.operation === OVERFLOW_OPERATION) this.overflowCount++;
    }
  }

  /** Counts log lines; their templates must be assigned. */
  addLogs(columns: LogColumns, from: number, to: number): void {
    let previous: TemplateCell | undefined;
    let previousTemplate = -1;
    let previousService = -1;
    for (let row = from; row < to; row++) {
      const template = columns.template[row]!;
      const service = columns.service[row]!;
      const minute = Math.floor(columns.timeUs[row]! / US_PER_MINUTE);
      if (
        previous === undefined ||
        template !== previousTemplate ||
        service !== previousService ||
        previous.minute !== minute
      ) {
        previous = this.#templateCellOf({
          templateId: columns.strings.text(template),
          service: this.#logServiceOf(columns.strings.text(service)),
          minute,
        });
        previousTemplate = template;
        previousService = service;
      }
      previous.count++;
      const severity = columns.severity[row]!;
      if (severity > previous.severityMax) previous.severityMax = severity;
    }
  }

  /** What was counted since the last take, by minute then id; counting begins anew. */
  take(): TallyTake {
    const tallies = [...this.#cells.values()].map(tallyOf).sort(byMinuteThenId);
    const templateTallies = [...this.#templateCells.values()]
      .map(({ templateId, service, minute, count, severityMax }) => ({
        templateId,
        service,
        minuteUs: minute * US_PER_MINUTE,
        count,
        severityMax,
      }))
      .sort((a, b) => a.minuteUs - b.minuteUs || compareText(a.templateId, b.templateId));
    for (const { record } of this.#cells.values()) record.cell = undefined;
    this.#cells.clear();
    this.#templateCells.clear();
    return { tallies, templateTallies };
  }

  #logServiceOf(service: string): string {
    if (this.#logServices.has(service)) return service;
    if (this.#logServices.size >= LOG_SERVICES_MAX) return OVERFLOW_OPERATION;
    this.#logServices.add(service);
    return service;
  }

  #recordOf(service: string, operation: string): EndpointRecord {
    const known = this.#records.get(`${service}\0${operation}`);
    if (known) return known;
    if (operation !== OVERFLOW_OPERATION && this.#namedCount < LIMITS.endpointsMax) {
      this.#namedCount++;
      return this.#addRecord(service, operation);
    }
    const overflow = this.#records.get(`${service}\0${OVERFLOW_OPERATION}`);
    if (overflow) return overflow;
    if (this.#overflowServiceCount < OVERFLOW_SERVICES_MAX) {
      this.#overflowServiceCount++;
      return this.#addRecord(service, OVERFLOW_OPERATION);
    }
    const shared = this.#records.get(`${OVERFLOW_OPERATION}\0${OVERFLOW_OPERATION}`);
    return shared ?? this.#addRecord(OVERFLOW_OPERATION, OVERFLOW_OPERATION);
  }

  #addRecord(service: string, operation: string): EndpointRecord {
    const record: EndpointRecord = {
      index: this.#records.size,
      endpointId: endpointIdOf(service, operation),
      service,
      operation,
      cellMinute: 0,
      cell: undefined,
    };
    this.#records.set(`${service}\0${operation}`, record);
    return record;
  }

  #cellOf(record: EndpointRecord, minute: number): Cell {
    const key = record.index * MINUTE_SPAN + minute;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = {
        record,
        minute,
        count: 0,
        errorCount: 0,
        stageCounts: new Uint32Array(STAGES.length),
        sketch: new SketchBuilder(),
      };
      this.#cells.set(key, cell);
    }
    record.cell = cell;
    record.cellMinute = minute;
    return cell;
  }

  #templateCellOf(of: {
    readonly templateId: string;
    readonly service: string;
    readonly minute: number;
  }): TemplateCell {
    const key = `${of.minute}\0${of.templateId}\0${of.service}`;
    let cell = this.#templateCells.get(key);
    if (cell === undefined) {
      cell = { ...of, count: 0, severityMax: 0 };
      this.#templateCells.set(key, cell);
    }
    return cell;
  }
}

/** Tallies of rows, for callers that count once. */
export function tallySpans(
  columns: SpanColumns,
  rows: { readonly from: number; readonly to: number },
): readonly Tally[] {
  const builder = new TallyBuilder();
  builder.addSpans(columns, rows.from, rows.to);
  return builder.take().tallies;
}

function tallyOf(cell: Cell): Tally {
  const { endpointId, service, operation } = cell.record;
  const endpoint: Endpoint = {
    endpointId,
    service,
    operation,
    stage: usualStage(cell.stageCounts),
  };
  return {
    endpoint,
    minuteUs: cell.minute * US_PER_MINUTE,
    count: cell.count,
    errorCount: cell.errorCount,
    sketch: cell.sketch.build(),
  };
}

/** The stage of most spans; the earlier stage on a tie. */
function usualStage(stageCounts: Uint32Array): Endpoint['stage'] {
  let best = 0;
  for (let stage = 1; stage < stageCounts.length; stage++) {
    if (stageCounts[stage]! > stageCounts[best]!) best = stage;
  }
  return STAGES[best] ?? 'other';
}

function byMinuteThenId(a: Tally, b: Tally): number {
  return a.minuteUs - b.minuteUs || compareText(a.endpoint.endpointId, b.endpoint.endpointId);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * (service id, name id) → record for one dictionary: open addressing over numbers, because a Map of
 * numbers beyond 2^31 costs five times as much.
 */
class EndpointCache {
  readonly strings: StringDictionary;
  #services = new Int32Array(512).fill(-1);
  #names = new Int32Array(512);
  #records: (EndpointRecord | undefined)[] = new Array(512).fill(undefined);
  #count = 0;

  constructor(strings: StringDictionary) {
    this.strings = strings;
  }

  find(service: number, name: number): EndpointRecord | undefined {
    const slot = this.#slotOf(service, name);
    return this.#services[slot] === -1 ? undefined : this.#records[slot];
  }

  set(entry: { service: number; name: number; record: EndpointRecord }): void {
    if (2 * this.#count >= this.#services.length) this.#grow();
    this.#count++;
    this.#place(entry.service, entry.name, entry.record);
  }

  #slotOf(service: number, name: number): number {
    const mask = this.#services.length - 1;
    let hash = Math.imul(service, 0x9e3779b1) ^ Math.imul(name, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    while (
      this.#services[slot] !== -1 &&
      (this.#services[slot] !== service || this.#names[slot] !== name)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #place(service: number, name: number, record: EndpointRecord | undefined): void {
    const slot = this.#slotOf(service, name);
    this.#services[slot] = service;
    this.#names[slot] = name;
    this.#records[slot] = record;
  }

  #grow(): void {
    const services = this.#services;
    const names = this.#names;
    const records = this.#records;
    const capacity = 2 * services.length;
    this.#services = new Int32Array(capacity).fill(-1);
    this.#names = new Int32Array(capacity);
    this.#records = new Array(capacity).fill(undefined);
    for (let slot = 0; slot < services.length; slot++) {
      if (services[slot] !== -1) this.#place(services[slot]!, names[slot]!, records[slot]);
    }
  }
}
