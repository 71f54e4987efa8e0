/**
 * Cohort probe for code that went another way. A request in which it did is a bad one itself, slow or not: its
 * requests are not told apart by their times, but the window's are compared with the reference's of the same
 * kind, and parts of the reference with one another as placebos.
 */
import { formatPercent } from '../../base/quantity.ts';
import type { FlowBreak, Placebo, SuspectPattern } from '../../model/hypothesis.ts';
import type { Clustered } from '../../model/investigation.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../../model/window.ts';
import { inconclusive, type ProbeResult } from './outcome.ts';
import {
  BACKGROUND_SHARE_MAX,
  type CohortEstimate,
  DIFFERENCE_MIN,
  estimateCohorts,
  isEnough,
  TRACES_MIN,
} from './store-cohort.ts';
import { placeboRate } from './store-placebo.ts';
import { countStrata } from './store-strata.ts';
import { createMatcher, type StoreTraces, type TraceSide } from './store-traces.ts';

/** Stretches of the reference that each play the incident once. */
const PLACEBO_PARTS = 8;

/** By trace of a period: 1 where the operation runs at all, and where it goes the other way. */
interface Runs {
  readonly isAsked: Uint8Array;
  readonly isBroken: Uint8Array;
}

/**
 * Confirms, or says nothing: by trace it sees less than the comparison of runs that raised the suspicion, so
 * that it finds nothing is no reason to doubt.
 */
export function compareFlows(
  suspect: SuspectPattern,
  flow: FlowBreak,
  context: { readonly clustered: Clustered; readonly traces: StoreTraces },
): ProbeResult {
  const { clustered, traces } = context;
  const { reference } = traces;
  if (reference === undefined || clustered.reference === undefined) {
    return inconclusive({
      zh: '没有参照期：不知道平时怎样执行',
      en: 'There is no reference that shows how runs usually go',
    });
  }
  const now = runsOf(suspect, { flow, side: traces.window, data: clustered.window });
  const before = runsOf(suspect, { flow, side: reference, data: clustered.reference });
  const estimate = compareWithReference(now, { before, traces });
  if (!isEnough(estimate)) {
    const { bad, good } = estimate;
    return inconclusive({
      zh: `同类请求太少：窗口 ${bad.total} 条，参照期 ${good.total} 条，各需至少 ${TRACES_MIN} 条`,
      en: `Too few requests of one kind: ${bad.total} in the window and ${good.total} in the reference, at least ${TRACES_MIN} of each are needed`,
    });
  }
  if (!isBrokenMore(estimate)) {
    return { outcome: 'inconclusive', observed: describe(estimate, undefined) };
  }
  const placebo = tryParts(before, reference);
  return {
    outcome: 'confirm',
    observed: describe(estimate, placebo),
    weight: Math.log(estimate.difference.low / placeboRate(placebo)),
    placebo,
  };
}

/**
 * Surely in a tenth more of the requests, and in twice as many as usual. Rare operations have few runs: 5 of 5
 * against 0 of 7 is a difference of 44 % at least.
 */
function isBrokenMore({ difference, badShare, goodShare }: CohortEstimate): boolean {
  return difference.low >= DIFFERENCE_MIN && goodShare <= BACKGROUND_SHARE_MAX * badShare;
}

function compareWithReference(
  now: Runs,
  context: { readonly before: Runs; readonly traces: StoreTraces },
): CohortEstimate {
  const { before, traces } = context;
  const isGood = new Uint8Array(now.isAsked.length);
  const { strata } = countStrata(
    { ...traces, isBad: now.isAsked, isGood },
    { window: now.isBroken, reference: before.isBroken, referenceAsked: before.isAsked },
    'reference',
  );
  return estimateCohorts(strata);
}

/** Each stretch of the reference against the rest: how often what is certainly normal looks broken. */
function tryParts({ isAsked, isBroken }: Runs, reference: TraceSide): Placebo {
  const { table, entry } = reference;
  const startUs = (trace: number) => table.startUs[entry[trace]!]!;
  const asked = Array.from(isAsked.keys())
    .filter((trace) => isAsked[trace] === 1 && entry[trace] !== NO_ROW)
    .sort((a, b) => startUs(a) - startUs(b) || a - b);
  const size = Math.floor(asked.length / PLACEBO_PARTS);
  if (size < TRACES_MIN) return { confirmed: 0, tried: 0 };
  let confirmed = 0;
  for (let part = 0; part < PLACEBO_PARTS; part++) {
    const isBad = new Uint8Array(isAsked.length);
    for (const trace of asked.slice(part * size, (part + 1) * size)) isBad[trace] = 1;
    const { strata } = countStrata(
      {
        window: reference,
        reference: undefined,
        isBad,
        isGood: isAsked.map((is, trace) => is & ~isBad[trace]!),
      },
      { window: isBroken, reference: undefined },
      'all',
    );
    if (isBrokenMore(estimateCohorts(strata))) confirmed++;
  }
  return { confirmed, tried: PLACEBO_PARTS };
}

interface Asking {
  readonly flow: FlowBreak;
  readonly side: TraceSide;
  readonly data: WindowData;
}

function runsOf(suspect: SuspectPattern, asking: Asking): Runs {
  const { side, flow, data } = asking;
  const { table } = side;
  const isAsked = new Uint8Array(table.traceIds.length);
  const service = table.strings.find(suspect.service);
  if (service === undefined) return { isAsked, isBroken: isAsked };
  const matches = createMatcher(suspect, table);
  const { fromUs, toUs } = data.range;
  if (flow.kind === 'late-message') {
    return messagesOf(flow, { table, sentRows: side.rowsOf(service).filter(matches), toUs });
  }
  for (const row of side.rowsOf(service)) {
    const endUs = table.startUs[row]! + table.durationUs[row]!;
    // Of what reaches out of the period the rest is not here.
    if (matches(row) && table.startUs[row]! >= fromUs && endUs < toUs) {
      isAsked[table.trace[row]!] = 1;
    }
  }
  if (flow.kind === 'lacks-call') {
    const calling = tracesCalling(flow, { side, service, matches });
    return { isAsked, isBroken: isAsked.map((is, trace) => is & ~calling[trace]!) };
  }
  const { hasAny, hasLine } = tracesLogging(flow.line, { data, service });
  const isLogged = isAsked.map((is, trace) => is & hasAny[trace]!);
  const isLacking = flow.kind === 'lacks-line';
  const isBroken = isLogged.map(
    (is, trace) => is & (isLacking ? ~hasLine[trace]! : hasLine[trace]!),
  );
  return { isAsked: isLogged, isBroken };
}

/** Of messages sent early enough to be late within the period: those that were not taken in time. */
function messagesOf(
  { service, waitUsMin }: Extract<FlowBreak, { readonly kind: 'late-message' }>,
  sent: { readonly table: SpanTable; readonly sentRows: Uint32Array; readonly toUs: number },
): Runs {
  const { table, sentRows, toUs } = sent;
  const isAsked = new Uint8Array(table.traceIds.length);
  const isBroken = new Uint8Array(table.traceIds.length);
  const consumer = table.strings.find(service);
  for (const row of sentRows) {
    const trace = table.trace[row]!;
    const dueUs = table.startUs[row]! + table.durationUs[row]! + waitUsMin;
    if (dueUs >= toUs) continue;
    isAsked[trace] = 1;
    let isTaken = false;
    for (let at = table.traceStart[trace]!; at < table.traceStart[trace + 1]!; at++) {
      const taker = table.traceRows[at]!;
      if (table.parent[taker] !== row || table.service[taker] !== consumer) continue;
      if (table.startUs[taker]! <= dueUs) isTaken = true;
    }
    if (!isTaken) isBroken[trace] = 1;
  }
  return { isAsked, isBroken };
}

function tracesCalling(
  { service, operation }: Extract<FlowBreak, { readonly kind: 'lacks-call' }>,
  caller: {
    readonly side: TraceSide;
    readonly service: number;
    readonly matches: (row: number) => boolean;
  },
): Uint8Array {
  const { table } = caller.side;
  const calling = new Uint8Array(table.traceIds.length);
  const callee = table.strings.find(service);
  const called = table.strings.find(operation);
  if (callee === undefined || called === undefined) return calling;
  for (const row of caller.side.rowsOf(callee)) {
    const parent = table.parent[row]!;
    if (table.operation[row] !== called || parent === NO_ROW) continue;
    const isCaller = table.service[parent] === caller.service && caller.matches(parent);
    if (isCaller) calling[table.trace[row]!] = 1;
  }
  return calling;
}

/** Traces with any line at all, whose log is known so, and those with this line of the service. */
function tracesLogging(
  line: string,
  { data, service }: { readonly data: WindowData; readonly service: number },
): { readonly hasAny: Uint8Array; readonly hasLine: Uint8Array } {
  const { spans, logs } = data;
  const hasAny = new Uint8Array(spans.traceIds.length);
  const hasLine = new Uint8Array(spans.traceIds.length);
  const asked = spans.strings.find(line);
  const traceOf = new Map<number, number>();
  for (const [trace, traceId] of spans.traceIds.entries()) {
    const id = spans.strings.find(traceId);
    if (id !== undefined) traceOf.set(id, trace);
  }
  for (let log = 0; log < logs.count; log++) {
    const trace = traceOf.get(logs.traceId[log]!);
    if (trace === undefined) continue;
    hasAny[trace] = 1;
    const event = logs.source[log]! || logs.template[log]!;
    if (event === asked && logs.service[log] === service) hasLine[trace] = 1;
  }
  return { hasAny, hasLine };
}

function describe(
  { bad, good, difference }: CohortEstimate,
  placebo: Placebo | undefined,
): ProbeResult['observed'] {
  const [is, was] = [bad, good].map(({ hits, total }) => formatPercent(hits / total));
  const gap = `${formatPercent(difference.low)} – ${formatPercent(difference.high)}`;
  const tried = placebo && `${placebo.confirmed}/${placebo.tried}`;
  return {
    zh: `窗口内 ${bad.hits}/${bad.total} 条链路（${is}）如此，参照期 ${good.hits}/${good.total}（${was}）；同类请求内相差 ${gap}${tried === undefined ? '' : `；安慰剂检验 ${tried} 次误判`}`,
    en: `${bad.hits} of ${bad.total} traces with such runs (${is}) go this way, ${good.hits} of ${good.total} (${was}) in the reference; a difference of ${gap} within requests of one kind${tried === undefined ? '' : `; ${tried} placebo checks confirm as well`}`,
  };
}
