import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseTest } from '../../src/rulebook/expression.ts';
import { parseRule } from '../../src/rulebook/rule-schema.ts';
import { loadRulebook } from '../../src/rulebook/rulebook.ts';

const page = readFileSync('docs/rules.md', 'utf8');

function blockOf(language: string): string {
  return new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
}

describe('docs/rules.md', () => {
  it.each(blockOf('test').trim().split('\n'))('the example parses: %s', (line) => {
    expect(parseTest(line).kind).toMatch(/compare|and/);
  });

  it('the whole rule is one', () => {
    expect(parseRule(parse(blockOf('yaml')), 'cache-slow.yaml').id).toBe('cache-slow');
  });

  it('lists every rule that comes along', () => {
    for (const { id } of loadRulebook('rules').rules) expect(page).toContain(`| \`${id}\` |`);
  });
});
