/**
 * Channel "what is no longer done": calls that operations made in the reference and do not make now. A set of
 * calls that no trace of the reference made is a new way of going on; where a known set only comes more often,
 * callers may simply ask for something else, and the evidence is weaker.
 */
import { formatPercent } from '../base/quantity.ts';
import { type Share, twoShareLlr, wilsonBounds } from '../base/statistics.ts';
import type { Hop } from '../model/hypothesis.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import { markAbove } from './below.ts';
import { type CallFlows, gatherCallFlows } from './call-flow.ts';
import { earlyEndEvidence } from './early-end.ts';
import { type ErrorLines, readErrorLines } from './error-line.ts';
import { type ErrorReason, NO_REASON, reasonOf } from './error-reason.ts';
import { type Flow, type OperationNumbers, type RunVariant, rowsOfVariants } from './event-flow.ts';
import type { Facts } from './facts.ts';
import { ODD_SHARE } from './known-flow.ts';
import { numberOperations } from './operation-number.ts';
import {
  compareText,
  type EvidenceDraft,
  type Suspicion,
  softCapped,
  text,
  tracesLink,
} from './suspicion.ts';

/** Calls rarer than this in the reference are not missed. */
const USUAL_CALL_SHARE = 0.3;
/** Traces with a run of the flow below which its usual calls are unknown. */
const TRACES_MIN = 8;
/** Beyond the price of the number of flows. */
const LLR_MIN = 3;
/**
 * What callers ask for moves: without any fault the odds of a call are e times higher or lower in one window
 * of three (a convention; a standard deviation of the log odds).
 */
const MIX_SIGMA = 1;
/** From this share of the runs on, what failed below them is why they stop. */
const PASSED_ON_SHARE = 0.5;
/** From this share of the lost calls on, calls that stand alone are the lost ones: their parent is not known. */
const DETACHED_SHARE = 0.5;
/** From this share of the lost calls on, more runs that call something else instead make up for them. */
const REPLACED_SHARE = 0.5;
/** 95 %. */
const Z_INTERVAL = 1.96;

export function suspectMissingCalls(facts: Facts): Suspicion[] {
  const { reference } = facts.clustered;
  if (reference === undefined || reference.spans.count === 0) return [];
  const numbers = numberOperations(facts, reference.spans);
  const flows = gatherCallFlows(facts, { reference, numbers });
  const isDetached = countDetached(facts, { reference, numbers });
  const found = findLostCalls(flows, {
    isDetached,
    traces: { now: facts.table.traceIds.length, before: reference.spans.traceIds.length },
  });
  const isAbove = markAbove(facts.table, markFailed(facts));
  const names = new OperationNames(facts, reference.spans, numbers);
  const best = new Map<string, LostCall>();
  for (const lost of found) {
    const place = names.of(numbers.now[lost.flow.row]!);
    const known = best.get(place);
    if (known === undefined || isStronger(lost, known, names)) best.set(place, lost);
  }
  const errorLines = readErrorLines(facts);
  return [...best]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, lost]) => {
      const rows = rowsOfVariants(flows.now, lost.variants);
      const aboveCount = rows.reduce((sum, row) => sum + isAbove[row]!, 0);
      const isPassedOn = aboveCount >= PASSED_ON_SHARE * rows.length;
      const region =
        facts.spanLogs === undefined ? regionOf(lost, { flows, reference, numbers, names }) : {};
      return suspicionOf(lost, {
        facts,
        rows,
        isPassedOn,
        reason: reasonFor(rows, facts, errorLines),
        call: names.of(lost.call),
        called: names.placeOf(lost.call),
        region,
      });
    });
}

interface LostCall {
  readonly flow: Flow;
  readonly before: Flow;
  /** Operation number of what is not called. */
  readonly call: number;
  /** Runs make a set of calls that the reference does not know. */
  readonly isNew: boolean;
  /** Whether the share changed at all; paid for, it decides whether anything is said. */
  readonly changeLlr: number;
  /** What the change tells. */
  readonly llr: number;
  /** Share of the runs with the call, averaged over traces. */
  readonly is: Share;
  readonly was: Share;
  /** Runs that lack it. */
  readonly variants: ReadonlySet<RunVariant>;
}

function isStronger(a: LostCall, b: LostCall, names: OperationNames): boolean {
  if (a.isNew !== b.isNew) return a.isNew;
  return a.llr > b.llr || (a.llr === b.llr && compareText(names.of(a.call), names.of(b.call)) < 0);
}

/** By operation number: spans without a parent here, more than in the reference. */
type Detached = (call: number, lostCount: number) => boolean;

/** Traces of each period, with or without a run. */
interface TraceCounts {
  readonly now: number;
  readonly before: number;
}

function findLostCalls(
  flows: CallFlows,
  context: { readonly isDetached: Detached; readonly traces: TraceCounts },
): LostCall[] {
  const pairs = [...flows.before.flows.values()].flatMap((before) => {
    const flow = flows.now.flows.get(before.key);
    if (flow === undefined || flow.isVaried || before.isVaried) return [];
    return flow.traceCount < TRACES_MIN || before.traceCount < TRACES_MIN ? [] : [{ flow, before }];
  });
  const price = Math.log(Math.max(1, pairs.length));
  return pairs.flatMap(({ flow, before }) =>
    lostCallsOf({ flow, before }, context.traces).filter(
      ({ changeLlr, call, is, was }) =>
        changeLlr - price >= LLR_MIN &&
        !context.isDetached(call, is.total * (was.hits / was.total) - is.hits),
    ),
  );
}

interface FlowPair {
  readonly flow: Flow;
  readonly before: Flow;
}

/** Usual calls that runs make less often, each with the runs that lack it. */
function lostCallsOf({ flow, before }: FlowPair, traces: TraceCounts): LostCall[] {
  // A set is known when the reference made it in more than one trace, and not only now and then.
  const isOdd = ({ isOneTrace, weight }: RunVariant) =>
    isOneTrace || weight < ODD_SHARE * before.traceCount;
  const once = before.variants.filter(isOdd);
  const known = new Set(
    before.variants.filter((variant) => !isOdd(variant)).map(({ events }) => events.join(' ')),
  );
  const wasCalled = callWeights(before);
  const isCalled = callWeights(flow);
  const usual = [...wasCalled]
    .filter(([, weight]) => weight >= USUAL_CALL_SHARE * before.traceCount)
    .map(([call]) => call);
  const isNewSet = ({ events }: RunVariant) => !known.has(events.join(' '));
  return usual.flatMap((call): LostCall[] => {
    const is = { hits: isCalled.get(call) ?? 0, total: flow.traceCount };
    const was = { hits: wasCalled.get(call)!, total: before.traceCount }; // usual calls are its keys
    const drop = 1 - is.hits / is.total / (was.hits / was.total);
    if (drop <= 0) return [];
    const lacking = flow.variants.filter(({ events }) => !events.includes(call));
    const isNew = new Set(lacking.filter(isNewSet));
    const onceBefore = once.filter(({ events }) => !events.includes(call));
    const newLlr = twoShareLlr(
      { hits: weightOf(isNew), total: is.total },
      { hits: weightOf(onceBefore) + 0.5, total: was.total + 1 },
    );
    const shiftLlr = twoShareLlr(is, was);
    const common = { flow, before, call, is, was, changeLlr: shiftLlr };
    if (2 * weightOf(isNew) > weightOf(lacking)) {
      const llr = Math.min(newLlr, shiftLlr);
      return [{ ...common, isNew: true, changeLlr: llr, llr, variants: isNew }];
    }
    if (isReplaced(call, { flow, before }, traces)) return [];
    const llr = Math.min(shiftLlr, mixLlr(is, was));
    return [{ ...common, isNew: false, llr, variants: new Set(lacking) }];
  });
}

/**
 * How surprising the shift is for the mix of requests: of the log odds, normal. 80 % → 31 % of 48 traces: 1.9;
 * 79 % → 0 of 65: 5.8.
 */
function mixLlr(is: Share, was: Share): number {
  const [now, before] = [logOddsOf(is), logOddsOf(was)];
  const variance = MIX_SIGMA ** 2 + now.variance + before.variance;
  return (now.value - before.value) ** 2 / (2 * variance);
}

function logOddsOf({ hits, total }: Share): { readonly value: number; readonly variance: number } {
  const [yes, no] = [hits + 0.5, Math.max(0, total - hits) + 0.5];
  return { value: Math.log(yes / no), variance: 1 / yes + 1 / no };
}

/** The runs call something else as much more often as they make this call less: other requests came. */
function isReplaced(call: number, { flow, before }: FlowPair, traces: TraceCounts): boolean {
  const calling = before.variants.filter(({ events }) => events.includes(call));
  const companions = new Set(calling.flatMap(({ events }) => [...events]));
  const isOther = ({ events }: RunVariant) => events.some((event) => !companions.has(event));
  const perTrace = (variants: readonly RunVariant[], count: number) =>
    weightOf(variants) / Math.max(1, count);
  const callingNow = flow.variants.filter(({ events }) => events.includes(call));
  const lost = perTrace(calling, traces.before) - perTrace(callingNow, traces.now);
  const gained =
    perTrace(flow.variants.filter(isOther), traces.now) -
    perTrace(before.variants.filter(isOther), traces.before);
  return gained >= REPLACED_SHARE * lost;
}

function callWeights({ variants }: Flow): Map<number, number> {
  const weights = new Map<number, number>();
  for (const { events, weight } of variants) {
    for (const call of events) weights.set(call, (weights.get(call) ?? 0) + weight);
  }
  return weights;
}

function weightOf(variants: Iterable<RunVariant>): number {
  let sum = 0;
  for (const { weight } of variants) sum += weight;
  return sum;
}

/** Where the parent is not known, a call is not missing but cut off: the context was not handed on. */
function countDetached(
  facts: Facts,
  { reference, numbers }: { readonly reference: WindowData; readonly numbers: OperationNumbers },
): Detached {
  const countRoots = (table: SpanTable, operationOfRow: Uint32Array) => {
    const roots = new Uint32Array(numbers.count + 1);
    for (let row = 0; row < table.count; row++) {
      if (table.parent[row] === NO_ROW) roots[operationOfRow[row]!]!++;
    }
    return roots;
  };
  const now = countRoots(facts.table, numbers.now);
  const before = countRoots(reference.spans, numbers.before);
  const growth = facts.table.traceIds.length / Math.max(1, reference.spans.traceIds.length);
  return (call, lostCount) => now[call]! - growth * before[call]! >= DETACHED_SHARE * lostCount;
}

function markFailed({ table, isAnomalous }: Facts): Uint8Array {
  const marks = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row++) {
    if (table.isError[row] === 1 && isAnomalous[row] === 1) marks[row] = 1;
  }
  return marks;
}

function reasonFor(rows: readonly number[], facts: Facts, errorLines: ErrorLines): ErrorReason {
  const { spanLogs } = facts;
  return spanLogs === undefined
    ? NO_REASON
    : reasonOf(rows, { facts, joined: spanLogs.now, errorLines });
}

/** Operation numbers as `SERVICE OPERATION`. */
class OperationNames {
  readonly #places = new Map<number, Hop>();

  constructor(facts: Facts, reference: SpanTable, { before }: OperationNumbers) {
    for (const [index, { service, operation }] of facts.operations.entries()) {
      this.#places.set(index + 1, { service, operation });
    }
    const { strings } = reference;
    for (let row = 0; row < reference.count; row++) {
      if (this.#places.has(before[row]!)) continue;
      const service = strings.text(reference.service[row]!);
      const operation = strings.text(reference.operation[row]!);
      this.#places.set(before[row]!, { service, operation });
    }
  }

  of(number: number): string {
    const { service, operation } = this.placeOf(number);
    return `${service} ${operation}`;
  }

  /** Operations of both periods have one. */
  placeOf(number: number): Hop {
    return this.#places.get(number)!;
  }
}

/** Between which events the code turned off: the call that usually ends before the lost one, and that one. */
function regionOf(
  { flow, before, call }: LostCall,
  context: {
    readonly flows: CallFlows;
    readonly reference: WindowData;
    readonly numbers: OperationNumbers;
    readonly names: OperationNames;
  },
): Readonly<Record<string, string>> {
  const { flows, reference, numbers, names } = context;
  const { start, rows } = flows.childrenBefore;
  const { startUs } = reference.spans;
  const counts = new Map<number, number>();
  const calling = before.variants.filter(({ events }) => events.includes(call));
  for (const run of rowsOfVariants(flows.before, new Set(calling))) {
    const children = [...rows.subarray(start[run]!, start[run + 1]!)].sort(
      (a, b) => startUs[a]! - startUs[b]! || a - b,
    );
    const at = children.findIndex((row) => numbers.before[row] === call);
    const previous = at === 0 ? 0 : numbers.before[children[at - 1]!]!;
    counts.set(previous, (counts.get(previous) ?? 0) + 1);
  }
  const [usual] = [...counts]
    .map(([operation, count]) => ({ name: operation === 0 ? '' : names.of(operation), count }))
    .sort((a, b) => b.count - a.count || compareText(a.name, b.name));
  const from = usual?.name ? `${usual.name} end` : `${names.of(numbers.now[flow.row]!)} start`;
  return { from, to: `${names.of(call)} start` };
}

function suspicionOf(
  lost: LostCall,
  context: {
    readonly facts: Facts;
    readonly rows: readonly number[];
    readonly isPassedOn: boolean;
    readonly reason: ErrorReason;
    readonly call: string;
    readonly called: Hop;
    readonly region: Readonly<Record<string, string>>;
  },
): Suspicion {
  const { facts, reason, call } = context;
  const { strings } = facts.table;
  const service = strings.text(facts.table.service[lost.flow.row]!);
  const operation = strings.text(facts.table.operation[lost.flow.row]!);
  const { dependency } = reason;
  const evidence = callEvidence(lost, { facts, call, place: { service, operation } });
  // A caller stops calling as well when what it called before answers otherwise.
  const isOwn = lost.isNew && !context.isPassedOn && dependency === undefined;
  return {
    culprit: { service, operation, ...(dependency === undefined ? {} : { dependency }) },
    kind: dependency !== undefined ? 'dependency' : lost.isNew ? 'code' : 'error',
    isOwn,
    pattern: { service, operation, flow: { kind: 'lacks-call', ...context.called } },
    detail: { missingCall: call, ...context.region },
    evidence: [
      { ...evidence, aspect: 'flow', weight: Math.min(evidence.weight, reason.surpriseMax) },
      ...(isOwn ? earlyEndEvidence(context.rows, facts) : []),
    ],
  };
}

function callEvidence(
  { is, was, llr }: LostCall,
  context: {
    readonly facts: Facts;
    readonly call: string;
    readonly place: { readonly service: string; readonly operation: string };
  },
): EvidenceDraft {
  const { facts, call, place } = context;
  const [ratio, ratioBefore] = [is.hits / is.total, was.hits / was.total];
  const name = `${place.service} ${place.operation}`;
  const { low, high } = wilsonBounds(is, Z_INTERVAL);
  const [now, earlier] = [formatPercent(ratio), formatPercent(ratioBefore)];
  return {
    source: 'trace',
    direction: 'for',
    statement: text(
      `${name} 调用 ${call} 的比例从 ${earlier} 降到 ${now}`,
      `${name} calls ${call} in ${now} of its runs, usually in ${earlier}`,
    ),
    value: ratio,
    expected: ratioBefore,
    unit: '1',
    interval: [low, high],
    n: is.total,
    weight: softCapped(llr),
    link: tracesLink(place, facts.clustered.window.range),
  };
}
