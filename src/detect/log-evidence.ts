/**
 * Evidence that a log template has left its normal range, minute by minute: more lines, fewer lines, or lines that were
 * never seen before. One row of numbers a template; what is normal comes from outside.
 */
import { lnRising } from '../base/statistics.ts';
import type { LogExpectation } from '../model/log-expectation.ts';

/** SeverityNumber of OTLP. */
const SEVERITY = { warn: 13, error: 17 };
/**
 * Evidence, in nats, that opens an anomaly. Page (1954): a sum of log-likelihood ratios that never falls below zero
 * reaches h by chance about once in e^h minutes. 600 templates for a week are 6 million minutes, e^15.6; of what nobody
 * called an error, more is asked: models are never quite right, and most lines are INFO.
 */
const OPENING = { error: 14, warn: 18, other: 26, missing: 18 };
/** No single minute decides. */
const MINUTE_NATS_MAX = 10;
/** Most jobs by the clock end within so long. */
const JOB_MINUTES = 30;
/** From here on a template is suspicious: its minutes are put aside instead of learned. */
const SUSPICIOUS_NATS = 4;
/** INFO lines wander with what a service is asked to do: so many times the usual of them are nothing to tell of. */
const SLACK_MIN = { error: 1, warn: 1, other: 1.5 };
/** The other hypothesis: at least this many times the lines, or this share of the minutes with lines. */
const OTHER_RATIO = { up: 3, down: 0.05 };
/**
 * Clumps of a template that most minutes have are at most those of a geometric distribution, variance over mean 1 + mean,
 * or this. Beyond it nearly all minutes would be empty, and each line be evidence of more lines: every night of a job.
 */
const STEADY_CLUMPING_MIN = 3;
/** Templates that fewer minutes have are judged by whether they come; the other hypothesis has them in so many. */
const SELDOM_CHANCE = 0.5;
/** Weight of the latest minute in what the other hypothesis expects. */
const RECENT_GAIN = 0.5;
/** A calm minute has at most the expected lines and this many standard deviations. */
const CALM_SIGMAS = 3;
/** Calm minutes in a row that end an anomaly. */
const CALM_MINUTES = { up: 5, down: 3, new: 15 };
/** An anomaly that lasts so long is the new normal. */
const ACCEPTED_MINUTES = 1440;
/** Minutes after its first line in which a template is judged as new. */
const NEW_MINUTES = 30;
/** Nats of one first line, however seldom they are, and of lines that follow: most new templates have few. */
const NEW_NATS = { surpriseMax: 8, perLogLine: 1.5 };
const NEW_SEVERITY_NATS = { error: 4, warn: 1.5, other: -3 };
/** Lines of an error in its first minute that need no second one. */
const NEW_ERROR_LINES = 10;
/** An anomaly is told again when its worst minute has grown by this factor. */
const RETOLD_FACTOR = 1.5;

export const LOG_STATUSES = ['none', 'up', 'down', 'new'] as const;
export type LogStatus = (typeof LOG_STATUSES)[number];

/** Places in a row. Minutes count from where the caller counts. */
const AT = {
  status: 0,
  up: 1,
  upOnset: 2,
  recent: 3,
  down: 4,
  downOnset: 5,
  newOnset: 6,
  newSurprise: 7,
  newLines: 8,
  newActive: 9,
  severity: 10,
  onset: 11,
  calm: 12,
  score: 13,
  worst: 14,
  worstExpected: 15,
  worstClumping: 16,
  told: 17,
  lines: 18,
  lastOutside: 19,
};
export const LOG_EVIDENCE_WIDTH = 20;

export interface LogObservation {
  readonly minute: number;
  readonly lines: number;
  /** Highest SeverityNumber of the minute; 0 without lines. */
  readonly severity: number;
  /** New lines are no surprise now: the service has just changed. */
  readonly hasJustChanged: boolean;
  /** A daily job of the service may not have come yet. */
  readonly isServiceYoung: boolean;
}

/** What a minute has done to a template's anomaly. */
export type LogChange = 'opened' | 'grown' | 'recovered' | 'accepted' | 'gone';

/** An anomaly as a row has it. */
export interface LogFinding {
  readonly onset: number;
  readonly lastOutside: number;
  readonly worst: number;
  /** Lines expected in the worst minute, and how much they clump. */
  readonly expected: number;
  readonly clumping: number;
  readonly lines: number;
  readonly score: number;
}

/** A template's first line. `expectedNew`: how many new templates such a minute brings. */
export function beginNew(
  evidence: Float32Array,
  start: { readonly minute: number; readonly expectedNew: number },
): void {
  evidence[AT.newOnset] = start.minute;
  const surprise = -Math.log(Math.max(1e-9, 1 - Math.exp(-start.expectedNew)));
  evidence[AT.newSurprise] = Math.min(NEW_NATS.surpriseMax, surprise);
}

export function statusOf(evidence: Float32Array): LogStatus {
  return LOG_STATUSES[evidence[AT.status]!]!;
}

/** Whether the coming minute may not be learned from. */
export function isSuspicious(evidence: Float32Array): boolean {
  return (
    evidence[AT.status] !== 0 ||
    evidence[AT.newOnset] !== 0 ||
    evidence[AT.up]! > SUSPICIOUS_NATS ||
    evidence[AT.down]! > SUSPICIOUS_NATS
  );
}

/** Whether its lines may be other than usual by far: known, or never seen before. */
export function isOpenOrNew(evidence: Float32Array): boolean {
  return evidence[AT.status] !== 0 || evidence[AT.newOnset] !== 0;
}

export function findingOf(evidence: Float32Array): LogFinding {
  const expected = evidence[AT.worstExpected]!;
  return {
    onset: evidence[AT.onset]!,
    lastOutside: evidence[AT.lastOutside]!,
    worst: evidence[AT.worst]!,
    expected,
    clumping: evidence[AT.worstClumping]!,
    lines: evidence[AT.lines]!,
    score: evidence[AT.score]!,
  };
}

/** Judges a minute; says what it changed. */
export function weighMinute(
  evidence: Float32Array,
  seen: LogObservation,
  expected: LogExpectation,
): LogChange | undefined {
  evidence[AT.severity] = Math.max(evidence[AT.severity]!, seen.severity);
  if (evidence[AT.status] !== 0) return follow(evidence, seen, expected);
  if (evidence[AT.newOnset] !== 0) return weighNew(evidence, seen, expected);
  const severity = severityOf(evidence);
  weighUp(evidence, seen, expected);
  weighDown(evidence, seen, expected);
  if (evidence[AT.up]! >= OPENING[severity]) return open(evidence, 'up', { seen, expected });
  if (evidence[AT.down]! >= OPENING.missing) return open(evidence, 'down', { seen, expected });
  return undefined;
}

/** Until a job by the clock would be known errors burst, warnings when they last longer than most jobs, others not. */
function minuteNatsMax(
  severity: 'error' | 'warn' | 'other',
  { isSettled }: LogExpectation,
): number {
  if (isSettled || severity === 'error') return MINUTE_NATS_MAX;
  return severity === 'warn' ? OPENING.warn / JOB_MINUTES : 0;
}

/** An anomaly that was open before a restart, when the row does not know it. */
export function reopen(
  evidence: Float32Array,
  known: { readonly status: LogStatus; readonly finding: LogFinding },
): void {
  evidence.fill(0);
  const { finding } = known;
  evidence[AT.status] = LOG_STATUSES.indexOf(known.status);
  evidence[AT.onset] = finding.onset;
  evidence[AT.lastOutside] = finding.lastOutside;
  evidence[AT.worst] = evidence[AT.told] = finding.worst;
  evidence[AT.worstExpected] = finding.expected;
  evidence[AT.worstClumping] = finding.clumping;
  evidence[AT.lines] = finding.lines;
  evidence[AT.score] = finding.score;
}

function weighUp(evidence: Float32Array, seen: LogObservation, expected: LogExpectation): void {
  const severity = severityOf(evidence);
  const natsMax = minuteNatsMax(severity, expected);
  if (natsMax === 0) return;
  const nats =
    expected.chance < SELDOM_CHANCE
      ? seldomNats(seen.lines, expected)
      : steadyNats(seen.lines, expected, {
          recent: evidence[AT.recent]!,
          slackMin: SLACK_MIN[severity],
        });
  const bounded = Math.max(-MINUTE_NATS_MAX, Math.min(natsMax, nats));
  const sum = Math.max(0, evidence[AT.up]! + bounded);
  if (sum > 0 && evidence[AT.up] === 0)
    beginWorst(evidence, { at: AT.upOnset, minute: seen.minute });
  evidence[AT.up] = sum;
  evidence[AT.recent]! += (seen.lines - evidence[AT.recent]!) * RECENT_GAIN;
  if (sum > 0) noteWorst(evidence, seen, expected);
}

/**
 * Of a template that most minutes have. The other hypothesis expects what came lately: it may look back, not at the
 * minute that it judges (Lorden and Pollak 2005).
 */
function steadyNats(
  lines: number,
  expected: LogExpectation,
  { recent, slackMin }: { readonly recent: number; readonly slackMin: number },
): number {
  const { high, slack } = expected;
  const usual = high * Math.max(slack, slackMin);
  const clumping = Math.min(expected.clumping, Math.max(STEADY_CLUMPING_MIN, 1 + usual));
  const scatter = usual + 2 * Math.sqrt(clumping * usual);
  const other = Math.max(OTHER_RATIO.up * high, 2 * usual, scatter, 1, recent);
  return countLlr(lines, { other, usual, clumping });
}

/**
 * Of a template that few minutes have: whether this one has it, and how many lines. (1 + lines / size) / 2 is 1 on
 * average while nothing has changed, whatever the distribution of sizes: evidence that heavy tails do not fool. With a
 * chance of 0.01 and 9 lines where 3 are usual: ln (0.5 / 0.01) + ln ((1 + 3) / 2) = 3.9 + 0.7 nats.
 */
function seldomNats(lines: number, { chance, size }: LogExpectation): number {
  if (lines === 0) return Math.log((1 - SELDOM_CHANCE) / (1 - chance));
  return Math.log(SELDOM_CHANCE / chance) + Math.log((1 + lines / size) / 2);
}

/** By minutes with a line or without one: how many lines it has differs more than whether it has any. */
function weighDown(
  evidence: Float32Array,
  seen: LogObservation,
  { presence }: LogExpectation,
): void {
  if (presence <= 0) return;
  const other = OTHER_RATIO.down * presence;
  const nats = seen.lines > 0 ? Math.log(OTHER_RATIO.down) : Math.log((1 - other) / (1 - presence));
  const sum = Math.max(0, evidence[AT.down]! + nats);
  if (sum > 0 && evidence[AT.down] === 0) evidence[AT.downOnset] = seen.minute;
  evidence[AT.down] = sum;
}

/**
 * Log-likelihood ratio of two negative binomial distributions with the same clumping (variance over mean F): size
 * k = mean / (F − 1). Ten lines where one is usual and five are the other hypothesis, F = 2: k = 1 and 5; 10!-terms
 * cancel, ln Γ(15)/Γ(5) − ln Γ(11)/Γ(1) + (5 − 1) ln ½ = 22.01 − 15.10 − 2.77 = 4.1 nats.
 */
export function countLlr(
  count: number,
  means: { readonly other: number; readonly usual: number; readonly clumping: number },
): number {
  const spread = means.clumping - 1;
  const [other, usual] = [means.other / spread, means.usual / spread];
  return (
    lnRising(other, count) - lnRising(usual, count) - (other - usual) * Math.log(means.clumping)
  );
}

function weighNew(
  evidence: Float32Array,
  seen: LogObservation,
  expected: LogExpectation,
): LogChange | undefined {
  if (seen.lines > 0) {
    evidence[AT.newLines]! += seen.lines;
    evidence[AT.newActive]! += 1;
    noteWorst(evidence, seen, expected);
  }
  const severity = severityOf(evidence);
  const isUsual = seen.isServiceYoung || (severity === 'other' && seen.hasJustChanged);
  if (severity !== 'error' && isUsual) evidence[AT.newSurprise] = 0;
  const lines = evidence[AT.newLines]!;
  const nats =
    evidence[AT.newSurprise]! +
    NEW_SEVERITY_NATS[severity] +
    NEW_NATS.perLogLine * Math.log1p(lines);
  const isLasting =
    evidence[AT.newActive]! > 1 || (severity === 'error' && lines >= NEW_ERROR_LINES);
  if (seen.lines > 0 && isLasting && nats >= OPENING.error) {
    evidence[AT.up] = nats;
    return open(evidence, 'new', { seen, expected });
  }
  if (seen.minute - evidence[AT.newOnset]! >= NEW_MINUTES) endNew(evidence);
  return undefined;
}

function endNew(evidence: Float32Array): void {
  evidence.fill(0, AT.newOnset, AT.newActive + 1);
  evidence[AT.worst] = 0;
}

function open(
  evidence: Float32Array,
  status: Exclude<LogStatus, 'none'>,
  { seen, expected }: { readonly seen: LogObservation; readonly expected: LogExpectation },
): LogChange {
  const onsets = { up: AT.upOnset, down: AT.downOnset, new: AT.newOnset };
  evidence[AT.status] = LOG_STATUSES.indexOf(status);
  evidence[AT.onset] = evidence[onsets[status]]!;
  evidence[AT.score] = status === 'down' ? evidence[AT.down]! : evidence[AT.up]!;
  if (status === 'new') evidence[AT.lines] = evidence[AT.newLines]!;
  if (status === 'down') {
    evidence[AT.worst] = seen.lines;
    evidence[AT.worstExpected] = expected.low;
    evidence[AT.worstClumping] = expected.clumping;
    evidence[AT.lines] = 0;
  }
  evidence[AT.told] = evidence[AT.worst]!;
  evidence[AT.lastOutside] = seen.minute;
  evidence[AT.calm] = 0;
  return 'opened';
}

/** Follows an open anomaly to its end. */
function follow(
  evidence: Float32Array,
  seen: LogObservation,
  expected: LogExpectation,
): LogChange | undefined {
  const status = statusOf(evidence) as Exclude<LogStatus, 'none'>; // the caller has looked
  evidence[AT.calm] = isCalm(status, seen, expected) ? evidence[AT.calm]! + 1 : 0;
  if (evidence[AT.calm]! >= CALM_MINUTES[status]) return close(evidence, 'recovered');
  if (seen.minute - evidence[AT.onset]! >= ACCEPTED_MINUTES) {
    return close(evidence, status === 'down' ? 'gone' : 'accepted');
  }
  if (evidence[AT.calm] !== 0) return undefined;
  evidence[AT.lastOutside] = seen.minute;
  if (status === 'down') return undefined;
  noteWorst(evidence, seen, expected);
  if (evidence[AT.worst]! < RETOLD_FACTOR * evidence[AT.told]!) return undefined;
  evidence[AT.told] = evidence[AT.worst]!;
  return 'grown';
}

function isCalm(status: LogStatus, { lines }: LogObservation, expected: LogExpectation): boolean {
  if (status === 'new') return lines === 0;
  if (status === 'down') return lines > 0;
  const usual = expected.high * expected.slack;
  return lines <= usual + CALM_SIGMAS * Math.sqrt(expected.clumping * usual);
}

function close(evidence: Float32Array, end: LogChange): LogChange {
  const finding = evidence.slice(AT.onset, LOG_EVIDENCE_WIDTH);
  const severity = evidence[AT.severity]!;
  evidence.fill(0);
  evidence[AT.severity] = severity;
  evidence.set(finding, AT.onset); // the caller reads it once more
  return end;
}

function beginWorst(
  evidence: Float32Array,
  onset: { readonly at: number; readonly minute: number },
): void {
  evidence[onset.at] = onset.minute;
  evidence[AT.worst] = 0;
  evidence[AT.lines] = 0;
}

function noteWorst(evidence: Float32Array, seen: LogObservation, expected: LogExpectation): void {
  evidence[AT.lines]! += seen.lines;
  if (seen.lines < evidence[AT.worst]!) return;
  evidence[AT.worst] = seen.lines;
  evidence[AT.worstExpected] = expected.high;
  evidence[AT.worstClumping] = expected.clumping;
}

function severityOf(evidence: Float32Array): 'error' | 'warn' | 'other' {
  const severity = evidence[AT.severity]!;
  return severity >= SEVERITY.error ? 'error' : severity >= SEVERITY.warn ? 'warn' : 'other';
}
