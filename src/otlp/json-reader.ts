/**
 * Typed access to the values of an OTLP/JSON body, by their entries on its tape: each is checked as it is read,
 * and a fault names its path. Null is the default, names are lowerCamelCase, enums are integers.
 */
import { isUtf8 } from 'node:buffer';
import type { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { DecodeContext } from './decode-context.ts';
import { nameOfField, UNKNOWN_FIELD } from './json-names.ts';
import { tryDecimal, tryDigits, tryInteger } from './json-number.ts';
import { type HexPlace, unescapeJson, writeHex } from './json-string.ts';
import { ENTRY_SIZE, JsonTape, KIND, malformed } from './json-tape.ts';

const TWO_POW_64 = 1n << 64n;
const TWO_POW_63 = 1n << 63n;
const INTEGER = /^-?\d{1,20}$/;
const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Digits of a time after the year 2001: eight, eight, and three below the microsecond. */
const TIME_DIGITS = 19;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export class JsonReader {
  readonly context: DecodeContext;
  /** The last time read: µs since the epoch, and the ns below. NaN makes the field one for doubles. */
  timeUs = Number.NaN;
  timeNs = 0;
  readonly #signal: Signal;
  readonly #tape: JsonTape;
  readonly #entries: Int32Array;
  readonly #strings: StringDictionary;
  /** Where the content of the last string or number stands: in the body, or unescaped in a copy. */
  #bytes: Uint8Array;
  #start = 0;
  #end = 0;
  #unescaped = new Uint8Array(256);

  constructor(body: Uint8Array, options: { context: DecodeContext; signal: Signal }) {
    this.context = options.context;
    this.#signal = options.signal;
    this.#strings = options.context.strings;
    const bytes = this.#repaired(body);
    this.#bytes = bytes;
    this.#tape = new JsonTape(bytes, options);
    this.#tape.scan(hasByteOrderMark(bytes) ? 3 : 0);
    this.#entries = this.#tape.entries;
  }

  /** The entry of the request. */
  request(): number {
    if (this.#kindOf(0) !== KIND.object) {
      throw malformed(this.#signal, 'the body is not a JSON object');
    }
    return 0;
  }

  /** Entry behind the last member of an object, or behind the last item of a list below. */
  endOfObject(entry: number): number {
    if (this.#kindOf(entry) !== KIND.object) throw this.#notA('an object', entry);
    return this.#entries[entry + 2]!;
  }

  endOfList(entry: number): number {
    if (this.#kindOf(entry) !== KIND.array) throw this.#notA('an array', entry);
    return this.#entries[entry + 2]!;
  }

  /** First entry inside an object or list. */
  first(entry: number): number {
    return entry + ENTRY_SIZE;
  }

  /** Entry behind a value and all that stands in it. */
  next(entry: number): number {
    return this.#kindOf(entry) <= KIND.array ? this.#entries[entry + 2]! : entry + ENTRY_SIZE;
  }

  /** Field of a member, UNKNOWN_FIELD also when it is null. */
  field(entry: number): number {
    const word = this.#entries[entry]!;
    return (word & 15) === KIND.null ? UNKNOWN_FIELD : word >> 4;
  }

  /** Id of a text in the dictionary. Hot: twenty a span. */
  text(entry: number): number {
    if (this.#kindOf(entry) === KIND.string) {
      const start = this.#entries[entry + 1]!;
      const end = this.#entries[entry + 2]!;
      if (end - start <= LIMITS.attributeValueBytesMax) {
        return this.#strings.idOfView(this.#tape.view, start, end);
      }
    }
    this.#openString(entry);
    return this.context.idOfBytes(this.#bytes, this.#start, this.#end);
  }

  /** UTF-8 of a string; valid until the next read. */
  utf8(entry: number): Uint8Array {
    this.#openString(entry);
    return this.#bytes.subarray(this.#start, this.#end);
  }

  bool(entry: number): boolean {
    const kind = this.#kindOf(entry);
    if (kind !== KIND.true && kind !== KIND.false) throw this.#notA('a boolean', entry);
    return kind === KIND.true;
  }

  /** The number of an enum; OTLP/JSON knows no names of enums. */
  enum(entry: number, max: number): number {
    let value = Number.NaN;
    if (this.#kindOf(entry) === KIND.number) {
      this.#open(entry);
      value = tryInteger(this.#bytes, this.#start, this.#end);
      if (Number.isNaN(value)) value = Number(this.#contentText());
    }
    if (!Number.isInteger(value)) {
      throw this.fault(entry, `is ${this.#described(entry)}; OTLP/JSON writes enums as integers`);
    }
    return this.context.enumOf(value < 0 ? Number.POSITIVE_INFINITY : value, max);
  }

  uint32(entry: number): number {
    return this.#integer(entry, UINT32);
  }

  int32(entry: number): number {
    return this.#integer(entry, INT32);
  }

  /** Beyond 2^53 the nearest double. */
  uint64(entry: number): number {
    return this.#integer(entry, UINT64);
  }

  /** Beyond ±2^53 the nearest double. */
  int64(entry: number): number {
    return this.#integer(entry, INT64);
  }

  /** An int64 into the context's valueType and value, exact. */
  intValue(entry: number): void {
    this.#openIntegral(entry);
    const small = tryInteger(this.#bytes, this.#start, this.#end);
    if (Number.isNaN(small)) {
      this.context.setBigInt(this.#wideInteger(entry, INT64));
    } else {
      this.context.valueType = VALUE_TYPE.int;
      this.context.value = small;
    }
  }

  /** Decimal text of an int64. */
  intText(entry: number): string {
    this.#openIntegral(entry);
    return String(this.#wideInteger(entry, INT64));
  }

  double(entry: number): number {
    const kind = this.#kindOf(entry);
    if (kind === KIND.number || kind === KIND.string || kind === KIND.escaped) {
      this.#open(entry);
      const short = tryDecimal(this.#bytes, this.#start, this.#end);
      if (!Number.isNaN(short)) return short;
      const text = this.#contentText();
      if (text === 'NaN' || text === 'Infinity' || text === '-Infinity' || NUMBER.test(text)) {
        return Number(text);
      }
    }
    throw this.#notA('a number', entry);
  }

  /** Nanoseconds into timeUs and timeNs. Hot: two a span. */
  time(entry: number): void {
    this.#openIntegral(entry);
    const bytes = this.#bytes;
    const start = this.#start;
    if (this.#end - start === TIME_DIGITS) {
      const high = tryDigits(bytes, start, start + 8);
      const low = tryDigits(bytes, start + 8, start + 16);
      const ns = tryDigits(bytes, start + 16, start + 19);
      if (high >= 0 && low >= 0 && ns >= 0) {
        this.timeUs = high * 100_000_000 + low;
        this.timeNs = ns;
        return;
      }
    }
    const timeNs = this.#wideInteger(entry, UINT64);
    this.timeUs = Number(timeNs / 1000n);
    this.timeNs = Number(timeNs % 1000n);
  }

  /** Puts a hex id into its row; returns the size found in bytes, -1 when the text is not hex. */
  id(entry: number, place: HexPlace): number {
    this.#openString(entry);
    return writeHex(this.#bytes, { start: this.#start, end: this.#end }, place);
  }

  /** Bytes of a base64 text: standard or URL-safe, padded or not, as proto3 JSON allows. */
  base64(entry: number): Uint8Array {
    this.#openString(entry);
    const unpadded = this.#contentText().replace(/={1,2}$/, '');
    if (!/^[A-Za-z0-9+/_-]*$/.test(unpadded) || unpadded.length % 4 === 1) {
      throw this.fault(entry, 'is not base64');
    }
    return Buffer.from(unpadded, 'base64');
  }

  /** A malformed request, told by the path of the value. */
  fault(entry: number, what: string): AppError {
    return malformed(this.#signal, `${this.#pathOf(entry)} ${what}`);
  }

  #integer(entry: number, range: IntegerRange): number {
    this.#openIntegral(entry);
    const value = tryInteger(this.#bytes, this.#start, this.#end);
    if (value >= range.smallMin && value <= range.smallMax) return value;
    return Number(this.#wideInteger(entry, range));
  }

  /** The slow path, for the integer whose content is open. */
  #wideInteger(entry: number, range: IntegerRange): bigint {
    const text = this.#contentText();
    let integer: bigint | undefined;
    if (INTEGER.test(text)) integer = BigInt(text);
    else if (this.#kindOf(entry) === KIND.number && Number.isInteger(Number(text))) {
      integer = BigInt(Number(text));
    }
    if (integer === undefined) throw this.#notA('an integer or a string of one', entry);
    if (integer < range.min || integer > range.max) {
      throw this.fault(entry, `is ${integer}, out of the range of ${range.name}`);
    }
    return integer;
  }

  #openIntegral(entry: number): void {
    const kind = this.#kindOf(entry);
    if (kind !== KIND.string && kind !== KIND.number && kind !== KIND.escaped) {
      throw this.#notA('an integer or a string of one', entry);
    }
    this.#open(entry);
  }

  #openString(entry: number): void {
    const kind = this.#kindOf(entry);
    if (kind !== KIND.string && kind !== KIND.escaped) throw this.#notA('a string', entry);
    this.#open(entry);
  }

  /** Makes the content of a string or number the current one. */
  #open(entry: number): void {
    const start = this.#entries[entry + 1]!;
    const end = this.#entries[entry + 2]!;
    if (this.#kindOf(entry) !== KIND.escaped) {
      this.#bytes = this.#tape.bytes;
      this.#start = start;
      this.#end = end;
      return;
    }
    if (this.#unescaped.length < end - start) this.#unescaped = new Uint8Array(2 * (end - start));
    const into = this.#unescaped;
    const { size, isRepaired } = unescapeJson(this.#tape.bytes, { start, end, into });
    if (isRepaired) this.context.warn('notUtf8');
    this.#bytes = into;
    this.#start = 0;
    this.#end = size;
  }

  #contentText(): string {
    return decoder.decode(this.#bytes.subarray(this.#start, this.#end));
  }

  #kindOf(entry: number): number {
    return this.#entries[entry]! & 15;
  }

  #notA(expected: string, entry: number): AppError {
    return this.fault(entry, `is ${this.#described(entry)}, not ${expected}`);
  }

  #described(entry: number): string {
    switch (this.#kindOf(entry)) {
      case KIND.object:
        return 'an object';
      case KIND.array:
        return 'an array';
      case KIND.null:
        return 'null';
      case KIND.true:
      case KIND.false:
        return 'a boolean';
      case KIND.number:
        this.#open(entry);
        return `the number ${Number(this.#contentText())}`;
      default:
        this.#open(entry);
        return `the string ${JSON.stringify(this.#contentText().slice(0, 32))}`;
    }
  }

  /** Names and indexes that lead from the request to an entry. */
  #pathOf(target: number): string {
    let path = '';
    for (let outer = 0; outer !== target; ) {
      let index = 0;
      let inner = this.first(outer);
      while (this.next(inner) <= target) {
        inner = this.next(inner);
        index++;
      }
      if (this.#kindOf(outer) === KIND.array) path += `[${index}]`;
      else path += `${path === '' ? '' : '.'}${nameOfField(this.field(inner))}`;
      outer = inner;
    }
    return path;
  }

  /** The body itself, or a copy whose bad bytes are U+FFFD. */
  #repaired(body: Uint8Array): Uint8Array {
    if (!isUtf8(body)) {
      this.context.warn('notUtf8');
      return encoder.encode(decoder.decode(body));
    }
    // A Buffer becomes a plain Uint8Array, so that the hot loops see one class only.
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  }
}

interface IntegerRange {
  readonly name: string;
  readonly min: bigint;
  readonly max: bigint;
  /** The part of the range that fits a double exactly. */
  readonly smallMin: number;
  readonly smallMax: number;
}
const UINT32 = rangeOf('uint32', 0n, 0xffff_ffffn);
const INT32 = rangeOf('int32', -0x8000_0000n, 0x7fff_ffffn);
const UINT64 = rangeOf('uint64', 0n, TWO_POW_64 - 1n);
const INT64 = rangeOf('int64', -TWO_POW_63, TWO_POW_63 - 1n);

function rangeOf(name: string, min: bigint, max: bigint): IntegerRange {
  return { name, min, max, smallMin: Number(min), smallMax: Number(max) };
}

function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
