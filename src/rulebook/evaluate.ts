/**
 * Tries every rule on every service (called target, version) that its filter finds in anomalous traces. A
 * rule speaks only when all its required evidence holds; missing telemetry never decides.
 */

import { LIMITS } from '../base/limits.ts';
import { formatNumber } from '../base/quantity.ts';
import { formatTime } from '../base/time.ts';
import type { Culprit, Evidence, EvidenceSource, SuspectPattern } from '../model/hypothesis.ts';
import type { Clustered } from '../model/investigation.ts';
import type { Rule, Rulebook, RuleEvidence } from '../model/rule.ts';
import type { Text } from '../model/text.ts';
import { EvidenceData, type Scope } from './evidence-data.ts';
import { parseTest } from './expression.ts';
import { type Judgement, judge } from './judge.ts';
import { suspicionOf } from './suspect.ts';
import { fillText, type PlaceValues } from './template.ts';

/** A rule that fits what is seen. */
export interface RuleFinding {
  /** Statement and fix with their places filled. */
  readonly rule: Rule;
  readonly culprit: Culprit;
  /** For and against, with values. */
  readonly evidence: readonly Evidence[];
  /** Sum of the evidence's weights. */
  readonly score: number;
  readonly suspect: SuspectPattern;
}

/** Findings by score, the strongest first; deterministic for equal input. */
export function evaluateRules(rulebook: Rulebook, clustered: Clustered): readonly RuleFinding[] {
  if (clustered.clustering.anomalousTraces.length === 0) return [];
  const data = new EvidenceData(clustered);
  return rulebook.rules
    .flatMap((rule) => evaluateRule(rule, data))
    .sort((a, b) => b.score - a.score || compareText(sortKeyOf(a), sortKeyOf(b)));
}

function sortKeyOf({ rule, culprit }: RuleFinding): string {
  return [rule.id, culprit.service, culprit.dependency ?? '', culprit.version ?? ''].join('\0');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function evaluateRule(rule: Rule, data: EvidenceData): readonly RuleFinding[] {
  const tests = new Map(
    [...rule.evidence, ...rule.contradictions].map((item) => [item.id, parseTest(item.test)]),
  );
  return scopesOf(rule, data).flatMap(({ scope, matching }) => {
    const judged: { item: RuleEvidence; judgement: Judgement }[] = [];
    for (const item of [...rule.evidence, ...rule.contradictions]) {
      const judgement = judge(tests.get(item.id)!, scope, rule.thresholds); // every id was parsed above
      if (judgement.holds === true) judged.push({ item, judgement });
      else if (item.required) return [];
    }
    const score = judged.reduce((sum, { item }) => sum + item.weight, 0);
    if (score <= 0) return [];
    const { culprit, suspect } = suspicionOf(rule, scope, { data, matching });
    const places = placesOf(culprit);
    const filled: Rule = {
      ...rule,
      statement: fillText(rule.statement, places),
      fix: fillText(rule.fix, places),
    };
    const evidence = judged.map(({ item, judgement }) =>
      evidenceOf(item, judgement, { ruleId: rule.id, scope, places }),
    );
    return [{ rule: filled, culprit, evidence, score, suspect }];
  });
}

interface Candidate {
  readonly scope: Scope;
  readonly matching: Uint32Array;
}

/** Places where the rule's spans occur in anomalous traces, those with most such spans first. */
function scopesOf(rule: Rule, data: EvidenceData): readonly Candidate[] {
  const { table } = data.window.fields;
  const applies = appliesFilter(rule, data);
  const places: { readonly service: string; readonly target?: string; count: number }[] = [];
  for (const serviceId of data.window.services()) {
    const service = table.strings.text(serviceId);
    const matching = data.anomalousRowsOf(service).filter(applies);
    if (matching.length === 0) continue;
    if (rule.subject.per !== 'target') places.push({ service, count: matching.length });
    else {
      for (const [target, count] of countByTarget(matching, data)) {
        places.push({ service, ...(target && { target }), count });
      }
    }
  }
  return places
    .sort(
      (a, b) =>
        b.count - a.count ||
        compareText(`${a.service}\0${a.target ?? ''}`, `${b.service}\0${b.target ?? ''}`),
    )
    .slice(0, LIMITS.ruleScopesMax)
    .flatMap(({ service, target }) => {
      if (rule.subject.per === 'version') {
        return data.variantsOf(service).map((variant) => data.variantScope(service, variant));
      }
      return [
        target === undefined ? data.serviceScope(service) : data.targetScope(service, target),
      ];
    })
    .map((scope) => ({ scope, matching: scope.now.rows.filter(applies) }))
    .filter(({ matching }) => matching.length > 0);
}

function countByTarget(rows: Uint32Array, data: EvidenceData): ReadonlyMap<string, number> {
  const { strings } = data.window.fields.table;
  const counts = new Map<string, number>();
  for (const row of rows) {
    const target = strings.text(data.window.targetOf(row));
    counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  return counts;
}

/** All fields named by appliesWhen have one of the values given. */
function appliesFilter(rule: Rule, data: EvidenceData): (row: number) => boolean {
  const conditions = Object.entries(rule.appliesWhen).map(([name, wanted]) => ({
    read: data.window.fields.field({ relation: 'self', name }).read,
    wanted: new Set(typeof wanted === 'string' ? [wanted] : wanted),
  }));
  return (row) => conditions.every(({ read, wanted }) => wanted.has(String(read(row) ?? '')));
}

function placesOf(culprit: Culprit): PlaceValues {
  const { service, operation, resource, dependency, version } = culprit;
  return {
    service,
    ...(operation && { operation }),
    ...(resource && { resource }),
    ...(dependency && { dependency, target: dependency }),
    ...(version && { version }),
  };
}

function evidenceOf(
  item: RuleEvidence,
  judgement: Judgement,
  context: { readonly ruleId: string; readonly scope: Scope; readonly places: PlaceValues },
): Evidence {
  const { value, expected, n } = judgement;
  const numbers = {
    ...(value !== undefined && { value }),
    ...(expected !== undefined && { expected }),
  };
  const link = linkOf(item.kind, context.scope);
  return {
    evidenceId: `${context.ruleId}.${item.id}`,
    source: item.kind,
    direction: item.weight > 0 ? 'for' : 'against',
    statement: item.statement
      ? fillText(item.statement, { ...context.places, ...numbers, n })
      : plainStatement(item, judgement),
    ...numbers,
    n,
    weight: item.weight,
    ...(link && { link }),
  };
}

function plainStatement({ id }: RuleEvidence, { value, expected, n }: Judgement): Text {
  const shown = (number: number | undefined) => (number === undefined ? '–' : formatNumber(number));
  return {
    zh: `${id} 成立：${shown(value)}（界限 ${shown(expected)}，n = ${n}）`,
    en: `${id} holds: ${shown(value)} (bound ${shown(expected)}, n = ${n})`,
  };
}

const LINK_PATHS: Readonly<Partial<Record<EvidenceSource, string>>> = {
  trace: '/api/v1/traces',
  log: '/api/v1/logs',
  metric: '/api/v1/metrics',
};

function linkOf(source: EvidenceSource, scope: Scope): string | undefined {
  const path = LINK_PATHS[source];
  if (path === undefined) return undefined;
  const query = new URLSearchParams({
    service: scope.service,
    from: formatTime(scope.now.range.fromUs),
    to: formatTime(scope.now.range.toUs),
  });
  return `${path}?${query}`;
}
