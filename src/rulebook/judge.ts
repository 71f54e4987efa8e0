/** Evaluates a rule's test in a scope: whether it holds, and the numbers that a reader wants to see. */
import { type AggregateContext, aggregate, type Measure } from './aggregate.ts';
import type { Scope } from './evidence-data.ts';
import type { Expression } from './expression.ts';
import { compare, evaluate, type Value } from './value.ts';

export interface Judgement {
  /** Undefined: the telemetry for it is missing. */
  readonly holds: boolean | undefined;
  /** Sides of the first comparison that decided. */
  readonly value?: number;
  readonly expected?: number;
  /** Observations behind the value. */
  readonly n: number;
}

export function judge(
  expression: Expression,
  scope: Scope,
  thresholds: Readonly<Record<string, number>>,
): Judgement {
  switch (expression.kind) {
    case 'and':
    case 'or': {
      const left = judge(expression.left, scope, thresholds);
      const isDecided = left.holds === (expression.kind === 'or');
      if (isDecided) return left;
      const right = judge(expression.right, scope, thresholds);
      if (right.holds === left.holds) return left;
      const isRightDecisive = right.holds === (expression.kind === 'or');
      // Of "a and b" the numbers of a are shown, unless b alone decides.
      if (isRightDecisive) return right;
      return { ...left, holds: undefined };
    }
    case 'not': {
      const inner = judge(expression.operand, scope, thresholds);
      return inner.holds === undefined ? inner : { ...inner, holds: !inner.holds };
    }
    case 'compare': {
      const left = measure(expression.left, scope, thresholds);
      const right = measure(expression.right, scope, thresholds);
      const holds = asBoolean(compare(expression.operator, left.value, right.value));
      return {
        holds,
        ...(typeof left.value === 'number' && { value: left.value }),
        ...(typeof right.value === 'number' && { expected: right.value }),
        n: left.n,
      };
    }
    default: {
      const { value, n } = measure(expression, scope, thresholds);
      return { holds: asBoolean(value), n };
    }
  }
}

function asBoolean(value: Value): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function measure(
  expression: Expression,
  scope: Scope,
  thresholds: Readonly<Record<string, number>>,
): { readonly value: Value; readonly n: number } {
  let n = 0;
  const context: AggregateContext = {
    side: scope.now,
    thresholds,
    ...(scope.others && { others: scope.others }),
  };
  const readLeaf = (leaf: Expression, place: AggregateContext): Value => {
    switch (leaf.kind) {
      case 'threshold':
        return thresholds[leaf.name];
      case 'aggregate': {
        const result: Measure = aggregate(leaf.name, leaf.selector, place);
        n = Math.max(n, result.n);
        return result.value;
      }
      case 'elsewhere': {
        const side = leaf.where === 'others' ? scope.others : scope.reference;
        const isReference = leaf.where === 'reference';
        return (
          side &&
          evaluate(leaf.operand, (inner) => readLeaf(inner, { side, thresholds, isReference }))
        );
      }
      default:
        return undefined;
    }
  };
  const value = evaluate(expression, (leaf) => readLeaf(leaf, context));
  return { value, n };
}
