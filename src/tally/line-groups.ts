/**
 * Brackets of a line that are open, and whether what stands in one is a value: printed lists (`[a, b]`), maps
 * (`{a=1}`, JSON) and objects (`Seat(row=3, type=window)`) differ from line to line in length and in words. What stands in
 * round brackets behind a space is text, and stays.
 */

/** Brackets inside brackets; deeper ones are signs like any other. */
const DEPTH_MAX = 32;

const unitOf = (char: string): number => char.charCodeAt(0);
const ROUND = unitOf('(');
const SQUARE = unitOf('[');
const CURLY = unitOf('{');
const ROUND_END = unitOf(')');
const SQUARE_END = unitOf(']');
const CURLY_END = unitOf('}');

/** What has been seen in a group, not counting groups inside it. */
export const FLAG = {
  /** A name stands right before the bracket. */
  named: 1,
  comma: 2,
  pair: 4,
  /** An item of more than one word. */
  space: 8,
};

export function isOpening(unit: number): boolean {
  return unit === ROUND || unit === SQUARE || unit === CURLY;
}

export function isClosing(unit: number): boolean {
  return unit === ROUND_END || unit === SQUARE_END || unit === CURLY_END;
}

export class OpenGroups {
  depth = 0;
  /** Whether a group is a value: nothing in it is kept. */
  isInValue = false;
  /** Depth of the outermost such group. */
  #valueDepth = 0;
  readonly #brackets = new Uint16Array(DEPTH_MAX);
  readonly #pieces = new Uint32Array(DEPTH_MAX);
  readonly #flags = new Uint8Array(DEPTH_MAX);

  clear(): void {
    this.depth = 0;
    this.isInValue = false;
  }

  /** Piece of the innermost group's bracket; there must be one. */
  get openPiece(): number {
    return this.#pieces[this.depth - 1]!;
  }

  /** What closes the innermost group; there must be one. */
  get closer(): number {
    const bracket = this.#brackets[this.depth - 1];
    return bracket === ROUND ? ROUND_END : bracket === SQUARE ? SQUARE_END : CURLY_END;
  }

  open(bracket: number, options: { readonly piece: number; readonly isNamed: boolean }): void {
    if (this.depth === DEPTH_MAX) return;
    this.#brackets[this.depth] = bracket;
    this.#pieces[this.depth] = options.piece;
    this.#flags[this.depth] = options.isNamed ? FLAG.named : 0;
    this.depth++;
  }

  mark(flag: number): void {
    this.#flags[this.depth - 1]! |= flag;
  }

  /** Whether the innermost group is a value, however it goes on. */
  isValueSoon(): boolean {
    const flags = this.#flags[this.depth - 1]!;
    if ((flags & FLAG.pair) === 0) return false;
    const bracket = this.#brackets[this.depth - 1];
    if (bracket === CURLY) return true;
    return (flags & FLAG.comma) !== 0 && (bracket === SQUARE || (flags & FLAG.named) !== 0);
  }

  enterValue(): void {
    this.#valueDepth = this.depth;
    this.isInValue = true;
  }

  /**
   * Closes a group and those inside it that were left open; nothing when none is open. Gives its bracket's piece when it
   * is a list, else -1.
   */
  close(closer: number): number {
    const depth = this.#depthOf(closer);
    if (depth === 0) return -1;
    const flags = this.#flags[depth - 1]!;
    const isList =
      this.#brackets[depth - 1] === SQUARE && (flags & (FLAG.comma | FLAG.space)) === FLAG.comma;
    this.depth = depth - 1;
    if (this.isInValue) {
      this.isInValue = this.#valueDepth < depth;
      return -1;
    }
    return isList ? this.#pieces[depth - 1]! : -1;
  }

  /** Depth of the innermost group that the unit closes; 0 when there is none. */
  #depthOf(closer: number): number {
    const bracket = closer === ROUND_END ? ROUND : closer === SQUARE_END ? SQUARE : CURLY;
    let depth = this.depth;
    while (depth > 0 && this.#brackets[depth - 1] !== bracket) depth--;
    return depth;
  }
}
