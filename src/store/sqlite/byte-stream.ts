/**
 * Growing bytes to write to and checked bytes to read from: the alphabet of every section. Integers are
 * LEB128 varints up to 2^53, signed ones zigzag, floats little-endian. Reading past the end throws RangeError.
 * Beside its bytes, which a compressor gets, a section has a tail of bits, which it does not.
 */
import { BitReader, BitWriter } from './bit-stream.ts';

const TWO_32 = 0x1_0000_0000;
/** Constant columns take no bytes a row, so only a bound of our own stops a damaged count. */
const COUNT_MAX = 2 ** 26;

export class ByteWriter {
  size = 0;
  readonly tail = new BitWriter();
  #bytes: Uint8Array;
  #view: DataView;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): void {
    if (this.size === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.size++] = value;
  }

  /** An integer in [0, 2^53). Hot: once per value of a column. */
  varint(value: number): void {
    if (this.size + 8 > this.#bytes.length) this.#reserve(8);
    let rest = value;
    while (rest >= TWO_32) {
      this.#bytes[this.size++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    rest >>>= 0;
    while (rest >= 0x80) {
      this.#bytes[this.size++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.size++] = rest;
  }

  /** An integer in (−2^52, 2^52). */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  f64(value: number): void {
    if (this.size + 8 > this.#bytes.length) this.#reserve(8);
    this.#view.setFloat64(this.size, value, true);
    this.size += 8;
  }

  u32(value: number): void {
    if (this.size + 4 > this.#bytes.length) this.#reserve(4);
    this.#view.setUint32(this.size, value, true);
    this.size += 4;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.size);
    this.size += bytes.length;
  }

  /** All that another one wrote, bytes and tail. */
  append(other: ByteWriter): void {
    this.raw(other.bytes());
    this.tail.append(other.tail);
  }

  /** Room for `count` bytes that the caller fills. */
  take(count: number): Uint8Array {
    this.#reserve(count);
    const bytes = this.#bytes.subarray(this.size, this.size + count);
    this.size += count;
    return bytes;
  }

  /** What was written, without the tail; valid until the next write. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  /** A section as it is before compression: bytes, tail, size of the tail as four bytes. */
  section(): Uint8Array {
    const tail = this.tail.bytes();
    const section = new Uint8Array(this.size + tail.length + TAIL_SIZE_BYTES);
    section.set(this.bytes());
    section.set(tail, this.size);
    new DataView(section.buffer).setUint32(this.size + tail.length, tail.length, true);
    return section;
  }

  #reserve(count: number): void {
    const needed = this.size + count;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.size));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Bytes of the number at the end of a section that tells how long its tail is. */
export const TAIL_SIZE_BYTES = 4;

/** Where the tail of a section begins. */
export function tailStartOf(section: Uint8Array): number {
  const end = section.length - TAIL_SIZE_BYTES;
  if (end < 0) throw new RangeError('the section ends early');
  const view = new DataView(section.buffer, section.byteOffset, section.length);
  const start = end - view.getUint32(end, true);
  if (start < 0) throw new RangeError('the tail is longer than its section');
  return start;
}

export class ByteReader {
  at = 0;
  readonly tail: BitReader;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  static ofSection(section: Uint8Array): ByteReader {
    const tailStart = tailStartOf(section);
    const tail = section.subarray(tailStart, section.length - TAIL_SIZE_BYTES);
    return new ByteReader(section.subarray(0, tailStart), tail);
  }

  constructor(bytes: Uint8Array, tail: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.tail = new BitReader(tail);
  }

  u8(): number {
    const value = this.#bytes[this.at];
    if (value === undefined) throw new RangeError('the section ends early');
    this.at++;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let size = 0; size < 8; size++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('a varint is longer than eight bytes');
  }

  /** A varint that counts things, bounded: damaged counts must not allocate. */
  count(max = COUNT_MAX): number {
    const value = this.varint();
    this.assertCount(value, max);
    return value;
  }

  assertCount(value: number, max = COUNT_MAX): void {
    if (value > max) throw new RangeError(`a count of ${value} is more than ${max}`);
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  f64(): number {
    const value = this.#view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  raw(count: number): Uint8Array {
    if (this.at + count > this.#bytes.length) throw new RangeError('the section ends early');
    const bytes = this.#bytes.subarray(this.at, this.at + count);
    this.at += count;
    return bytes;
  }
}
