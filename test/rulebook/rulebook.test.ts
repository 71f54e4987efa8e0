import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { checkRules, createRulebookHolder, loadRulebook } from '../../src/rulebook/rulebook.ts';

const MINIMAL = `
id: some-rule
title: { zh: 标题, en: Title }
cause: pool
stages: ['*']
applies_when: { any_span: { infra: db } }
evidence:
  - { id: one, kind: trace, weight: 2, required: true, test: 'count(span) > thresholds.few' }
probes:
  - { id: health, use: http, target: '{{service.debug_url}}/health', confirm: '$.a >= $.b' }
thresholds: { few: 3 }
statement: { zh: '{service} 坏了', en: '{service} is broken' }
fix: { zh: 修, en: repair }
`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rules-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(name: string, text: string): void {
  mkdirSync(join(dir, 'family'), { recursive: true });
  writeFileSync(join(dir, 'family', name), text);
}

function loadError(): string {
  try {
    loadRulebook(dir);
  } catch (thrown) {
    if (isAppError(thrown, 'rule.invalid')) return thrown.message;
    throw thrown;
  }
  throw new Error('nothing was refused');
}

describe('loadRulebook()', () => {
  it('maps the file to the model', () => {
    write('some-rule.yaml', MINIMAL);
    const [rule] = loadRulebook(dir).rules;
    expect(rule).toMatchObject({
      id: 'some-rule',
      appliesWhen: { infra: 'db' },
      subject: { per: 'service', blame: 'self' },
      thresholds: { few: 3 },
      effectOf: [],
      mustNotFireOn: [],
    });
  });

  it.each<readonly [caption: string, from: string, to: string, part: RegExp]>([
    [
      'unknown key',
      'cause: pool',
      'cause: pool\nwhen: now',
      /"family\/some-rule\.yaml".*Unrecognized key: "when"/,
    ],
    ['unknown cause', 'cause: pool', 'cause: magic', /"cause" \(value "magic"\)/],
    ['missing field', 'fix: { zh: 修, en: repair }', '', /"fix"/],
    ['one language only', '{ zh: 修, en: repair }', '{ en: repair }', /"fix\.zh"/],
    [
      'weight that is text',
      'weight: 2',
      'weight: heavy',
      /"evidence\.0\.weight" \(value "heavy"\)/,
    ],
    ['evidence with a negative weight', 'weight: 2', 'weight: -2', /needs a weight above 0/],
    [
      'kind that does not exist',
      'kind: trace',
      'kind: rumour',
      /"evidence\.0\.kind" \(value "rumour"\)/,
    ],
    [
      'test that does not parse',
      "'count(span) > thresholds.few'",
      "'count(span >'",
      /"evidence\.0\.test".*expected/,
    ],
    ['threshold that is not set', 'thresholds: { few: 3 }', '', /thresholds\.few is not set/],
    [
      'prototype as threshold',
      'thresholds.few',
      'thresholds.constructor',
      /thresholds\.constructor is not set/,
    ],
    [
      'place that does not exist',
      '{service} is broken',
      '{secret} is broken',
      /"statement" \(value "\{secret\}"\)/,
    ],
    [
      'foreign probe target',
      "'{{service.debug_url}}/health'",
      "'http://169.254.169.254/latest'",
      /must begin with \{\{service\.debug_url\}\}\//,
    ],
    ['probe that climbs', '/health', '/a/../../b', /must not climb/],
    ['probe that climbs encoded', '/health', '/a/%2e%2e/b', /must not climb/],
    ['probe with another host', '/health', '//evil.example/a', /begins with one slash/],
    ['probe with other placeholders', '/health', '/{{span.attribute}}', /plain URL characters/],
    ['probe without confirm', ", confirm: '$.a >= $.b'", '', /what confirms must be said/],
    ['expectation with a function', '$.a >= $.b', 'count(span) > 1', /unknown "count"/],
    ['id unlike the file', 'id: some-rule', 'id: other-rule', /must bear the name of its id/],
    [
      'unknown rule in effect_of',
      'cause: pool',
      'cause: pool\neffect_of: [nobody]',
      /"effect_of" \(value "nobody"\): no rule has this id/,
    ],
    ['effect of itself', 'cause: pool', 'cause: pool\neffect_of: [some-rule]', /in a circle/],
    ['broken YAML', 'cause: pool', 'cause: [pool', /"\(yaml\)"/],
    ['key that stands twice', 'cause: pool', 'cause: pool\ncause: pool', /"\(yaml\)".*unique/],
  ])('refuses %s', (_caption, from, to, part) => {
    expect(MINIMAL).toContain(from);
    write('some-rule.yaml', MINIMAL.replace(from, to));
    expect(loadError()).toMatch(part);
    expect(
      checkRules(dir).some(({ severity, message }) => severity === 'error' && part.test(message)),
    ).toBe(true);
  });

  it('refuses aliases that multiply, deep nesting, and huge files', () => {
    const bomb = `a: &a [x, x]\n${[...'bcdefghijklmnop'].map((key, at) => `${key}: &${key} [*${'abcdefghijklmnop'[at]}, *${'abcdefghijklmnop'[at]}]`).join('\n')}`;
    for (const [text, part] of [
      [bomb, /"\(yaml\)"|Unrecognized/],
      ['['.repeat(30_000), /"\(yaml\)"/],
      [`# ${'x'.repeat(70_000)}`, /bytes, at most 65536 are allowed/],
      ['', /"\(document\)"/],
      ['- 1', /"\(document\)"/],
    ] as const) {
      write('some-rule.yaml', text);
      expect(loadError()).toMatch(part);
    }
  });

  it('names a folder that is not there', () => {
    expect(() => loadRulebook(join(dir, 'absent'))).toThrow(/Cannot read rules of ".*absent"/);
  });

  it('has a hash that follows every byte', () => {
    write('some-rule.yaml', MINIMAL);
    const { rulesHash } = loadRulebook(dir);
    expect(loadRulebook(dir).rulesHash).toBe(rulesHash);
    write('some-rule.yaml', MINIMAL.replace('few: 3', 'few: 4'));
    expect(loadRulebook(dir).rulesHash).not.toBe(rulesHash);
  });

  it('refuses an id that stands in two files', () => {
    write('some-rule.yaml', MINIMAL);
    write('some-rule.yml', MINIMAL);
    expect(loadError()).toMatch(/"family\/some-rule\.yaml" has the same id/);
  });
});

describe('checkRules()', () => {
  it('reports every broken file, not only the first', () => {
    write('a.yaml', 'id: 1');
    write('b.yaml', 'nothing');
    expect(checkRules(dir).map(({ file }) => file)).toEqual(['family/a.yaml', 'family/b.yaml']);
  });

  it('warns of rules that nothing can confirm or test', () => {
    write('some-rule.yaml', MINIMAL.replace(/probes:\n.*\n/, ''));
    expect(checkRules(dir).map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      expect.stringMatching(/^warning .*never be confirmed/),
      expect.stringMatching(/^warning .*nothing can test/),
    ]);
  });
});

describe('createRulebookHolder()', () => {
  it('keeps the old version when a file breaks, says so, and takes the repaired one', () => {
    cpSync('rules', dir, { recursive: true });
    const holder = createRulebookHolder(dir);
    const before = holder.current();
    const path = join(dir, 'llm', 'llm-rate-limited.yaml');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('cause: quota', 'cause: [quota'));
    const failed = holder.reload();
    expect(failed).toMatchObject({
      isReloaded: false,
      ruleCount: before.rules.length,
      rulesHash: before.rulesHash,
    });
    expect(failed.problem).toMatch(/llm\/llm-rate-limited\.yaml/);
    expect(holder.current()).toBe(before);
    writeFileSync(path, text.replace('share_min: 0.03', 'share_min: 0.04'));
    const done = holder.reload();
    expect(done.isReloaded).toBe(true);
    expect(done.problem).toBeUndefined();
    expect(holder.current().rulesHash).not.toBe(before.rulesHash);
  });
});
