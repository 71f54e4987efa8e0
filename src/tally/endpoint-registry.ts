/**
 * The endpoints that are counted by name. Bounded: when there is no room a service's further operations share
 * its overflow endpoint, and services beyond a bound share one. An endpoint without a span for LIMITS.endpointIdleUs
 * makes room, so that an operation leaves the overflow again.
 */
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { endpointIdOf, OVERFLOW_OPERATION } from '../model/tally.ts';
import { PairCache } from './pair-cache.ts';
import type { TallySubject } from './tally-cell.ts';

/** Looking for idle endpoints costs 1 ms: not for every group. */
const SWEEP_INTERVAL_US = US_PER_MINUTE;
const CACHE_SLOTS = 512;

/** Its index is below the number of records and changes only in makeRoom(). */
export interface EndpointRecord extends TallySubject {
  readonly isOverflow: boolean;
}

export class EndpointRegistry {
  readonly #records = new Map<string, EndpointRecord>();
  #namedCount = 0;
  #overflowServiceCount = 0;
  #isFull = false;
  #sweptUs = 0;
  #cache = new PairCache<EndpointRecord>(CACHE_SLOTS);
  #strings: StringDictionary | undefined;

  get size(): number {
    return this.#records.size;
  }

  /** Of string ids; remembered for as long as the dictionary stays the same. */
  recordOf(strings: StringDictionary, service: number, name: number): EndpointRecord {
    if (this.#strings !== strings) {
      this.#strings = strings;
      this.#cache = new PairCache(CACHE_SLOTS);
    }
    const cached = this.#cache.find(service, name);
    if (cached !== undefined) return cached;
    const record = this.#recordOfTexts(strings.text(service), strings.text(name));
    this.#cache.set({ first: service, second: name, item: record });
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
      slice: undefined,
      measure: undefined,
      seenUs: 0,
      cell: undefined,
      isOverflow: operation === OVERFLOW_OPERATION,
    };
    this.#records.set(`${service}\0${operation}`, record);
    return record;
  }
}
