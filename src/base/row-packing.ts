/**
 * Rows of numbers in fewer bits, as words of a RowSlab: each part of a row in the bits that its numbers are worth. What
 * is packed is all there is: a row that was packed and unpacked is packed to the same words, so that a restart changes
 * nothing. Zeros are packed to zeros.
 */

/** How the numbers of a part are kept. */
export type PartFormat =
  /** As they are. */
  | { readonly kind: 'float32' }
  /** Without the last eight bits of the mantissa, towards zero: 15 bits, 0.003 %. In fours. */
  | { readonly kind: 'float24' }
  /** Multiples of a step, up to 32 767 of them on both sides. In twos. */
  | { readonly kind: 'int16'; readonly step: number }
  /** Whole numbers from 0 to 255. In fours. */
  | { readonly kind: 'uint8' };

export interface RowPart {
  readonly width: number;
  readonly format: PartFormat;
}

/** Where it lies: first number of the row, first word of the packed row. */
export interface PlacedPart extends RowPart {
  readonly at: number;
  readonly wordAt: number;
}

/** Of a packed row among others. */
export interface PackedPlace {
  readonly words: Uint32Array;
  readonly offset: number;
}

const NUMBERS_PER_GROUP = { float32: 1, float24: 4, int16: 2, uint8: 4 } as const;
const WORDS_PER_GROUP = { float32: 1, float24: 3, int16: 1, uint8: 1 } as const;
const INT16_MAX = 0x7fff;
const NO_LOW_BYTE = 0xffffff00;

/** Hot: 400 numbers of 50 000 rows a minute, both ways: 1.1 µs a row. */
export class RowPacking {
  /** In the order given. */
  readonly parts: readonly PlacedPart[];
  /** Words of 32 bits. */
  readonly packedWidth: number;
  /** The one row that is unpacked. */
  readonly row: Float32Array;
  readonly #bits: Uint32Array;

  constructor(parts: readonly RowPart[]) {
    const placed: PlacedPart[] = [];
    let at = 0;
    let wordAt = 0;
    for (const part of parts) {
      const { kind } = part.format;
      const groups = part.width / NUMBERS_PER_GROUP[kind];
      if (!Number.isInteger(groups)) throw new RangeError(`${part.width} numbers as ${kind}`);
      placed.push({ ...part, at, wordAt });
      at += part.width;
      wordAt += groups * WORDS_PER_GROUP[kind];
    }
    this.parts = placed;
    this.packedWidth = wordAt;
    this.row = new Float32Array(at);
    this.#bits = new Uint32Array(this.row.buffer);
  }

  /** The other parts of the row stay as they are. */
  unpack(parts: readonly PlacedPart[], { words, offset }: PackedPlace): void {
    const { row } = this;
    const bits = this.#bits;
    for (const { at, wordAt, width, format } of parts) {
      const end = at + width;
      let from = offset + wordAt;
      switch (format.kind) {
        case 'float32':
          for (let to = at; to < end; to++) bits[to] = words[from++]!;
          break;
        case 'float24':
          for (let to = at; to < end; to += 4, from += 3) unpackFour(bits, to, words, from);
          break;
        case 'int16':
          for (let to = at; to < end; to += 2) {
            const word = words[from++]!;
            row[to] = ((word << 16) >> 16) * format.step;
            row[to + 1] = (word >> 16) * format.step;
          }
          break;
        case 'uint8':
          for (let to = at; to < end; to += 4) {
            const word = words[from++]!;
            row[to] = word & 0xff;
            row[to + 1] = (word >>> 8) & 0xff;
            row[to + 2] = (word >>> 16) & 0xff;
            row[to + 3] = word >>> 24;
          }
      }
    }
  }

  pack(parts: readonly PlacedPart[], { words, offset }: PackedPlace): void {
    const { row } = this;
    const bits = this.#bits;
    for (const { at, wordAt, width, format } of parts) {
      const end = at + width;
      let to = offset + wordAt;
      switch (format.kind) {
        case 'float32':
          for (let from = at; from < end; from++) words[to++] = bits[from]!;
          break;
        case 'float24':
          for (let from = at; from < end; from += 4, to += 3) packFour(words, to, bits, from);
          break;
        case 'int16':
          for (let from = at; from < end; from += 2) {
            const low = int16Of(row[from]!, format.step);
            words[to++] = (low & 0xffff) | (int16Of(row[from + 1]!, format.step) << 16);
          }
          break;
        case 'uint8':
          for (let from = at; from < end; from += 4) {
            words[to++] =
              row[from]! | (row[from + 1]! << 8) | (row[from + 2]! << 16) | (row[from + 3]! << 24);
          }
      }
    }
  }
}

/** Three words hold the upper bytes of three numbers, and in their last bytes those of a fourth. */
function unpackFour(bits: Uint32Array, to: number, words: Uint32Array, from: number): void {
  const [first, second, third] = [words[from]!, words[from + 1]!, words[from + 2]!];
  bits[to] = first & NO_LOW_BYTE;
  bits[to + 1] = second & NO_LOW_BYTE;
  bits[to + 2] = third & NO_LOW_BYTE;
  bits[to + 3] = (first << 24) | ((second & 0xff) << 16) | ((third & 0xff) << 8);
}

function packFour(words: Uint32Array, to: number, bits: Uint32Array, from: number): void {
  const fourth = bits[from + 3]!;
  words[to] = (bits[from]! & NO_LOW_BYTE) | (fourth >>> 24);
  words[to + 1] = (bits[from + 1]! & NO_LOW_BYTE) | ((fourth >>> 16) & 0xff);
  words[to + 2] = (bits[from + 2]! & NO_LOW_BYTE) | ((fourth >>> 8) & 0xff);
}

function int16Of(value: number, step: number): number {
  return Math.max(-INT16_MAX, Math.min(INT16_MAX, Math.round(value / step)));
}
