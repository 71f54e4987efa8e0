/**
 * The slices of endpoints that are counted by name. Bounded in all, and for each service and dimension: what is beyond
 * is counted in its endpoint only. A slice without a span for LIMITS.endpointIdleUs makes room.
 */
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { SliceDimension } from '../model/slice.ts';
import { endpointIdOf } from '../model/tally.ts';
import type { TallySubject } from './tally-cell.ts';

/** Looking for idle slices costs 1 ms: not for every group. */
const SWEEP_INTERVAL_US = US_PER_MINUTE;

export interface SliceOf {
  readonly service: string;
  readonly operation: string;
  readonly dimension: SliceDimension;
  readonly value: string;
}

/** The slices of one operation by one dimension. */
interface SliceFamily {
  readonly name: string;
  /** Of the count that is bounded. */
  readonly serviceKey: string;
  /** Nothing is counted before there are so many. */
  readonly sizeMin: number;
  readonly slices: Map<string, SliceRecord>;
}

export interface SliceRecord extends TallySubject {
  readonly family: SliceFamily;
}

export class SliceRegistry {
  readonly #families = new Map<string, SliceFamily>();
  readonly #countByService = new Map<string, number>();
  #count = 0;
  #sweptUs = 0;

  get size(): number {
    return this.#count;
  }

  /** Undefined when there is no room for it. */
  recordOf(slice: SliceOf, nowUs: number): SliceRecord | undefined {
    const family = this.#familyOf(slice);
    let record = family.slices.get(slice.value);
    if (record === undefined) {
      const ofService = this.#countByService.get(family.serviceKey) ?? 0;
      const hasRoom = this.#count < LIMITS.slicesMax && ofService < LIMITS.slicesPerServiceMax;
      if (!hasRoom || slice.value.length > LIMITS.sliceValueCharsMax) {
        this.#forgetEmpty(family);
        return undefined;
      }
      record = newRecord(slice, { family, index: this.#count++ });
      this.#countByService.set(family.serviceKey, ofService + 1);
      family.slices.set(slice.value, record);
    }
    record.seenUs = nowUs;
    return record;
  }

  /** Forgets idle slices, once a minute; no record may hold a cell. True when it has looked for them. */
  makeRoom(nowUs: number): boolean {
    if (nowUs - this.#sweptUs < SWEEP_INTERVAL_US) return false;
    this.#sweptUs = nowUs;
    let index = 0;
    for (const family of this.#families.values()) {
      for (const [value, record] of family.slices) {
        if (nowUs - record.seenUs < LIMITS.endpointIdleUs) record.index = index++;
        else this.#forget(family, value);
      }
      this.#forgetEmpty(family);
    }
    return true;
  }

  #familyOf({ service, operation, dimension }: SliceOf): SliceFamily {
    const serviceKey = `${dimension}\0${service}`;
    const name = `${serviceKey}\0${operation}`;
    let family = this.#families.get(name);
    if (family === undefined) {
      // the only value of an endpoint would be counted twice; a stage is a sum that nothing else gives
      const sizeMin = dimension === 'stage' ? 1 : 2;
      family = { name, serviceKey, sizeMin, slices: new Map() };
      this.#families.set(name, family);
    }
    return family;
  }

  #forget({ slices, serviceKey }: SliceFamily, value: string): void {
    slices.delete(value);
    this.#count--;
    const ofService = (this.#countByService.get(serviceKey) ?? 0) - 1;
    if (ofService > 0) this.#countByService.set(serviceKey, ofService);
    else this.#countByService.delete(serviceKey);
  }

  #forgetEmpty({ name, slices }: SliceFamily): void {
    if (slices.size === 0) this.#families.delete(name);
  }
}

/** The only slice of its endpoint is known, not counted. */
export function isCounted({ family }: SliceRecord): boolean {
  return family.slices.size >= family.sizeMin;
}

function newRecord(
  { service, operation, dimension, value }: SliceOf,
  { family, index }: { readonly family: SliceFamily; readonly index: number },
): SliceRecord {
  const slice = { dimension, value };
  return {
    index,
    endpointId: endpointIdOf(service, operation, { slice }),
    service,
    operation,
    slice,
    measure: undefined,
    seenUs: 0,
    cell: undefined,
    family,
  };
}
