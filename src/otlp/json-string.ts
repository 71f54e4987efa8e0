/** JSON strings as UTF-8: escapes resolved from bytes to bytes, and hex digits as bytes. */

import { BACKSLASH } from './json-bytes.ts';

const NOT_HEX = 0xff;
/** Value of each byte as a hex digit. */
const NIBBLES = buildNibbles();
/** What the letter of a short escape stands for. */
const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  98: 0x08, // b
  102: 0x0c, // f
  110: 0x0a, // n
  114: 0x0d, // r
  116: 0x09, // t
};

interface Source {
  readonly start: number;
  readonly end: number;
  /** As large as the source: no escape is shorter than what it stands for. */
  readonly into: Uint8Array;
}

/** Writes the text of a checked JSON string; a surrogate without its other half becomes U+FFFD. */
export function unescapeJson(
  bytes: Uint8Array,
  { start, end, into }: Source,
): { readonly size: number; readonly isRepaired: boolean } {
  let size = 0;
  let isRepaired = false;
  for (let at = start; at < end; ) {
    const byte = bytes[at]!;
    if (byte !== BACKSLASH) {
      into[size++] = byte;
      at++;
      continue;
    }
    const letter = bytes[at + 1]!;
    if (letter !== 0x75) {
      into[size++] = SHORT_ESCAPES[letter] ?? letter;
      at += 2;
      continue;
    }
    let codePoint = unitAt(bytes, at);
    at += 6;
    if (isHighSurrogate(codePoint) && at + 6 <= end && isLowSurrogate(unitAt(bytes, at))) {
      codePoint = 0x1_0000 + ((codePoint - 0xd800) << 10) + (unitAt(bytes, at) - 0xdc00);
      at += 6;
    } else if (isHighSurrogate(codePoint) || isLowSurrogate(codePoint)) {
      codePoint = 0xfffd;
      isRepaired = true;
    }
    size = writeUtf8(into, size, codePoint);
  }
  return { size, isRepaired };
}

/**
 * Writes hex digits as bytes into a row that is all zero, if they fill it; returns their size in bytes, -1 when
 * they are not hex. Hot: three ids a span.
 */
export function writeHex(
  bytes: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
  { into, row, sizeBytes }: HexPlace,
): number {
  const size = end - start;
  if (size % 2 === 1) return -1;
  const isFitting = size === 2 * sizeBytes;
  let to = row * sizeBytes;
  for (let at = start; at < end; at += 2) {
    const high = NIBBLES[bytes[at]!]!;
    const low = NIBBLES[bytes[at + 1]!]!;
    if ((high | low) === NOT_HEX) {
      if (isFitting) into.fill(0, row * sizeBytes, to);
      return -1;
    }
    if (isFitting) into[to++] = (high << 4) | low;
  }
  return size / 2;
}

export interface HexPlace {
  readonly into: Uint8Array;
  readonly row: number;
  readonly sizeBytes: number;
}

/** The UTF-16 unit of `\uXXXX`, or 0, which is no surrogate, where something else stands. */
function unitAt(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== 0x75) return 0;
  let unit = 0;
  for (let digit = at + 2; digit < at + 6; digit++) unit = (unit << 4) | NIBBLES[bytes[digit]!]!;
  return unit;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

function writeUtf8(into: Uint8Array, start: number, codePoint: number): number {
  let size = start;
  if (codePoint < 0x80) {
    into[size++] = codePoint;
    return size;
  }
  if (codePoint < 0x800) {
    into[size++] = 0xc0 | (codePoint >> 6);
  } else {
    if (codePoint < 0x1_0000) {
      into[size++] = 0xe0 | (codePoint >> 12);
    } else {
      into[size++] = 0xf0 | (codePoint >> 18);
      into[size++] = 0x80 | ((codePoint >> 12) & 0x3f);
    }
    into[size++] = 0x80 | ((codePoint >> 6) & 0x3f);
  }
  into[size++] = 0x80 | (codePoint & 0x3f);
  return size;
}

function buildNibbles(): Uint8Array {
  const nibbles = new Uint8Array(256).fill(NOT_HEX);
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16);
    nibbles[digit.charCodeAt(0)] = value;
    nibbles[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return nibbles;
}
