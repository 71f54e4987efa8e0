/**
 * A log line becomes pieces: words, with what varies masked as `<*>` (numbers, ids, hex, UUIDs, addresses,
 * URLs, paths, quoted text, printed lists and objects), and punctuation. One scan over numbers in buffers that
 * are used again; any script, Chinese included.
 */
import { grown } from '../model/dictionary.ts';
import { FLAG, isClosing, isOpening, OpenGroups } from './line-groups.ts';
import { type Pieces, textOfUnits } from './line-pieces.ts';
import { LineReader } from './line-reader.ts';
import { endsChunk, isPair, isSign, isTrailing } from './line-signs.ts';
import { HOLE, HOLE_UNIT, IS, KINDS, WILDCARD } from './unit-kinds.ts';

const PIECES_MAX = 96;
const PIECE_MAX = 64;

const unitOf = (char: string): number => char.charCodeAt(0);
const SPACE = unitOf(' ');
const COMMA = unitOf(',');
const EQUALS = unitOf('=');
const DOT = unitOf('.');
const COLON = unitOf(':');
const SLASH = unitOf('/');
const BACKSLASH = unitOf('\\');
const AT = unitOf('@');
const DASH = unitOf('-');
const LEFT_DOUBLE = unitOf('“');
const RIGHT_DOUBLE = unitOf('”');
const LEFT_SINGLE = unitOf('‘');
const RIGHT_SINGLE = unitOf('’');

/**
 * Masks the line in `reader`. The result stands in masked[0, maskedLength): the pieces one after the other, a
 * space where one stood, the wildcard as the one unit U+E000. Equal numbers mean equal pieces.
 * Hot: see TemplateMiner.assign().
 */
export class LineMasker {
  readonly reader = new LineReader();
  masked = new Uint16Array(0);
  maskedLength = 0;
  /** masked[#starts[piece], #ends[piece]) is the text of a piece. */
  #starts = new Uint32Array(0);
  #ends = new Uint32Array(0);
  /** units[#sources[piece], #sources[piece + 1]) is what a piece was made from, and the spaces behind it. */
  #sources = new Uint32Array(0);
  #pieceCount = 0;
  #isAfterSpace = false;
  readonly #groups = new OpenGroups();

  mask(): void {
    const { units, kinds, length } = this.reader;
    this.#reset(units.length);
    let at = 0;
    while (at < length) {
      if (this.#pieceCount >= PIECES_MAX) {
        this.#addUnit(HOLE_UNIT, at);
        break;
      }
      const kind = kinds[at]!;
      if (kind & IS.space) {
        this.#isAfterSpace = true;
        at++;
      } else if (kind & IS.quote) {
        at = this.#addQuote(at);
      } else if (kind & IS.break) {
        const unit = units[at]!;
        if (isOpening(unit) || isClosing(unit)) this.#addBracket(unit, at);
        else this.#addUnit(unit, at);
        at++;
      } else {
        at = this.#addChunk(at);
      }
    }
    if (this.#groups.isInValue) this.#closeGroups(length);
  }

  /** Of the line masked last. The text of a template has the pieces it was made from. */
  pieces(): Pieces {
    const line = textOfUnits(this.masked, this.maskedLength);
    const hasHole = line.includes(HOLE);
    const texts: string[] = [];
    const spaces: boolean[] = [];
    for (let piece = 0; piece < this.#pieceCount; piece++) {
      const start = this.#starts[piece]!;
      const text = line.slice(start, this.#ends[piece]!);
      texts.push(hasHole && text.includes(HOLE) ? text.replaceAll(HOLE, WILDCARD) : text);
      spaces.push(piece > 0 && start > this.#ends[piece - 1]!);
    }
    return { texts, spaces };
  }

  /** Pieces of the line masked last. */
  get pieceCount(): number {
    return this.#pieceCount;
  }

  /** What a piece of the line masked last was made from. */
  sourceOf(piece: number): string {
    const { units, length } = this.reader;
    const end = piece + 1 < this.#pieceCount ? this.#sources[piece + 1]! : length;
    const source = units.subarray(this.#sources[piece]!, end);
    return textOfUnits(source, source.length).trimEnd();
  }

  #reset(capacity: number): void {
    if (this.masked.length < capacity) {
      // one unit more: a list of one character becomes brackets and a wildcard
      this.masked = grown(this.masked, capacity + 1);
      this.#starts = grown(this.#starts, capacity + 1);
      this.#ends = grown(this.#ends, capacity + 1);
      this.#sources = grown(this.#sources, capacity + 1);
    }
    this.#groups.clear();
    this.maskedLength = 0;
    this.#pieceCount = 0;
    this.#isAfterSpace = false;
  }

  /** Opens a piece; its text goes to masked[maskedLength, …) and #endPiece() closes it. */
  #beginPiece(from: number): void {
    if (this.#isAfterSpace && this.#pieceCount > 0) this.masked[this.maskedLength++] = SPACE;
    this.#isAfterSpace = false;
    this.#starts[this.#pieceCount] = this.maskedLength;
    this.#sources[this.#pieceCount] = from;
  }

  #endPiece(): void {
    const piece = this.#pieceCount;
    if (this.#groups.isInValue) {
      this.maskedLength = this.#ends[piece - 1]!;
      return;
    }
    const start = this.#starts[piece]!;
    if (this.#isLong(start)) {
      this.masked[start] = HOLE_UNIT;
      this.maskedLength = start + 1;
    }
    if (this.maskedLength === start + 1 && this.masked[start] === HOLE_UNIT) {
      // `<*>, <*>, <*>` is one `<*>`: lists differ in length
      if (this.#isPiece(piece - 1, HOLE_UNIT)) {
        this.maskedLength = this.#ends[piece - 1]!;
        return;
      }
      if (this.#isPiece(piece - 1, COMMA) && this.#isPiece(piece - 2, HOLE_UNIT)) {
        this.maskedLength = this.#ends[piece - 2]!;
        this.#pieceCount = piece - 1;
        return;
      }
    }
    this.#ends[piece] = this.maskedLength;
    this.#pieceCount = piece + 1;
    if (this.#groups.depth > 0) this.#noteInGroup(piece);
  }

  /** What a new piece says about the group it stands in. */
  #noteInGroup(piece: number): void {
    const groups = this.#groups;
    const start = this.#starts[piece]!;
    const previousEnd = this.#ends[piece - 1]!;
    const first = this.masked[start]!;
    const previous = this.masked[previousEnd - 1]!;
    if (first === COMMA) {
      groups.mark(FLAG.comma);
    } else if (start > previousEnd) {
      if (previous !== COMMA && piece - 1 > groups.openPiece) groups.mark(FLAG.space);
    } else if (isPair(previous, first)) {
      groups.mark(FLAG.pair);
    }
    if (groups.isValueSoon()) {
      this.#emptyGroup(groups.openPiece);
      groups.enterValue();
    }
  }

  /** Leaves of a group its bracket and one wildcard. */
  #emptyGroup(openPiece: number): void {
    this.#pieceCount = openPiece + 1;
    this.maskedLength = this.#ends[openPiece]!;
    this.#isAfterSpace = false;
    this.#beginPiece(this.#sources[openPiece]! + 1);
    const piece = this.#pieceCount++;
    this.masked[this.maskedLength++] = HOLE_UNIT;
    this.#ends[piece] = this.maskedLength;
  }

  #isLong(start: number): boolean {
    const size = this.maskedLength - start;
    if (size * WILDCARD.length <= PIECE_MAX) return false;
    let length = size;
    for (let at = start; at < this.maskedLength; at++) {
      if (this.masked[at] === HOLE_UNIT) length += WILDCARD.length - 1;
    }
    return length > PIECE_MAX;
  }

  /** Whether a piece is just this unit. */
  #isPiece(piece: number, unit: number): boolean {
    if (piece < 0) return false;
    const start = this.#starts[piece]!;
    return this.#ends[piece]! === start + 1 && this.masked[start] === unit;
  }

  #addUnit(unit: number, from: number): void {
    this.#beginPiece(from);
    this.masked[this.maskedLength++] = unit;
    this.#endPiece();
  }

  #addBracket(unit: number, at: number): void {
    const groups = this.#groups;
    if (isClosing(unit)) this.#closeGroup(unit);
    const isNamed = !this.#isAfterSpace && this.#isAfterWord();
    this.#addUnit(unit, at);
    if (isOpening(unit)) groups.open(unit, { piece: this.#pieceCount - 1, isNamed });
  }

  /** A line that was cut inside a value gets the brackets that it lost, and so the template of those that were not. */
  #closeGroups(end: number): void {
    const groups = this.#groups;
    while (groups.depth > 0) this.#addBracket(groups.closer, end);
  }

  #closeGroup(closer: number): void {
    const groups = this.#groups;
    const wasInValue = groups.isInValue;
    const listPiece = groups.close(closer);
    if (listPiece >= 0) this.#emptyGroup(listPiece);
    else if (wasInValue && !groups.isInValue) this.#isAfterSpace = false;
  }

  #isAfterWord(): boolean {
    if (this.#pieceCount === 0) return false;
    const last = KINDS[this.masked[this.maskedLength - 1]!]!;
    return (last & (IS.break | IS.quote | IS.separator)) === 0;
  }

  /** Masks what stands between quotes; a quote that does not close is punctuation. Returns where it ended. */
  #addQuote(start: number): number {
    const { units } = this.reader;
    const end = this.#endOfQuote(start);
    this.#addUnit(units[start]!, start);
    if (end < 0) return start + 1;
    if (end > start + 2) this.#addUnit(HOLE_UNIT, start + 1);
    this.#addUnit(units[end - 1]!, end - 1);
    return end;
  }

  /** Index after the closing quote, or -1 when the quote does not close or is an apostrophe. */
  #endOfQuote(start: number): number {
    const { units, length } = this.reader;
    const open = units[start]!;
    if (open === RIGHT_DOUBLE || open === RIGHT_SINGLE) return -1;
    const close = open === LEFT_DOUBLE ? RIGHT_DOUBLE : open === LEFT_SINGLE ? RIGHT_SINGLE : open;
    for (let at = start + 1; at < length; at++) {
      if (units[at] === BACKSLASH) at++;
      else if (units[at] === close) return at + 1;
    }
    return -1;
  }

  /** A chunk without spaces: whole things first, then its parts between separators. Returns its end. */
  #addChunk(start: number): number {
    const { units, kinds, length } = this.reader;
    let seen = kinds[start]!;
    let shared = seen;
    let isUrl = false;
    let end = start + 1;
    for (; end < length; end++) {
      const kind = kinds[end]!;
      if (kind & (IS.space | IS.quote | IS.break | IS.whole)) {
        const unit = units[end]!;
        if (unit === SLASH && units[end - 1] === COLON) {
          isUrl ||= end + 1 < length && units[end + 1] === SLASH;
        }
        const isQuery = isUrl && (unit === EQUALS || unit === COMMA);
        if (!isQuery && endsChunk(unit, kind)) break;
      }
      seen |= kind;
      shared &= kind;
    }
    let coreEnd = end;
    while (coreEnd > start + 1 && isTrailing(units[coreEnd - 1]!)) coreEnd--;
    if (isUrl || this.#isWhole(seen, start, coreEnd)) this.#addUnit(HOLE_UNIT, start);
    else if ((seen & IS.cjk) === (shared & IS.cjk)) this.#addRun(start, coreEnd, seen);
    else this.#addScriptRuns(start, coreEnd);
    for (let at = coreEnd; at < end; at++) this.#addUnit(units[at]!, at);
    return end;
  }

  /** Paths, UUIDs and mail addresses are values whatever they contain. */
  #isWhole(seen: number, start: number, end: number): boolean {
    if (end - start === 36 && this.#isUuid(start)) return true;
    if ((seen & IS.whole) === 0) return false;
    const { units } = this.reader;
    if (units[start] === SLASH && end > start + 1) return true;
    let slashCount = 0;
    let mailAt = -1;
    let lastDot = -1;
    for (let at = start; at < end; at++) {
      const unit = units[at]!;
      if (unit === SLASH || unit === BACKSLASH) slashCount++;
      else if (unit === AT && mailAt < 0) mailAt = at;
      else if (unit === DOT) lastDot = at;
    }
    return slashCount >= 2 || (mailAt > start && lastDot > mailAt);
  }

  #isUuid(start: number): boolean {
    const { units, kinds } = this.reader;
    for (let at = 0; at < 36; at++) {
      const isDash = at === 8 || at === 13 || at === 18 || at === 23;
      if (isDash ? units[start + at] !== DASH : (kinds[start + at]! & IS.hex) === 0) return false;
    }
    return true;
  }

  /** Splits where Chinese (Japanese, Korean) begins or ends: `第3次重试` → `第`, `3`, `次重试`. */
  #addScriptRuns(start: number, end: number): void {
    const { kinds } = this.reader;
    let runStart = start;
    let seen = kinds[start]!;
    for (let at = start + 1; at < end; at++) {
      const kind = kinds[at]!;
      if ((kind & IS.cjk) !== (kinds[at - 1]! & IS.cjk)) {
        this.#addRun(runStart, at, seen);
        runStart = at;
        seen = 0;
      }
      seen |= kind;
    }
    this.#addRun(runStart, end, seen);
  }

  /** Masks the parts of a run that hold digits, and joins neighbours: `10.0.0.7:8080` → `<*>`. */
  #addRun(start: number, end: number, seen: number): void {
    this.#beginPiece(start);
    if (seen & IS.digit) this.#maskRun(start, end);
    else this.maskedLength = this.#copy(start, end, this.maskedLength);
    this.#endPiece();
  }

  #copy(start: number, end: number, to: number): number {
    const { units } = this.reader;
    let out = to;
    for (let at = start; at < end; at++) this.masked[out++] = units[at]!;
    return out;
  }

  #maskRun(start: number, end: number): void {
    const { units, kinds } = this.reader;
    const { masked } = this;
    const runStart = this.maskedLength;
    let out = runStart;
    for (let at = start; ; ) {
      const partStart = at;
      let seen = 0;
      let shared = 0xff;
      for (; at < end && (kinds[at]! & IS.separator) === 0; at++) {
        seen |= kinds[at]!;
        shared &= kinds[at]!;
      }
      if ((seen & IS.digit) === 0) {
        out = this.#copy(partStart, at, out);
      } else if (this.#isValue(partStart, at, shared)) {
        if (out === runStart + 1 && isSign(masked[runStart]!)) masked[runStart] = HOLE_UNIT;
        else if (out >= runStart + 2 && masked[out - 2] === HOLE_UNIT) out--;
        else masked[out++] = HOLE_UNIT;
      } else {
        for (let from = partStart; from < at; from++) {
          if ((kinds[from]! & IS.digit) === 0) masked[out++] = units[from]!;
          else if ((kinds[from - 1]! & IS.digit) === 0) masked[out++] = HOLE_UNIT;
        }
      }
      if (at >= end) break;
      masked[out++] = units[at++]!;
    }
    this.maskedLength = out;
  }

  /**
   * A part with digits: digits first (`35ms`), hex (`7f3a`) or mixed more than once (`kX9fP2`) is a value. A
   * word with one run of digits keeps its letters: `worker12` → `worker<*>`.
   */
  #isValue(start: number, end: number, shared: number): boolean {
    const { kinds } = this.reader;
    if (kinds[start]! & IS.digit || shared & IS.hex) return true;
    let digitRuns = 0;
    for (let at = start + 1; at < end; at++) {
      if (kinds[at]! & IS.digit && (kinds[at - 1]! & IS.digit) === 0) digitRuns++;
    }
    return digitRuns > 1;
  }
}
