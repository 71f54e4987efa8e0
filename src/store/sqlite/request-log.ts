/**
 * Which requests are stored already, by their hash: senders re-send what they got no reply to. Kept in memory
 * for the retry horizon, in two generations so that forgetting costs nothing; the files hold them across restarts.
 */
import { US_PER_MINUTE } from '../../base/time.ts';
import { ByteReader, ByteWriter } from './byte-stream.ts';
import type { Day } from './day-file.ts';

/** OTLP exporters give up after five minutes; collectors keep batches in their queue a little longer. */
export const RETRY_HORIZON_US = 10 * US_PER_MINUTE;
/** Each generation; about 130 bytes an entry. */
const GENERATION_ENTRIES_MAX = 500_000;
/** States shared by requests of the same days; beyond it, sharing starts anew. */
const SHARED_STATES_MAX = 1000;

export interface StoredRequest {
  readonly hash: Uint8Array;
  /** Days that its rows fall into, ascending. */
  readonly days: readonly Day[];
}

interface RequestState {
  readonly days: readonly Day[];
  readonly storedDays: readonly Day[];
}

export class RequestLog {
  #current = new Map<string, RequestState>();
  #previous = new Map<string, RequestState>();
  #generationStartUs: number;
  /** Nearly all requests are stored whole and touch one day: they have one state together. */
  readonly #sharedStates = new Map<string, RequestState>();

  constructor(nowUs: number) {
    this.#generationStartUs = nowUs;
  }

  /** True when the rows of all its days are stored. */
  isStored(hash: Uint8Array): boolean {
    const state = this.#find(keyOf(hash));
    return state?.days.every((day) => state.storedDays.includes(day)) ?? false;
  }

  isStoredForDay(hash: Uint8Array, day: Day): boolean {
    return this.#find(keyOf(hash))?.storedDays.includes(day) ?? false;
  }

  remember(request: StoredRequest, storedDays: readonly Day[], nowUs: number): void {
    if (
      nowUs - this.#generationStartUs > RETRY_HORIZON_US ||
      this.#current.size >= GENERATION_ENTRIES_MAX
    ) {
      this.#previous = this.#current;
      this.#current = new Map();
      this.#generationStartUs = nowUs;
    }
    const key = keyOf(request.hash);
    const known = this.#find(key);
    const allStoredDays = known ? [...new Set([...known.storedDays, ...storedDays])] : storedDays;
    this.#current.set(key, this.#sharedState({ days: request.days, storedDays: allStoredDays }));
  }

  #sharedState(state: RequestState): RequestState {
    const key = `${state.days.join()} ${state.storedDays.join()}`;
    const shared = this.#sharedStates.get(key);
    if (shared) return shared;
    if (this.#sharedStates.size >= SHARED_STATES_MAX) this.#sharedStates.clear();
    this.#sharedStates.set(key, state);
    return state;
  }

  #find(key: string): RequestState | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }
}

/** A character a byte: half the size of hex, in one piece. */
function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1');
}

export function encodeRequests(requests: readonly StoredRequest[]): Uint8Array {
  const writer = new ByteWriter(24 * requests.length + 16);
  writer.varint(requests.length);
  for (const { hash, days } of requests) {
    writer.varint(hash.length);
    writer.raw(hash);
    writer.varint(days.length);
    for (const day of days) writer.varint(day);
  }
  return writer.bytes();
}

export function decodeRequests(bytes: Uint8Array): readonly StoredRequest[] {
  const reader = new ByteReader(bytes);
  return Array.from({ length: reader.count() }, () => {
    const hash = reader.raw(reader.count()).slice();
    const days = Array.from({ length: reader.count() }, () => reader.varint());
    return { hash, days };
  });
}
