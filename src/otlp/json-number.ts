/**
 * Numbers from decimal digits in a body, without a string for the usual ones. Each function answers NaN or -1
 * for what it leaves to the slow path, good or bad.
 */

import { DOT, MINUS } from './json-bytes.ts';

const ZERO = 0x30;
/** 10^15 is below 2^53, so whatever this many digits say is exact. */
const EXACT_DIGITS = 15;
/** Exact as doubles. */
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);

/** An integer of at most 15 digits. */
export function tryInteger(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === MINUS;
  let at = isNegative ? start + 1 : start;
  if (at >= end || end - at > EXACT_DIGITS) return Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = 10 * value + digit;
  }
  return isNegative ? 0 - value : value;
}

/**
 * A decimal of at most 15 digits and no exponent: digits and power of ten are exact, so the quotient is the
 * nearest double (Clinger, How to Read Floating Point Numbers Accurately, 1990): 637.704 = 637704 / 1000.
 */
export function tryDecimal(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === MINUS;
  let digitCount = 0;
  let digits = 0;
  let pointAt = end;
  for (let at = isNegative ? start + 1 : start; at < end; at++) {
    const byte = bytes[at]!;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      digits = 10 * digits + digit;
      digitCount++;
    } else if (byte === DOT && pointAt === end) {
      pointAt = at;
    } else {
      return Number.NaN;
    }
  }
  if (digitCount === 0 || digitCount > EXACT_DIGITS) return Number.NaN;
  const value = pointAt === end ? digits : digits / POWERS_OF_TEN[end - pointAt - 1]!;
  return isNegative ? -value : value;
}

/** The number of at most nine digits; -1 when there is another byte among them. */
export function tryDigits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let isDigits = true;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    isDigits = isDigits && digit >= 0 && digit <= 9;
    value = Math.imul(value, 10) + digit;
  }
  return isDigits ? value : -1;
}
