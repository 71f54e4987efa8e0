/**
 * The line of a log body as UTF-16 units with their kinds, in buffers that are used again for every line: no
 * JavaScript string is made on the way.
 */
import { grown } from '../model/dictionary.ts';
import { WILDCARD_NAMES, withWildcards } from './line-values.ts';
import { HOLE, IS, KINDS } from './unit-kinds.ts';

/** Container runtimes cut lines here. Printed objects make long ones, and what stands behind them counts too. */
export const LINE_MAX = 16 * 1024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const DOUBLE_QUOTE = 0x22;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const BRACE = 0x7b;
const MESSAGE_KEYS = ['msg', 'message'];
/** What stands before the `>` of a wildcard. */
const NAME_STARTS = WILDCARD_NAMES.map((name) => name.slice(0, -1));

export class LineReader {
  /** units[0, length) is the line; kinds says what each unit is. */
  units = new Uint16Array(2 * LINE_MAX);
  kinds = new Uint8Array(2 * LINE_MAX);
  length = 0;

  /** Takes a text as it is. */
  read(text: string): void {
    const line = withWildcards(text, HOLE);
    if (line.length > this.units.length) {
      this.units = grown(this.units, 2 * line.length);
      this.kinds = grown(this.kinds, 2 * line.length);
    }
    for (let at = 0; at < line.length; at++) {
      const unit = line.charCodeAt(at);
      this.units[at] = unit;
      this.kinds[at] = KINDS[unit]!;
    }
    this.length = line.length;
  }

  /**
   * Takes the first line that is not blank of the UTF-8 text bytes[start, end), without the spaces around
   * it. False when there is none, or when it takes more than looking at characters one by one: JSON, logfmt,
   * a literal `<*>` or `<int>`, more than LINE_MAX characters. Hot: see TemplateMiner.assign().
   */
  tryReadFirst(bytes: Uint8Array, start: number, end: number): boolean {
    const { units, kinds } = this;
    let count = 0;
    let inkEnd = 0;
    for (let at = start; at < end; ) {
      let unit = bytes[at++]!;
      if (unit >= 0x80) {
        if (unit >= 0xf0) {
          const point =
            ((unit & 0x07) << 18) |
            ((bytes[at]! & 0x3f) << 12) |
            ((bytes[at + 1]! & 0x3f) << 6) |
            (bytes[at + 2]! & 0x3f);
          at += 3;
          units[count] = 0xd800 + ((point - 0x10000) >> 10);
          kinds[count++] = 0;
          unit = 0xdc00 | (point & 0x3ff);
        } else if (unit >= 0xe0) {
          unit = ((unit & 0x0f) << 12) | ((bytes[at]! & 0x3f) << 6) | (bytes[at + 1]! & 0x3f);
          at += 2;
        } else {
          unit = ((unit & 0x1f) << 6) | (bytes[at++]! & 0x3f);
        }
      }
      const kind = KINDS[unit]!;
      if (kind & IS.space) {
        if (count === 0) continue;
        if (unit === LINE_FEED || unit === CARRIAGE_RETURN) break;
      } else {
        if (kind & IS.break && !this.#isPlain(unit, count, at < end ? bytes[at]! : 0)) return false;
        inkEnd = count + 1;
      }
      if (count >= LINE_MAX) return false;
      units[count] = unit;
      kinds[count++] = kind;
    }
    this.length = inkEnd;
    return inkEnd > 0;
  }

  /** False for a character that begins JSON, ends a literal `<*>` or `<int>`, or stands between logfmt's key and text. */
  #isPlain(unit: number, count: number, nextByte: number): boolean {
    if (unit === BRACE) return count > 0;
    if (unit === GREATER) return !NAME_STARTS.some((start) => this.#endsWith(start, count));
    if (unit !== EQUALS || nextByte !== DOUBLE_QUOTE) return true;
    return !MESSAGE_KEYS.some((key) => this.#endsWith(key, count));
  }

  #endsWith(key: string, count: number): boolean {
    if (count < key.length) return false;
    for (let at = 0; at < key.length; at++) {
      if (this.units[count - key.length + at] !== key.charCodeAt(at)) return false;
    }
    return true;
  }
}
