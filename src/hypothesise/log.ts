/**
 * Channel "what the logs say": templates that are new or burst, by their share of the service's lines and
 * by their rate. An error log of a caller may only echo its callee, so logs alone never count as own.
 */
import { formatNumber, formatPercent } from '../base/quantity.ts';
import { twoRateLlr } from '../base/statistics.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { LogTable, WindowData } from '../model/window.ts';
import { kindOfText } from './error-kind.ts';
import type { Facts } from './facts.ts';
import { compareText, logsLink, type Suspicion, softCapped, text } from './suspicion.ts';

/** SeverityNumber of OTLP from which a line is a warning, an error. */
const SEVERITY_WARN = 13;
const SEVERITY_ERROR = 17;
const LLR_MIN = 3;
/** Templates of one service that may speak; the strongest. */
const TEMPLATES_PER_SERVICE = 3;
const WEIGHT_MAX = { error: 6, warn: 4, other: 1 };

interface TemplateCount {
  readonly service: string;
  readonly templateId: string;
  count: number;
  severityMax: number;
  /** Lines that belong to a bad trace. */
  badCount: number;
  body: string;
}

export function suspectLogs(facts: Facts): Suspicion[] {
  const { window, reference } = facts.clustered;
  if (window.logs.count === 0 || reference === undefined) return [];
  const now = countTemplates(window.logs, badTraceIds(facts));
  const before = countTemplates(reference.logs, new Set());
  const traffic = trafficOf(window, reference);
  const suspicions: { readonly llr: number; readonly suspicion: Suspicion }[] = [];
  for (const [id, template] of now.templates) {
    const earlier = before.templates.get(id)?.count ?? 0;
    // A service that logged nothing before may not have been collected: silence is no reference.
    if ((before.linesByService.get(template.service) ?? 0) === 0) continue;
    const lines = {
      now: now.linesByService.get(template.service) ?? 1,
      before: before.linesByService.get(template.service) ?? 1,
    };
    const counts = { now: template.count, before: earlier + 0.5 };
    const llr = Math.min(
      risingLlr(counts, traffic.of(template.service)),
      risingLlr(counts, { now: lines.now, before: lines.before + 1 }),
    );
    if (llr < LLR_MIN) continue;
    suspicions.push({ llr, suspicion: suspicionOf(template, { llr, earlier, lines, facts }) });
  }
  return strongestOf(suspicions);
}

function risingLlr(
  counts: { readonly now: number; readonly before: number },
  exposure: { readonly now: number; readonly before: number },
): number {
  if (counts.now / exposure.now <= counts.before / exposure.before) return 0;
  return twoRateLlr(
    { events: counts.now, exposure: exposure.now },
    { events: counts.before, exposure: exposure.before },
  );
}

function badTraceIds({ table, isBadTrace }: Facts): Set<string> {
  return new Set(table.traceIds.filter((_, trace) => isBadTrace[trace] === 1));
}

function countTemplates(logs: LogTable, badTraces: ReadonlySet<string>) {
  const templates = new Map<string, TemplateCount>();
  const linesByService = new Map<string, number>();
  for (let row = 0; row < logs.count; row++) {
    const service = logs.strings.text(logs.service[row]!);
    const templateId = logs.strings.text(logs.template[row]!);
    linesByService.set(service, (linesByService.get(service) ?? 0) + 1);
    const id = `${service}\0${templateId}`;
    let entry = templates.get(id);
    if (entry === undefined) {
      entry = { service, templateId, count: 0, severityMax: 0, badCount: 0, body: '' };
      templates.set(id, entry);
    }
    entry.count++;
    entry.severityMax = Math.max(entry.severityMax, logs.severity[row]!);
    if (badTraces.has(logs.strings.text(logs.traceId[row]!))) entry.badCount++;
    const body = logs.strings.text(logs.body[row]!);
    if (entry.body === '' || compareText(body, entry.body) < 0) entry.body = body;
  }
  return { templates, linesByService };
}

/** Exposure of a service: its spans where both periods have some, else minutes. */
function trafficOf(window: WindowData, reference: WindowData) {
  const now = spansByService(window);
  const before = spansByService(reference);
  const minutes = (data: WindowData) => (data.range.toUs - data.range.fromUs) / US_PER_MINUTE;
  return {
    of(service: string): { readonly now: number; readonly before: number } {
      const [spansNow, spansBefore] = [now.get(service), before.get(service)];
      if (spansNow && spansBefore) return { now: spansNow, before: spansBefore };
      return { now: minutes(window), before: minutes(reference) };
    },
  };
}

function spansByService({ spans }: WindowData): Map<string, number> {
  const byId = new Map<number, number>();
  for (let row = 0; row < spans.count; row++) {
    const id = spans.service[row]!;
    byId.set(id, (byId.get(id) ?? 0) + 1);
  }
  return new Map([...byId].map(([id, count]) => [spans.strings.text(id), count]));
}

function suspicionOf(
  template: TemplateCount,
  context: {
    readonly llr: number;
    readonly earlier: number;
    readonly lines: { readonly now: number; readonly before: number };
    readonly facts: Facts;
  },
): Suspicion {
  const { earlier, lines, facts } = context;
  const { service, templateId, severityMax } = template;
  const share = template.count / lines.now;
  const shareBefore = earlier / lines.before;
  const known = facts.clustered.templates.get(templateId)?.text ?? template.body;
  const line = known.length > 120 ? `${known.slice(0, 119)}…` : known;
  const cap =
    severityMax >= SEVERITY_ERROR
      ? WEIGHT_MAX.error
      : severityMax >= SEVERITY_WARN
        ? WEIGHT_MAX.warn
        : WEIGHT_MAX.other;
  const news =
    earlier === 0
      ? text('出现以前没有的日志', 'logs a line not seen before')
      : text(
          `的一种日志占比从 ${formatPercent(shareBefore)} 升到 ${formatPercent(share)}`,
          `logs one line more often: ${formatPercent(share)} of its log, usually ${formatPercent(shareBefore)}`,
        );
  return {
    culprit: { service },
    kind: severityMax >= SEVERITY_WARN ? (kindOfText(known) ?? 'error') : 'error',
    isOwn: false,
    evidence: [
      {
        source: 'log',
        direction: 'for',
        statement: text(
          `${service} ${news.zh}（${formatNumber(template.count)} 条）：${line}`,
          `${service} ${news.en} (${formatNumber(template.count)} lines): ${line}`,
        ),
        value: share,
        expected: shareBefore,
        n: template.count,
        weight: softCapped(context.llr, cap),
        link: logsLink({ service, template: templateId }, facts.clustered.window.range),
      },
    ],
  };
}

function strongestOf(
  suspicions: readonly { readonly llr: number; readonly suspicion: Suspicion }[],
): Suspicion[] {
  const statementOf = (suspicion: Suspicion) => suspicion.evidence[0]?.statement.en ?? '';
  const weightOf = (suspicion: Suspicion) => suspicion.evidence[0]?.weight ?? 0;
  const sorted = [...suspicions].sort(
    (a, b) =>
      weightOf(b.suspicion) - weightOf(a.suspicion) ||
      b.llr - a.llr ||
      compareText(statementOf(a.suspicion), statementOf(b.suspicion)),
  );
  const byService = new Map<string, number>();
  return sorted
    .map(({ suspicion }) => suspicion)
    .filter(({ culprit }) => {
      const count = (byService.get(culprit.service) ?? 0) + 1;
      byService.set(culprit.service, count);
      return count <= TEMPLATES_PER_SERVICE;
    });
}
