/**
 * Burn rates of service level objectives, and when they are an alarm: multiwindow, multi-burn-rate, after The Site
 * Reliability Workbook, chapter 5 (https://sre.google/workbook/alerting-on-slos/).
 */
import { formatNumber, formatPercent } from '../base/quantity.ts';
import type { TimeRange } from '../base/time.ts';
import type { ServiceLevelObjective } from '../config/config.ts';
import type { BurnRate, SloStatus } from '../model/slo.ts';
import type { Tally } from '../model/tally.ts';
import type { Text } from '../model/text.ts';
import { countAbove } from '../tally/sketch.ts';
import {
  DAY_RING,
  endOfSums,
  FIVE_MINUTE_RING,
  HOUR_RING,
  MINUTE_RING,
  minutesSeen,
  type RequestCounts,
  SUMS_WIDTH,
  startOfStep,
  stepsBack,
  sumOf,
} from './slo-sums.ts';

type Ring = typeof MINUTE_RING;

interface Window {
  readonly minutes: number;
  readonly ring: Ring;
}

export interface BurnRule {
  /** Above it in both windows the rule holds. */
  readonly burnRate: number;
  readonly long: Window;
  /** Ends the alarm soon after the cause has ended. */
  readonly short: Window;
  readonly severity: 'critical' | 'warning';
}

const MINUTES_5: Window = { minutes: 5, ring: MINUTE_RING };
const MINUTES_30: Window = { minutes: 30, ring: MINUTE_RING };
const HOUR: Window = { minutes: 60, ring: MINUTE_RING };
const HOURS_6: Window = { minutes: 6 * 60, ring: FIVE_MINUTE_RING };
const DAYS_3: Window = { minutes: 3 * 24 * 60, ring: HOUR_RING };
const WINDOWS = [MINUTES_5, MINUTES_30, HOUR, HOURS_6, DAYS_3];

/** The most urgent first. 14.4 for an hour is 2 % of a budget of 30 days: 14.4 × 1 h / 720 h. */
export const BURN_RULES: readonly BurnRule[] = [
  { burnRate: 14.4, long: HOUR, short: MINUTES_5, severity: 'critical' },
  { burnRate: 6, long: HOURS_6, short: MINUTES_30, severity: 'critical' },
  { burnRate: 1, long: DAYS_3, short: HOURS_6, severity: 'warning' },
];

/** Of the rule with this burn rate. */
export function severityOfBurn(burnRate: number): BurnRule['severity'] {
  return BURN_RULES.find((rule) => rule.burnRate === burnRate)?.severity ?? 'warning';
}

/** Fewer bad requests than these say nothing: one error among three requests burns at 333 times. */
const LONG_BAD_MIN = 10;
const SHORT_BAD_MIN = 2;

export interface SloFinding {
  readonly rule: BurnRule;
  /** In the long window. */
  readonly burnRate: number;
  readonly counts: RequestCounts;
  readonly onsetUs: number;
  readonly score: number;
  readonly statement: Text;
}

/** What a tally of the objective's endpoint says. Slow requests within a sketch's bucket count by share. */
export function countsOf(tally: Tally, { latencyMs }: ServiceLevelObjective): RequestCounts {
  const slow = latencyMs === undefined ? 0 : countAbove(tally.sketch, latencyMs * 1000);
  return { requests: tally.count, badRequests: latencyMs === undefined ? tally.errorCount : slow };
}

/** The most urgent rule that holds, if any. */
export function judgeSlo(row: Float32Array, slo: ServiceLevelObjective): SloFinding | undefined {
  const rule = BURN_RULES.find(
    ({ burnRate, long, short }) =>
      isBurning(row, long, { slo, burnRate, badMin: LONG_BAD_MIN }) &&
      isBurning(row, short, { slo, burnRate, badMin: SHORT_BAD_MIN }),
  );
  if (!rule) return undefined;
  const counts = countIn(row, rule.long);
  const burnRate = burnRateOf(counts, slo);
  return {
    rule,
    burnRate,
    counts,
    onsetUs: onsetOf(row, rule, slo),
    score: scoreOf(counts, slo),
    statement: statementOf({ rule, burnRate, counts, budget: budgetOf(row, slo) }, slo),
  };
}

export function sloStatusOf(row: Float32Array | undefined, slo: ServiceLevelObjective): SloStatus {
  const { name, service, operation, objective, latencyMs } = slo;
  const sums = row ?? NOTHING;
  const { left, range, ...counts } = budgetOf(sums, slo);
  const alarm = judgeSlo(sums, slo)?.rule.severity;
  return {
    name,
    service,
    operation,
    objective,
    ...(latencyMs === undefined ? {} : { latencyMs }),
    range,
    ...counts,
    budgetLeft: left,
    burnRates: WINDOWS.map((window): BurnRate => {
      const inWindow = countIn(sums, window);
      return { minutes: window.minutes, rate: burnRateOf(inWindow, slo), ...inWindow };
    }),
    ...(alarm === undefined ? {} : { alarm }),
  };
}

/** Before the first minute. */
const NOTHING = new Float32Array(SUMS_WIDTH);

function countIn(row: Float32Array, { minutes, ring }: Window): RequestCounts {
  return sumOf(row, ring, minutes / ring.stepMinutes);
}

/** Share of bad requests over the share allowed: 300 of 20 000 against 0.1 % is 15. NaN without requests. */
function burnRateOf({ requests, badRequests }: RequestCounts, slo: ServiceLevelObjective): number {
  return badRequests / requests / (1 - slo.objective);
}

/**
 * Minutes of the window before the first one count as good ones like those since: ten errors in the first hour are not a
 * rate of three days.
 */
function isBurning(
  row: Float32Array,
  window: Window,
  above: {
    readonly slo: ServiceLevelObjective;
    readonly burnRate: number;
    readonly badMin: number;
  },
): boolean {
  const counts = countIn(row, window);
  const seenShare = Math.min(1, minutesSeen(row) / window.minutes);
  return (
    counts.badRequests >= above.badMin && burnRateOf(counts, above.slo) * seenShare > above.burnRate
  );
}

interface Budget extends RequestCounts {
  readonly left: number;
  readonly range: TimeRange;
}

function budgetOf(row: Float32Array, slo: ServiceLevelObjective): Budget {
  const counts = sumOf(row, DAY_RING, slo.windowDays);
  const isEmpty = counts.requests === 0;
  const used = isEmpty ? 0 : burnRateOf(counts, slo);
  const range = {
    fromUs: startOfStep(row, DAY_RING, slo.windowDays - 1),
    toUs: endOfSums(row),
  };
  return { ...counts, left: 1 - used, range };
}

/** When it began: to the step of the rule's long window, and to finer ones as far back as there are some. */
function onsetOf(
  row: Float32Array,
  { burnRate, long }: BurnRule,
  slo: ServiceLevelObjective,
): number {
  const usual = (burnRate * (1 - slo.objective)) / 2;
  let onsetUs = onsetIn(row, long.ring, usual);
  for (const finer of [FIVE_MINUTE_RING, MINUTE_RING]) {
    if (onsetUs >= startOfStep(row, finer, finer.stepCount - 1)) {
      onsetUs = onsetIn(row, finer, usual);
    }
  }
  return onsetUs;
}

/**
 * The start of the run of steps up to now that has the most bad requests beyond the usual share, for which half of the
 * rule's burn rate is taken: where the sum of a CUSUM (Page 1954) last left zero.
 */
function onsetIn(row: Float32Array, ring: Ring, usualShare: number): number {
  let excess = 0;
  let best = { excess: Number.NEGATIVE_INFINITY, stepsAgo: 0 };
  let stepsAgo = 0;
  for (const { requests, badRequests } of stepsBack(row, ring, ring.stepCount)) {
    excess += badRequests - usualShare * requests;
    if (excess > best.excess) best = { excess, stepsAgo };
    stepsAgo++;
  }
  return startOfStep(row, ring, best.stepsAgo);
}

/**
 * Log-likelihood ratio of the share that was seen against the share allowed, for binomial counts. Worked: 300 of
 * 20 000 against 0.1 %: 300 ln 15 + 19 700 ln(0.985 / 0.999) = 534.
 */
function scoreOf({ requests, badRequests }: RequestCounts, slo: ServiceLevelObjective): number {
  const good = requests - badRequests;
  const ofBad = badRequests * Math.log(badRequests / requests / (1 - slo.objective));
  const ofGood = good > 0 ? good * Math.log(good / requests / slo.objective) : 0;
  return ofBad + ofGood;
}

function statementOf(
  facts: {
    readonly rule: BurnRule;
    readonly burnRate: number;
    readonly counts: RequestCounts;
    readonly budget: Budget;
  },
  slo: ServiceLevelObjective,
): Text {
  const { rule, counts, budget } = facts;
  const rate = formatNumber(facts.burnRate);
  const bad = formatNumber(counts.badRequests);
  const all = formatNumber(counts.requests);
  const allowed = formatNumber(counts.requests * (1 - slo.objective));
  const left = formatPercent(Math.max(0, budget.left));
  const hours = rule.long.minutes / 60;
  const wrong =
    slo.latencyMs === undefined
      ? { zh: '失败', en: 'failed' }
      : { zh: `超过 ${slo.latencyMs} ms`, en: `took more than ${slo.latencyMs} ms` };
  return {
    zh: `“${slo.name}”的错误预算消耗速度是允许的 ${rate} 倍：过去 ${hours} 小时 ${all} 个请求中有 ${bad} 个${wrong.zh}，允许 ${allowed} 个；${slo.windowDays} 天预算还剩 ${left}`,
    en: `The error budget of "${slo.name}" burns ${rate} times as fast as allowed: ${bad} of ${all} requests ${wrong.en} in ${hours} h, ${allowed} are allowed; ${left} of the budget of ${slo.windowDays} days is left`,
  };
}
