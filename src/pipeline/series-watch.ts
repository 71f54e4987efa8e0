/**
 * Watches one series of numbers, value after value: what is normal (baseline) and the evidence against it (detect) in
 * one row. One setting for every series and cadence; deterministic; a row is all that must survive a restart.
 */
import { compareSeries, learnSeries, SERIES_MODEL_WIDTH } from '../baseline/series.ts';
import { ALARM_SURPRISE, judgeSeries, SERIES_EVIDENCE_WIDTH } from '../detect/series.ts';
import type { SeriesPoint, SeriesVerdict } from '../model/series.ts';

/** Numbers of a row: 412 of 32 bits are 1 648 bytes. */
export const SERIES_WIDTH = SERIES_MODEL_WIDTH + SERIES_EVIDENCE_WIDTH;
/** Goes up whenever a number of the row changes its meaning. */
export const SERIES_VERSION = 2;

/** Judges the value by those before it, then learns from it. A row of zeros is a series that has said nothing yet. */
export function stepSeries(row: Float32Array, point: SeriesPoint): SeriesVerdict {
  const model = row.subarray(0, SERIES_MODEL_WIDTH);
  const deviation = compareSeries(model, point);
  const evidence = judgeSeries(row.subarray(SERIES_MODEL_WIDTH, SERIES_WIDTH), deviation);
  learnSeries(model, point, deviation);
  const { news, surprise, bandErrors, direction } = evidence;
  const { expected, errorScale } = deviation;
  return {
    score: news / (news + ALARM_SURPRISE),
    isAlarm: news >= ALARM_SURPRISE,
    llr: llrOf(surprise),
    direction,
    expected,
    low: expected - bandErrors * errorScale,
    high: expected + bandErrors * errorScale,
  };
}

/**
 * One fact told by three of the four questions makes √3 times its surprise: the llr takes them for that. One value of a
 * thousand of white noise has 4.3, near the most that a chance of 0.001 can say: −ln(e p ln 1/p) = 4.0 (Sellke et al.
 * 2001).
 */
function llrOf(surprise: number): number {
  return (surprise * Math.LN10) / Math.sqrt(3);
}
