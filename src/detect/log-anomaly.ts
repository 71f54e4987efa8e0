/** Anomalies of log templates in the words of the model: what was found, what was usual, how it ended. */
import { formatNumber } from '../base/quantity.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Anomaly, Picture } from '../model/anomaly.ts';
import type { Band } from '../model/baseline.ts';
import type { Text } from '../model/text.ts';
import { anomalyIdOf } from './anomaly-id.ts';
import type { LogChange, LogFinding } from './log-evidence.ts';

const TEXT_CHARS_MAX = 120;
/** Half width of the band that is shown; the decision looks at the sum of evidence. */
const BAND_SIGMAS = 3;

export interface LogAnomalyContext {
  readonly service: string;
  readonly templateId: string;
  /** Of the template. */
  readonly text: string;
  readonly direction: Anomaly['direction'];
  readonly change: LogChange;
  /** First microsecond of the minute that changed it. */
  readonly minuteUs: number;
  /** First microsecond of the minute from which the finding counts. */
  readonly originUs: number;
  /** As it was told before. */
  readonly known: Anomaly | undefined;
  readonly picture: Picture;
}

export function logAnomalyOf(finding: LogFinding, context: LogAnomalyContext): Anomaly {
  const { service, templateId, direction, change, originUs, known } = context;
  const timeOf = (minute: number) => originUs + minute * US_PER_MINUTE;
  const range = { fromUs: timeOf(finding.onset), toUs: timeOf(finding.lastOutside + 1) };
  const end = change === 'opened' || change === 'grown' ? undefined : change;
  return {
    anomalyId: known?.anomalyId ?? anomalyIdOf({ kind: 'log', range }, `${service}\0${templateId}`),
    kind: 'log',
    status: end ? 'closed' : 'open',
    ...(end ? { end } : {}),
    service,
    templateId,
    range,
    detectedUs: known?.detectedUs ?? context.minuteUs + US_PER_MINUTE,
    direction,
    value: finding.worst,
    expected: bandOf(finding),
    n: Math.round(finding.lines),
    score: finding.score,
    statement: statementOf(finding, context),
    reason: reasonOf(finding, { direction, end }),
    picture: context.picture,
  };
}

/** What bandOf() made a band from. */
export function findingOfBand({
  expected,
}: Pick<Anomaly, 'expected'>): Pick<LogFinding, 'expected' | 'clumping'> {
  const mean = expected.expected;
  const sigma = (expected.high - mean) / BAND_SIGMAS;
  return { expected: mean, clumping: mean > 0 ? (sigma * sigma) / mean : 1 };
}

export function bandOf({ expected, clumping }: Pick<LogFinding, 'expected' | 'clumping'>): Band {
  const width = BAND_SIGMAS * Math.sqrt(clumping * expected);
  return { expected, low: Math.max(0, expected - width), high: expected + width };
}

function statementOf(finding: LogFinding, { service, text, direction }: LogAnomalyContext): Text {
  const line = text.slice(0, TEXT_CHARS_MAX);
  const rate = formatNumber(finding.worst);
  const usual = formatNumber(finding.expected);
  switch (direction) {
    case 'new':
      return {
        zh: `${service} 出现从未有过的日志，每分钟最多 ${rate} 条：${line}`,
        en: `${service} logs lines never seen before, up to ${rate} a minute: ${line}`,
      };
    case 'up':
      return {
        zh: `${service} 每分钟最多 ${rate} 条日志，平时 ${usual}：${line}`,
        en: `${service} logs up to ${rate} lines a minute, usually ${usual}: ${line}`,
      };
    case 'down':
      return {
        zh: `${service} 每分钟 ${rate} 条日志，平时 ${usual}，而其他日志照常：${line}`,
        en: `${service} logs ${rate} lines a minute, usually ${usual}, while its other lines go on: ${line}`,
      };
  }
}

function reasonOf(
  finding: LogFinding,
  how: { readonly direction: Anomaly['direction']; readonly end: Anomaly['end'] },
): Text {
  const clumping = formatNumber(finding.clumping);
  const basis =
    how.direction === 'new'
      ? {
          zh: '该服务很少出现新的日志模板',
          en: 'New log templates are rare in this service',
        }
      : {
          zh: `同时越过了该模板的速率、在服务中的占比和该时段的习惯；方差为均值的 ${clumping} 倍`,
          en: `Beyond its rate, its share of the service's lines and the habit of the hour; variance ${clumping} times the mean`,
        };
  switch (how.end) {
    case undefined:
      return basis;
    case 'recovered':
      return { zh: `${basis.zh}；已恢复`, en: `${basis.en}; recovered` };
    case 'accepted':
      return {
        zh: `${basis.zh}；持续 24 小时，视为新的常态`,
        en: `${basis.en}; after 24 hours it is the new normal`,
      };
    case 'gone':
      return {
        zh: `${basis.zh}；24 小时没有出现，不再等待`,
        en: `${basis.en}; after 24 hours it is no longer expected`,
      };
  }
}
