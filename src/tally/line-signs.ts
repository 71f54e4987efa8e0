/** What signs of a line mean beside each other. */
import { IS, KINDS } from './unit-kinds.ts';

const unitOf = (char: string): number => char.charCodeAt(0);
const EQUALS = unitOf('=');
const DOT = unitOf('.');
const COLON = unitOf(':');
const DASH = unitOf('-');
const PLUS = unitOf('+');
const HASH = unitOf('#');
const DOUBLE_QUOTE = unitOf('"');
const LEFT_DOUBLE = unitOf('“');
const RIGHT_DOUBLE = unitOf('”');
const EXCLAMATION = unitOf('!');
const QUESTION = unitOf('?');

export function endsChunk(unit: number, kind: number): boolean {
  if (kind & IS.quote) {
    return unit === DOUBLE_QUOTE || unit === LEFT_DOUBLE || unit === RIGHT_DOUBLE;
  }
  return (kind & (IS.space | IS.break)) !== 0;
}

export function isTrailing(unit: number): boolean {
  return unit === COLON || unit === DOT || unit === EXCLAMATION || unit === QUESTION;
}

export function isSign(unit: number): boolean {
  return unit === DASH || unit === PLUS || unit === HASH;
}

/** Whether these neighbours belong to `key=value`, `"key":value` or `key:"value"`. */
export function isPair(previous: number, first: number): boolean {
  const isQuote = (unit: number) => (KINDS[unit]! & IS.quote) !== 0;
  if (first === EQUALS) return (KINDS[previous]! & (IS.break | IS.quote)) === 0;
  return (first === COLON && isQuote(previous)) || (isQuote(first) && previous === COLON);
}
