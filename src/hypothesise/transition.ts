/**
 * Channel "what usually follows and no longer does": inside a span its log lines and calls come in an order.
 * Where after one event the usual next one stays away, the code between the two has changed its way. Needs
 * logs that name their span.
 */

import { hexOf } from '../base/bytes.ts';
import { formatPercent } from '../base/quantity.ts';
import { type Share, twoShareLlr } from '../base/statistics.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import type { Facts } from './facts.ts';
import { compareText, type Suspicion, softCapped, text, tracesLink } from './suspicion.ts';

/** A step rarer than this in the reference is not missed. */
const USUAL_SHARE = 0.3;
/** Traces with the first event below which its next one is unknown. */
const TRACES_MIN = 4;
const LLR_MIN = 3;
const WEIGHT_MAX = 6;
const EVENT_TEXT_MAX = 200;

export function suspectTransitions(facts: Facts): Suspicion[] {
  const { window, reference } = facts.clustered;
  if (reference === undefined || window.logs.count === 0) return [];
  const now = countSteps(window);
  const before = countSteps(reference);
  const best = new Map<string, BrokenStep>();
  for (const [id, step] of before.steps) {
    const broken = compareStep(step, {
      now: now.steps.get(id),
      runs: { now: now.runs, before: before.runs },
    });
    if (broken === undefined || broken.llr - Math.log(before.steps.size) / 2 < LLR_MIN) continue;
    const place = `${step.service}\0${step.operation}`;
    const known = best.get(place);
    if (known === undefined || isStronger(broken, known)) best.set(place, broken);
  }
  return [...best]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, broken]) => suspicionOf(broken, facts));
}

interface Step {
  readonly service: string;
  readonly operation: string;
  /** Operation, who called it, and the first event. */
  readonly context: string;
  readonly from: string;
  readonly to: string;
  /** By trace: how often it was taken. */
  readonly taken: Map<string, number>;
}

interface Steps {
  readonly steps: ReadonlyMap<string, Step>;
  /** By context, then trace: how often the first event came. */
  readonly runs: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

interface BrokenStep {
  readonly step: Step;
  readonly is: Share;
  readonly was: Share;
  readonly llr: number;
}

/** Shares are averaged over traces: the runs of one trace are no independent witnesses. */
function compareStep(
  step: Step,
  context: {
    readonly now: Step | undefined;
    readonly runs: { readonly now: Steps['runs']; readonly before: Steps['runs'] };
  },
): BrokenStep | undefined {
  const was = shareOf(step, context.runs.before.get(step.context));
  const is = shareOf(context.now, context.runs.now.get(step.context));
  if (was.total < TRACES_MIN || is.total < TRACES_MIN) return undefined;
  const [ratio, ratioBefore] = [is.hits / is.total, was.hits / was.total];
  if (ratioBefore < USUAL_SHARE || ratio >= ratioBefore) return undefined;
  return { step, is, was, llr: twoShareLlr(is, was) };
}

function shareOf(step: Step | undefined, runs: ReadonlyMap<string, number> | undefined): Share {
  let hits = 0;
  for (const [trace, count] of step?.taken ?? []) hits += count / (runs?.get(trace) ?? count);
  return { hits, total: runs?.size ?? 0 };
}

function isStronger(a: BrokenStep, b: BrokenStep): boolean {
  if (a.llr !== b.llr) return a.llr > b.llr;
  return compareText(a.step.from + a.step.to, b.step.from + b.step.to) < 0;
}

interface SpanEventItem {
  readonly timeUs: number;
  readonly name: string;
  readonly isLog: boolean;
}

function countSteps(data: WindowData): Steps {
  const { spans } = data;
  const steps = new Map<string, Step>();
  const runs = new Map<string, Map<string, number>>();
  const eventsByRow = eventsOf(data);
  for (const [row, events] of eventsByRow) {
    const service = spans.strings.text(spans.service[row]!);
    const operation = spans.strings.text(spans.operation[row]!);
    const name = `${service} ${operation}`;
    const trace = spans.traceIds[spans.trace[row]!] ?? '';
    const sorted = events.sort((a, b) => a.timeUs - b.timeUs || compareText(a.name, b.name));
    const ends = { timeUs: 0, isLog: false };
    const sequence = [
      { ...ends, name: `${name} start` },
      ...sorted,
      { ...ends, name: `${name} end` },
    ];
    for (let index = 1; index < sequence.length; index++) {
      const [from, to] = [sequence[index - 1]!, sequence[index]!]; // index runs within the sequence
      const context = `${callerOf(spans, row)}\0${name}\0${from.name}`;
      count(runs, context, trace);
      // Steps between calls alone are what src/hypothesise/failure.ts looks at.
      if (!from.isLog && !to.isLog) continue;
      const id = `${context}\0${to.name}`;
      let step = steps.get(id);
      if (step === undefined) {
        step = { service, operation, context, from: from.name, to: to.name, taken: new Map() };
        steps.set(id, step);
      }
      step.taken.set(trace, (step.taken.get(trace) ?? 0) + 1);
    }
  }
  return { steps, runs };
}

function count(runs: Map<string, Map<string, number>>, context: string, trace: string): void {
  const byTrace = runs.get(context);
  if (byTrace) byTrace.set(trace, (byTrace.get(trace) ?? 0) + 1);
  else runs.set(context, new Map([[trace, 1]]));
}

function callerOf(table: SpanTable, row: number): string {
  const parent = table.parent[row]!;
  if (parent === NO_ROW) return '';
  return `${table.strings.text(table.service[parent]!)} ${table.strings.text(table.operation[parent]!)}`;
}

/**
 * Logs and calls of each span, of services that log inside spans at all. Of a span that outlives the period
 * the last lines may be missing: it is left out.
 */
function eventsOf({ range, spans, logs }: WindowData): Map<number, SpanEventItem[]> {
  const rowOfSpan = new Map<string, number>();
  for (let row = 0; row < spans.count; row++) {
    rowOfSpan.set(
      `${spans.traceIds[spans.trace[row]!]} ${hexOf(spans.spanId, 8 * row, 8 * row + 8)}`,
      row,
    );
  }
  const loggingServices = new Set<number>();
  const logRows: number[] = [];
  for (let log = 0; log < logs.count; log++) {
    const traceId = logs.strings.text(logs.traceId[log]!);
    const row = rowOfSpan.get(`${traceId} ${logs.strings.text(logs.spanId[log]!)}`) ?? NO_ROW;
    logRows.push(row);
    if (row !== NO_ROW) loggingServices.add(spans.service[row]!);
  }
  const events = new Map<number, SpanEventItem[]>();
  for (let row = 0; row < spans.count; row++) {
    const endUs = spans.startUs[row]! + spans.durationUs[row]!;
    if (loggingServices.has(spans.service[row]!) && endUs < range.toUs) events.set(row, []);
  }
  for (let log = 0; log < logs.count; log++) {
    const source = logs.strings.text(logs.source[log]!) || logs.strings.text(logs.template[log]!);
    const name = source.slice(0, EVENT_TEXT_MAX);
    events.get(logRows[log]!)?.push({ timeUs: logs.timeUs[log]!, name, isLog: true });
  }
  for (let row = 0; row < spans.count; row++) {
    const { strings } = spans;
    const name = `${strings.text(spans.service[row]!)} ${strings.text(spans.operation[row]!)} start`;
    events.get(spans.parent[row]!)?.push({ timeUs: spans.startUs[row]!, name, isLog: false });
  }
  return events;
}

function suspicionOf({ step, is, was, llr }: BrokenStep, facts: Facts): Suspicion {
  const { service, operation } = step;
  const templateText = (event: string) => facts.clustered.templates.get(event)?.text ?? event;
  const [from, to] = [templateText(step.from), templateText(step.to)];
  const [ratio, ratioBefore] = [is.hits / is.total, was.hits / was.total];
  return {
    culprit: { service, operation },
    kind: 'code',
    // A caller goes another way as well when its callee answers otherwise.
    isOwn: false,
    pattern: { service, operation },
    detail: { from, to },
    evidence: [
      {
        source: 'log',
        direction: 'for',
        statement: text(
          `${service} ${operation}：“${from}” 之后出现 “${to}” 的比例从 ${formatPercent(ratioBefore)} 降到 ${formatPercent(ratio)}`,
          `${service} ${operation}: "${from}" is followed by "${to}" in ${formatPercent(ratio)} of its runs, usually in ${formatPercent(ratioBefore)}`,
        ),
        value: ratio,
        expected: ratioBefore,
        n: is.total,
        weight: Math.max(0, softCapped(llr, WEIGHT_MAX) + Math.log(1 - ratio / ratioBefore)),
        link: tracesLink({ service, operation }, facts.clustered.window.range),
      },
    ],
  };
}
