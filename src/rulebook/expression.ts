/**
 * The language of a rule's tests: text → typed tree. Nothing is evaluated here and nothing of the text is
 * ever executed; docs/rules.md holds the grammar with examples.
 */
import { RE2JS } from 're2js';
import { AppError, messageOf } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Token, tokenize } from './tokens.ts';

export type Comparison = '<' | '<=' | '>' | '>=' | '=' | '!=';
export type Arithmetic = '+' | '-' | '*' | '/';

export const AGGREGATES = [
  'count',
  'share',
  'rate',
  'p50',
  'p90',
  'p95',
  'p99',
  'max',
  'min',
  'mean',
  'sum',
  'fisher',
] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** Aggregates that count rows instead of reading a number of each. */
const COUNTING: ReadonlySet<string> = new Set(['count', 'share', 'rate', 'fisher']);

/** What an aggregate looks at. Related fields are of the span's parent, root or called server span. */
export type Source =
  | { readonly kind: 'span'; readonly field?: FieldName }
  | { readonly kind: 'trace' }
  | { readonly kind: 'log' }
  | { readonly kind: 'change' }
  | { readonly kind: 'metric'; readonly names: readonly string[] };

export type Relation = 'self' | 'parent' | 'root' | 'callee';

export interface FieldName {
  readonly relation: Relation;
  readonly name: string;
}

export interface Selector {
  readonly source: Source;
  readonly where?: Expression;
  /** share: what the rows are a share of; absent: all rows of the scope. */
  readonly of?: Expression;
}

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'threshold'; readonly name: string }
  /** A field of the row that a filter looks at. */
  | { readonly kind: 'field'; readonly field: FieldName }
  /** Expectations only: the answer's value, or a place in a JSON answer. */
  | { readonly kind: 'value' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'aggregate'; readonly name: Aggregate; readonly selector: Selector }
  /** The same expression over the reference period, or over the other versions of the service. */
  | {
      readonly kind: 'elsewhere';
      readonly where: 'reference' | 'others';
      readonly operand: Expression;
    }
  /** The first operand that has a value. */
  | { readonly kind: 'first'; readonly operands: readonly Expression[] }
  | { readonly kind: 'not' | 'negative' | 'exists'; readonly operand: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'compare';
      readonly operator: Comparison;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'arithmetic';
      readonly operator: Arithmetic;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'match'; readonly operand: Expression; readonly regex: Regex }
  | {
      readonly kind: 'in';
      readonly operand: Expression;
      readonly values: readonly (string | number)[];
    };

export interface Regex {
  readonly source: string;
  readonly isCaseInsensitive: boolean;
  /** Linear in the length of the text (RE2). */
  readonly compiled: RE2JS;
}

/** Where an expression stands decides which words it knows. */
type Place = 'test' | 'filter' | 'expectation';

const RELATIONS: Readonly<Record<string, Relation>> = {
  span: 'self',
  parent: 'parent',
  root: 'root',
  callee: 'callee',
};

/** A whole test: aggregates, comparisons, thresholds. Throws `rule.invalid`. */
export function parseTest(text: string): Expression {
  return parse(text, 'test');
}

/** A filter over rows, as after `where`. Throws `rule.invalid`. */
export function parseFilter(text: string): Expression {
  return parse(text, 'filter');
}

/** What a probe's answer must hold: JSONPath places or `value`. Throws `rule.invalid`. */
export function parseExpectation(text: string): Expression {
  return parse(text, 'expectation');
}

function parse(text: string, place: Place): Expression {
  const reader = new TokenReader(tokenize(text));
  const expression = readOr(reader, place);
  if (reader.peek().kind !== 'end') throw reader.unexpected('the end');
  return expression;
}

class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(): Token {
    return this.#tokens[this.#at]!; // the last token is `end` and is never passed
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  nextName(): string {
    const token = this.peek();
    if (token.kind !== 'name') throw this.unexpected('a name');
    this.#at++;
    return token.value;
  }

  /** Takes the symbol or word when it is next. */
  take(kind: 'symbol' | 'name', ...values: readonly string[]): string | undefined {
    const token = this.peek();
    if (token.kind !== kind || !values.includes(token.value)) return undefined;
    this.#at++;
    return token.value;
  }

  expect(symbol: string): void {
    if (this.take('symbol', symbol) === undefined) throw this.unexpected(`"${symbol}"`);
  }

  unexpected(wanted: string): AppError {
    const token = this.peek();
    const found = token.kind === 'end' ? 'the end' : `"${token.value}"`;
    return new AppError(
      'rule.invalid',
      `Cannot parse expression: expected ${wanted}, found ${found} at character ${token.at + 1}`,
    );
  }

  nested<Result>(read: () => Result): Result {
    if (++this.#depth > LIMITS.ruleTestDepthMax) {
      throw new AppError(
        'rule.invalid',
        `Cannot parse expression: nested deeper than ${LIMITS.ruleTestDepthMax}`,
      );
    }
    const result = read();
    this.#depth--;
    return result;
  }
}

function readOr(reader: TokenReader, place: Place): Expression {
  let left = readAnd(reader, place);
  while (reader.take('name', 'or')) left = { kind: 'or', left, right: readAnd(reader, place) };
  return left;
}

function readAnd(reader: TokenReader, place: Place): Expression {
  let left = readNot(reader, place);
  while (reader.take('name', 'and')) left = { kind: 'and', left, right: readNot(reader, place) };
  return left;
}

function readNot(reader: TokenReader, place: Place): Expression {
  if (!reader.take('name', 'not')) return readComparison(reader, place);
  return { kind: 'not', operand: reader.nested(() => readNot(reader, place)) };
}

function readComparison(reader: TokenReader, place: Place): Expression {
  const bodyMatch = place === 'test' ? tryReadBodyMatch(reader) : undefined;
  if (bodyMatch) return bodyMatch;
  const left = readSum(reader, place);
  if (reader.take('name', 'exists')) return { kind: 'exists', operand: left };
  if (reader.take('name', 'in')) return { kind: 'in', operand: left, values: readList(reader) };
  if (reader.take('symbol', '~')) return { kind: 'match', operand: left, regex: readRegex(reader) };
  const symbol = reader.take('symbol', '<', '<=', '>', '>=', '=', '==', '!=');
  if (symbol === undefined) return left;
  const operator = (symbol === '==' ? '=' : symbol) as Comparison; // take() returned one of the list
  return { kind: 'compare', operator, left, right: readSum(reader, place) };
}

/** `body ~ /…/` outside a filter: some log line of the service matches. */
function tryReadBodyMatch(reader: TokenReader): Expression | undefined {
  if (!reader.take('name', 'body')) return undefined;
  reader.expect('~');
  const body: Expression = { kind: 'field', field: { relation: 'self', name: 'body' } };
  const where: Expression = { kind: 'match', operand: body, regex: readRegex(reader) };
  return {
    kind: 'compare',
    operator: '>',
    left: { kind: 'aggregate', name: 'count', selector: { source: { kind: 'log' }, where } },
    right: { kind: 'number', value: 0 },
  };
}

function readSum(reader: TokenReader, place: Place): Expression {
  let left = readProduct(reader, place);
  for (;;) {
    const operator = reader.take('symbol', '+', '-');
    if (operator === undefined) return left;
    const right = readProduct(reader, place);
    left = { kind: 'arithmetic', operator: operator as Arithmetic, left, right }; // one of the two
  }
}

function readProduct(reader: TokenReader, place: Place): Expression {
  let left = readUnary(reader, place);
  for (;;) {
    const operator = reader.take('symbol', '*', '/');
    if (operator === undefined) return left;
    const right = readUnary(reader, place);
    left = { kind: 'arithmetic', operator: operator as Arithmetic, left, right }; // one of the two
  }
}

function readUnary(reader: TokenReader, place: Place): Expression {
  if (!reader.take('symbol', '-')) return readPrimary(reader, place);
  return { kind: 'negative', operand: reader.nested(() => readUnary(reader, place)) };
}

function readPrimary(reader: TokenReader, place: Place): Expression {
  if (reader.take('symbol', '(')) {
    const inner = reader.nested(() => readOr(reader, place));
    reader.expect(')');
    return inner;
  }
  const token = reader.peek();
  switch (token.kind) {
    case 'number':
      reader.next();
      return { kind: 'number', value: token.value };
    case 'text':
      reader.next();
      return { kind: 'text', value: token.value };
    case 'path':
      if (place !== 'expectation') throw reader.unexpected('a value');
      reader.next();
      return { kind: 'path', path: token.value };
    case 'name':
      return readName(reader, place);
    default:
      throw reader.unexpected('a value');
  }
}

const RESERVED: ReadonlySet<string> = new Set(['and', 'or', 'not', 'where', 'of', 'in', 'exists']);

function readName(reader: TokenReader, place: Place): Expression {
  const start = reader.peek();
  if (start.kind === 'name' && RESERVED.has(start.value)) throw reader.unexpected('a value');
  const name = reader.nextName();
  if (name === 'true' || name === 'false') return { kind: 'boolean', value: name === 'true' };
  if (reader.peek().value === '(' && reader.peek().kind === 'symbol') {
    return readCall(reader, { name, place, at: start.at });
  }
  if (place === 'expectation') {
    if (name === 'value') return { kind: 'value' };
    throw unknownWord(name, start.at, 'value or a path such as $.status');
  }
  if (name.startsWith('thresholds.')) {
    return { kind: 'threshold', name: name.slice('thresholds.'.length) };
  }
  if (place === 'filter') return { kind: 'field', field: fieldOf(name) };
  throw unknownWord(name, start.at, 'a function, a number or thresholds.name');
}

function readCall(
  reader: TokenReader,
  call: { readonly name: string; readonly place: Place; readonly at: number },
): Expression {
  const { name, place, at } = call;
  reader.expect('(');
  const expression = reader.nested((): Expression => {
    if (name === 'first' && place !== 'expectation') return readFirst(reader, place);
    if (place === 'test' && (name === 'reference' || name === 'baseline' || name === 'others')) {
      const where = name === 'others' ? 'others' : 'reference';
      const operand = readSum(reader, place);
      assertNoPeriodInside(operand, name);
      return { kind: 'elsewhere', where, operand };
    }
    const aggregate = AGGREGATES.find((known) => known === name);
    if (place !== 'test' || aggregate === undefined) {
      throw unknownWord(name, at, 'a function that stands here');
    }
    return { kind: 'aggregate', name: aggregate, selector: readSelector(reader, aggregate) };
  });
  reader.expect(')');
  return expression;
}

function readFirst(reader: TokenReader, place: Place): Expression {
  const operands = [readSum(reader, place)];
  while (reader.take('symbol', ',')) operands.push(readSum(reader, place));
  return { kind: 'first', operands };
}

function readSelector(reader: TokenReader, aggregate: Aggregate): Selector {
  const source = readSource(reader);
  const isCounting = COUNTING.has(aggregate);
  const needsField = source.kind !== 'metric' && !(source.kind === 'span' && source.field);
  if (!isCounting && needsField) {
    throw reader.unexpected(`a number to take the ${aggregate} of, such as span.duration, before`);
  }
  const isShare = aggregate === 'share' || aggregate === 'fisher';
  if (isShare && (source.kind === 'metric' || source.kind === 'change')) {
    throw reader.unexpected(`span, trace or log for ${aggregate} before`);
  }
  const where = reader.take('name', 'where') ? readOr(reader, 'filter') : undefined;
  if (isShare && !where) throw reader.unexpected('where');
  const of = isShare && reader.take('name', 'of') ? readOr(reader, 'filter') : undefined;
  return { source, ...(where && { where }), ...(of && { of }) };
}

function readSource(reader: TokenReader): Source {
  const first = readSourceName(reader);
  if (first === 'span' || first === 'trace' || first === 'log' || first === 'change') {
    return { kind: first };
  }
  const field = fieldOf(first);
  if (RELATIONS[first.split('.', 1)[0] ?? ''] !== undefined) return { kind: 'span', field };
  const names = [first];
  while (reader.take('symbol', '|')) names.push(readSourceName(reader));
  return { kind: 'metric', names };
}

function readSourceName(reader: TokenReader): string {
  const token = reader.peek();
  if (token.kind !== 'name' || RESERVED.has(token.value)) {
    throw reader.unexpected('span, trace, log, change or a metric');
  }
  return reader.nextName();
}

/** `parent.duration` → parent's duration; `span.duration` and `duration` alike → own. */
function fieldOf(name: string): FieldName {
  const dot = name.indexOf('.');
  const relation = dot < 0 ? undefined : RELATIONS[name.slice(0, dot)];
  return relation === undefined
    ? { relation: 'self', name }
    : { relation, name: name.slice(dot + 1) };
}

function readList(reader: TokenReader): (string | number)[] {
  const close = reader.take('symbol', '[') ? ']' : ')';
  if (close === ')') reader.expect('(');
  const values: (string | number)[] = [];
  do {
    const token = reader.peek();
    if (token.kind !== 'number' && token.kind !== 'text')
      throw reader.unexpected('a number or text');
    reader.next();
    values.push(token.value);
  } while (reader.take('symbol', ','));
  reader.expect(close);
  return values;
}

function readRegex(reader: TokenReader): Regex {
  const token = reader.peek();
  if (token.kind !== 'regex') throw reader.unexpected('a regular expression /…/');
  reader.next();
  const isCaseInsensitive = token.flags === 'i';
  try {
    const compiled = RE2JS.compile(token.value, isCaseInsensitive ? RE2JS.CASE_INSENSITIVE : 0);
    return { source: token.value, isCaseInsensitive, compiled };
  } catch (thrown) {
    throw new AppError(
      'rule.invalid',
      `Cannot parse regular expression /${token.value}/: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

function assertNoPeriodInside(expression: Expression, name: string): void {
  if (expression.kind === 'elsewhere') {
    throw new AppError('rule.invalid', `Cannot parse expression: ${name}() holds another period`);
  }
  for (const part of partsOf(expression)) assertNoPeriodInside(part, name);
}

function unknownWord(name: string, at: number, wanted: string): AppError {
  return new AppError(
    'rule.invalid',
    `Cannot parse expression: unknown "${name}" at character ${at + 1}; expected ${wanted}`,
    { offendingValue: name },
  );
}

/** Operands of an expression, filters included. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'number':
    case 'text':
    case 'boolean':
    case 'threshold':
    case 'field':
    case 'value':
    case 'path':
      return [];
    case 'aggregate':
      return [expression.selector.where, expression.selector.of].filter(
        (part) => part !== undefined,
      );
    case 'first':
      return expression.operands;
    case 'elsewhere':
    case 'not':
    case 'negative':
    case 'exists':
    case 'match':
    case 'in':
      return [expression.operand];
    case 'and':
    case 'or':
    case 'compare':
    case 'arithmetic':
      return [expression.left, expression.right];
  }
}

/** Names after `thresholds.` anywhere in the expression. */
export function thresholdsOf(expression: Expression): readonly string[] {
  if (expression.kind === 'threshold') return [expression.name];
  return partsOf(expression).flatMap(thresholdsOf);
}
