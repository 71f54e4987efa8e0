/**
 * The places where requests spend time: what an operation takes itself, and the way from one service to
 * another (what a call takes beyond the answer that it holds). Each is compared with the reference within
 * contexts: same operation under the same caller, same call to the same answer.
 */
import { quantileOfSorted } from '../base/statistics.ts';
import { dispersionOf, StretchCounts, stretchOfTraces } from './dispersion.ts';
import { type Context, ContextIndex, type Period } from './place-context.ts';
import { findStratifiedCut, type StratifiedCut, type Stratum } from './strata.ts';

/** Fewer reference values of a context say nothing about it: wider contexts then speak. */
const REFERENCE_VALUES_MIN = 8;
/** Normal quantile of a 95 % interval. */
const Z95 = 1.96;

export interface Place {
  readonly kind: 'own' | 'way';
  readonly service: string;
  /** Of a way: the call that most of its spans make. */
  readonly operation: string;
  /** Of a way: the service that answers; otherwise empty. */
  readonly callee: string;
  /** String ids of service and operation. */
  readonly serviceId: number;
  readonly operationId: number;
  /** Operations of the window that the place is made of. */
  readonly operationCount: number;
  /** Spans of the window. */
  readonly count: number;
  /** What can be compared: by context, the values of both periods. */
  readonly strata: readonly Stratum[];
  /** Against the reference; undefined when there is nothing to compare with, or nothing is longer. */
  readonly growth: StratifiedCut | undefined;
  /** How much slow spans crowd in time, at least 1: the growth's likelihood ratio is divided by it. */
  readonly dispersion: number;
  /** Spans above it are the slowed ones; undefined without growth. */
  readonly boundUs: number | undefined;
  /** Median of the reference, or of the window's faster half when there is none. */
  readonly usualUs: number;
  /** Time in the traces that were asked about beyond what the reference shows, in all. */
  readonly excessUs: number;
  /** Half the 95 % interval of excessUs. */
  readonly excessErrorUs: number;
}

export interface PlaceOptions {
  readonly isBadTrace: Uint8Array;
  /** True when only the bad traces were asked about, false when the whole window was. */
  readonly isScoped: boolean;
}

export interface Places {
  /** By kind, service, operation, callee. */
  readonly places: readonly Place[];
  /** Calls of the window whose answers were not recorded, though such calls usually have one: they say nothing. */
  readonly unansweredCount: number;
}

export function findPlaces(now: Period, before: Period | undefined, options: PlaceOptions): Places {
  const index = new ContextIndex();
  const operationOf = index.numberOperations(now);
  const operationOfBefore = before && index.numberOperations(before);
  const { contextOf, unansweredCount } = index.numberContexts(now, operationOf);
  const contextOfBefore =
    before && operationOfBefore && index.numberContexts(before, operationOfBefore).contextOf;
  const rows = groupRows(contextOf, index.contexts.length);
  const rowsBefore = contextOfBefore && groupRows(contextOfBefore, index.contexts.length);
  const contexts = index.contexts.map(
    (context, at): ContextTimes => ({
      ...context,
      rows: rows[at]!,
      rowsBefore: rowsBefore?.[at] ?? new Uint32Array(0),
      now: sortedOf(now.times.ownUs, rows[at]!),
      before: sortedOf(before?.times.ownUs, rowsBefore?.[at]),
    }),
  );
  const byPlace = groupBy(contexts, ({ place }) => place);
  const wider = new WiderReference(contexts);
  const periods = before === undefined ? [now] : [now, before];
  const stretches = periods.map(({ table }) => stretchOfTraces(table));
  const places: Place[] = [];
  for (const group of byPlace.values()) {
    const seen = group.filter(({ rows }) => rows.length > 0);
    if (seen.length > 0) places.push(placeOf(seen, { now, periods, stretches, wider, options }));
  }
  return { places: places.sort(comparePlaces), unansweredCount };
}

interface ContextTimes extends Context {
  readonly rows: Uint32Array;
  readonly rowsBefore: Uint32Array;
  readonly now: Float64Array;
  readonly before: Float64Array;
}

/** Rows of each group, ascending, by counting. */
function groupRows(groupOf: Int32Array, groupCount: number): Uint32Array[] {
  const counts = new Uint32Array(groupCount);
  for (const group of groupOf) if (group >= 0) counts[group]!++;
  const groups = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let row = 0; row < groupOf.length; row++) {
    const group = groupOf[row]!;
    if (group >= 0) groups[group]![counts[group]!++] = row;
  }
  return groups;
}

function sortedOf(column: Float64Array | undefined, rows: Uint32Array | undefined): Float64Array {
  if (column === undefined || rows === undefined) return new Float64Array(0);
  const values = new Float64Array(rows.length);
  for (let index = 0; index < rows.length; index++) values[index] = column[rows[index]!]!;
  return values.sort();
}

/**
 * What the reference knows beyond one context: the whole place, and for a way all ways to the same service,
 * whose wires and queues are partly the same, or else all ways.
 */
class WiderReference {
  readonly #byPlace: Map<number, ContextTimes[]>;
  readonly #byCallee: Map<number, ContextTimes[]>;
  readonly #ways: readonly ContextTimes[];
  readonly #pooled = new Map<readonly ContextTimes[], Float64Array>();

  constructor(contexts: readonly ContextTimes[]) {
    this.#byPlace = groupBy(contexts, ({ place }) => place);
    this.#ways = contexts.filter(({ kind }) => kind === 'way');
    this.#byCallee = groupBy(this.#ways, ({ calleeId }) => calleeId);
  }

  /** Reference values for a context; undefined when nothing like it was seen. */
  find(context: ContextTimes): Pick<Stratum, 'before' | 'isForeign'> | undefined {
    if (context.before.length >= REFERENCE_VALUES_MIN) return { before: context.before };
    const place = this.#pool(this.#byPlace.get(context.place) ?? []);
    if (place.length >= REFERENCE_VALUES_MIN) return { before: place };
    // Few values say what is usual, if not how surely.
    if (context.kind === 'own') return place.length === 0 ? undefined : { before: place };
    // Ways are alike: those to the same service, or else all, say it too.
    const callee = this.#pool(this.#byCallee.get(context.calleeId) ?? []);
    if (callee.length > 0) return { before: callee };
    const ways = this.#pool(this.#ways);
    return ways.length === 0 ? undefined : { before: ways, isForeign: true };
  }

  #pool(contexts: readonly ContextTimes[]): Float64Array {
    let pooled = this.#pooled.get(contexts);
    if (pooled === undefined) {
      pooled = new Float64Array(contexts.reduce((sum, { before }) => sum + before.length, 0));
      let at = 0;
      for (const { before } of contexts) {
        pooled.set(before, at);
        at += before.length;
      }
      this.#pooled.set(contexts, pooled.sort());
    }
    return pooled;
  }
}

interface PlaceContext {
  readonly now: Period;
  /** Window, and reference if there is one; with the stretch of each trace. */
  readonly periods: readonly Period[];
  readonly stretches: readonly Uint8Array[];
  readonly wider: WiderReference;
  readonly options: PlaceOptions;
}

function placeOf(contexts: readonly ContextTimes[], context: PlaceContext): Place {
  const { strings } = context.now.table;
  const first = contexts[0]!; // findPlaces() asks for no place without a context
  const most = contexts.reduce((a, b) => (b.rows.length > a.rows.length ? b : a));
  return {
    kind: first.kind,
    service: strings.text(first.serviceId),
    operation: strings.text(most.operationId),
    callee: first.calleeId === 0 ? '' : strings.text(first.calleeId),
    serviceId: first.serviceId,
    operationId: most.operationId,
    operationCount: new Set(contexts.map(({ operationId }) => operationId)).size,
    count: contexts.reduce((sum, { rows }) => sum + rows.length, 0),
    ...timesOf(contexts, context),
  };
}

type Times = Pick<
  Place,
  'strata' | 'growth' | 'dispersion' | 'boundUs' | 'usualUs' | 'excessUs' | 'excessErrorUs'
>;

function timesOf(contexts: readonly ContextTimes[], context: PlaceContext): Times {
  const known = contexts.flatMap((one) => {
    const before = context.wider.find(one);
    return before === undefined ? [] : [{ ...one, ...before }];
  });
  if (known.length === 0) return uncompared(contexts, context);
  const most = known.reduce((a, b) => (b.rows.length > a.rows.length ? b : a));
  const usualUs = quantileOfSorted(most.before, 0.5);
  const cut = findStratifiedCut(known);
  if (cut === undefined) {
    const none = { dispersion: 1, boundUs: undefined, excessUs: 0, excessErrorUs: 0 };
    return { strata: known, growth: cut, usualUs, ...none };
  }
  const dispersion = crowdingOf(known, { bounds: cut.bounds, context });
  const growth = { ...cut, llr: cut.llr / dispersion };
  return { strata: known, growth, dispersion, usualUs, ...excessOf(known, { growth, context }) };
}

function crowdingOf(
  contexts: readonly ContextTimes[],
  { bounds, context }: { readonly bounds: Float64Array; readonly context: PlaceContext },
): number {
  const counts = context.periods.map(({ table, times }, period) => {
    const stretchOf = context.stretches[period]!; // one for each period
    const count = new StretchCounts();
    contexts.forEach(({ rows, rowsBefore }, index) => {
      const bound = bounds[index]!;
      for (const row of period === 0 ? rows : rowsBefore) {
        count.add(stretchOf[table.trace[row]!]!, times.ownUs[row]! > bound);
      }
    });
    return count;
  });
  return dispersionOf(counts);
}

/**
 * Time above the bounds, beyond the median, in the traces that were asked about; less what the reference has
 * above the same bounds in as many spans. Rare slow spans that were there before cancel out.
 */
function excessOf(
  strata: readonly (ContextTimes & Stratum)[],
  { growth, context }: { readonly growth: StratifiedCut; readonly context: PlaceContext },
): Pick<Times, 'boundUs' | 'excessUs' | 'excessErrorUs'> {
  const { now, options } = context;
  let excessUs = 0;
  let squares = 0;
  let top = { excessUs: Number.NEGATIVE_INFINITY, boundUs: 0 };
  for (const [index, stratum] of strata.entries()) {
    const bound = growth.bounds[index]!;
    const median = quantileOfSorted(stratum.before, 0.5);
    let hereUs = 0;
    let count = 0;
    for (const row of stratum.rows) {
      if (options.isScoped && options.isBadTrace[now.table.trace[row]!] === 0) continue;
      count++;
      const us = now.times.ownUs[row]!;
      if (us <= bound) continue;
      hereUs += us - median;
      squares += (us - median) ** 2;
    }
    const before = tailOf(stratum.before, { bound, median });
    const scale = count / stratum.before.length;
    hereUs -= scale * before.sum;
    squares += scale * scale * before.squares;
    excessUs += hereUs;
    if (hereUs > top.excessUs) top = { excessUs: hereUs, boundUs: apart(stratum.now, bound) };
  }
  return {
    boundUs: top.boundUs,
    excessUs: Math.max(0, excessUs),
    // The number of slow spans is what varies most: variance of a sum of so many values ≈ Σ value².
    excessErrorUs: Z95 * Math.sqrt(squares),
  };
}

function tailOf(
  sorted: Float64Array,
  { bound, median }: { readonly bound: number; readonly median: number },
): { readonly sum: number; readonly squares: number } {
  let sum = 0;
  let squares = 0;
  for (let index = sorted.length - 1; index >= 0 && sorted[index]! > bound; index--) {
    sum += sorted[index]! - median;
    squares += (sorted[index]! - median) ** 2;
  }
  return { sum, squares };
}

/** Halfway (geometric) between the bound and the median of what lies above it: chance values fall below. */
function apart(now: Float64Array, bound: number): number {
  let at = now.length;
  while (at > 0 && now[at - 1]! > bound) at--;
  const high = now.subarray(at);
  return high.length === 0 ? bound : Math.sqrt(Math.max(bound, 1) * quantileOfSorted(high, 0.5));
}

/** Nothing to compare with: the window's own lower quartile stands for "normal", most of a bad window is slow. */
function uncompared(contexts: readonly ContextTimes[], { now, options }: PlaceContext): Times {
  const values = Float64Array.from(contexts.flatMap((one) => [...one.now])).sort();
  const usualUs = quantileOfSorted(values, 0.25);
  let excessUs = 0;
  let squares = 0;
  for (const { rows } of contexts) {
    for (const row of rows) {
      if (options.isBadTrace[now.table.trace[row]!] === 0) continue;
      const us = Math.max(0, now.times.ownUs[row]! - usualUs);
      excessUs += us;
      squares += us * us;
    }
  }
  const excessErrorUs = Z95 * Math.sqrt(squares);
  const none = { strata: [], growth: undefined, dispersion: 1, boundUs: undefined };
  return { ...none, usualUs, excessUs, excessErrorUs };
}

function comparePlaces(a: Place, b: Place): number {
  const [left, right] = [a, b].map(({ kind, service, operation, callee }) =>
    [kind, service, kind === 'own' ? operation : callee].join('\0'),
  );
  return left! < right! ? -1 : 1;
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => number): Map<number, Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
