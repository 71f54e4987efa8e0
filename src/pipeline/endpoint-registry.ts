/**
 * The rows of endpoints and services, and whose they are. A row's name says all about its subject, so that rows that
 * come from disk need nothing beside them.
 */
import { RowSlab } from '../base/row-slab.ts';
import { isOpen } from '../detect/endpoint-episode.ts';
import {
  DETECTORS,
  type Detector,
  ENDPOINT_ROW_VERSION,
  ENDPOINT_ROW_WIDTH,
  ROW,
} from '../model/endpoint-row.ts';
import { SLICE_DIMENSIONS } from '../model/slice.ts';
import type { Endpoint, Tally } from '../model/tally.ts';
import { STAGES } from '../model/vocabulary.ts';

export interface ServiceEntry {
  readonly name: string;
  readonly service: string;
  readonly row: Float32Array;
  /** Of the minute under way, whole endpoints only. */
  count: number;
  isChanged: boolean;
  isSilent: boolean;
  /** Of its whole endpoints, what is under suspicion or open in this minute. */
  readonly troubles: Trouble[];
}

export interface Trouble {
  readonly operation: string;
  readonly detector: Detector;
  readonly state: 'open' | 'suspect';
}

export interface EndpointEntry {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Not a slice, and durations. */
  readonly isWhole: boolean;
  /** Self times and gaps are of a sample of the requests: their counts are no rates. */
  readonly isCounted: boolean;
  readonly row: Float32Array;
  readonly service: ServiceEntry;
  /** Of the minute under way. */
  tally: Tally | undefined;
}

const MEASURES = ['duration', 'self', 'gap'] as const;
/** Who was silent for two weeks is forgotten … */
const FORGET_MINUTES = 14 * 1440;
/** … and after two days when there is no room: by then silence is told of and accepted. */
const FORGET_MINUTES_FULL = 2 * 1440;

export class EndpointRegistry {
  readonly rows = new RowSlab({ width: ENDPOINT_ROW_WIDTH, version: ENDPOINT_ROW_VERSION });
  readonly #endpoints = new Map<string, EndpointEntry>();
  readonly #services = new Map<string, ServiceEntry>();
  /** Endpoints that no room was left for, since it was set to 0. */
  leftOutCount = 0;
  readonly #rowsMax: number;

  constructor({ rowsMax }: { readonly rowsMax: number }) {
    this.#rowsMax = rowsMax;
  }

  endpoints(): IterableIterator<EndpointEntry> {
    return this.#endpoints.values();
  }

  services(): IterableIterator<ServiceEntry> {
    return this.#services.values();
  }

  findService(service: string): ServiceEntry | undefined {
    return this.#services.get(service);
  }

  /** Rows that were read from disk since. */
  sync(): void {
    if (this.rows.size === this.#endpoints.size + this.#services.size) return;
    for (const [name] of [...this.rows.entries()]) {
      const parts: unknown = JSON.parse(name);
      if (!Array.isArray(parts)) continue;
      if (parts.length === 1) this.serviceOf(String(parts[0]));
      else this.#enter(decodeEndpoint(parts), name);
    }
  }

  /** Undefined: there are too many. */
  entryOf(endpoint: Endpoint): EndpointEntry | undefined {
    const known = this.#endpoints.get(endpoint.endpointId);
    if (known) return known;
    if (this.rows.size >= this.#rowsMax) {
      this.leftOutCount++;
      return undefined;
    }
    return this.#enter(endpoint, encodeEndpoint(endpoint));
  }

  serviceOf(service: string): ServiceEntry {
    const known = this.#services.get(service);
    if (known) return known;
    const name = JSON.stringify([service]);
    const row = this.rows.rowOf(name);
    const entry = {
      name,
      service,
      row,
      count: 0,
      isChanged: false,
      isSilent: false,
      troubles: [],
    };
    this.#services.set(service, entry);
    return entry;
  }

  /** Forgets who had no traffic for long, or while there is no room for others, for a while; not what is open. */
  forgetIdle(minute: number): void {
    const isFull = this.rows.size >= this.#rowsMax;
    const since = minute - (isFull ? FORGET_MINUTES_FULL : FORGET_MINUTES);
    const living = new Set<ServiceEntry>();
    for (const entry of this.#endpoints.values()) {
      const { row } = entry;
      if (row[ROW.lastTrafficMinute]! >= since || DETECTORS.some((one) => isOpen(row, one))) {
        living.add(entry.service);
        continue;
      }
      this.#endpoints.delete(entry.endpoint.endpointId);
      this.rows.delete(entry.name);
    }
    for (const entry of this.#services.values()) {
      if (living.has(entry) || isOpen(entry.row, 'trafficDown')) continue;
      this.#services.delete(entry.service);
      this.rows.delete(entry.name);
    }
  }

  #enter(endpoint: Endpoint, name: string): EndpointEntry {
    const { slice, measure } = endpoint;
    const isCounted = (measure ?? 'duration') === 'duration';
    const entry = {
      name,
      endpoint,
      isWhole: slice === undefined && isCounted,
      isCounted,
      row: this.rows.rowOf(name),
      service: this.serviceOf(endpoint.service),
      tally: undefined,
    };
    this.#endpoints.set(endpoint.endpointId, entry);
    return entry;
  }
}

function encodeEndpoint({
  endpointId,
  service,
  operation,
  stage,
  slice,
  measure,
}: Endpoint): string {
  const parts = [endpointId, service, operation, stage, measure ?? 'duration'];
  return JSON.stringify(slice === undefined ? parts : [...parts, slice.dimension, slice.value]);
}

function decodeEndpoint(parts: readonly unknown[]): Endpoint {
  const [endpointId, service, operation, stage, measure, dimension, value] = parts.map(String);
  const knownMeasure = MEASURES.find((word) => word === measure);
  const knownDimension = SLICE_DIMENSIONS.find((word) => word === dimension);
  return {
    endpointId: endpointId ?? '',
    service: service ?? '',
    operation: operation ?? '',
    stage: STAGES.find((word) => word === stage) ?? 'other',
    ...(knownDimension === undefined
      ? {}
      : { slice: { dimension: knownDimension, value: value ?? '' } }),
    ...(knownMeasure === undefined || knownMeasure === 'duration' ? {} : { measure: knownMeasure }),
  };
}
