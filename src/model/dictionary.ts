/**
 * Strings become small integers once: a dictionary maps text, or its UTF-8 bytes, to an id.
 * Id 0 is always the empty string. Interning from bytes makes no JavaScript string for a text seen before.
 */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const REPLACEMENT = '�';

export class StringDictionary {
  /** Distinct texts that held bytes which are not UTF-8; each such byte became U+FFFD. */
  repairedCount = 0;
  readonly #texts: string[] = [''];
  readonly #idByText = new Map<string, number>([['', 0]]);
  /** Open addressing over UTF-8 bytes: slot → id + 1; the bytes stand one after the other in #pool. */
  #slots = new Uint32Array(1024);
  #pool = new Uint8Array(16 * 1024);
  #poolSize = 0;
  #bytesStart = new Float64Array(512);
  #bytesEnd = new Float64Array(512);
  #hashes = new Uint32Array(512);
  #byteEntryIds = new Uint32Array(512);
  #byteEntryCount = 0;

  get size(): number {
    return this.#texts.length;
  }

  /** Text of an id; the empty string for an id never given. */
  text(id: number): string {
    return this.#texts[id] ?? '';
  }

  /** Id of a text that is there, or undefined. */
  find(text: string): number | undefined {
    return this.#idByText.get(text);
  }

  idOfString(text: string): number {
    const known = this.#idByText.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.length;
    this.#texts.push(text);
    this.#idByText.set(text, id);
    return id;
  }

  /** Id of the UTF-8 text in bytes[start, end). Hot: once per string of a batch. */
  idOfBytes(bytes: Uint8Array, start: number, end: number): number {
    if (end <= start) return 0;
    let hash = 0x811c9dc5;
    for (let index = start; index < end; index++) {
      hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
    }
    hash >>>= 0;
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const entry = this.#slots[slot]!;
      if (entry === 0) break;
      if (this.#hashes[entry - 1] === hash && this.#equals(entry - 1, bytes, start, end)) {
        return this.#byteEntryIds[entry - 1]!;
      }
      slot = (slot + 1) & mask;
    }
    const text = decoder.decode(bytes.subarray(start, end));
    if (text.includes(REPLACEMENT) && !isSame(encoder.encode(text), { bytes, start, end })) {
      this.repairedCount++;
    }
    const id = this.idOfString(text);
    this.#addBytes({ hash, id, bytes, start, end });
    return id;
  }

  #equals(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#bytesStart[entry]!;
    if (this.#bytesEnd[entry]! - from !== end - start) return false;
    for (let index = start, at = from; index < end; index++, at++) {
      if (this.#pool[at] !== bytes[index]) return false;
    }
    return true;
  }

  #addBytes(item: {
    hash: number;
    id: number;
    bytes: Uint8Array;
    start: number;
    end: number;
  }): void {
    const size = item.end - item.start;
    if (this.#poolSize + size > this.#pool.length) {
      const pool = new Uint8Array(Math.max(2 * this.#pool.length, this.#poolSize + size));
      pool.set(this.#pool.subarray(0, this.#poolSize));
      this.#pool = pool;
    }
    this.#pool.set(item.bytes.subarray(item.start, item.end), this.#poolSize);
    const entry = this.#byteEntryCount++;
    if (entry === this.#hashes.length) {
      const capacity = 2 * entry;
      this.#bytesStart = grown(this.#bytesStart, capacity);
      this.#bytesEnd = grown(this.#bytesEnd, capacity);
      this.#hashes = grown(this.#hashes, capacity);
      this.#byteEntryIds = grown(this.#byteEntryIds, capacity);
    }
    this.#bytesStart[entry] = this.#poolSize;
    this.#poolSize += size;
    this.#bytesEnd[entry] = this.#poolSize;
    this.#hashes[entry] = item.hash;
    this.#byteEntryIds[entry] = item.id;
    if (2 * this.#byteEntryCount > this.#slots.length) this.#rehash();
    else this.#place(entry);
  }

  #place(entry: number): void {
    const hash = this.#hashes[entry]!;
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #rehash(): void {
    this.#slots = new Uint32Array(4 * this.#slots.length);
    for (let entry = 0; entry < this.#byteEntryCount; entry++) this.#place(entry);
  }
}

export type ColumnArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** Whether the text's own bytes are the ones it was read from: false when a byte was replaced. */
function isSame(
  encoded: Uint8Array,
  source: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
): boolean {
  if (encoded.length !== source.end - source.start) return false;
  return encoded.every((byte, index) => byte === source.bytes[source.start + index]);
}

/** A copy with room for more. */
export function grown<T extends ColumnArray>(array: T, capacity: number): T {
  const make = array.constructor as new (size: number) => T; // the class of the argument itself
  const next = new make(capacity);
  next.set(array as never); // same class, so the same element type
  return next;
}
