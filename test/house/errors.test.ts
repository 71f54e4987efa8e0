/** docs/errors.md lists every code of src/base/errors.ts with its statuses, and nothing else. */
import { expect, test } from 'vitest';
import { ERROR_CATALOGUE } from '../../src/base/errors.ts';
import { readText } from './tree.ts';

const documented = new Map(
  [...readText('docs/errors.md').matchAll(/^\| `([\w.]+)` \| (.*)$/gm)].map(([, code, rest]) => [
    code!,
    rest!,
  ]),
);

test('docs/errors.md has exactly the codes of src/base/errors.ts', () => {
  expect(
    [...documented.keys()].sort(),
    'edit docs/errors.md: add or remove the rows that differ',
  ).toEqual(Object.keys(ERROR_CATALOGUE).sort());
});

test.each(Object.entries(ERROR_CATALOGUE))('docs/errors.md describes %s', (code, entry) => {
  const row = documented.get(code) ?? '';
  const retry = entry.isRetryable ? 'yes' : 'no';
  expect(row).toMatch(
    new RegExp(`^${entry.http} \\| ${entry.grpc} [A-Z_]+ \\| ${retry} \\| .{10,}`),
  );
});

test('what OTLP senders may retry is what OTLP 1.11 lets them retry', () => {
  for (const [code, { http, isRetryable }] of Object.entries(ERROR_CATALOGUE)) {
    // node:http answers a slow request itself, before any code of ours.
    if (code === 'otlp.too_slow') continue;
    expect([429, 502, 503, 504].includes(http), code).toBe(isRetryable);
  }
});
