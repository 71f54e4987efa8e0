/**
 * Channel "what is no longer done": calls that operations made in the reference and do not make now.
 */
import { formatPercent } from '../base/quantity.ts';
import { type Share, twoShareLlr } from '../base/statistics.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { Facts, OperationFact } from './facts.ts';
import { compareText, type Suspicion, softCapped, text, tracesLink } from './suspicion.ts';

/** Calls rarer than this in the reference are not missed. */
const USUAL_CALL_SHARE = 0.3;
const PARENTS_MIN = 8;
const LLR_MIN = 4;
/** Absence has more innocent reasons than presence. */
const WEIGHT_MAX = 5;

/**
 * For each operation in its context (who called it) and each call it makes: the share of its runs with that
 * call, averaged over traces, because the runs of one trace are no independent witnesses.
 */
export function suspectMissingCalls(facts: Facts): Suspicion[] {
  const reference = facts.clustered.reference?.spans;
  if (reference === undefined) return [];
  const now = countCalls(facts.table);
  const found: MissingCall[] = [];
  const before = countCalls(reference);
  for (const [id, calls] of before.calls) {
    const fact = facts.operationByKey.get(calls.parentKey);
    const runsBefore = before.runs.get(calls.context)?.size ?? 0;
    const runsNow = now.runs.get(calls.context)?.size ?? 0;
    if (fact === undefined || runsBefore < PARENTS_MIN || runsNow < PARENTS_MIN) continue;
    const was = { hits: calls.traceShares, total: runsBefore };
    const is = { hits: now.calls.get(id)?.traceShares ?? 0, total: runsNow };
    if (was.hits / was.total < USUAL_CALL_SHARE) continue;
    const drop = 1 - is.hits / is.total / (was.hits / was.total);
    const llr = twoShareLlr(is, was) - Math.log(before.calls.size) / 2;
    if (drop <= 0 || llr < LLR_MIN) continue;
    const { strings } = reference;
    const child = `${strings.text(calls.childService)} ${strings.text(calls.childOperation)}`;
    found.push({ fact, child, drop, llr, isShare: is, wasShare: was });
  }
  return found
    .sort((a, b) => b.llr - a.llr || compareText(a.child, b.child))
    .map((missing) => missingCall(missing, facts));
}

interface MissingCall {
  readonly fact: OperationFact;
  readonly child: string;
  readonly drop: number;
  readonly llr: number;
  readonly isShare: Share;
  readonly wasShare: Share;
}

function missingCall(found: MissingCall, facts: Facts): Suspicion {
  const { fact, child, isShare, wasShare } = found;
  const [is, was] = [isShare.hits / isShare.total, wasShare.hits / wasShare.total];
  const name = `${fact.service} ${fact.operation}`;
  return {
    culprit: { service: fact.service, operation: fact.operation },
    kind: 'error',
    // A caller stops calling as well when what it called before answers otherwise.
    isOwn: false,
    pattern: { service: fact.service, operation: fact.operation },
    detail: { missingCall: child },
    evidence: [
      {
        source: 'trace',
        direction: 'for',
        statement: text(
          `${name} 调用 ${child} 的比例从 ${formatPercent(was)} 降到 ${formatPercent(is)}`,
          `${name} calls ${child} in ${formatPercent(is)} of its runs, usually in ${formatPercent(was)}`,
        ),
        value: is,
        expected: was,
        n: isShare.total,
        weight: Math.max(0, softCapped(found.llr, WEIGHT_MAX) + Math.log(found.drop)),
        link: tracesLink(
          { service: fact.service, operation: fact.operation },
          facts.clustered.window.range,
        ),
      },
    ],
  };
}

interface CallCount {
  readonly context: string;
  readonly parentKey: number;
  readonly childService: number;
  readonly childOperation: number;
  /** Sum over traces of the share of runs that made the call. */
  traceShares: number;
}

interface CallCounts {
  /** By context, then trace: runs of the operation. */
  readonly runs: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** By context and called operation. */
  readonly calls: ReadonlyMap<string, CallCount>;
}

function countCalls(table: SpanTable): CallCounts {
  const keyOf = (row: number): number => pairKey(table.service[row]!, table.operation[row]!);
  const contexts: string[] = [];
  const runs = new Map<string, Map<number, number>>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    const context = `${parent === NO_ROW ? '' : keyOf(parent)} ${keyOf(row)}`;
    contexts.push(context);
    const byTrace = runs.get(context) ?? new Map<number, number>();
    byTrace.set(table.trace[row]!, (byTrace.get(table.trace[row]!) ?? 0) + 1);
    runs.set(context, byTrace);
  }
  const calls = new Map<string, CallCount>();
  const counted = new Set<string>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW) continue;
    const context = contexts[parent]!;
    const once = `${parent} ${keyOf(row)}`;
    if (counted.has(once)) continue;
    counted.add(once);
    const id = `${context} ${keyOf(row)}`;
    let call = calls.get(id);
    if (call === undefined) {
      call = {
        context,
        parentKey: keyOf(parent),
        childService: table.service[row]!,
        childOperation: table.operation[row]!,
        traceShares: 0,
      };
      calls.set(id, call);
    }
    call.traceShares += 1 / (runs.get(context)?.get(table.trace[row]!) ?? 1);
  }
  return { runs, calls };
}
