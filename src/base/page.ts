/**
 * What every HTML page of Taproot shares: escaping, the frame with its one stylesheet, the policy that
 * allows this stylesheet and nothing else. Pages work without JavaScript and without other files.
 */
import { createHash } from 'node:crypto';
import { PAGE_STYLE } from './page-style.ts';

/** HTML that is safe to put into a page; made only by `html` and `rawHtml`. */
export class SafeHtml {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

export type HtmlValue = string | number | SafeHtml | undefined | readonly HtmlValue[];

/** Template tag: every value that is not SafeHtml is escaped, lists are joined, undefined is empty. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  let markup = parts[0] ?? '';
  values.forEach((value, index) => {
    markup += markupOf(value) + (parts[index + 1] ?? '');
  });
  return new SafeHtml(markup);
}

function markupOf(value: HtmlValue): string {
  if (value === undefined) return '';
  if (value instanceof SafeHtml) return value.markup;
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value));
  return value.map(markupOf).join('');
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

export function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"'`]/g, (char) => HTML_ESCAPES[char] ?? char);
}

const UNSEEN = /(?![\n\t])[\p{Cc}\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Text in which nothing acts on a terminal or hides from a reader: control characters (ANSI escapes with
 * them) and marks that turn the writing direction become U+FFFD. Line feed and tab stay.
 */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}

/** visibleText() on one line. */
export function singleLine(text: string): string {
  return visibleText(text.replace(/[\r\n\t]+/g, ' '));
}

/** The address when it is a web address or a path of ours, else undefined: no javascript:, data: or the like. */
export function safeHref(address: string | undefined): string | undefined {
  if (address === undefined || visibleText(address) !== address) return undefined;
  if (/^https?:\/\/[^\s\\]+$/i.test(address)) return address;
  return /^\/(?![/\\])[^\s\\]*$/.test(address) ? address : undefined;
}

/** Content-Security-Policy of every page: our stylesheet by its hash, no script, no other source. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export interface PageOptions {
  readonly lang: 'zh' | 'en';
  readonly title: string;
  /** Stands left of the theme switch: a way back, a language link. */
  readonly header: SafeHtml;
  readonly body: SafeHtml;
  /** Reload after this many seconds, for a page that waits. */
  readonly refreshSeconds?: number;
}

/** A whole HTML document. */
export function renderPage(options: PageOptions): string {
  const words =
    options.lang === 'zh'
      ? { theme: '外观', auto: '自动', light: '浅色', dark: '深色' }
      : { theme: 'Theme', auto: 'Auto', light: 'Light', dark: 'Dark' };
  const refresh =
    options.refreshSeconds === undefined
      ? undefined
      : html`<meta http-equiv="refresh" content="${options.refreshSeconds}">`;
  // The style is put in as it is: the policy names its hash.
  return html`<!doctype html>
<html lang="${options.lang === 'zh' ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="${new SafeHtml(PAGE_POLICY)}">
${refresh}<title>${singleLine(options.title)}</title>
<style>${new SafeHtml(PAGE_STYLE)}</style>
</head>
<body>
<header class="top">
<div class="brand">${options.header}</div>
<fieldset class="theme"><legend>${words.theme}</legend>
<label><input type="radio" name="theme" id="theme-auto" checked><span>${words.auto}</span></label>
<label><input type="radio" name="theme" id="theme-light"><span>${words.light}</span></label>
<label><input type="radio" name="theme" id="theme-dark"><span>${words.dark}</span></label>
</fieldset>
</header>
${options.body}
</body>
</html>
`.markup;
}
