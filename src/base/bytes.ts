/** Bytes ↔ hex. Ids travel as bytes and become hex only for people. */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

export function hexOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = '';
  for (let index = start; index < end; index++) text += HEX[bytes[index]!];
  return text;
}

/** Bytes of hex text (any case), or undefined when it is not hex of that size. */
export function tryBytesOfHex(text: string, sizeBytes: number): Uint8Array | undefined {
  if (text.length !== 2 * sizeBytes || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(sizeBytes);
  for (let index = 0; index < sizeBytes; index++) {
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}
