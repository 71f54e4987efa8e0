/** Sentences of rules with places for numbers and names: `{value}`, `{value%}`, `{service}` … */
import { formatNumber } from '../base/quantity.ts';
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
