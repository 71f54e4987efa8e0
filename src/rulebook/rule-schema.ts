/**
 * The shape of a rule file and its translation into model/rule.ts. Files write snake_case; unknown keys are
 * refused; every message names file, key and value.
 */
import { z } from 'zod';
import { AppError, messageOf } from '../base/errors.ts';
import { CAUSE_KINDS, EVIDENCE_SOURCES } from '../model/hypothesis.ts';
import type { Rule, RuleEvidence, RuleProbe } from '../model/rule.ts';
import type { Text } from '../model/text.ts';
import { STAGES } from '../model/vocabulary.ts';
import { parseExpectation, parseFilter, parseTest, thresholdsOf } from './expression.ts';
import { assertHttpTarget, assertPromTarget } from './probe-target.ts';
import { findUnknownPlace } from './template.ts';

const id = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/, 'words of a–z and 0–9 joined by - or _');
const text = z.strictObject({ zh: z.string().min(1).max(2000), en: z.string().min(1).max(2000) });
const test = z.string().min(1);
const filterValue = z.union([z.string(), z.array(z.string()).min(1)]);
const parameter = z.union([z.number(), z.string()]);

const evidence = z.strictObject({
  id,
  kind: z.enum(EVIDENCE_SOURCES),
  weight: z.number().min(-10).max(10),
  required: z.boolean().default(false),
  test,
  statement: text.optional(),
});

const probe = z.strictObject({
  id,
  use: z.enum(['http', 'prom', 'store']),
  target: z.string().min(1).max(2000).optional(),
  confirm: test.optional(),
  refute: test.optional(),
  expectation: text.optional(),
});

export const ruleFileSchema = z.strictObject({
  id,
  title: text,
  cause: z.enum(CAUSE_KINDS),
  stages: z.array(z.enum([...STAGES, '*'])).min(1),
  source: z
    .array(z.strictObject({ title: z.string(), section: z.string().optional() }))
    .default([]),
  applies_when: z.strictObject({ any_span: z.record(z.string(), filterValue) }),
  subject: z
    .strictObject({
      per: z.enum(['service', 'target', 'version']).default('service'),
      blame: z.enum(['self', 'callee']).default('self'),
      spans: test.optional(),
      resource: z.string().optional(),
    })
    .prefault({}),
  evidence: z.array(evidence).min(1),
  contradictions: z.array(evidence.extend({ hint: id.optional() })).default([]),
  effect_of: z.array(id).default([]),
  probes: z.array(probe).default([]),
  thresholds: z.record(z.string(), z.number()).default({}),
  statement: text,
  fix: text,
  faults: z
    .array(
      z.strictObject({
        bot: z.string(),
        name: z.string(),
        params: z.record(z.string(), parameter).optional(),
      }),
    )
    .default([]),
  must_not_fire_on: z.array(id).default([]),
});

type RuleFile = z.infer<typeof ruleFileSchema>;

/** The rule in a parsed YAML document, its expressions checked. Throws `rule.invalid`. */
export function parseRule(document: unknown, file: string): Rule {
  const parsed = ruleFileSchema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.path.join('.') || '(document)';
    const value = valueAt(document, issue?.path ?? []);
    throw ruleError(file, { key, value, reason: issue?.message ?? 'not a rule' });
  }
  const rule = ruleOf(parsed.data);
  assertRule(rule, file);
  return rule;
}

export function ruleError(
  file: string,
  fault: { readonly key: string; readonly value?: unknown; readonly reason: string },
): AppError {
  const value =
    fault.value === undefined ? undefined : shortened(JSON.stringify(fault.value) ?? '');
  const shown = value === undefined ? '' : ` (value ${value})`;
  return new AppError(
    'rule.invalid',
    `Cannot read rule "${file}": "${fault.key}"${shown}: ${fault.reason}`,
    {
      ...(value !== undefined && { offendingValue: value }),
    },
  );
}

function ruleOf(file: RuleFile): Rule {
  const { subject } = file;
  return {
    id: file.id,
    title: file.title,
    cause: file.cause,
    stages: file.stages,
    source: file.source.map(({ title, section }) => ({ title, ...(section && { section }) })),
    appliesWhen: file.applies_when.any_span,
    subject: {
      per: subject.per,
      blame: subject.blame,
      ...(subject.spans && { spans: subject.spans }),
      ...(subject.resource && { resource: subject.resource }),
    },
    evidence: file.evidence.map(evidenceOf),
    contradictions: file.contradictions.map((item) => ({
      ...evidenceOf(item),
      ...(item.hint && { hint: item.hint }),
    })),
    effectOf: file.effect_of,
    probes: file.probes.map(probeOf),
    thresholds: file.thresholds,
    statement: file.statement,
    fix: file.fix,
    faults: file.faults.map(({ bot, name, params }) => ({ bot, name, ...(params && { params }) })),
    mustNotFireOn: file.must_not_fire_on,
  };
}

function evidenceOf(item: z.infer<typeof evidence>): RuleEvidence {
  const { statement, ...rest } = item;
  return { ...rest, ...(statement && { statement }) };
}

function probeOf({
  id: probeId,
  use,
  target,
  confirm,
  refute,
  expectation,
}: z.infer<typeof probe>): RuleProbe {
  return {
    id: probeId,
    use,
    ...(target && { target }),
    ...(confirm && { confirm }),
    ...(refute && { refute }),
    ...(expectation && { expectation }),
  };
}

/** What a schema cannot say: expressions parse, thresholds exist, signs and targets fit, ids are unique. */
function assertRule(rule: Rule, file: string): void {
  const check = (key: string, value: unknown, run: () => void): void => {
    try {
      run();
    } catch (thrown) {
      throw ruleError(file, { key, value, reason: messageOf(thrown) });
    }
  };
  const assertTest = (key: string, source: string, parse: typeof parseTest): void =>
    check(key, source, () => {
      for (const name of thresholdsOf(parse(source))) {
        if (!Object.hasOwn(rule.thresholds, name)) throw new Error(`thresholds.${name} is not set`);
      }
    });
  for (const [key, sentence] of sentencesOf(rule)) {
    const place = findUnknownPlace(sentence);
    if (place) throw ruleError(file, { key, value: place, reason: 'no such place in a sentence' });
  }
  assertUnique(
    file,
    'evidence',
    [...rule.evidence, ...rule.contradictions].map((item) => item.id),
  );
  assertUnique(
    file,
    'probes',
    rule.probes.map((item) => item.id),
  );
  if (rule.subject.spans) assertTest('subject.spans', rule.subject.spans, parseFilter);
  rule.evidence.forEach((item, index) => {
    assertTest(`evidence.${index}.test`, item.test, parseTest);
    if (item.weight <= 0) {
      throw ruleError(file, {
        key: `evidence.${index}.weight`,
        value: item.weight,
        reason: 'evidence needs a weight above 0',
      });
    }
  });
  rule.contradictions.forEach((item, index) => {
    assertTest(`contradictions.${index}.test`, item.test, parseTest);
    if (item.weight >= 0) {
      throw ruleError(file, {
        key: `contradictions.${index}.weight`,
        value: item.weight,
        reason: 'a contradiction needs a weight below 0',
      });
    }
  });
  rule.probes.forEach((probe, index) => {
    assertProbe(probe, { key: `probes.${index}`, check });
  });
}

function sentencesOf(rule: Rule): readonly (readonly [string, Text])[] {
  const ofEvidence = [...rule.evidence, ...rule.contradictions].flatMap((item) =>
    item.statement ? [[`${item.id}.statement`, item.statement] as const] : [],
  );
  return [['statement', rule.statement], ['fix', rule.fix], ...ofEvidence];
}

function assertProbe(
  { use, target, confirm, refute }: RuleProbe,
  place: {
    readonly key: string;
    readonly check: (key: string, value: unknown, run: () => void) => void;
  },
): void {
  const { key, check } = place;
  if (use === 'store') {
    check(key, use, () => {
      if (target ?? confirm ?? refute)
        throw new Error('a store probe takes its pattern from subject');
    });
    return;
  }
  check(`${key}.target`, target, () => {
    if (target === undefined) throw new Error(`a probe of use ${use} needs a target`);
    if (use === 'http') assertHttpTarget(target);
    else assertPromTarget(target);
  });
  check(`${key}.confirm`, confirm, () => {
    if (confirm === undefined) throw new Error('what confirms must be said');
    parseExpectation(confirm);
  });
  if (refute !== undefined) check(`${key}.refute`, refute, () => parseExpectation(refute));
}

function assertUnique(file: string, key: string, ids: readonly string[]): void {
  const twice = ids.find((one, index) => ids.indexOf(one) !== index);
  if (twice !== undefined)
    throw ruleError(file, { key, value: twice, reason: 'the id stands twice' });
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}

function shortened(value: string): string {
  return value.length > 120 ? `${value.slice(0, 119)}…` : value;
}
