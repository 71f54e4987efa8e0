/**
 * Channel "what the logs say": lines of one template that are new or come more often, by the share of the
 * service's traces that hold them; without traces, by rate and by their share of the log. An error log of a
 * caller may only echo its callee, so logs alone never count as own.
 */
import { formatNumber, formatPercent } from '../base/quantity.ts';
import { type Share, twoRateLlr, twoShareLlr, wilsonBounds } from '../base/statistics.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Culprit } from '../model/hypothesis.ts';
import { pairKey } from '../model/row-groups.ts';
import { NO_ROW, type SpanTable, type WindowData } from '../model/window.ts';
import { kindOfText } from './error-kind.ts';
import { type ErrorLines, readErrorLines, SEVERITY_ERROR, SEVERITY_WARN } from './error-line.ts';
import type { Facts } from './facts.ts';
import type { SpanLogs } from './span-log.ts';
import { compareText, logsLink, type Suspicion, softCapped, text } from './suspicion.ts';

/** Beyond the price of the number of templates. */
const LLR_MIN = 2;
/** Templates of one service that may speak; the strongest. */
const TEMPLATES_PER_SERVICE = 3;
/** A line that is no warning comes with a kind of request: it says that something is other, not that it is bad. */
const WEIGHT_MAX = { error: 6, warn: 4, other: 1 };
/** Traces of a service in each period from which shares of traces tell more than rates of lines. */
const TRACES_MIN = 4;
const LINE_CHARS_MAX = 120;
/** 95 %. */
const Z_INTERVAL = 1.96;

/** Lines of one service and template. */
interface LineCount {
  readonly service: number;
  readonly template: number;
  /** Row of the earliest line. */
  firstRow: number;
  count: number;
  severityMax: number;
  /** Lines that name a span which is here, and their traces. */
  tracedCount: number;
  traceCount: number;
}

interface Lines {
  readonly byTemplate: ReadonlyMap<number, LineCount>;
  /** By service: lines; traces with a span of it; spans. */
  readonly lines: ReadonlyMap<number, number>;
  readonly traces: ReadonlyMap<number, number>;
  readonly spans: ReadonlyMap<number, number>;
  readonly minutes: number;
}

interface RisingLine {
  readonly line: LineCount;
  readonly llr: number;
  /** Of the traces, or of the log's lines. */
  readonly is: Share;
  readonly was: Share;
}

export function suspectLogs(facts: Facts): Suspicion[] {
  const { window, reference } = facts.clustered;
  if (reference === undefined || facts.spanLogs === undefined) return [];
  const now = countLines(window, facts.spanLogs.now);
  const before = countLines(reference, facts.spanLogs.before);
  const compared = [...now.byTemplate].filter(
    // A service that logged nothing before may not have been collected: silence is no reference.
    ([, { service }]) => (before.lines.get(service) ?? 0) > 0,
  );
  const price = pricesOf(compared.map(([, line]) => line));
  const rising = compared.flatMap(([key, line]) => {
    const risen = compareLine(line, { earlier: before.byTemplate.get(key), now, before });
    return risen === undefined || risen.llr - price(line) < LLR_MIN ? [] : [risen];
  });
  const errorLines = readErrorLines(facts);
  return strongestOf(rising.map((risen) => suspicionOf(risen, { facts, errorLines })));
}

/** One question per template, and its price; few templates are errors, so these are counted apart. */
function pricesOf(lines: readonly LineCount[]): (line: LineCount) => number {
  const isWarning = ({ severityMax }: LineCount) => severityMax >= SEVERITY_WARN;
  const warningCount = lines.filter(isWarning).length;
  const prices = {
    warning: Math.log(Math.max(1, warningCount)),
    other: Math.log(Math.max(1, lines.length - warningCount)),
  };
  return (line) => (isWarning(line) ? prices.warning : prices.other);
}

function countLines(data: WindowData, joined: SpanLogs): Lines {
  const { spans, logs, range, keptShare = 1, keptLogShare = 1 } = data;
  const byTemplate = new Map<number, LineCount>();
  const lines = new Map<number, number>();
  const tracesSeen = new Map<LineCount, Set<number>>();
  for (let row = 0; row < logs.count; row++) {
    const [service, template] = [logs.service[row]!, logs.template[row]!];
    const key = pairKey(service, template);
    let line = byTemplate.get(key);
    if (line === undefined) {
      const counts = { count: 0, severityMax: 0, tracedCount: 0, traceCount: 0 };
      line = { service, template, firstRow: row, ...counts };
      byTemplate.set(key, line);
    }
    line.count++;
    if (logs.timeUs[row]! < logs.timeUs[line.firstRow]!) line.firstRow = row;
    if (logs.severity[row]! > line.severityMax) line.severityMax = logs.severity[row]!;
    lines.set(service, (lines.get(service) ?? 0) + 1);
    const span = joined.spanOfLog[row]!;
    // Of a million lines few are warnings: only for these are traces told apart.
    if (span === NO_ROW || logs.severity[row]! < SEVERITY_WARN) continue;
    line.tracedCount++;
    const seen = tracesSeen.get(line);
    if (seen) seen.add(spans.trace[span]!);
    else tracesSeen.set(line, new Set([spans.trace[span]!]));
  }
  for (const [line, traces] of tracesSeen) line.traceCount = traces.size;
  const minutes = (keptLogShare * (range.toUs - range.fromUs)) / US_PER_MINUTE;
  // Of a trace that was read the lines may not have been.
  const linedShare = Math.min(1, keptLogShare / keptShare);
  return { byTemplate, lines, ...countSpans(spans, linedShare), minutes };
}

function countSpans(table: SpanTable, linedShare: number): Pick<Lines, 'traces' | 'spans'> {
  const traces = new Map<number, number>();
  const spans = new Map<number, number>();
  const inTrace = new Set<number>();
  for (let trace = 0; trace < table.traceIds.length; trace++) {
    inTrace.clear();
    for (let at = table.traceStart[trace]!; at < table.traceStart[trace + 1]!; at++) {
      const service = table.service[table.traceRows[at]!]!;
      inTrace.add(service);
      spans.set(service, (spans.get(service) ?? 0) + 1);
    }
    for (const service of inTrace) traces.set(service, (traces.get(service) ?? 0) + linedShare);
  }
  return { traces, spans };
}

function compareLine(
  line: LineCount,
  periods: { readonly earlier: LineCount | undefined; readonly now: Lines; readonly before: Lines },
): RisingLine | undefined {
  const { earlier, now, before } = periods;
  const { service } = line;
  const [traces, tracesBefore] = [now.traces.get(service) ?? 0, before.traces.get(service) ?? 0];
  const isTraced = 2 * line.tracedCount > line.count;
  if (isTraced && traces >= TRACES_MIN && tracesBefore >= TRACES_MIN) {
    const is = { hits: line.traceCount, total: traces };
    const was = { hits: earlier?.traceCount ?? 0, total: tracesBefore };
    if (is.hits / is.total <= was.hits / was.total) return undefined;
    const llr = twoShareLlr(is, { hits: was.hits + 0.5, total: was.total + 1 });
    return { line, llr, is, was };
  }
  const is = { hits: line.count, total: now.lines.get(service) ?? 1 };
  const was = { hits: earlier?.count ?? 0, total: before.lines.get(service) ?? 1 };
  const llr = Math.min(
    risingLlr(line.count, { earlier: was.hits, exposure: exposureOf(service, now, before) }),
    risingLlr(line.count, {
      earlier: was.hits,
      exposure: { now: is.total, before: was.total + 1 },
    }),
  );
  return { line, llr, is, was };
}

interface Exposure {
  readonly now: number;
  readonly before: number;
}

/** Spans of the service where both periods have some, else minutes. */
function exposureOf(service: number, now: Lines, before: Lines): Exposure {
  const [spansNow, spansBefore] = [now.spans.get(service), before.spans.get(service)];
  if (spansNow && spansBefore) return { now: spansNow, before: spansBefore };
  return { now: now.minutes, before: before.minutes };
}

function risingLlr(
  count: number,
  { earlier, exposure }: { readonly earlier: number; readonly exposure: Exposure },
): number {
  const rate = { events: count, exposure: exposure.now };
  const rateBefore = { events: earlier + 0.5, exposure: exposure.before };
  if (rate.events / rate.exposure <= rateBefore.events / rateBefore.exposure) return 0;
  return twoRateLlr(rate, rateBefore);
}

function suspicionOf(
  { line, llr, is, was }: RisingLine,
  { facts, errorLines }: { readonly facts: Facts; readonly errorLines: ErrorLines },
): Suspicion {
  const { logs } = facts.clustered.window;
  const service = logs.strings.text(line.service);
  const templateId = logs.strings.text(line.template);
  const isWarning = line.severityMax >= SEVERITY_WARN;
  const body = logs.strings.text(logs.body[line.firstRow]!);
  const known = facts.clustered.templates.get(templateId)?.text ?? body;
  const shown = known.length > LINE_CHARS_MAX ? `${known.slice(0, LINE_CHARS_MAX - 1)}…` : known;
  const dependency = isWarning ? errorLines.namedCallee(service, body) : undefined;
  const culprit: Culprit = { service, ...(dependency === undefined ? {} : { dependency }) };
  const kind = isWarning ? (kindOfText(known) ?? (dependency ? 'dependency' : 'error')) : 'error';
  const [share, shareBefore] = [is.hits / is.total, was.hits / was.total];
  const news =
    was.hits === 0
      ? text('出现以前没有的日志', 'logs a line not seen before')
      : text(
          `的一种日志占比从 ${formatPercent(shareBefore)} 升到 ${formatPercent(share)}`,
          `logs one line more often: ${formatPercent(share)}, usually ${formatPercent(shareBefore)}`,
        );
  const { low, high } = wilsonBounds(is, Z_INTERVAL);
  return {
    culprit,
    kind,
    isOwn: false,
    ...(isWarning || line.severityMax === 0 ? {} : { isSupport: true }),
    evidence: [
      {
        source: 'log',
        direction: 'for',
        statement: text(
          `${service} ${news.zh}（${formatNumber(line.count)} 条）：${shown}`,
          `${service} ${news.en} (${formatNumber(line.count)} lines): ${shown}`,
        ),
        value: share,
        expected: shareBefore,
        unit: '1',
        interval: [low, high],
        n: is.total,
        weight: Math.min(
          softCapped(llr, capOf(line.severityMax)),
          isWarning ? errorLines.surpriseMax(service, templateId) : WEIGHT_MAX.other,
        ),
        link: logsLink({ service, template: templateId }, facts.clustered.window.range),
      },
    ],
  };
}

function capOf(severity: number): number {
  if (severity >= SEVERITY_ERROR) return WEIGHT_MAX.error;
  return severity >= SEVERITY_WARN ? WEIGHT_MAX.warn : WEIGHT_MAX.other;
}

/** Of each service; of what is no warning, one line: many come together with one new kind of request. */
function strongestOf(suspicions: readonly Suspicion[]): Suspicion[] {
  const statementOf = (suspicion: Suspicion) => suspicion.evidence[0]?.statement.en ?? '';
  const weightOf = (suspicion: Suspicion) => suspicion.evidence[0]?.weight ?? 0;
  const sorted = [...suspicions].sort(
    (a, b) => weightOf(b) - weightOf(a) || compareText(statementOf(a), statementOf(b)),
  );
  const byService = new Map<string, number>();
  return sorted.filter(({ culprit, isSupport }) => {
    const count = byService.get(culprit.service) ?? 0;
    byService.set(culprit.service, count + 1);
    return count < (isSupport ? 1 : TEMPLATES_PER_SERVICE);
  });
}
