/** The list page warns of names that were too many. */
import { expect, test } from 'vitest';
import { reportListPage } from '../../src/api/pages.ts';

function pageWith(overflowCount: number, lang: 'zh' | 'en'): string {
  const addresses = { apiUrl: 'http://127.0.0.1:4400', otlpUrl: 'http://127.0.0.1:4318' };
  return reportListPage({ items: [] }, { lang, overflowCount, ...addresses });
}

test.each([
  ['en', 'since the start 1234 spans or log lines were counted as (overflow)'],
  ['zh', '自启动以来有 1234 个 span 或日志行并入 (overflow)'],
] as const)('reportListPage() warns of names beyond the bounds, in %s', (lang, warning) => {
  expect(pageWith(1234, lang)).toContain(warning);
  expect(pageWith(0, lang)).not.toContain('(overflow)');
});
