/** docs/configuration.md lists every setting as the schema has it, and nothing else. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configSchema } from '../../src/config/config.ts';
import { listSettings } from '../../src/config/settings.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
const documented = [...page.matchAll(/^\| `([\w.]+)` \| (`TAPROOT_.*)$/gm)];

test('docs/configuration.md has exactly the settings of src/config/config.ts, in its order', () => {
  expect(documented.map(([, key]) => key)).toEqual(listSettings().map(({ key }) => key));
});

test.each(listSettings())('docs/configuration.md describes $key', (setting) => {
  const [, , rest = ''] = documented.find(([, key]) => key === setting.key) ?? [];
  const { defaultValue } = setting;
  const shown = defaultValue === undefined ? '–' : `\`${JSON.stringify(defaultValue)}\``;
  const start = `\`${setting.environmentName}\` | \`${setting.flag}\` | ${shown} | `;
  expect(rest.slice(0, start.length)).toBe(start);
  expect(rest.slice(start.length).length, 'the meaning').toBeGreaterThan(10);
});

test('the list of settings and the schema agree', () => {
  const defaults = configSchema.parse({});
  const top = new Set(listSettings().map(({ path }) => path[0]));
  expect([...top]).toEqual(Object.keys(configSchema.shape));
  expect(Object.keys(defaults).every((key) => top.has(key))).toBe(true);
});

test('names of variables and flags are told apart', () => {
  const settings = listSettings();
  for (const name of ['environmentName', 'flag', 'flagKey'] as const) {
    expect(new Set(settings.map((setting) => setting[name])).size).toBe(settings.length);
  }
});
