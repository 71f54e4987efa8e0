/** Facts that bots write into the text of log lines: plugin, timeout, retry. */
import type { StringDictionary } from '../model/dictionary.ts';

interface BodyPattern {
  /** Lines without it are not looked at further. At least WINDOW_BYTES of ASCII. */
  readonly hint: string;
  readonly pattern: RegExp;
  /** The field that the first group fills, as if it were an attribute of the record. */
  readonly key: string;
}

const BODY_PATTERNS: readonly BodyPattern[] = [
  { hint: 'plugin:', pattern: /\bplugin:\s*([\w.-]{1,128})/, key: 'gen_ai.tool.name' },
  {
    hint: 'timeout=',
    pattern: /\btimeout=(\d{1,12}(?:\.\d+)?(?:ms|s)?)\b/,
    key: 'coze.timeout_ms',
  },
  { hint: 'retry attempt', pattern: /\bretry attempt #?(\d{1,6})\b/, key: 'retry.count' },
];

/** Text beyond this is not looked at. */
const BODY_MAX = 16 * 1024;

/** Length of the shortest hint: the search looks at each of so many bytes at most once. */
const WINDOW_BYTES = Math.min(...BODY_PATTERNS.map(({ hint }) => hint.length));
/** How far a window may move on when its last byte is this one; 0 = it may end on a hint (Horspool). */
const SHIFTS = new Uint8Array(256).fill(WINDOW_BYTES);
for (const { hint } of BODY_PATTERNS) {
  for (let index = 0; index < WINDOW_BYTES; index++) {
    const byte = hint.charCodeAt(index);
    SHIFTS[byte] = Math.min(SHIFTS[byte]!, WINDOW_BYTES - 1 - index);
  }
}
const HINTS: readonly Uint8Array[] = BODY_PATTERNS.map(({ hint }) => Buffer.from(hint, 'latin1'));

/**
 * Whether the UTF-8 text in bytes[start, end) holds a hint. Hot: once a log record; 25 ns for 60 bytes, where making a
 * string of it and searching that takes 200 (Node 20).
 */
export function hasBodyHint(bytes: Uint8Array, start: number, end: number): boolean {
  let last = start + WINDOW_BYTES - 1;
  while (last < end) {
    const shift = SHIFTS[bytes[last]!]!;
    if (shift > 0) last += shift;
    else if (isHintAt(bytes, last - WINDOW_BYTES + 1, end)) return true;
    else last++;
  }
  return false;
}

function isHintAt(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = 0; index < HINTS.length; index++) {
    const hint = HINTS[index]!;
    let at = 0;
    while (at < hint.length && start + at < end && bytes[start + at] === hint[at]) at++;
    if (at === hint.length) return true;
  }
  return false;
}

/** Calls back with the string ids of key and value of each fact that the line states. */
export function readBodyPatterns(
  body: string,
  found: (keyId: number, valueId: number) => void,
  strings: StringDictionary,
): void {
  const text = body.length > BODY_MAX ? body.slice(0, BODY_MAX) : body;
  for (const { hint, pattern, key } of BODY_PATTERNS) {
    if (!text.includes(hint)) continue;
    const value = pattern.exec(text)?.[1];
    if (value !== undefined) found(strings.idOfString(key), strings.idOfString(value));
  }
}
