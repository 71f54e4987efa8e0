/** One series of numbers of any cadence, watched value by value. */

export interface SeriesPoint {
  readonly timeUs: number;
  /** Finite. */
  readonly value: number;
}

/** How a value stands to what was normal before it. */
export interface SeriesDeviation {
  /** What the best predictor of late expected. */
  readonly expected: number;
  /** Usual size of a prediction's error, in the series' unit. */
  readonly errorScale: number;
  /** Value less expected, in `errorScale`. */
  readonly error: number;
  /** Usual distance from the usual level, in the series' unit. */
  readonly noise: number;
  /** Value less the usual level (that of this time of day when the series follows it), in `noise`. */
  readonly shift: number;
  /** Value less the long-run median, in half the distance of the outer octiles. */
  readonly novelty: number;
  /** Which eighth of the values so far it falls into, 0–7. */
  readonly octile: number;
  /** How far it lies beyond every value remembered, as a share of their range; 0 inside. */
  readonly excess: number;
  /** Values remembered. */
  readonly rangeCount: number;
  /** Values before this one. */
  readonly count: number;
}

export interface SeriesVerdict {
  /** 0–1, comparable between all series: 0.5 and more is an alarm. 0 while an earlier surprise explains this one. */
  readonly score: number;
  readonly isAlarm: boolean;
  /** How surprising the last values are, news or not: log-likelihood ratio, natural log. */
  readonly llr: number;
  readonly direction: 'up' | 'down';
  readonly expected: number;
  /** Between them lie at least 999 of 1000 outcomes, by the series' own history. */
  readonly low: number;
  readonly high: number;
}
