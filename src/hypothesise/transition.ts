/**
 * Channel "what usually follows and no longer does": inside a span the lines of the log come in an order.
 * Where a run leaves every order that the reference knows, and loses the line that should have followed or
 * logs an error first, the code between the two lines went another way. Needs logs that name their span.
 */
import { formatPercent } from '../base/quantity.ts';
import { type Share, twoShareLlr, wilsonBounds } from '../base/statistics.ts';
import type { SuspectPattern } from '../model/hypothesis.ts';
import type { WindowData } from '../model/window.ts';
import { markAbove } from './below.ts';
import { earlyEndEvidence } from './early-end.ts';
import { readErrorLines } from './error-line.ts';
import { type ErrorReason, reasonOf } from './error-reason.ts';
import {
  type EventFlows,
  type Flow,
  RUN_END,
  RUN_START,
  type RunVariant,
  rowsOfVariants,
} from './event-flow.ts';
import type { Facts } from './facts.ts';
import { type BrokenStep, KnownFlow, NO_TRACE } from './known-flow.ts';
import { type BothFlows, gatherLineFlows } from './line-flow.ts';
import { numberOperations } from './operation-number.ts';
import {
  compareText,
  EVIDENCE_WEIGHT_MAX,
  type EvidenceDraft,
  type Suspicion,
  softCapped,
  text,
  tracesLink,
} from './suspicion.ts';

/** Traces with a run of the flow below which its usual way is unknown. */
const TRACES_MIN = 4;
/** Beyond the price of the number of flows: some flow looks so odd by chance in one window of fifty. */
const LLR_MIN = 3;
/** A way that leads to new lines and to no error may be a new kind of request. */
const DETOUR_WEIGHT_MAX = 4;
/** From this share of the broken runs on, what broke below them is what breaks them. */
const PASSED_ON_SHARE = 0.5;
const EVENT_TEXT_MAX = 200;
/** 95 %. */
const Z_INTERVAL = 1.96;

export function suspectTransitions(facts: Facts): Suspicion[] {
  const { clustered, spanLogs } = facts;
  const { window, reference } = clustered;
  if (reference === undefined || spanLogs === undefined) return [];
  const numbers = numberOperations(facts, reference.spans);
  const flows = gatherLineFlows(facts, { reference, spanLogs, numbers });
  const broken = findBrokenFlows(flows, (event) => textOf(event, facts));
  const isAbove = markAbove(window.spans, markTrouble(broken, { facts, now: flows.now }));
  const best = new Map<string, BrokenFlow>();
  for (const one of broken) {
    const known = best.get(placeOf(one, window));
    if (known === undefined || one.llr > known.llr) best.set(placeOf(one, window), one);
  }
  const errorLines = readErrorLines(facts);
  return [...best]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, one]) => {
      const rows = rowsOfVariants(flows.now, one.brokenVariants);
      const aboveCount = rows.reduce((sum, row) => sum + isAbove[row]!, 0);
      return suspicionOf(one, {
        facts,
        rows,
        isPassedOn: aboveCount >= PASSED_ON_SHARE * rows.length,
        reason: reasonOf(rows, { facts, joined: spanLogs.now, errorLines }),
      });
    });
}

interface BrokenFlow {
  readonly flow: Flow;
  readonly llr: number;
  /** Of the traces with a run: those whose runs break, now and in the reference. */
  readonly is: Share;
  readonly was: Share;
  /** Where most of the runs break. */
  readonly step: BrokenStep;
  readonly brokenVariants: ReadonlySet<RunVariant>;
}

/** One question per flow, and its price: among many flows some look odd by chance. */
function findBrokenFlows(flows: BothFlows, nameOf: (event: number) => string): BrokenFlow[] {
  const pairs = [...flows.before.flows.values()].flatMap((before) => {
    const now = flows.now.flows.get(before.key);
    if (now === undefined || now.isVaried || before.isVaried) return [];
    return now.traceCount < TRACES_MIN || before.traceCount < TRACES_MIN ? [] : [{ now, before }];
  });
  const price = Math.log(Math.max(1, pairs.length));
  return pairs.flatMap(({ now, before }) => {
    const broken = compareFlow(now, { before, nameOf });
    return broken === undefined || broken.llr - price < LLR_MIN ? [] : [broken];
  });
}

/**
 * How many runs leave the known ways. The reference is judged by the same measure, each run against the other
 * traces (Good and Turing: what was seen once tells how much has not been seen yet).
 */
function compareFlow(
  flow: Flow,
  context: { readonly before: Flow; readonly nameOf: (event: number) => string },
): BrokenFlow | undefined {
  const { before, nameOf } = context;
  const known = new KnownFlow(before, nameOf);
  let hitsBefore = 0;
  for (const variant of before.variants) {
    if (known.findBreak(variant, variant.isOneTrace ? variant.firstTrace : NO_TRACE)) {
      hitsBefore += variant.weight;
    }
  }
  const brokenVariants = new Set<RunVariant>();
  const places = new Map<string, { readonly step: BrokenStep; weight: number }>();
  let hits = 0;
  for (const variant of flow.variants) {
    const step = known.findBreak(variant, NO_TRACE);
    if (step === undefined) continue;
    hits += variant.weight;
    brokenVariants.add(variant);
    const name = `${nameOf(step.from)}\0${nameOf(step.to)}`;
    const place = places.get(name);
    if (place) place.weight += variant.weight;
    else places.set(name, { step, weight: variant.weight });
  }
  const [first] = [...places].sort(
    ([a, { weight: ofA }], [b, { weight: ofB }]) => ofB - ofA || compareText(a, b),
  );
  const is = { hits, total: flow.traceCount };
  const was = { hits: hitsBefore, total: before.traceCount };
  if (first === undefined || hits / is.total <= hitsBefore / was.total) return undefined;
  const llr = twoShareLlr(is, { hits: was.hits + 0.5, total: was.total + 1 });
  return { flow, llr, is, was, step: first[1].step, brokenVariants };
}

/** Runs that break, and calls that fail more than usual. */
function markTrouble(
  broken: readonly BrokenFlow[],
  { facts, now }: { readonly facts: Facts; readonly now: EventFlows },
): Uint8Array {
  const variants = new Set(broken.flatMap(({ brokenVariants }) => [...brokenVariants]));
  const isTrouble = new Uint8Array(facts.table.count);
  for (let row = 0; row < facts.table.count; row++) {
    const variant = now.variantOfRow[row];
    const isBroken = variant !== undefined && variants.has(variant);
    const isFailed = facts.isAnomalous[row] === 1 && facts.table.isError[row] === 1;
    if (isBroken || isFailed) isTrouble[row] = 1;
  }
  return isTrouble;
}

function placeOf({ flow }: BrokenFlow, { spans }: WindowData): string {
  const { strings } = spans;
  return `${strings.text(spans.service[flow.row]!)} ${strings.text(spans.operation[flow.row]!)}`;
}

function textOf(event: number, { clustered, table }: Facts): string {
  if (event === RUN_START || event === RUN_END) return '';
  const name = table.strings.text(event);
  const line = clustered.templates.get(name)?.text ?? name;
  return line.replace(/\s+/g, ' ').slice(0, EVENT_TEXT_MAX);
}

function suspicionOf(
  one: BrokenFlow,
  context: {
    readonly facts: Facts;
    readonly rows: readonly number[];
    readonly isPassedOn: boolean;
    readonly reason: ErrorReason;
  },
): Suspicion {
  const { facts, reason } = context;
  const { table } = facts;
  const service = table.strings.text(table.service[one.flow.row]!);
  const operation = table.strings.text(table.operation[one.flow.row]!);
  const { dependency } = reason;
  const name = `${service} ${operation}`;
  const nameOf = (event: number): string => {
    if (event === RUN_START) return `${name} start`;
    return event === RUN_END ? `${name} end` : textOf(event, facts);
  };
  const step = {
    from: nameOf(one.step.from),
    to: nameOf(one.step.to),
    instead: nameOf(one.step.instead),
  };
  const evidence = flowEvidence(one, { facts, step, place: { service, operation } });
  // A caller goes another way as well when its callee answers otherwise, or not at all.
  const isOwn = !context.isPassedOn && dependency === undefined;
  return {
    culprit: { service, operation, ...(dependency === undefined ? {} : { dependency }) },
    kind: dependency === undefined ? 'code' : 'dependency',
    isOwn,
    pattern: { service, operation, ...flowBreakOf(one, facts) },
    detail: { from: step.from, to: step.to },
    evidence: [
      { ...evidence, aspect: 'flow', weight: Math.min(evidence.weight, reason.surpriseMax) },
      ...(isOwn ? earlyEndEvidence(context.rows, facts) : []),
    ],
  };
}

/** What tells the broken runs in stored traces: the error that they log, or the line that they lack. */
function flowBreakOf(
  { step, brokenVariants }: BrokenFlow,
  facts: Facts,
): Pick<SuspectPattern, 'flow'> {
  const { from, to, instead, isFailure } = step;
  const line = (kind: 'has-line' | 'lacks-line', event: number) => ({
    flow: { kind, line: facts.table.strings.text(event), text: textOf(event, facts) },
  });
  if (isFailure && instead !== RUN_END) return line('has-line', instead);
  // In a loop the line may have come before.
  const isLacking = [...brokenVariants].every(({ events }) => !events.includes(to));
  return to !== RUN_END && to !== from && isLacking ? line('lacks-line', to) : {};
}

function flowEvidence(
  { is, was, llr, step: { isFailure } }: BrokenFlow,
  context: {
    readonly facts: Facts;
    readonly step: { readonly from: string; readonly to: string; readonly instead: string };
    readonly place: { readonly service: string; readonly operation: string };
  },
): EvidenceDraft {
  const { facts, place } = context;
  const { from, to, instead } = context.step;
  const [ratio, ratioBefore] = [is.hits / is.total, was.hits / was.total];
  const { low, high } = wilsonBounds(is, Z_INTERVAL);
  const name = `${place.service} ${place.operation}`;
  const [now, earlier] = [formatPercent(ratio), formatPercent(ratioBefore)];
  return {
    source: 'log',
    direction: 'for',
    statement: text(
      `${name}：${now} 的执行在 “${from}” 之后没有走到 “${to}”，而是 “${instead}”，平时 ${earlier}`,
      `${name}: ${now} of its runs do not go on from "${from}" to "${to}" but to "${instead}", usually ${earlier}`,
    ),
    value: ratio,
    expected: ratioBefore,
    unit: '1',
    interval: [low, high],
    n: is.total,
    weight: softCapped(llr, isFailure ? EVIDENCE_WEIGHT_MAX : DETOUR_WEIGHT_MAX),
    link: tracesLink(place, facts.clustered.window.range),
  };
}
