/**
 * What is remembered for masked lines: open addressing over numbers, no string per look-up. Lines stand one
 * after the other in a pool; memory follows what is in it, and clear() gives it back.
 */
import { grown } from '../model/dictionary.ts';

const SLOTS_MIN = 32;
const UNITS_MIN = 256;

/** The line that is looked up: units[0, length), and its hash by hashOfUnits(). */
export interface MaskedLine {
  readonly units: Uint16Array;
  readonly length: number;
  readonly hash: number;
}

export class LineTable<T> {
  #slots = new Uint32Array(SLOTS_MIN);
  #hashes = new Uint32Array(SLOTS_MIN / 2);
  /** Line i is #pool[#ends[i - 1], #ends[i]). */
  #ends = new Uint32Array(SLOTS_MIN / 2);
  #pool = new Uint16Array(UNITS_MIN);
  #values: T[] = [];

  get size(): number {
    return this.#values.length;
  }

  /** Units of all lines. */
  get unitCount(): number {
    return this.#values.length === 0 ? 0 : this.#ends[this.#values.length - 1]!;
  }

  /** Hot: see TemplateMiner.assign(). */
  find(line: MaskedLine): T | undefined {
    const { units, length, hash } = line;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return undefined;
      if (this.#hashes[entry - 1] === hash && this.#isEqual(entry - 1, units, length)) {
        return this.#values[entry - 1];
      }
    }
  }

  /** The line must not be there. */
  add(line: MaskedLine, value: T): void {
    const entry = this.#values.length;
    const start = this.unitCount;
    const end = start + line.length;
    if (end > this.#pool.length) this.#pool = grown(this.#pool, Math.max(2 * start, end));
    if (entry === this.#hashes.length) {
      this.#hashes = grown(this.#hashes, 2 * entry);
      this.#ends = grown(this.#ends, 2 * entry);
    }
    for (let at = 0; at < line.length; at++) this.#pool[start + at] = line.units[at]!;
    this.#hashes[entry] = line.hash;
    this.#ends[entry] = end;
    this.#values.push(value);
    if (2 * this.#values.length > this.#slots.length) this.#rehash();
    else this.#place(entry);
  }

  clear(): void {
    this.#slots = new Uint32Array(SLOTS_MIN);
    this.#hashes = new Uint32Array(SLOTS_MIN / 2);
    this.#ends = new Uint32Array(SLOTS_MIN / 2);
    this.#pool = new Uint16Array(UNITS_MIN);
    this.#values = [];
  }

  #isEqual(entry: number, units: Uint16Array, length: number): boolean {
    const start = entry === 0 ? 0 : this.#ends[entry - 1]!;
    if (this.#ends[entry]! - start !== length) return false;
    for (let at = 0; at < length; at++) if (this.#pool[start + at] !== units[at]) return false;
    return true;
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[entry]! & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #rehash(): void {
    this.#slots = new Uint32Array(2 * this.#slots.length);
    for (let entry = 0; entry < this.#values.length; entry++) this.#place(entry);
  }
}

/** The seed is random, so that nobody can send lines that collide. Hot: once per line. */
export function hashOfUnits(units: Uint16Array, length: number, seed: number): number {
  let hash = seed ^ length;
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ units[at]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
