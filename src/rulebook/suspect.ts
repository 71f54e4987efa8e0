/**
 * From a rule that fired to the spans that show its cause: which operation, how long, with which error. The
 * pattern is what the cohort probe then looks for in good and bad traces.
 */
import { quantileOfSorted } from '../base/statistics.ts';
import type { Culprit, SuspectPattern } from '../model/hypothesis.ts';
import type { Rule } from '../model/rule.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { spanRows } from './aggregate.ts';
import type { EvidenceData, Scope, Side } from './evidence-data.ts';
import { type Expression, parseFilter } from './expression.ts';

/** A span must be this many times its normal length before its length is part of the pattern. */
const SLOW_FACTOR = 1.3;
/** Reference spans needed before their length counts as normal. */
const REFERENCE_SPANS_MIN = 5;

export interface Suspicion {
  readonly culprit: Culprit;
  readonly suspect: SuspectPattern;
}

/** `matching`: rows of the scope that pass the rule's appliesWhen. */
export function suspicionOf(
  rule: Rule,
  scope: Scope,
  context: { readonly data: EvidenceData; readonly matching: Uint32Array },
): Suspicion {
  const own = suspectRows(rule, scope, context.matching);
  const callees = rule.subject.blame === 'callee' ? calleeRows(own, scope.now) : [];
  const rows = callees.length > 0 ? callees : own;
  const { table } = scope.now.fields;
  // The spans of a version lie inside each other: there, only own time tells which one it is.
  const main = dominantGroup(rows, table, scope.variant ? table.selfUs : table.durationUs);
  const service = callees.length > 0 ? table.strings.text(table.service[main[0]!]!) : scope.service;
  const isOwn = service === scope.service;
  const reference = isOwn ? scope.reference : context.data.serviceScope(service).reference;
  const resource =
    rule.subject.resource && mostFrequentAttribute(own, rule.subject.resource, table);
  const dependency = dependencyOf(rule, { scope, rows: own, isOwn });
  const operation = textOf(table, table.operation[main[0]!]!);
  const shown = scope.variant ? dominantGroup(rowsOfVariant(rows, scope), table) : main;
  const pattern = {
    operation: textOf(table, table.operation[shown[0]!]!),
    target: textOf(table, table.target[shown[0]!]!),
  };
  const attributes = scope.variant && { [scope.variant.key]: scope.variant.value };
  return {
    culprit: {
      service,
      ...(operation && { operation }),
      ...(resource && { resource }),
      ...(dependency && { dependency }),
      ...(scope.variant && { version: scope.variant.value }),
      ...(attributes && { attributes }),
    },
    suspect: {
      service,
      ...(pattern.operation && { operation: pattern.operation }),
      ...(pattern.target && { target: pattern.target }),
      ...(attributes && { attributes }),
      ...shapeOf(shown, { table, reference }),
    },
  };
}

function suspectRows(rule: Rule, scope: Scope, matching: Uint32Array): readonly number[] {
  if (rule.subject.spans === undefined) return [...matching];
  const where: Expression = parseFilter(rule.subject.spans);
  const rows = spanRows(where, { side: scope.now, thresholds: rule.thresholds });
  return rows.length > 0 ? [...rows] : [...matching];
}

/** Spans that carry the version themselves, since a pattern looks at one span at a time. */
function rowsOfVariant(rows: readonly number[], scope: Scope): readonly number[] {
  const { variant, now } = scope;
  if (!variant) return rows;
  const carries = (row: number) => now.fields.table.attributeOf(row, variant.key) === variant.value;
  const carrying = rows.filter(carries);
  if (carrying.length > 0) return carrying;
  const anywhere = [...now.rows].filter(carries);
  return anywhere.length > 0 ? anywhere : rows;
}

/** Server spans behind the calls, of the service that most calls reach; none when few are known. */
function calleeRows(rows: readonly number[], side: Side): readonly number[] {
  const { fields } = side;
  const callees = rows.map((row) => fields.calleeOf(row)).filter((row) => row !== NO_ROW);
  if (4 * callees.length < rows.length) return [];
  const service = mostFrequent(callees.map((row) => fields.table.service[row]!));
  return service === 0 ? [] : callees.filter((row) => fields.table.service[row] === service);
}

/** Rows of the operation and target that hold most of the time. Never empty: rows is not. */
function dominantGroup(
  rows: readonly number[],
  table: SpanTable,
  timeUs = table.durationUs,
): readonly number[] {
  const groups = new Map<string, { readonly rows: number[]; timeUs: number }>();
  for (const row of rows) {
    const key = `${table.operation[row]} ${table.target[row]}`;
    const group = groups.get(key) ?? { rows: [], timeUs: 0 };
    groups.set(key, group);
    group.rows.push(row);
    group.timeUs += timeUs[row]!;
  }
  let best: { readonly rows: number[]; timeUs: number } | undefined;
  for (const group of groups.values()) {
    if (best === undefined || group.timeUs > best.timeUs) best = group;
  }
  return best?.rows ?? rows;
}

function dependencyOf(
  rule: Rule,
  options: { readonly scope: Scope; readonly rows: readonly number[]; readonly isOwn: boolean },
): string | undefined {
  const { scope, rows, isOwn } = options;
  if (scope.target !== undefined) return scope.target;
  if (rule.subject.blame !== 'callee' || !isOwn) return undefined;
  const { table } = scope.now.fields;
  return textOf(
    table,
    mostFrequent(rows.map((row) => table.target[row]!).filter((id) => id !== 0)),
  );
}

/** Error class when most of the spans failed, least length when they are slower than normal. */
function shapeOf(
  rows: readonly number[],
  context: { readonly table: SpanTable; readonly reference: Side | undefined },
): Pick<SuspectPattern, 'errorType' | 'durationUsMin'> {
  const { table, reference } = context;
  const failed = rows.filter((row) => table.isError[row] === 1 && table.errorType[row] !== 0);
  if (2 * failed.length > rows.length) {
    return {
      errorType: table.strings.text(mostFrequent(failed.map((row) => table.errorType[row]!))),
    };
  }
  const now = durationsOf(rows, table);
  const before = reference
    ? durationsOf(equalRows(rows[0]!, table, reference), reference.fields.table)
    : now;
  const nowUsP50 = quantileOfSorted(now, 0.5);
  const beforeUsP50 = quantileOfSorted(before, 0.5);
  if (!reference || before.length < REFERENCE_SPANS_MIN || nowUsP50 <= SLOW_FACTOR * beforeUsP50)
    return {};
  const between = (nowUsP50 + beforeUsP50) / 2;
  return {
    durationUsMin: Math.round(
      Math.min(between, Math.max(between / 2, 1.2 * quantileOfSorted(before, 0.95))),
    ),
  };
}

/** Reference rows of the same operation and target. */
function equalRows(row: number, table: SpanTable, reference: Side): readonly number[] {
  const other = reference.fields.table;
  const operation = other.strings.find(table.strings.text(table.operation[row]!));
  const target = other.strings.find(table.strings.text(table.target[row]!));
  return [...reference.rows].filter(
    (candidate) => other.operation[candidate] === operation && other.target[candidate] === target,
  );
}

function durationsOf(rows: readonly number[], table: SpanTable): Float64Array {
  return Float64Array.from(rows, (row) => table.durationUs[row]!).sort();
}

function mostFrequentAttribute(
  rows: readonly number[],
  key: string,
  table: SpanTable,
): string | undefined {
  const texts = rows.map((row) => table.attributeOf(row, key) ?? '').filter((text) => text !== '');
  const ids = texts.map((text) => table.strings.find(text) ?? 0);
  return textOf(table, mostFrequent(ids));
}

/** The value that stands most often, the smaller one of equals; 0 for none. */
function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best = 0;
  for (const [value, count] of counts) {
    const most = counts.get(best) ?? 0;
    if (count > most || (count === most && value < best)) best = value;
  }
  return best;
}

function textOf(table: SpanTable, id: number): string | undefined {
  return id === 0 ? undefined : table.strings.text(id);
}
