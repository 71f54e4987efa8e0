/** The pieces of a masked line as texts. */
import { IS, KINDS } from './unit-kinds.ts';

/** Arguments of one call: far below what the stack holds. */
const ARGUMENTS_MAX = 4096;

/** Parallel lists: the text of each piece, and whether a space stood before it. */
export interface Pieces {
  readonly texts: readonly string[];
  readonly spaces: readonly boolean[];
}

/** One call for the line and then slices: with a call for each piece, 100 000 templates load in 0.8 s instead of 0.5. */
export function textOfUnits(units: Uint16Array, length: number): string {
  let text = '';
  for (let at = 0; at < length; at += ARGUMENTS_MAX) {
    text += String.fromCharCode.apply(
      undefined,
      units.subarray(at, Math.min(length, at + ARGUMENTS_MAX)) as unknown as number[], // is array-like
    );
  }
  return text;
}

export function textOfPieces(pieces: Pieces): string {
  let text = '';
  for (let index = 0; index < pieces.texts.length; index++) {
    text += (pieces.spaces[index] ? ' ' : '') + pieces.texts[index];
  }
  return text;
}

/** True for pieces that say nothing: punctuation. */
export function isPunctuation(piece: string): boolean {
  return (
    piece.length === 1 && (KINDS[piece.charCodeAt(0)]! & (IS.quote | IS.break | IS.separator)) !== 0
  );
}
