/** The one line of a log record that says what happened, whatever form its body has. */
import { type LogColumns, VALUE_TYPE } from '../model/columns.ts';
import { LINE_MAX } from './line-reader.ts';
import { WILDCARD } from './unit-kinds.ts';

const EMPTY_LINE = '(empty)';
/** Longer bodies are not parsed as JSON. */
const JSON_MAX = 64 * 1024;
const SKELETON_KEYS_MAX = 24;
const MESSAGE_KEYS = ['message', 'msg'];
const LOGFMT_MESSAGE = /(?:^|\s)(?:msg|message)="((?:[^"\\]|\\.)*)"/;

export function lineOfBody(columns: LogColumns, row: number): string {
  const value = columns.bodyValue[row]!;
  switch (columns.bodyType[row]) {
    case VALUE_TYPE.string:
      return lineOfText(columns.strings.text(value)) || nameOf(columns, row);
    case VALUE_TYPE.json:
      return lineOfJson(columns.strings.text(value)) ?? WILDCARD;
    case VALUE_TYPE.empty:
      return nameOf(columns, row);
    case VALUE_TYPE.bool:
      return value === 1 ? 'true' : 'false';
    default:
      return WILDCARD;
  }
}

function nameOf(columns: LogColumns, row: number): string {
  return columns.strings.text(columns.eventName[row]!) || EMPTY_LINE;
}

function lineOfText(text: string): string {
  const first = firstLine(text);
  if (first.startsWith('{')) return lineOfJson(text) ?? first.slice(0, LINE_MAX);
  const message = first.includes('m') ? LOGFMT_MESSAGE.exec(first.slice(0, 4 * LINE_MAX))?.[1] : '';
  return (message || first).slice(0, LINE_MAX);
}

/** First line that is not blank. */
function firstLine(text: string): string {
  const trimmed = text.trimStart();
  const end = trimmed.search(/[\r\n]/);
  return (end < 0 ? trimmed : trimmed.slice(0, end)).trimEnd();
}

/** The message of a structured body, else the names of its members; undefined when it is not JSON. */
function lineOfJson(text: string): string | undefined {
  if (text.length > JSON_MAX) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // text that only looks like JSON is a line like any other
  }
  const members = membersOf(json);
  if (members === undefined) return undefined;
  for (const key of MESSAGE_KEYS) {
    const message = members.get(key);
    if (typeof message === 'string' && message.trim() !== '') {
      return firstLine(message).slice(0, LINE_MAX);
    }
  }
  return `{${[...members.keys()].sort().slice(0, SKELETON_KEYS_MAX).join(', ')}}`;
}

/** Members of an OTLP map (`kvlistValue`) or of a plain object. */
function membersOf(json: unknown): ReadonlyMap<string, unknown> | undefined {
  if (!isObject(json)) return undefined;
  if (isObject(json['arrayValue'])) return new Map([['[]', undefined]]);
  const list = json['kvlistValue'];
  if (!isObject(list)) return new Map(Object.entries(json));
  const members = new Map<string, unknown>();
  for (const entry of Array.isArray(list['values']) ? list['values'] : []) {
    if (!isObject(entry) || typeof entry['key'] !== 'string') continue;
    members.set(entry['key'], isObject(entry['value']) ? entry['value']['stringValue'] : undefined);
  }
  return members;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
