/**
 * Values of expressions and what operators make of them. Undefined means "no such value": it makes a
 * comparison neither true nor false, so that missing telemetry never decides anything.
 */
import { LIMITS } from '../base/limits.ts';
import type { Arithmetic, Comparison, Expression, Regex } from './expression.ts';

export type Value = number | string | boolean | undefined;

/** Reads what only the surroundings know: fields, aggregates, thresholds, places in an answer. */
export type LeafReader = (leaf: Expression) => Value;

/** Evaluates an expression; everything but operators and constants is asked of `readLeaf`. */
export function evaluate(expression: Expression, readLeaf: LeafReader): Value {
  switch (expression.kind) {
    case 'number':
    case 'text':
    case 'boolean':
      return expression.value;
    case 'and':
      return andOf(evaluate(expression.left, readLeaf), () => evaluate(expression.right, readLeaf));
    case 'or':
      return orOf(evaluate(expression.left, readLeaf), () => evaluate(expression.right, readLeaf));
    case 'not':
      return notOf(evaluate(expression.operand, readLeaf));
    case 'negative':
      return arithmetic('-', 0, evaluate(expression.operand, readLeaf));
    case 'exists':
      return evaluate(expression.operand, readLeaf) !== undefined;
    case 'compare':
      return compare(
        expression.operator,
        evaluate(expression.left, readLeaf),
        evaluate(expression.right, readLeaf),
      );
    case 'arithmetic':
      return arithmetic(
        expression.operator,
        evaluate(expression.left, readLeaf),
        evaluate(expression.right, readLeaf),
      );
    case 'match':
      return matches(expression.regex, evaluate(expression.operand, readLeaf));
    case 'in':
      return isIn(evaluate(expression.operand, readLeaf), expression.values);
    case 'first':
      for (const operand of expression.operands) {
        const value = evaluate(operand, readLeaf);
        if (value !== undefined) return value;
      }
      return undefined;
    case 'field':
    case 'threshold':
    case 'value':
    case 'path':
    case 'aggregate':
    case 'elsewhere':
      return readLeaf(expression);
  }
}

/** False when one side is false, unknown when one is unknown. */
export function andOf(left: Value, right: () => Value): Value {
  if (left === false) return false;
  const other = right();
  if (other === false) return false;
  return left === true && other === true ? true : undefined;
}

export function orOf(left: Value, right: () => Value): Value {
  if (left === true) return true;
  const other = right();
  if (other === true) return true;
  return left === false && other === false ? false : undefined;
}

export function notOf(value: Value): Value {
  return typeof value === 'boolean' ? !value : undefined;
}

/** Numbers by size; anything else by equal text. Unknown when a side is missing or not comparable. */
export function compare(operator: Comparison, left: Value, right: Value): Value {
  if (left === undefined || right === undefined) return undefined;
  if (operator === '=') return isEqual(left, right);
  if (operator === '!=') return !isEqual(left, right);
  if (typeof left !== 'number' || typeof right !== 'number') return undefined;
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

/** Undefined for anything that is not a finite number, a division by zero included. */
export function arithmetic(operator: Arithmetic, left: Value, right: Value): number | undefined {
  if (typeof left !== 'number' || typeof right !== 'number') return undefined;
  const results = { '+': left + right, '-': left - right, '*': left * right, '/': left / right };
  const result = results[operator];
  return Number.isFinite(result) ? result : undefined;
}

export function matches(regex: Regex, value: Value): Value {
  return typeof value === 'string'
    ? regex.compiled.test(value.slice(0, LIMITS.ruleRegexCharsMax))
    : undefined;
}

export function isIn(value: Value, candidates: readonly (string | number)[]): Value {
  if (value === undefined) return undefined;
  return candidates.some((candidate) => isEqual(value, candidate));
}

function isEqual(left: Value, right: Value): boolean {
  return left === right || (typeof left !== typeof right && String(left) === String(right));
}
