/**
 * Splits the text of a rule's test or expectation into tokens. Linear in the text's length; bounded by
 * LIMITS.ruleTestCharsMax.
 */
import { AppError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

export type Token =
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  | { readonly kind: 'text'; readonly value: string; readonly at: number }
  | { readonly kind: 'name'; readonly value: string; readonly at: number }
  | { readonly kind: 'path'; readonly value: string; readonly at: number }
  | { readonly kind: 'regex'; readonly value: string; readonly flags: string; readonly at: number }
  | { readonly kind: 'symbol'; readonly value: string; readonly at: number }
  | { readonly kind: 'end'; readonly value: ''; readonly at: number };

/** Durations become milliseconds, shares become 0–1. */
const UNIT_FACTORS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  '%': 0.01,
};

const NUMBER = /(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:\s*(us|ms|s|min|h|%)(?![\w.]))?/y;
const NAME = /[A-Za-z_]\w*(?:\.\w+)*/y;
/** Attribute names with other characters, in back quotes. */
const QUOTED_NAME = /`([^`]{1,200})`/y;
const TEXT = /'([^']*)'|"([^"]*)"/y;
const REGEX = /\/((?:[^/\\]|\\.)+)\/(i?)/y;
/** The part of JSONPath that expectations need: names, quoted names, indexes, all members. */
const PATH = /\$(?:\.\w+|\['[^'\]\\]*'\]|\[\d{1,9}\]|\[\*\]|\.\*)*/y;
const SYMBOL = />=|<=|!=|==|[<>=+\-*/(),|~[\]]/y;
const SPACE = /\s+/y;

export function tokenize(text: string): readonly Token[] {
  if (text.length > LIMITS.ruleTestCharsMax) {
    throw new AppError(
      'rule.invalid',
      `Cannot parse an expression of ${text.length} characters: at most ${LIMITS.ruleTestCharsMax} are allowed`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text) ?? undefined;
  };
  while (at < text.length) {
    const space = match(SPACE);
    if (space) {
      at += space[0].length;
      continue;
    }
    const { token, length } = readToken(match, { text, at, previous: tokens.at(-1) });
    tokens.push(token);
    at += length;
  }
  tokens.push({ kind: 'end', value: '', at });
  return tokens;
}

function readToken(
  match: (pattern: RegExp) => RegExpExecArray | undefined,
  position: { readonly text: string; readonly at: number; readonly previous: Token | undefined },
): { readonly token: Token; readonly length: number } {
  const { at, previous } = position;
  // A slash begins a regular expression only where one can stand; elsewhere it divides.
  const regex = previous?.value === '~' ? match(REGEX) : undefined;
  if (regex) {
    const token: Token = { kind: 'regex', value: regex[1] ?? '', flags: regex[2] ?? '', at };
    return { token, length: regex[0].length };
  }
  const number = match(NUMBER);
  if (number) {
    const value = Number(number[1]) * (UNIT_FACTORS[number[2] ?? 'ms'] ?? 1);
    return { token: { kind: 'number', value, at }, length: number[0].length };
  }
  const name = match(NAME);
  if (name) return { token: { kind: 'name', value: name[0], at }, length: name[0].length };
  const quotedName = match(QUOTED_NAME);
  if (quotedName) {
    const token: Token = { kind: 'name', value: quotedName[1] ?? '', at };
    return { token, length: quotedName[0].length };
  }
  const quoted = match(TEXT);
  if (quoted) {
    const token: Token = { kind: 'text', value: quoted[1] ?? quoted[2] ?? '', at };
    return { token, length: quoted[0].length };
  }
  const path = match(PATH);
  if (path) return { token: { kind: 'path', value: path[0], at }, length: path[0].length };
  const symbol = match(SYMBOL);
  if (symbol) return { token: { kind: 'symbol', value: symbol[0], at }, length: symbol[0].length };
  throw new AppError(
    'rule.invalid',
    `Cannot parse expression: unexpected "${position.text[at] ?? ''}" at character ${at + 1}`,
  );
}
