/**
 * Metrics of a service that jumped, measured against their own noise and, where a series has few points,
 * against how the same metric moved at its peers; and how much the jump matters, by its physical bound.
 */
import { formatQuantity } from '../base/quantity.ts';
import { deviationLlr, medianOf, robustSigmaOf } from '../base/statistics.ts';
import { US_PER_MS } from '../base/time.ts';
import type { SeriesWindow } from '../model/window.ts';
import { msFactorOf } from '../rulebook/metric-name.ts';
import type { Facts } from './facts.ts';
import { type Bound, boundOf, doubtedShares, GROWTH_MIN, rivalSeries } from './metric-bound.ts';
import { createFrontShare, type FrontShare } from './metric-front.ts';
import { finite, limitsOfPools, type Meaning, meaningOf, namedMeaning } from './metric-meaning.ts';
import { requestRoleOf } from './metric-requests.ts';
import {
  compareText,
  EVIDENCE_WEIGHT_MAX,
  metricLink,
  type Suspicion,
  softCapped,
  text,
} from './suspicion.ts';

/** Waits that make up less of the bad requests' extra time are not what ails them. */
const WAITED_SHARE_MIN = 0.05;

/** Measured on the machine: every service on it shows the same, so each is blamed less. */
const SHARED_NAME = /(^|[._])(node|host|system)[._]/;
const SHARED_SHARE = 0.4;
/** A gauge of what spans tell as well is half a witness. */
const SUPPORT_SHARE = 0.5;
const LLR_MIN = 3;
/** Tails of real metrics are heavy: Student's t with few degrees of freedom; fewer when the noise is a guess. */
const FREEDOM = { known: 4, guessed: 2 };
/** Reference points from which a series knows its own noise, and peers from which they tell it. */
const OWN_POINTS_MIN = 8;
const PEERS_MIN = 5;
/** Deviation of the logarithm: what nobody knows better, and the least that is believed. */
const UNKNOWN_SIGMA = 0.4;
const SIGMA_MIN = 0.05;
const LOG_RATIO_MIN = Math.log(GROWTH_MIN);

interface Move {
  readonly series: SeriesWindow;
  readonly meaning: Meaning;
  /** What it is a share of, and cannot grow beyond; undefined when not known. */
  readonly bound: Bound | undefined;
  readonly now: number;
  readonly before: number;
  /** Growth of the logarithm; of a bounded share, of the time that work takes beside it: see Bound. */
  readonly logRatio: number;
  /** Enough earlier points to know its own noise. */
  readonly hasOwnNoise: boolean;
  readonly points: number;
  /** Asked for only where it moved: it sorts all earlier points. */
  ownNoise(): {
    readonly sigma: number;
    /** ln of how seldom its own points were as high; ∞ when none was. */
    readonly rarity: number;
  };
}

export function suspectJumps(
  facts: Facts,
  options: {
    /** Somebody else has told whose latency and failures they are. */
    readonly areRequestsJudged: boolean;
  },
): Suspicion[] {
  const { window, reference } = facts.clustered;
  if (reference === undefined) return [];
  const movesByName = new Map<string, Move[]>();
  const earlier = new Map(reference.series.map((series) => [series.seriesId, series]));
  const levels = levelsOf([...reference.series, ...window.series]);
  const soft = softZeroByName(levels);
  const limits = limitsOfPools(window.series);
  const rivals = new Set(rivalSeries(window.series));
  const doubted = doubtedShares(window.series, earlier);
  const shareOfFront = createFrontShare(facts);
  const called = new Set([...facts.calleesOf.values()].flatMap((callees) => [...callees]));
  for (const series of window.series) {
    const meaning = meaningOf(series, limits);
    if (meaning === undefined || rivals.has(series.seriesId)) continue;
    if (options.areRequestsJudged && requestRoleOf(series) !== undefined) continue;
    // Load comes from callers: only where it enters it is a cause.
    if (meaning.kind === 'traffic' && called.has(series.service)) continue;
    const softZero = soft.get(series.name) ?? 0;
    const move = moveOf(series, {
      meaning,
      earlier: earlier.get(series.seriesId),
      softZero,
      levels,
      isDoubted: doubted.has(series.seriesId),
    });
    if (move === undefined) continue;
    const moves = movesByName.get(series.name);
    if (moves) moves.push(move);
    else movesByName.set(series.name, [move]);
  }
  const found = [...movesByName.values()].flatMap((moves) =>
    suspectMoves(moves, { facts, shareOfFront }),
  );
  return strongestPerKind(found);
}

/** Median badness of each series that means something: sorting takes most of the time, so once for all. */
function levelsOf(series: readonly SeriesWindow[]): ReadonlyMap<SeriesWindow, number> {
  const levels = new Map<SeriesWindow, number>();
  for (const one of series) {
    const meaning = namedMeaning(one.name);
    const values = finite(one.values);
    if (values.length === 0 || meaning === undefined) continue;
    levels.set(one, medianOf(values.map((value) => badness(value, one, meaning))));
  }
  return levels;
}

/** Added to both sides of a ratio so that growth from nearly nothing to little stays little. */
function softZeroByName(levels: ReadonlyMap<SeriesWindow, number>): Map<string, number> {
  const byName = new Map<string, number[]>();
  for (const [{ name }, level] of levels) {
    if (level === 0) continue;
    const known = byName.get(name);
    if (known) known.push(Math.abs(level));
    else byName.set(name, [Math.abs(level)]);
  }
  return new Map([...byName].map(([name, list]) => [name, 0.05 * medianOf(list)]));
}

/** A success ratio is turned round, so that up is bad for every metric. */
function badness(value: number, series: SeriesWindow, meaning: Meaning): number {
  if (meaning.isSuccess !== true) return value;
  const full = fullOf(series);
  // One hundredth of full is the least that counts: from 0 to 0.1 % failures is no explosion.
  return Math.max(0, full - value) + full / 100;
}

/** The value that badness() was made of. */
function valueFrom(bad: number, series: SeriesWindow, meaning: Meaning): number {
  return meaning.isSuccess === true ? 1.01 * fullOf(series) - bad : bad;
}

function fullOf({ unit }: SeriesWindow): number {
  return unit === '%' ? 100 : 1;
}

function moveOf(
  series: SeriesWindow,
  context: {
    readonly meaning: Meaning;
    readonly earlier: SeriesWindow | undefined;
    readonly softZero: number;
    readonly levels: ReadonlyMap<SeriesWindow, number>;
    /** See doubtedShares(). */
    readonly isDoubted: boolean;
  },
): Move | undefined {
  const { meaning, earlier, softZero, levels } = context;
  const level = levels.get(series);
  const center = earlier && levels.get(earlier);
  if (earlier === undefined || level === undefined || center === undefined) return undefined;
  const [values, earlierValues] = [finite(series.values), finite(earlier.values)];
  const isDamaged = (list: Float64Array) =>
    list.some((value) => badness(value, series, meaning) < 0);
  if (isDamaged(values) || isDamaged(earlierValues)) return undefined;
  const soft = Math.max(softZero, 1e-9);
  const bound = boundOf(series, { meaning, most: Math.max(mostOf(values), mostOf(earlierValues)) });
  // A memory or a machine that is not full yet slows nobody down.
  const needsFull = bound?.hurtsWhenFull === true || context.isDoubted;
  if (needsFull && bound?.isFull(level) !== true) return undefined;
  const logOf = bound
    ? (bad: number) => bound.logSlowdown(bad) - bound.logSlowdown(center)
    : (bad: number) => Math.log((bad + soft) / (center + soft));
  return {
    series,
    meaning,
    bound,
    now: valueFrom(level, series, meaning),
    before: valueFrom(center, series, meaning),
    logRatio: logOf(level),
    hasOwnNoise: earlierValues.length >= OWN_POINTS_MIN,
    points: values.length,
    ownNoise: () => {
      const bads = earlierValues.map((value) => badness(value, series, meaning));
      const asHigh = bads.filter((bad) => bad >= level).length;
      return {
        sigma: robustSigmaOf(bads.map(logOf), 0),
        rarity: asHigh === 0 ? Number.POSITIVE_INFINITY : Math.log(bads.length / asHigh),
      };
    },
  };
}

function mostOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** Who judges moves of one metric. */
interface Judge {
  readonly facts: Facts;
  readonly shareOfFront: FrontShare;
}

/** Moves of one metric at all services. What all did alike (traffic rose) is taken off each. */
function suspectMoves(moves: readonly Move[], judge: Judge): Suspicion[] {
  const ratios = moves.map((move) => move.logRatio);
  const hasPeers = moves.length >= PEERS_MIN;
  const common = hasPeers ? medianOf(ratios) : 0;
  const peerSigma = hasPeers ? robustSigmaOf(ratios, common) : UNKNOWN_SIGMA;
  const suspicions: Suspicion[] = [];
  for (const move of moves) {
    const excess = Math.min(move.logRatio, move.logRatio - common);
    if (excess < LOG_RATIO_MIN || move.series.service === '') continue;
    // A count of few requests in one sample says nothing about load.
    if (!move.hasOwnNoise && move.meaning.kind === 'traffic') continue;
    if (move.meaning.isWait === true && waitedShare(move, judge.facts) < WAITED_SHARE_MIN) continue;
    const own = move.hasOwnNoise ? move.ownNoise() : undefined;
    const sigma = Math.max(own?.sigma ?? peerSigma, SIGMA_MIN);
    // How busy a process is, its peers tell well; how slow, they tell badly: a few slow calls are enough.
    const freedom = own || move.meaning.isOwn ? FREEDOM.known : FREEDOM.guessed;
    const tail = deviationLlr(excess / sigma, freedom);
    const llr = Math.min(tail, own?.rarity ?? tail) - Math.log(moves.length);
    if (llr >= LLR_MIN) suspicions.push(suspicionOf(move, llr, judge));
  }
  return suspicions;
}

function suspicionOf(move: Move, llr: number, { facts, shareOfFront }: Judge): Suspicion {
  const { series, meaning } = move;
  const { service, name } = series;
  const [now, before] = [move.now, move.before].map((value) => formatQuantity(value, series.unit));
  // Where there are spans they tell first-hand how slow a service is, how often it fails and is called.
  const isSupport = !meaning.isOwn && facts.table.count > 0;
  const share =
    (SHARED_NAME.test(name.toLowerCase()) ? SHARED_SHARE : 1) *
    (isSupport ? SUPPORT_SHARE : Math.sqrt(shareOfFront(series, move.now - move.before))) *
    (meaning.isWait === true ? Math.sqrt(waitedShare(move, facts)) : 1) *
    // Slowed down by a factor of s, work takes 1 − 1/s of its time in vain.
    (move.bound ? Math.sqrt(1 - Math.exp(-move.logRatio)) : 1);
  const weightMax = move.bound ? EVIDENCE_WEIGHT_MAX : meaning.weightMax;
  return {
    culprit: { service },
    kind: meaning.kind,
    isOwn: meaning.isOwn,
    isSupport,
    detail: { metric: name },
    evidence: [
      {
        source: 'metric',
        direction: 'for',
        statement: text(
          `${service} 的 ${name} 从 ${before} 变为 ${now}`,
          `${name} of ${service} went from ${before} to ${now}`,
        ),
        value: move.now,
        expected: move.before,
        unit: series.unit,
        n: move.points,
        weight: softCapped(llr, weightMax) * share,
        link: metricLink({ service, name }, facts.clustered.window.range),
      },
    ],
  };
}

/** Share of the bad requests' extra time that a longer wait makes up, at one wait for each request. */
function waitedShare({ series, now, before }: Move, facts: Facts): number {
  if (facts.excessUs <= 0 || facts.badTraceCount === 0) return 1;
  const waitedUs = (now - before) * msFactorOf(series) * US_PER_MS;
  return Math.min(1, waitedUs / (facts.excessUs / facts.badTraceCount));
}

/** Percentiles of one latency, or pods of one service, are no independent witnesses. */
function strongestPerKind(suspicions: readonly Suspicion[]): Suspicion[] {
  const weightOf = (suspicion: Suspicion) => suspicion.evidence[0]?.weight ?? 0;
  const nameOf = (suspicion: Suspicion) => suspicion.evidence[0]?.statement.en ?? '';
  const best = new Map<string, Suspicion>();
  for (const suspicion of suspicions) {
    const key = `${suspicion.culprit.service}\0${suspicion.kind}`;
    const known = best.get(key);
    const isBetter =
      known === undefined ||
      weightOf(suspicion) > weightOf(known) ||
      (weightOf(suspicion) === weightOf(known) && nameOf(suspicion) < nameOf(known));
    if (isBetter) best.set(key, suspicion);
  }
  return [...best].sort(([a], [b]) => compareText(a, b)).map(([, suspicion]) => suspicion);
}
