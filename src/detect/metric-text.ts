/** What anomalies of metrics say, in both languages. */
import { formatNumber, formatQuantity } from '../base/quantity.ts';
import type { MetricSeries } from '../model/span.ts';
import type { Text } from '../model/text.ts';
import type { MetricValue } from '../model/watch.ts';
import type { Drift } from './drift.ts';
import type { Saturation } from './saturation.ts';

type Measure = MetricValue['measure'];

/** Of a level, a rate or a quantile, as people read it. */
function formatMeasured(value: number, { series, measure }: Measured): string {
  if (measure !== 'rate') return formatQuantity(value, series.unit);
  const isCounted = series.kind !== 'sum';
  return `${isCounted ? formatNumber(value) : formatQuantity(value, series.unit)}/s`;
}

/** `http.server.request.duration (p99)`; a level is the metric itself. */
function titleOf(series: MetricSeries, measure: Measure): string {
  return measure === 'level' ? series.name : `${series.name} (${measure})`;
}

interface Measured {
  readonly series: MetricSeries;
  readonly measure: Measure;
}

export function jumpStatement(
  measured: Measured,
  { value, expected }: { readonly value: number; readonly expected: number },
): Text {
  const { service } = measured.series;
  const title = titleOf(measured.series, measured.measure);
  const [now, usual] = [value, expected].map((number) => formatMeasured(number, measured));
  return {
    zh: `${service} 的 ${title} 为 ${now}，平时 ${usual}`,
    en: `${title} of ${service} is ${now}, usually ${usual}`,
  };
}

export function jumpReason(
  measured: Measured,
  { low, high }: { readonly low: number; readonly high: number },
): Text {
  const [bottom, top] = [low, high].map((number) => formatMeasured(number, measured));
  const [zh, en] = Number.isFinite(low)
    ? [`${bottom} 至 ${top}`, `between ${bottom} and ${top}`]
    : [`${top} 以下`, `below ${top}`];
  return {
    zh: `过去几天（至多八天）持续五分钟的水平连同余量都在 ${zh}`,
    en: `In the days before, eight at most, whatever lasted for five minutes was, with a margin, ${en}`,
  };
}

export function driftStatement(
  series: MetricSeries,
  { from, to, hours }: Pick<Drift, 'from' | 'to' | 'hours'>,
): Text {
  const { service, name, unit } = series;
  const [low, high] = [formatQuantity(from, unit), formatQuantity(to, unit)];
  return {
    zh: `${service} 的 ${name} 低点持续上升：${hours} 小时内从 ${low} 升至 ${high}`,
    en: `Low points of ${name} of ${service} creep up: from ${low} to ${high} in ${hours} h`,
  };
}

export function driftReason(series: MetricSeries, { usualPeak, perHour }: Drift): Text {
  const [peak, pace] = [usualPeak, perHour].map((value) => formatQuantity(value, series.unit));
  return {
    zh: `此前几天每小时低点最高为 ${peak}；目前每小时上升 ${pace}，超出随机波动`,
    en: `In the days before, no hour's low point was above ${peak}; it rises by ${pace} an hour, more than chance does`,
  };
}

export function saturationStatement(
  series: MetricSeries,
  { found, limit }: { readonly found: Saturation; readonly limit: number },
): Text {
  const { service, name, unit } = series;
  const [level, bound] = [formatQuantity(found.level, unit), formatQuantity(limit, unit)];
  if (found.hoursLeft === 0) {
    return {
      zh: `${service} 的 ${name} 已达上限：${level} / ${bound}`,
      en: `${name} of ${service} is at its limit: ${level} of ${bound}`,
    };
  }
  const left = formatHours(found.hoursLeft);
  return {
    zh: `${service} 的 ${name} 为 ${level}，约 ${left} 后达到上限 ${bound}`,
    en: `${name} of ${service} is ${level} and reaches its limit of ${bound} in about ${left}`,
  };
}

export function saturationReason(found: Saturation): Text {
  const { minutes, hoursLeftMin, hoursLeftMax } = found;
  const [soon, late] = [formatHours(hoursLeftMin), formatHours(hoursLeftMax)];
  return found.hoursLeft === 0
    ? { zh: '此前几天从未接近上限', en: 'In the days before it was never near it' }
    : {
        zh: `按最近 ${minutes} 分钟的低点直线外推，95 % 区间 ${soon} 至 ${late}`,
        en: `A straight line through the low points of the last ${minutes} min, 95 % between ${soon} and ${late}`,
      };
}

/** Why an anomaly of a metric ended. */
export const END_REASONS = {
  fellBack: { zh: '已回落（释放或重启）', en: 'It fell back: released, or restarted' },
  turned: { zh: '不再向上限增长', en: 'It no longer grows towards the limit' },
  usualAgain: { zh: '已恢复到平时范围', en: 'It is back within its usual range' },
  newNormal: {
    zh: '一天来保持在新水平，视为新常态',
    en: 'It has stayed at its new level for a day: that is normal now',
  },
  silent: { zh: '两小时没有数据', en: 'Nothing was heard of it for two hours' },
} as const satisfies Record<string, Text>;

function formatHours(hours: number): string {
  return hours < 1 ? `${Math.max(1, Math.round(60 * hours))} min` : `${formatNumber(hours)} h`;
}
