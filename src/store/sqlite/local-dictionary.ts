/** The strings that one section uses, numbered from 1 in order of first use; 0 is the empty string. */
import type { StringDictionary } from '../../model/dictionary.ts';
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import { readUints, writeUints } from './column-codec.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class LocalDictionary {
  readonly #strings: StringDictionary;
  readonly #localIds: Uint32Array;
  readonly #texts: string[] = [];

  constructor(strings: StringDictionary) {
    this.#strings = strings;
    this.#localIds = new Uint32Array(strings.size);
  }

  /** Id inside the section of an id of the group's dictionary. */
  idOf(id: number): number {
    if (id === 0 || id >= this.#localIds.length) return 0;
    const known = this.#localIds[id]!;
    if (known !== 0) return known;
    this.#texts.push(this.#strings.text(id));
    this.#localIds[id] = this.#texts.length;
    return this.#texts.length;
  }

  /**
   * Count, lengths, then all texts as one UTF-8 text. Lengths are in UTF-16 code units: one decode and one
   * slice per string are several times faster than a decode per string. An unpaired surrogate (JSON can send one,
   * UTF-8 cannot hold it) becomes U+FFFD, which is as long.
   */
  write(writer: ByteWriter): void {
    const lengths = Uint32Array.from(this.#texts, (text) => text.length);
    const bytes = Buffer.from(this.#texts.join(''), 'utf8');
    writer.varint(lengths.length);
    writeUints(writer, lengths);
    writer.varint(bytes.length);
    writer.raw(bytes);
  }
}

/** Texts of a section as read back. */
export class SectionTexts {
  /** All texts in a row: a text that is not in here is in none of them. */
  readonly joined: string;
  readonly #lengths: Uint32Array;
  /** Where each text ends in `joined`; made when a single text is asked for. */
  #ends: Uint32Array | undefined;

  constructor(reader: ByteReader) {
    this.#lengths = readUints(reader, reader.count());
    this.joined = decoder.decode(reader.raw(reader.varint()));
  }

  /** Texts, without the empty one. */
  get count(): number {
    return this.#lengths.length;
  }

  /** Bytes of memory, about. */
  get sizeBytes(): number {
    return 2 * this.joined.length + 8 * this.#lengths.length;
  }

  /** Text of a local id. */
  text(local: number): string {
    if (local === 0) return '';
    const ends = this.#endsOf();
    const end = ends[local - 1];
    if (end === undefined) throw new RangeError(`there is no string ${local}`);
    return this.joined.slice(end - this.#lengths[local - 1]!, end);
  }

  /** Local id of a text, or undefined; a native search, then a look where texts begin. */
  find(text: string): number | undefined {
    if (text === '') return 0;
    for (let at = this.joined.indexOf(text); at >= 0; at = this.joined.indexOf(text, at + 1)) {
      const index = lowerBound(this.#endsOf(), at + text.length);
      if (this.#lengths[index] === text.length && this.#endsOf()[index] === at + text.length) {
        return index + 1;
      }
    }
    return undefined;
  }

  #endsOf(): Uint32Array {
    if (this.#ends) return this.#ends;
    const ends = new Uint32Array(this.#lengths.length);
    let end = 0;
    for (let index = 0; index < ends.length; index++) {
      end += this.#lengths[index]!;
      ends[index] = end;
    }
    this.#ends = ends;
    return ends;
  }

  /** Local id → id in the dictionary. */
  internInto(strings: StringDictionary): Uint32Array {
    const ids = new Uint32Array(this.#lengths.length + 1);
    let at = 0;
    for (let index = 0; index < this.#lengths.length; index++) {
      const end = at + this.#lengths[index]!;
      ids[index + 1] = strings.idOfString(this.joined.slice(at, end));
      at = end;
    }
    return ids;
  }
}

/** Index of the first value that is not below `wanted`. */
function lowerBound(ascending: Uint32Array, wanted: number): number {
  let from = 0;
  let to = ascending.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (ascending[middle]! < wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}
