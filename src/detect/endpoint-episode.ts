/**
 * Episodes of an endpoint: from the minute in which the evidence is enough until minutes inside again are evidence of
 * recovery, or until the change has lasted so long that it is how things are. Kept in the endpoint's row.
 */
import type { Band } from '../model/baseline.ts';
import { DETECTORS, type Detector, EPISODE, EPISODE_WIDTH, ROW } from '../model/endpoint-row.ts';
import { CHANNELS_OF, EVIDENCE_NEEDED, forgetEvidence, strongestOf } from './endpoint-evidence.ts';

/** Nats in favour of what is usual that end an episode: 1 to 400. */
const RECOVERY_NEEDED = 6;
/** One minute alone proves no recovery either. */
const RECOVERY_MINUTE_MAX = 2.5;
/** Usual minutes with a little evidence against themselves: one in ten. */
const USUALLY_OUTSIDE = 0.1;
/** A lasting change is the new normal after a day. */
export const ACCEPT_MINUTES = 1440;
/** No request for an hour: there is nothing left to judge. */
const GONE_MINUTES = 60;
/** An open episode is told of again when its evidence has doubled. */
const TELL_AGAIN_FACTOR = 2;

export type EpisodeEvent = 'opened' | 'changed' | 'recovered' | 'accepted' | 'gone';

/** A minute in the unit of the detector's kind. */
export interface Reading {
  value: number;
  expected: number;
  low: number;
  high: number;
  n: number;
}

/** Where a detector's episode is in the row. */
export function episodeOf(detector: Detector): number {
  return ROW.episodes + DETECTORS.indexOf(detector) * EPISODE_WIDTH;
}

export function isOpen(row: Float32Array, detector: Detector): boolean {
  return row[episodeOf(detector) + EPISODE.detected] !== 0;
}

/** Since its onset; 0: it is not open. */
export function minutesOpen(row: Float32Array, detector: Detector, minute: number): number {
  return isOpen(row, detector) ? minute - row[episodeOf(detector) + EPISODE.onset]! : 0;
}

/** Judges after the evidence took the minute in. `read` is asked only when the minute is the worst so far. */
export function stepEpisode(
  row: Float32Array,
  step: {
    readonly detector: Detector;
    readonly minute: number;
    readonly llr: Float64Array;
    readonly read: (channel: number) => Reading;
  },
): EpisodeEvent | undefined {
  const { detector, minute, llr } = step;
  const at = episodeOf(detector);
  if (row[at + EPISODE.detected] === 0) {
    const channel = strongestOf(row, detector);
    if (row[ROW.evidence + channel]! < EVIDENCE_NEEDED) return undefined;
    open(row, { at, channel, minute });
    keepWorst(row, at, step);
    return 'opened';
  }
  const channel = row[at + EPISODE.channel]!;
  const added = llr[channel]!;
  if (added > 0) {
    row[at + EPISODE.lastOutside] = minute;
    row[at + EPISODE.score]! += Math.min(added, EVIDENCE_NEEDED);
    row[at + EPISODE.outside]! += 1;
    row[at + EPISODE.judged]! += row[at + EPISODE.quiet]! + 1;
    row[at + EPISODE.quiet] = 0;
    keepWorst(row, at, step);
  } else if (added < 0) {
    row[at + EPISODE.quiet]! += 1;
  }
  const forUsual = added < 0 ? Math.max(-added, quietEvidence(row, at)) : -added;
  const recovery = row[at + EPISODE.recovery]! + Math.min(forUsual, RECOVERY_MINUTE_MAX);
  row[at + EPISODE.recovery] = Math.max(0, recovery);
  return ending(row, { at, detector, minute }) ?? change(row, at);
}

/** Open, or near to it. */
export function isSuspect(row: Float32Array, detector: Detector): boolean {
  if (isOpen(row, detector)) return true;
  return row[ROW.evidence + strongestOf(row, detector)]! >= EVIDENCE_NEEDED / 2;
}

/**
 * What is to be told of a step: nothing of an episode that something else explains, unless it was told of before; once
 * it is explained no more, that it is open.
 */
export function tellOf(
  row: Float32Array,
  step: {
    readonly detector: Detector;
    readonly event: EpisodeEvent | undefined;
    readonly minute: number;
    readonly isExplained: boolean;
  },
): EpisodeEvent | undefined {
  const { detector, event, minute, isExplained } = step;
  if (!isOpen(row, detector)) return undefined;
  const told = episodeOf(detector) + EPISODE.toldMinute;
  if (row[told] !== 0) return event;
  const isOver = event !== undefined && event !== 'opened' && event !== 'changed';
  if (isExplained || isOver) return undefined;
  row[told] = minute;
  return event ?? 'changed';
}

/** An open surge: how long, and how many times the expected requests at its worst. */
export function surgeOf(row: Float32Array): {
  readonly firstMinute: number;
  readonly minutes: number;
  readonly factor: number;
} {
  const at = episodeOf('trafficUp');
  const firstMinute = row[at + EPISODE.onset]!;
  return {
    firstMinute,
    minutes: row[at + EPISODE.lastOutside]! + 1 - firstMinute,
    factor: row[at + EPISODE.value]! / Math.max(row[at + EPISODE.expected]!, 1e-3),
  };
}

/**
 * True once when an open episode that explained this one is over: its minutes prove nothing any more, and what goes on
 * needs evidence of its own. One that was told of goes on as it is.
 */
export function isOverWithExplanation(
  row: Float32Array,
  { detector, explainedBy }: { detector: Detector; explainedBy: 'open' | 'suspect' | undefined },
): boolean {
  const at = episodeOf(detector);
  if (explainedBy === 'open') row[at + EPISODE.explained] = 1;
  if (explainedBy !== undefined || row[at + EPISODE.explained] === 0) return false;
  row[at + EPISODE.explained] = 0;
  return row[at + EPISODE.toldMinute] === 0;
}

export function closeEpisode(row: Float32Array, detector: Detector): void {
  row.fill(0, episodeOf(detector), episodeOf(detector) + EPISODE_WIDTH);
  forgetEvidence(row, detector);
}

export function bandOf(reading: Reading): Band {
  return { expected: reading.expected, low: reading.low, high: reading.high };
}

function open(
  row: Float32Array,
  { at, channel, minute }: { at: number; channel: number; minute: number },
): void {
  row[at + EPISODE.detected] = minute;
  row[at + EPISODE.onset] = row[ROW.evidenceSince + channel]!;
  row[at + EPISODE.lastOutside] = minute;
  row[at + EPISODE.channel] = channel;
  row[at + EPISODE.recovery] = 0;
  row[at + EPISODE.score] = row[ROW.evidence + channel]!;
  row[at + EPISODE.worst] = Number.NEGATIVE_INFINITY;
  row[at + EPISODE.toldScore] = row[at + EPISODE.score]!;
  row[at + EPISODE.judged] = row[ROW.evidenceJudged + channel]!;
  row[at + EPISODE.outside] = row[ROW.evidenceOutside + channel]!;
}

/**
 * What a minute inside says against the episode going on: the ratio of the shares of such minutes, usually and in the
 * episode. The change that was looked for is the smallest that matters, of which a few good requests prove little; an
 * episode that had nearly all minutes outside is over after a few inside. 5 of 6 outside: ln(0.9 / (1 − 5.5 / 7)) = 1.4.
 */
function quietEvidence(row: Float32Array, at: number): number {
  const outside = (row[at + EPISODE.outside]! + 0.5) / (row[at + EPISODE.judged]! + 1);
  return Math.log((1 - USUALLY_OUTSIDE) / (1 - outside));
}

function keepWorst(
  row: Float32Array,
  at: number,
  step: { readonly llr: Float64Array; readonly read: (channel: number) => Reading },
): void {
  const channel = row[at + EPISODE.channel]!;
  const added = step.llr[channel]!;
  if (added <= row[at + EPISODE.worst]!) return;
  const reading = step.read(channel);
  row[at + EPISODE.worst] = added;
  row[at + EPISODE.value] = reading.value;
  row[at + EPISODE.expected] = reading.expected;
  row[at + EPISODE.low] = reading.low;
  row[at + EPISODE.high] = reading.high;
  row[at + EPISODE.n] = reading.n;
}

function ending(
  row: Float32Array,
  { at, detector, minute }: { at: number; detector: Detector; minute: number },
): EpisodeEvent | undefined {
  if (row[at + EPISODE.recovery]! >= RECOVERY_NEEDED) return 'recovered';
  if (minute - row[at + EPISODE.detected]! >= ACCEPT_MINUTES) return 'accepted';
  const isAboutRequests = CHANNELS_OF[detector].at >= CHANNELS_OF.errorUp.at;
  const silentMinutes = minute - row[ROW.lastTrafficMinute]!;
  return isAboutRequests && silentMinutes >= GONE_MINUTES ? 'gone' : undefined;
}

function change(row: Float32Array, at: number): EpisodeEvent | undefined {
  const score = row[at + EPISODE.score]!;
  if (score < TELL_AGAIN_FACTOR * row[at + EPISODE.toldScore]!) return undefined;
  row[at + EPISODE.toldScore] = score;
  return 'changed';
}
