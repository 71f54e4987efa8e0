/**
 * The slow, obvious version of src/tally/log-line.ts: pieces of a line by cutting texts. What the fast one must
 * agree with.
 */
import type { Pieces } from '../../src/tally/line-pieces.ts';

const WILDCARD = '<*>';
const NAMED = /<(?:\*|int|num|duration|time|ip|id|url|path|text|word|list)>/g;
/** Stands for the wildcard while a text is scanned: a private-use character that counts as a digit. */
const HOLE = '\uE000';

const PIECES_MAX = 96;
const PIECE_MAX = 64;

/** Kinds of UTF-16 units, as bits: one look-up per character instead of searches and expressions. */
const IS = { space: 1, quote: 2, break: 4, separator: 8, digit: 16, hex: 32, cjk: 64 };
const KINDS = buildKinds();

function buildKinds(): Uint8Array {
  const kinds = new Uint8Array(0x10000);
  const mark = (chars: string, bit: number): void => {
    for (let at = 0; at < chars.length; at++) kinds[chars.charCodeAt(at)]! |= bit;
  };
  const markRange = (first: string, last: string, bit: number): void => {
    for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) kinds[code]! |= bit;
  };
  for (let code = 0; code < kinds.length; code++) {
    if (/\s/.test(String.fromCharCode(code))) kinds[code]! |= IS.space;
  }
  mark('"\'`“”‘’', IS.quote);
  mark('()[]{}<>,;=|，。；：！？、（）【】《》「」', IS.break);
  mark('-_./:@#%+&*$~\\^!?', IS.separator);
  markRange('0', '9', IS.digit | IS.hex);
  markRange('０', '９', IS.digit | IS.hex);
  mark(HOLE, IS.digit | IS.hex);
  markRange('a', 'f', IS.hex);
  markRange('A', 'F', IS.hex);
  markRange('\u2e80', '\u9fff', IS.cjk);
  markRange('\uac00', '\ud7af', IS.cjk);
  markRange('\uf900', '\ufaff', IS.cjk);
  return kinds;
}

function kindAt(text: string, at: number): number {
  return KINDS[text.charCodeAt(at)]!;
}

/** Pieces of one line. The text of a template splits into the pieces it was made from. */
export function slowPiecesOf(line: string): Pieces {
  const text = line.replaceAll(NAMED, HOLE);
  const draft: Draft = { texts: [], spaces: [], isAfterSpace: false, groups: [] };
  let at = 0;
  while (at < text.length) {
    if (draft.texts.length >= PIECES_MAX) {
      add(draft, WILDCARD);
      break;
    }
    const kind = kindAt(text, at);
    if (kind & IS.space) {
      draft.isAfterSpace = true;
      at++;
      continue;
    }
    const quoteEnd = kind & IS.quote ? endOfQuote(text, at) : -1;
    if (quoteEnd > 0) {
      add(draft, text[at]!);
      if (quoteEnd > at + 2) add(draft, WILDCARD);
      add(draft, text[quoteEnd - 1]!);
      at = quoteEnd;
    } else if (kind & IS.quote) {
      add(draft, text[at]!);
      at++;
    } else if (kind & IS.break) {
      addSign(draft, text[at]!);
      at++;
    } else {
      const end = endOfChunk(text, at);
      addChunk(text.slice(at, end), (piece) => add(draft, piece));
      at = end;
    }
  }
  if (draft.groups.some(({ isValue }) => isValue)) {
    for (let group = draft.groups.at(-1); group; group = draft.groups.at(-1)) {
      addSign(draft, CLOSERS[group.bracket]!);
    }
  }
  const { texts, spaces } = draft;
  return { texts, spaces };
}

interface Draft {
  texts: string[];
  spaces: boolean[];
  isAfterSpace: boolean;
  groups: Group[];
}

/** A bracket that is open. */
interface Group {
  readonly bracket: string;
  /** Its piece. */
  readonly at: number;
  readonly isNamed: boolean;
  hasComma: boolean;
  hasPair: boolean;
  hasLongItem: boolean;
  /** What stands in it is left out. */
  isValue: boolean;
}

const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const GROUPS_MAX = 32;

function add(draft: Draft, piece: string): void {
  const { texts, spaces, isAfterSpace, groups } = draft;
  draft.isAfterSpace = false;
  if (groups.some(({ isValue }) => isValue)) return;
  const masked = piece.length > PIECE_MAX ? WILDCARD : piece;
  if (joinWildcards(draft, masked)) return;
  texts.push(masked);
  spaces.push(isAfterSpace && texts.length > 1);
  const group = groups.at(-1);
  if (group === undefined) return;
  const before = texts.at(-2)!.replaceAll(WILDCARD, HOLE).at(-1)!;
  const first = masked.replaceAll(WILDCARD, HOLE)[0]!;
  if (first === ',') group.hasComma = true;
  else if (spaces.at(-1)) group.hasLongItem ||= before !== ',' && texts.length - 2 > group.at;
  else if (first === '=') group.hasPair ||= (kindAt(before, 0) & (IS.break | IS.quote)) === 0;
  else if (first === ':') group.hasPair ||= (kindAt(before, 0) & IS.quote) !== 0;
  else if (kindAt(first, 0) & IS.quote) group.hasPair ||= before === ':';
  const isMembers =
    group.hasPair &&
    (group.bracket === '{' || (group.hasComma && (group.bracket === '[' || group.isNamed)));
  if (isMembers) {
    empty(draft, group);
    group.isValue = true;
  }
}

function addSign(draft: Draft, sign: string): void {
  const { texts, groups } = draft;
  const index = groups.findLastIndex(({ bracket }) => CLOSERS[bracket] === sign);
  if (index >= 0) {
    const wasValue = groups.some(({ isValue }) => isValue);
    const group = groups[index]!;
    groups.length = index;
    if (!wasValue) {
      if (sign === ']' && group.hasComma && !group.hasLongItem) empty(draft, group);
    } else if (!groups.some(({ isValue }) => isValue)) draft.isAfterSpace = false;
  }
  const before = draft.isAfterSpace ? undefined : texts.at(-1)?.replaceAll(WILDCARD, HOLE).at(-1);
  const isNamed =
    before !== undefined && (kindAt(before, 0) & (IS.break | IS.quote | IS.separator)) === 0;
  add(draft, sign);
  if (CLOSERS[sign] !== undefined && groups.length < GROUPS_MAX) {
    const flags = { hasComma: false, hasPair: false, hasLongItem: false, isValue: false };
    groups.push({ bracket: sign, at: texts.length - 1, isNamed, ...flags });
  }
}

function empty(draft: Draft, { at }: Group): void {
  draft.texts.length = at + 1;
  draft.spaces.length = at + 1;
  draft.texts.push(WILDCARD);
  draft.spaces.push(false);
  draft.isAfterSpace = false;
}

export function slowTextOf(pieces: Pieces): string {
  let text = '';
  for (let index = 0; index < pieces.texts.length; index++) {
    text += (pieces.spaces[index] ? ' ' : '') + pieces.texts[index];
  }
  return text;
}

/** `<*>, <*>, <*>` is one `<*>`: lists differ in length. */
function joinWildcards(
  { texts, spaces }: { texts: string[]; spaces: boolean[] },
  piece: string,
): boolean {
  if (piece !== WILDCARD) return false;
  const last = texts.at(-1);
  if (last === WILDCARD) return true;
  if (last !== ',' || texts.at(-2) !== WILDCARD) return false;
  texts.pop();
  spaces.pop();
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
  let at = start + 1;
  let isUrl = false;
  for (; at < text.length; at++) {
    const kind = kindAt(text, at);
    if (kind & IS.space) break;
    const char = text[at]!;
    if (kind & IS.quote && (char === '"' || char === '“' || char === '”')) break;
    if (char === '/') isUrl ||= text.startsWith('://', at - 1);
    if (kind & IS.break && !(isUrl && (char === '=' || char === ','))) break;
  }
  return at;
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
    if (isDash ? chunk[at] !== '-' : (kindAt(chunk, at) & IS.hex) === 0) return false;
  }
  return true;
}

/** Splits where Chinese (Japanese, Korean) begins or ends: `第3次重试` → `第`, `3`, `次重试`. */
function scriptRuns(chunk: string): readonly string[] {
  const runs: string[] = [];
  let start = 0;
  for (let at = 1; at <= chunk.length; at++) {
    const isSame =
      at < chunk.length && (kindAt(chunk, at) & IS.cjk) === (kindAt(chunk, at - 1) & IS.cjk);
    if (isSame) continue;
    runs.push(start === 0 && at === chunk.length ? chunk : chunk.slice(start, at));
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
    if (!isEnd && (kindAt(run, at) & IS.separator) === 0) continue;
    const part = maskPart(run.slice(start, at));
    if (part === WILDCARD && endsInHole(masked)) masked = withoutSeparator(masked);
    else masked += part;
    if (!isEnd) masked += run[at];
    start = at + 1;
  }
  return masked;
}

/** True when the text ends in a wildcard and one separator, or is nothing but a sign. */
function endsInHole(masked: string): boolean {
  if (masked.length <= 1) return masked === '-' || masked === '+' || masked === '#';
  return masked.endsWith(WILDCARD, masked.length - 1);
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
  if (kindAt(part, 0) & IS.digit || isHex(part)) return WILDCARD;
  let masked = '';
  let runs = 0;
  for (let at = 0; at < part.length; at++) {
    if ((kindAt(part, at) & IS.digit) === 0) masked += part[at];
    else if ((kindAt(part, at - 1) & IS.digit) === 0) {
      masked += WILDCARD;
      runs++;
    }
  }
  return runs === 1 ? masked : WILDCARD;
}

function hasDigit(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (kindAt(text, at) & IS.digit) return true;
  return false;
}

function isHex(part: string): boolean {
  for (let at = 0; at < part.length; at++) if ((kindAt(part, at) & IS.hex) === 0) return false;
  return true;
}
