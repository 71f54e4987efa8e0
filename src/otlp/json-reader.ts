/**
 * Typed access to parsed OTLP/JSON: every value is checked as it is read, and a fault names its path.
 * Absent and null are the default, names are lowerCamelCase, enums are integers, unknown names are ignored.
 */
import { AppError, messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { DecodeContext } from './decode-context.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Envelope and item need 12 levels; an AnyValue in a kvlist adds four: itself, its list, `values`, the pair. */
const JSON_DEPTH_MAX = 12 + 4 * LIMITS.valueDepthMax;
const TWO_POW_64 = 1n << 64n;
const TWO_POW_63 = 1n << 63n;
const INTEGER = /^-?\d{1,20}$/;
const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HEX = /^[0-9a-fA-F]*$/;

export class JsonReader {
  readonly context: DecodeContext;
  readonly signal: Signal;
  /** The last time read: µs since the epoch, and the ns below. */
  timeUs = 0;
  timeNs = 0;
  /** Names and indexes that lead to the object being read. */
  readonly #path: (string | number)[] = [];

  constructor(options: { readonly context: DecodeContext; readonly signal: Signal }) {
    this.context = options.context;
    this.signal = options.signal;
  }

  /** The request of a body. */
  parse(body: Uint8Array): JsonObject {
    const { deepest, elementCount } = measureOf(body);
    if (deepest > JSON_DEPTH_MAX) {
      throw this.#malformed(`the JSON nests deeper than ${JSON_DEPTH_MAX}`);
    }
    if (elementCount > LIMITS.requestElementsMax) {
      throw this.context.tooLarge(`${LIMITS.requestElementsMax} objects, lists and members`);
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(this.#textOf(body));
    } catch (thrown) {
      throw this.#malformed(messageOf(thrown).slice(0, 200), thrown);
    }
    if (!isObject(parsed)) throw this.#malformed('the body is not a JSON object');
    return parsed;
  }

  /** Calls `read` with each object of a list. */
  each(object: JsonObject, name: string, read: (item: JsonObject) => void): void {
    const list = this.list(object, name);
    for (let index = 0; index < list.length; index++) {
      this.#path.push(name, index);
      const item = list[index];
      if (!isObject(item)) throw this.fault(undefined, `is ${kindOf(item)}, not an object`);
      read(item);
      this.#path.length -= 2;
    }
  }

  /** Calls `read` with an embedded object; false when there is none. */
  within(object: JsonObject, name: string, read: (inner: JsonObject) => void): boolean {
    const inner = fieldValue(object, name);
    if (inner === undefined) return false;
    if (!isObject(inner)) throw this.fault(name, `is ${kindOf(inner)}, not an object`);
    this.#path.push(name);
    read(inner);
    this.#path.length--;
    return true;
  }

  list(object: JsonObject, name: string): readonly unknown[] {
    const list = fieldValue(object, name);
    if (list === undefined) return [];
    if (!Array.isArray(list)) throw this.fault(name, `is ${kindOf(list)}, not an array`);
    return list;
  }

  /** Calls `push` with each number of a list of doubles or of 64-bit integers. */
  numbers(object: JsonObject, name: string, options: NumberList): void {
    const list = this.list(object, name);
    for (const item of list) {
      const number =
        options.type === 'double'
          ? this.#doubleOf(name, item)
          : Number(this.#integerOf(name, item, UINT64));
      options.into.push(number);
    }
  }

  string(object: JsonObject, name: string): string {
    const text = fieldValue(object, name);
    if (text === undefined) return '';
    if (typeof text !== 'string') throw this.fault(name, `is ${kindOf(text)}, not a string`);
    return text;
  }

  /** Id of a text in the dictionary. */
  text(object: JsonObject, name: string): number {
    return this.context.idOfString(this.string(object, name));
  }

  bool(object: JsonObject, name: string): boolean {
    const value = fieldValue(object, name);
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw this.fault(name, `is ${kindOf(value)}, not a boolean`);
    return value;
  }

  /** The number of an enum; OTLP/JSON knows no names of enums. */
  enum(object: JsonObject, name: string, max: number): number {
    const value = fieldValue(object, name);
    if (value === undefined) return 0;
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      throw this.fault(name, `is ${kindOf(value)}; OTLP/JSON writes enums as integers`);
    }
    return value < 0
      ? this.context.enumOf(Number.POSITIVE_INFINITY, max)
      : this.context.enumOf(value, max);
  }

  uint32(object: JsonObject, name: string): number {
    const value = fieldValue(object, name);
    return value === undefined ? 0 : Number(this.#integerOf(name, value, UINT32));
  }

  int32(object: JsonObject, name: string): number {
    const value = fieldValue(object, name);
    return value === undefined ? 0 : Number(this.#integerOf(name, value, INT32));
  }

  /** Beyond 2^53 the nearest double. */
  uint64(object: JsonObject, name: string): number {
    const value = fieldValue(object, name);
    return value === undefined ? 0 : Number(this.#integerOf(name, value, UINT64));
  }

  int64(object: JsonObject, name: string): bigint {
    const value = fieldValue(object, name);
    return value === undefined ? 0n : this.#integerOf(name, value, INT64);
  }

  double(object: JsonObject, name: string): number {
    const value = fieldValue(object, name);
    return value === undefined ? 0 : this.#doubleOf(name, value);
  }

  /** Nanoseconds into timeUs and timeNs; exact when they stand as a string. */
  time(object: JsonObject, name: string): void {
    const value = fieldValue(object, name);
    if (value === undefined) {
      this.timeUs = 0;
      this.timeNs = 0;
      return;
    }
    const timeNs = this.#integerOf(name, value, UINT64);
    this.timeUs = Number(timeNs / 1000n);
    this.timeNs = Number(timeNs % 1000n);
  }

  /** Puts a hex id into its row; returns the size found in bytes, -1 when the text is not hex. */
  id(object: JsonObject, name: string, place: HexPlace): number {
    const text = this.string(object, name);
    const { into, row, sizeBytes } = place;
    if (!HEX.test(text) || text.length % 2 === 1) return -1;
    if (text.length === 2 * sizeBytes) {
      for (let index = 0; index < sizeBytes; index++) {
        into[row * sizeBytes + index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16);
      }
    }
    return text.length / 2;
  }

  /** Bytes of a base64 text: standard or URL-safe, padded or not, as proto3 JSON allows. */
  base64(object: JsonObject, name: string): Uint8Array {
    const text = this.string(object, name);
    const unpadded = text.replace(/={1,2}$/, '');
    if (!/^[A-Za-z0-9+/_-]*$/.test(unpadded) || unpadded.length % 4 === 1) {
      throw this.fault(name, 'is not base64');
    }
    return Buffer.from(unpadded, 'base64');
  }

  has(object: JsonObject, name: string): boolean {
    return fieldValue(object, name) !== undefined;
  }

  /** A malformed request, told by the path of the field. */
  fault(name: string | undefined, what: string): AppError {
    let path = '';
    for (const step of name === undefined ? this.#path : [...this.#path, name]) {
      if (typeof step === 'number') path += `[${step}]`;
      else path += path === '' ? step : `.${step}`;
    }
    return this.#malformed(`${path} ${what}`);
  }

  #integerOf(name: string, value: unknown, range: IntegerRange): bigint {
    let integer: bigint | undefined;
    if (typeof value === 'number' && Number.isInteger(value)) integer = BigInt(value);
    else if (typeof value === 'string' && INTEGER.test(value)) integer = BigInt(value);
    if (integer === undefined) {
      throw this.fault(name, `is ${kindOf(value)}, not an integer or a string of one`);
    }
    if (integer < range.min || integer > range.max) {
      throw this.fault(name, `is ${integer}, out of the range of ${range.name}`);
    }
    return integer;
  }

  #doubleOf(name: string, value: unknown): number {
    if (typeof value === 'number') return value;
    if (typeof value === 'string') {
      if (value === 'NaN') return Number.NaN;
      if (value === 'Infinity') return Number.POSITIVE_INFINITY;
      if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
      if (NUMBER.test(value)) return Number(value);
    }
    throw this.fault(name, `is ${kindOf(value)}, not a number`);
  }

  #textOf(body: Uint8Array): string {
    const text = new TextDecoder('utf-8').decode(body);
    if (text.includes('\u{FFFD}') && !isUtf8(body)) this.context.warn('notUtf8');
    return text;
  }

  #malformed(what: string, cause?: unknown): AppError {
    return new AppError('otlp.malformed', `Cannot decode ${this.signal}: ${what}`, { cause });
  }
}

interface NumberList {
  readonly type: 'double' | 'uint64';
  readonly into: number[];
}

interface HexPlace {
  readonly into: Uint8Array;
  readonly row: number;
  readonly sizeBytes: number;
}

interface IntegerRange {
  readonly name: string;
  readonly min: bigint;
  readonly max: bigint;
}
const UINT32: IntegerRange = { name: 'uint32', min: 0n, max: 0xffff_ffffn };
const INT32: IntegerRange = { name: 'int32', min: -0x8000_0000n, max: 0x7fff_ffffn };
const UINT64: IntegerRange = { name: 'uint64', min: 0n, max: TWO_POW_64 - 1n };
const INT64: IntegerRange = { name: 'int64', min: -TWO_POW_63, max: TWO_POW_63 - 1n };

/** A field that is set. Only own fields: nothing of the prototype may pass for one. */
function fieldValue(object: JsonObject, name: string): unknown {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return value === null ? undefined : value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 32))}`;
  if (typeof value === 'number') return `the number ${value}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false; // That is the answer.
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

interface JsonMeasure {
  /** Deepest nesting of brackets outside strings. */
  readonly deepest: number;
  /** Opening brackets and commas outside strings. */
  readonly elementCount: number;
}

/** Looks a body over before it is parsed; needs no valid JSON, no stack and no memory. */
function measureOf(body: Uint8Array): JsonMeasure {
  let depth = 0;
  let deepest = 0;
  let elementCount = 0;
  let isInString = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index]!;
    if (isInString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if (byte === 0x7b || byte === 0x5b) {
      elementCount++;
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    } else if (byte === COMMA) {
      elementCount++;
    }
  }
  return { deepest, elementCount };
}
