/**
 * Whether a span failed, by all the signs that senders give, and which class of error it is. HTTP 200 is
 * not success: Coze puts errors into codes, events and execution states.
 */

import type { StringDictionary } from '../model/dictionary.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { classOfCozeCode, saysBreakerOpen, saysTimeout } from './error-classes.ts';
import { fieldIndex } from './fields.ts';
import type { FieldSlots } from './slots.ts';

const FIELD = {
  error: fieldIndex('~error'),
  loopStatus: fieldIndex('~loopStatus'),
  executeStatus: fieldIndex('~executeStatus'),
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

export interface SpanSigns {
  readonly kind: number;
  readonly statusCode: number;
  readonly hasFailureEvent: boolean;
}

/** An explicit OK overrules an HTTP status, never a Coze code or an error somebody wrote down. */
export function isFailed(slots: FieldSlots, signs: SpanSigns): boolean {
  if (signs.statusCode === STATUS_ERROR || signs.hasFailureEvent) return true;
  if (slots.touchedCount === 0) return false;
  if (
    slots.has(FIELD.error) ||
    slots.has(FIELD.loopStatus) ||
    slots.has(FIELD.executeStatus) ||
    slots.has(FIELD.cozeCode)
  ) {
    return true;
  }
  if (signs.statusCode === STATUS_OK || !slots.has(FIELD.httpStatus)) return false;
  const isCaller = signs.kind === SPAN_KIND.client || signs.kind === SPAN_KIND.producer;
  return slots.valueOf(FIELD.httpStatus) >= (isCaller ? 400 : 500);
}

/** Explains failures of one dictionary. */
export class FailureNamer {
  readonly #strings: StringDictionary;

  constructor(strings: StringDictionary) {
    this.#strings = strings;
  }

  /**
   * String id of the error's type; 0 when nothing tells. In order: what the sender called it, the class of
   * the Coze code, `timeout` when the text says so, the HTTP status.
   */
  errorTypeOf(slots: FieldSlots, statusMessage: number): number {
    const sent = slots.valueOf(FIELD.errorType);
    if (sent !== 0) return sent;
    const message = this.messageOf(slots, statusMessage);
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
  pluginStatusOf(slots: FieldSlots, isError: boolean, statusMessage: number): number {
    return this.#strings.idOfString(isError ? this.#failureOf(slots, statusMessage) : 'success');
  }

  #failureOf(slots: FieldSlots, statusMessage: number): string {
    const type = this.#strings.text(this.errorTypeOf(slots, statusMessage));
    const text = `${type} ${this.messageOf(slots, statusMessage)}`;
    if (saysBreakerOpen(text)) return 'rejected';
    return saysTimeout(text) ? 'timeout' : 'fail';
  }

  messageOf(slots: FieldSlots, statusMessage: number): string {
    const message = slots.valueOf(FIELD.errorMessage);
    return this.#strings.text(message !== 0 ? message : statusMessage);
  }
}
