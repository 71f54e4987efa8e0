/** Cuts text to a size in UTF-8 bytes without breaking a code point. */

/** The longest beginning of `text` that takes at most `sizeBytesMax` bytes. */
export function cutText(text: string, sizeBytesMax: number): string {
  if (3 * text.length <= sizeBytesMax) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= sizeBytesMax) return text;
  return bytes.toString('utf8', 0, cutBefore(bytes, sizeBytesMax));
}

/** The last position at or before `end` where a code point begins. */
export function cutBefore(bytes: Uint8Array, end: number): number {
  let cut = end;
  // A code point has at most three continuation bytes; more is not UTF-8 and may be cut anywhere.
  while (cut > 0 && end - cut < 3 && (bytes[cut]! & 0xc0) === 0x80) cut--;
  return cut;
}
