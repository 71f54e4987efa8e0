/**
 * Channel "where it breaks": the deepest failed spans of bad traces. A caller that fails because its callee
 * failed is no suspect; one that gave up on a call, or was refused, is an effect of what it called.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import { type Share, twoShareLlr } from '../base/statistics.ts';
import type { CauseKind, Culprit } from '../model/hypothesis.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import { calleeOf, kindOfCallee, kindOfError } from './error-kind.ts';
import type { Facts, OperationFact } from './facts.ts';
import {
  compareText,
  type EvidenceDraft,
  explainedWeight,
  type Suspicion,
  text,
  tracesLink,
} from './suspicion.ts';

/** Expected failures when no reference says better. */
const UNKNOWN: Share = { hits: 0.5, total: 50 };
/** A child that ends this much later was not waited for: 1 ms. */
const OVERRUN_US_MIN = 1000;
/** Where calls outlive this share of an operation's spans in normal times, nobody means to wait for them. */
const HABIT_SHARE = 0.2;
/** A smaller share of the extra time is not worth a word. */
const WAIT_SHARE_MIN = 0.02;

/**
 * How a span failed of which no child did. `gave-up`: a call it had made was still running. `refused`: the
 * service it called answered, without an error of its own, and the caller failed all the same.
 */
type Ending = 'itself' | 'gave-up' | 'refused';

interface FailureGroup {
  readonly fact: OperationFact;
  readonly errorType: string;
  readonly target: string;
  readonly message: string;
  count: number;
  /** Of the count: how they ended, where not by themselves. */
  gaveUpCount: number;
  refusedCount: number;
  /** Traces that broke here: not those in which an earlier attempt had failed already. */
  readonly traces: Set<number>;
  /** Waits of callers between these failures and the next attempts. */
  retryWaitUs: number;
}

export function suspectFailures(facts: Facts): Suspicion[] {
  const failing = new Set<number>();
  const groups = groupDeepestFailures(facts, failing);
  return groups.map((group): Suspicion => {
    const { fact, errorType, target } = group;
    const ending = endingOf(group);
    const isCall = fact.isClient || target !== '';
    const dependency = target !== '' ? target : ending === 'itself' ? undefined : fact.callee;
    const culprit: Culprit = {
      service: fact.service,
      operation: fact.operation,
      ...(isCall && dependency !== undefined ? { dependency } : {}),
    };
    return {
      culprit,
      kind: kindOf(group, { isCall, ending, table: facts.table }),
      isOwn: ending === 'itself',
      share: group.traces.size / Math.max(failing.size, 1),
      evidence: failureEvidence(group, facts, failing.size),
      pattern: {
        service: fact.service,
        operation: fact.operation,
        isError: true,
        ...(errorType === '' ? {} : { errorType }),
      },
      detail: {
        ...(errorType === '' ? {} : { errorType }),
        ...(group.message === '' ? {} : { errorMessage: group.message }),
      },
    };
  });
}

/** As most of the group ended: of single spans a child may be missing or late. */
function endingOf({ count, gaveUpCount, refusedCount }: FailureGroup): Ending {
  if (gaveUpCount > count / 2) return 'gave-up';
  return gaveUpCount + refusedCount > count / 2 ? 'refused' : 'itself';
}

/** What the error says does it; else how it ended, or what was called. */
function kindOf(
  { fact, errorType, message }: FailureGroup,
  how: { readonly isCall: boolean; readonly ending: Ending; readonly table: SpanTable },
): CauseKind {
  const named = kindOfError({ errorType, message });
  // That somebody stopped waiting says nothing about who was slow.
  if (named !== undefined && named !== 'timeout') return named;
  if (how.ending === 'gave-up') return 'timeout';
  if (how.ending === 'refused') return 'dependency';
  if (!how.isCall || fact.target === '') return named ?? 'error';
  return kindOfCallee(calleeOf(fact, how.table));
}

/** Failed rows without a failed child, by operation and error type; `failing` gets all failing bad traces. */
function groupDeepestFailures(facts: Facts, failing: Set<number>): FailureGroup[] {
  const { table } = facts;
  const hasFailedChild = new Uint8Array(table.count);
  const hasCallee = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW) continue;
    if (table.isError[row] === 1) hasFailedChild[parent] = 1;
    if (table.service[parent] !== table.service[row]) hasCallee[parent] = 1;
  }
  const gaveUp = markGivenUp(facts);
  const groups = new Map<string, FailureGroup>();
  const takeWait = waitTaker(facts);
  for (let row = 0; row < table.count; row++) {
    if (table.isError[row] === 0 || facts.isAnomalous[row] === 0) continue;
    const trace = table.trace[row]!;
    if (facts.isBadTrace[trace] === 0) continue;
    failing.add(trace);
    if (hasFailedChild[row] === 1) continue;
    const key = pairKey(table.service[row]!, table.operation[row]!);
    const fact = facts.operationByKey.get(key);
    if (fact === undefined) continue;
    const errorType = table.strings.text(table.errorType[row]!);
    const target = table.strings.text(table.target[row]!);
    const id = [fact.service, fact.operation, errorType, target].join('\0');
    let group = groups.get(id);
    if (group === undefined) {
      const message = table.strings.text(table.errorMessage[row]!);
      const traces = new Set<number>();
      const counts = { count: 0, gaveUpCount: 0, refusedCount: 0, retryWaitUs: 0 };
      group = { fact, errorType, target, message, traces, ...counts };
      groups.set(id, group);
    }
    group.count++;
    if (gaveUp[row] === 1) group.gaveUpCount++;
    else if (hasCallee[row] === 1 && fact.isClient) group.refusedCount++;
    if (!isOnRetry(row, facts)) group.traces.add(trace);
    group.retryWaitUs += takeWait(row);
  }
  return [...groups].sort(([a], [b]) => compareText(a, b)).map(([, group]) => group);
}

/** Whether the failure shows on a second or later attempt: it did not start the trouble. */
function isOnRetry(row: number, { table, isRetry }: Facts): boolean {
  for (let at = row; at !== NO_ROW && table.isError[at] === 1; at = table.parent[at]!) {
    if (isRetry[at] === 1) return true;
  }
  return false;
}

/** Rows that ended before a call of theirs did, where calls of the operation do not outlive it as a habit. */
function markGivenUp({ table, clustered, operations }: Facts): Uint8Array {
  const marks = markOutlived(table);
  const reference = clustered.reference?.spans;
  const marksBefore = reference && markOutlived(reference);
  for (const { group, referenceRows } of operations) {
    const isKnown = marksBefore !== undefined && referenceRows.length > 0;
    const usual = isKnown ? referenceRows : group.rows.filter((row) => table.isError[row] === 0);
    const usualMarks = isKnown ? marksBefore : marks;
    const outlived = usual.reduce((sum, row) => sum + usualMarks[row]!, 0);
    if (outlived <= HABIT_SHARE * usual.length) continue;
    for (const row of group.rows) marks[row] = 0;
  }
  return marks;
}

/** Rows with a child that ended after them; across services clocks differ, and durations are compared. */
function markOutlived(table: SpanTable): Uint8Array {
  const marks = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW) continue;
    const isSameClock = table.service[row] === table.service[parent];
    const laterUs = isSameClock ? table.startUs[row]! - table.startUs[parent]! : 0;
    const overrunUs = laterUs + table.durationUs[row]! - table.durationUs[parent]!;
    if (overrunUs > OVERRUN_US_MIN) marks[parent] = 1;
  }
  return marks;
}

/** The waits that followed the attempts which failed with a row: its own and its callers'; each counts once. */
function waitTaker({ table, retryWaitUs }: Facts): (row: number) => number {
  const left = retryWaitUs.slice();
  return (row) => {
    let sum = 0;
    for (let at = row; at !== NO_ROW && table.isError[at] === 1; at = table.parent[at]!) {
      sum += left[at]!;
      left[at] = 0;
    }
    return sum;
  };
}

function failureEvidence(group: FailureGroup, facts: Facts, failingCount: number): EvidenceDraft[] {
  const { fact, errorType } = group;
  const now = { hits: group.count, total: fact.group.rows.length };
  const before = failuresBefore(group, facts);
  const smoothed =
    before.total === 0 ? UNKNOWN : { hits: before.hits + 0.5, total: before.total + 1 };
  const explained = group.traces.size / Math.max(failingCount, 1);
  const ratio = now.hits / now.total;
  const ratioBefore = before.total === 0 ? undefined : before.hits / before.total;
  const name = `${fact.service} ${fact.operation}${errorType === '' ? '' : ` (${errorType})`}`;
  const isMore = ratio > smoothed.hits / smoothed.total;
  const earlier = ratioBefore === undefined ? undefined : formatPercent(ratioBefore);
  const llr = isMore ? twoShareLlr(now, smoothed) : 0;
  const link = tracesLink(
    { service: fact.service, operation: fact.operation },
    facts.clustered.window.range,
  );
  const broken: EvidenceDraft = {
    source: 'trace',
    direction: 'for',
    statement: text(
      `${formatPercent(explained)} 的失败请求最先坏在 ${name}：其调用失败 ${formatPercent(ratio)}${earlier === undefined ? '' : `，平时 ${earlier}`}`,
      `${formatPercent(explained)} of the failed requests break at ${name}: ${formatPercent(ratio)} of its calls fail${earlier === undefined ? '' : `, usually ${earlier}`}`,
    ),
    value: ratio,
    ...(ratioBefore === undefined ? {} : { expected: ratioBefore }),
    unit: '1',
    n: now.total,
    weight: explainedWeight(llr, explained),
    link,
  };
  const waited = waitEvidence(group, { facts, name, llr });
  return waited === undefined ? [broken] : [broken, { ...waited, n: now.total, link }];
}

/** Callers that try again wait first: the failures cost that time too. */
function waitEvidence(
  group: FailureGroup,
  context: { readonly facts: Facts; readonly name: string; readonly llr: number },
): Omit<EvidenceDraft, 'n'> | undefined {
  const { facts, name, llr } = context;
  const share = group.retryWaitUs / Math.max(facts.excessUs, 1);
  if (share < WAIT_SHARE_MIN) return undefined;
  const meanUs = group.retryWaitUs / Math.max(facts.badTraceCount, 1);
  const [percent, each] = [formatPercent(share), formatUs(meanUs)];
  return {
    source: 'trace',
    direction: 'for',
    statement: text(
      `异常请求多花的时间有 ${percent} 是 ${name} 失败后等待重试：平均每个请求 ${each}`,
      `${percent} of the extra time of bad requests is waiting to try again after ${name} failed: ${each} each on average`,
    ),
    value: meanUs,
    weight: explainedWeight(llr, share),
  };
}

function failuresBefore({ fact, errorType }: FailureGroup, facts: Facts): Share {
  const reference = facts.clustered.reference?.spans;
  if (reference === undefined) return { hits: 0, total: 0 };
  const typeId = reference.strings.find(errorType);
  let hits = 0;
  for (const row of fact.referenceRows) {
    if (reference.isError[row] === 1 && reference.errorType[row] === typeId) hits++;
  }
  return { hits, total: fact.referenceRows.length };
}
