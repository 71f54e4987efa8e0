/**
 * Level-wise search for the conjunction of conditions that sets bad rows apart best: singles, pairs, triples.
 * A longer conjunction is kept only when it beats each of its parts by what the choice of the further
 * condition is worth, so that none of its parts can be left out.
 */
import { type Share, twoShareLlr } from '../base/statistics.ts';
import { type Bits, countCommon, intersect } from './bits.ts';
import { type Item, type Items, isFrequent, isMore, pValueOfShares } from './condition.ts';

/** Pairs that are extended to triples: the most telling ones. */
const PAIRS_EXTENDED_MAX = 64;

export interface Conjunction {
  readonly items: readonly Item[];
  /** Likelihood ratio, less the price of choosing each further condition. */
  readonly gain: number;
  /** Corrected for everything looked at, see falseDiscoveryRates(). */
  readonly qValue: number;
}

interface Counted {
  /** Ascending. */
  readonly members: readonly number[];
  readonly llr: number;
  readonly pValue: number;
}

interface Search {
  readonly items: readonly Item[];
  readonly openCount: number;
  /** What choosing one condition among so many is worth, in nats. */
  readonly price: number;
}

/** Best first; `openCount` bad rows are unexplained, and `testsBefore` conditions were looked at elsewhere. */
export function findConjunctions(
  { items, tests }: Items,
  { openCount, testsBefore }: { readonly openCount: number; readonly testsBefore: number },
): readonly Conjunction[] {
  const search: Search = { items, openCount, price: Math.log(Math.max(1, items.length)) };
  const singles = items.map(({ llr, pValue }, at): Counted => ({ members: [at], llr, pValue }));
  const pairs = findPairs(search);
  const levels = [singles, pairs, findTriples(pairs, search)];
  const all = tests + testsBefore;
  const found = levels.flatMap((level, at) => {
    const qValues = falseDiscoveryRates(
      level.map(({ pValue }) => pValue),
      levels.length * subsetsOf(all, at + 1),
    );
    return level.map(
      ({ members, llr }, place): Conjunction => ({
        items: members.map((member) => items[member]!),
        gain: llr - (members.length - 1) * search.price,
        qValue: qValues[place]!,
      }),
    );
  });
  return found.sort((a, b) => b.gain - a.gain || compareConjunctions(a, b));
}

/**
 * Conjunctions of a size that exist: the search leads to the best of them without counting them all, and so
 * all are paid for. Each level has an equal share of the false discoveries.
 */
function subsetsOf(count: number, size: number): number {
  let subsets = 1;
  for (let chosen = 0; chosen < size; chosen++)
    subsets *= Math.max(1, count - chosen) / (chosen + 1);
  return subsets;
}

function findPairs(search: Search): Counted[] {
  const { items } = search;
  const pairs: Counted[] = [];
  for (let first = 0; first < items.length; first++) {
    for (let second = first + 1; second < items.length; second++) {
      const [a, b] = [items[first]!, items[second]!]; // both are below the length
      if (a.keyId === b.keyId) continue;
      const rows = {
        bad: countCommon(a.bad, b.bad),
        good: countCommon(a.good, b.good),
        comparable: () => countCommon(a.comparable, b.comparable),
      };
      const pair = judge([first, second], rows, {
        search,
        partLlr: Math.max(a.llr, b.llr),
      });
      if (pair !== undefined) pairs.push(pair);
    }
  }
  return pairs.sort((a, b) => b.llr - a.llr || compareMembers(a, b));
}

function findTriples(pairs: readonly Counted[], search: Search): Counted[] {
  const { items } = search;
  const llrOfPair = new Map(pairs.map(({ members, llr }) => [members.join(' '), llr]));
  const seen = new Set<string>();
  const triples: Counted[] = [];
  for (const pair of pairs.slice(0, PAIRS_EXTENDED_MAX)) {
    const [first, second] = pair.members.map((member) => items[member]!);
    if (first === undefined || second === undefined) continue;
    const common = {
      bad: intersect(first.bad, second.bad),
      good: intersect(first.good, second.good),
      comparable: intersect(first.comparable, second.comparable),
    };
    for (const [at, third] of items.entries()) {
      if (third.keyId === first.keyId || third.keyId === second.keyId) continue;
      const members = [...pair.members, at].sort((a, b) => a - b);
      const id = members.join(' ');
      if (seen.has(id)) continue;
      seen.add(id);
      const rows = {
        bad: countCommon(common.bad, third.bad),
        good: countCommon(common.good, third.good),
        comparable: () => countCommon(common.comparable, third.comparable),
      };
      // A pair that was not kept says no more than its halves, which its kept neighbours beat.
      const partLlr = Math.max(
        ...members.map(
          (left) => llrOfPair.get(members.filter((one) => one !== left).join(' ')) ?? 0,
        ),
      );
      const triple = judge(members, rows, { search, partLlr });
      if (triple !== undefined) triples.push(triple);
    }
  }
  return triples;
}

interface Rows {
  readonly bad: number;
  readonly good: number;
  readonly comparable: () => number;
}

function judge(
  members: readonly number[],
  rows: Rows,
  { search, partLlr }: { readonly search: Search; readonly partLlr: number },
): Counted | undefined {
  const here: Share = { hits: rows.bad, total: search.openCount };
  if (!isFrequent(here)) return undefined;
  const there: Share = { hits: rows.good, total: rows.comparable() };
  if (!isMore(here, there)) return undefined;
  const llr = twoShareLlr(here, there);
  if (llr < partLlr + search.price) return undefined;
  const choices = members.reduce((product, at) => product * search.items[at]!.choices, 1);
  return { members, llr, pValue: Math.min(1, choices * pValueOfShares(here, there)) };
}

/**
 * Benjamini and Hochberg (1995): the smallest rate of false discoveries at which each p-value still counts,
 * among `tests` of which those not given count as 1. [0.001, 0.02] of 100 tests: 0.1 and 1.
 */
export function falseDiscoveryRates(pValues: readonly number[], tests: number): number[] {
  const order = pValues.map((_, at) => at).sort((a, b) => pValues[b]! - pValues[a]!);
  const rates = new Array<number>(pValues.length);
  let lowest = 1;
  for (const [place, at] of order.entries()) {
    const rank = pValues.length - place;
    lowest = Math.min(lowest, (pValues[at]! * tests) / rank);
    rates[at] = lowest;
  }
  return rates;
}

/** Rows that meet all conditions. */
export function rowsOf(items: readonly Item[], side: 'bad' | 'good'): Bits {
  const [first, ...rest] = items.map((item) => item[side]);
  return rest.reduce((common, bits) => intersect(common, bits), first!); // a conjunction has a condition
}

function compareMembers(a: Counted, b: Counted): number {
  return a.members[0]! - b.members[0]! || (a.members[1] ?? -1) - (b.members[1] ?? -1);
}

/** The shorter first, then by text. */
function compareConjunctions(a: Conjunction, b: Conjunction): number {
  const [left, right] = [textOf(a), textOf(b)];
  return a.items.length - b.items.length || (left < right ? -1 : left > right ? 1 : 0);
}

function textOf({ items }: Conjunction): string {
  return items
    .map(({ text }) => text)
    .sort()
    .join('\0');
}
