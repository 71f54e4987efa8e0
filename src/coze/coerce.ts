/**
 * Reads one attribute value as the table asks: numbers out of text, ids as text, units by alias. A value
 * that cannot be read so is refused, never guessed. Results stand in fields of the reader, so that the
 * data plane makes no objects.
 */
import { unreachable } from '../base/errors.ts';
import { VALUE_TYPE } from '../model/columns.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import { jsonOfText, listOf, textsOfValue } from './any-value.ts';
import { ById } from './by-id.ts';
import { type Coercion, ENVIRONMENTS, OPERATION_OF_TYPE, PLUGIN_STATUSES } from './fields.ts';

/** Coercions of text that ask for certain words or a certain look. */
type WordCoercion = Extract<
  Coercion,
  | ('lowerText' | 'errorClass' | 'errorText' | 'longText' | 'environment' | 'pluginStatus')
  | ('operationOfType' | 'botOfService' | 'botVariant' | 'legacyTraceId' | 'path')
  | 'failureStatus'
>;
type DurationCoercion = Extract<
  Coercion,
  'ms' | 'seconds' | 'secondsOfMs' | 'secondsOfUs' | 'secondsSinceStart' | 'confidence'
>;
/** Instead of a string id: the text cannot be read so. */
const REFUSED = -1;

/** Longer text is not an id, a name or a number. */
const SHORT_TEXT_MAX = 256;
const DAY_SECONDS = 86_400;
/** Epoch seconds stay below this until 5138; larger numbers are milliseconds. */
const EPOCH_SECONDS_MAX = 1e11;

const CLASS_NAME =
  /^(?:Azure)?Chat[A-Z]\w*$|^[A-Z][A-Za-z0-9]*(?:LLM|Chat|ChatModel|OpenAI|Model)$/;
const ERROR_CLASS = /^[*&]?[A-Za-z_0-9][\w.$:/\-+`]*$/;
const DURATION_TEXT = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/;
const BOT_SERVICE = /^coze-bot-(\w+)$/;
const TRACE_ID = /^[0-9a-fA-F]{32}$/;
const NO_FAILURE = new Set([
  '',
  '0',
  'false',
  'none',
  'null',
  'nil',
  'no',
  'undefined',
  '{}',
  '[]',
  '""',
]);

export class ValueReader {
  readonly strings: StringDictionary;
  /** Start of the span or time of the record, for values that are absolute times. */
  startUs = 0;
  // result of the last read() that returned true
  type = 0;
  value = 0;
  /** The value is a guess of lower standing: a class name where a model is wanted. */
  isWeak = false;
  readonly #isNull: ById;
  readonly #isClassName: ById;
  readonly #listOfOne: ById;
  readonly #words = new Map<WordCoercion, ById>();

  constructor(strings: StringDictionary) {
    this.strings = strings;
    this.#isNull = new ById((id) => (saysNothing(strings.text(id)) ? 1 : 0));
    this.#isClassName = new ById((id) => (isClassName(strings.text(id)) ? 1 : 0));
    this.#listOfOne = new ById((id) => this.#idOfListOfOne(id));
  }

  /** Reads (type, value) as in AttributeColumns; false when it cannot be read so. */
  read(coercion: Coercion, type: number, value: number): boolean {
    this.isWeak = false;
    switch (coercion) {
      case 'text':
        return this.#readText(type, value);
      case 'modelName':
        if (!this.#readText(type, value)) return false;
        this.isWeak = this.#isClassName.of(this.value) === 1;
        return true;
      case 'int':
        return this.#setNumber(VALUE_TYPE.int, wholeOf(this.numberOf(type, value)));
      case 'double':
        return this.#setNumber(VALUE_TYPE.double, this.numberOf(type, value));
      case 'bool':
        return this.#readBool(type, value);
      case 'httpStatus':
        return this.#setNumber(VALUE_TYPE.int, within(this.numberOf(type, value), 100, 599));
      case 'cozeCode':
        return this.#setNumber(VALUE_TYPE.int, errorCode(this.numberOf(type, value), 2));
      case 'cozeCodeGeneric':
        return this.#setNumber(VALUE_TYPE.int, errorCode(this.numberOf(type, value), 1000));
      case 'nonZero':
        return this.#setNumber(VALUE_TYPE.int, this.numberOf(type, value) || Number.NaN);
      case 'failureFlag':
        return this.#readFailureFlag(type, value);
      case 'json':
        return this.#readJson(type, value);
      case 'texts':
        return this.#readTexts(type, value);
      case 'listLength':
        return this.#readListLength(type, value);
      case 'epochSeconds':
        return this.#readEpochSeconds(type, value);
      case 'ms':
      case 'seconds':
      case 'secondsOfMs':
      case 'secondsOfUs':
      case 'secondsSinceStart':
      case 'confidence':
        return this.#readDuration(coercion, this.#durationNumberOf(coercion, type, value));
      case 'errorText':
        return type !== VALUE_TYPE.bool && this.#readWord(coercion, type, value);
      default:
        return this.#readWord(coercion, type, value);
    }
  }

  /** The number that a value is or spells; NaN for none. */
  numberOf(type: number, value: number): number {
    if (type === VALUE_TYPE.int || type === VALUE_TYPE.double) return value;
    if (type !== VALUE_TYPE.string) return Number.NaN;
    const text = this.strings.text(value).trim();
    if (text === '' || text.length > 32) return Number.NaN;
    return /^[+-]?\d/.test(text) ? Number(text) : Number.NaN;
  }

  /** True for the id of what senders write when they have nothing to say: `""`, `[]`, `unknown_service:node`. */
  isNullText(id: number): boolean {
    const { strings } = this;
    const start = strings.start(id);
    if (start === strings.end(id)) return true;
    // on the first byte: most text is new in each group, so that it would be made a string for nothing
    const first = strings.pool[start];
    return (first === 0x22 || first === 0x5b || first === 0x75) && this.#isNull.of(id) === 1;
  }

  #set(type: number, value: number): true {
    this.type = type;
    this.value = value;
    return true;
  }

  #setNumber(type: number, value: number): boolean {
    return Number.isFinite(value) && this.#set(type, value);
  }

  #setText(text: string | undefined): boolean {
    return (
      text !== undefined &&
      text !== '' &&
      this.#set(VALUE_TYPE.string, this.strings.idOfString(text))
    );
  }

  /** Ids stay text whatever type they were sent as: they exceed 2^53. */
  #readText(type: number, value: number): boolean {
    switch (type) {
      case VALUE_TYPE.string:
      case VALUE_TYPE.wideInt:
        return !this.isNullText(value) && this.#set(VALUE_TYPE.string, value);
      case VALUE_TYPE.int:
      case VALUE_TYPE.double:
        return Number.isFinite(value) && this.#setText(String(value));
      case VALUE_TYPE.bool:
        return this.#setText(value === 1 ? 'true' : 'false');
      case VALUE_TYPE.json:
        // captured headers are lists of text: the first counts
        return this.#setText(textsOfValue(jsonOfText(this.strings.text(value)))?.[0]);
      default:
        return false;
    }
  }

  #readBool(type: number, value: number): boolean {
    if (type === VALUE_TYPE.bool) return this.#set(VALUE_TYPE.bool, value);
    if (type === VALUE_TYPE.int && (value === 0 || value === 1)) {
      return this.#set(VALUE_TYPE.bool, value);
    }
    if (type !== VALUE_TYPE.string) return false;
    const text = this.strings.text(value).toLowerCase();
    if (text === 'true' || text === '1') return this.#set(VALUE_TYPE.bool, 1);
    return (text === 'false' || text === '0') && this.#set(VALUE_TYPE.bool, 0);
  }

  /** True only for a failure: `error: true`, `error: "rate limited"`, not `error: "false"`. */
  #readFailureFlag(type: number, value: number): boolean {
    const isFailure =
      type === VALUE_TYPE.string
        ? !NO_FAILURE.has(this.strings.text(value).toLowerCase())
        : type === VALUE_TYPE.json || (type !== VALUE_TYPE.empty && value !== 0);
    return isFailure && this.#set(VALUE_TYPE.bool, 1);
  }

  #readJson(type: number, value: number): boolean {
    if (type !== VALUE_TYPE.string && type !== VALUE_TYPE.json) return false;
    return !this.isNullText(value) && this.#set(type, value);
  }

  #readTexts(type: number, value: number): boolean {
    if (type === VALUE_TYPE.json) return this.#set(type, value);
    return (
      this.#readText(type, value) && this.#set(VALUE_TYPE.json, this.#listOfOne.of(this.value))
    );
  }

  #readListLength(type: number, value: number): boolean {
    if (type !== VALUE_TYPE.json && type !== VALUE_TYPE.string) return false;
    const list = listOf(jsonOfText(this.strings.text(value)));
    return list !== undefined && this.#set(VALUE_TYPE.int, list.length);
  }

  #durationNumberOf(coercion: DurationCoercion, type: number, value: number): number {
    if (type !== VALUE_TYPE.string || coercion !== 'ms') return this.numberOf(type, value);
    const match = DURATION_TEXT.exec(this.strings.text(value).slice(0, 32).trim());
    if (!match) return Number.NaN;
    // a unit in the text is exact; without one the alias says milliseconds
    return match[2] === 's' ? Number(match[1]) * 1000 : Number(match[1]);
  }

  #readDuration(coercion: DurationCoercion, value: number): boolean {
    switch (coercion) {
      case 'ms':
        return value >= 0 && this.#setNumber(VALUE_TYPE.double, value);
      case 'seconds':
        return value >= 0 && this.#setNumber(VALUE_TYPE.double, value);
      case 'secondsOfMs':
        return value >= 0 && this.#setNumber(VALUE_TYPE.double, value / 1e3);
      case 'secondsOfUs':
        return value >= 0 && this.#setNumber(VALUE_TYPE.double, value / 1e6);
      case 'secondsSinceStart': {
        const seconds = (value - this.startUs) / 1e6;
        return (
          seconds >= 0 && seconds <= DAY_SECONDS && this.#setNumber(VALUE_TYPE.double, seconds)
        );
      }
      default:
        // confidence: a share, or a percentage
        if (!(value >= 0 && value <= 100)) return false;
        return this.#setNumber(VALUE_TYPE.double, value > 1 ? value / 100 : value);
    }
  }

  /** Coercions that look at the words of a text: each text is looked at once. */
  #readWord(coercion: WordCoercion, type: number, value: number): boolean {
    if (!this.#readText(type, value)) return false;
    let words = this.#words.get(coercion);
    if (words === undefined) {
      words = new ById((id) => this.#wordOf(coercion, id));
      this.#words.set(coercion, words);
    }
    const word = words.of(this.value);
    return word !== REFUSED && this.#set(VALUE_TYPE.string, word);
  }

  /** String id of what a text means, or REFUSED. */
  #wordOf(coercion: WordCoercion, id: number): number {
    const text = this.strings.text(id);
    const word = wordOf(coercion, text);
    if (word === undefined || word === '') return REFUSED;
    return word === text ? id : this.strings.idOfString(word);
  }

  #readEpochSeconds(type: number, value: number): boolean {
    const number = this.numberOf(type, value);
    const isNumber = type !== VALUE_TYPE.string || /^\d+(\.\d+)?$/.test(this.strings.text(value));
    if (isNumber) {
      const seconds = number > EPOCH_SECONDS_MAX ? number / 1000 : number;
      return seconds > 0 && this.#setNumber(VALUE_TYPE.double, seconds);
    }
    return this.#setNumber(
      VALUE_TYPE.double,
      Date.parse(this.strings.text(value).slice(0, 40)) / 1000,
    );
  }

  #idOfListOfOne(id: number): number {
    const list = { arrayValue: { values: [{ stringValue: this.strings.text(id) }] } };
    return this.strings.idOfString(JSON.stringify(list));
  }
}

/** What a text means to a coercion; undefined when it cannot be read so. */
function wordOf(coercion: WordCoercion, text: string): string | undefined {
  switch (coercion) {
    case 'longText':
      return isErrorClass(text) ? undefined : text;
    case 'errorText':
      return NO_FAILURE.has(text.toLowerCase()) || text === 'true' ? undefined : text;
    case 'path':
      return text.startsWith('/') || text.startsWith('*') ? text : undefined;
    default:
      return text.length > SHORT_TEXT_MAX ? undefined : shortWordOf(coercion, text);
  }
}

function shortWordOf(
  coercion: Exclude<WordCoercion, 'longText' | 'errorText' | 'path'>,
  text: string,
): string | undefined {
  switch (coercion) {
    case 'lowerText':
      return text.toLowerCase();
    case 'errorClass':
      return isErrorClass(text) ? text : undefined;
    case 'environment':
      return ENVIRONMENTS.get(text.toLowerCase());
    case 'pluginStatus':
      return PLUGIN_STATUSES.get(text.toLowerCase());
    case 'operationOfType':
      return OPERATION_OF_TYPE.get(text.toLowerCase());
    case 'botOfService':
      return BOT_SERVICE.exec(text)?.[1];
    case 'botVariant':
      return text.startsWith('bot-v') ? text : undefined;
    case 'legacyTraceId':
      return TRACE_ID.test(text) ? undefined : text;
    case 'failureStatus':
      return /^fail/i.test(text) ? text : undefined;
    default:
      return unreachable(coercion);
  }
}

function isErrorClass(text: string): boolean {
  return text.length <= 128 && ERROR_CLASS.test(text);
}

function saysNothing(text: string): boolean {
  return text === '""' || text === '[]' || text.startsWith('unknown_service');
}

function isClassName(text: string): boolean {
  return text.length <= 64 && CLASS_NAME.test(text);
}

function wholeOf(number: number): number {
  return Number.isInteger(number) && number >= 0 ? number : Number.NaN;
}

function within(number: number, low: number, high: number): number {
  return Number.isInteger(number) && number >= low && number <= high ? number : Number.NaN;
}

/** An error code: 0 is none, and −1 and 1 only say that something failed. */
function errorCode(number: number, magnitudeMin: number): number {
  return Number.isInteger(number) && Math.abs(number) >= magnitudeMin ? number : Number.NaN;
}
