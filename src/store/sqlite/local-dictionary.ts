/** The strings that one section uses, numbered from 1 in order of first use; 0 is the empty string. */
import type { StringDictionary } from '../../model/dictionary.ts';
import type { ByteReader, ByteWriter } from './byte-stream.ts';
import { readUints, writeUints } from './column-codec.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Up to this many bytes a loop copies faster than set(). */
const LOOP_BYTES_MAX = 48;

export class LocalDictionary {
  readonly strings: StringDictionary;
  readonly #localIds: Uint32Array;
  /** Ids of the group's dictionary by local id less one. */
  readonly #ids: number[] = [];

  constructor(strings: StringDictionary) {
    this.strings = strings;
    this.#localIds = new Uint32Array(strings.size);
  }

  /** Id inside the section of an id of the group's dictionary. */
  idOf(id: number): number {
    if (id === 0 || id >= this.#localIds.length) return 0;
    const known = this.#localIds[id]!;
    if (known !== 0) return known;
    this.#ids.push(id);
    this.#localIds[id] = this.#ids.length;
    return this.#ids.length;
  }

  /** As idOf() for a column. Hot: once per text of an attribute. */
  idsOf(ids: Float64Array): Uint32Array {
    const locals = new Uint32Array(ids.length);
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index]!;
      locals[index] = this.#localIds[id] || this.idOf(id);
    }
    return locals;
  }

  /** Count, lengths in bytes, then all texts as one UTF-8 text, copied from the group's bytes without a string. */
  write(writer: ByteWriter): void {
    const { strings } = this;
    const lengths = new Uint32Array(this.#ids.length);
    let total = 0;
    for (let index = 0; index < lengths.length; index++) {
      const id = this.#ids[index]!;
      lengths[index] = strings.end(id) - strings.start(id);
      total += lengths[index]!;
    }
    writer.varint(lengths.length);
    writeUints(writer, lengths);
    writer.varint(total);
    const { pool } = strings;
    const bytes = writer.take(total);
    let to = 0;
    for (let index = 0; index < lengths.length; index++) {
      const start = strings.start(this.#ids[index]!);
      const end = start + lengths[index]!;
      if (end - start > LOOP_BYTES_MAX) {
        bytes.set(pool.subarray(start, end), to);
        to += end - start;
      } else {
        for (let at = start; at < end; at++) bytes[to++] = pool[at]!;
      }
    }
  }
}

/** Texts of a section as read back. */
export class SectionTexts {
  readonly #bytes: Buffer;
  readonly #lengths: Uint32Array;
  /** Where each text ends among the bytes; made when a single text is asked for. */
  #ends: Uint32Array | undefined;

  constructor(reader: ByteReader) {
    this.#lengths = readUints(reader, reader.count());
    const { buffer, byteOffset, length } = reader.raw(reader.varint());
    this.#bytes = Buffer.from(buffer, byteOffset, length);
  }

  /** All texts in a row: a text that is not in here is in none of them. */
  get joined(): string {
    return decoder.decode(this.#bytes);
  }

  /** Texts, without the empty one. */
  get count(): number {
    return this.#lengths.length;
  }

  /** Bytes of memory, about. */
  get sizeBytes(): number {
    return this.#bytes.length + 8 * this.#lengths.length;
  }

  /** Text of a local id. */
  text(local: number): string {
    if (local === 0) return '';
    const end = this.#endsOf()[local - 1];
    if (end === undefined) throw new RangeError(`there is no string ${local}`);
    return decoder.decode(this.#bytes.subarray(end - this.#lengths[local - 1]!, end));
  }

  /** Local id of a text, or undefined; a native search among bytes, then a look where texts begin. */
  find(text: string): number | undefined {
    if (text === '') return 0;
    const wanted = Buffer.from(text);
    let at = this.#bytes.indexOf(wanted);
    for (; at >= 0; at = this.#bytes.indexOf(wanted, at + 1)) {
      const end = at + wanted.length;
      const index = lowerBound(this.#endsOf(), end);
      if (this.#lengths[index] === wanted.length && this.#endsOf()[index] === end) return index + 1;
    }
    return undefined;
  }

  /** Local id → id in the dictionary. */
  internInto(strings: StringDictionary): Uint32Array {
    const ends = this.#endsOf();
    if ((ends.at(-1) ?? 0) > this.#bytes.length) throw new RangeError('the texts end early');
    const ids = new Uint32Array(ends.length + 1);
    for (let index = 0; index < ends.length; index++) {
      const end = ends[index]!;
      ids[index + 1] = strings.idOfBytes(this.#bytes, end - this.#lengths[index]!, end);
    }
    return ids;
  }

  /** Interns one text. */
  internOne(strings: StringDictionary, local: number): number {
    const end = this.#endsOf()[local - 1];
    if (end === undefined || end > this.#bytes.length) {
      throw new RangeError(`there is no string ${local}`);
    }
    return strings.idOfBytes(this.#bytes, end - this.#lengths[local - 1]!, end);
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
}

/**
 * Local id → id in the dictionary, each text interned when its id is first asked for: of a block of which one row in ten
 * is wanted, a tenth of the texts.
 */
export class TextIds {
  readonly #texts: SectionTexts;
  readonly #strings: StringDictionary;
  /** 0 while unknown. */
  readonly #ids: Uint32Array;

  constructor(texts: SectionTexts, strings: StringDictionary) {
    this.#texts = texts;
    this.#strings = strings;
    this.#ids = new Uint32Array(texts.count + 1);
  }

  idAt(local: number): number {
    const known = this.#ids[local];
    if (known !== undefined && (known !== 0 || local === 0)) return known;
    const id = this.#texts.internOne(this.#strings, local);
    this.#ids[local] = id;
    return id;
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
