/**
 * How rare a statistic is, by its own history: a histogram over its logarithm, in a slice of a row, and beyond what
 * was seen often a power law fitted to the history's own tail (Hill 1975; extremes of streams so in Siffer et al.,
 * KDD 2017). No distribution is assumed, no threshold is set.
 */

/** Half octaves from 2^-4 to 2^8 of the unit; the lowest holds all below, 0 included. */
const BINS = 24;
const BINS_PER_OCTAVE = 2;
const LOWEST_OCTAVE = -4;
const POSITION_MAX = BINS - 1e-3;
const LN_BIN = Math.LN2 / BINS_PER_OCTAVE;
/** The highest twelfth is the tail: enough values to fit, few enough to be like the extremes. */
const TAIL_SHARE = 0.08;
const TAIL_COUNT_MIN = 5;
/** Seen as often, a share is counted, not extrapolated: it is known to 22 % (1/√20). */
const COUNTED_MIN = 20;
/** Before its own tail is known it is taken for as heavy as that of Student's t of 3, as if from 10 values. */
const PRIOR_INDEX = 0.35;
const PRIOR_COUNT = 10;
/** History is halved when it holds so many: it is that of the last one to two memories. */
const MEMORY_COUNT = 8192;

/** A tail: the count of its history, then the bins. */
export const TAIL_WIDTH = 1 + BINS;

/** −log10 of the chance of such a statistic (≥ 0) or a larger one; 0 without history. */
export function tailSurprise(tail: Float32Array, statistic: number): number {
  return surpriseAt(tail, positionOf(statistic), fitOf(tail));
}

/** The smallest statistic, to a sixteenth of a bin, that is so surprising; the largest of all when none is. */
export function tailBound(tail: Float32Array, surprise: number): number {
  const fit = fitOf(tail);
  let low = 0;
  let high = POSITION_MAX;
  while (high - low > 1 / 16) {
    const middle = (low + high) / 2;
    if (surpriseAt(tail, middle, fit) < surprise) low = middle;
    else high = middle;
  }
  return 2 ** (high / BINS_PER_OCTAVE + LOWEST_OCTAVE);
}

export function learnTail(tail: Float32Array, statistic: number): void {
  if (tail[0]! >= MEMORY_COUNT) {
    for (let index = 0; index < TAIL_WIDTH; index++) tail[index]! /= 2;
  }
  tail[0]! += 1;
  tail[1 + Math.floor(positionOf(statistic))]! += 1;
}

/** In bins from the lowest bound. What has more than the highest bin is no rarer: a scale of 0 would make all infinite. */
function positionOf(statistic: number): number {
  const position = (Math.log2(statistic + Number.MIN_VALUE) - LOWEST_OCTAVE) * BINS_PER_OCTAVE;
  return Math.max(0, Math.min(POSITION_MAX, position));
}

/** How many of the history are as large; inside a bin they are taken to lie evenly. */
function countFrom(tail: Float32Array, position: number): number {
  const bin = Math.floor(position);
  let above = 0;
  for (let index = BINS - 1; index > bin; index--) above += tail[1 + index]!;
  return above + tail[1 + bin]! * (bin + 1 - position);
}

interface TailFit {
  /** The bin where the tail begins, and how many it holds. */
  readonly from: number;
  readonly held: number;
  /** Mean of ln(statistic / beginning), the tail's index (Hill 1975). */
  readonly index: number;
}

function surpriseAt(tail: Float32Array, position: number, fit: TailFit): number {
  const count = tail[0]!;
  if (count < 1) return 0;
  const above = countFrom(tail, position);
  const lnChance =
    position <= fit.from || above >= COUNTED_MIN
      ? Math.log((above + 0.5) / (count + 1))
      : Math.log((fit.held + 0.5) / (count + 1)) - ((position - fit.from) * LN_BIN) / fit.index;
  return Math.max(0, -lnChance / Math.LN10);
}

function fitOf(tail: Float32Array): TailFit {
  const wanted = Math.max(TAIL_SHARE * tail[0]!, Math.min(tail[0]!, TAIL_COUNT_MIN));
  let from = BINS;
  let held = 0;
  let binsBeyond = 0;
  // Bin 0 holds what has no size: it is not part of any tail.
  while (from > 1 && held < wanted) {
    from--;
    // All so far lie one bin further from the new beginning, those of the new bin in its middle.
    binsBeyond += held + tail[1 + from]! / 2;
    held += tail[1 + from]!;
  }
  const index = (binsBeyond * LN_BIN + PRIOR_COUNT * PRIOR_INDEX) / (held + PRIOR_COUNT);
  return { from, held, index };
}
