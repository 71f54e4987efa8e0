/**
 * Bits one after the other: the tail of a section, where numbers stand that no compressor makes smaller. Bit 0 of
 * a byte comes first; numbers begin with their lowest bit. Each column begins at a new word of four bytes.
 */

const TWO_32 = 0x1_0000_0000;
const INT_MIN = -0x8000_0000;

export class BitWriter {
  #words: Uint32Array;
  #wordCount = 0;
  #word = 0;
  #bitCount = 0;

  constructor(wordCapacity = 64) {
    this.#words = new Uint32Array(wordCapacity);
  }

  get sizeBytes(): number {
    return 4 * this.#wordCount;
  }

  /** The lowest `width` bits of `value`, 0 to 32. */
  put(value: number, width: number): void {
    if (width === 0) return;
    const bits = width === 32 ? value : value & ((1 << width) - 1);
    this.#word |= bits << this.#bitCount;
    const filled = this.#bitCount + width;
    if (filled < 32) {
      this.#bitCount = filled;
      return;
    }
    this.#push(this.#word);
    this.#bitCount = filled - 32;
    this.#word = this.#bitCount === 0 ? 0 : bits >>> (width - this.#bitCount);
  }

  /** Every value less `base` in `width` bits. Hot: once per text of an attribute. */
  putAll(values: Uint32Array, { base, width }: { readonly base: number; readonly width: number }) {
    this.align();
    const wordsNeeded = Math.ceil((values.length * width) / 32);
    this.#reserve(wordsNeeded);
    const words = this.#words;
    let at = this.#wordCount;
    let word = 0;
    let filled = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index]! - base;
      word |= value << filled;
      filled += width;
      if (filled >= 32) {
        words[at++] = word;
        filled -= 32;
        word = filled === 0 ? 0 : value >>> (width - filled);
      }
    }
    if (filled > 0) words[at++] = word;
    this.#wordCount = at;
  }

  /**
   * Numbers that ascend, each as what lies between it and the one before (the first: and −1), in a Rice code: the
   * gap / 2^width in ones, a zero, then the lowest `width` bits of the gap. Hot, so it writes words itself.
   */
  putGaps(values: Uint32Array, width: number): void {
    this.align();
    let next = 0;
    for (let index = 0; index < values.length; index++) {
      const gap = values[index]! - next;
      next = values[index]! + 1;
      let quotient = gap >>> width;
      for (; quotient > 12; quotient -= 12) this.put(0xfff, 12);
      const head = quotient + 1;
      if (head + width <= 31) {
        this.put(((1 << quotient) - 1) | ((gap & ((1 << width) - 1)) << head), head + width);
      } else {
        this.put((1 << quotient) - 1, head);
        this.put(gap, width);
      }
    }
    this.align();
  }

  /**
   * Integers without their highest bit; `lengths` gets twice each one's bit length plus its sign. Hot: with put()
   * for each value, writing a metric point took a fifth more.
   */
  putIntegers(
    values: Float64Array,
    { scale, lengths }: { readonly scale: number; readonly lengths: Uint8Array },
  ): void {
    this.align();
    this.#reserve(2 * values.length);
    for (let index = 0; index < values.length; index++) {
      const value = scale === 1 ? values[index]! : values[index]! / scale;
      const small = value | 0;
      if (small !== value || small === INT_MIN) {
        lengths[index] = this.#putLarge(value);
        continue;
      }
      const size = small < 0 ? -small : small;
      const length = 32 - Math.clz32(size);
      lengths[index] = 2 * length + (small < 0 ? 1 : 0);
      if (length < 2) continue;
      const width = length - 1;
      const bits = size ^ (1 << width);
      this.#word |= bits << this.#bitCount;
      const filled = this.#bitCount + width;
      if (filled < 32) {
        this.#bitCount = filled;
        continue;
      }
      this.#words[this.#wordCount++] = this.#word; // reserved above
      this.#bitCount = filled - 32;
      this.#word = this.#bitCount === 0 ? 0 : bits >>> (width - this.#bitCount);
    }
    this.align();
  }

  /** Lowest 32 bits first. */
  #putLarge(value: number): number {
    const size = Math.abs(value);
    const sign = value < 0 ? 1 : 0;
    if (size < TWO_32) {
      const length = 32 - Math.clz32(size);
      this.put(size, length - 1);
      return 2 * length + sign;
    }
    const high = Math.floor(size / TWO_32);
    const highLength = 32 - Math.clz32(high);
    this.put(size % TWO_32, 32);
    this.put(high, highLength - 1);
    return 2 * (32 + highLength) + sign;
  }

  /** Fills up the word with zeros. */
  align(): void {
    if (this.#bitCount > 0) this.#push(this.#word);
    this.#word = 0;
    this.#bitCount = 0;
  }

  /** Appends the bits of another, which is aligned as this is. */
  append(other: BitWriter): void {
    this.align();
    other.align();
    this.#reserve(other.#wordCount);
    this.#words.set(other.#words.subarray(0, other.#wordCount), this.#wordCount);
    this.#wordCount += other.#wordCount;
  }

  /** What was written, whole words; valid until the next write. Words are little-endian wherever Node runs. */
  bytes(): Uint8Array {
    this.align();
    return new Uint8Array(this.#words.buffer, 0, 4 * this.#wordCount);
  }

  #push(word: number): void {
    if (this.#wordCount === this.#words.length) this.#reserve(1);
    this.#words[this.#wordCount++] = word;
  }

  #reserve(count: number): void {
    const needed = this.#wordCount + count;
    if (needed <= this.#words.length) return;
    const words = new Uint32Array(Math.max(needed, 2 * this.#words.length));
    words.set(this.#words.subarray(0, this.#wordCount));
    this.#words = words;
  }
}

/** Reading past the end throws RangeError. */
export class BitReader {
  /** Words are read as signed ones: V8 keeps those in registers, and larger ones as doubles. */
  readonly #view: DataView;
  #at = 0;
  #word = 0;
  #bitCount = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The next `width` bits, 0 to 32, as an unsigned number. */
  get(width: number): number {
    if (width === 0) return 0;
    if (width <= this.#bitCount) {
      const value = width === 32 ? this.#word : this.#word & ((1 << width) - 1);
      this.#word = width === 32 ? 0 : this.#word >>> width;
      this.#bitCount -= width;
      return value >>> 0;
    }
    const next = this.#view.getInt32(this.#at, true);
    this.#at += 4;
    const missing = width - this.#bitCount;
    const bits = this.#word | (next << this.#bitCount);
    this.#word = missing === 32 ? 0 : next >>> missing;
    this.#bitCount = 32 - missing;
    return (width === 32 ? bits : bits & ((1 << width) - 1)) >>> 0;
  }

  /** Fills `values` with numbers of `width` bits plus `base`. */
  getAll(values: Uint32Array, { base, width }: { readonly base: number; readonly width: number }) {
    this.align();
    const view = this.#view;
    const mask = width === 32 ? -1 : (1 << width) - 1;
    let at = this.#at;
    let word = 0;
    let held = 0;
    for (let index = 0; index < values.length; index++) {
      let bits = word;
      if (held < width) {
        const next = view.getInt32(at, true);
        at += 4;
        bits |= next << held;
        const missing = width - held;
        word = missing === 32 ? 0 : next >>> missing;
        held = 32 - missing;
      } else {
        word = width === 32 ? 0 : word >>> width;
        held -= width;
      }
      values[index] = base + ((bits & mask) >>> 0);
    }
    this.#at = at;
  }

  /** Fills `values` with what putGaps() wrote. Hot: ones are counted by a word, not one by one. */
  getGaps(values: Uint32Array, width: number): void {
    this.align();
    const view = this.#view;
    const mask = (1 << width) - 1;
    const scale = 2 ** width;
    let word = 0;
    let held = 0;
    let at = this.#at;
    let next = 0;
    for (let index = 0; index < values.length; index++) {
      let quotient = 0;
      for (;;) {
        // Bits above `held` are zero, so there are at most `held` ones.
        const ones = held === 0 ? 0 : 31 - Math.clz32(~word & -~word);
        quotient += ones;
        if (ones < held) {
          word = (word >>> ones) >>> 1;
          held -= ones + 1;
          break;
        }
        word = view.getInt32(at, true);
        at += 4;
        held = 32;
        if (word === -1) {
          quotient += 32;
          held = 0;
        }
      }
      let low = word;
      if (held < width) {
        const more = view.getInt32(at, true);
        at += 4;
        low |= more << held;
        word = more >>> (width - held);
        held += 32 - width;
      } else {
        word = (word >>> width) | 0;
        held -= width;
      }
      const value = next + quotient * scale + (low & mask);
      if (value >= TWO_32) throw new RangeError('a gap is longer than 32 bits');
      values[index] = value;
      next = value + 1;
    }
    this.#at = at;
  }

  align(): void {
    this.#word = 0;
    this.#bitCount = 0;
  }

  /** Passes over a column of so many bits. */
  skip(bitCount: number): void {
    this.align();
    this.#at += 4 * Math.ceil(bitCount / 32);
  }

  /** Bytes read, when aligned. */
  get at(): number {
    return this.#at;
  }

  set at(value: number) {
    this.align();
    this.#at = value;
  }
}
