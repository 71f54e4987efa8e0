/**
 * Whether confidence means what it says: of the causes named with 80 %, eight in ten must be right. A case without a
 * named cause says nothing and is counted apart.
 */
import type { CaseScore } from './rca-score.ts';

/** Named causes with a confidence in [low, high), the last bin with its upper end. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly confidenceMean: number | undefined;
  readonly rightShare: number | undefined;
}

export interface Reliability {
  readonly bins: readonly ReliabilityBin[];
  readonly cases: number;
  readonly named: number;
  /** Of all cases: a cause named with at least CONFIDENT, and wrong. */
  readonly confidentlyWrong: number;
  /** Mean squared difference of confidence and outcome over the named causes (Brier 1950): 0 is best. */
  readonly brier: number | undefined;
  /** Mean difference of confidence and share right, weighted by bin (expected calibration error). */
  readonly calibrationError: number | undefined;
}

/** From here on a wrong cause misleads: people act on it. */
export const CONFIDENT = 0.8;

/** Five bins: of fifty cases a finer table would hold noise. */
const BIN_COUNT = 5;

export function reliabilityOf(scores: readonly CaseScore[]): Reliability {
  const named = scores.flatMap(({ isNamed, isRight, prediction }) =>
    isNamed && prediction ? [{ confidence: prediction.confidence, isRight }] : [],
  );
  const bins = Array.from({ length: BIN_COUNT }, (_, index) => {
    const members = named.filter(({ confidence }) => binOf(confidence) === index);
    return {
      low: index / BIN_COUNT,
      high: (index + 1) / BIN_COUNT,
      count: members.length,
      confidenceMean: meanOf(members, ({ confidence }) => confidence),
      rightShare: meanOf(members, ({ isRight }) => Number(isRight)),
    };
  });
  const wrong = named.filter(({ confidence, isRight }) => confidence >= CONFIDENT && !isRight);
  return {
    bins,
    cases: scores.length,
    named: named.length,
    confidentlyWrong: scores.length === 0 ? 0 : wrong.length / scores.length,
    brier: meanOf(named, ({ confidence, isRight }) => (confidence - Number(isRight)) ** 2),
    calibrationError: calibrationErrorOf(bins, named.length),
  };
}

function binOf(confidence: number): number {
  return Math.min(BIN_COUNT - 1, Math.max(0, Math.floor(confidence * BIN_COUNT)));
}

function calibrationErrorOf(bins: readonly ReliabilityBin[], named: number): number | undefined {
  if (named === 0) return undefined;
  return bins.reduce(
    (sum, { count, confidenceMean = 0, rightShare = 0 }) =>
      sum + (count / named) * Math.abs(confidenceMean - rightShare),
    0,
  );
}

function meanOf<Item>(items: readonly Item[], measure: (item: Item) => number): number | undefined {
  if (items.length === 0) return undefined;
  return items.reduce((sum, item) => sum + measure(item), 0) / items.length;
}
