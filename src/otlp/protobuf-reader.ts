/**
 * Reads the protobuf wire format in place: no object per message, every read bounded by the message it
 * stands in, every fault named by field and byte. It knows nothing of OTLP but the names it is handed.
 */
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type AttributeColumns, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { Signal } from '../model/vocabulary.ts';
import type { DecodeContext } from './decode-context.ts';

/** Names of a message and of those of its fields that we read, by field number. */
export interface MessageFields {
  readonly name: string;
  readonly fields: Readonly<Record<number, string>>;
}

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 };

const NO_MESSAGE: MessageFields = { name: 'request', fields: {} };

export class ProtobufReader {
  readonly context: DecodeContext;
  readonly bytes: Uint8Array;
  /** Next byte to read. */
  position = 0;
  /** First byte behind the message being read; enter() narrows it, the caller restores it. */
  end: number;
  /** Halves of the last 64-bit number, as signed 32-bit integers: fields that always hold small integers
   * or always doubles keep the hot code compiled. */
  low = 0;
  high = 0;
  /** The last time read: µs since the epoch, and the ns below. */
  timeUs = Number.NaN;
  timeNs = 0;
  readonly #view: DataView;
  readonly #signal: Signal;
  readonly #strings: StringDictionary;
  /** The number that #tryScalar() found. */
  #scalar = Number.NaN;
  #message = NO_MESSAGE;
  #tagPosition = 0;
  #tag = 0;
  #messageCount = 0;

  constructor(bytes: Uint8Array, options: { context: DecodeContext; signal: Signal }) {
    this.context = options.context;
    this.#signal = options.signal;
    // A Buffer becomes a plain Uint8Array, so that the hot loops see one class only.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
    this.#strings = options.context.strings;
  }

  /** Reads a tag: field number × 8 + wire type. `message` names the fields for faults. */
  tag(message: MessageFields): number {
    this.#message = message;
    this.#tagPosition = this.position;
    this.#tag = 0;
    let tag = this.position < this.end ? this.bytes[this.position]! : 0x80;
    if (tag < 0x80) {
      this.position++;
    } else {
      this.#longVarint();
      if (this.high !== 0) throw this.fault('has a field number beyond 2^29 - 1');
      tag = this.low;
    }
    this.#tag = tag;
    if (tag >>> 3 === 0) throw this.fault('has field number 0');
    return tag;
  }

  /** Low 32 bits of a varint, unsigned. */
  uint32(): number {
    if (this.position < this.end) {
      const first = this.bytes[this.position]!;
      if (first < 0x80) {
        this.position++;
        return first;
      }
    }
    this.#longVarint();
    return this.low >>> 0;
  }

  /** A zigzag-coded 32-bit integer. */
  sint32(): number {
    const coded = this.uint32();
    return (coded >>> 1) ^ -(coded & 1);
  }

  /** Any varint other than zero is true. */
  bool(): boolean {
    this.varint64();
    return (this.low | this.high) !== 0;
  }

  /** A 64-bit varint into low and high. */
  varint64(): void {
    const first = this.position < this.end ? this.bytes[this.position]! : 0x80;
    if (first < 0x80) {
      this.position++;
      this.low = first;
      this.high = 0;
    } else {
      this.#longVarint();
    }
  }

  /** A varint as number; beyond 2^53 the nearest double. */
  uint64(): number {
    this.varint64();
    return unsigned64(this.low, this.high);
  }

  /** Eight bytes into low and high. */
  fixed64(): void {
    const position = this.#advance(8);
    this.low = this.#view.getInt32(position, true);
    this.high = this.#view.getInt32(position + 4, true);
  }

  /** An unsigned fixed64 as number; beyond 2^53 the nearest double. */
  fixed64Number(): number {
    this.fixed64();
    return unsigned64(this.low, this.high);
  }

  /** A signed fixed64 as number; beyond ±2^53 the nearest double. */
  sfixed64Number(): number {
    this.fixed64();
    return this.high * 0x1_0000_0000 + (this.low >>> 0);
  }

  /**
   * Nanoseconds of a fixed64 into timeUs and timeNs. 2^32 = 4 294 967 × 1000 + 296, so both halves stay
   * exact: 1 544 712 660 300 000 001 ns has high 359 656 442 and low 4 114 279 169 and gives
   * 1 544 712 660 300 000 µs and 1 ns. Beyond the year 2255 µs are rounded; such times are refused.
   */
  time(): void {
    this.fixed64();
    const high = this.high >>> 0;
    const rest = high * 296 + (this.low >>> 0);
    const restUs = Math.floor(rest / 1000);
    this.timeUs = high * 4_294_967 + restUs;
    this.timeNs = rest - restUs * 1000;
  }

  fixed32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  /** Reads a length and returns the first position behind that many bytes. */
  fieldEnd(): number {
    let size = this.position < this.end ? this.bytes[this.position]! : 0x80;
    if (size < 0x80) {
      this.position++;
    } else {
      this.#longVarint();
      size = unsigned64(this.low, this.high);
    }
    const end = this.position + size;
    if (end > this.end) {
      throw this.fault(`runs ${end - this.end} bytes past the end of its message`);
    }
    return end;
  }

  /** Id of a text field in the dictionary. */
  text(): number {
    const end = this.fieldEnd();
    const start = this.position;
    this.position = end;
    return this.#textBetween(start, end);
  }

  /**
   * Takes a short KeyValue with a scalar, written as every encoder writes it, into a column whose item began
   * at `firstIndex`: most attributes are such. Takes nothing and returns false for any other form, good or
   * bad. Hot: 150 ns less a span with nine attributes than the general way for all but texts.
   */
  tryAttribute(into: AttributeColumns, firstIndex: number): boolean {
    const { bytes, position } = this;
    if (position >= this.end) return false;
    const end = position + 1 + bytes[position]!;
    const keyStart = position + 3;
    const keyEnd = keyStart + bytes[position + 2]!;
    // In this order: each condition proves that the bytes of the next are inside the message.
    if (
      !(end <= this.end && keyEnd + 4 <= end) ||
      bytes[position]! >= 0x80 ||
      bytes[position + 1] !== 0x0a || // key
      bytes[keyEnd] !== 0x12 || // value
      keyEnd + 2 + bytes[keyEnd + 1]! !== end ||
      into.count - firstIndex >= LIMITS.attributesPerItemMax
    ) {
      return false;
    }
    const type = this.#tryScalar(keyEnd + 2, end);
    if (type === VALUE_TYPE.empty) return false;
    this.countMessages(2);
    const key = this.#strings.idOfView(this.#view, keyStart, keyEnd);
    const value =
      type === VALUE_TYPE.string
        ? this.#strings.idOfView(this.#view, keyEnd + 4, end)
        : this.#scalar;
    into.push(key, type, value);
    this.position = end;
    return true;
  }

  /** Type of the AnyValue in [start, end) if it is one short scalar; its number is then in #scalar. */
  #tryScalar(start: number, end: number): number {
    const { bytes } = this;
    const first = bytes[start + 1]!;
    switch (bytes[start]) {
      case 0x0a: // string_value
        return start + 2 + first === end ? VALUE_TYPE.string : VALUE_TYPE.empty;
      case 0x10: // bool_value
        this.#scalar = first;
        return start + 2 === end && first <= 1 ? VALUE_TYPE.bool : VALUE_TYPE.empty;
      case 0x18: // int_value below 2^14
        if (start + 2 === end && first < 0x80) {
          this.#scalar = first;
          return VALUE_TYPE.int;
        }
        if (start + 3 === end && first >= 0x80 && bytes[start + 2]! < 0x80) {
          this.#scalar = (first & 0x7f) | (bytes[start + 2]! << 7);
          return VALUE_TYPE.int;
        }
        return VALUE_TYPE.empty;
      case 0x21: // double_value
        if (start + 9 !== end) return VALUE_TYPE.empty;
        this.#scalar = this.#view.getFloat64(start + 1, true);
        return VALUE_TYPE.double;
      default:
        return VALUE_TYPE.empty;
    }
  }

  /** Starts an embedded message; returns the end of the outer one, to be put back when it is read. */
  enter(): number {
    this.countMessages(1);
    const outerEnd = this.end;
    this.end = this.fieldEnd();
    return outerEnd;
  }

  /** Steps over a field that this reader does not know; a known one has the wrong wire type. */
  skipUnknown(tag: number): void {
    if (this.#message.fields[tag >>> 3] !== undefined) {
      throw this.fault(`has wire type ${tag & 7}, which is not its own`);
    }
    this.skipField(tag);
  }

  /**
   * Steps over the fields of one tag below 0x80 that hold bytes, from the first one's length on. Hot: a
   * request is looked over before it is read.
   */
  skipRun(tag: number): void {
    const { bytes, end } = this;
    let position = this.position;
    // A size of one or two bytes; anything else, and every fault, is skipField()'s.
    while (position + 1 < end) {
      const low = bytes[position]!;
      const high = bytes[position + 1]!;
      if (low >= 0x80 && high >= 0x80) break;
      const next = low < 0x80 ? position + 1 + low : position + 2 + (low & 0x7f) + (high << 7);
      if (next >= end || bytes[next] !== tag) break;
      position = next + 1;
    }
    this.position = position;
    this.#tagPosition = position - 1;
    this.skipField(tag);
  }

  /** Steps over the value that follows a tag. */
  skipField(tag: number): void {
    switch (tag & 7) {
      case WIRE.varint:
        this.varint64();
        return;
      case WIRE.fixed64:
        this.#advance(8);
        return;
      case WIRE.bytes:
        this.position = this.fieldEnd();
        return;
      case WIRE.fixed32:
        this.#advance(4);
        return;
      case WIRE.groupStart:
        this.#skipGroup(tag >>> 3);
        return;
      case WIRE.groupEnd:
        throw this.fault('ends a group that never began');
      default:
        throw this.fault(`has wire type ${tag & 7}, which does not exist`);
    }
  }

  /** A malformed request, told by the field last begun. */
  fault(what: string): AppError {
    const field = this.#tag >>> 3;
    const name = field === 0 ? 'tag' : (this.#message.fields[field] ?? `field ${field}`);
    const where = `${this.#message.name}.${name} at byte ${this.#tagPosition}`;
    return new AppError('otlp.malformed', `Cannot decode ${this.#signal}: ${where} ${what}`);
  }

  #textBetween(start: number, end: number): number {
    if (end - start > LIMITS.attributeValueBytesMax) {
      return this.context.idOfBytes(this.bytes, start, end);
    }
    return this.#strings.idOfView(this.#view, start, end);
  }

  /** Groups are nested without recursion: a hostile sender nests as deep as the body is long. */
  #skipGroup(field: number): void {
    const open = [field];
    const message = this.#message;
    while (open.length > 0) {
      if (open.length > LIMITS.valueDepthMax) {
        throw this.fault(`nests groups deeper than ${LIMITS.valueDepthMax}`);
      }
      const tag = this.tag(message);
      if ((tag & 7) === WIRE.groupStart) {
        open.push(tag >>> 3);
      } else if ((tag & 7) === WIRE.groupEnd) {
        if (open.pop() !== tag >>> 3) throw this.fault('ends a group that another field began');
      } else {
        this.skipField(tag);
      }
    }
  }

  /** Throws otlp.too_large beyond the bound; who reads messages by other means counts them here. */
  countMessages(amount: number): void {
    this.#messageCount += amount;
    if (this.#messageCount > LIMITS.requestElementsMax) {
      throw this.context.tooLarge(`${LIMITS.requestElementsMax} embedded messages`);
    }
  }

  #advance(sizeBytes: number): number {
    const position = this.position;
    const end = position + sizeBytes;
    if (end > this.end) {
      throw this.fault(`runs ${end - this.end} bytes past the end of its message`);
    }
    this.position = end;
    return position;
  }

  #longVarint(): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      if (this.position >= this.end) throw this.fault('ends inside a varint');
      const byte = this.bytes[this.position++]!;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 0x80) {
        if (index === 9 && byte > 1) break;
        this.low = low;
        this.high = high;
        return;
      }
    }
    throw this.fault('has a varint of more than 64 bits');
  }
}

function unsigned64(low: number, high: number): number {
  return (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
}
