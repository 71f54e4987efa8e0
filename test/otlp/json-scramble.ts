/** Writes a value as JSON in the many ways that mean the same, and sometimes as something else, from a seed. */
import type { Random } from './random-request.ts';

const SPACES = [' ', '\n', '\t', '\r\n  '];
const JUNK = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '5',
  '-1',
  '1.5',
  '0.1e2',
  '1E400',
  '12345678901234567890123',
  '""',
  '"12"',
  '"007"',
  '"-3"',
  '"1.5e3"',
  '"NaN"',
  '"0x10"',
  '"\\ud83d\\ude00"',
  '"\\ud83d"',
  '"\\ude00\\ud83d\\n"',
  '"abcd"',
  '[]',
  '[null]',
  '[5, "6"]',
  '[{}]',
  '{}',
  '{"key": "k", "values": [{}]}',
  '{"a": [[], {"b": null}]}',
];

interface Chances {
  /** Of a value that is replaced by junk. */
  readonly junk: number;
}

/** Members in any order, repeated keys, unknown members, spaces, escapes, numbers as strings. */
export function scrambleJson(random: Random, value: unknown, chances: Chances): string {
  const text = random.chance(chances.junk) ? random.pick(JUNK) : textOf(random, value, chances);
  return `${space(random)}${text}${space(random)}`;
}

function textOf(random: Random, value: unknown, chances: Chances): string {
  if (typeof value === 'string') return stringText(random, value);
  if (typeof value === 'number') return numberText(random, value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => scrambleJson(random, item, chances)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) return objectText(random, value, chances);
  return JSON.stringify(value);
}

function objectText(random: Random, object: object, chances: Chances): string {
  const members: string[] = [];
  const add = (key: string, text: string) => {
    members.push(`${space(random)}${stringText(random, key)}${space(random)}:${text}`);
  };
  for (const [key, value] of shuffled(random, Object.entries(object))) {
    // Of a key that is repeated the last member counts, whatever stood before.
    while (random.chance(0.1)) add(key, random.pick(JUNK));
    if (random.chance(0.05)) add(`${key}x`, random.pick(JUNK));
    if (random.chance(0.02)) add(key.slice(1), random.pick(JUNK));
    add(key, scrambleJson(random, value, chances));
  }
  return `{${members.length === 0 ? space(random) : members.join(',')}}`;
}

function stringText(random: Random, text: string): string {
  if (random.chance(0.7)) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, index) => {
    const unit = text.slice(index, index + 1);
    if (random.chance(0.8)) return isSurrogate(unit) ? unit : JSON.stringify(unit).slice(1, -1);
    const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${random.chance(0.5) ? hex : hex.toUpperCase()}`;
  });
  return `"${units.join('')}"`;
}

function numberText(random: Random, number: number): string {
  const text = Object.is(number, -0) ? '-0' : JSON.stringify(number);
  if (random.chance(0.8) || !Number.isInteger(number) || text.includes('e')) return text;
  return random.pick([`${text}.0`, `${text}e0`, `${text}.00E+0`]);
}

function isSurrogate(unit: string): boolean {
  return unit >= '\ud800' && unit <= '\udfff';
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0]!);
}

function space(random: Random): string {
  return random.chance(0.05) ? random.pick(SPACES) : '';
}
