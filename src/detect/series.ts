/**
 * Evidence that a series' values are odd: six statistics of its deviations, each as rare as its own history says, and new
 * extremes answer four questions, and an episode is reported once. One setting for every series; no distribution is assumed.
 */
import type { SeriesDeviation } from '../model/series.ts';
import { learnTail, TAIL_WIDTH, tailBound, tailSurprise } from './tail.ts';

const OCTILES = 8;
/** Values that the statistics look back on: a blip is told from a shift by both. */
const SHORT_VALUES = 6;
const LONG_VALUES = 24;
/** No single deviation counts for more, so that one freak value does not fill the long window alone. */
const SHIFT_MAX = 30;
/** Weight of the newest value in the recent shares of the octiles: that of a moving average over the long window. */
const RECENT_WEIGHT = 2 / (LONG_VALUES + 1);
/** Shares of the octiles say nothing before two windows have passed. */
const MIX_VALUES_MIN = 2 * LONG_VALUES;
/** History of the octiles is halved when it holds so many. */
const OCTILE_MEMORY = 8192;
/** An alarm stands for all that is no more surprising, and is forgotten over 400 values. */
const STANDING_VALUES = 400;
/** Before its noise is known to 12 % (1/√64), a series surprises nobody. */
const WARM_UP_VALUES = 64;
/** Surprise, in powers of ten, at which the score is 0.5. */
export const ALARM_SURPRISE = 3.6;
/** A value is a new extreme when it leaves the range by more than this share of it: records by a hair are many. */
const EXCESS_MIN = 0.04;
/** Twice the range is as far as the formula for extremes is believed. */
const EXCESS_MAX = 1;
/** So many extremes make the next one likelier by two; they are forgotten over a range's memory. */
const EXTREMES_USUAL = 2;
const EXTREMES_VALUES = 8192;
/** The band leaves out at most one outcome of a thousand: of light tails fewer, as a power law is fitted to them. */
const BAND_SURPRISE = 3;

const STATISTICS = ['error', 'above', 'below', 'short', 'long', 'mix'] as const;
/** What the statistics ask, by their indices: is the value odd, the level, the mixture? */
const QUESTIONS = [[0, 1, 2], [3, 4], [5]] as const;

const AT = {
  /** Where the next shift goes. */
  next: 0,
  /** Surprise that still stands for later ones. */
  standing: 1,
  /** New extremes of late. */
  extremes: 2,
  /** The last shifts, a ring. */
  shifts: 3,
  /** Shares of the octiles among the last values, and their counts in history. */
  recent: 3 + LONG_VALUES,
  history: 3 + LONG_VALUES + OCTILES,
  /** A tail of each statistic. */
  tails: 3 + LONG_VALUES + 2 * OCTILES,
} as const;

export const SERIES_EVIDENCE_WIDTH = AT.tails + STATISTICS.length * TAIL_WIDTH;

export interface SeriesEvidence {
  /** Powers of ten, all statistics together. */
  readonly surprise: number;
  /** The same when it is more than what stands; else 0. */
  readonly news: number;
  /** In error scales around what was expected. */
  readonly bandErrors: number;
  readonly direction: 'up' | 'down';
}

/** Weighs a deviation and takes it into the history of each statistic. A row of zeros has none. */
export function judgeSeries(row: Float32Array, deviation: SeriesDeviation): SeriesEvidence {
  const statistics = statisticsOf(row, deviation);
  const tails = statistics.map((_, index) => tailAt(row, index));
  const surprises = tails.map((tail, index) => tailSurprise(tail, statistics[index]!));
  const bandErrors = tailBound(tails[0]!, BAND_SURPRISE); // the first is that of the error
  if (deviation.count >= SHORT_VALUES) {
    for (const [index, tail] of tails.entries()) learnTail(tail, statistics[index]!);
  }
  const surprise =
    deviation.count < WARM_UP_VALUES ? 0 : lengthOf(surprises, extremeOf(row, deviation));
  const news = surprise > row[AT.standing]! ? surprise : 0;
  row[AT.standing] = Math.max(surprise, row[AT.standing]! * (1 - 1 / STANDING_VALUES));
  return { surprise, news, bandErrors, direction: directionOf(row, deviation) };
}

/**
 * Of each question the most surprising answer, and of the four the length of their vector: between their maximum and
 * their sum, because they tell partly the same.
 */
function lengthOf(surprises: readonly number[], extreme: number): number {
  const answers = QUESTIONS.map((question) =>
    Math.max(...question.map((index) => surprises[index]!)),
  );
  return Math.hypot(...answers, extreme);
}

/**
 * Surprise of a new extreme. The newest of n + 1 values is the largest with a chance of 1 / (n + 1) (Rényi 1962). Where
 * tails fall exponentially, n values span about ln n of their scales, so that one beyond them by the share e of their
 * range is rarer by n^−e: a fifth beyond 999 values, 3 × 1.2 = 3.6. A series that wanders brings extremes more often
 * than that, and each it brought makes the next one likelier (the mean of a gamma prior's posterior): after two, by two.
 */
function extremeOf(row: Float32Array, { excess, rangeCount }: SeriesDeviation): number {
  const extremes = row[AT.extremes]! * (1 - 1 / EXTREMES_VALUES);
  const isExtreme = excess > EXCESS_MIN;
  row[AT.extremes] = isExtreme ? extremes + 1 : extremes;
  if (!isExtreme) return 0;
  const rarity = Math.log10(rangeCount + 1) * (1 + Math.min(EXCESS_MAX, excess));
  return Math.max(0, rarity - Math.log10(1 + extremes / EXTREMES_USUAL));
}

function statisticsOf(row: Float32Array, deviation: SeriesDeviation): readonly number[] {
  const { error, shift, novelty, octile, count } = deviation;
  const next = row[AT.next]!;
  row[AT.shifts + next] = Math.max(-SHIFT_MAX, Math.min(SHIFT_MAX, shift));
  row[AT.next] = (next + 1) % LONG_VALUES;
  const mix = mixOf(row, octile, count);
  return [
    Math.abs(error),
    Math.max(0, novelty),
    Math.max(0, -novelty),
    Math.abs(meanShift(row, SHORT_VALUES)),
    Math.abs(meanShift(row, LONG_VALUES)),
    count >= MIX_VALUES_MIN ? Math.max(0, mix) : 0,
  ];
}

/** Of the last so many shifts; those before the first are 0. */
function meanShift(row: Float32Array, valueCount: number): number {
  const newest = row[AT.next]! + LONG_VALUES - 1;
  let sum = 0;
  for (let age = 0; age < valueCount; age++)
    sum += row[AT.shifts + ((newest - age) % LONG_VALUES)]!;
  return sum / valueCount;
}

/**
 * Relative entropy of the octiles' recent shares to those of history (Wang et al., Statistical techniques for online
 * anomaly detection in data centers, 2011), with one value of each octile as known beforehand: values that stay
 * possible but not in this mixture, such as a flat line or a doubled spread.
 */
function mixOf(row: Float32Array, octile: number, count: number): number {
  const weight = Math.max(RECENT_WEIGHT, 1 / (count + 1));
  let total = OCTILES;
  for (let index = 0; index < OCTILES; index++) {
    const share = row[AT.recent + index]!;
    row[AT.recent + index] = share + weight * ((index === octile ? 1 : 0) - share);
    total += row[AT.history + index]!;
  }
  let entropy = 0;
  for (let index = 0; index < OCTILES; index++) {
    const share = row[AT.recent + index]!;
    const usual = (row[AT.history + index]! + 1) / total;
    if (share > 0) entropy += share * Math.log(share / usual);
  }
  row[AT.history + octile]! += 1;
  if (total + 1 > OCTILE_MEMORY) {
    for (let index = 0; index < OCTILES; index++) row[AT.history + index]! /= 2;
  }
  return entropy;
}

function tailAt(row: Float32Array, index: number): Float32Array {
  const from = AT.tails + index * TAIL_WIDTH;
  return row.subarray(from, from + TAIL_WIDTH);
}

/** The last values together have the say while they are off the usual level, else the newest error. */
function directionOf(row: Float32Array, { error }: SeriesDeviation): 'up' | 'down' {
  const mean = meanShift(row, SHORT_VALUES);
  return (Math.abs(mean) > 1 ? mean : error) >= 0 ? 'up' : 'down';
}
