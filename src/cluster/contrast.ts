/**
 * Which attribute values, alone or in pairs, set anomalous spans apart from others of the same operation.
 * A span carries its own attributes and, where it has none of that name, those of its ancestors, so that a
 * slow query is found to belong to the tenant that only the root span names.
 */
import { fisherExact, twoShareLlr } from '../base/statistics.ts';
import type { Contrast } from '../model/cluster.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';

const CONTRASTS_MAX = 5;
/** Rows of each side that are looked at; further ones are skipped evenly. */
const ROWS_MAX = 20_000;
/** Single values that are combined to pairs. */
const PAIRED_MAX = 12;
const P_VALUE_MAX = 0.01;
/** A value that few anomalous spans carry explains little. */
const COVERAGE_MIN = 0.1;
const ANCESTORS_MAX = 32;
/** A pair must beat its halves by this likelihood ratio to be worth a longer sentence. */
const PAIR_GAIN_MIN = 2;

/** Tell what happened to the span, not to whom: they would separate failed spans trivially. */
const OUTCOME_KEY =
  /(^|[._])error([._]|$)|^exception|^otel\.status|status_code$|\bstatus\b|duration|latency|\.message$|stacktrace$/;
/** Belong to the sender of the span alone: a child does not inherit them. */
const RESOURCE_KEY =
  /^(service|k8s|host|process|container|telemetry|os|deployment|cloud|net|server)\./;

export interface Side {
  readonly table: SpanTable;
  readonly rows: Uint32Array;
}

export function findContrasts(anomalous: Side, others: Side): Contrast[] {
  if (anomalous.rows.length === 0 || others.rows.length === 0) return [];
  const sides = { anomalous: thinned(anomalous), others: thinned(others) };
  const values = countValues(sides.anomalous, sides.others);
  const singles = judgeSingles(values, sides);
  const paired = topOfDistinctKeys(singles);
  const pairs = judgePairs(paired, sides);
  const tests = values.length + (paired.length * (paired.length - 1)) / 2;
  return [...singles.map((single) => ({ ...single, values: [single.value] })), ...pairs]
    .sort((a, b) => b.llr - a.llr || compareValues(a.values, b.values))
    .slice(0, 4 * CONTRASTS_MAX)
    .map((found) => toContrast(found, { sides, tests }))
    .filter((contrast) => contrast.pValue <= P_VALUE_MAX)
    .slice(0, CONTRASTS_MAX);
}

interface Sides {
  readonly anomalous: Side;
  readonly others: Side;
}

/** A value and on how many rows of each side it stands. */
interface ValueCount {
  readonly keyId: number;
  readonly textId: number;
  readonly key: string;
  readonly text: string;
  inAnomalous: number;
  inOthers: number;
}

interface Found {
  readonly inAnomalous: number;
  readonly inOthers: number;
  readonly llr: number;
  readonly lift: number;
}

interface Single extends Found {
  readonly value: ValueCount;
}

interface FoundValues extends Found {
  readonly values: readonly ValueCount[];
}

function thinned({ table, rows }: Side): Side {
  if (rows.length <= ROWS_MAX) return { table, rows };
  const kept = Uint32Array.from(
    { length: ROWS_MAX },
    (_, index) => rows[Math.floor((index * rows.length) / ROWS_MAX)]!,
  );
  return { table, rows: kept };
}

/** Visits each attribute value that a row carries, nearest first, every key once. */
function visitValues(
  { table, rows }: Side,
  keys: KeyFilter,
  visit: (keyId: number, textId: number, index: number) => void,
): void {
  const seenAt = new Int32Array(table.strings.size).fill(-1);
  for (let index = 0; index < rows.length; index++) {
    let row = rows[index]!;
    for (let depth = 0; row !== NO_ROW && depth < ANCESTORS_MAX; depth++) {
      const end = table.attributesEnd[row]!;
      for (let at = table.attributesStart(row); at < end; at++) {
        const keyId = table.attributeKey[at]!;
        if (seenAt[keyId] === index || !keys.isWanted(keyId, depth > 0)) continue;
        seenAt[keyId] = index;
        visit(keyId, table.attributeText[at]!, index);
      }
      row = table.parent[row]!;
    }
  }
}

interface KeyFilter {
  isWanted(keyId: number, isInherited: boolean): boolean;
}

function createKeyFilter(table: SpanTable): KeyFilter {
  const UNWANTED = 1;
  const OWN_ONLY = 2;
  const BOTH = 3;
  const judged = new Uint8Array(table.strings.size);
  return {
    isWanted(keyId, isInherited) {
      let verdict = judged[keyId]!;
      if (verdict === 0) {
        const key = table.strings.text(keyId);
        verdict = OUTCOME_KEY.test(key) ? UNWANTED : RESOURCE_KEY.test(key) ? OWN_ONLY : BOTH;
        judged[keyId] = verdict;
      }
      return verdict === BOTH || (verdict === OWN_ONLY && !isInherited);
    },
  };
}

/** Counts by value of all keys that are no identifiers: more distinct values than half the rows. */
function countValues(anomalous: Side, others: Side): ValueCount[] {
  const byValue = new Map<number, ValueCount>();
  const { strings } = anomalous.table;
  const carriers = new Map<number, number>();
  const keys = createKeyFilter(anomalous.table);
  const count = (side: Side, field: 'inAnomalous' | 'inOthers'): void => {
    visitValues(side, keys, (keyId, textId) => {
      const id = pairKey(keyId, textId);
      let value = byValue.get(id);
      if (value === undefined) {
        const names = { key: strings.text(keyId), text: strings.text(textId) };
        value = { keyId, textId, ...names, inAnomalous: 0, inOthers: 0 };
        byValue.set(id, value);
      }
      value[field]++;
      carriers.set(keyId, (carriers.get(keyId) ?? 0) + 1);
    });
  };
  count(anomalous, 'inAnomalous');
  count(others, 'inOthers');
  const distinct = new Map<number, number>();
  for (const { keyId } of byValue.values()) distinct.set(keyId, (distinct.get(keyId) ?? 0) + 1);
  return [...byValue.values()].filter(({ keyId }) => {
    const values = distinct.get(keyId) ?? 0;
    return values <= 2 || values <= (carriers.get(keyId) ?? 0) / 2;
  });
}

function judge(counts: { inAnomalous: number; inOthers: number }, sides: Sides): Found | undefined {
  const { inAnomalous, inOthers } = counts;
  const here = { hits: inAnomalous, total: sides.anomalous.rows.length };
  const there = { hits: inOthers, total: sides.others.rows.length };
  if (here.hits < 3 || here.hits / here.total < COVERAGE_MIN) return undefined;
  const lift = here.hits / here.total / (Math.max(there.hits, 0.5) / there.total);
  if (lift <= 1) return undefined;
  return { inAnomalous, inOthers, lift, llr: twoShareLlr(here, there) };
}

function judgeSingles(values: readonly ValueCount[], sides: Sides): Single[] {
  const singles: Single[] = [];
  for (const value of values) {
    const found = judge(value, sides);
    if (found !== undefined) singles.push({ ...found, value });
  }
  return singles.sort((a, b) => b.llr - a.llr || compareValues([a.value], [b.value]));
}

function topOfDistinctKeys(singles: readonly Single[]): Single[] {
  const keys = new Set<number>();
  const top: Single[] = [];
  for (const single of singles) {
    if (keys.has(single.value.keyId)) continue;
    keys.add(single.value.keyId);
    if (top.push(single) === PAIRED_MAX) break;
  }
  return top;
}

function judgePairs(singles: readonly Single[], sides: Sides): FoundValues[] {
  const bits = {
    anomalous: bitsOf(sides.anomalous, singles),
    others: bitsOf(sides.others, singles),
  };
  const pairs: FoundValues[] = [];
  for (let first = 0; first < singles.length; first++) {
    for (let second = first + 1; second < singles.length; second++) {
      const mask = (1 << first) | (1 << second);
      const counts = {
        inAnomalous: countMasked(bits.anomalous, mask),
        inOthers: countMasked(bits.others, mask),
      };
      const found = judge(counts, sides);
      const [a, b] = [singles[first]!, singles[second]!]; // both indices are below the length
      if (found === undefined || found.llr < Math.max(a.llr, b.llr) + PAIR_GAIN_MIN) continue;
      pairs.push({ ...found, values: [a.value, b.value] });
    }
  }
  return pairs;
}

/** By row, bit i set when the row carries value i. */
function bitsOf(side: Side, singles: readonly Single[]): Uint16Array {
  const bitOfValue = new Map(
    singles.map(({ value }, bit) => [pairKey(value.keyId, value.textId), bit]),
  );
  const bits = new Uint16Array(side.rows.length);
  visitValues(side, createKeyFilter(side.table), (keyId, textId, index) => {
    const bit = bitOfValue.get(pairKey(keyId, textId));
    if (bit !== undefined) bits[index]! |= 1 << bit;
  });
  return bits;
}

function countMasked(bits: Uint16Array, mask: number): number {
  let count = 0;
  for (const value of bits) if ((value & mask) === mask) count++;
  return count;
}

function toContrast(
  found: FoundValues,
  { sides, tests }: { readonly sides: Sides; readonly tests: number },
): Contrast {
  const here = sides.anomalous.rows.length;
  const there = sides.others.rows.length;
  const p = fisherExact({
    a: found.inAnomalous,
    b: here - found.inAnomalous,
    c: found.inOthers,
    d: there - found.inOthers,
  });
  const sorted = [...found.values].sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    attributes: Object.fromEntries(sorted.map(({ key, text }) => [key, text])),
    lift: found.lift,
    pValue: Math.min(1, p * tests),
    coverage: found.inAnomalous / here,
  };
}

function compareValues(a: readonly ValueCount[], b: readonly ValueCount[]): number {
  const text = (values: readonly ValueCount[]) =>
    values
      .map((value) => `${value.key}=${value.text}`)
      .sort()
      .join('\0');
  const [left, right] = [text(a), text(b)];
  return a.length - b.length || (left < right ? -1 : left > right ? 1 : 0);
}
