/**
 * Judges a minute of an endpoint against its trailing mean by a fixed rule: the method that is widely described,
 * for comparison. The adaptive method knows seasons, distributions and small numbers; this one does not.
 */
import { formatNumber, formatPercent, formatUs } from '../base/quantity.ts';
import { deviationLlr } from '../base/statistics.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { Band } from '../model/baseline.ts';
import type { Endpoint } from '../model/tally.ts';
import type { Text } from '../model/text.ts';

/** Mean and scatter of the minutes before. */
export interface Usual {
  readonly minutes: number;
  readonly mean: number;
  readonly sigma: number;
}

export type JudgedKind = 'latency' | 'error' | 'traffic';

export interface TrailingRule {
  /** What is not worth an alarm, by kind. */
  bandOf(usual: Usual, kind: JudgedKind): Band;
  /** The rule in words. */
  readonly statement: Text;
}

const RATIO = 3.2;

/** Outside is what exceeds 3.2 times the mean; there is no lower end, so that fewer requests are never seen. */
export const RATIO_RULE: TrailingRule = {
  bandOf: ({ mean }) => ({ expected: mean, low: 0, high: RATIO * mean }),
  statement: { zh: `超过均值的 ${RATIO} 倍`, en: `more than ${RATIO} times the mean` },
};

/** A mean of fewer minutes is not judged by. */
export const USUAL_MINUTES_MIN = 60;
/** A minute with fewer requests is not judged, nor learned as latency or error ratio. */
export const MINUTE_REQUESTS_MIN = 10;
/** A single failed request is no burst. */
const ERRORS_MIN = 2;
/** Minutes have heavy tails: Student's t with few degrees of freedom. */
const FREEDOM = 4;

export type Outside = Pick<
  Anomaly,
  'kind' | 'direction' | 'value' | 'expected' | 'n' | 'score' | 'statement' | 'reason'
>;

/** Undefined when the minute is inside, or when too little is known to say. */
export function judgeMinute(
  minute: {
    readonly endpoint: Endpoint;
    readonly kind: JudgedKind;
    readonly value: number;
    readonly requests: number;
    readonly usual: Usual;
  },
  rule: TrailingRule,
): Outside | undefined {
  const { kind, value, requests, usual } = minute;
  if (usual.minutes < USUAL_MINUTES_MIN) return undefined;
  const expected = rule.bandOf(usual, kind);
  const isUp = value > expected.high;
  if (!isUp && value >= expected.low) return undefined;
  if (isUp && requests < MINUTE_REQUESTS_MIN) return undefined;
  if (!isUp && usual.mean < MINUTE_REQUESTS_MIN) return undefined;
  if (kind === 'error' && value * requests < ERRORS_MIN) return undefined;
  const sigma = Math.max(usual.sigma, 1e-9);
  return {
    kind,
    direction: isUp ? 'up' : 'down',
    value,
    expected,
    n: requests,
    score: deviationLlr((value - usual.mean) / sigma, FREEDOM),
    statement: statementOf(minute),
    reason: {
      zh: `基于最近 24 小时内 ${usual.minutes} 分钟的均值；规则：${rule.statement.zh}`,
      en: `stands on the mean of ${formatNumber(usual.minutes)} minutes of the last 24 hours; the rule: ${rule.statement.en}`,
    },
  };
}

function statementOf(minute: {
  readonly endpoint: Endpoint;
  readonly kind: JudgedKind;
  readonly value: number;
  readonly usual: Usual;
}): Text {
  const { endpoint, kind, value, usual } = minute;
  const name = `${endpoint.service} ${endpoint.operation}`;
  switch (kind) {
    case 'latency': {
      const [now, mean] = [formatUs(value), formatUs(usual.mean)];
      return {
        zh: `${name} 的 P95 延迟为 ${now}，24 小时均值 ${mean}`,
        en: `${name} takes ${now} at p95, ${mean} in the mean of 24 hours`,
      };
    }
    case 'error': {
      const [now, mean] = [formatPercent(value), formatPercent(usual.mean)];
      return {
        zh: `${name} 的失败率为 ${now}，24 小时均值 ${mean}`,
        en: `${now} of the requests of ${name} fail, ${mean} in the mean of 24 hours`,
      };
    }
    case 'traffic': {
      const [now, mean] = [formatNumber(value), formatNumber(usual.mean)];
      return {
        zh: `${name} 每分钟 ${now} 个请求，24 小时均值 ${mean}`,
        en: `${name} gets ${now} requests a minute, ${mean} in the mean of 24 hours`,
      };
    }
  }
}
