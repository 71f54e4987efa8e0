/** Judges each value of a metric against the range of the days before, and lets what is normal teach the series' model. */
import { US_PER_MINUTE } from '../base/time.ts';
import {
  crestBefore,
  type EndedPeriods,
  extremesBefore,
  hoursKnown,
  LASTING_VALUES,
} from '../baseline/metric-envelope.ts';
import { anomalyIdOf } from '../detect/anomaly-id.ts';
import { jumpRange } from '../detect/metric-jump.ts';
import { END_REASONS, jumpReason, jumpStatement } from '../detect/metric-text.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { MetricSeries } from '../model/span.ts';
import type { MetricValue } from '../model/watch.ts';
import type { MetricEpisodes } from './metric-episodes.ts';
import { stepSeries } from './series-watch.ts';

/** Of the row: the range, what speaks for a jump, what is open. Minutes count from the origin of the watch; 0: none. */
const AT = {
  low: 0,
  high: 1,
  /** First minute outside, and values outside in a row. */
  since: 2,
  count: 3,
  /** Of the model when it began: what it expected, its surprise. */
  expected: 4,
  llr: 5,
  /** Value of that run that lies nearest to the range: what it was at least. */
  least: 6,
  onset: 7,
  /** Values inside in a row, while a jump is open. */
  inside: 8,
  /** Single values have been there. */
  lowest: 9,
  highest: 10,
} as const;
export const JUMP_WIDTH = 11;

export interface JumpPart {
  readonly series: MetricSeries;
  readonly measure: MetricValue['measure'];
  readonly envelope: Float32Array;
  readonly jump: Float32Array;
  /** The row of the series' model. */
  readonly model: Float32Array;
}

export interface JumpMinute {
  readonly minute: number;
  readonly originUs: number;
  readonly value: number;
  readonly ended: EndedPeriods;
}

/** Before a day is known, its night is not. */
const HOURS_KNOWN_MIN = 24;
/** Of a series that has been so far out before, for a moment: its bursts must have time to end. */
const LASTING_VALUES_OF_BURSTS = 15;
/** The model must have been surprised, too: what wanders goes somewhat beyond its range now and then. */
const LLR_MIN = 4;
const ACCEPTED_MINUTES = 24 * 60;

/** Whether the end of a jump, and with it the range of the days before, may be looked at in the next minute. */
export function isInJump(jump: Float32Array): boolean {
  return jump[AT.onset]! > 0;
}

/** Called once the envelope holds the minute. What is outside does not teach the model, nor while a jump is open. */
export function stepJump(part: JumpPart, now: JumpMinute, episodes: MetricEpisodes): void {
  const { jump } = part;
  if (isInJump(jump)) {
    follow(part, now, episodes);
    return;
  }
  if (now.ended.hasEndedHour) learnRange(part);
  const isKnown = hoursKnown(part.envelope) >= HOURS_KNOWN_MIN;
  const isOutside = isKnown && (now.value > jump[AT.high]! || now.value < jump[AT.low]!);
  if (!isOutside) jump[AT.count] = 0;
  if (isOutside && jump[AT.count]! > 0) {
    goOn(part, now, episodes);
    return;
  }
  const timeUs = usOf(now);
  const { expected, llr } = stepSeries(part.model, { timeUs, value: now.value });
  if (!isOutside) return;
  jump[AT.since] = now.minute;
  jump[AT.count] = 1;
  jump[AT.expected] = expected;
  jump[AT.llr] = llr;
  jump[AT.least] = now.value;
}

/** A jump's own values are among those of the last hour. */
function learnRange(part: JumpPart): void {
  const { envelope, jump } = part;
  const { trough, highest, lowest } = extremesBefore(envelope);
  const crest = crestBefore(envelope, 1);
  const known = { trough, crest, hoursKnown: hoursKnown(envelope) };
  const range = jumpRange(part, known);
  jump[AT.low] = range?.low ?? Number.NEGATIVE_INFINITY;
  jump[AT.high] = range?.high ?? Number.POSITIVE_INFINITY;
  jump[AT.lowest] = lowest;
  jump[AT.highest] = highest;
}

/** Still outside; enough of it on the same side opens. */
function goOn(part: JumpPart, now: JumpMinute, episodes: MetricEpisodes): void {
  const { jump } = part;
  const { value } = now;
  const least = jump[AT.least]!;
  const isUp = least > jump[AT.high]!;
  if (isUp !== value > jump[AT.high]!) {
    jump[AT.count] = 0; // from one side to the other: noise
    return;
  }
  jump[AT.count]!++;
  jump[AT.least] = isUp ? Math.min(least, value) : Math.max(least, value);
  jump[AT.llr] = Math.max(jump[AT.llr]!, stepSeries(part.model, { timeUs: usOf(now), value }).llr);
  const isNew = isUp ? jump[AT.least]! > jump[AT.highest]! : jump[AT.least]! < jump[AT.lowest]!;
  if (jump[AT.count]! < (isNew ? LASTING_VALUES : LASTING_VALUES_OF_BURSTS)) return;
  if (jump[AT.llr]! < LLR_MIN) return;
  jump[AT.onset] = jump[AT.since]!;
  jump[AT.inside] = 0;
  episodes.open(anomalyOf(part, now, isUp ? 'up' : 'down'));
}

function follow(part: JumpPart, now: JumpMinute, episodes: MetricEpisodes): void {
  const { jump } = part;
  const id = idOf(part, now);
  const anomaly = episodes.find(id);
  const isOutside = now.value > jump[AT.high]! || now.value < jump[AT.low]!;
  jump[AT.inside] = isOutside ? 0 : jump[AT.inside]! + 1;
  const isRecovered = jump[AT.inside]! >= LASTING_VALUES;
  const isAccepted = now.minute - jump[AT.onset]! > ACCEPTED_MINUTES;
  if (!anomaly || isRecovered || isAccepted) {
    jump[AT.onset] = 0;
    jump[AT.count] = 0;
    learnRange(part);
    if (isRecovered) episodes.close(id, 'recovered', END_REASONS.usualAgain);
    else if (isAccepted) episodes.close(id, 'accepted', END_REASONS.newNormal);
    return;
  }
  if (!isOutside) return;
  const { value } = now;
  const statement = jumpStatement(part, { value, expected: anomaly.expected.expected });
  const { score, n } = anomaly;
  episodes.goOn(id, { minuteUs: usOf(now), value, score, n, statement });
}

function anomalyOf(part: JumpPart, now: JumpMinute, direction: 'up' | 'down'): Anomaly {
  const { series, jump } = part;
  const [low, high] = [jump[AT.low]!, jump[AT.high]!];
  const { service, name, seriesId } = series;
  const toUs = usOf(now) + US_PER_MINUTE;
  const expected = Math.min(Math.max(jump[AT.expected]!, low), high);
  const { value } = now;
  return {
    anomalyId: idOf(part, now),
    kind: 'metric',
    status: 'open',
    service,
    metric: name,
    seriesId,
    range: { fromUs: now.originUs + jump[AT.onset]! * US_PER_MINUTE, toUs },
    detectedUs: toUs,
    direction,
    value,
    expected: { expected, low: Number.isFinite(low) ? low : Math.min(0, expected), high },
    n: jump[AT.count]!,
    score: jump[AT.llr]!,
    statement: jumpStatement(part, { value, expected }),
    reason: jumpReason(part, { low, high }),
  };
}

function usOf({ originUs, minute }: JumpMinute): number {
  return originUs + minute * US_PER_MINUTE;
}

function idOf({ series, measure, jump }: JumpPart, { originUs }: JumpMinute): string {
  const subject = `${series.seriesId}/${measure}`;
  const fromUs = originUs + jump[AT.onset]! * US_PER_MINUTE;
  return anomalyIdOf({ kind: 'metric', range: { fromUs, toUs: fromUs } }, subject);
}
