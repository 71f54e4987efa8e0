/**
 * The endpoints that are counted by name. Bounded: when there is no room a service's further operations share
 * its overflow endpoint, and services beyond a bound share one. An endpoint without a span for LIMITS.endpointIdleUs
 * makes room, so that an operation leaves the overflow again.
 */
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { endpointIdOf, OVERFLOW_OPERATION } from '../model/tally.ts';
import type { TallyCell } from './tally-cell.ts';

/** Looking for idle endpoints costs 1 ms: not for every group. */
const SWEEP_INTERVAL_US = US_PER_MINUTE;

/** An endpoint as long as it is known; its counts are in the cells of the minutes. */
export interface EndpointRecord {
  /** Below the number of records; changes only in makeRoom(). */
  index: number;
  readonly endpointId: string;
  readonly service: string;
  readonly operation: string;
  readonly isOverflow: boolean;
  /** When a group last held a span of it, by our clock. */
  seenUs: number;
  /** The cell that the last span fell into, and its minute: spans of a group come minute by minute. */
  cellMinute: number;
  cell: TallyCell | undefined;
}

export class EndpointRegistry {
  readonly #records = new Map<string, EndpointRecord>();
  #namedCount = 0;
  #overflowServiceCount = 0;
  #isFull = false;
  #sweptUs = 0;
  #cache = new EndpointCache();
  #strings: StringDictionary | undefined;

  get size(): number {
    return this.#records.size;
  }

  /** Of string ids; remembered for as long as the dictionary stays the same. */
  recordOf(strings: StringDictionary, service: number, name: number): EndpointRecord {
    if (this.#strings !== strings) {
      this.#strings = strings;
      this.#cache = new EndpointCache();
    }
    const cached = this.#cache.find(service, name);
    if (cached !== undefined) return cached;
    const record = this.#recordOfTexts(strings.text(service), strings.text(name));
    this.#cache.set({ service, name, record });
    return record;
  }

  /** Forgets idle endpoints if there was no room for one; no record may hold a cell. */
  makeRoom(nowUs: number): void {
    if (!this.#isFull || nowUs - this.#sweptUs < SWEEP_INTERVAL_US) return;
    this.#sweptUs = nowUs;
    this.#isFull = false;
    this.#strings = undefined;
    let index = 0;
    for (const [key, record] of this.#records) {
      if (nowUs - record.seenUs < LIMITS.endpointIdleUs) {
        record.index = index++;
        continue;
      }
      this.#records.delete(key);
      if (!record.isOverflow) this.#namedCount--;
      else if (record.service !== OVERFLOW_OPERATION) this.#overflowServiceCount--;
    }
  }

  #recordOfTexts(service: string, operation: string): EndpointRecord {
    const known = this.#records.get(`${service}\0${operation}`);
    if (known) return known;
    if (operation !== OVERFLOW_OPERATION && this.#namedCount < LIMITS.endpointsMax) {
      this.#namedCount++;
      return this.#add(service, operation);
    }
    this.#isFull = true;
    const overflow = this.#records.get(`${service}\0${OVERFLOW_OPERATION}`);
    if (overflow) return overflow;
    if (this.#overflowServiceCount < LIMITS.servicesMax) {
      this.#overflowServiceCount++;
      return this.#add(service, OVERFLOW_OPERATION);
    }
    const shared = this.#records.get(`${OVERFLOW_OPERATION}\0${OVERFLOW_OPERATION}`);
    return shared ?? this.#add(OVERFLOW_OPERATION, OVERFLOW_OPERATION);
  }

  #add(service: string, operation: string): EndpointRecord {
    const record: EndpointRecord = {
      index: this.#records.size,
      endpointId: endpointIdOf(service, operation),
      service,
      operation,
      isOverflow: operation === OVERFLOW_OPERATION,
      seenUs: 0,
      cellMinute: 0,
      cell: undefined,
    };
    this.#records.set(`${service}\0${operation}`, record);
    return record;
  }
}

/**
 * (service id, name id) → record for one dictionary: open addressing over numbers, because a Map of
 * numbers beyond 2^31 costs five times as much.
 */
class EndpointCache {
  #services = new Int32Array(512).fill(-1);
  #names = new Int32Array(512);
  #records: (EndpointRecord | undefined)[] = new Array(512).fill(undefined);
  #count = 0;

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
