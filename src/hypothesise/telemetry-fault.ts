/**
 * Channel "it only looks so": calls that still go out and come back as before while the spans of the service
 * that answers them are gone, or stand in traces of their own. Then the telemetry is at fault, not the
 * service: a service that is down makes its callers fail, one that is no longer called makes them faster.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import { medianOf, type Share, twoShareLlr } from '../base/statistics.ts';
import { pairKey } from '../model/row-groups.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { compareText, type Suspicion, softCapped, text, tracesLink } from './suspicion.ts';

/** Calls below which a change of their share says nothing. */
const CALLS_MIN = 8;
/** Calls of which fewer used to have the answer's span were never a full picture. */
const USUAL_SHARE_MIN = 0.5;
/** Loss of a smaller part of the spans changes no picture. */
const LOST_SHARE_MIN = 0.3;
const LLR_MIN = 4;
/** Where the answer took less of the caller's time, the caller's time does not tell whether it was given. */
const ANSWER_SHARE_MIN = 0.3;
/** Failures of the callers that grew this surely are an outage, not a loss of spans. */
const FAILURE_LLR_MAX = 2;
/** Other trouble in every trace leaves this much: the loss still explains what it alone made up. */
const SOUND_SHARE_MIN = 0.05;

/** Runs of one operation, and the spans of one other service that they hold as children. */
interface Calls {
  readonly caller: number;
  readonly operation: number;
  readonly callee: number;
  readonly isClient: boolean;
  /** Rows of the callers with such a child, and that child; parallel. */
  readonly answeredRows: number[];
  readonly answerRows: number[];
}

interface Loss {
  readonly calls: Calls;
  readonly answered: { readonly now: Share; readonly before: Share };
  readonly durationUs: { readonly now: number; readonly before: number };
  /** Callers in the window without the answer's span. */
  readonly silentRows: readonly number[];
  readonly llr: number;
}

export function suspectTelemetry(facts: Facts): Suspicion[] {
  const reference = facts.clustered.reference?.spans;
  if (reference === undefined) return [];
  const now = gatherCalls(facts.table);
  const before = gatherCalls(reference);
  const isAnswered = { now: answeredRows(facts.table), before: answeredRows(reference) };
  const losses = [...before].flatMap(([key, calls]) => {
    const loss = lossOf(calls, { now: now.get(key), isAnswered, facts, reference });
    const llr = (loss?.llr ?? 0) - Math.log(before.size);
    return loss !== undefined && llr >= LLR_MIN ? [{ ...loss, llr }] : [];
  });
  return [...lossesByCallee(losses)].map((seen) => suspicionOf(seen, facts));
}

/** By caller's operation and callee; a caller's first child of a service stands for its call. */
function gatherCalls(table: SpanTable): Map<string, Calls> {
  const ids = new Map<number, Map<number, Calls>>();
  const lastCaller = new Map<Calls, number>();
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.service[parent] === table.service[row]) continue;
    // Messages may wait: src/hypothesise/queue.ts.
    if (table.kind[parent] === SPAN_KIND.producer || table.kind[row] === SPAN_KIND.consumer)
      continue;
    const [caller, operation] = [table.service[parent]!, table.operation[parent]!];
    const callee = table.service[row]!;
    const key = pairKey(caller, operation);
    let byCallee = ids.get(key);
    if (byCallee === undefined) {
      byCallee = new Map();
      ids.set(key, byCallee);
    }
    let calls = byCallee.get(callee);
    if (calls === undefined) {
      const isClient = table.kind[parent] === SPAN_KIND.client;
      calls = { caller, operation, callee, isClient, answeredRows: [], answerRows: [] };
      byCallee.set(callee, calls);
    }
    if (lastCaller.get(calls) === parent) continue;
    lastCaller.set(calls, parent);
    calls.answeredRows.push(parent);
    calls.answerRows.push(row);
  }
  const found = [...ids.values()].flatMap((byCallee) => [...byCallee.values()]);
  return new Map(found.map((calls) => [callKey(calls), calls]));
}

/** 1 for rows with a child of another service. */
function answeredRows(table: SpanTable): Uint8Array {
  const isAnswered = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    const parent = table.parent[row]!;
    if (parent !== NO_ROW && table.service[parent] !== table.service[row]) isAnswered[parent] = 1;
  }
  return isAnswered;
}

function callKey({ caller, operation, callee }: Calls): string {
  return `${caller} ${operation} ${callee}`;
}

/** The loss of a callee's spans, or undefined where it was not lost, or not only from sight. */
function lossOf(
  calls: Calls,
  context: {
    readonly now: Calls | undefined;
    readonly isAnswered: { readonly now: Uint8Array; readonly before: Uint8Array };
    readonly facts: Facts;
    readonly reference: SpanTable;
  },
): Loss | undefined {
  const { now, isAnswered, facts, reference } = context;
  const { table } = facts;
  const fact = facts.operationByKey.get(pairKey(calls.caller, calls.operation));
  if (fact === undefined || fact.group.rows.length < CALLS_MIN) return undefined;
  if (fact.referenceRows.length < CALLS_MIN) return undefined;
  const withAnswer = new Set(now?.answeredRows);
  const withAnswerBefore = new Set(calls.answeredRows);
  // A client span is one call: where another service answered it, this one was not called.
  const isHere = (row: number): boolean =>
    !calls.isClient || withAnswer.has(row) || isAnswered.now[row] === 0;
  const isHereBefore = (row: number): boolean =>
    !calls.isClient || withAnswerBefore.has(row) || isAnswered.before[row] === 0;
  const rows = fact.group.rows.filter(isHere);
  const answered = {
    now: { hits: withAnswer.size, total: rows.length },
    before: {
      hits: withAnswerBefore.size,
      total: fact.referenceRows.filter(isHereBefore).length,
    },
  };
  if (answered.now.total < CALLS_MIN || answered.before.total < CALLS_MIN) return undefined;
  const [is, was] = [shareOf(answered.now), shareOf(answered.before)];
  if (was < USUAL_SHARE_MIN || is > (1 - LOST_SHARE_MIN) * was) return undefined;
  const silentRows = Array.from(rows).filter((row) => !withAnswer.has(row));
  if (hasMoreFailures(silentRows, { calls, table, reference })) return undefined;
  const durationUs = {
    now: medianOf(silentRows.map((row) => table.durationUs[row]!)),
    before: medianOf(calls.answeredRows.map((row) => reference.durationUs[row]!)),
  };
  if (!isStillAnswered(calls, { durationUs, reference })) return undefined;
  return {
    calls,
    answered,
    durationUs,
    silentRows,
    llr: twoShareLlr(answered.now, answered.before),
  };
}

function shareOf({ hits, total }: Share): number {
  return total === 0 ? 0 : hits / total;
}

function hasMoreFailures(
  silentRows: readonly number[],
  context: { readonly calls: Calls; readonly table: SpanTable; readonly reference: SpanTable },
): boolean {
  const { calls, table, reference } = context;
  const failures = (rows: readonly number[], of: SpanTable): Share => ({
    hits: rows.reduce((sum, row) => sum + of.isError[row]!, 0),
    total: rows.length,
  });
  const [now, before] = [failures(silentRows, table), failures(calls.answeredRows, reference)];
  return shareOf(now) > shareOf(before) && twoShareLlr(now, before) > FAILURE_LLR_MAX;
}

/** The caller takes as long as when it waited: more than halfway from "not called" to "answered as before". */
function isStillAnswered(
  { answeredRows, answerRows, isClient }: Calls,
  context: { readonly durationUs: Loss['durationUs']; readonly reference: SpanTable },
): boolean {
  const { durationUs, reference } = context;
  const answerShare = medianOf(
    answeredRows.map((row, at) => {
      const callerUs = Math.max(1, reference.durationUs[row]!);
      return Math.min(1, reference.durationUs[answerRows[at]!]! / callerUs);
    }),
  );
  // A client span ends with the answer: that it is there and did not fail is an answer.
  if (answerShare < ANSWER_SHARE_MIN) return isClient;
  return durationUs.now >= durationUs.before * (1 - answerShare / 2);
}

/** Several operations of callers see one loss: strongest first. */
function lossesByCallee(losses: readonly Loss[]): Loss[][] {
  const byCallee = new Map<number, Loss[]>();
  for (const loss of losses) {
    const known = byCallee.get(loss.calls.callee);
    if (known) known.push(loss);
    else byCallee.set(loss.calls.callee, [loss]);
  }
  const order = (a: Loss, b: Loss) =>
    b.llr - a.llr || compareText(callKey(a.calls), callKey(b.calls));
  return [...byCallee.values()].map((seen) => seen.sort(order));
}

function suspicionOf(losses: readonly Loss[], facts: Facts): Suspicion {
  const { strings } = facts.table;
  const { calls, answered, durationUs, llr } = losses[0]!; // a group has at least one loss
  const service = strings.text(calls.callee);
  const nameOf = ({ caller, operation }: Calls) =>
    `${strings.text(caller)} ${strings.text(operation)}`;
  const callers = losses.map((loss) => nameOf(loss.calls)).sort(compareText);
  const [is, was] = [shareOf(answered.now), shareOf(answered.before)].map(formatPercent);
  const [takes, took] = [durationUs.now, durationUs.before].map(formatUs);
  const how = isApart(calls.callee, facts.table)
    ? text(
        `${service} 的 span 还在，但不再属于调用方的链路：上下文没有传下去`,
        `spans of ${service} still arrive, but in traces of their own: the context is not passed on`,
      )
    : text(`${service} 的 span 没有送达`, `spans of ${service} do not arrive`);
  const share = soundShare(new Set(losses.flatMap(({ silentRows }) => silentRows)), facts);
  return {
    culprit: { service },
    kind: 'telemetry',
    isOwn: true,
    share,
    services: [service, ...losses.map((loss) => strings.text(loss.calls.caller))],
    detail: { callers: callers.join('; ') },
    evidence: [
      {
        source: 'trace',
        direction: 'for',
        aspect: 'flow',
        statement: text(
          `${how.zh}：${nameOf(calls)} 中带有它的比例从 ${was} 降到 ${is}，而调用照常成功，耗时 ${takes}（平时 ${took}）`,
          `${how.en}: ${is} of the runs of ${nameOf(calls)} hold one, usually ${was}; yet they succeed as ever and take ${takes} (usually ${took})`,
        ),
        value: shareOf(answered.now),
        expected: shareOf(answered.before),
        n: answered.now.total,
        weight: softCapped(llr) * Math.sqrt(share),
        link: tracesLink({ service: strings.text(calls.caller) }, facts.clustered.window.range),
      },
    ],
  };
}

/**
 * Share of the traces that hold no other trouble. Lost spans make nothing slow and nothing fail, but time that
 * was the answer's becomes the waiting caller's own.
 */
export function soundShare(silentRows: ReadonlySet<number>, { table, isAnomalous }: Facts): number {
  const troubled = new Set<number>();
  for (let row = 0; row < table.count; row++) {
    if (isAnomalous[row] === 1 && !silentRows.has(row)) troubled.add(table.trace[row]!);
  }
  return Math.max(SOUND_SHARE_MIN, 1 - troubled.size / Math.max(1, table.traceIds.length));
}

/** Most spans of the service have no caller in their trace. */
function isApart(service: number, { count, parent, service: services }: SpanTable): boolean {
  let [all, apart] = [0, 0];
  for (let row = 0; row < count; row++) {
    if (services[row] !== service) continue;
    const above = parent[row]!;
    if (above !== NO_ROW && services[above] === service) continue;
    all++;
    if (above === NO_ROW) apart++;
  }
  return all >= CALLS_MIN && apart > all / 2;
}
