/** Sets of rows as bits: a conjunction of conditions is an AND, its support a count of ones. */

export type Bits = Uint32Array;

export function createBits(count: number): Bits {
  return new Uint32Array((count + 31) >>> 5);
}

export function setBit(bits: Bits, index: number): void {
  bits[index >>> 5]! |= 1 << (index & 31);
}

export function hasBit(bits: Bits, index: number): boolean {
  return (bits[index >>> 5]! & (1 << (index & 31))) !== 0;
}

export function countBits(bits: Bits): number {
  let count = 0;
  for (const word of bits) count += onesIn(word);
  return count;
}

/** Hot: once per pair of conditions. 4096 rows are 128 words, 0.15 µs. */
export function countCommon(a: Bits, b: Bits): number {
  let count = 0;
  for (let at = 0; at < a.length; at++) count += onesIn(a[at]! & b[at]!);
  return count;
}

export function intersect(a: Bits, b: Bits): Bits {
  const common = new Uint32Array(a.length);
  for (let at = 0; at < a.length; at++) common[at] = a[at]! & b[at]!;
  return common;
}

function onesIn(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
