/** A sentence in both languages, made from one fact. */
export type Language = 'zh' | 'en';

export interface Text {
  readonly zh: string;
  readonly en: string;
}
