/**
 * The rules of a folder: load and check them, keep them current, try them on an investigation. Entry of the
 * room; what a rule file holds is docs/rules.md.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { parseDocument } from 'yaml';
import { AppError, isAppError, messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Rule, Rulebook } from '../model/rule.ts';
import { parseRule, ruleError } from './rule-schema.ts';

export { evaluateRules, type RuleFinding } from './evaluate.ts';
export { resolveProbes } from './resolve-probes.ts';

/** What `taproot rules check` says about one file. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Relative to the folder. */
  readonly file: string;
  readonly message: string;
}

export interface ReloadResult {
  readonly isReloaded: boolean;
  readonly ruleCount: number;
  readonly rulesHash: string;
  /** Why the earlier version was kept. */
  readonly problem?: string;
}

/** The rulebook in use; reload() swaps it as a whole or not at all. */
export interface RulebookHolder {
  current(): Rulebook;
  reload(): ReloadResult;
}

interface RuleText {
  readonly file: string;
  readonly text: string;
}

/** All rules below a folder (`*.yaml`, `*.yml`). Throws `rule.invalid` at the first fault. */
export function loadRulebook(dir: string): Rulebook {
  const texts = readRuleTexts(dir);
  const entries = texts.map(({ file, text }) => ({ file, rule: parseRuleText(text, file) }));
  const [fault] = findCrossFaults(entries);
  if (fault) throw fault.error;
  return { rules: entries.map(({ rule }) => rule), rulesHash: hashOf(texts) };
}

/** Every fault of every file, and warnings; empty when all is well. */
export function checkRules(dir: string): readonly Finding[] {
  const findings: Finding[] = [];
  const entries: { file: string; rule: Rule }[] = [];
  const note = (file: string, thrown: unknown): void => {
    if (!isAppError(thrown)) throw thrown;
    findings.push({ severity: 'error', file, message: thrown.message });
  };
  let texts: readonly RuleText[] = [];
  try {
    texts = readRuleTexts(dir);
  } catch (thrown) {
    note('.', thrown);
  }
  for (const { file, text } of texts) {
    try {
      entries.push({ file, rule: parseRuleText(text, file) });
    } catch (thrown) {
      note(file, thrown);
    }
  }
  for (const { file, error } of findCrossFaults(entries)) note(file, error);
  for (const { file, rule } of entries) findings.push(...warningsOf(rule, file));
  return findings;
}

/** Loads now (throws when that fails) and keeps the last good version over later reloads. */
export function createRulebookHolder(dir: string): RulebookHolder {
  let rulebook = loadRulebook(dir);
  return {
    current: () => rulebook,
    reload() {
      try {
        rulebook = loadRulebook(dir);
        return { isReloaded: true, ...summaryOf(rulebook) };
      } catch (thrown) {
        if (!isAppError(thrown)) throw thrown;
        return { isReloaded: false, ...summaryOf(rulebook), problem: thrown.message };
      }
    },
  };
}

function summaryOf({ rules, rulesHash }: Rulebook): { ruleCount: number; rulesHash: string } {
  return { ruleCount: rules.length, rulesHash };
}

function readRuleTexts(dir: string): readonly RuleText[] {
  const files = listRuleFiles(dir);
  if (files.length > LIMITS.rulesMax) {
    throw new AppError(
      'rule.invalid',
      `Cannot load rules of "${dir}": ${files.length} files, at most ${LIMITS.rulesMax} are allowed`,
    );
  }
  return files.map((file) => {
    const path = join(dir, file);
    const sizeBytes = statSync(path).size;
    if (sizeBytes > LIMITS.ruleFileBytesMax) {
      throw ruleError(file, {
        key: '(file)',
        reason: `${sizeBytes} bytes, at most ${LIMITS.ruleFileBytesMax} are allowed`,
      });
    }
    return { file: file.split(sep).join('/'), text: readFileSync(path, 'utf8') };
  });
}

function listRuleFiles(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.ya?ml$/.test(file))
      .sort();
  } catch (thrown) {
    throw new AppError('rule.invalid', `Cannot read rules of "${dir}": ${messageOf(thrown)}`, {
      cause: thrown,
      offendingValue: dir,
    });
  }
}

function parseRuleText(text: string, file: string): Rule {
  let value: unknown;
  try {
    const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
    const [fault] = document.errors;
    if (fault) throw fault;
    value = document.toJS({ maxAliasCount: 20 });
  } catch (thrown) {
    // Also too many aliases, and nesting deeper than the parser's stack.
    throw ruleError(file, { key: '(yaml)', reason: messageOf(thrown) });
  }
  return parseRule(value, file);
}

/** Faults between rules: ids that stand twice, references to rules that are not there, circles. */
function findCrossFaults(
  entries: readonly { readonly file: string; readonly rule: Rule }[],
): readonly { readonly file: string; readonly error: AppError }[] {
  const fileById = new Map<string, string>();
  const faults: { file: string; error: AppError }[] = [];
  const add = (file: string, key: string, value: string, reason: string): void => {
    faults.push({ file, error: ruleError(file, { key, value, reason }) });
  };
  for (const { file, rule } of entries) {
    const other = fileById.get(rule.id);
    if (other !== undefined) add(file, 'id', rule.id, `"${other}" has the same id`);
    else fileById.set(rule.id, file);
    if (!file.endsWith(`${rule.id}.yaml`) && !file.endsWith(`${rule.id}.yml`)) {
      add(file, 'id', rule.id, 'the file must bear the name of its id');
    }
  }
  const byId = new Map(entries.map(({ rule }) => [rule.id, rule]));
  for (const { file, rule } of entries) {
    const references = [
      ...rule.effectOf.map((id) => ({ key: 'effect_of', id })),
      ...rule.mustNotFireOn.map((id) => ({ key: 'must_not_fire_on', id })),
      ...rule.contradictions.flatMap(({ hint }) =>
        hint ? [{ key: 'contradictions.hint', id: hint }] : [],
      ),
    ];
    for (const { key, id } of references) {
      if (!byId.has(id)) add(file, key, id, 'no rule has this id');
    }
    if (isEffectOfItself(rule.id, byId))
      add(file, 'effect_of', rule.id, 'the effects go in a circle');
  }
  return faults;
}

function isEffectOfItself(id: string, byId: ReadonlyMap<string, Rule>): boolean {
  const seen = new Set<string>();
  const open = [...(byId.get(id)?.effectOf ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === id) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(byId.get(next)?.effectOf ?? []));
  }
  return false;
}

function warningsOf(rule: Rule, file: string): readonly Finding[] {
  const warnings: string[] = [];
  if (!rule.evidence.some((item) => item.required)) {
    warnings.push('no evidence is required: the rule fires on any of its evidence');
  }
  if (rule.probes.length === 0) warnings.push('no probe: the rule can never be confirmed');
  if (rule.faults.length === 0) warnings.push('no fault: nothing can test the rule');
  return warnings.map((message) => ({
    severity: 'warning',
    file,
    message: `Rule "${rule.id}": ${message}`,
  }));
}

function hashOf(texts: readonly RuleText[]): string {
  const hash = createHash('sha256');
  for (const { file, text } of texts) hash.update(`${file}\0${text.length}\0${text}\0`);
  return hash.digest('hex');
}
