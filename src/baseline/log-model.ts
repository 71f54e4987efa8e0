/**
 * What is normal for a log template: its rate, its share of the service's other lines, its habit by hour of day, and
 * how much its lines come in clumps. A row of numbers a template, learned minute by minute; of a service, how often it
 * has shown new templates.
 */
import type { LogExpectation } from '../model/log-expectation.ts';

const HOURS = 24;
const MINUTES_PER_HOUR = 60;
const MINUTES_PER_DAY = 1440;

/** Minutes after which an old minute counts 1/e: a day for the rate, six hours for the share, a week for the rest. */
const MEMORY_MINUTES = {
  rate: MINUTES_PER_DAY,
  share: 360,
  clumping: 7 * MINUTES_PER_DAY,
  presence: 7 * MINUTES_PER_DAY,
};
/** An hour's habit moves by this share a day: up soon, down slowly, because a weekly job comes every seventh day. */
const HABIT_GAIN = { up: 0.5, down: 0.1 };
/**
 * Minutes with lines in an hour from which they are a habit of the hour and not single events; of a template that few
 * minutes have, so many times its usual share of minutes.
 */
const HABIT_MINUTES_MIN = 5;
const HABIT_RATIO_MIN = 2;
/** What began at the same hour within ten days, at least so large beside the latest, is a habit: a nightly job that was told. */
const ODD_RATIO_MIN = 1 / 3;
/** Nobody knows yet how a template clumps: variance three times the mean, as if five lines had said so. */
const CLUMPING_PRIOR = { ratio: 3, lines: 5 };
/** A rate wanders by this share of itself even when nothing is wrong. */
const WANDER = 0.15;
/** As if half a line had come in an hour before the first one. */
const PRIOR = { lines: 0.5, minutes: 60 };
/** Minutes from which a template can be missed: each hour of a day was seen. */
const MISSED_MINUTES_MIN = MINUTES_PER_DAY;
/** Minutes from which the scatter around the rate says something. */
const SCATTER_MINUTES_MIN = 30;
/** A template that most minutes have is known soon; another may be a daily job that was seen once. */
const SETTLED = { minutes: 60, presence: 0.5, seldomMinutes: 2 * MINUTES_PER_DAY };
/** Lines of a minute that has some, before there was one. */
const SIZE_PRIOR = 2;
/** Even a template of all minutes may miss one. */
const PRESENCE_MAX = 0.95;

/**
 * A rise that has come and gone before is no evidence: blocks of a quarter of an hour, of which the highest counts; it
 * loses half within a week. On the first day, when the shape of the day is unknown, so much more is usual.
 */
const EXCESS = { blockMinutes: 15, memoryBlocks: 970, firstDay: 1, sigmas: 2, max: 2 };

/** Places in a row. */
const AT = {
  minutes: 0,
  rate: 1,
  lines: 2,
  others: 3,
  squares: 4,
  means: 5,
  /** Of the hour that runs: its number, lines, their squares, minutes, minutes with lines. */
  hour: 6,
  hourLines: 7,
  hourSquares: 8,
  hourMinutes: 9,
  hourActive: 10,
  /** Of an excursion that may still turn out to be one of its habits. */
  heldLines: 11,
  heldOthers: 12,
  heldSquares: 13,
  heldMeans: 14,
  heldMinutes: 15,
  heldActive: 16,
  heldHigh: 17,
  heldHour: 18,
  /** Of the block that runs: minutes, lines, lines expected at most. */
  blockMinutes: 19,
  blockLines: 20,
  blockHigh: 21,
  /** Share by which a block has gone beyond what was expected at most. */
  excess: 22,
  /** Minutes, minutes with lines, and lines. */
  exposure: 23,
  active: 24,
  activeLines: 25,
  /** By hour of day: lines a minute of its active minutes, and share of minutes with lines. */
  peaks: 26,
  presences: 26 + HOURS,
  /** By hour of day: lines a minute of the last anomaly that began in it. */
  odd: 26 + 2 * HOURS,
};
export const LOG_MODEL_WIDTH = 26 + 3 * HOURS;

/** A minute of a template; hours count from the epoch. */
export interface LogMinute {
  readonly lines: number;
  /** Lines of the service's other templates. */
  readonly others: number;
  readonly hour: number;
}

export function expectLines(
  model: Float32Array,
  { others, hour }: Omit<LogMinute, 'lines'>,
): LogExpectation {
  const minutes = model[AT.minutes]!;
  const rate = Math.max(model[AT.rate]!, PRIOR.lines / (minutes + PRIOR.minutes));
  const share = (model[AT.lines]! / (model[AT.others]! + 1)) * others;
  const habit = habitAround(model, hour);
  const high = Math.max(rate, share, habit.peak);
  const low = Math.min(model[AT.rate]!, share);
  const clumping = clumpingAt(model, high);
  const presence = presenceOf(model);
  const isSteady = minutes >= SETTLED.minutes && presence >= SETTLED.presence;
  const never = PRIOR.lines / (model[AT.exposure]! + PRIOR.minutes);
  return {
    high,
    low,
    slack: 1 + Math.max(model[AT.excess]!, EXCESS.firstDay * (1 - minutes / MINUTES_PER_DAY)),
    clumping,
    // in an hour with a job its minutes come one after the other
    chance:
      habit.peak > 0
        ? 1
        : Math.min(1, Math.max(presence, habit.presenceMax, anyLine(high, clumping), never)),
    size: (model[AT.activeLines]! + SIZE_PRIOR) / (model[AT.active]! + 1),
    presence:
      minutes < MISSED_MINUTES_MIN
        ? 0
        : Math.min(PRESENCE_MAX, habit.presence, presence, anyLine(low, clumping)),
    isSettled: isSteady || minutes >= SETTLED.seldomMinutes,
  };
}

/** Share of minutes with lines. */
function presenceOf(model: Float32Array): number {
  return model[AT.active]! / Math.max(1, model[AT.exposure]!);
}

/** Chance of a line where so many are expected: 1 − F^(−mean / (F − 1)), of the negative binomial distribution. */
function anyLine(mean: number, clumping: number): number {
  return 1 - clumping ** (-mean / (clumping - 1));
}

/** Lines of a usual minute. */
export function usualLines(model: Float32Array): number {
  return model[AT.rate]!;
}

/** Variance over mean; it grows with the mean, because rates wander by a share of themselves. */
function clumpingAt(model: Float32Array, mean: number): number {
  const { ratio, lines } = CLUMPING_PRIOR;
  const learned = (model[AT.squares]! + ratio * lines) / (model[AT.means]! + lines);
  const growth = Math.max(1, mean / Math.max(model[AT.rate]!, 1));
  return Math.max(1.05, learned * growth, 1 + WANDER * WANDER * mean);
}

/** The highest peak and the bounds of the presence in the hour and its neighbours: jobs do not start on the second. */
function habitAround(
  model: Float32Array,
  hour: number,
): { readonly peak: number; readonly presence: number; readonly presenceMax: number } {
  let peak = 0;
  let presence = 1;
  let presenceMax = 0;
  for (let step = -1; step <= 1; step++) {
    const at = (hour + HOURS + step) % HOURS;
    peak = Math.max(peak, model[AT.peaks + at]!);
    presence = Math.min(presence, model[AT.presences + at]!);
    presenceMax = Math.max(presenceMax, model[AT.presences + at]!);
  }
  return { peak, presence, presenceMax };
}

/** Takes in a minute that was normal. */
export function learnLines(model: Float32Array, minute: LogMinute, expected: LogExpectation): void {
  const { lines, others } = minute;
  const minutes = model[AT.minutes]! + 1;
  model[AT.minutes] = minutes;
  model[AT.rate]! += (lines - model[AT.rate]!) / Math.min(minutes, MEMORY_MINUTES.rate);
  fade(model, AT.lines, { gain: lines, minutes: MEMORY_MINUTES.share });
  fade(model, AT.others, { gain: others, minutes: MEMORY_MINUTES.share });
  fade(model, AT.exposure, { gain: 1, minutes: MEMORY_MINUTES.presence });
  fade(model, AT.active, { gain: lines > 0 ? 1 : 0, minutes: MEMORY_MINUTES.presence });
  fade(model, AT.activeLines, { gain: lines, minutes: MEMORY_MINUTES.presence });
  if (minutes > SCATTER_MINUTES_MIN) {
    const { mean, square } = scatterOf(lines, expected);
    fade(model, AT.squares, { gain: square, minutes: MEMORY_MINUTES.clumping });
    fade(model, AT.means, { gain: mean, minutes: MEMORY_MINUTES.clumping });
  }
  learnBlock(model, lines, expected);
  learnHour(model, minute);
}

/** Puts a minute aside that may not be normal. */
export function holdLines(model: Float32Array, minute: LogMinute, expected: LogExpectation): void {
  if (model[AT.heldMinutes] === 0) model[AT.heldHour] = minute.hour;
  model[AT.heldLines]! += minute.lines;
  model[AT.heldOthers]! += minute.others;
  model[AT.heldMinutes]! += 1;
  model[AT.heldHigh]! += expected.high;
  if (minute.lines > 0) model[AT.heldActive]! += 1;
  if (model[AT.minutes]! < SCATTER_MINUTES_MIN) return;
  const { mean, square } = scatterOf(minute.lines, expected);
  model[AT.heldSquares]! += square;
  model[AT.heldMeans]! += mean;
}

/** What was held came and went without an anomaly: it is how this template is. */
export function learnHeld(model: Float32Array): void {
  if (model[AT.heldMinutes] === 0) return;
  noteExcess(model, AT.heldMinutes, { lines: model[AT.heldLines]!, high: model[AT.heldHigh]! });
  model[AT.squares]! += model[AT.heldSquares]!;
  model[AT.means]! += model[AT.heldMeans]!;
  model[AT.exposure]! += model[AT.heldMinutes]!;
  model[AT.active]! += model[AT.heldActive]!;
  model[AT.activeLines]! += model[AT.heldLines]!;
  const minutes = model[AT.minutes]! + model[AT.heldMinutes]!;
  const weight = model[AT.heldMinutes]! / Math.min(minutes, MEMORY_MINUTES.rate);
  const heldRate = model[AT.heldLines]! / model[AT.heldMinutes]!;
  model[AT.rate]! += (heldRate - model[AT.rate]!) * Math.min(1, weight);
  // the hour that was interrupted goes on
  model[AT.hourLines]! += model[AT.heldLines]!;
  model[AT.hourSquares]! += heldRate * model[AT.heldLines]!;
  model[AT.hourMinutes]! += model[AT.heldMinutes]!;
  model[AT.hourActive]! += model[AT.heldActive]!;
  model[AT.minutes] = minutes;
  clearHeld(model);
}

/** What was held was an incident: nothing is learned from it, but that it may come again at this hour. */
export function dropHeld(model: Float32Array): void {
  const hour = model[AT.heldHour]!;
  const peak = model[AT.heldLines]! / Math.max(1, model[AT.heldActive]!);
  const isHabit = [-1, 0, 1].some((step) => {
    const odd = model[AT.odd + ((hour + HOURS + step) % HOURS)]!;
    return odd > 0 && odd >= ODD_RATIO_MIN * peak;
  });
  const at = hour % HOURS;
  if (isHabit) model[AT.peaks + at] = Math.max(model[AT.peaks + at]!, peak);
  model[AT.odd + at] = Math.max(model[AT.odd + at]!, peak);
  clearHeld(model);
}

function clearHeld(model: Float32Array): void {
  model.fill(0, AT.heldLines, AT.heldHour + 1);
}

/** What was held has lasted so long that it is normal now. */
export function acceptHeld(model: Float32Array): void {
  const minutes = Math.max(1, model[AT.heldMinutes]!);
  const rate = model[AT.heldLines]! / minutes;
  model[AT.rate] = rate;
  model[AT.lines] = rate * MEMORY_MINUTES.share;
  model[AT.others] = (model[AT.heldOthers]! / minutes) * MEMORY_MINUTES.share;
  // how often it has lines, and when, is to be learned anew
  model[AT.minutes] = SCATTER_MINUTES_MIN;
  model.fill(0, AT.exposure, LOG_MODEL_WIDTH);
  clearHeld(model);
}

function learnBlock(model: Float32Array, lines: number, { high }: LogExpectation): void {
  model[AT.blockLines]! += lines;
  model[AT.blockHigh]! += high;
  model[AT.blockMinutes]! += 1;
  if (model[AT.blockMinutes]! < EXCESS.blockMinutes) return;
  model[AT.excess]! *= 1 - 1 / EXCESS.memoryBlocks;
  noteExcess(model, AT.blockMinutes, { lines: model[AT.blockLines]!, high: model[AT.blockHigh]! });
  model.fill(0, AT.blockMinutes, AT.blockHigh + 1);
}

/** What clumps explain is left out. */
function noteExcess(
  model: Float32Array,
  minutesAt: number,
  { lines, high }: { readonly lines: number; readonly high: number },
): void {
  if (model[AT.minutes]! < SCATTER_MINUTES_MIN || presenceOf(model) < SETTLED.presence) return;
  const clumping = clumpingAt(model, high / model[minutesAt]!);
  const scatter = EXCESS.sigmas * Math.sqrt(clumping * high);
  const excess = Math.min(EXCESS.max, (lines - scatter) / high - 1);
  model[AT.excess] = Math.max(model[AT.excess]!, excess);
}

function learnHour(model: Float32Array, { lines, hour }: LogMinute): void {
  if (model[AT.hour] !== hour) {
    if (model[AT.hourMinutes]! > 0) closeHour(model);
    model[AT.hour] = hour;
    model.fill(0, AT.hourLines, AT.hourActive + 1);
  }
  model[AT.hourLines]! += lines;
  model[AT.hourSquares]! += lines * lines;
  model[AT.hourMinutes]! += 1;
  if (lines > 0) model[AT.hourActive]! += 1;
}

function closeHour(model: Float32Array): void {
  const at = model[AT.hour]! % HOURS;
  const presence = model[AT.hourActive]! / Math.max(model[AT.hourMinutes]!, MINUTES_PER_HOUR / 2);
  const usual = presenceOf(model);
  const isHabit =
    model[AT.hourActive]! >= HABIT_MINUTES_MIN &&
    (usual >= SETTLED.presence || presence >= HABIT_RATIO_MIN * usual);
  const peak = isHabit ? model[AT.hourSquares]! / model[AT.hourLines]! : 0;
  move(model, AT.peaks + at, peak);
  move(model, AT.presences + at, Math.min(1, presence));
  model[AT.odd + at]! *= 1 - HABIT_GAIN.down;
}

function move(model: Float32Array, at: number, to: number): void {
  const from = model[at]!;
  model[at] = from + (to - from) * (from === 0 ? 1 : to > from ? HABIT_GAIN.up : HABIT_GAIN.down);
}

/** Squared distance from the expected lines, and these; between the two expectations all is as expected. */
function scatterOf(
  lines: number,
  { high, low }: LogExpectation,
): { readonly mean: number; readonly square: number } {
  const mean = Math.min(high, Math.max(low, lines));
  return mean === lines
    ? { mean: (high + low) / 2, square: (high + low) / 2 }
    : { mean, square: (lines - mean) ** 2 };
}

function fade(
  model: Float32Array,
  at: number,
  step: { readonly gain: number; readonly minutes: number },
): void {
  model[at] = model[at]! * (1 - 1 / step.minutes) + step.gain;
}

const SERVICE_AT = { lines: 0, newLines: 1, changedMinute: 2, minutes: 3 };
export const LOG_SERVICE_WIDTH = 4;
/** Lines and first lines of templates count half after a week. */
const NOVELTY_MEMORY_MINUTES = 7 * MINUTES_PER_DAY;

/**
 * Templates that one minute of a service brings for the first time, as expected: lines × the share of lines that were
 * first ones. Good (1953) takes templates seen once; over a stream both estimate the chance that the next line is new.
 */
export function expectNew(service: Float32Array, lines: number): number {
  const share = (service[SERVICE_AT.newLines]! + 0.5) / (service[SERVICE_AT.lines]! + 1);
  return Math.min(1, share) * lines;
}

export function learnNew(
  service: Float32Array,
  minute: { readonly lines: number; readonly newLines: number },
): void {
  fade(service, SERVICE_AT.lines, { gain: minute.lines, minutes: NOVELTY_MEMORY_MINUTES });
  fade(service, SERVICE_AT.newLines, { gain: minute.newLines, minutes: NOVELTY_MEMORY_MINUTES });
  service[SERVICE_AT.minutes]! += 1;
}

/** `minute` counts from where the rows count. */
export function noteChange(service: Float32Array, minute: number): void {
  service[SERVICE_AT.changedMinute] = minute;
}

/** Whether a daily job of the service may not have come yet. */
export function isYoung(service: Float32Array): boolean {
  return service[SERVICE_AT.minutes]! < MINUTES_PER_DAY;
}

/** 0 when none is known. */
export function changedMinuteOf(service: Float32Array): number {
  return service[SERVICE_AT.changedMinute]!;
}
