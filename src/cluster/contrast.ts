/**
 * What sets bad rows apart from good ones of the same kind: the fewest conditions on attributes that isolate
 * them, and where one set of conditions does not explain all, further ones for the rest. A segment that was as
 * bad in the reference is no news.
 */
import { type Share, twoShareLlr, wilsonBounds } from '../base/statistics.ts';
import type { AttributeCondition, Contrast } from '../model/cluster.ts';
import type { StringDictionary } from '../model/dictionary.ts';
import type { SpanTable } from '../model/window.ts';
import {
  KeyFilter,
  OPERATION_KEY,
  type RowValues,
  type Side,
  ValueIndex,
} from './attribute-values.ts';
import { countBits, hasBit } from './bits.ts';
import { conditionText, gatherItems, prepareSides } from './condition.ts';
import { type Conjunction, findConjunctions, rowsOf } from './conjunction.ts';

export type { Side } from './attribute-values.ts';

const CONTRASTS_MAX = 5;
/** Rate of false discoveries among all conjunctions that are reported. */
const FALSE_RATE_MAX = 0.01;
/** Likelihood ratio from which a segment counts as worse than it was: p about 0.05. */
const NEWS_LLR_MIN = 2;
/** Two-sided 95 %. */
const WILSON_Z = 1.96;

export interface Periods {
  readonly bad: Side;
  readonly good: Side;
  /** The same division of the reference; absent when there is nothing to compare with. */
  readonly before?: { readonly bad: Side; readonly good: Side };
}

export interface FindOptions {
  /** Whether the rows are of several operations, and their names a condition like any other. */
  readonly hasOperation: boolean;
  /** Rows of each side that are looked at, thinned evenly. */
  readonly rowsMax: number;
}

/** A contrast, and what it is the first to explain. */
export interface FoundContrast {
  readonly contrast: Contrast;
  /** Name of the one operation it holds for, where operations were compared. */
  readonly operation: string | undefined;
  /** Of the bad rows that were looked at. */
  readonly share: number;
}

/** Looks for contrasts among rows of tables that share one dictionary. */
export class ContrastFinder {
  readonly #keys: KeyFilter;

  constructor(strings: StringDictionary) {
    this.#keys = new KeyFilter(strings);
  }

  /** Best first; each explains rows that those before it do not. One row a trace speaks. */
  find(periods: Periods, { hasOperation, rowsMax }: FindOptions): FoundContrast[] {
    if (periods.bad.rows.length === 0 || periods.good.rows.length === 0) return [];
    const index = new ValueIndex(this.#keys);
    const read = (side: Side) => index.valuesOf(onePerTrace(side, rowsMax), hasOperation);
    const values = { bad: read(periods.bad), good: read(periods.good) };
    const sides = prepareSides(index, values);
    const isOpen = new Uint8Array(values.bad.count).fill(1);
    const isNews = newsOf(periods, { ...values, index, read });
    const found: FoundContrast[] = [];
    let testsBefore = 0;
    while (found.length < CONTRASTS_MAX) {
      const openCount = isOpen.reduce((sum, one) => sum + one, 0);
      const items = gatherItems(sides, { isOpen, count: openCount });
      const conjunctions = findConjunctions(items, { openCount, testsBefore });
      testsBefore += items.tests;
      const best = conjunctions.find(
        (one) => one.gain > 0 && one.qValue <= FALSE_RATE_MAX && isNews(one),
      );
      if (best === undefined) break;
      const covered = rowsOf(best.items, 'bad');
      for (let row = 0; row < isOpen.length; row++) if (hasBit(covered, row)) isOpen[row] = 0;
      const share = countBits(covered) / values.bad.count;
      found.push({ ...toContrast(best, { index, ...values }), share });
    }
    return found;
  }
}

interface Divided {
  readonly bad: RowValues;
  readonly good: RowValues;
}

interface Values extends Divided {
  readonly index: ValueIndex;
  readonly read: (side: Side) => RowValues;
}

/**
 * Difference in differences: whether a segment's share of bad rows is higher than it was. A segment that always
 * was bad has many parts, of which some are worse by chance: each rejection raises the bar for the next.
 */
function newsOf(
  { bad, good, before }: Periods,
  { index, read, ...now }: Values,
): (conjunction: Conjunction) => boolean {
  if (before === undefined || before.bad.rows.length === 0) return () => true;
  const periodOf = (rows: { readonly bad: Side; readonly good: Side }, values: Divided) => {
    // Thinned rows stand for more than one each.
    const weights = {
      bad: rows.bad.rows.length / Math.max(1, values.bad.count),
      good: rows.good.rows.length / Math.max(1, values.good.count),
    };
    return (conditions: readonly AttributeCondition[]): Share => {
      const hits = countMeeting(conditions, { index, values: values.bad });
      const sound = countMeeting(conditions, { index, values: values.good });
      const weighed = weights.bad * hits + weights.good * sound;
      const total = hits + sound;
      return { hits: weighed === 0 ? 0 : (total * weights.bad * hits) / weighed, total };
    };
  };
  const shareNow = periodOf({ bad, good }, now);
  let shareBefore: ReturnType<typeof periodOf> | undefined;
  let rejected = 0;
  return ({ items }) => {
    // read only when something was found
    shareBefore ??= periodOf(before, {
      bad: read(before.bad),
      good: read(before.good),
    });
    const conditions = items.map(({ condition }) => condition);
    const here = shareNow(conditions);
    const there = shareBefore(conditions);
    if (there.total === 0) return true;
    const isHigher = here.hits * there.total > there.hits * here.total;
    // Half a hit more: "never in few" is not "impossible".
    const llr = twoShareLlr(here, { hits: there.hits + 0.5, total: there.total + 1 });
    const isNews = isHigher && llr >= NEWS_LLR_MIN + Math.log1p(rejected);
    if (!isNews) rejected++;
    return isNews;
  };
}

/** Rows of one trace are no independent observations: the first stands for them; then evenly thinned. */
function onePerTrace({ table, rows }: Side, rowsMax: number): Side {
  const firsts = firstOfEachTrace(table, rows);
  if (firsts.length <= rowsMax) return { table, rows: firsts };
  const kept = Uint32Array.from(
    { length: rowsMax },
    (_, at) => firsts[Math.floor((at * firsts.length) / rowsMax)]!,
  );
  return { table, rows: kept };
}

function firstOfEachTrace(table: SpanTable, rows: Uint32Array): Uint32Array {
  const isSeen = new Uint8Array(table.traceIds.length);
  return rows.filter((row) => {
    const trace = table.trace[row]!;
    if (isSeen[trace] === 1) return false;
    isSeen[trace] = 1;
    return true;
  });
}

/** Rows that meet all conditions. */
function countMeeting(
  conditions: readonly AttributeCondition[],
  { index, values }: { readonly index: ValueIndex; readonly values: RowValues },
): number {
  /** By slot: bits of the conditions that it meets. */
  const met = new Uint8Array(index.count);
  for (const [at, condition] of conditions.entries()) {
    const isMet = slotTest(condition, index);
    for (let slot = 0; slot < index.count; slot++) if (isMet(slot)) met[slot]! |= 1 << at;
  }
  const all = (1 << conditions.length) - 1;
  let count = 0;
  for (let row = 0; row < values.count; row++) {
    let bits = 0;
    for (let at = values.starts[row]!; at < values.starts[row + 1]!; at++) {
      bits |= met[values.slots[at]!]!;
    }
    if (bits === all) count++;
  }
  return count;
}

/** Compares by string id: no text is made for a slot. */
function slotTest(condition: AttributeCondition, index: ValueIndex): (slot: number) => boolean {
  const { strings, keyOf, textOf, numberOf } = index;
  const keyId = strings.find(condition.key);
  if (condition.kind === 'one-of') {
    const textIds = new Set(condition.values.map((value) => strings.find(value)));
    return (slot) => keyOf[slot] === keyId && textIds.has(textOf[slot]);
  }
  const { bound } = condition;
  return condition.kind === 'at-least'
    ? (slot) => keyOf[slot] === keyId && numberOf[slot]! >= bound
    : (slot) => keyOf[slot] === keyId && numberOf[slot]! < bound;
}

function toContrast(
  { items, qValue }: Conjunction,
  context: { readonly index: ValueIndex; readonly bad: RowValues; readonly good: RowValues },
): Pick<FoundContrast, 'contrast' | 'operation'> {
  const { index, bad, good } = context;
  const conditions = items
    .map(({ condition }) => condition)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const hits = countMeeting(conditions, { index, values: bad });
  const hitsInGood = countMeeting(conditions, { index, values: good });
  const bounds = wilsonBounds({ hits, total: bad.count }, WILSON_Z);
  const named = conditions.filter(({ key }) => key !== '');
  const operation = items.find(({ keyId }) => keyId === OPERATION_KEY)?.condition;
  return {
    operation: operation?.kind === 'one-of' ? operation.values[0] : undefined,
    contrast: {
      conditions: named,
      attributes: Object.fromEntries(named.map((one) => [one.key, conditionText(one)])),
      lift: hits / bad.count / (Math.max(hitsInGood, 0.5) / good.count),
      pValue: Math.min(1, qValue),
      coverage: hits / bad.count,
      coverageInterval: [bounds.low, bounds.high],
    },
  };
}
