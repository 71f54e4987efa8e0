/**
 * A log line becomes pieces: words, with what varies masked as `<*>` (numbers, ids, hex, UUIDs, addresses,
 * URLs, paths, quoted text), and punctuation. One scan, no regex per line; any script, Chinese included.
 */

export const WILDCARD = '<*>';
/** Stands for the wildcard while a text is scanned: a private-use character that counts as a digit. */
const HOLE = '\uE000';

/** A line's first characters say what it is. */
export const LINE_MAX = 1024;
const PIECES_MAX = 96;
const PIECE_MAX = 64;

/** Parallel lists: the text of each piece, and whether a space stood before it. */
export interface Pieces {
  readonly texts: readonly string[];
  readonly spaces: readonly boolean[];
}

const SPACE = /\s/;
const QUOTES = '"\'`“”‘’';
const BREAKS = '()[]{}<>,;=|，。；：！？、（）【】《》「」';
const SEPARATORS = '-_./:@#%+&*$~\\^!?';

/** Pieces of one line. The text of a template splits into the pieces it was made from. */
export function piecesOf(line: string): Pieces {
  const text = line.replaceAll(WILDCARD, HOLE);
  const texts: string[] = [];
  const spaces: boolean[] = [];
  let isAfterSpace = false;
  const add = (piece: string): void => {
    const masked = piece.length > PIECE_MAX ? WILDCARD : piece;
    if (!joinWildcards(texts, masked)) {
      texts.push(masked);
      spaces.push(isAfterSpace && texts.length > 1);
    }
    isAfterSpace = false;
  };
  let at = 0;
  while (at < text.length) {
    if (texts.length >= PIECES_MAX) {
      add(WILDCARD);
      break;
    }
    const char = text[at]!;
    if (SPACE.test(char)) {
      isAfterSpace = true;
      at++;
      continue;
    }
    const quoteEnd = QUOTES.includes(char) ? endOfQuote(text, at) : -1;
    if (quoteEnd > 0) {
      add(char);
      if (quoteEnd > at + 2) add(WILDCARD);
      add(text[quoteEnd - 1]!);
      at = quoteEnd;
    } else if (QUOTES.includes(char) || BREAKS.includes(char)) {
      add(char);
      at++;
    } else {
      const end = endOfChunk(text, at);
      addChunk(text.slice(at, end), add);
      at = end;
    }
  }
  return { texts, spaces };
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
    piece.length === 1 &&
    (QUOTES.includes(piece) || BREAKS.includes(piece) || SEPARATORS.includes(piece))
  );
}

/** `<*>, <*>, <*>` is one `<*>`: lists differ in length. */
function joinWildcards(texts: string[], piece: string): boolean {
  if (piece !== WILDCARD) return false;
  const last = texts.at(-1);
  if (last === WILDCARD) return true;
  if (last !== ',' || texts.at(-2) !== WILDCARD) return false;
  texts.pop();
  return true;
}

/** Index after the closing quote, or -1 when the quote does not close or is an apostrophe. */
function endOfQuote(text: string, start: number): number {
  const open = text[start]!;
  const close = open === '“' ? '”' : open === '‘' ? '’' : open;
  if (open === '”' || open === '’') return -1;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === close) return at + 1;
  }
  return -1;
}

function endOfChunk(text: string, start: number): number {
  const isUrl = startsUrl(text, start);
  let at = start + 1;
  while (at < text.length) {
    const char = text[at]!;
    if (SPACE.test(char) || char === '"' || char === '“' || char === '”') break;
    if (BREAKS.includes(char) && !(isUrl && (char === '=' || char === ','))) break;
    at++;
  }
  return at;
}

function startsUrl(text: string, start: number): boolean {
  const colon = text.indexOf('://', start);
  if (colon < 0 || colon - start > 16) return false;
  for (let at = start; at < colon; at++) if (!isLetter(text[at]!) && text[at] !== '+') return false;
  return true;
}

/** A chunk without spaces: whole things first, then its parts between separators. */
function addChunk(chunk: string, add: (piece: string) => void): void {
  let end = chunk.length;
  while (end > 1 && ':.!?'.includes(chunk[end - 1]!)) end--;
  const core = chunk.slice(0, end);
  if (isWhole(core)) add(WILDCARD);
  else for (const run of scriptRuns(core)) add(maskRun(run));
  for (let at = end; at < chunk.length; at++) add(chunk[at]!);
}

/** URLs, paths, UUIDs and mail addresses are values whatever they contain. */
function isWhole(chunk: string): boolean {
  if (chunk.includes('://')) return true;
  if (chunk[0] === '/' && chunk.length > 1) return true;
  const slashes = countOf(chunk, '/') + countOf(chunk, '\\');
  if (slashes >= 2) return true;
  const mailAt = chunk.indexOf('@');
  if (mailAt > 0 && chunk.indexOf('.', mailAt) > 0) return true;
  return isUuid(chunk);
}

function countOf(text: string, char: string): number {
  let count = 0;
  for (let at = text.indexOf(char); at >= 0; at = text.indexOf(char, at + 1)) count++;
  return count;
}

function isUuid(chunk: string): boolean {
  if (chunk.length !== 36) return false;
  for (let at = 0; at < 36; at++) {
    const isDash = at === 8 || at === 13 || at === 18 || at === 23;
    if (isDash ? chunk[at] !== '-' : !isHexDigit(chunk[at]!)) return false;
  }
  return true;
}

/** Splits where Chinese (Japanese, Korean) begins or ends: `第3次重试` → `第`, `3`, `次重试`. */
function scriptRuns(chunk: string): readonly string[] {
  const runs: string[] = [];
  let start = 0;
  for (let at = 1; at <= chunk.length; at++) {
    if (at < chunk.length && isCjk(chunk[at]!) === isCjk(chunk[at - 1]!)) continue;
    runs.push(chunk.slice(start, at));
    start = at;
  }
  return runs;
}

/** Masks the parts of a run that hold digits, and joins neighbours: `10.0.0.7:8080` → `<*>`. */
function maskRun(run: string): string {
  if (!hasDigit(run)) return run;
  let masked = '';
  let start = 0;
  for (let at = 0; at <= run.length; at++) {
    const isEnd = at === run.length;
    if (!isEnd && !SEPARATORS.includes(run[at]!)) continue;
    const part = maskPart(run.slice(start, at));
    if (part === WILDCARD && endsInHole(masked)) masked = withoutSeparator(masked);
    else masked += part;
    if (!isEnd) masked += run[at];
    start = at + 1;
  }
  return masked;
}

/** True when the text ends in a wildcard and one separator, or in nothing but a sign. */
function endsInHole(masked: string): boolean {
  return (
    masked === '-' || masked === '+' || masked === '#' || masked.slice(0, -1).endsWith(WILDCARD)
  );
}

function withoutSeparator(masked: string): string {
  return masked.length === 1 ? WILDCARD : masked.slice(0, -1);
}

/**
 * A part without separators. Digits first (`35ms`), hex (`7f3a`) or mixed more than once (`kX9fP2`): a
 * value. A word with one run of digits keeps its letters: `worker12` → `worker<*>`.
 */
function maskPart(part: string): string {
  if (!hasDigit(part)) return part;
  if (isDigit(part[0]!) || isHex(part)) return WILDCARD;
  let masked = '';
  let runs = 0;
  for (let at = 0; at < part.length; at++) {
    if (!isDigit(part[at]!)) masked += part[at];
    else if (at === 0 || !isDigit(part[at - 1]!)) {
      masked += WILDCARD;
      runs++;
    }
  }
  return runs === 1 ? masked : WILDCARD;
}

function hasDigit(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (isDigit(text[at]!)) return true;
  return false;
}

function isDigit(char: string): boolean {
  return (char >= '0' && char <= '9') || char === HOLE || (char >= '０' && char <= '９');
}

function isHexDigit(char: string): boolean {
  return (
    (char >= '0' && char <= '9') || (char >= 'a' && char <= 'f') || (char >= 'A' && char <= 'F')
  );
}

function isHex(part: string): boolean {
  for (let at = 0; at < part.length; at++) {
    if (!isHexDigit(part[at]!) && part[at] !== HOLE) return false;
  }
  return true;
}

function isLetter(char: string): boolean {
  return (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z');
}

function isCjk(char: string): boolean {
  return (
    (char >= '\u2e80' && char <= '\u9fff') ||
    (char >= '\uac00' && char <= '\ud7af') ||
    (char >= '\uf900' && char <= '\ufaff')
  );
}
