/**
 * Runs that leave their usual way and also take less time in themselves than nearly all used to: the code was
 * left before the work was done. Only backs a break that another channel found; load moves times as well.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import { medianOf, quantileOfSorted, type Share, twoShareLlr } from '../base/statistics.ts';
import { pairKey } from '../model/row-groups.ts';
import type { SpanTable } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { type EvidenceDraft, softCapped, text } from './suspicion.ts';

/** Fewer runs of the reference do not tell how short a run may be. */
const RUNS_MIN = 20;
/** A run counts as cut short below what nineteen of twenty used to take. */
const SHORT_QUANTILE = 0.05;
const LLR_MIN = 3;
/** How long it took says that a run ended early, and not why. */
const WEIGHT_MAX = 2;

/** `rows`: runs of one operation of the window that left their way, ascending; empty for no evidence. */
export function earlyEndEvidence(rows: readonly number[], facts: Facts): readonly EvidenceDraft[] {
  const reference = facts.clustered.reference?.spans;
  const [first] = rows;
  if (reference === undefined || first === undefined) return [];
  const { table } = facts;
  const service = table.service[first]!;
  const operation = table.operation[first]!;
  const fact = facts.operationByKey.get(pairKey(service, operation));
  const usual = ownTimes(fact?.referenceRows ?? [], reference);
  if (usual.length < RUNS_MIN) return [];
  const times = ownTimes(rows, table);
  const boundUs = quantileOfSorted(usual, SHORT_QUANTILE);
  const short = (of: Float64Array): Share => ({
    hits: of.reduce((sum, us) => sum + Number(us < boundUs), 0),
    total: of.length,
  });
  const [is, was] = [short(times), short(usual)];
  const llr = is.hits * was.total > was.hits * is.total ? twoShareLlr(is, was) : 0;
  if (llr < LLR_MIN) return [];
  const name = `${table.strings.text(service)} ${table.strings.text(operation)}`;
  const [now, before] = [medianOf(times), medianOf(usual)];
  const [took, usually, share] = [
    formatUs(now),
    formatUs(before),
    formatPercent(is.hits / is.total),
  ];
  return [
    {
      source: 'trace',
      direction: 'for',
      aspect: 'flow',
      statement: text(
        `${name} 的这些执行提前结束：自身耗时中位数 ${took}，平时 ${usually}；其中 ${share} 短于平时的 95 %`,
        `These runs of ${name} end early: they take ${took} themselves (median), usually ${usually}; ${share} of them are shorter than 95 % of the usual ones`,
      ),
      value: now,
      expected: before,
      n: is.total,
      weight: softCapped(llr, WEIGHT_MAX),
    },
  ];
}

/** Ascending; of each trace its first run, since runs of one trace are no independent witnesses. */
function ownTimes(rows: Iterable<number>, { trace, selfUs }: SpanTable): Float64Array {
  const times = new Map<number, number>();
  for (const row of rows) if (!times.has(trace[row]!)) times.set(trace[row]!, selfUs[row]!);
  return Float64Array.from(times.values()).sort();
}
