/**
 * Channel "messages wait": between the end of the span that sends a message and the start of the span that
 * takes it lies the queue. It waits longer than it used to, or messages are not taken at all.
 */
import { formatPercent, formatUs } from '../base/quantity.ts';
import { quantileOfSorted, type Share, twoShareLlr } from '../base/statistics.ts';
import { US_PER_MS } from '../base/time.ts';
import { pairKey } from '../model/row-groups.ts';
import { SPAN_KIND } from '../model/vocabulary.ts';
import { NO_ROW, type SpanTable } from '../model/window.ts';
import type { Facts } from './facts.ts';
import {
  compareText,
  type EvidenceDraft,
  type Suspicion,
  softCapped,
  text,
  tracesLink,
} from './suspicion.ts';

/** Fewer messages of a period say nothing. */
const MESSAGES_MIN = 8;
const LLR_MIN = 3;
/** Waits count as grown from twice the usual and ten milliseconds: less is scheduling. */
const WAIT_FACTOR_MIN = 2;
const WAIT_EXCESS_US_MIN = 10 * US_PER_MS;
/** Nineteen of twenty messages used to wait less. */
const USUAL_QUANTILE = 0.95;

/** What one service takes from one queue in one period. */
interface Messages {
  readonly target: number;
  readonly consumer: number;
  /** Of each taken message: how long it waited, and the row that sent it. One may be taken several times. */
  readonly waitsUs: number[];
  readonly sentRows: number[];
}

interface Period {
  readonly messages: ReadonlyMap<number, Messages>;
  /** Messages sent to a queue, by its name. */
  readonly sent: ReadonlyMap<number, number>;
}

export function suspectQueues(facts: Facts): Suspicion[] {
  const reference = facts.clustered.reference?.spans;
  if (reference === undefined) return [];
  const before = gatherMessages(reference);
  if (before.messages.size === 0) return [];
  const now = gatherMessages(facts.table);
  const paid = Math.log(2 * before.messages.size);
  return [...before.messages].flatMap(([key, usual]) => {
    const taken = now.messages.get(key);
    const sent = {
      now: now.sent.get(usual.target) ?? 0,
      before: before.sent.get(usual.target) ?? 0,
    };
    const evidence = [
      waitEvidence(taken, { usual, paid, facts }),
      untakenEvidence(taken, { usual, sent, paid, facts }),
    ].filter((item) => item !== undefined);
    return evidence.length === 0 ? [] : [suspicionOf(usual, { taken, evidence, facts })];
  });
}

function gatherMessages(table: SpanTable): Period {
  const messages = new Map<number, Messages>();
  const sent = new Map<number, number>();
  for (let row = 0; row < table.count; row++) {
    if (table.kind[row] === SPAN_KIND.producer) {
      sent.set(table.target[row]!, (sent.get(table.target[row]!) ?? 0) + 1);
      continue;
    }
    const parent = table.parent[row]!;
    if (parent === NO_ROW || table.kind[parent] !== SPAN_KIND.producer) continue;
    const [target, consumer] = [table.target[parent]!, table.service[row]!];
    const key = pairKey(target, consumer);
    let taken = messages.get(key);
    if (taken === undefined) {
      taken = { target, consumer, waitsUs: [], sentRows: [] };
      messages.set(key, taken);
    }
    const sentUs = table.startUs[parent]! + table.durationUs[parent]!;
    taken.waitsUs.push(Math.max(0, table.startUs[row]! - sentUs));
    taken.sentRows.push(parent);
  }
  return { messages, sent };
}

/** More of the waits lie above what nineteen of twenty used to stay below. */
function waitEvidence(
  taken: Messages | undefined,
  context: { readonly usual: Messages; readonly paid: number; readonly facts: Facts },
): EvidenceDraft | undefined {
  const { usual, paid, facts } = context;
  if (taken === undefined || taken.waitsUs.length < MESSAGES_MIN) return undefined;
  if (usual.waitsUs.length < MESSAGES_MIN) return undefined;
  const now = Float64Array.from(taken.waitsUs).sort();
  const before = Float64Array.from(usual.waitsUs).sort();
  const [waitUs, usualUs] = [quantileOfSorted(now, 0.5), quantileOfSorted(before, 0.5)];
  if (waitUs < WAIT_FACTOR_MIN * usualUs || waitUs - usualUs < WAIT_EXCESS_US_MIN) return undefined;
  const bound = quantileOfSorted(before, USUAL_QUANTILE);
  const above = (waits: Float64Array): Share => ({
    hits: waits.reduce((sum, wait) => sum + Number(wait > bound), 0),
    total: waits.length,
  });
  const llr = twoShareLlr(above(now), above(before)) - paid;
  if (llr < LLR_MIN) return undefined;
  const { queue, consumer } = namesOf(usual, facts);
  return {
    source: 'trace',
    direction: 'for',
    aspect: 'time',
    statement: text(
      `消息在 ${queue} 中等 ${consumer} 取走的时间中位数为 ${formatUs(waitUs)}，平时 ${formatUs(usualUs)}`,
      `Messages wait ${formatUs(waitUs)} in ${queue} until ${consumer} takes them (median), usually ${formatUs(usualUs)}`,
    ),
    value: waitUs,
    expected: usualUs,
    n: now.length,
    weight: softCapped(llr),
    link: tracesLink({ service: consumer }, facts.clustered.window.range),
  };
}

function untakenEvidence(
  taken: Messages | undefined,
  context: {
    readonly usual: Messages;
    readonly sent: { readonly now: number; readonly before: number };
    readonly paid: number;
    readonly facts: Facts;
  },
): EvidenceDraft | undefined {
  const { usual, sent, paid, facts } = context;
  if (sent.now < MESSAGES_MIN || sent.before < MESSAGES_MIN) return undefined;
  const now = { hits: new Set(taken?.sentRows).size, total: sent.now };
  const before = { hits: new Set(usual.sentRows).size, total: sent.before };
  const [is, was] = [now.hits / now.total, before.hits / before.total];
  const llr = is < was ? twoShareLlr(now, before) - paid : 0;
  if (llr < LLR_MIN) return undefined;
  const { queue, consumer } = namesOf(usual, facts);
  return {
    source: 'trace',
    direction: 'for',
    aspect: 'flow',
    statement: text(
      `${consumer} 只取走了 ${queue} 中 ${formatPercent(is)} 的消息，平时 ${formatPercent(was)}`,
      `${consumer} takes ${formatPercent(is)} of the messages sent to ${queue}, usually ${formatPercent(was)}`,
    ),
    value: is,
    expected: was,
    n: now.total,
    weight: softCapped(llr),
    link: tracesLink({ service: consumer }, facts.clustered.window.range),
  };
}

function suspicionOf(
  usual: Messages,
  context: {
    readonly taken: Messages | undefined;
    readonly evidence: readonly EvidenceDraft[];
    readonly facts: Facts;
  },
): Suspicion {
  const { taken, evidence, facts } = context;
  const { target, consumer } = usual;
  const { table } = facts;
  const boundUs = Math.round(
    quantileOfSorted(Float64Array.from(usual.waitsUs).sort(), USUAL_QUANTILE),
  );
  const late = lateMessages(usual, { taken, boundUs, facts });
  const senders = new Set(late.rows.map((row) => table.service[row]!));
  const { share } = late;
  const service = table.strings.text(consumer);
  const queue = table.strings.text(target);
  return {
    culprit: { service, ...(queue === '' ? {} : { dependency: queue }) },
    kind: 'queue',
    isOwn: true,
    share,
    services: [service, ...[...senders].map((id) => table.strings.text(id)).sort(compareText)],
    ...patternOf(late.rows, { service, boundUs, table }),
    evidence: evidence.map((item) => ({ ...item, weight: item.weight * Math.sqrt(share) })),
  };
}

/**
 * Sent rows whose message was taken late or not at all. Nobody waits for a message, so no request of such a
 * trace is slow: it is trouble of its own kind, beside what else was asked about.
 */
function lateMessages(
  { target }: Messages,
  context: {
    readonly taken: Messages | undefined;
    readonly boundUs: number;
    readonly facts: Facts;
  },
): { readonly rows: readonly number[]; readonly share: number } {
  const { taken, boundUs, facts } = context;
  const { table, isBadTrace, badTraceCount } = facts;
  const inTime = new Set(
    taken?.sentRows.filter((_, index) => taken.waitsUs[index]! <= boundUs), // parallel
  );
  const rows: number[] = [];
  for (let row = 0; row < table.count; row++) {
    if (table.kind[row] !== SPAN_KIND.producer || table.target[row] !== target) continue;
    if (!inTime.has(row)) rows.push(row);
  }
  const traces = new Set(rows.map((row) => table.trace[row]!));
  const soundCount = [...traces].filter((trace) => isBadTrace[trace] === 0).length;
  return { rows, share: traces.size / Math.max(1, badTraceCount + soundCount) };
}

/** The operation that sends most of the late messages. */
function patternOf(
  rows: readonly number[],
  {
    service,
    boundUs,
    table,
  }: { readonly service: string; readonly boundUs: number; readonly table: SpanTable },
): Pick<Suspicion, 'pattern'> {
  const { strings } = table;
  const counts = new Map<number, { readonly row: number; count: number }>();
  for (const row of rows) {
    const key = pairKey(table.service[row]!, table.operation[row]!);
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { row, count: 1 });
  }
  const [most] = [...counts.values()]
    .map(({ row, count }) => ({
      count,
      service: strings.text(table.service[row]!),
      operation: strings.text(table.operation[row]!),
    }))
    .sort(
      (a, b) =>
        b.count - a.count ||
        compareText(a.service, b.service) ||
        compareText(a.operation, b.operation),
    );
  if (most === undefined) return {};
  const flow = { kind: 'late-message', service, waitUsMin: boundUs } as const;
  return { pattern: { service: most.service, operation: most.operation, flow } };
}

function namesOf({ target, consumer }: Messages, { table }: Facts) {
  const queue = table.strings.text(target);
  return { queue: queue === '' ? 'mq' : queue, consumer: table.strings.text(consumer) };
}
