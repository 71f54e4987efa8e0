/**
 * Whether a span failed, by all the signs that senders give, and which class of error it is. HTTP 200 is
 * not success: Coze puts errors into codes, events and execution states.
 */

import type { StringDictionary } from '../model/dictionary.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { classOfCozeCode, saysBreakerOpen, saysTimeout } from './error-classes.ts';
import { fieldIndex } from './fields.ts';
import { type FieldSlots, SIGN } from './slots.ts';

const FIELD = {
  errorType: fieldIndex('error.type'),
  errorMessage: fieldIndex('error.message'),
  cozeCode: fieldIndex('coze.error.code'),
  httpStatus: fieldIndex('http.response.status_code'),
};

const STATUS_OK = 1;
const STATUS_ERROR = 2;

/** Events by which a Coze stream says that it failed. */
export const FAILURE_EVENTS: ReadonlySet<string> = new Set([
  'error',
  'Error',
  'conversation.error',
  'conversation.chat.failed',
  'conversation.chat.expired',
  'workflow_failed',
  'workflow_error',
  'node_error',
  'tool_error',
]);

/** Events whose attributes may say why. */
export function isTellingEvent(name: string): boolean {
  return (
    FAILURE_EVENTS.has(name) ||
    name.startsWith('exception') ||
    name.endsWith('.exception') ||
    name.startsWith('gen_ai.') ||
    name.startsWith('coze.') ||
    name.startsWith('conversation.')
  );
}

/** Tells and explains failures of one dictionary's spans, whose fields stand in `slots`. */
export class FailureNamer {
  readonly #strings: StringDictionary;
  readonly #slots: FieldSlots;

  constructor(strings: StringDictionary, slots: FieldSlots) {
    this.#strings = strings;
    this.#slots = slots;
  }

  /**
   * Whether the span's status or a field says that it failed. An explicit OK overrules an HTTP status, never a Coze
   * code or an error somebody wrote down.
   */
  saysFailed(kind: number, statusCode: number): boolean {
    if (statusCode === STATUS_ERROR) return true;
    const { signs } = this.#slots;
    if ((signs & (SIGN.failure | SIGN.httpStatus)) === 0) return false;
    if ((signs & SIGN.failure) !== 0) return true;
    if (statusCode === STATUS_OK) return false;
    const isCaller = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
    return this.#slots.valueOf(FIELD.httpStatus) >= (isCaller ? 400 : 500);
  }

  /**
   * String id of the error's type; 0 when nothing tells. In order: what the sender called it, the class of
   * the Coze code, `timeout` when the text says so, the HTTP status.
   */
  errorTypeOf(statusMessage: number): number {
    const slots = this.#slots;
    const sent = slots.valueOf(FIELD.errorType);
    if (sent !== 0) return sent;
    const message = this.#messageOf(statusMessage);
    const httpStatus = slots.numberOf(FIELD.httpStatus);
    if (slots.has(FIELD.cozeCode)) {
      const context = Number.isNaN(httpStatus) ? { message } : { message, httpStatus };
      const errorClass = classOfCozeCode(slots.valueOf(FIELD.cozeCode), context);
      if (errorClass !== undefined) return this.#strings.idOfString(errorClass);
    }
    if (saysTimeout(message)) return this.#strings.idOfString('timeout');
    return httpStatus >= 400 ? this.#strings.idOfString(String(httpStatus)) : 0;
  }

  /** What became of a plugin call. */
  pluginStatusOf(isError: boolean, statusMessage: number): number {
    return this.#strings.idOfString(isError ? this.#failureOf(statusMessage) : 'success');
  }

  #failureOf(statusMessage: number): string {
    const type = this.#strings.text(this.errorTypeOf(statusMessage));
    const text = `${type} ${this.#messageOf(statusMessage)}`;
    if (saysBreakerOpen(text)) return 'rejected';
    return saysTimeout(text) ? 'timeout' : 'fail';
  }

  #messageOf(statusMessage: number): string {
    const message = this.#slots.valueOf(FIELD.errorMessage);
    return this.#strings.text(message !== 0 ? message : statusMessage);
  }
}
