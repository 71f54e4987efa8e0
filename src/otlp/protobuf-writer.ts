/** Writes the few small protobuf messages that replies consist of. */
const encoder = new TextEncoder();

export class ProtobufWriter {
  readonly #bytes: number[] = [];

  /** An int32, int64 or uint32 field; proto3 leaves zero out. */
  varint(field: number, value: number): this {
    if (value === 0) return this;
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  text(field: number, text: string): this {
    return text === '' ? this : this.bytes(field, encoder.encode(text));
  }

  /** Bytes or an embedded message, also when empty. */
  bytes(field: number, bytes: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /** Whole numbers up to 2^53; all that replies hold are counts and codes. */
  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }
}
