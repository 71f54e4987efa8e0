/**
 * Gzip whose changing bytes can be overwritten: what changes from send to send stands in stored blocks, what stays is
 * compressed once. Compressing each send anew would take 3 ms for 512 spans, more than receiving and storing them, on
 * the machine under test. The price: half more bytes
 * than zlib makes of the same request at level 1 (workload A: 98 B a span instead of 65); unpacking takes the same time.
 * RFC 1951 (deflate) and RFC 1952 (gzip) describe the format.
 */
import { crc32 } from 'node:zlib';
import type { Encoding } from './bench.ts';
import { type EncodedBody, FRESH_DIGITS, SLOT, TIME_DIGITS } from './body.ts';

export interface GzipBody {
  /** The gzip member; valid after refresh(). */
  readonly bytes: Buffer;
  /** Takes over what changed in the body, and its checksum. About 50 µs for 512 spans. */
  refresh(): void;
}

/** Stretches of the body that change: from, to (exclusive), in order. */
type Stretch = { readonly from: number; readonly to: number };

const GZIP_HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const TRAILER_BYTES = 8;
/** A stored block costs five bytes and the end of a compressed one two: nearer stretches are stored together. */
const GAP_MIN = 8;
const STORED_BYTES_MAX = 0xffff;

export function compressBody(body: EncodedBody, encoding: Encoding): GzipBody {
  const { bytes } = body;
  const writer = new DeflateWriter(bytes);
  const copies: { readonly from: number; readonly size: number; readonly at: number }[] = [];
  let at = 0;
  for (const { from, to } of findStretches(body, encoding)) {
    writer.compress(at, from);
    for (let start = from; start < to; start += STORED_BYTES_MAX) {
      const size = Math.min(STORED_BYTES_MAX, to - start);
      copies.push({ from: start, size, at: GZIP_HEADER.length + writer.store(start, size) });
    }
    at = to;
  }
  writer.compress(at, bytes.length);
  const deflated = writer.finish();
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(bytes.length, 4);
  const gzip = Buffer.concat([Buffer.from(GZIP_HEADER), deflated, trailer]);
  return {
    bytes: gzip,
    refresh: () => {
      for (const { from, size, at: target } of copies) bytes.copy(gzip, target, from, from + size);
      gzip.writeUInt32LE(crc32(bytes), gzip.length - TRAILER_BYTES);
    },
  };
}

function findStretches({ slots }: EncodedBody, encoding: Encoding): readonly Stretch[] {
  const isJson = encoding === 'json';
  const sizes = new Map<number, number>([
    [SLOT.traceId, isJson ? 32 : 16],
    [SLOT.spanId, isJson ? 16 : 8],
    [SLOT.time, isJson ? TIME_DIGITS : 8],
    [SLOT.fresh, FRESH_DIGITS],
  ]);
  const single = Array.from(slots.places, (from, slot) => ({
    from,
    to: from + (sizes.get(slots.kinds[slot] ?? 0) ?? 0),
  })).sort((left, right) => left.from - right.from);
  const merged: Stretch[] = [];
  for (const stretch of single) {
    const last = merged.at(-1);
    if (last && stretch.from - last.to < GAP_MIN) merged.splice(-1, 1, { ...last, to: stretch.to });
    else merged.push(stretch);
  }
  return merged;
}

const WINDOW_BYTES = 32 * 1024;
const MATCH_MIN = 4;
const MATCH_MAX = 258;
const CHAIN_MAX = 16;
const HASH_BITS = 15;
const END_OF_BLOCK = 256;

/** Length and distance codes of RFC 1951, 3.2.5: base values; extra bits follow from the place in the list. */
const LENGTH_BASES = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const DISTANCE_BASES = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12_289, 16_385, 24_577,
];

/** Blocks with the fixed codes, and stored ones; matches never reach into what is stored. */
class DeflateWriter {
  readonly #source: Buffer;
  #out = Buffer.alloc(64 * 1024);
  #outAt = 0;
  #bits = 0;
  #bitCount = 0;
  readonly #heads = new Int32Array(1 << HASH_BITS).fill(-1);
  readonly #previous: Int32Array;
  /** Where the compressed stretch of each byte ends; only bytes before it may be matched. */
  readonly #ends: Int32Array;

  constructor(source: Buffer) {
    this.#source = source;
    this.#previous = new Int32Array(source.length).fill(-1);
    this.#ends = new Int32Array(source.length);
  }

  compress(from: number, to: number): void {
    if (from === to) return;
    this.#ends.fill(to, from, to);
    this.#put(0b010, 3); // not the last block, fixed codes
    for (let at = from; at < to; ) {
      const { size, distance } = this.#longestMatch(at, to);
      if (size >= MATCH_MIN) this.#putMatch(size, distance);
      else this.#putSymbol(this.#source[at]!);
      const next = at + Math.max(1, size);
      for (; at < next; at++) this.#remember(at, to);
    }
    this.#putSymbol(END_OF_BLOCK);
  }

  /** Returns where the stored bytes stand in the output. */
  store(from: number, size: number): number {
    this.#put(0b000, 3); // not the last block, stored
    this.#align();
    this.#room(4 + size);
    this.#outAt = this.#out.writeUInt16LE(size, this.#outAt);
    this.#outAt = this.#out.writeUInt16LE(0xffff - size, this.#outAt);
    const at = this.#outAt;
    this.#source.copy(this.#out, at, from, from + size);
    this.#outAt += size;
    return at;
  }

  finish(): Buffer {
    this.#put(0b011, 3); // the last block, fixed codes, empty
    this.#putSymbol(END_OF_BLOCK);
    this.#align();
    return this.#out.subarray(0, this.#outAt);
  }

  #longestMatch(at: number, to: number): { readonly size: number; readonly distance: number } {
    const source = this.#source;
    let size = 0;
    let distance = 0;
    if (at + MATCH_MIN > to) return { size, distance };
    const sizeMax = Math.min(MATCH_MAX, to - at);
    let candidate = this.#heads[this.#hashAt(at)]!;
    for (let tries = 0; candidate >= 0 && tries < CHAIN_MAX; tries++) {
      if (at - candidate > WINDOW_BYTES) break;
      const bound = Math.min(sizeMax, this.#ends[candidate]! - candidate);
      let common = 0;
      while (common < bound && source[candidate + common] === source[at + common]) common++;
      if (common > size) {
        size = common;
        distance = at - candidate;
      }
      candidate = this.#previous[candidate]!;
    }
    return size >= MATCH_MIN ? { size, distance } : { size: 0, distance: 0 };
  }

  #remember(at: number, to: number): void {
    if (at + MATCH_MIN > to) return;
    const hash = this.#hashAt(at);
    this.#previous[at] = this.#heads[hash]!;
    this.#heads[hash] = at;
  }

  #hashAt(at: number): number {
    return Math.imul(this.#source.readUInt32LE(at), 0x9e37_79b1) >>> (32 - HASH_BITS);
  }

  #putMatch(size: number, distance: number): void {
    const length = codeOf(LENGTH_BASES, size);
    this.#putSymbol(257 + length);
    // Lengths 3 to 10 and 258 have no extra bits; then one more for every four codes.
    const isPlain = length < 8 || size === MATCH_MAX;
    if (!isPlain) this.#put(size - LENGTH_BASES[length]!, (length >> 2) - 1);
    const far = codeOf(DISTANCE_BASES, distance);
    this.#put(reversed(far, 5), 5);
    if (far >= 4) this.#put(distance - DISTANCE_BASES[far]!, (far >> 1) - 1);
  }

  /** The fixed codes of RFC 1951, 3.2.6, which stand most significant bit first. */
  #putSymbol(symbol: number): void {
    if (symbol < 144) this.#put(reversed(0x30 + symbol, 8), 8);
    else if (symbol < 256) this.#put(reversed(0x190 + symbol - 144, 9), 9);
    else if (symbol < 280) this.#put(reversed(symbol - 256, 7), 7);
    else this.#put(reversed(0xc0 + symbol - 280, 8), 8);
  }

  #put(bits: number, count: number): void {
    this.#bits |= bits << this.#bitCount;
    this.#bitCount += count;
    this.#room(4);
    while (this.#bitCount >= 8) {
      this.#out[this.#outAt++] = this.#bits & 0xff;
      this.#bits >>>= 8;
      this.#bitCount -= 8;
    }
  }

  #align(): void {
    if (this.#bitCount > 0) this.#put(0, 8 - this.#bitCount);
  }

  #room(size: number): void {
    if (this.#outAt + size <= this.#out.length) return;
    const grown = Buffer.alloc(2 * this.#out.length + size);
    this.#out.copy(grown, 0, 0, this.#outAt);
    this.#out = grown;
  }
}

/** The last code whose base is not above the value. */
function codeOf(bases: readonly number[], value: number): number {
  let code = bases.length - 1;
  while (bases[code]! > value) code--;
  return code;
}

function reversed(value: number, count: number): number {
  let result = 0;
  for (let bit = 0; bit < count; bit++) result = (result << 1) | ((value >>> bit) & 1);
  return result;
}
