/**
 * What both encodings share while one request is decoded: the dictionary, the report, the clock, the
 * envelope the current item stands in, and the bounds on text.
 */
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { AttributeColumns, VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { Signal } from '../model/vocabulary.ts';
import { cutBefore } from './cut-text.ts';
import { DecodeReport, type Warning } from './decode-report.ts';
import type { EntryIndex } from './entry-index.ts';
import { JsonText } from './json-text.ts';

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

export class DecodeContext {
  readonly strings: StringDictionary;
  readonly entries: EntryIndex;
  readonly report: DecodeReport;
  readonly nowUs: number;
  readonly #signal: Signal;
  readonly #repairedBefore: number;
  /** Index of the current span, log record or data point in the request. */
  itemIndex = 0;
  /** Index of the envelope's resource and scope in the columns. */
  resource = 0;
  scope = 0;
  /** The last AnyValue read, as VALUE_TYPE says. NaN makes the field one for doubles from the start. */
  valueType: number = VALUE_TYPE.empty;
  value = Number.NaN;
  /** Attributes over the bound since the item took the count. */
  droppedAttributesCount = 0;
  /** Attributes of a resource, scope or data point before they become entries. */
  readonly scratch = new AttributeColumns();
  /** Canonical text of an array, kvlist or bytes value. */
  readonly json: JsonText;

  constructor(options: {
    signal: Signal;
    strings: StringDictionary;
    entries: EntryIndex;
    nowUs: number;
    /** Texts that the dictionary had repaired before the request. */
    repairedBefore: number;
  }) {
    this.#signal = options.signal;
    this.strings = options.strings;
    this.entries = options.entries;
    this.nowUs = options.nowUs;
    this.report = new DecodeReport(options.signal);
    this.#repairedBefore = options.repairedBefore;
    this.json = new JsonText(LIMITS.attributeValueBytesMax, () => this.warn('notUtf8'));
  }

  /** Call before each span, log record or data point. */
  beginItem(): void {
    if (this.itemIndex >= LIMITS.requestRowsMax) {
      throw this.tooLarge(`${LIMITS.requestRowsMax} rows`);
    }
  }

  tooLarge(bound: string): AppError {
    return new AppError(
      'otlp.too_large',
      `Cannot accept ${this.#signal}: the request holds more than ${bound}; send smaller requests`,
    );
  }

  warn(warning: Warning): void {
    this.report.warn(warning, this.itemIndex);
  }

  /** Tells of text that the dictionary repaired. Call once, when the request is decoded. */
  warnOfRepairedText(): void {
    const repairedCount = this.strings.repairedCount - this.#repairedBefore;
    if (repairedCount > 0) this.report.warn('notUtf8', 0, repairedCount);
  }

  /** Id of UTF-8 text; too long text is cut before a code point. */
  idOfBytes(bytes: Uint8Array, start: number, end: number): number {
    if (end - start <= LIMITS.attributeValueBytesMax) {
      return this.strings.idOfBytes(bytes, start, end);
    }
    this.warn('valueCut');
    return this.strings.idOfBytes(
      bytes,
      start,
      cutBefore(bytes, start + LIMITS.attributeValueBytesMax),
    );
  }

  /** Makes the text in `json` the current value. */
  takeJsonValue(): void {
    this.json.finish();
    const { text, isCut } = this.json;
    this.valueType = isCut ? VALUE_TYPE.string : VALUE_TYPE.json;
    if (isCut) this.warn('valueCut');
    this.value = this.strings.idOfString(text);
  }

  /** Sets the current value to an int64 given by its halves as signed 32-bit integers. */
  setInt64(low: number, high: number): void {
    const value = high * 0x1_0000_0000 + (low >>> 0);
    if (Number.isSafeInteger(value)) {
      this.valueType = VALUE_TYPE.int;
      this.value = value;
    } else {
      this.valueType = VALUE_TYPE.wideInt;
      this.value = this.strings.idOfString(wideIntText(low, high));
    }
  }

  /** As setInt64, from one number within ±2^63. */
  setBigInt(integer: bigint): void {
    const isWide = integer > MAX_SAFE || integer < -MAX_SAFE;
    this.valueType = isWide ? VALUE_TYPE.wideInt : VALUE_TYPE.int;
    this.value = isWide ? this.strings.idOfString(String(integer)) : Number(integer);
  }

  pushAttribute(into: AttributeColumns, key: number, firstIndex: number): void {
    if (into.count - firstIndex < LIMITS.attributesPerItemMax) {
      into.push(key, this.valueType, this.value);
    } else {
      this.droppedAttributesCount++;
      this.warn('attributesDropped');
    }
  }

  /** Attributes dropped by us since the last call, added to those the sender dropped. */
  takeDropped(bySender: number): number {
    const count = Math.min(bySender + this.droppedAttributesCount, 0xffff_ffff);
    this.droppedAttributesCount = 0;
    return count;
  }

  /** The number of an enum, 0 when OTLP defines none such. */
  enumOf(number: number, max: number): number {
    if (number <= max) return number;
    this.warn('unknownEnum');
    return 0;
  }

  isTimeInRange(timeUs: number): boolean {
    return timeUs >= LIMITS.timeUsMin && timeUs <= this.nowUs + LIMITS.timeAheadUsMax;
  }
}

/** Decimal text of an int64 given by its halves as signed 32-bit integers. */
export function wideIntText(low: number, high: number): string {
  return String((BigInt(high) << 32n) + BigInt(low >>> 0));
}
