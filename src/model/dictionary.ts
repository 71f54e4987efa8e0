/**
 * Strings become small integers once: a dictionary maps text, or its UTF-8 bytes, to an id. Id 0 is always
 * the empty string. The bytes of all texts stand one after the other in a pool; a JavaScript string is made
 * only of a text that somebody reads.
 */
import { isUtf8 } from 'node:buffer';

/** Other in each process, so that a sender cannot prepare texts that share a slot. */
const HASH_SEED = (Math.random() * 0x1_0000_0000) | 0;
/** Should a sender find texts that share a slot all the same, a look-up still ends after so many slots. */
const PROBES_MAX = 64;
/** Below this many bytes a loop copies faster than Uint8Array.set(): 25 against 60 ns for 16 bytes. */
const LOOP_BYTES_MAX = 64;
/** Slots of a new table: what a small group needs. */
const SLOTS_MIN = 2048;
/**
 * 4096 slots: the keys and values that every span repeats are found by their ends alone, at the price of one
 * comparison.
 */
const RECENT_SLOT_BITS = 12;
/** Offsets are 32 bits. */
const POOL_BYTES_MAX = 0xffff_ffff;
/** Odd, with their bits spread: those of xxHash. */
const MULTIPLIER = 0x9e37_79b1;
const FINAL_MULTIPLIER = 0x85eb_ca77;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** A dictionary as plain arrays, as long as what they hold; id n is pool[ends[n - 1], ends[n]). */
export interface DictionaryParts {
  readonly pool: Uint8Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
}

export class StringDictionary {
  /** Distinct texts that held bytes which are not UTF-8; each such byte became U+FFFD. */
  repairedCount = 0;
  #size = 1;
  #pool = new Uint8Array(16 * 1024);
  #poolView = viewOf(this.#pool);
  #poolSize = 0;
  /** End of each id's bytes in the pool; they begin where the id before ends. */
  #ends = new Uint32Array(512);
  /** The texts that were read or came as strings. */
  #texts: (string | undefined)[] = [''];
  readonly #idByText = new Map<string, number>([['', 0]]);
  /** Open addressing over UTF-8 bytes: id (0: free) and hash side by side. Empty until somebody interns. */
  #slots = new Uint32Array(0);
  /** Ids by a cheap hash over both ends of a text. */
  readonly #recent = new Uint32Array(1 << RECENT_SLOT_BITS);
  /** Hash of the text that #find() missed, and its slot; -1 when every slot it may have is taken. */
  #hash = 0;
  #freeSlot = -1;
  /** The bytes that idOfBytes() last read from. */
  #source: Uint8Array = this.#pool;
  #sourceView = this.#poolView;
  /** Ids that no slot leads to, by their bytes as Latin-1: texts without a free slot, and bytes repaired. */
  readonly #idByRawBytes = new Map<string, number>();

  /** An equal dictionary that owns the arrays; its hash table is built when somebody first interns. */
  static fromParts(parts: DictionaryParts): StringDictionary {
    const dictionary = new StringDictionary();
    dictionary.#pool = parts.pool;
    dictionary.#poolView = viewOf(parts.pool);
    dictionary.#poolSize = parts.pool.length;
    dictionary.#ends = parts.ends;
    dictionary.#size = parts.ends.length;
    dictionary.#texts = new Array<string | undefined>(parts.ends.length);
    dictionary.#texts[0] = '';
    return dictionary;
  }

  /** A copy that may be transferred to another thread. */
  toParts(): DictionaryParts {
    return {
      pool: this.#pool.slice(0, this.#poolSize),
      ends: this.#ends.slice(0, this.#size),
    };
  }

  get size(): number {
    return this.#size;
  }

  /**
   * The bytes of every text: id's are pool[start(id), end(id)), valid UTF-8. For reading only, and until the
   * next text is interned: the pool is replaced when it grows.
   */
  get pool(): Uint8Array {
    return this.#pool;
  }

  /** First byte of an id of this dictionary in the pool. */
  start(id: number): number {
    return this.#ends[id - 1] ?? 0;
  }

  /** First byte behind an id of this dictionary in the pool. */
  end(id: number): number {
    return this.#ends[id]!;
  }

  /** Text of an id; the empty string for an id never given. */
  text(id: number): string {
    const known = this.#texts[id];
    if (known !== undefined) return known;
    if (!(id < this.#size)) return '';
    const start = this.start(id);
    const text = Buffer.from(this.#pool.buffer, start, this.end(id) - start).toString();
    this.#texts[id] = text;
    return text;
  }

  /** Id of a text that is there, or undefined. */
  find(text: string): number | undefined {
    const known = this.#idByText.get(text);
    if (known !== undefined) return known;
    const start = this.#poolSize;
    const end = this.#writeText(text);
    const id = this.#find(this.#poolView, start, end);
    if (id === 0) return undefined;
    this.#idByText.set(text, id);
    return id;
  }

  /** Id of a text; an unpaired surrogate, which UTF-8 cannot hold, becomes U+FFFD. */
  idOfString(text: string): number {
    const known = this.#idByText.get(text);
    if (known !== undefined) return known;
    const start = this.#poolSize;
    const end = this.#writeText(text);
    const id = this.#find(this.#poolView, start, end) || this.#add(end);
    this.#idByText.set(text, id);
    if (text.length === end - start) this.#texts[id] = text; // ASCII: surely what its bytes say
    return id;
  }

  /** Id of the UTF-8 text in bytes[start, end). */
  idOfBytes(bytes: Uint8Array, start: number, end: number): number {
    if (this.#source !== bytes) {
      this.#source = bytes;
      this.#sourceView = viewOf(bytes);
    }
    return this.idOfView(this.#sourceView, start, end);
  }

  /** As idOfBytes() for who has a view already. Hot: once per string of a batch. */
  idOfView(view: DataView, start: number, end: number): number {
    const size = end - start;
    if (size < 4) return size > 0 ? this.#idOfView(view, start, end) : 0;
    const first = Math.imul(view.getInt32(start, true), MULTIPLIER);
    const last = Math.imul(view.getInt32(end - 4, true), FINAL_MULTIPLIER);
    const slot = Math.imul(first ^ last ^ size, MULTIPLIER) >>> (32 - RECENT_SLOT_BITS);
    const recent = this.#recent[slot]!;
    if (recent !== 0 && this.#equals(recent, view, start, end)) return recent;
    const id = this.#idOfView(view, start, end);
    this.#recent[slot] = id;
    return id;
  }

  #idOfView(view: DataView, start: number, end: number): number {
    const known = this.#find(view, start, end);
    if (known !== 0) return known;
    return this.#writeBytes(view, start, end)
      ? this.#add(this.#poolSize + end - start)
      : this.#addRepaired(view, start, end);
  }

  /** Id of the text in [start, end) of the view, or 0; then #hash and #freeSlot are where it belongs. */
  #find(view: DataView, start: number, end: number): number {
    if (this.#slots.length === 0) this.#buildSlots();
    const hash = hashOf(view, start, end);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (2 * hash) & mask;
    this.#hash = hash;
    this.#freeSlot = -1;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const id = slots[slot]!;
      if (id === 0) {
        this.#freeSlot = slot;
        break;
      }
      if (slots[slot + 1] === hash && this.#equals(id, view, start, end)) return id;
      slot = (slot + 2) & mask;
    }
    if (this.#idByRawBytes.size === 0) return 0;
    return this.#idByRawBytes.get(latin1(view, start, end)) ?? 0;
  }

  /** Compares whole words, then the last one, which may overlap: 20 bytes in 5 steps. */
  #equals(id: number, view: DataView, start: number, end: number): boolean {
    const poolStart = this.#ends[id - 1]!;
    if (this.#ends[id]! - poolStart !== end - start) return false;
    const pool = this.#poolView;
    const shift = poolStart - start;
    if (end - start < 4) {
      for (let at = start; at < end; at++) {
        if (pool.getUint8(at + shift) !== view.getUint8(at)) return false;
      }
      return true;
    }
    const last = end - 4;
    for (let at = start; at < last; at += 4) {
      if (pool.getInt32(at + shift, true) !== view.getInt32(at, true)) return false;
    }
    return pool.getInt32(last + shift, true) === view.getInt32(last, true);
  }

  /** Writes text behind the pool's texts, where it is not yet one of them; returns its end. */
  #writeText(text: string): number {
    const start = this.#poolSize;
    this.#reserve(3 * text.length); // A UTF-16 unit takes at most three bytes of UTF-8.
    const pool = this.#pool;
    if (text.length > LOOP_BYTES_MAX) {
      return start + encoder.encodeInto(text, pool.subarray(start)).written;
    }
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) return start + encoder.encodeInto(text, pool.subarray(start)).written;
      pool[start + index] = unit;
    }
    return start + text.length;
  }

  /** As #writeText for bytes; tells whether they are UTF-8. */
  #writeBytes(view: DataView, start: number, end: number): boolean {
    this.#reserve(end - start);
    const pool = this.#pool;
    let seenBits = 0x80;
    if (end - start > LOOP_BYTES_MAX) {
      pool.set(bytesOf(view, start, end), this.#poolSize);
    } else {
      seenBits = 0;
      for (let index = start, at = this.#poolSize; index < end; index++, at++) {
        const byte = view.getUint8(index);
        pool[at] = byte;
        seenBits |= byte;
      }
    }
    return seenBits < 0x80 || isUtf8(bytesOf(view, start, end));
  }

  #reserve(sizeBytes: number): void {
    const size = this.#poolSize + sizeBytes;
    if (size <= this.#pool.length) return;
    if (size > POOL_BYTES_MAX) throw new RangeError('Cannot intern text: the pool is full');
    this.#pool = grown(this.#pool, Math.min(Math.max(2 * this.#pool.length, size), POOL_BYTES_MAX));
    this.#poolView = viewOf(this.#pool);
  }

  /** Makes what was just written, and missed by #find(), a text of its own. */
  #add(end: number): number {
    const id = this.#size++;
    if (id === this.#ends.length) this.#ends = grown(this.#ends, 2 * id);
    this.#ends[id] = end;
    this.#texts.push(undefined);
    if (this.#freeSlot >= 0) {
      this.#slots[this.#freeSlot] = id;
      this.#slots[this.#freeSlot + 1] = this.#hash;
    } else {
      this.#idByRawBytes.set(latin1(this.#poolView, this.#poolSize, end), id);
    }
    this.#poolSize = end;
    if (4 * this.#size >= this.#slots.length) this.#buildSlots();
    return id;
  }

  #addRepaired(view: DataView, start: number, end: number): number {
    const id = this.idOfString(decoder.decode(bytesOf(view, start, end)));
    this.#idByRawBytes.set(latin1(view, start, end), id);
    this.repairedCount++;
    return id;
  }

  /** Builds the table anew, at most an eighth full; #add() does so again when it is half full. */
  #buildSlots(): void {
    let capacity = SLOTS_MIN;
    while (capacity < 8 * this.#size) capacity *= 2;
    this.#slots = new Uint32Array(2 * capacity);
    for (let id = 1; id < this.#size; id++) this.#place(id);
  }

  #place(id: number): void {
    const start = this.start(id);
    const end = this.end(id);
    const hash = hashOf(this.#poolView, start, end);
    const slots = this.#slots;
    let slot = (2 * hash) & (slots.length - 1);
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      if (slots[slot] === 0) {
        slots[slot] = id;
        slots[slot + 1] = hash;
        return;
      }
      slot = (slot + 2) & (slots.length - 1);
    }
    this.#idByRawBytes.set(latin1(this.#poolView, start, end), id);
  }
}

/** Hash of a text that is not empty: four bytes a step, the last step over the last four. */
export function hashOf(view: DataView, start: number, end: number): number {
  const size = end - start;
  let hash = HASH_SEED ^ size;
  if (size < 4) {
    const middle = view.getUint8(start + (size >>> 1));
    const word = view.getUint8(start) | (middle << 8) | (view.getUint8(end - 1) << 16);
    hash = Math.imul(hash ^ word, MULTIPLIER);
  } else {
    const last = end - 4;
    let at = start;
    for (; at < last - 4; at += 8) {
      hash = Math.imul(hash ^ view.getInt32(at, true), MULTIPLIER);
      hash ^= (hash >>> 15) ^ Math.imul(view.getInt32(at + 4, true), FINAL_MULTIPLIER);
    }
    if (at < last) {
      hash = Math.imul(hash ^ view.getInt32(at, true), MULTIPLIER);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ view.getInt32(last, true), MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 15), FINAL_MULTIPLIER);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(view: DataView, start: number, end: number): Buffer {
  return Buffer.from(view.buffer, view.byteOffset + start, end - start);
}

/** Bytes as a text of one character each: a key as good as the bytes themselves. */
function latin1(view: DataView, start: number, end: number): string {
  return bytesOf(view, start, end).toString('latin1');
}

export type ColumnArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** A copy with room for more. */
export function grown<T extends ColumnArray>(array: T, capacity: number): T {
  const make = array.constructor as new (size: number) => T; // the class of the argument itself
  const next = new make(capacity);
  next.set(array as never); // same class, so the same element type
  return next;
}
