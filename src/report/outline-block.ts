/** The plain blocks that Markdown and terminal text are made of. Strings are raw: each renderer escapes them. */
import type { Language } from '../model/text.ts';
import { durationOfMs } from './format.ts';
import type { Words } from './words.ts';

/** How a line is meant: colour on a terminal, bold or nothing elsewhere. */
export type Tone = 'good' | 'warn' | 'bad' | 'mute';

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3 | 4; readonly text: string }
  | { readonly kind: 'verdict'; readonly tone: Tone; readonly text: string; readonly note: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [string, string])[] }
  | { readonly kind: 'list'; readonly items: readonly ListItem[] }
  | {
      readonly kind: 'table';
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly kind: 'code'; readonly text: string };

export interface ListItem {
  readonly text: string;
  readonly tone?: Tone;
  /** Path or address that shows it. */
  readonly href?: string;
}

export interface Context {
  readonly lang: Language;
  readonly words: Words;
}

/** Says how many items of a list are left out, if any are. */
export function restItem(restCount: number, { phrases }: Words): readonly ListItem[] {
  return restCount === 0 ? [] : [{ text: `… ${phrases.andMoreInJson(restCount)}`, tone: 'mute' }];
}

export function stepHeading(step: number, name: string, ms: number, words: Words): Block {
  return {
    kind: 'heading',
    level: 2,
    text: `${step} · ${name}${words.phrases.inBrackets(durationOfMs(ms))}`,
  };
}
