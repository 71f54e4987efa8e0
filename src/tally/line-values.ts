/**
 * Kinds of the values that stand in a template's wildcards: `took <duration>`, `user <id> from <ip>`. A wildcard that
 * held values of several kinds stays `<*>`. Kinds never tell templates apart.
 */
import type { Pieces } from './line-pieces.ts';
import { WILDCARD } from './unit-kinds.ts';

/** One bit each, so that what a wildcard has held is their union. */
export const VALUE = {
  /** Anything else, or several kinds. */
  any: 1,
  integer: 2,
  decimal: 4,
  duration: 8,
  time: 16,
  ip: 32,
  /** UUIDs, hex, and letters mixed with digits. */
  id: 64,
  url: 128,
  path: 256,
  /** What stood between quotes. */
  text: 512,
  word: 1024,
  /** A list, a map, an object. */
  list: 2048,
};

/** How a template's text names a kind. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [VALUE.integer, '<int>'],
  [VALUE.decimal, '<num>'],
  [VALUE.integer | VALUE.decimal, '<num>'],
  [VALUE.duration, '<duration>'],
  [VALUE.time, '<time>'],
  [VALUE.ip, '<ip>'],
  [VALUE.id, '<id>'],
  [VALUE.id | VALUE.integer, '<id>'],
  [VALUE.url, '<url>'],
  [VALUE.path, '<path>'],
  [VALUE.text, '<text>'],
  [VALUE.word, '<word>'],
  [VALUE.list, '<list>'],
]);
/** Of what a text names; `<num>` and `<id>` may have held both. */
const KINDS_OF_NAME: ReadonlyMap<string, number> = new Map([
  ...[...NAMES].map(([kinds, name]) => [name, kinds] as const),
  [WILDCARD, VALUE.any],
]);
/** All that stands for a wildcard in the text of a template. */
export const WILDCARD_NAMES: readonly string[] = [...KINDS_OF_NAME.keys()];
const ANY_NAME = new RegExp(WILDCARD_NAMES.join('|').replace('*', '\\*'), 'g');

const PATTERNS: readonly (readonly [number, RegExp])[] = [
  [VALUE.integer, /^[-+#]?\d{1,19}$/],
  [VALUE.decimal, /^[-+]?\d+[.,]\d+(?:e[-+]?\d+)?%?$|^[-+]?\d+%$/i],
  [VALUE.duration, /^\d+(?:\.\d+)?(?:ns|[uµμ]s|ms|s|sec|m|min|h)(?:\d+(?:\.\d+)?(?:ms|s|m))*$/i],
  [VALUE.ip, /^\/?(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5}|\/\d{1,2})?$/],
  [VALUE.time, /^\d{4}[-/]\d\d[-/]\d\d(?:[T ][\d:.,+Z-]+)?$|^\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?$/],
  [VALUE.url, /^[a-z][a-z\d+.-]*:\/\//i],
  [VALUE.path, /^(?:~|[a-z]:|\.{1,2})?[/\\]|[/\\].*[/\\]/i],
  [VALUE.id, /^(?=.*\d)[\da-z_-]+$|^[\da-f]{8}-[\da-f-]{27}$/i],
  [VALUE.word, /^[\p{L}\p{M}_.-]+$/u],
];

export function kindOfValue(value: string): number {
  for (const [kind, pattern] of PATTERNS) if (pattern.test(value)) return kind;
  return VALUE.any;
}

/** Kinds of the wildcards of one piece, given what it was made from; 0 for a piece without a wildcard. */
export function kindsOfPiece(
  piece: string,
  source: { readonly text: string; readonly before: string | undefined },
): number {
  const first = piece.indexOf(WILDCARD);
  if (first < 0) return 0;
  if (piece === WILDCARD) {
    if (isQuote(source.before)) return VALUE.text;
    return isBracket(source.before) && /[=:,]/.test(source.text)
      ? VALUE.list
      : kindOfValue(source.text);
  }
  // what is left of the source between the fixed parts of the piece
  let kinds = 0;
  let at = first;
  const parts = piece.split(WILDCARD);
  for (let index = 1; index < parts.length; index++) {
    const part = parts[index]!;
    const isLast = index === parts.length - 1;
    const end = isLast ? source.text.length - part.length : source.text.indexOf(part, at + 1);
    if (end < at) return VALUE.any;
    kinds |= kindOfValue(source.text.slice(at, end));
    at = end + part.length;
  }
  return kinds;
}

/** The text of a template with kinds in place of wildcards. */
export function typedTextOf({ texts, spaces }: Pieces, kinds: ArrayLike<number>): string {
  let text = '';
  for (let index = 0; index < texts.length; index++) {
    const piece = texts[index]!;
    const name = kinds[index] === 0 ? undefined : NAMES.get(kinds[index]!);
    text += spaces[index] ? ' ' : '';
    text += name === undefined ? piece : piece.replaceAll(WILDCARD, name);
  }
  return text;
}

/** The text with all that stands for a wildcard replaced. */
export function withWildcards(text: string, wildcard: string): string {
  return text.includes('<') ? text.replace(ANY_NAME, wildcard) : text;
}

/** Whether both have the same name, so that a text does not change. */
export function isSameName(left: number, right: number): boolean {
  return NAMES.get(left) === NAMES.get(right);
}

/** The kinds that a template's text names, by piece. */
export function kindsOfText(text: string, { texts }: Pieces): Uint16Array {
  const kinds = (text.match(ANY_NAME) ?? []).map((name) => KINDS_OF_NAME.get(name));
  let wildcard = 0;
  return Uint16Array.from(texts, (text) => {
    let ofPiece = 0;
    for (let count = text.split(WILDCARD).length - 1; count > 0; count--) {
      ofPiece |= kinds[wildcard++] ?? VALUE.any;
    }
    return ofPiece;
  });
}

function isQuote(piece: string | undefined): boolean {
  return piece !== undefined && piece.length === 1 && '"\'`“‘'.includes(piece);
}

function isBracket(piece: string | undefined): boolean {
  return piece === '[' || piece === '(' || piece === '{';
}
