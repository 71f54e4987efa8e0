/** What keeps telemetry from becoming markup, and pages from loading anything. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  escapeHtml,
  html,
  PAGE_POLICY,
  renderPage,
  safeHref,
  singleLine,
  visibleText,
} from '../../src/base/page.ts';

describe('escapeHtml()', () => {
  test.each([
    ['<b>', '&lt;b&gt;'],
    ['"\'`', '&quot;&#39;&#96;'],
    ['&amp;', '&amp;amp;'],
    ['a\u0000b\u001b[31m', 'a\ufffdb\ufffd[31m'],
    ['abc\u202edcba\u2066', 'abc\ufffddcba\ufffd'],
    ['根因 ✓ 👍🏽', '根因 ✓ 👍🏽'],
    ['a\n\tb', 'a\n\tb'],
  ])('%j', (text, expected) => {
    expect(escapeHtml(text)).toBe(expected);
  });
});

describe('html', () => {
  test('escapes values, joins lists, leaves out undefined, keeps its own', () => {
    const bold = html`<b>${'<'}</b>`;
    expect(html`${bold}${['&', bold]}${undefined}${5}`.markup).toBe('<b>&lt;</b>&amp;<b>&lt;</b>5');
  });
});

describe('singleLine() and visibleText()', () => {
  test('a line break cannot start a line of its own', () => {
    expect(singleLine('a\r\n# b\u2028c')).toBe('a # b\ufffdc');
    expect(visibleText('a\r\nb')).toBe('a\ufffd\nb');
  });
});

describe('safeHref()', () => {
  test.each([
    ['/api/v1/traces?x=1', true],
    ['/', true],
    ['http://a.example/b', true],
    ['HTTPS://a.example', true],
    ['//evil.example', false],
    ['/\\evil.example', false],
    ['javascript:alert(1)', false],
    [' javascript:alert(1)', false],
    ['java\nscript:alert(1)', false],
    ['data:text/html,x', false],
    ['relative', false],
    ['/a b', false],
    ['http://a\u0000b', false],
    ['', false],
    [undefined, false],
  ])('%j', (address, isSafe) => {
    expect(safeHref(address)).toBe(isSafe ? address : undefined);
  });
});

describe('renderPage()', () => {
  const page = renderPage({ lang: 'en', title: '<x>\n', header: html``, body: html`<p>hi</p>` });

  test('the policy names the hash of the stylesheet in the page', () => {
    const style = /<style>([\s\S]*)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(PAGE_POLICY).toContain(`'sha256-${hash}'`);
  });

  test('escapes the title', () => {
    expect(page).toContain('<title>&lt;x&gt; </title>');
  });
});
