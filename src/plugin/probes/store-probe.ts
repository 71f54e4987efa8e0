/**
 * Cohort probe: of the traces that are bad, how many carry the suspected cause; of those that are good, how
 * many. Necessity (bad traces carry it) and sufficiency (good ones do not) on the investigation's own data,
 * within requests of one kind, and against what the same question finds where nothing is to be found.
 */
import { formatPercent } from '../../base/quantity.ts';
import type { Placebo, StoreCheck, SuspectPattern } from '../../model/hypothesis.ts';
import type { Clustered } from '../../model/investigation.ts';
import type { Text } from '../../model/text.ts';
import { inconclusive, type ProbeResult } from './outcome.ts';
import {
  type CohortEstimate,
  DIFFERENCE_MIN,
  estimateCohorts,
  type Interval,
  isEnough,
  NEEDED_SHARE,
  outcomeOf,
  TRACES_MIN,
  wilson,
} from './store-cohort.ts';
import { runDoseCheck } from './store-dose.ts';
import { compareFlows } from './store-flow.ts';
import { createPlacebos, type Placebos, placeboRate } from './store-placebo.ts';
import { countStrata, type Level, type Showing } from './store-strata.ts';
import {
  createStoreTraces,
  type StoreTraces,
  saysWhatIsWrong,
  tracesShowing,
} from './store-traces.ts';

/** What checks of one report share. */
export interface StoreContext {
  readonly clustered: Clustered;
  readonly traces: StoreTraces;
  readonly placebos: Placebos;
}

/** `suspects`: what the report's hypotheses suspect, so that placebos stay clear of it. */
export function createStoreContext(
  clustered: Clustered,
  suspects: readonly SuspectPattern[],
): StoreContext {
  const traces = createStoreTraces(clustered);
  return { clustered, traces, placebos: createPlacebos(traces, suspects) };
}

export function runStoreProbe(check: StoreCheck, context: StoreContext): ProbeResult {
  return check.kind === 'dose'
    ? runDoseCheck(check, context)
    : compareCohorts(check.suspect, context);
}

function compareCohorts(suspect: SuspectPattern, context: StoreContext): ProbeResult {
  const { traces, placebos } = context;
  const { window, reference } = traces;
  if (suspect.flow !== undefined) return compareFlows(suspect, suspect.flow, context);
  if (!hasSpans(suspect.service, traces)) {
    return inconclusive({
      zh: `没有来自 ${suspect.service} 的 span，链路无法回答`,
      en: `No spans come from ${suspect.service}: traces cannot tell`,
    });
  }
  const showing: Showing = {
    window: tracesShowing(suspect, window),
    reference: reference && tracesShowing(suspect, reference),
  };
  const { strata, level } = countStrata(traces, showing, 'all');
  const estimate = estimateCohorts(strata);
  if (!isEnough(estimate)) return inconclusive(tooFew(estimate));
  const outcome = judge(suspect, { estimate, traces, showing });
  const placebo = outcome === 'confirm' ? placebos.trialsOf(suspect, showing) : undefined;
  return {
    outcome,
    observed: describe(estimate, {
      level,
      placebo,
      sufficiency: sufficiencyOf(traces, showing),
      isPlace: !saysWhatIsWrong(suspect) && outcome === 'inconclusive',
    }),
    ...(outcome === 'inconclusive' ? {} : { weight: weightOf(estimate, placebo) }),
    ...(placebo === undefined ? {} : { placebo }),
  };
}

function hasSpans(service: string, { window, reference }: StoreTraces): boolean {
  const id = window.table.strings.find(service);
  if (id === undefined) return false;
  return window.rowsOf(id).length > 0 || (reference?.rowsOf(id).length ?? 0) > 0;
}

function judge(
  suspect: SuspectPattern,
  context: {
    readonly estimate: CohortEstimate;
    readonly traces: StoreTraces;
    readonly showing: Showing;
  },
): ProbeResult['outcome'] {
  const { estimate, traces, showing } = context;
  const outcome = outcomeOf(estimate);
  // That good requests pass a place as well says nothing about what goes on there; that bad ones do not does.
  if (!saysWhatIsWrong(suspect) && outcome === 'refute') {
    return estimate.badInterval.high < DIFFERENCE_MIN ? 'refute' : 'inconclusive';
  }
  if (outcome !== 'confirm' || showing.reference === undefined) return outcome;
  // Good requests of the window may be those without it just because the bad are those with it: was it
  // there before, and harmless?
  const before = estimateCohorts(countStrata(traces, showing, 'reference').strata);
  return outcomeOf(before) === 'refute' ? 'inconclusive' : 'confirm';
}

/**
 * A confirmation: ln of (share of the bad requests that it accounts for, low end) over (placebo rate): 0.76 at
 * 2.4 % is ln 32 = 3.5. A refutation: ln of (the difference that it may make, high end) over (the one needed).
 */
function weightOf({ difference }: CohortEstimate, placebo: Placebo | undefined): number {
  if (placebo !== undefined) return Math.log(Math.max(difference.low, 0.01) / placeboRate(placebo));
  return Math.log(Math.max(difference.high, 0.01) / NEEDED_SHARE);
}

interface Sufficiency {
  /** Share of bad ones among the window's requests that show it, and among those that do not. */
  readonly withIt: Interval;
  readonly withoutIt: Interval;
}

function sufficiencyOf({ isBad, isGood }: StoreTraces, showing: Showing): Sufficiency {
  const bad = [0, 0];
  const all = [0, 0];
  for (let trace = 0; trace < isBad.length; trace++) {
    if (isBad[trace] === 0 && isGood[trace] === 0) continue;
    const shows = showing.window[trace]!;
    all[shows]!++;
    bad[shows]! += isBad[trace]!;
  }
  const shareOf = (shows: 0 | 1) => wilson({ hits: bad[shows]!, total: all[shows]! });
  return { withIt: shareOf(1), withoutIt: shareOf(0) };
}

function tooFew({ bad, good }: CohortEstimate): Text {
  return {
    zh: `同类请求太少：异常 ${bad.total} 条，正常 ${good.total} 条，各需至少 ${TRACES_MIN} 条`,
    en: `Too few requests of one kind: ${bad.total} bad and ${good.total} good, at least ${TRACES_MIN} of each are needed`,
  };
}

const LEVELS: Readonly<Record<Level, Text>> = {
  endpoint: { zh: '同一入口', en: 'the same endpoint' },
  kind: { zh: '同类请求', en: 'the same kind of request' },
  kindAndBot: { zh: '同一机器人的同类请求', en: 'the same kind of request and bot' },
};

function describe(
  estimate: CohortEstimate,
  more: {
    readonly level: Level;
    readonly placebo: Placebo | undefined;
    readonly sufficiency: Sufficiency;
    readonly isPlace: boolean;
  },
): Text {
  const { bad, good, difference } = estimate;
  const { placebo, sufficiency } = more;
  const shares = [bad, good].map(({ hits, total }) => formatPercent(hits / total));
  const gap = percentRange(difference);
  const [withIt, withoutIt] = [sufficiency.withIt, sufficiency.withoutIt].map(percentRange);
  const place = LEVELS[more.level];
  const tried = placebo && `${placebo.confirmed}/${placebo.tried}`;
  return {
    zh: `异常链路 ${bad.hits}/${bad.total}（${shares[0]}）带有该特征，正常链路 ${good.hits}/${good.total}（${shares[1]}）；${place.zh}内相差 ${gap}；带有它的请求异常占 ${withIt}，不带的占 ${withoutIt}${tried === undefined ? '' : `；安慰剂检验 ${tried} 次误判`}${more.isPlace ? '；这只是一个位置，正常请求也会经过' : ''}`,
    en: `${bad.hits} of ${bad.total} bad traces (${shares[0]}) carry it, ${good.hits} of ${good.total} good ones (${shares[1]}); a difference of ${gap} within ${place.en}; of those with it ${withIt} are bad, of those without ${withoutIt}${tried === undefined ? '' : `; ${tried} placebo checks confirm as well`}${more.isPlace ? '; this is only a place, sound requests pass it too' : ''}`,
  };
}

function percentRange({ low, high }: Interval): string {
  return `${formatPercent(low)} – ${formatPercent(high)}`;
}
