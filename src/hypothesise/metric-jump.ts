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
  /** NaN when the series has too few points of its own. */
  readonly ownSigma: number;
  /** ln of how seldom its own points were as high; ∞ when none was. */
  readonly ownRarity: number;
  readonly points: number;
  /** Of the front's time, by its extra latency: see FrontShare. */
  readonly frontShare: number;
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
  const soft = softZeroByName([...reference.series, ...window.series]);
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
      isDoubted: doubted.has(series.seriesId),
      shareOfFront,
    });
    if (move === undefined) continue;
    const moves = movesByName.get(series.name);
    if (moves) moves.push(move);
    else movesByName.set(series.name, [move]);
  }
  const found = [...movesByName.values()].flatMap((moves) => suspectMoves(moves, facts));
  return strongestPerKind(found);
}

/** Added to both sides of a ratio so that growth from nearly nothing to little stays little. */
function softZeroByName(series: readonly SeriesWindow[]): Map<string, number> {
  const levels = new Map<string, number[]>();
  for (const one of series) {
    const { name, values } = one;
    const meaning = namedMeaning(name);
    if (values.length === 0 || meaning === undefined) continue;
    const level = medianOf(values.map((value) => badness(value, one, meaning)));
    if (level === 0) continue;
    const known = levels.get(name);
    if (known) known.push(Math.abs(level));
    else levels.set(name, [Math.abs(level)]);
  }
  return new Map([...levels].map(([name, list]) => [name, 0.05 * medianOf(list)]));
}

/** A success ratio is turned round, so that up is bad for every metric. */
function badness(value: number, series: SeriesWindow, meaning: Meaning): number {
  if (meaning.isSuccess !== true) return value;
  const full = series.unit === '%' ? 100 : 1;
  // One hundredth of full is the least that counts: from 0 to 0.1 % failures is no explosion.
  return Math.max(0, full - value) + full / 100;
}

function moveOf(
  series: SeriesWindow,
  context: {
    readonly meaning: Meaning;
    readonly earlier: SeriesWindow | undefined;
    readonly softZero: number;
    /** See doubtedShares(). */
    readonly isDoubted: boolean;
    readonly shareOfFront: FrontShare;
  },
): Move | undefined {
  const { meaning, earlier, softZero } = context;
  if (earlier === undefined) return undefined;
  const values = finite(series.values);
  const earlierValues = finite(earlier.values);
  if (values.length === 0 || earlierValues.length === 0) return undefined;
  const toBadness = (list: Float64Array) => list.map((value) => badness(value, series, meaning));
  const now = toBadness(values);
  const before = toBadness(earlierValues);
  if (now.some((value) => value < 0) || before.some((value) => value < 0)) return undefined;
  const center = medianOf(before);
  const soft = Math.max(softZero, 1e-9);
  const bound = boundOf(series, { meaning, most: Math.max(...now, ...before) });
  // A memory or a machine that is not full yet slows nobody down.
  const needsFull = bound?.hurtsWhenFull === true || context.isDoubted;
  if (needsFull && bound?.isFull(medianOf(now)) !== true) return undefined;
  const logOf = bound
    ? (value: number) => bound.logSlowdown(value) - bound.logSlowdown(center)
    : (value: number) => Math.log((value + soft) / (center + soft));
  const level = medianOf(now);
  const asHigh = before.filter((value) => value >= level).length;
  return {
    series,
    meaning,
    bound,
    now: medianOf(values),
    before: medianOf(earlierValues),
    logRatio: logOf(level),
    ownRarity: asHigh === 0 ? Number.POSITIVE_INFINITY : Math.log(before.length / asHigh),
    ownSigma: before.length >= OWN_POINTS_MIN ? robustSigmaOf(before.map(logOf)) : Number.NaN,
    points: values.length,
    frontShare: context.shareOfFront(series, medianOf(values) - medianOf(earlierValues)),
  };
}

/** Moves of one metric at all services. What all did alike (traffic rose) is taken off each. */
function suspectMoves(moves: readonly Move[], facts: Facts): Suspicion[] {
  const ratios = moves.map((move) => move.logRatio);
  const hasPeers = moves.length >= PEERS_MIN;
  const common = hasPeers ? medianOf(ratios) : 0;
  const peerSigma = hasPeers ? robustSigmaOf(ratios, common) : UNKNOWN_SIGMA;
  const suspicions: Suspicion[] = [];
  for (const move of moves) {
    const hasOwn = !Number.isNaN(move.ownSigma);
    // A count of few requests in one sample says nothing about load.
    if (!hasOwn && move.meaning.kind === 'traffic') continue;
    const sigma = Math.max(hasOwn ? move.ownSigma : peerSigma, SIGMA_MIN);
    // How busy a process is, its peers tell well; how slow, they tell badly: a few slow calls are enough.
    const freedom = hasOwn || move.meaning.isOwn ? FREEDOM.known : FREEDOM.guessed;
    const excess = Math.min(move.logRatio, move.logRatio - common);
    if (excess < LOG_RATIO_MIN || move.series.service === '') continue;
    if (move.meaning.isWait === true && waitedShare(move, facts) < WAITED_SHARE_MIN) continue;
    const tail = deviationLlr(excess / sigma, freedom);
    const llr = Math.min(tail, move.ownRarity) - Math.log(moves.length);
    if (llr >= LLR_MIN) suspicions.push(suspicionOf(move, llr, facts));
  }
  return suspicions;
}

function suspicionOf(move: Move, llr: number, facts: Facts): Suspicion {
  const { series, meaning } = move;
  const { service, name } = series;
  const [now, before] = [move.now, move.before].map((value) => formatQuantity(value, series.unit));
  // Where there are spans they tell first-hand how slow a service is, how often it fails and is called.
  const isSupport = !meaning.isOwn && facts.table.count > 0;
  const share =
    (SHARED_NAME.test(name.toLowerCase()) ? SHARED_SHARE : 1) *
    (isSupport ? SUPPORT_SHARE : Math.sqrt(move.frontShare)) *
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
