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

  constructor(reader: ByteReader) {
    this.#lengths = readUints(reader, reader.count());
    this.joined = decoder.decode(reader.raw(reader.varint()));
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
