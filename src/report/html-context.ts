/** What the parts of the report page share. */
import type { SafeHtml } from '../base/page.ts';
import type { Language } from '../model/text.ts';
import type { Words } from './words.ts';

export interface PageContext {
  readonly lang: Language;
  readonly words: Words;
  /** A link to an API path or web address; plain text when the address is not one of these. */
  readonly linkTo: (address: string | undefined, text: string | SafeHtml) => SafeHtml;
}
