/** Sentences of rules with places for numbers and names: `{value}`, `{value%}`, `{service}` … */
import type { Text } from '../model/text.ts';

const PLACE = /\{([a-z]+)(%?)\}/g;

const NAMES = [
  'service',
  'operation',
  'target',
  'dependency',
  'resource',
  'version',
  'value',
  'expected',
  'n',
] as const;
export type PlaceName = (typeof NAMES)[number];

export type PlaceValues = Readonly<Partial<Record<PlaceName, string | number>>>;

/** The sentence with its places filled; `–` where nothing is known. */
export function fillText(text: Text, values: PlaceValues): Text {
  return { zh: fill(text.zh, values), en: fill(text.en, values) };
}

/** A place that no rule may use, or undefined. */
export function findUnknownPlace(text: Text): string | undefined {
  for (const sentence of [text.zh, text.en]) {
    for (const [place, name] of sentence.matchAll(PLACE)) {
      if (!NAMES.some((known) => known === name)) return place;
    }
  }
  return undefined;
}

/** At most three significant digits; whole numbers from 1000 on. 0.08123 → 0.0812, 12345.6 → 12346. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function fill(sentence: string, values: PlaceValues): string {
  return sentence.replace(PLACE, (place, name: string, percent: string) => {
    const known = NAMES.find((one) => one === name);
    if (known === undefined) return place;
    const value = values[known];
    if (value === undefined) return '–';
    if (typeof value === 'string') return value;
    return percent === '%' ? `${formatNumber(100 * value)} %` : formatNumber(value);
  });
}
