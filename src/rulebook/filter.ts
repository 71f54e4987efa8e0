/**
 * Turns a filter into a function over row numbers. Texts are compared and matched once per distinct text,
 * so that a regular expression costs by texts and not by rows.
 */
import { LIMITS } from '../base/limits.ts';
import type { Expression, FieldName, Regex } from './expression.ts';
import {
  andOf,
  arithmetic,
  compare,
  evaluate,
  isIn,
  matches,
  notOf,
  orOf,
  type Value,
} from './value.ts';

export type RowReader = (row: number) => Value;

export interface FieldReader {
  readonly read: RowReader;
  /** String ids of the same values, when the column has them. */
  readonly textIds?: (row: number) => number;
}

/** Rows of one table: spans, logs, series, changes. */
export interface RowSource {
  field(field: FieldName): FieldReader;
  /** Text of a string id. */
  text(id: number): string;
  /** Verdicts of regular expressions over this dictionary's texts. */
  readonly memo: RegexMemo;
  /** A text that stands for many like it, when too many distinct ones were read already; 0 = none. */
  standInOf?(row: number): number;
}

/** Expression → string id → verdict; shared between rules, which often ask the same. */
export type RegexMemo = Map<string, Map<number, boolean>>;

export interface FilterContext {
  readonly source: RowSource;
  readonly thresholds: Readonly<Record<string, number>>;
}

export function compileFilter(expression: Expression, context: FilterContext): RowReader {
  const compiled = (part: Expression) => compileFilter(part, context);
  switch (expression.kind) {
    case 'field':
      return context.source.field(expression.field).read;
    case 'threshold': {
      const value = context.thresholds[expression.name];
      return () => value;
    }
    case 'and': {
      const [left, right] = [compiled(expression.left), compiled(expression.right)];
      return (row) => andOf(left(row), () => right(row));
    }
    case 'or': {
      const [left, right] = [compiled(expression.left), compiled(expression.right)];
      return (row) => orOf(left(row), () => right(row));
    }
    case 'not': {
      const operand = compiled(expression.operand);
      return (row) => notOf(operand(row));
    }
    case 'negative': {
      const operand = compiled(expression.operand);
      return (row) => arithmetic('-', 0, operand(row));
    }
    case 'exists': {
      const operand = compiled(expression.operand);
      return (row) => operand(row) !== undefined;
    }
    case 'compare': {
      const { operator } = expression;
      const [left, right] = [compiled(expression.left), compiled(expression.right)];
      return (row) => compare(operator, left(row), right(row));
    }
    case 'arithmetic': {
      const { operator } = expression;
      const [left, right] = [compiled(expression.left), compiled(expression.right)];
      return (row) => arithmetic(operator, left(row), right(row));
    }
    case 'in': {
      const operand = compiled(expression.operand);
      return (row) => isIn(operand(row), expression.values);
    }
    case 'match':
      return compileMatch(expression.operand, expression.regex, context);
    case 'first': {
      const operands = expression.operands.map(compiled);
      return (row) => {
        for (const operand of operands) {
          const value = operand(row);
          if (value !== undefined) return value;
        }
        return undefined;
      };
    }
    default: {
      const value = evaluate(expression, () => undefined);
      return () => value;
    }
  }
}

function compileMatch(operand: Expression, regex: Regex, context: FilterContext): RowReader {
  const { source } = context;
  const field = operand.kind === 'field' ? source.field(operand.field) : undefined;
  const textIds = field?.textIds;
  if (!field || !textIds) {
    const read = compileFilter(operand, context);
    return (row) => matches(regex, read(row));
  }
  const key = `${regex.source}/${regex.isCaseInsensitive ? 'i' : ''}`;
  const known = source.memo.get(key) ?? new Map<number, boolean>();
  source.memo.set(key, known);
  const verdictOf = (id: number): boolean => {
    const remembered = known.get(id);
    if (remembered !== undefined) return remembered;
    const verdict = matches(regex, source.text(id)) === true;
    known.set(id, verdict);
    return verdict;
  };
  return (row) => {
    const id = textIds(row);
    if (id === 0) return undefined;
    if (known.size < LIMITS.ruleRegexTextsMax || known.has(id)) return verdictOf(id);
    const standIn = source.standInOf?.(row) ?? 0;
    return standIn === 0 ? undefined : verdictOf(standIn);
  };
}
