/**
 * Strings become small integers once: a dictionary maps text, or its UTF-8 bytes, to an id. Id 0 is always
 * the empty string. What it keeps are bytes; a JavaScript string is made only of a text that somebody reads.
 */
import { isUtf8 } from 'node:buffer';
import { ByteIndex, type ByteIndexParts, bytesOf, latin1, viewOf } from './byte-index.ts';

/** Up to this many bytes a loop copies faster than Uint8Array.set(): 25 against 60 ns for 16 bytes. */
const LOOP_BYTES_MAX = 64;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** A dictionary as plain arrays that may be transferred to another thread. */
export type DictionaryParts = ByteIndexParts;

export class StringDictionary {
  /** Distinct texts that held bytes which are not UTF-8; each such byte became U+FFFD. */
  repairedCount = 0;
  readonly #index: ByteIndex;
  /** The texts that were read or came as strings. */
  readonly #texts: (string | undefined)[];
  readonly #idByText = new Map<string, number>([['', 0]]);
  /** Ids of bytes that had to be repaired, by those bytes as Latin-1. */
  readonly #idByRepaired = new Map<string, number>();
  /** The bytes that idOfBytes() last read from. */
  #source: Uint8Array = new Uint8Array(0);
  #sourceView = viewOf(this.#source);

  constructor(index = new ByteIndex()) {
    this.#index = index;
    this.#texts = new Array<string | undefined>(index.size);
    this.#texts[0] = '';
  }

  /** An equal dictionary that owns the arrays; its hash table is built when somebody first interns. */
  static fromParts(parts: DictionaryParts): StringDictionary {
    return new StringDictionary(ByteIndex.fromParts(parts));
  }

  /** A copy that may be transferred to another thread. */
  toParts(): DictionaryParts {
    return this.#index.toParts();
  }

  get size(): number {
    return this.#index.size;
  }

  /**
   * The bytes of every text: id's are pool[start(id), end(id)), valid UTF-8. For reading only, and until the
   * next text is interned: the pool is replaced when it grows.
   */
  get pool(): Uint8Array {
    return this.#index.pool;
  }

  /** First byte of an id of this dictionary in the pool. */
  start(id: number): number {
    return this.#index.start(id);
  }

  /** First byte behind an id of this dictionary in the pool. */
  end(id: number): number {
    return this.#index.end(id);
  }

  /** Text of an id; the empty string for an id never given. */
  text(id: number): string {
    const known = this.#texts[id];
    if (known !== undefined) return known;
    if (!(id < this.size)) return '';
    const text = bytesOf(this.#index.poolView, this.start(id), this.end(id)).toString();
    this.#texts[id] = text;
    return text;
  }

  /** Id of a text that is there, or undefined. */
  find(text: string): number | undefined {
    const known = this.#idByText.get(text);
    if (known !== undefined) return known;
    const end = this.#writeText(text);
    const id = this.#index.find(this.#index.poolView, this.#index.poolSize, end);
    if (id === 0) return undefined;
    this.#idByText.set(text, id);
    return id;
  }

  /** Id of a text; an unpaired surrogate, which UTF-8 cannot hold, becomes U+FFFD. */
  idOfString(text: string): number {
    const known = this.#idByText.get(text);
    if (known !== undefined) return known;
    const index = this.#index;
    const end = this.#writeText(text);
    const isAscii = end - index.poolSize === text.length;
    const id = index.find(index.poolView, index.poolSize, end) || this.#add(end);
    this.#idByText.set(text, id);
    if (isAscii) this.#texts[id] = text; // other text may hold what its bytes do not
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
    const known = this.#index.find(view, start, end);
    if (known !== 0 || end <= start) return known;
    return this.#addBytes(view, start, end);
  }

  #addBytes(view: DataView, start: number, end: number): number {
    return this.#writeBytes(view, start, end)
      ? this.#add(this.#index.poolSize + end - start)
      : this.#repaired(view, start, end);
  }

  #add(end: number): number {
    this.#texts.push(undefined);
    return this.#index.add(end);
  }

  #repaired(view: DataView, start: number, end: number): number {
    const key = latin1(view, start, end);
    const known = this.#idByRepaired.get(key);
    if (known !== undefined) return known;
    // A copy, as a decoder takes no shared memory.
    const id = this.idOfString(decoder.decode(new Uint8Array(bytesOf(view, start, end))));
    this.#idByRepaired.set(key, id);
    this.repairedCount++;
    return id;
  }

  /** Writes text behind the index's bytes, where it is not yet one of them; returns its end. */
  #writeText(text: string): number {
    const index = this.#index;
    index.reserve(3 * text.length); // A UTF-16 unit takes at most three bytes of UTF-8.
    const { pool, poolSize } = index;
    if (text.length > LOOP_BYTES_MAX) {
      return poolSize + encoder.encodeInto(text, pool.subarray(poolSize)).written;
    }
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= 0x80) return poolSize + encoder.encodeInto(text, pool.subarray(poolSize)).written;
      pool[poolSize + at] = unit;
    }
    return poolSize + text.length;
  }

  /** As #writeText for bytes; tells whether they are UTF-8. */
  #writeBytes(view: DataView, start: number, end: number): boolean {
    const index = this.#index;
    index.reserve(end - start);
    const { pool, poolSize } = index;
    let seenBits = 0x80;
    if (end - start > LOOP_BYTES_MAX) {
      pool.set(bytesOf(view, start, end), poolSize);
    } else {
      seenBits = 0;
      for (let from = start, to = poolSize; from < end; from++, to++) {
        const byte = view.getUint8(from);
        pool[to] = byte;
        seenBits |= byte;
      }
    }
    return seenBits < 0x80 || isUtf8(pool.subarray(poolSize, poolSize + end - start));
  }
}

export type ColumnArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** A copy with room for more. */
export function grown<T extends ColumnArray>(array: T, capacity: number): T {
  const make = array.constructor as new (size: number) => T; // the class of the argument itself
  const next = new make(capacity);
  next.set(array as never); // same class, so the same element type
  return next;
}
