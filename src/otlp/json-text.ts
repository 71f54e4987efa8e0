/**
 * Builds the OTLP/JSON text of one AnyValue, bounded: beyond the bound it takes no more and says so.
 * Wire and JSON decoders write through it, so that equal values give equal text.
 */
import { cutText } from './cut-text.ts';
import { formatDouble } from './value.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const REPLACEMENT = '\u{FFFD}';

export class JsonText {
  /** True when the text would be longer than the bound; `text` is then its beginning. */
  isCut = false;
  #text = '';
  readonly #sizeBytesMax: number;
  readonly #onRepair: () => void;

  constructor(sizeBytesMax: number, onRepair: () => void) {
    this.#sizeBytesMax = sizeBytesMax;
    this.#onRepair = onRepair;
  }

  get text(): string {
    return this.#text;
  }

  begin(): void {
    this.#text = '';
    this.isCut = false;
  }

  /** Ends the text: what fits in UTF-16 units may still be too long in UTF-8. */
  finish(): void {
    const cut = cutText(this.#text, this.#sizeBytesMax);
    if (cut.length < this.#text.length) this.isCut = true;
    this.#text = cut;
  }

  /** Adds JSON syntax or a piece of ASCII. */
  add(piece: string): void {
    if (this.isCut) return;
    const room = this.#sizeBytesMax - this.#text.length;
    if (piece.length > room) this.isCut = true;
    this.#text += piece.length > room ? piece.slice(0, room) : piece;
  }

  /** Adds a quoted string of UTF-8 bytes. */
  addUtf8(bytes: Uint8Array): void {
    if (this.isCut) return;
    const text = decoder.decode(bytes);
    if (text.includes(REPLACEMENT) && !isSame(bytes, text)) this.#onRepair();
    this.add(JSON.stringify(text));
  }

  /** Adds bytes as quoted base64. */
  addBase64(bytes: Uint8Array): void {
    if (this.isCut) return;
    // No more than the bound has room for.
    const part = bytes.subarray(0, this.#sizeBytesMax);
    const buffer = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    this.add(`"${buffer.toString('base64')}"`);
  }

  addDouble(value: number): void {
    this.add(formatDouble(value));
  }
}

function isSame(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(text).equals(bytes);
}
