/**
 * Cohort probe: of the traces that are bad, how many carry the suspected cause; of those that are good, how
 * many. Necessity (bad traces carry it) and sufficiency (good ones do not) on the investigation's own data.
 */

import { formatP, formatPercent } from '../../base/quantity.ts';
import { fisherExact } from '../../base/statistics.ts';
import type { StoreCheck, SuspectPattern } from '../../model/hypothesis.ts';
import type { Clustered } from '../../model/investigation.ts';
import type { Text } from '../../model/text.ts';
import { NO_ROW, type SpanTable } from '../../model/window.ts';
import type { ProbeResult } from './outcome.ts';

/** Fewer traces on a side say nothing. */
const TRACES_MIN = 5;
/** Of the bad traces, at least this share must carry the cause … */
const NECESSITY_SHARE = 0.3;
/** … this many times the share among the good ones … */
const RATIO_MIN = 5;
/** … and chance must be out of the question. */
const P_VALUE_MAX = 0.001;
/** Refuting takes more traces on both sides: an absence is weaker than a presence. */
const REFUTE_TRACES_MIN = 20;
const REFUTE_SHARE_MAX = 0.02;

interface Cohort {
  readonly carrying: number;
  readonly total: number;
}

export function runStoreProbe(check: StoreCheck, clustered: Clustered): ProbeResult {
  const { bad, good } = cohortsOf(check.suspect, clustered);
  const outcome = outcomeOf(bad, good);
  return { outcome, observed: describe(bad, good) };
}

function outcomeOf(bad: Cohort, good: Cohort): ProbeResult['outcome'] {
  if (bad.total < TRACES_MIN || good.total < TRACES_MIN) return 'inconclusive';
  const badShare = bad.carrying / bad.total;
  const goodShare = good.carrying / good.total;
  const isSettled = pValueOf(bad, good) < P_VALUE_MAX;
  if (isSettled && badShare >= NECESSITY_SHARE && badShare >= RATIO_MIN * goodShare)
    return 'confirm';
  const isEnough = bad.total >= REFUTE_TRACES_MIN && good.total >= REFUTE_TRACES_MIN;
  const isReverse = isSettled && badShare < goodShare;
  if (isEnough && (isReverse || badShare <= REFUTE_SHARE_MAX)) return 'refute';
  return 'inconclusive';
}

function pValueOf(bad: Cohort, good: Cohort): number {
  return fisherExact({
    a: bad.carrying,
    b: bad.total - bad.carrying,
    c: good.carrying,
    d: good.total - good.carrying,
  });
}

function describe(bad: Cohort, good: Cohort): Text {
  if (bad.total < TRACES_MIN || good.total < TRACES_MIN) {
    return {
      zh: `链路太少：异常 ${bad.total} 条，正常 ${good.total} 条，各需至少 ${TRACES_MIN} 条`,
      en: `Too few traces: ${bad.total} bad and ${good.total} good, at least ${TRACES_MIN} of each are needed`,
    };
  }
  const pText = formatP(pValueOf(bad, good));
  return {
    zh: `异常链路 ${bad.carrying}/${bad.total}（${percent(bad)}）带有该特征，正常链路 ${good.carrying}/${good.total}（${percent(good)}），Fisher ${pText}`,
    en: `${bad.carrying} of ${bad.total} bad traces (${percent(bad)}) carry it, ${good.carrying} of ${good.total} good ones (${percent(good)}), Fisher ${pText}`,
  };
}

function percent({ carrying, total }: Cohort): string {
  return formatPercent(carrying / total);
}

function cohortsOf(
  suspect: SuspectPattern,
  clustered: Clustered,
): { readonly bad: Cohort; readonly good: Cohort } {
  const { window, reference, clustering } = clustered;
  const badTraces = symptomaticTraces(clustered);
  const anomalous = new Set(clustering.anomalousTraces);
  const bad = count(suspect, window.spans, (trace) => badTraces.has(trace));
  // Traces that are anomalous inside but met nobody's eye belong to neither side.
  const goodNow = count(suspect, window.spans, (trace) => !anomalous.has(trace));
  const goodBefore = reference
    ? count(suspect, reference.spans, () => true)
    : { carrying: 0, total: 0 };
  return {
    bad,
    good: {
      carrying: goodNow.carrying + goodBefore.carrying,
      total: goodNow.total + goodBefore.total,
    },
  };
}

/** Traces whose entry is anomalous; all anomalous ones when no entry is. */
function symptomaticTraces({ window, clustering }: Clustered): ReadonlySet<number> {
  const { spans } = window;
  const symptomatic = new Set<number>();
  for (const row of clustering.anomalousRows) {
    if (spans.parent[row] === NO_ROW) symptomatic.add(spans.trace[row]!);
  }
  return symptomatic.size > 0 ? symptomatic : new Set(clustering.anomalousTraces);
}

function count(
  suspect: SuspectPattern,
  spans: SpanTable,
  isMember: (trace: number) => boolean,
): Cohort {
  const carries = patternOf(suspect, spans);
  const members = new Set<number>();
  const carriers = new Set<number>();
  for (let row = 0; row < spans.count; row++) {
    const trace = spans.trace[row]!;
    if (!isMember(trace)) continue;
    members.add(trace);
    if (carries(row)) carriers.add(trace);
  }
  return { carrying: carriers.size, total: members.size };
}

/** Compares by string id; a text that the table does not hold matches nothing. */
function patternOf(suspect: SuspectPattern, spans: SpanTable): (row: number) => boolean {
  const idOf = (text: string | undefined) =>
    text === undefined ? undefined : (spans.strings.find(text) ?? -1);
  const service = idOf(suspect.service);
  const operation = idOf(suspect.operation);
  const target = idOf(suspect.target);
  const errorType = idOf(suspect.errorType);
  const attributes = Object.entries(suspect.attributes ?? {});
  const { selfUsMin = 0, durationUsMin = 0 } = suspect;
  return (row) =>
    spans.service[row] === service &&
    (operation === undefined || spans.operation[row] === operation) &&
    (target === undefined || spans.target[row] === target) &&
    (errorType === undefined || spans.errorType[row] === errorType) &&
    spans.selfUs[row]! >= selfUsMin &&
    spans.durationUs[row]! >= durationUsMin &&
    attributes.every(([key, value]) => spans.attributeOf(row, key) === value);
}
