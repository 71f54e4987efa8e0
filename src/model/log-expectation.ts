/** What is normal for the lines of a log template in one minute: what the baseline says to the detector. */

export interface LogExpectation {
  /** Lines that must be exceeded to be more than usual: the highest of its rate, its share and its hour's habit. */
  readonly high: number;
  /** The lower of rate and share. */
  readonly low: number;
  /** So many times `high` has come and gone before, at least 1. */
  readonly slack: number;
  /** Chance that the minute has a line, at most; and lines of a minute that has some. */
  readonly chance: number;
  readonly size: number;
  /** Chance that the minute has a line, at least; 0 when that is not known yet, or the whole service is silent. */
  readonly presence: number;
  /** Variance over mean, above 1: how much the lines come in clumps. */
  readonly clumping: number;
  /** Whether a job by the clock would be known by now. */
  readonly isSettled: boolean;
}
