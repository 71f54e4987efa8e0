/**
 * Conditions on one attribute that more bad rows meet than good ones: a value, a set of values, or a bound of
 * a number. What the search for conjunctions starts from.
 */
import { chiSquareTail, fisherExact, type Share, twoShareLlr } from '../base/statistics.ts';
import type { AttributeCondition } from '../model/cluster.ts';
import { OPERATION_KEY, type RowValues, type ValueIndex } from './attribute-values.ts';
import { type Bits, countBits, createBits, setBit } from './bits.ts';

/** A condition that few bad rows meet explains little. */
export const COVERAGE_MIN = 0.1;
export const HITS_MIN = 3;
/** Conditions that are combined: the most telling ones. */
const CONDITIONS_MAX = 48;
/** Keys that this share of the bad rows carries show how such a row is instrumented. */
const COMMON_SHARE = 0.9;
const SET_VALUES_MAX = 8;
/** Values with which a key may form sets: more is no category. */
const CATEGORIES_MAX = 64;
/** A number with at least this many values is asked for bounds, at this many places. */
const NUMBERS_MIN = 10;
const BOUNDS_TRIED = 16;
/** With more hits a table's p-value comes from χ², which is then as good: Fisher's sum grows with the margin. */
const EXACT_HITS_MAX = 200;
/** A p-value above this counts for nothing, so that χ² says enough. */
const HOPELESS_P_VALUE = 0.05;

/** A condition and the rows of each side that meet it. */
export interface Item {
  readonly condition: AttributeCondition;
  readonly keyId: number;
  readonly text: string;
  readonly bad: Bits;
  readonly good: Bits;
  /** Good rows that tell whether they meet it. */
  readonly comparable: Bits;
  readonly llr: number;
  /** The choice among bounds or sets of one attribute is paid for; the choice among attributes is not. */
  readonly pValue: number;
  /** What that choice multiplies a p-value by: 1 for a single value. */
  readonly choices: number;
}

export interface Items {
  readonly items: readonly Item[];
  /** How many conditions were looked at. */
  readonly tests: number;
}

/** Both sides as values, and what does not change while bad rows are explained one by one. */
export interface Sides {
  readonly index: ValueIndex;
  readonly bad: RowValues;
  readonly good: RowValues;
  /** By slot. */
  readonly goodHits: Uint32Array;
  /** By place of a key in the index: its slots, and the good rows that tell whether they have a value of it. */
  readonly keys: readonly Key[];
}

interface Key {
  readonly keyId: number;
  readonly slots: readonly number[];
  readonly comparable: Bits;
  readonly comparableCount: number;
}

/** A choice of slots of one key, counted. */
interface Candidate {
  readonly key: Key;
  readonly slots: readonly number[];
  readonly condition: AttributeCondition;
  readonly llr: number;
  readonly pValue: number;
  readonly choices: number;
}

/** Bad rows that are still unexplained. */
interface Open {
  readonly isOpen: Uint8Array;
  readonly count: number;
}

interface Counts {
  /** By slot. */
  readonly bad: Uint32Array;
  readonly good: Uint32Array;
  readonly openCount: number;
}

export function prepareSides(
  index: ValueIndex,
  { bad, good }: { readonly bad: RowValues; readonly good: RowValues },
): Sides {
  const goodHits = new Uint32Array(index.count);
  for (const slot of good.slots) goodHits[slot]!++;
  const slotsOfKey: number[][] = index.keyIds.map(() => []);
  for (let slot = 0; slot < index.count; slot++) slotsOfKey[index.keyPlaceOf[slot]!]!.push(slot);
  const comparable = comparableRows(index, { bad, good });
  const keys = index.keyIds.map((keyId, place): Key => {
    const rows = comparable[place]!; // one for each key
    const slots = slotsOfKey[place]!; // one for each key
    return { keyId, slots, comparable: rows, comparableCount: countBits(rows) };
  });
  return { index, bad, good, goodHits, keys };
}

export function gatherItems(sides: Sides, open: Open): Items {
  const counts = countOpen(sides, open);
  const candidates: Candidate[] = [];
  let tests = 0;
  for (const key of sides.keys) {
    const carriers = sumOf(counts.bad, key.slots);
    if (!isFrequent({ hits: carriers, total: open.count })) continue;
    const judged = judgeKey(key, { sides, counts });
    tests += judged.tests;
    candidates.push(...judged.candidates);
  }
  candidates.sort((a, b) => b.llr - a.llr || compareText(textOf(a), textOf(b)));
  return { items: withRows(candidates.slice(0, CONDITIONS_MAX), { sides, open }), tests };
}

function countOpen({ index, bad, goodHits }: Sides, { isOpen, count }: Open): Counts {
  const hits = new Uint32Array(index.count);
  for (let row = 0; row < bad.count; row++) {
    if (isOpen[row] === 0) continue;
    for (let at = bad.starts[row]!; at < bad.starts[row + 1]!; at++) hits[bad.slots[at]!]!++;
  }
  return { bad: hits, good: goodHits, openCount: count };
}

/**
 * By key, the good rows that tell. A row without a key says that it does not have the value only if it is of
 * the same instrumentation: when it carries at least half of the keys that the bad rows have in common.
 */
function comparableRows(
  index: ValueIndex,
  { bad, good }: { readonly bad: RowValues; readonly good: RowValues },
): Bits[] {
  const carriers = new Uint32Array(index.keyIds.length);
  for (const slot of bad.slots) carriers[index.keyPlaceOf[slot]!]!++;
  const isCommon = carriers.map((count, place) =>
    Number(index.keyIds[place] !== OPERATION_KEY && count >= COMMON_SHARE * bad.count),
  );
  const commonCount = isCommon.reduce((sum, one) => sum + one, 0);
  const comparable = index.keyIds.map(() => createBits(good.count));
  const alike = createBits(good.count);
  for (let row = 0; row < good.count; row++) {
    let common = 0;
    for (let at = good.starts[row]!; at < good.starts[row + 1]!; at++) {
      const place = index.keyPlaceOf[good.slots[at]!]!;
      setBit(comparable[place]!, row);
      common += isCommon[place]!;
    }
    if (2 * common >= commonCount) setBit(alike, row);
  }
  for (const bits of comparable) for (let at = 0; at < bits.length; at++) bits[at]! |= alike[at]!;
  return comparable;
}

function judgeKey(
  key: Key,
  context: KeyContext,
): { readonly candidates: readonly Candidate[]; readonly tests: number } {
  const { counts, sides } = context;
  const singles: Candidate[] = [];
  let tests = 0;
  for (const slot of key.slots) {
    const hits = { bad: counts.bad[slot]!, good: counts.good[slot]! };
    // fewer rows can show nothing, whoever they are: the values of an identifier
    if (hits.bad + hits.good < HITS_MIN) continue;
    tests++;
    const weighed = weigh(key, hits, counts.openCount);
    if (weighed === undefined) continue;
    const condition = oneOf(sides.index, [slot]);
    singles.push(candidateOf({ key, slots: [slot], condition }, weighed, (exact) => exact));
  }
  const bound = bestBound(key, context);
  const set = bestSet(key, { ...context, singles });
  const wider = [bound, set].filter((one) => one !== undefined);
  return { candidates: [...singles, ...wider], tests: tests + wider.length };
}

interface Hits {
  readonly bad: number;
  readonly good: number;
}

interface Weighed {
  readonly here: Share;
  readonly there: Share;
  readonly llr: number;
}

/** Undefined when the bad rows do not meet it more often, or too few of them do. */
function weigh(key: Key, hits: Hits, openCount: number): Weighed | undefined {
  const here = { hits: hits.bad, total: openCount };
  const there = { hits: hits.good, total: key.comparableCount };
  if (!isFrequent(here) || !isMore(here, there)) return undefined;
  return { here, there, llr: twoShareLlr(here, there) };
}

/** `pay` makes of the p-value of the table the one that counts, the choice of the slots included. */
function candidateOf(
  chosen: Pick<Candidate, 'key' | 'slots' | 'condition'>,
  { here, there, llr }: Weighed,
  pay: (exact: number) => number,
): Candidate {
  const exact = pValueOfShares(here, there);
  const pValue = Math.min(1, pay(exact));
  const choices = exact > 0 ? Math.max(1, pValue / exact) : 1;
  return { ...chosen, llr, pValue, choices };
}

export function isFrequent({ hits, total }: Share): boolean {
  return hits >= HITS_MIN && hits >= COVERAGE_MIN * total;
}

export function isMore(here: Share, there: Share): boolean {
  return there.total > 0 && here.hits * there.total > there.hits * here.total;
}

export function pValueOfShares(here: Share, there: Share): number {
  const rough = chiSquareTail(2 * twoShareLlr(here, there), 1);
  if (rough > HOPELESS_P_VALUE || here.hits + there.hits > EXACT_HITS_MAX) return rough;
  return fisherExact({
    a: here.hits,
    b: here.total - here.hits,
    c: there.hits,
    d: there.total - there.hits,
  });
}

interface KeyContext {
  readonly sides: Sides;
  readonly counts: Counts;
}

/** The bound of a number that sets the bad rows apart best; each bound and side tried is paid for. */
function bestBound(key: Key, { sides, counts }: KeyContext): Candidate | undefined {
  const { numberOf } = sides.index;
  const { keyId, slots } = key;
  if (keyId === OPERATION_KEY || slots.length < NUMBERS_MIN) return undefined;
  if (slots.some((slot) => Number.isNaN(numberOf[slot]!))) return undefined;
  const sorted = Uint32Array.from(slots).sort((a, b) => numberOf[a]! - numberOf[b]!);
  const all = { bad: sumOf(counts.bad, sorted), good: sumOf(counts.good, sorted) };
  let best:
    | { readonly weighed: Weighed; readonly at: number; readonly isOver: boolean }
    | undefined;
  const below = { bad: 0, good: 0 };
  let tried = 0;
  for (let at = 0; at < sorted.length && tried < BOUNDS_TRIED; at++) {
    const rows = all.bad + all.good;
    if (at > 0 && below.bad + below.good >= ((tried + 1) * rows) / (BOUNDS_TRIED + 1)) {
      tried++;
      const above = { bad: all.bad - below.bad, good: all.good - below.good };
      for (const isOver of [true, false]) {
        const weighed = weigh(key, isOver ? above : below, counts.openCount);
        if (weighed === undefined) continue;
        if (best === undefined || weighed.llr > best.weighed.llr) best = { weighed, at, isOver };
      }
    }
    below.bad += counts.bad[sorted[at]!]!;
    below.good += counts.good[sorted[at]!]!;
  }
  if (best === undefined) return undefined;
  const { at, isOver, weighed } = best;
  const bounded = isOver ? sorted.subarray(at) : sorted.subarray(0, at);
  const kind = isOver ? 'at-least' : 'below';
  const name = sides.index.strings.text(keyId);
  const condition: AttributeCondition = { kind, key: name, bound: numberOf[sorted[at]!]! };
  const chosen = { key, slots: Array.from(bounded), condition };
  return candidateOf(chosen, weighed, (exact) => exact * 2 * BOUNDS_TRIED);
}

/**
 * The set of values that sets the bad rows apart best: values in order of their share of bad rows, cut at the
 * best place (the best of all subsets, Breiman 1984). A choice among so many is χ² with a degree of freedom
 * for each value but one, and must beat the best single value by the number of values tried.
 */
function bestSet(
  key: Key,
  { sides, counts, singles }: KeyContext & { readonly singles: readonly Candidate[] },
): Candidate | undefined {
  const { slots, keyId } = key;
  if (keyId === OPERATION_KEY || slots.length < 3 || slots.length > CATEGORIES_MAX)
    return undefined;
  const badShare = (slot: number) => counts.bad[slot]! / (counts.bad[slot]! + counts.good[slot]!);
  const sorted = slots
    .filter((slot) => counts.bad[slot]! > 1)
    .sort((a, b) => badShare(b) - badShare(a) || counts.bad[b]! - counts.bad[a]! || a - b);
  let best: { readonly weighed: Weighed; readonly size: number } | undefined;
  for (let size = 2; size <= Math.min(sorted.length, SET_VALUES_MAX, slots.length - 1); size++) {
    const chosen = sorted.slice(0, size);
    const hits = { bad: sumOf(counts.bad, chosen), good: sumOf(counts.good, chosen) };
    const weighed = weigh(key, hits, counts.openCount);
    if (weighed === undefined) continue;
    if (best === undefined || weighed.llr > best.weighed.llr) best = { weighed, size };
  }
  if (best === undefined) return undefined;
  const { weighed } = best;
  const chosen = sorted.slice(0, best.size);
  const set = candidateOf(
    { key, slots: chosen, condition: oneOf(sides.index, chosen) },
    weighed,
    (exact) => Math.max(exact, chiSquareTail(2 * weighed.llr, slots.length - 1)),
  );
  const single = Math.min(1, ...singles.map(({ pValue }) => pValue));
  return set.pValue * slots.length < single ? set : undefined;
}

function oneOf(index: ValueIndex, slots: readonly number[]): AttributeCondition {
  const { strings } = index;
  const key = strings.text(index.keyOf[slots[0]!]!); // a condition has a slot
  const values = slots.map((slot) => strings.text(index.textOf[slot]!)).sort();
  return { kind: 'one-of', key, values };
}

function withRows(
  candidates: readonly Candidate[],
  { sides, open }: { readonly sides: Sides; readonly open: Open },
): Item[] {
  const { bad, good, index } = sides;
  const items = candidates.map((candidate): Item => {
    const { key, condition, llr, pValue, choices } = candidate;
    return {
      condition,
      keyId: key.keyId,
      text: textOf(candidate),
      bad: createBits(bad.count),
      good: createBits(good.count),
      comparable: key.comparable,
      llr,
      pValue,
      choices,
    };
  });
  const itemsOf: (Item[] | undefined)[] = new Array(index.count);
  for (const [at, { slots }] of candidates.entries()) {
    for (const slot of slots) {
      const list = itemsOf[slot];
      if (list) list.push(items[at]!);
      else itemsOf[slot] = [items[at]!];
    }
  }
  for (let row = 0; row < bad.count; row++) {
    if (open.isOpen[row] === 1) markRow(row, { values: bad, itemsOf, side: 'bad' });
  }
  for (let row = 0; row < good.count; row++) markRow(row, { values: good, itemsOf, side: 'good' });
  return items;
}

function markRow(
  row: number,
  {
    values,
    itemsOf,
    side,
  }: {
    readonly values: RowValues;
    readonly itemsOf: readonly (readonly Item[] | undefined)[];
    readonly side: 'bad' | 'good';
  },
): void {
  for (let at = values.starts[row]!; at < values.starts[row + 1]!; at++) {
    const list = itemsOf[values.slots[at]!];
    if (list !== undefined) for (const item of list) setBit(item[side], row);
  }
}

function sumOf(counts: Uint32Array, slots: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < slots.length; at++) sum += counts[slots[at]!]!;
  return sum;
}

export function conditionText(condition: AttributeCondition): string {
  switch (condition.kind) {
    case 'one-of':
      return condition.values.join('|');
    case 'at-least':
      return `>= ${condition.bound}`;
    case 'below':
      return `< ${condition.bound}`;
  }
}

function textOf({ condition }: Pick<Candidate, 'condition'>): string {
  return `${condition.key}=${conditionText(condition)}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
