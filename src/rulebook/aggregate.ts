/**
 * Computes one aggregate of a rule's test (p95, count, share …) over one side of a scope. Returns the number
 * and how many observations stand behind it; undefined when there is nothing to look at.
 */
import { unreachable } from '../base/errors.ts';
import { fisherExact, medianOf, quantileOfSorted } from '../base/statistics.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Side } from './evidence-data.ts';
import type { Aggregate, Expression, FieldName, Selector } from './expression.ts';
import { compileFilter, type FieldReader, type RowReader, type RowSource } from './filter.ts';
import { metricKeyOf, msFactorOf } from './metric-name.ts';
import type { Value } from './value.ts';

export interface Measure {
  readonly value: number | undefined;
  readonly n: number;
}

export interface AggregateContext {
  readonly side: Side;
  /** The versions that fisher() compares with. */
  readonly others?: Side;
  readonly thresholds: Readonly<Record<string, number>>;
  /** True for what stands for normal times: see usualQuantile(). */
  readonly isReference?: boolean;
}

const NOTHING: Measure = { value: undefined, n: 0 };

export function aggregate(name: Aggregate, selector: Selector, context: AggregateContext): Measure {
  switch (name) {
    case 'count':
      return countOf(selector, context);
    case 'rate':
      return rateOf(selector, context);
    case 'share':
      return shareOf(selector, context);
    case 'fisher':
      return fisherOf(selector, context);
    case 'p50':
    case 'p90':
    case 'p95':
    case 'p99':
      return quantileMeasure(QUANTILES[name], selector, context);
    default:
      return summarise(name, numbersOf(selector, context));
  }
}

const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

function quantileMeasure(q: number, selector: Selector, context: AggregateContext): Measure {
  const numbers = numbersOf(selector, context);
  if (numbers.length === 0) return NOTHING;
  const isUsual = context.isReference === true && selector.source.kind === 'span';
  const value = isUsual ? usualQuantile(numbers, q) : quantileOfSorted(numbers.toSorted(), q);
  return { value, n: numbers.length };
}

/** Fewer observations than this in a part have no upper quantile worth the name. */
const PART_MIN = 16;
const PARTS_MAX = 7;

/**
 * A quantile of normal times. A cold start or a stall slows a few requests in a row by much and would lift
 * an upper quantile of all; so the observations, in order of time, are cut into an odd number of parts, and
 * the median of the parts' quantiles counts: minorities of bad parts do not move it. 280 observations make
 * 7 parts of 40, of which 3 may be bad; fewer than 48 stay in one.
 */
function usualQuantile(inOrder: Float64Array, q: number): number {
  const fitting = Math.min(PARTS_MAX, Math.floor(inOrder.length / PART_MIN));
  const parts = Math.max(1, fitting - ((fitting + 1) % 2));
  const quantiles = Array.from({ length: parts }, (_, part) => {
    const from = Math.floor((part * inOrder.length) / parts);
    const to = Math.floor(((part + 1) * inOrder.length) / parts);
    return quantileOfSorted(inOrder.slice(from, to).sort(), q);
  });
  return medianOf(quantiles);
}

/** Numbers of the rows that the selector keeps; NaN values are not observations. */
function numbersOf(selector: Selector, context: AggregateContext): Float64Array {
  const { source } = selector;
  if (source.kind === 'metric') return metricNumbers(source.names, selector.where, context);
  if (source.kind !== 'span' || source.field === undefined) return new Float64Array(0);
  const rows = byStart(spanRows(selector.where, context), context);
  const { read } = context.side.fields.field(source.field);
  const numbers = new Float64Array(rows.length);
  let count = 0;
  for (const row of rows) {
    const value = read(row);
    if (typeof value === 'number' && Number.isFinite(value)) numbers[count++] = value;
  }
  return numbers.subarray(0, count);
}

/** Order matters to usualQuantile() alone. */
function byStart(rows: Uint32Array, { side, isReference }: AggregateContext): Uint32Array {
  const { startUs } = side.fields.table;
  return isReference === true ? rows.toSorted((a, b) => startUs[a]! - startUs[b]!) : rows;
}

function summarise(name: 'max' | 'min' | 'sum' | 'mean', numbers: Float64Array): Measure {
  const n = numbers.length;
  if (n === 0) return NOTHING;
  switch (name) {
    case 'max':
      return { value: numbers.reduce((most, number) => Math.max(most, number), -Infinity), n };
    case 'min':
      return { value: numbers.reduce((least, number) => Math.min(least, number), Infinity), n };
    case 'sum':
      return { value: sumOf(numbers), n };
    case 'mean':
      return { value: sumOf(numbers) / n, n };
    default:
      return unreachable(name);
  }
}

function sumOf(numbers: Float64Array): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Rows, traces, lines, changes or points. Zero is an answer only where something could have been seen. */
function countOf(selector: Selector, context: AggregateContext): Measure {
  const { side } = context;
  switch (selector.source.kind) {
    case 'span':
      return side.rows.length === 0
        ? NOTHING
        : { value: spanRows(selector.where, context).length, n: side.rows.length };
    case 'trace':
      return side.rows.length === 0
        ? NOTHING
        : {
            value: tracesOf(spanRows(selector.where, context), side),
            n: tracesOf(side.rows, side),
          };
    case 'log': {
      // No line of any service: the period has no logs, which is not the same as none that match.
      if (side.logs.count === 0) return NOTHING;
      const count = logRows(selector.where, context).length;
      return { value: count, n: count };
    }
    case 'change': {
      const count = changeCount(selector.where, context);
      return { value: count, n: count };
    }
    case 'metric': {
      const { length } = numbersOf(selector, context);
      return length === 0 ? NOTHING : { value: length, n: length };
    }
    default:
      return unreachable(selector.source);
  }
}

/** Per minute of the period, or of what was read of it. */
function rateOf(selector: Selector, context: AggregateContext): Measure {
  const { value, n } = countOf(selector, context);
  const { range, keptShare, keptLogShare } = context.side;
  const shares = { span: keptShare, trace: keptShare, log: keptLogShare, change: 1, metric: 1 };
  const minutes = (shares[selector.source.kind] * (range.toUs - range.fromUs)) / US_PER_MINUTE;
  return value === undefined || minutes <= 0 ? NOTHING : { value: value / minutes, n };
}

function shareOf(selector: Selector, context: AggregateContext): Measure {
  const { hits, total } = hitsOf(selector, context);
  return total === 0 ? NOTHING : { value: hits / total, n: total };
}

/** p-value of the shares here and in the other versions being one and the same. */
function fisherOf(selector: Selector, context: AggregateContext): Measure {
  if (!context.others) return NOTHING;
  const here = hitsOf(selector, context);
  const there = hitsOf(selector, { side: context.others, thresholds: context.thresholds });
  if (here.total === 0 || there.total === 0) return NOTHING;
  const value = fisherExact({
    a: here.hits,
    b: here.total - here.hits,
    c: there.hits,
    d: there.total - there.hits,
  });
  return { value, n: here.total + there.total };
}

function hitsOf(
  selector: Selector,
  context: AggregateContext,
): { readonly hits: number; readonly total: number } {
  const { side } = context;
  const { kind } = selector.source;
  if (kind === 'log') {
    const base = logRows(selector.of, context);
    return {
      hits: keptRows(base, selector.where, logSource(side), context).length,
      total: base.length,
    };
  }
  const base = spanRows(selector.of, context);
  const hits = keptRows(base, selector.where, spanSource(side), context);
  return kind === 'trace'
    ? { hits: tracesOf(hits, side), total: tracesOf(base, side) }
    : { hits: hits.length, total: base.length };
}

/** Rows of the scope's spans that pass a filter of this rule. */
export function spanRows(where: Expression | undefined, context: AggregateContext): Uint32Array {
  return keptRows(context.side.rows, where, spanSource(context.side), context);
}

function logRows(where: Expression | undefined, context: AggregateContext): Uint32Array {
  return keptRows(context.side.logRows, where, logSource(context.side), context);
}

function keptRows(
  rows: Uint32Array,
  where: Expression | undefined,
  source: RowSource,
  context: AggregateContext,
): Uint32Array {
  if (!where) return rows;
  const passes = compileFilter(where, { source, thresholds: context.thresholds });
  return rows.filter((row) => passes(row) === true);
}

function tracesOf(rows: Uint32Array, side: Side): number {
  const { trace } = side.fields.table;
  const traces = new Set<number>();
  for (const row of rows) traces.add(trace[row]!);
  return traces.size;
}

function spanSource(side: Side): RowSource {
  const { fields, memo } = side;
  return {
    field: (field) => fields.field(field),
    text: (id) => fields.table.strings.text(id),
    memo,
  };
}

function logSource(side: Side): RowSource {
  const { logs, logMemo } = side;
  const texts: Readonly<Record<string, Uint32Array>> = {
    body: logs.body,
    template: logs.template,
    source: logs.source,
  };
  const textField = (column: Uint32Array): FieldReader => ({
    read: (row) => (column[row] === 0 ? undefined : logs.strings.text(column[row]!)),
    textIds: (row) => column[row]!,
  });
  return {
    field: ({ name }) => {
      if (name === 'severity') return { read: (row) => logs.severity[row]! };
      const column = Object.hasOwn(texts, name) ? texts[name] : undefined;
      return column ? textField(column) : { read: () => undefined };
    },
    text: (id) => logs.strings.text(id),
    memo: logMemo,
    standInOf: (row) => side.templateTextIds.get(logs.template[row]!) ?? 0,
  };
}

function changeCount(where: Expression | undefined, context: AggregateContext): number {
  const { changes } = context.side;
  const source = listSource((row, field) => {
    const change = changes[row];
    if (!change) return undefined;
    const own: Readonly<Record<string, Value>> = {
      kind: change.kind,
      version: change.version,
      service: change.service,
      description: change.description,
    };
    return Object.hasOwn(own, field.name)
      ? own[field.name]
      : ownText(change.attributes, field.name);
  });
  return keptRows(Uint32Array.from(changes.keys()), where, source, context).length;
}

/** All points of all series that bear one of the names, in ms when they are times. */
function metricNumbers(
  names: readonly string[],
  where: Expression | undefined,
  context: AggregateContext,
): Float64Array {
  const wanted = new Set(names.map(metricKeyOf));
  const series = context.side.series.filter(({ name }) => wanted.has(metricKeyOf(name)));
  const source = listSource((row, field) => {
    const value = ownText(series[row]?.attributes, field.name);
    return value ?? ownText(series[row]?.resource, field.name);
  });
  const rows = keptRows(Uint32Array.from(series.keys()), where, source, context);
  const numbers: number[] = [];
  for (const row of rows) {
    const { values, ...one } = series[row]!; // row is an index of series
    const factor = msFactorOf(one);
    for (const value of values) if (Number.isFinite(value)) numbers.push(value * factor);
  }
  return Float64Array.from(numbers);
}

function listSource(read: (row: number, field: FieldName) => Value): RowSource {
  return {
    field: (field) => ({ read: ((row: number) => read(row, field)) satisfies RowReader }),
    text: () => '',
    memo: new Map(),
  };
}

function ownText(record: object | undefined, name: string): Value {
  if (!record || !Object.hasOwn(record, name)) return undefined;
  const value: unknown = Object.getOwnPropertyDescriptor(record, name)?.value;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : undefined;
}
