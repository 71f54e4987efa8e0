/**
 * Growing bytes to write to and checked bytes to read from: the alphabet of every section. Integers are
 * LEB128 varints up to 2^53, signed ones zigzag, floats little-endian. Reading past the end throws RangeError.
 */

const TWO_32 = 0x1_0000_0000;
/** Constant columns take no bytes a row, so only a bound of our own stops a damaged count. */
const COUNT_MAX = 2 ** 26;

export class ByteWriter {
  size = 0;
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

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.size);
    this.size += bytes.length;
  }

  /** Room for `count` bytes that the caller fills. */
  take(count: number): Uint8Array {
    this.#reserve(count);
    const bytes = this.#bytes.subarray(this.size, this.size + count);
    this.size += count;
    return bytes;
  }

  /** What was written; valid until the next write. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
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

export class ByteReader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
