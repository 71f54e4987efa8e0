/**
 * Rows of numbers by name, all of one width: the state of models that are many and small. 50 000 rows of 300 numbers
 * are 60 MB here, and as many objects with arrays of their own would be three times that. Rows never move, so a caller
 * may keep one, or the number of its place: a view of a row takes 96 bytes. A chunk of rows is bytes that survive a restart.
 */
import { AppError } from './errors.ts';

/** Times in rows count from 2020-01-01T00:00Z: a Float32 holds minutes since then exactly until 2051. */
export const ROW_ORIGIN_US = Date.UTC(2020, 0, 1) * 1000;

/** Rows of a page: large enough to make the page's own overhead small, small enough to waste little. */
const PAGE_ROWS = 256;
const MAGIC = 0x54525331; // "TRS1"
const HEADER_BYTES = 16;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

export interface RowSlabOptions {
  /** Numbers in a row. */
  readonly width: number;
  /** Of what the numbers mean; bytes of another version are refused. */
  readonly version: number;
}

export class RowSlab {
  readonly width: number;
  readonly version: number;
  readonly #places = new Map<string, number>();
  readonly #free: number[] = [];
  /** As words, so that bits survive that are no number. */
  readonly #pages: Int32Array[] = [];

  constructor({ width, version }: RowSlabOptions) {
    this.width = width;
    this.version = version;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Of all rows, those without a name too. */
  get memoryBytes(): number {
    return this.#pages.length * PAGE_ROWS * this.width * Float32Array.BYTES_PER_ELEMENT;
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  find(name: string): Float32Array | undefined {
    const place = this.#places.get(name);
    return place === undefined ? undefined : this.#rowAt(place);
  }

  /** The named row, made of zeros when there was none. */
  rowOf(name: string): Float32Array {
    return this.#rowAt(this.placeOf(name));
  }

  /** Of the row that rowOf() gives, until it is deleted. */
  placeOf(name: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    if (this.#free.length === 0) this.#addPage();
    const place = this.#free.pop()!; // #addPage() made some
    this.#places.set(name, place);
    return place;
  }

  /** The numbers of the row as words, among those of others: they begin at offsetOf(). */
  pageOf(place: number): Int32Array {
    return this.#pages[Math.floor(place / PAGE_ROWS)]!; // a place was given for a page
  }

  offsetOf(place: number): number {
    return (place % PAGE_ROWS) * this.width;
  }

  /** The row is used again for another name: nobody may keep it. */
  delete(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#places.delete(name);
    this.#rowAt(place).fill(0);
    this.#free.push(place);
  }

  *entries(): Generator<[string, Float32Array]> {
    for (const [name, place] of this.#places) yield [name, this.#rowAt(place)];
  }

  /** Part `chunk` of `chunkCount`: together they hold each row once when no row came or went meanwhile. */
  encode(chunk: number, chunkCount: number): Uint8Array {
    const rowsPerChunk = Math.ceil(this.#places.size / chunkCount);
    const chosen = this.#entriesAt(chunk * rowsPerChunk, (chunk + 1) * rowsPerChunk);
    const names = Buffer.from(JSON.stringify(chosen.map(([name]) => name)), 'utf8');
    const rowBytes = this.width * Float32Array.BYTES_PER_ELEMENT;
    const bytes = Buffer.alloc(HEADER_BYTES + names.length + chosen.length * rowBytes);
    for (const [index, value] of [MAGIC, this.version, this.width, names.length].entries()) {
      bytes.writeUInt32LE(value, index * 4);
    }
    names.copy(bytes, HEADER_BYTES);
    let at = HEADER_BYTES + names.length;
    // Copied as they stand where the machine's order is the file's: 106 MB take 30 ms instead of 300.
    for (const [, place] of chosen) {
      const from = this.offsetOf(place);
      const words = this.pageOf(place).subarray(from, from + this.width);
      if (IS_LITTLE_ENDIAN) {
        bytes.set(new Uint8Array(words.buffer, words.byteOffset, rowBytes), at);
        at += rowBytes;
      } else {
        for (const word of words) at = bytes.writeInt32LE(word, at);
      }
    }
    return bytes;
  }

  /** Takes in rows that encode() wrote. Throws `baseline.unreadable` when they are of another version or broken. */
  decode(encoded: Uint8Array): void {
    const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    const names = this.#readNames(bytes);
    let at = HEADER_BYTES + bytes.readUInt32LE(12);
    for (const name of names) {
      const place = this.placeOf(name);
      const page = this.pageOf(place);
      const from = this.offsetOf(place);
      for (let index = from; index < from + this.width; index++, at += 4) {
        page[index] = bytes.readInt32LE(at);
      }
    }
  }

  #entriesAt(from: number, to: number): readonly [string, number][] {
    const chosen: [string, number][] = [];
    let index = 0;
    for (const entry of this.#places) {
      if (index >= to) break;
      if (index++ >= from) chosen.push(entry);
    }
    return chosen;
  }

  #readNames(bytes: Buffer): readonly string[] {
    if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) {
      throw unreadable(`${bytes.length} bytes that are no rows`);
    }
    const [version, width, nameBytes] = [4, 8, 12].map((at) => bytes.readUInt32LE(at)) as [
      number,
      number,
      number,
    ];
    if (version !== this.version || width !== this.width) {
      throw unreadable(
        `rows of version ${version} and width ${width}, this is version ${this.version} and width ${this.width}`,
      );
    }
    const names: unknown = parseOrUndefined(
      bytes.toString('utf8', HEADER_BYTES, HEADER_BYTES + nameBytes),
    );
    const isNames = Array.isArray(names) && names.every((name) => typeof name === 'string');
    const expectedBytes = isNames
      ? HEADER_BYTES + nameBytes + names.length * width * Float32Array.BYTES_PER_ELEMENT
      : Number.NaN;
    if (!isNames || bytes.length !== expectedBytes) {
      throw unreadable(`${bytes.length} bytes, expected ${expectedBytes}`);
    }
    return names;
  }

  #rowAt(place: number): Float32Array {
    const { buffer } = this.pageOf(place);
    return new Float32Array(buffer, 4 * this.offsetOf(place), this.width);
  }

  #addPage(): void {
    const first = this.#pages.length * PAGE_ROWS;
    this.#pages.push(new Int32Array(PAGE_ROWS * this.width));
    for (let place = first + PAGE_ROWS - 1; place >= first; place--) this.#free.push(place);
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(what: string): AppError {
  return new AppError('baseline.unreadable', `Cannot read learned baselines: ${what}`);
}
