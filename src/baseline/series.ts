/**
 * What is normal for one series of numbers, at any cadence: a level, its noise, the octiles and range of its values and
 * profiles of the day. Three predictors compete, and the one with the smallest errors of late is believed: the last value, a
 * moving average, the usual value of this time of day. All state is a row of numbers; nothing here judges.
 */
import { US_PER_DAY } from '../base/time.ts';
import type { SeriesDeviation, SeriesPoint } from '../model/series.ts';

/** Half hours: fine enough for rush hours, coarse enough that a few values a day fill them. */
const DAY_BINS = 48;
/** Workdays, then weekends (UTC): all seven days apart would need weeks to be known. */
const PROFILE_BINS = 2 * DAY_BINS;
/** 1970-01-01 was a Thursday; counted from Sunday. */
const EPOCH_WEEKDAY = 4;
const OCTILE_BOUNDS = 7;

/** Weight of the newest value in the moving average: about the last six count. */
const AVERAGE_WEIGHT = 0.3;
/** The level forgets over about 800 values: three days of five minutes. */
const LEVEL_WEIGHT = 0.0012;
/** Noise is that of the last 64 values: known to 12 % (1/√64), and a calm night has its own. */
const NOISE_VALUES = 64;
/** Predictors are compared over 200 values: over fewer the choice flaps. */
const CHOICE_VALUES = 200;
/** The profiles are those of the last seven workdays and the last seven days of weekends. */
const PROFILE_DAYS = 7;
/** Weight of the newest value in today's distance from the profile: about the last 40 count. */
const TODAY_WEIGHT = 0.05;
/** A deviation teaches as if it were at most this many times the usual: one freak value does not blind the scale. */
const TAUGHT_DEVIATION_MAX = 8;
/** While so few values are known, all teach fully. */
const TRUSTING_VALUES = 20;
/** Step of the octiles in units of noise, over the count; the weight's floor keeps them moving. */
const OCTILE_GAIN = 3;
const OCTILE_WEIGHT_MIN = 0.002;
/** Noise is at least this share of the level: below it, rounding of 32-bit numbers would look like noise. */
const NOISE_SHARE_MIN = 1e-6;
const NOISE_MIN = 1e-12;
/** A range is at least this share of the level, far above the rounding of 32-bit numbers. */
const RANGE_SHARE_MIN = 1e-5;
/** The range is that of the last one to two times so many values: of 28 days of five minutes or more. */
const RANGE_VALUES = 8192;
/** Counts stop here, far above every use; 32-bit numbers could add one up to 2^24. */
const COUNT_MAX = 2 ** 20;

/** Where in the row each number is. */
const AT = {
  count: 0,
  last: 1,
  average: 2,
  level: 3,
  /** Mean absolute error of the predictor believed, and mean absolute distance from the usual level. */
  errorScale: 4,
  noise: 5,
  /** How far today lies from the profile. */
  today: 6,
  /** Mean absolute errors of late of the three predictors. */
  lastError: 7,
  averageError: 8,
  profileError: 9,
  /** Values that the profile has been compared with. */
  profileCount: 10,
  /** The half hour under way, its sum and count. */
  bin: 11,
  binSum: 12,
  binCount: 13,
  /** Lowest and highest value of the memory under way and of the one before, and how many values they have. */
  low: 14,
  high: 15,
  rangeCount: 16,
  earlierLow: 17,
  earlierHigh: 18,
  earlierCount: 19,
  octiles: 20,
  profile: 20 + OCTILE_BOUNDS,
  /** Days behind each half hour of the profile. */
  days: 20 + OCTILE_BOUNDS + PROFILE_BINS,
} as const;

export const SERIES_MODEL_WIDTH = AT.days + PROFILE_BINS;

/** Compares a value with what was normal before it. A row of zeros has seen nothing and starts with this value. */
export function compareSeries(row: Float32Array, { timeUs, value }: SeriesPoint): SeriesDeviation {
  const bin = binOf(timeUs);
  if (row[AT.count] === 0) startAt(row, { bin, value });
  else if (row[AT.bin] !== bin) closeBin(row, bin);
  const floor = NOISE_SHARE_MIN * Math.abs(row[AT.level]!) + NOISE_MIN;
  const errorScale = Math.max(row[AT.errorScale]!, floor);
  const noise = Math.max(row[AT.noise]!, floor);
  const known = knownBinOf(row, bin);
  const expected = predictionOf(row, known);
  const spread = Math.max((row[AT.octiles + 6]! - row[AT.octiles]!) / 2, noise / 2);
  return {
    expected,
    errorScale,
    error: (value - expected) / errorScale,
    noise,
    shift: (value - usualOf(row, known)) / noise,
    novelty: (value - row[AT.octiles + 3]!) / spread,
    octile: octileOf(row, value),
    excess: excessOf(row, value),
    rangeCount: row[AT.rangeCount]! + row[AT.earlierCount]!,
    count: row[AT.count]!,
  };
}

/** Takes the value in; `deviation` is what compareSeries() said of it. */
export function learnSeries(
  row: Float32Array,
  { value }: SeriesPoint,
  deviation: SeriesDeviation,
): void {
  learnErrors(row, value, deviation);
  learnOctiles(row, value, deviation.noise);
  learnRange(row, value);
  const count = row[AT.count]!;
  row[AT.binSum]! += value;
  row[AT.binCount]! += 1;
  row[AT.average]! += AVERAGE_WEIGHT * (value - row[AT.average]!);
  row[AT.level]! += Math.max(LEVEL_WEIGHT, 1 / (count + 1)) * (value - row[AT.level]!);
  row[AT.last] = value;
  row[AT.count] = Math.min(count + 1, COUNT_MAX);
}

function binOf(timeUs: number): number {
  const day = Math.floor(timeUs / US_PER_DAY);
  const halfHour = Math.floor(((timeUs - day * US_PER_DAY) * DAY_BINS) / US_PER_DAY);
  const weekday = (day + EPOCH_WEEKDAY) % 7;
  return weekday === 0 || weekday === 6 ? DAY_BINS + halfHour : halfHour;
}

/** The bin, or while it is unknown the same half hour of the other part of the week. */
function knownBinOf(row: Float32Array, bin: number): number {
  return row[AT.days + bin]! > 0 ? bin : (bin + DAY_BINS) % PROFILE_BINS;
}

function startAt(row: Float32Array, { bin, value }: { bin: number; value: number }): void {
  row[AT.last] = value;
  row[AT.average] = value;
  row[AT.level] = value;
  row[AT.bin] = bin;
  for (const bound of [AT.low, AT.high, AT.earlierLow, AT.earlierHigh]) row[bound] = value;
  row.fill(value, AT.octiles, AT.octiles + OCTILE_BOUNDS);
}

/** The mean of the half hour that is over becomes part of the profile. */
function closeBin(row: Float32Array, nextBin: number): void {
  const bin = row[AT.bin]!;
  const days = Math.min(row[AT.days + bin]! + 1, PROFILE_DAYS);
  const mean = row[AT.binSum]! / row[AT.binCount]!;
  row[AT.days + bin] = days;
  row[AT.profile + bin]! += (mean - row[AT.profile + bin]!) / days;
  row[AT.bin] = nextBin;
  row[AT.binSum] = 0;
  row[AT.binCount] = 0;
}

function predictionOf(row: Float32Array, bin: number): number {
  const isAverageBetter = row[AT.averageError]! < row[AT.lastError]!;
  const error = isAverageBetter ? row[AT.averageError]! : row[AT.lastError]!;
  if (isProfileKnown(row, bin) && row[AT.profileError]! < error) {
    return row[AT.profile + bin]! + row[AT.today]!;
  }
  return isAverageBetter ? row[AT.average]! : row[AT.last]!;
}

function usualOf(row: Float32Array, bin: number): number {
  const followsDay = isProfileKnown(row, bin) && row[AT.profileError]! < row[AT.averageError]!;
  return followsDay ? row[AT.profile + bin]! : row[AT.level]!;
}

function isProfileKnown(row: Float32Array, bin: number): boolean {
  return row[AT.days + bin]! > 0 && row[AT.profileCount]! >= CHOICE_VALUES;
}

function octileOf(row: Float32Array, value: number): number {
  let octile = 0;
  while (octile < OCTILE_BOUNDS && value > row[AT.octiles + octile]!) octile++;
  return octile;
}

function excessOf(row: Float32Array, value: number): number {
  const low = Math.min(row[AT.low]!, row[AT.earlierLow]!);
  const high = Math.max(row[AT.high]!, row[AT.earlierHigh]!);
  const range = Math.max(high - low, RANGE_SHARE_MIN * Math.abs(row[AT.level]!) + NOISE_MIN);
  return Math.max(0, value - high, low - value) / range;
}

function learnErrors(row: Float32Array, value: number, deviation: SeriesDeviation): void {
  const { errorScale, error, noise, shift } = deviation;
  const count = row[AT.count]!;
  const max = count > TRUSTING_VALUES ? TAUGHT_DEVIATION_MAX : Number.POSITIVE_INFINITY;
  const taught = (distance: number) => Math.min(Math.abs(distance), max * errorScale);
  const noiseWeight = 1 / Math.min(count + 1, NOISE_VALUES);
  row[AT.errorScale]! += noiseWeight * (taught(error * errorScale) - row[AT.errorScale]!);
  row[AT.noise]! += noiseWeight * (Math.min(Math.abs(shift), max) * noise - row[AT.noise]!);
  const choiceWeight = 1 / Math.min(count + 1, CHOICE_VALUES);
  row[AT.lastError]! += choiceWeight * (taught(value - row[AT.last]!) - row[AT.lastError]!);
  row[AT.averageError]! +=
    choiceWeight * (taught(value - row[AT.average]!) - row[AT.averageError]!);
  const bin = knownBinOf(row, row[AT.bin]!);
  if (row[AT.days + bin]! === 0) return;
  const apart = value - row[AT.profile + bin]!;
  const profileCount = Math.min(row[AT.profileCount]! + 1, CHOICE_VALUES);
  row[AT.profileCount] = profileCount;
  row[AT.profileError]! += (taught(apart - row[AT.today]!) - row[AT.profileError]!) / profileCount;
  row[AT.today]! += TODAY_WEIGHT * (apart - row[AT.today]!);
}

/**
 * Each octile goes up by its share at a value above and down by the rest at one below, so that it rests where that
 * share lies below (Robbins and Monro 1951): seven numbers instead of a sorted history.
 */
function learnOctiles(row: Float32Array, value: number, noise: number): void {
  const step = Math.max(OCTILE_WEIGHT_MIN, 1 / (row[AT.count]! + 1)) * noise * OCTILE_GAIN;
  for (let index = 0; index < OCTILE_BOUNDS; index++) {
    const octile = row[AT.octiles + index]!;
    const share = (index + 1) / (OCTILE_BOUNDS + 1);
    if (value > octile) row[AT.octiles + index] = octile + step * share;
    else if (value < octile) row[AT.octiles + index] = octile - step * (1 - share);
  }
}

/** Two memories in turn instead of every value: what was extreme is forgotten when both are younger. */
function learnRange(row: Float32Array, value: number): void {
  if (row[AT.rangeCount]! >= RANGE_VALUES) {
    row[AT.earlierLow] = row[AT.low]!;
    row[AT.earlierHigh] = row[AT.high]!;
    row[AT.earlierCount] = row[AT.rangeCount]!;
    row[AT.low] = value;
    row[AT.high] = value;
    row[AT.rangeCount] = 0;
  }
  row[AT.low] = Math.min(row[AT.low]!, value);
  row[AT.high] = Math.max(row[AT.high]!, value);
  row[AT.rangeCount]! += 1;
}
