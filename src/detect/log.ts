/** Anomalies of logs: templates that are new, or take a larger share of their service's lines and come faster. */
import { formatNumber } from '../base/quantity.ts';
import { twoRateLlr } from '../base/statistics.ts';
import { type TimeRange, US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { LogTemplate, TemplateTally } from '../model/tally.ts';
import { anomalyIdOf } from './anomaly-id.ts';

/** SeverityNumber of OTLP from which a line is a warning. */
const SEVERITY_WARN = 13;
/** Likelihood ratio that counts for one template, before their number is paid for. */
const LLR_MIN = { warning: 3, other: 10 };
/** Lines in the range below which nothing bursts. */
const LINES_MIN = 3;

interface Lines {
  readonly templateId: string;
  readonly service: string;
  count: number;
  severityMax: number;
}

export function detectLogs(input: {
  readonly range: TimeRange;
  readonly templateTallies: readonly TemplateTally[];
  readonly referenceTemplateTallies: readonly TemplateTally[];
  readonly referenceMinutes: number;
  readonly templates: ReadonlyMap<string, LogTemplate>;
}): Anomaly[] {
  const { range, referenceMinutes } = input;
  const now = sumByTemplate(input.templateTallies);
  const before = sumByTemplate(input.referenceTemplateTallies);
  const totals = { now: sumByService(now), before: sumByService(before) };
  const minutes = (range.toUs - range.fromUs) / US_PER_MINUTE;
  const price = Math.log(Math.max(1, now.size));
  const anomalies: Anomaly[] = [];
  for (const [key, lines] of now) {
    const linesBefore = totals.before.get(lines.service) ?? 0;
    // A service that logged nothing before has no normal to deviate from.
    if (lines.count < LINES_MIN || linesBefore === 0 || referenceMinutes <= 0) continue;
    const earlier = before.get(key)?.count ?? 0;
    const linesNow = totals.now.get(lines.service) ?? lines.count;
    const counts = { now: lines.count, before: earlier };
    const score = Math.min(
      risingLlr(counts, { now: minutes, before: referenceMinutes }),
      risingLlr(counts, { now: linesNow, before: linesBefore }),
    );
    const llrMin = lines.severityMax >= SEVERITY_WARN ? LLR_MIN.warning : LLR_MIN.other;
    if (score < llrMin + price) continue;
    anomalies.push(anomalyOf(lines, { input, minutes, earlier, score }));
  }
  return anomalies;
}

/** Half a line more before: "not seen" is not "impossible". */
function risingLlr(
  counts: { readonly now: number; readonly before: number },
  exposure: { readonly now: number; readonly before: number },
): number {
  const earlier = counts.before + 0.5;
  if (counts.now / exposure.now <= earlier / exposure.before) return 0;
  return twoRateLlr(
    { events: counts.now, exposure: exposure.now },
    { events: earlier, exposure: exposure.before },
  );
}

function sumByTemplate(tallies: readonly TemplateTally[]): Map<string, Lines> {
  const sums = new Map<string, Lines>();
  for (const { templateId, service, count, severityMax } of tallies) {
    const key = `${service}\0${templateId}`;
    const known = sums.get(key);
    if (known === undefined) {
      sums.set(key, { templateId, service, count, severityMax });
      continue;
    }
    known.count += count;
    known.severityMax = Math.max(known.severityMax, severityMax);
  }
  return sums;
}

function sumByService(lines: ReadonlyMap<string, Lines>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { service, count } of lines.values()) {
    sums.set(service, (sums.get(service) ?? 0) + count);
  }
  return sums;
}

function anomalyOf(
  lines: Lines,
  context: {
    readonly input: Parameters<typeof detectLogs>[0];
    readonly minutes: number;
    readonly earlier: number;
    readonly score: number;
  },
): Anomaly {
  const { input, minutes, earlier } = context;
  const { service, templateId, count } = lines;
  const { range } = input;
  const value = count / minutes;
  const usual = earlier / input.referenceMinutes;
  const line = (input.templates.get(templateId)?.text ?? templateId).slice(0, 120);
  const [rate, usualRate] = [formatNumber(value), formatNumber(usual)];
  return {
    anomalyId: anomalyIdOf({ kind: 'log', range }, `${service}\0${templateId}`),
    kind: 'log',
    service,
    templateId,
    range,
    direction: earlier === 0 ? 'new' : 'up',
    value,
    expected: { expected: usual, low: 0, high: usual + 3 * Math.sqrt(usual) },
    n: count,
    score: context.score,
    statement: {
      zh: `${service} 每分钟 ${rate} 条日志${earlier === 0 ? '（之前没有）' : `，平时 ${usualRate}`}：${line}`,
      en: `${service} logs ${rate} lines a minute${earlier === 0 ? ' (not seen before)' : `, usually ${usualRate}`}: ${line}`,
    },
  };
}
